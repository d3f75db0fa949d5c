"""Tracebacks of replayed code, without the frames of genmon that stand between."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType
from typing import Final

from genmon_otel.redaction import Redactor

#: Characters of a traceback; of a longer one beginning and end are kept.
MAX_TRACEBACK: Final = 20_000
_PACKAGE: Final = Path(__file__).parents[2]
#: Folders of this package whose frames are between the application's: not its demo.
_OURS: Final = tuple(
    f"{_PACKAGE / name}/" for name in ("regression", "recorder", "decorators", "capture")
)


def is_ours(filename: str) -> bool:
    """Whether a frame is one of genmon's own."""
    return filename.startswith(_OURS)


def text_of_error(error: BaseException) -> str:
    """Return an exception with its traceback, causes included, as Python prints it; redacted and bounded."""
    try:
        whole = traceback.TracebackException.from_exception(error, compact=True)
        waiting, seen = [whole], set()
        while waiting:
            each = waiting.pop()
            if id(each) in seen:
                continue
            seen.add(id(each))
            kept = [frame for frame in each.stack if not is_ours(frame.filename)]
            each.stack = traceback.StackSummary.from_list(kept)
            links = (each.__cause__, each.__context__, *(each.exceptions or ()))
            waiting += [link for link in links if link is not None]
        text = "".join(whole.format())
    except Exception:  # an exception that cannot even be printed
        text = f"{type(error).__name__} (its traceback cannot be printed)\n"
    return Redactor().text(text, MAX_TRACEBACK)


def without_ours(found: TracebackType | None) -> TracebackType | None:
    """Return a traceback whose frames are the application's and its libraries'; None for no frame."""
    frames = []
    while found is not None:
        if not is_ours(found.tb_frame.f_code.co_filename):
            frames.append(found)
        found = found.tb_next
    made: TracebackType | None = None
    for each in reversed(frames):
        made = TracebackType(made, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return made
