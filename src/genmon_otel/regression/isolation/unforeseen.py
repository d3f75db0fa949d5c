"""Recognise an exception that the kernel's restrictions caused and the audit hook did not see.

Native code fails at a restriction as it would at a file's mode or a broken network. Judged as the
application's own, such a failure would be another than the recorded one; it proves nothing.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from typing import Any, Final

from genmon_otel.regression.isolation import unaudited
from genmon_otel.regression.judging.observation import Reason

_WRITE: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EXDEV})
_NETWORK: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN})
#: Messages of C libraries, Rust and databases for a refused system call. Source: strerror(3), libpq, DuckDB, SQLite.
_IN_WORDS: Final[tuple[tuple[Reason, re.Pattern[str]], ...]] = (
    (
        "network",
        re.compile(
            r"network is unreachable|temporary failure in name resolution"
            r"|connect\w*\b[^\n]{0,200}: permission denied",
            re.IGNORECASE,
        ),
    ),
    (
        "write",
        re.compile(
            r"read-only file ?system|readonly database|\(os error (?:1|13|18|30)\)"
            r"|\b(?:open|creat|writ|mkdir|renam|remov|unlink)\w*\b[^\n]{0,200}: permission denied",
            re.IGNORECASE,
        ),
    ),
)
#: Characters of a message that are looked at, and exceptions of one chain.
_MAX_TEXT: Final = 2_000
_MAX_LINKS: Final = 20


def kernel_refusal(error: BaseException) -> tuple[Reason, str] | None:
    """Return what the kernel refused, as (reason, detail); None where nothing looks like it.

    Args:
        error: what left the target. What the player raised for a step is none of the kernel's.
    """
    for link in _chain(error):
        if _was_played(link):
            continue
        reason = _reason(link)
        if reason is not None:
            what = f"{type(link).__name__}: {link}"[:400]
            return reason, f"The replay's restrictions may have refused it: {what}"
    return None


def _reason(error: BaseException) -> Reason | None:
    if isinstance(error, OSError) and error.errno is not None:
        if error.errno in _WRITE or error.errno == errno.EFBIG:
            return "write"
        return "network" if error.errno in _NETWORK else None
    try:
        text = str(error)[:_MAX_TEXT]
    except Exception:
        return None
    return next((reason for reason, words in _IN_WORDS if words.search(text)), None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting and len(seen) < _MAX_LINKS:
        link = waiting.pop(0)
        if link is None or any(link is other for other in seen):
            continue
        seen.append(link)
        yield link
        waiting += [link.__cause__, link.__context__]
        if isinstance(link, BaseExceptionGroup):
            waiting += link.exceptions


def _was_played(error: BaseException) -> bool:
    """Return whether this package raised it (as it does step outcomes), or it was never raised."""
    last: Any = error.__traceback__
    if last is None:
        return True
    while last.tb_next is not None:
        last = last.tb_next
    module = str(last.tb_frame.f_globals.get("__name__", ""))
    return module.startswith("genmon_otel.") and module != unaudited.__name__
