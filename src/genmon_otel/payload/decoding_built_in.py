"""Trees of built-in and standard-library classes back into values, each bounded in what it becomes.

Containers are made of lists that are in the data, never of what else could be counted up,
such as a range.
"""

from __future__ import annotations

import os
import pathlib
import re
import sys
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType, SimpleNamespace
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from genmon_otel.errors import PayloadError
from genmon_otel.payload.escapes import unescape
from genmon_otel.payload.limits import MAX_ALIKE, MAX_DIGITS, MAX_EXPONENT, MAX_ITEMS
from genmon_otel.payload.opaque import Opaque, OpaqueTouched, describe
from genmon_otel.records import Tree

Decoder = Callable[[Mapping[str, Any], Callable[[Tree], Any]], Any]
"""Rebuilds what a tagged tree stands for, with what decodes the trees in it."""

#: Names of time zones: no path leads out of the folder of zones.
_ZONE: Final = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,3}\Z")


def of_type(kind: type, value: Any) -> Any:
    """The value, where it is of that very type: nothing that could be turned into it."""
    if type(value) is Opaque:
        raise OpaqueTouched("", describe(value)[1])
    if type(value) is not kind:
        raise PayloadError(
            f"A recorded value holds a {type(value).__name__} where a {kind.__name__} belongs."
        )
    return value


