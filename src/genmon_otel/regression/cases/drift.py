"""Say how a replay's requests differ from the recorded ones: the first step, and a diff of its request."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from genmon_otel.records import StepRecord, Tree

#: Lines of a diff, and characters of a line.
_LINES: Final = 12
_WIDTH: Final = 160
#: Lines of a request that are compared.
_COMPARED: Final = 4_000


class Drift:
    """Keeps what a run asked otherwise than recorded."""

    def __init__(self) -> None:
        self._first: tuple[int, StepRecord, Tree] | None = None

    def note(self, index: int, record: StepRecord, request: Tree) -> None:
        """Note that a recorded step was asked something else."""
        if self._first is None:
            self._first = (index, record, request)

    def text(self) -> str:
        """Return which step was the first, and how its request differs; empty without drift."""
        if self._first is None:
            return ""
        index, record, request = self._first
        changed = list(_changes(record.arguments, request))
        more = f"\n… {len(changed) - _LINES} more lines" if len(changed) > _LINES else ""
        lines = "\n".join(changed[:_LINES])
        return f"step {index + 1}, {record.name}, was asked otherwise:\n{lines}{more}"


def _changes(recorded: Tree, request: Tree) -> Iterator[str]:
    """The lines of a diff that differ, shortened around what differs."""
    before, after = _lines(recorded), _lines(request)
    for line in difflib.unified_diff(before, after, n=0, lineterm=""):
        if line[:1] in "+-" and line[:3] not in ("+++", "---"):
            yield line if len(line) <= _WIDTH else f"{line[:_WIDTH]}…"


def _lines(tree: Tree) -> list[str]:
    """A request line by line: its members, texts by their own lines."""
    found: list[str] = []

    def add(value: Any, where: str) -> None:
        if len(found) >= _COMPARED:
            return
        if isinstance(value, str) and value[:1] in ("{", "["):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                pass
        if isinstance(value, Mapping):
            for key, item in sorted(value.items()):
                if key != "host" or where:
                    add(item, f"{where}.{key}" if where else str(key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                add(item, f"{where}[{index}]")
        elif isinstance(value, str):
            found.extend(f"{where}: {piece}" for piece in _pieces(value))
        else:
            found.append(f"{where}: {json.dumps(value)}")

    add(tree, "")
    return found


def _pieces(text: str) -> Iterator[str]:
    """A text's lines; long ones by sentence, so that a diff shows the one that was changed."""
    for line in text.splitlines() or [""]:
        if len(line) <= _WIDTH:
            yield line
        else:
            yield from (piece for piece in line.replace(". ", ".\n").splitlines())
