"""Turns any object into bounded text that can be stored and printed. Raises nothing but interruptions
(``KeyboardInterrupt``, signals).

Every string that leaves the application passes through :func:`clean` first: databases refuse NUL
and lone surrogates, terminals execute escape codes, and the time for a 20 MB message must depend
only on its first and last few kilobytes.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Any, Final

from genmon_otel.interruption import is_interruption
from genmon_otel.slots import name_of

#: Replaces the middle of a long text.
GAP: Final = " … "

#: Escape codes of terminals.
_ESCAPES: Final = re.compile(
    r"[\x1b\x9b]\[?(?:[0-9;:?]+[A-Za-z]|[mKJH])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
)
#: Replacements of characters that databases refuse or terminals execute; None deletes one.
_REPLACEMENTS: Final[dict[int, str | None]] = {
    **dict.fromkeys((*range(0x09), *range(0x0E, 0x20), *range(0x7F, 0xA0)), None),
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), None),
    **dict.fromkeys((0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029), "\n"),
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
}
#: Finds whether a text may need cleaning: a search for one character is fast.
_SUSPECT: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

_SUSPECTS: Final = re.compile(f"{_SUSPECT.pattern}+")

#: Where a word ends for certain, and characters of which secrets are made.
WORD_END: Final = re.compile(r"[\s\"'`]")
_RUN: Final = re.compile(r"[\w+/=.~%:@\\-]*")

#: Members shown of a container, and levels of nesting.
_MAX_MEMBERS: Final = 20
_MAX_DEPTH: Final = 4


def cut(text: str, limit: int) -> str:
    """Cut a text to ``limit`` characters: its head, :data:`GAP` and its tail."""
    if type(text) is not str:
        text = str.__str__(text)  # a subclass may have hostile methods
    if len(text) <= limit:
        return text
    if limit <= len(GAP) + 2:
        return text[: max(0, limit)]
    head = (limit - len(GAP) + 1) // 2
    tail = limit - len(GAP) - head
    return f"{text[:head]}{GAP}{text[-tail:]}"


def cut_between_words(text: str, limit: int) -> str:
    """Cut a text as :func:`cut` does, without the halves of the words that it would split.

    For texts that are redacted afterwards: half a secret would not be recognised.
    """
    if len(text) <= limit:
        return text
    half = max(0, (limit - len(GAP)) // 2)
    head, tail = text[:half], text[len(text) - half :]
    end = WORD_END.search(tail)
    tail = tail[end.start() if end else 0 :]
    head = head[: half - run(head[::-1])]
    return f"{head}{GAP}{tail[run(tail) :]}"


def run(text: str) -> int:
    """Return how many characters that secrets are made of a text begins with."""
    match = _RUN.match(text)
    return match.end() if match else 0


def without_digits(text: str) -> str:
    """Return a text without ASCII digits; as bytes, since ``str.translate`` takes fifty times longer."""
    data = text.encode("utf-8", "surrogatepass").translate(None, b"0123456789")
    return data.decode("utf-8", "surrogatepass")


def common_prefix(one: str, other: str) -> int:
    """Return the length of the longest common prefix of two texts."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:  # equal up to ``low``, different up to ``high``
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


def clean(text: str, limit: int) -> str:
    r"""Cut a text to ``limit`` characters and remove what databases refuse or terminals execute.

    Line ends become ``\n``, lone surrogates U+FFFD; escape codes, NUL, other control characters and
    bidirectional overrides are removed. Idempotent.
    """
    if type(text) is not str or len(text) > limit:
        text = cut(text, limit)
    if text.isprintable() or not _SUSPECT.search(text):  # isprintable() is ten times faster
        return text
    text = text.replace("\r\n", "\n")
    if not _SUSPECT.search(text):  # the usual case; translate() takes a hundred times longer
        return text
    if "\x1b" in text or "\x9b" in text:
        text = _ESCAPES.sub("", text)
        if not _SUSPECT.search(text):
            return text
    # of ASCII translate() is fast; of other text it looks each character up
    return text.translate(_REPLACEMENTS) if text.isascii() else _SUSPECTS.sub(_replaced, text)