def _texts(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> str:
    return unescape(of_type(str, decode(tree["v"])))


def _integer(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> int:
    text = of_type(str, tree["v"])
    if len(text) > MAX_DIGITS:
        raise PayloadError(f"A recorded number has more than {MAX_DIGITS} digits.")
    return int(text, 16)


def _float(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> float:
    if tree["v"] not in ("nan", "inf", "-inf"):
        raise PayloadError(f"Not a special number: {str(tree['v'])[:40]!r}.")
    return float(tree["v"])


def _pairs(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> dict[Any, Any]:
    pairs = of_type(list, tree["v"])
    if any(type(pair) is not list or len(pair) != 2 for pair in pairs):
        raise PayloadError("A recorded mapping holds what is no pair.")
    keys = apart([decode(key) for key, _ in pairs])
    return {key: decode(value) for key, (_, value) in zip(keys, pairs, strict=True)}


def apart(members: list[Any]) -> list[Any]:
    """The members of what is made by hash, where few of them share one: making it stays quick."""
    alike = Counter(map(hash, members))
    if alike and max(alike.values()) > MAX_ALIKE:
        raise PayloadError(
            f"A recorded set or mapping has more than {MAX_ALIKE} members of one hash."
        )
    return members


def _bytes(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    encoding, errors = ("utf-8", "surrogatepass") if "utf8" in tree else ("latin-1", "replace")
    text = decode(tree["utf8"] if "utf8" in tree else tree["latin1"])
    return text if type(text) is Opaque else of_type(str, text).encode(encoding, errors)


def _bytearray(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    content = _bytes(tree, decode)
    return content if type(content) is Opaque else bytearray(content)


def _range(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    """A range counts as all of its items: whoever gets it may go through it."""
    parts = decode(tree["v"])
    if type(parts) is Opaque:
        return parts
    made = range(*(of_type(int, part) for part in of_type(list, parts)))
    if made[MAX_ITEMS:]:
        raise PayloadError(f"A recorded range has more than {MAX_ITEMS} items.")
    return made


def _slice(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    parts = decode(tree["v"])
    return parts if type(parts) is Opaque else slice(*of_type(list, parts))


def _complex(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    real, imaginary = of_type(list, decode(tree["v"]))
    return complex(_number(real), _number(imaginary))


def _number(value: Any) -> float:
    return float(value if type(value) is int else of_type(float, value))


def _timedelta(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> timedelta:
    days, seconds, microseconds = (of_type(int, part) for part in of_type(list, tree["v"]))
    return timedelta(days, seconds, microseconds)


def _zone(name: Any) -> ZoneInfo:
    """Find a time zone in the machine's files; a package of zones is not imported for it."""
    if type(name) is not str or not _ZONE.match(name):
        raise PayloadError(f"{str(name)[:80]!r} is no name of a time zone.")
    if "tzdata" not in sys.modules and not any(
        os.path.isfile(os.path.join(folder, name)) for folder in zoneinfo.TZPATH
    ):
        raise PayloadError(f"The time zone {name[:80]!r} is not known here.")
    return ZoneInfo(name)


def _datetime(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> datetime:
    moment = datetime.fromisoformat(tree["v"]).replace(fold=1 if tree.get("fold") == 1 else 0)
    return moment.replace(tzinfo=_zone(tree["zone"])) if "zone" in tree else moment


def _time(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> time:
    moment = time.fromisoformat(tree["v"]).replace(fold=1 if tree.get("fold") == 1 else 0)
    return moment.replace(tzinfo=_zone(tree["zone"])) if "zone" in tree else moment


def _decimal(text: str) -> Decimal:
    made = Decimal(text)
    if made.is_finite() and made and abs(made.adjusted()) > MAX_EXPONENT:
        raise PayloadError(f"A recorded decimal has an exponent of more than {MAX_EXPONENT}.")
    exponent = made.as_tuple().exponent
    if isinstance(exponent, int) and abs(exponent) > MAX_EXPONENT:
        raise PayloadError(f"A recorded decimal has an exponent of more than {MAX_EXPONENT}.")
    return made


def _deque(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    items = decode(tree["v"])
    longest = tree.get("maxlen")
    if type(items) is Opaque:
        return items
    return deque(of_type(list, items), longest if longest is None else of_type(int, longest))


def _defaultdict(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    factory = decode(tree["factory"]) if "factory" in tree else None
    if factory not in (None, list, dict, set, int, str, float, tuple, bool):
        return Opaque("collections:defaultdict", "unsupported")
    items = decode(tree["v"])
    return items if type(items) is Opaque else defaultdict(factory, of_type(dict, items))


_PATHS: Final = ("PurePosixPath", "PureWindowsPath", "PurePath", "PosixPath", "WindowsPath", "Path")


def _path(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    if tree["kind"] not in _PATHS:
        raise PayloadError(f"Not a kind of path: {str(tree['kind'])[:40]!r}.")
    text = decode(tree["v"])
    return text if type(text) is Opaque else getattr(pathlib, tree["kind"])(of_type(str, text))


def _fraction(text: str) -> Fraction:
    """Read a fraction; not by its own parser, which computes ``1e999999999``."""
    above, _, below = text.partition("/")
    return Fraction(int(above), int(below or "1"))


def _made_of(kind: type, build: Callable[[Any], Any]) -> Decoder:
    """Build from a value of that very type."""

    def decoder(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
        value = decode(tree["v"])
        return value if type(value) is Opaque else build(of_type(kind, value))

    return decoder


DECODERS: Final[Mapping[str, Decoder]] = {
    "text": _texts,
    "int": _integer,
    "float": _float,
    "pairs": _pairs,
    "tuple": _made_of(list, tuple),
    "set": _made_of(list, lambda members: set(apart(members))),
    "frozenset": _made_of(list, lambda members: frozenset(apart(members))),
    "bytes": _bytes,
    "bytearray": _bytearray,
    "complex": _complex,
    "range": _range,
    "slice": _slice,
    "ellipsis": lambda t, d: ...,
    "notimplemented": lambda t, d: NotImplemented,
    "datetime": _datetime,
    "date": lambda t, d: date.fromisoformat(t["v"]),
    "time": _time,
    "timedelta": _timedelta,
    "timezone": _made_of(timedelta, timezone),
    "zone": _made_of(str, _zone),
    "decimal": _made_of(str, _decimal),
    "fraction": _made_of(str, _fraction),
    "uuid": _made_of(str, UUID),
    "deque": _deque,
    "ordereddict": _made_of(dict, OrderedDict),
    "defaultdict": _defaultdict,
    "counter": _made_of(dict, Counter),
    "proxy": _made_of(dict, MappingProxyType),
    "namespace": _made_of(dict, lambda v: SimpleNamespace(**v)),
    "path": _path,
}
