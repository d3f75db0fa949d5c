"""Clearing a person from journals that no process holds, and from what was put aside."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from genmon_otel.journal.frames import Frame, Kind, pack
from genmon_otel.journal.segments import Segment, claim, list_all, read_all

#: File of JSON lines in the journal's folder: what the store refused or a version did not understand.
REFUSED: Final = "refused.jsonl"
#: Fields of a record or a note that identify a person.
_PERSONAL: Final = ("user_id", "user_request", "context", "project_id")


def forget(directory: Path, user: str) -> int:
    """Clear a person from the journals in a folder; return how many frames named them.

    Their records stay, without who it was and what was asked; their recordings are removed.
    Journals of running processes are left out: within seconds they are in the store,
    unless it is down. Run it again then.

    Args:
        directory: see :func:`default_journal_dir`.
        user: the id as the application gave it.
    """
    cleared = 0
    for path in list_all(directory):
        for segment in claim([path]) or ():
            try:
                cleared += _forget_in(segment, user)
            finally:
                segment.release(delete=False)
    return cleared + _forget_refused(directory / REFUSED, user)


def _forget_in(segment: Segment, user: str) -> int:
    frames = list(read_all(segment))
    theirs = {
        tree.get("generation_id")
        for frame in frames
        if (tree := _tree(frame.payload)).get("user_id") == user
    }
    if not theirs:
        return 0
    kept = [(frame, _without(frame, theirs)) for frame in frames]
    _write(segment.path, b"".join(pack(f.seq, f.kind, f.payload) for _, f in kept if f is not None))
    return sum(after is not before for before, after in kept)


def _without(frame: Frame, generations: set[Any]) -> Frame | None:
    tree = _tree(frame.payload)
    if tree.get("generation_id") not in generations or frame.kind == Kind.ENDED:
        return frame
    if frame.kind == Kind.RECORDING:
        return None
    for name in _PERSONAL:
        tree.pop(name, None)
    return replace(frame, payload=json.dumps(tree, separators=(",", ":")).encode("ascii"))


def _forget_refused(path: Path, user: str) -> int:
    """Remove the lines that were put aside of this person, and of their generations."""
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return 0
    payloads = [_tree(str(_tree(line.encode()).get("payload", "")).encode()) for line in lines]
    theirs = {tree.get("generation_id") for tree in payloads if tree.get("user_id") == user}
    kept = [
        line
        for line, tree in zip(lines, payloads, strict=True)
        if tree.get("generation_id") not in theirs
    ]
    if theirs:
        _write(path, "".join(f"{line}\n" for line in kept).encode("ascii"))
    return len(lines) - len(kept)


def _tree(payload: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(payload)
    except ValueError:
        return {}
    return tree if isinstance(tree, dict) else {}


def _write(path: Path, data: bytes) -> None:
    """Replace a file in one step; a process that waits for the old one's lock finds it deleted."""
    new = path.with_name(f"{path.name}.new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
    new.replace(path)
