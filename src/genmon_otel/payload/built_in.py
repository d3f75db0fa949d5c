"""How values of built-in and standard-library classes become trees."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from functools import partial
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from genmon_otel.payload.opaque import Opaque, describe, opaque_tree
from genmon_otel.payload.paths import import_path, is_importable
from genmon_otel.records import Tree

if TYPE_CHECKING:
    from genmon_otel.payload.encoding import Encoding

Encoder = Callable[["Encoding", Any], Tree]

#: What a number, a None or an item's punctuation costs, roughly, in bytes.
ATOM: Final = 4
_PLAIN_INT: Final = 2**53


def _atom(encoding: Encoding, value: Any) -> Tree:
    encoding.spend(ATOM)
    return value


def _integer(encoding: Encoding, value: int) -> Tree:
    if -_PLAIN_INT < value < _PLAIN_INT:
        encoding.spend(ATOM)
        return value
    encoding.spend(value.bit_length() // 4 + 16)
    return {"$": "int", "v": hex(value)}


def _float(encoding: Encoding, value: float) -> Tree:
    encoding.spend(2 * ATOM)
    if value - value == 0.0:
        return value
    return {"$": "float", "v": repr(value)}


def _text(encoding: Encoding, value: str) -> Tree:
    return encoding.text(value)


def _list(encoding: Encoding, value: list[Any]) -> Tree:
    return encoding.within(value, lambda: encoding.items(value, len(value)))


def _dict(encoding: Encoding, value: dict[Any, Any]) -> Tree:
    return encoding.within(value, lambda: encoding.mapping(value))


def _sequence(tag: str, encoding: Encoding, value: Any) -> Tree:
    return encoding.within(value, lambda: {"$": tag, "v": encoding.items(iter(value), len(value))})


def _set(tag: str, encoding: Encoding, value: Any) -> Tree:
    def build() -> Tree:
        items = encoding.items(iter(value), len(value))
        return {"$": tag, "v": sorted(items, key=lambda item: json.dumps(item, sort_keys=True))}

    return encoding.within(value, build)


def _deque(encoding: Encoding, value: deque[Any]) -> Tree:
    return encoding.within(
        value,
        lambda: {
            "$": "deque",
            "v": encoding.items(iter(value), len(value)),
            "maxlen": value.maxlen,
        },
    )


def _ordered(tag: str, encoding: Encoding, value: Any) -> Tree:
    def build() -> Tree:
        tree: dict[str, Tree] = {"$": tag, "v": encoding.mapping(value)}
        if tag == "defaultdict" and (factory := value.default_factory) is not None:
            tree["factory"] = encoding.tree(factory)
        return tree

    return encoding.within(value, build)


def _bytes(tag: str, encoding: Encoding, value: Any) -> Tree:
    encoding.require(len(value))
    raw = bytes(value)
    try:
        return {"$": tag, "utf8": encoding.text(raw.decode())}
    except UnicodeDecodeError:
        return {"$": tag, "latin1": encoding.text(raw.decode("latin-1"))}


def _zone(value: datetime | time) -> str | None:
    """Name of its time zone where it has one that a name brings back."""
    return value.tzinfo.key if type(value.tzinfo) is ZoneInfo else None


def _moment(tag: str, encoding: Encoding, value: Any) -> Tree:
    encoding.spend(40)
    tree: dict[str, Tree] = {"$": tag, "v": value.isoformat()}
    if tag != "date":
        if value.fold:
            tree["fold"] = 1
        if zone := _zone(value):
            tree["v"] = value.replace(tzinfo=None).isoformat()
            tree["zone"] = zone
    return tree


def _as_text(tag: str, encoding: Encoding, value: Any) -> Tree:
    return {"$": tag, "v": encoding.text(str(value))}


def as_type(encoding: Encoding, value: type) -> Tree:
    """Encode a class itself."""
    encoding.spend(60)
    if not is_importable(value):
        return opaque_tree(type, "local")
    return {"$": "type", "path": import_path(value)}


def _timezone(encoding: Encoding, value: timezone) -> Tree:
    offset = value.utcoffset(None)
    return {"$": "timezone", "v": encoding.tree(offset)}


def _namespace(encoding: Encoding, value: SimpleNamespace) -> Tree:
    return encoding.within(value, lambda: {"$": "namespace", "v": encoding.mapping(vars(value))})


BUILT_IN: Final[dict[type, Encoder]] = {
    str: _text,
    type(None): _atom,
    bool: _atom,
    int: _integer,
    float: _float,
    list: _list,
    dict: _dict,
    tuple: partial(_sequence, "tuple"),
    set: partial(_set, "set"),
    frozenset: partial(_set, "frozenset"),
    bytes: partial(_bytes, "bytes"),
    bytearray: partial(_bytes, "bytearray"),
    complex: lambda e, v: {"$": "complex", "v": [e.tree(v.real), e.tree(v.imag)]},
    range: lambda e, v: {"$": "range", "v": [e.tree(v.start), e.tree(v.stop), e.tree(v.step)]},
    slice: lambda e, v: {"$": "slice", "v": [e.tree(v.start), e.tree(v.stop), e.tree(v.step)]},
    type(...): lambda e, v: {"$": "ellipsis"},
    type(NotImplemented): lambda e, v: {"$": "notimplemented"},
    type: as_type,
    datetime: partial(_moment, "datetime"),
    date: partial(_moment, "date"),
    time: partial(_moment, "time"),
    timedelta: lambda e, v: {"$": "timedelta", "v": [v.days, v.seconds, v.microseconds]},
    timezone: _timezone,
    ZoneInfo: lambda e, v: {"$": "zone", "v": v.key} if v.key else opaque_tree(ZoneInfo, "local"),
    Decimal: partial(_as_text, "decimal"),
    Fraction: partial(_as_text, "fraction"),
    UUID: partial(_as_text, "uuid"),
    deque: _deque,
    OrderedDict: partial(_ordered, "ordereddict"),
    defaultdict: partial(_ordered, "defaultdict"),
    Counter: partial(_ordered, "counter"),
    MappingProxyType: lambda e, v: e.within(v, lambda: {"$": "proxy", "v": e.mapping(dict(v))}),
    SimpleNamespace: _namespace,
    Opaque: lambda e, v: opaque_tree(*describe(v)),
}
