"""Turns trees of built-in and standard-library classes back into values of bounded size.

Containers are built only from lists that are in the data, never from another iterable, such as a
range, which could be huge.
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
from genmon_otel.payload.limits import MAX_DIGITS, MAX_EQUAL_HASHES, MAX_EXPONENT, MAX_ITEMS
from genmon_otel.payload.opaque import Opaque, OpaqueTouched, describe
from genmon_otel.records import Tree

Decoder = Callable[[Mapping[str, Any], Callable[[Tree], Any]], Any]
"""Rebuilds a value from its tagged tree; the second argument decodes the trees in it."""

#: Names of time zones, without a path out of their folder.
_ZONE: Final = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,3}\Z")


def of_type(kind: type, value: Any) -> Any:
    """Return the value if it is exactly of a type, not of a subclass.

    Raises:
        OpaqueTouched: it is opaque.
        PayloadError: it is of another type.
    """
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
        raise PayloadError("A recorded mapping holds an item that is not a pair.")
    keys = refuse_equal_hashes([decode(key) for key, _ in pairs])
    return {key: decode(value) for key, (_, value) in zip(keys, pairs, strict=True)}


def refuse_equal_hashes(members: list[Any]) -> list[Any]:
    """Return the members of a set or keys of a mapping, unless too many have the same hash.

    Members with equal hashes are compared with each other, which takes quadratic time.

    Raises:
        PayloadError: more than MAX_EQUAL_HASHES have one hash.
    """
    counts = Counter(map(hash, members))
    if counts and max(counts.values()) > MAX_EQUAL_HASHES:
        raise PayloadError(
            f"A recorded set or mapping has more than {MAX_EQUAL_HASHES} members of one hash."
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
    """Rebuild a range; its length is bounded, since the code under replay may iterate over it."""
    parts = decode(tree["v"])
    if type(parts) is Opaque:
        return parts
    rebuilt = range(*(of_type(int, part) for part in of_type(list, parts)))
    if rebuilt[MAX_ITEMS:]:
        raise PayloadError(f"A recorded range has more than {MAX_ITEMS} items.")
    return rebuilt


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
    """Find a time zone in the system's files; the package ``tzdata`` is not imported for it."""
    if type(name) is not str or not _ZONE.match(name):
        raise PayloadError(f"{str(name)[:80]!r} is not a name of a time zone.")
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
    number = Decimal(text)
    if number.is_finite() and number and abs(number.adjusted()) > MAX_EXPONENT:
        raise PayloadError(f"A recorded decimal has an exponent of more than {MAX_EXPONENT}.")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and abs(exponent) > MAX_EXPONENT:
        raise PayloadError(f"A recorded decimal has an exponent of more than {MAX_EXPONENT}.")
    return number


def _deque(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    items = decode(tree["v"])
    max_length = tree.get("maxlen")
    if type(items) is Opaque:
        return items
    return deque(
        of_type(list, items), max_length if max_length is None else of_type(int, max_length)
    )


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
    """Parse a fraction; Fraction's own parser would compute ``1e999999999``."""
    numerator, _, denominator = text.partition("/")
    return Fraction(int(numerator), int(denominator or "1"))


def _from_type(kind: type, build: Callable[[Any], Any]) -> Decoder:
    """Return a decoder that calls ``build`` with a decoded value of exactly one type."""

    def decoder(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
        value = decode(tree["v"])
        return value if type(value) is Opaque else build(of_type(kind, value))

    return decoder


DECODERS: Final[Mapping[str, Decoder]] = {
    "text": _texts,
    "int": _integer,
    "float": _float,
    "pairs": _pairs,
    "tuple": _from_type(list, tuple),
    "set": _from_type(list, lambda members: set(refuse_equal_hashes(members))),
    "frozenset": _from_type(list, lambda members: frozenset(refuse_equal_hashes(members))),
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
    "timezone": _from_type(timedelta, timezone),
    "zone": _from_type(str, _zone),
    "decimal": _from_type(str, _decimal),
    "fraction": _from_type(str, _fraction),
    "uuid": _from_type(str, UUID),
    "deque": _deque,
    "ordereddict": _from_type(dict, OrderedDict),
    "defaultdict": _defaultdict,
    "counter": _from_type(dict, Counter),
    "proxy": _from_type(dict, MappingProxyType),
    "namespace": _from_type(dict, lambda v: SimpleNamespace(**v)),
    "path": _path,
}
