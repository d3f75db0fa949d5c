"""Results of runs on their way from CI to the store: one JSON object a line.

A result names its case by fingerprint and itself by a run id, so that a file
can be taken in any number of times.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from genmon_otel.errors import GenmonError
from genmon_otel.policy import CHANNELS, Channel, Verdict

VERSION: Final = 1
#: Characters of one line; a longer one is not ours.
MAX_LINE: Final = 64 * 1024
_DETAIL: Final = 2_000


class ResultError(GenmonError):
    """This is not a file of results that genmon can take in."""

    exit_code = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one run of one case showed."""

    run_id: str
    fingerprint: str
    slug: str
    verdict: Verdict
    detail: str
    channel: Channel
    code_version: str | None
    #: Unix seconds.
    at: float

    @staticmethod
    def new_id() -> str:
        """An id for a run."""
        return uuid.uuid4().hex

    def to_line(self) -> str:
        """One line of a results file."""
        return json.dumps({"genmon_result": VERSION, **asdict(self)}, ensure_ascii=True) + "\n"

    @classmethod
    def from_data(cls, data: Any) -> Self:
        """Read one result.

        Raises:
            ResultError: it is none, or a member is not of its kind.
        """
        if not isinstance(data, dict) or data.get("genmon_result") != VERSION:
            raise ResultError(
                f"no result of version {VERSION}. Write results with "
                "'pytest --genmon-results FILE'."
            )
        try:
            if data["channel"] not in CHANNELS:
                raise ValueError(data["channel"])
            version = data["code_version"]
            return cls(
                run_id=_word(data["run_id"], 120),
                fingerprint=_word(data["fingerprint"], 80),
                slug=_word(data["slug"], 120),
                verdict=Verdict(data["verdict"]),
                detail=str(data["detail"])[:_DETAIL],
                channel=data["channel"],
                code_version=None if version is None else _word(version, 200),
                at=float(data["at"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ResultError(f"a member is missing or wrong: {str(error)[:100]}") from None


def append(path: Path, results: Iterable[Result]) -> None:
    """Add results to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="ascii") as file:
        file.writelines(result.to_line() for result in results)


def read(path: Path) -> Iterator[Result]:
    """The results in a file.

    Raises:
        ResultError: a line is no result; the message names file and line.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), ""), start=1):
                if not line.strip():
                    continue
                try:
                    yield Result.from_data(json.loads(line))
                except (ValueError, RecursionError):
                    raise ResultError(f"{path}, line {number}: no JSON.") from None
                except ResultError as error:
                    raise ResultError(f"{path}, line {number}: {error}") from None
    except OSError as error:
        raise ResultError(f"{path} cannot be read ({error.strerror}).") from None


def _word(value: Any, limit: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= limit:
        raise ValueError(f"{value!r:.40} is not text of 1 to {limit} characters")
    return value