def without_escapes(text: str) -> str:
    """Return a text without the escape codes of terminals."""
    return _ESCAPES.sub("", text)


def _replaced(match: re.Match[str]) -> str:
    return match[0].translate(_REPLACEMENTS)


def safe_str(obj: object, limit: int) -> str:
    """Return ``str(obj)``, cleaned and cut; ``<Type: __str__ raised Error>`` where it raises.

    Built-in exceptions are formatted from bounded arguments, so that a ``KeyError`` with a 100 MB
    key takes little time. The time of an application's own ``__str__`` cannot be bounded.
    """
    try:
        return clean(_plain_str(obj, limit), limit)
    except BaseException as failure:
        if is_interruption(failure):
            raise
        return clean(f"<{type_name(obj)}: __str__ raised {type_name(failure)}>", limit)


def safe_repr(obj: object, limit: int) -> str:
    """Return a ``repr`` of ``obj``, cleaned and cut; of large containers and strings only a part."""
    try:
        return clean(_bounded_repr(obj, limit, 0), limit)
    except BaseException as failure:
        if is_interruption(failure):
            raise
        return clean(f"<{type_name(obj)}: __repr__ raised {type_name(failure)}>", limit)


def type_name(obj: object) -> str:
    """Return the name of an object's class without running code of its metaclass."""
    try:
        return str(name_of(type(obj)))
    except BaseException:
        return "object"


def _plain_str(obj: object, limit: int) -> str:
    if isinstance(obj, str):
        return str.__str__(obj)  # an exact str: a subclass may have hostile methods
    if isinstance(obj, BaseException):
        method = type(obj).__str__
        args = obj.args
        if method is KeyError.__str__ and len(args) == 1:
            return _bounded_repr(args[0], limit, 0)
        if method is BaseException.__str__ or method is KeyError.__str__:
            if not args:
                return ""
            return _plain_str(args[0], limit) if len(args) == 1 else _bounded_repr(args, limit, 0)
    if isinstance(obj, (list, tuple, dict, set, frozenset, bytes, bytearray)):
        return _bounded_repr(obj, limit, 0)
    return str.__str__(str(obj))


def _bounded_repr(obj: Any, limit: int, depth: int) -> str:
    """Return ``repr`` in bounded time for strings, bytes and containers of any size."""
    kind = type(obj)
    if kind is str:
        return repr(cut_between_words(obj, limit))
    if kind in (bytes, bytearray):
        return repr(bytes(obj[:limit]))
    if kind in (list, tuple, set, frozenset, dict):
        if depth >= _MAX_DEPTH:
            return "..."
        shown: list[str] = []
        left = limit
        for member in islice(obj.items() if kind is dict else obj, _MAX_MEMBERS):
            if left <= 0:
                break
            if kind is dict:
                key = _bounded_repr(member[0], left, depth + 1)
                text = f"{key}: {_bounded_repr(member[1], left, depth + 1)}"
            else:
                text = _bounded_repr(member, left, depth + 1)
            shown.append(text)
            left -= len(text)
        inner = ", ".join(shown) + (", ..." if len(obj) > len(shown) else "")
        if kind is dict:
            return f"{{{inner}}}"
        if kind is list:
            return f"[{inner}]"
        if kind is tuple:
            return f"({inner},)" if len(obj) == 1 else f"({inner})"
        if not shown:
            return f"{kind.__name__}()"
        return f"{{{inner}}}" if kind is set else f"frozenset({{{inner}}})"
    if isinstance(obj, BaseException) and type(obj).__repr__ is BaseException.__repr__:
        inner = ", ".join(
            _bounded_repr(member, limit, depth + 1) for member in obj.args[:_MAX_MEMBERS]
        )
        return f"{type_name(obj)}({inner})"
    return str.__str__(repr(obj))
