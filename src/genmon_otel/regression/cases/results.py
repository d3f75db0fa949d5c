"""Results of runs on their way from CI to the store: one JSON object a line.

A result names its case by fingerprint and itself by a run id, so that a file
can be taken in any number of times.
"""

from __future__ import annotations

import json
import os
import stat
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from genmon_otel.errors import GenmonError
from genmon_otel.policy import Channel, Verdict

VERSION: Final = 1
#: Most characters of a line that genmon writes.
MAX_LINE: Final = 64 * 1024
#: Unix seconds of the year 9999.
_LATEST: Final = 253_370_764_800
_DETAIL: Final = 2_000
#: Channels that a file may contain; live runs go to the store directly.
_CHANNELS: Final = ("ci", "replay")


class ResultError(GenmonError):
    """Raised for a file that holds no results."""

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
    #: What a pass counts for in the confidence, 0 to 1.
    weight: float = 1.0
    #: The first step that was asked otherwise than recorded, and how; empty: none.
    drift: str = ""

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
        version = data.get("genmon_result") if isinstance(data, dict) else None
        if type(version) is not int or version != VERSION:
            raise ResultError(
                f"no result of version {VERSION}. Write results with "
                "'pytest --genmon-results FILE'."
            )
        try:
            if data["channel"] not in _CHANNELS:
                raise ValueError(f"{data['channel']!r:.40} is no channel of {_CHANNELS}")
            code = data["code_version"]
            return cls(
                run_id=_word(data["run_id"], 120),
                fingerprint=_word(data["fingerprint"], 200),
                slug=_word(data["slug"], 120),
                verdict=Verdict(data["verdict"]),
                detail=_text(data["detail"])[:_DETAIL],
                channel=data["channel"],
                code_version=None if code is None else _word(code, 200),
                at=_moment(data["at"]),
                weight=_weight(data.get("weight", 1.0)),
                drift=_text(data.get("drift", ""))[:_DETAIL],
            )
        except (KeyError, ValueError, OverflowError) as error:
            raise ResultError(f"a member is missing or wrong: {str(error)[:100]}") from None


def append(path: Path, results: Iterable[Result]) -> None:
    """Add results to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(result.to_line() for result in results)
    with path.open("ab", buffering=0) as file:  # one write: concurrent runs append too
        file.write(lines.encode("ascii"))


def check_is_there(path: Path) -> None:
    """Refuse a file that is not there before anything is done with others.

    Raises:
        ResultError: it cannot be looked at, or is a folder.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        why = error.strerror
        if path.is_symlink():
            why = f"it is a link to {os.readlink(path)!r}: {why}"
        raise ResultError(f"{path} cannot be read ({why}).") from None
    if stat.S_ISDIR(mode):
        raise ResultError(f"{path} cannot be read (it is a folder).")


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


def _moment(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value < _LATEST:
        raise ValueError(f"{value!r:.40} is no time in Unix seconds")
    return float(value)


def _weight(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise ValueError(f"{value!r:.40} is no weight from 0 to 1")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.40} is no text")
    return value


def _word(value: Any, limit: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= limit:
        raise ValueError(f"{value!r:.40} is not text of 1 to {limit} characters")
    return value
