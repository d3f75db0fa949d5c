"""Turns values of built-in and standard-library classes into trees."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from functools import partial
from types import MappingProxyType, SimpleNamespace
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from genmon_otel.payload.encoder import SMALL_VALUE_BYTES, EncodeFunction, Encoder
from genmon_otel.payload.opaque import Opaque, describe, opaque_tree
from genmon_otel.payload.paths import import_path, is_importable
from genmon_otel.records import Tree

#: Integers below it are JSON numbers that every parser reads exactly.
_PLAIN_INT: Final = 2**53


def _constant(encoder: Encoder, value: Any) -> Tree:
    encoder.spend(SMALL_VALUE_BYTES)
    return value


def _integer(encoder: Encoder, value: int) -> Tree:
    if -_PLAIN_INT < value < _PLAIN_INT:
        encoder.spend(SMALL_VALUE_BYTES)
        return value
    encoder.spend(value.bit_length() // 4 + 16)
    return {"$": "int", "v": hex(value)}


def _float(encoder: Encoder, value: float) -> Tree:
    encoder.spend(2 * SMALL_VALUE_BYTES)
    if value - value == 0.0:
        return value
    return {"$": "float", "v": repr(value)}


def _text(encoder: Encoder, value: str) -> Tree:
    return encoder.text(value)


def _list(encoder: Encoder, value: list[Any]) -> Tree:
    return encoder.container(value, lambda: encoder.items(value, len(value)))


def _dict(encoder: Encoder, value: dict[Any, Any]) -> Tree:
    return encoder.container(value, lambda: encoder.mapping(value))


def _sequence(tag: str, encoder: Encoder, value: Any) -> Tree:
    return encoder.container(value, lambda: {"$": tag, "v": encoder.items(iter(value), len(value))})


def _set(tag: str, encoder: Encoder, value: Any) -> Tree:
    def build() -> Tree:
        items = encoder.items(iter(value), len(value))
        return {"$": tag, "v": sorted(items, key=lambda item: json.dumps(item, sort_keys=True))}

    return encoder.container(value, build)


def _deque(encoder: Encoder, value: deque[Any]) -> Tree:
    return encoder.container(
        value,
        lambda: {
            "$": "deque",
            "v": encoder.items(iter(value), len(value)),
            "maxlen": value.maxlen,
        },
    )


def _dict_subclass(tag: str, encoder: Encoder, value: Any) -> Tree:
    def build() -> Tree:
        tree: dict[str, Tree] = {"$": tag, "v": encoder.mapping(value)}
        if tag == "defaultdict" and (factory := value.default_factory) is not None:
            tree["factory"] = encoder.tree(factory)
        return tree

    return encoder.container(value, build)


def _bytes(tag: str, encoder: Encoder, value: Any) -> Tree:
    encoder.require(len(value))
    raw = bytes(value)
    try:
        return {"$": tag, "utf8": encoder.text(raw.decode())}
    except UnicodeDecodeError:
        return {"$": tag, "latin1": encoder.text(raw.decode("latin-1"))}


def _zone(value: datetime | time) -> str | None:
    """Return the name of a value's time zone; None where it is no named zone."""
    return value.tzinfo.key if type(value.tzinfo) is ZoneInfo else None


def _date_or_time(tag: str, encoder: Encoder, value: Any) -> Tree:
    encoder.spend(40)
    tree: dict[str, Tree] = {"$": tag, "v": value.isoformat()}
    if tag != "date":
        if value.fold:
            tree["fold"] = 1
        if zone := _zone(value):
            tree["v"] = value.replace(tzinfo=None).isoformat()
            tree["zone"] = zone
    return tree


def _as_text(tag: str, encoder: Encoder, value: Any) -> Tree:
    return {"$": tag, "v": encoder.text(str(value))}


def encode_type(encoder: Encoder, value: type) -> Tree:
    """Encode a class itself."""
    encoder.spend(60)
    if not is_importable(value):
        return opaque_tree(type, "local")
    return {"$": "type", "path": import_path(value)}


def _timezone(encoder: Encoder, value: timezone) -> Tree:
    offset = value.utcoffset(None)
    return {"$": "timezone", "v": encoder.tree(offset)}


def _namespace(encoder: Encoder, value: SimpleNamespace) -> Tree:
    return encoder.container(value, lambda: {"$": "namespace", "v": encoder.mapping(vars(value))})


BUILT_IN: Final[dict[type, EncodeFunction]] = {
    str: _text,
    type(None): _constant,
    bool: _constant,
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
    type: encode_type,
    datetime: partial(_date_or_time, "datetime"),
    date: partial(_date_or_time, "date"),
    time: partial(_date_or_time, "time"),
    timedelta: lambda e, v: {"$": "timedelta", "v": [v.days, v.seconds, v.microseconds]},
    timezone: _timezone,
    ZoneInfo: lambda e, v: {"$": "zone", "v": v.key} if v.key else opaque_tree(ZoneInfo, "local"),
    Decimal: partial(_as_text, "decimal"),
    Fraction: partial(_as_text, "fraction"),
    UUID: partial(_as_text, "uuid"),
    deque: _deque,
    OrderedDict: partial(_dict_subclass, "ordereddict"),
    defaultdict: partial(_dict_subclass, "defaultdict"),
    Counter: partial(_dict_subclass, "counter"),
    MappingProxyType: lambda e, v: e.container(v, lambda: {"$": "proxy", "v": e.mapping(dict(v))}),
    SimpleNamespace: _namespace,
    Opaque: lambda e, v: opaque_tree(*describe(v)),
}
