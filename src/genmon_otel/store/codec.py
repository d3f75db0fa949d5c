"""Converts domain values to column values and back: names, timestamps, JSON, recordings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Any, Final, TypeVar

from genmon_otel.records import Recording, StepRecord, SuccessSample, Tree
from genmon_otel.store.columns import parse_json, to_datetime
from genmon_otel.text import clean

#: Characters. Names and ids are index keys, and a B-tree of PostgreSQL takes 2704 bytes a key.
NAME_LIMIT: Final = 200
MESSAGE_LIMIT: Final = 8_192
TEXT_LIMIT: Final = 65_536
#: Levels of nesting that :func:`dumps` keeps.
_MAX_DEPTH: Final = 60

_compact = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":"), allow_nan=False
).encode
_ascii = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode

Built = TypeVar("Built", Recording, StepRecord, SuccessSample)


def storable_name(value: Any) -> str:
    """Return a name or an id as text that both databases accept, cut to ``NAME_LIMIT`` characters."""
    text = value if type(value) is str else str(value)
    return _cached_name(text) if len(text) <= NAME_LIMIT else clean(text, NAME_LIMIT)


@lru_cache(8_192)
def _cached_name(value: str) -> str:
    return clean(value, NAME_LIMIT)


def storable_id(value: str | None) -> str | None:
    """Return an id as :func:`storable_name` does, without its cache: each id is seen only once.

    None stays None.
    """
    if value is None or (value.isalnum() and value.isascii() and len(value) <= NAME_LIMIT):
        return value
    return clean(value, NAME_LIMIT)


def searchable(text: str) -> str:
    """Return what a person typed as every database takes it in a query: PostgreSQL refuses NUL."""
    return text.replace("\0", "\ufffd")


def normalise_handle(ref: str) -> str:
    """Return the stored form of a handle that a person typed in any case, with or without ``F-``."""
    handle = searchable(ref).strip().upper()
    return handle if handle.startswith("F-") else f"F-{handle}"


def storable_name_or_none(value: Any) -> str | None:
    """Return what :func:`storable_name` does; None stays None."""
    return None if value is None else storable_name(value)


def to_timestamp(seconds: float, is_postgresql: bool) -> Any:
    """Convert Unix seconds to what the driver takes for a timestamp.

    A ``datetime`` for PostgreSQL; for SQLite the text that SQLAlchemy itself would write.
    """
    if is_postgresql:
        return to_datetime(seconds)
    minute, rest = divmod(round(seconds * 1_000_000), 60_000_000)
    return f"{_minute_text(minute)}:{rest // 1_000_000:02d}.{rest % 1_000_000:06d}"


@lru_cache(256)
def _minute_text(number: int) -> str:
    """Return the text of a minute, counted since 1970. Cached: the records of a batch share a few."""
    return to_datetime(number * 60).replace(tzinfo=None).isoformat(" ", "minutes")


def dumps(tree: Tree) -> str:
    """Serialise to JSON for people and dashboards, without what PostgreSQL cannot parse (NUL).

    A value that is not JSON (another type, NaN) becomes its text, one nested too deeply ``…``.
    """
    try:
        text = _compact(tree)
        if text.isprintable() and "\\u0000" not in text:
            return text
    except (ValueError, TypeError, RecursionError):
        pass
    return _compact(_replace_unstorable(tree, 0))


def dumps_exactly(tree: Tree) -> str:
    """Serialise to ASCII JSON from which exactly the same tree is parsed, NUL and surrogates included."""
    return _ascii(tree)


def loads(value: Any) -> Any:
    """Parse a JSON column: text on SQLite and over raw cursors, already parsed on PostgreSQL."""
    return parse_json(value)


def dump_recording(recording: Recording | SuccessSample) -> str:
    """Serialise a recording or a success sample to JSON."""
    data = _field_values(recording)
    data["steps"] = [_field_values(step) for step in recording.steps]
    return dumps_exactly(data)


def load_recording(value: Any) -> Recording:
    """Parse a recording. Keys that a newer genmon wrote are ignored.

    Raises:
        ValueError, TypeError: the value is not a recording.
    """
    return _load_recording_or_sample(Recording, value)


def load_sample(value: Any) -> SuccessSample:
    """Parse a success sample. Keys that a newer genmon wrote are ignored.

    Raises:
        ValueError, TypeError: the value is not a success sample.
    """
    return _load_recording_or_sample(SuccessSample, value)


def _load_recording_or_sample(kind: type[Built], value: Any) -> Built:
    data = loads(value)
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    steps = data.get("steps", [])
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise ValueError("steps is not a list of objects")
    texts = [data.get(name) for name in ("generation_id", "operation", "fingerprint")]
    if not all(text is None or isinstance(text, str) for text in texts):
        raise ValueError("a name or id is not text")
    if kind is SuccessSample:
        asked = data.get("asked", [])
        if not isinstance(asked, list) or not all(isinstance(name, str) for name in asked):
            raise ValueError("asked is not a list of names")
        data = {**data, "asked": tuple(asked)}
    return _build(kind, {**data, "steps": tuple(_build(StepRecord, step) for step in steps)})


def _field_values(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _build(kind: type[Built], data: Mapping[str, Any]) -> Built:
    known = {field.name for field in fields(kind)}
    return kind(**{key: value for key, value in data.items() if key in known})


def _replace_unstorable(tree: Any, depth: int) -> Any:
    """Copy a tree so that both databases take it: clean text, finite numbers, bounded depth."""
    if depth > _MAX_DEPTH:
        return "…"
    if isinstance(tree, str):
        return clean(tree, TEXT_LIMIT)
    if tree is None or isinstance(tree, (bool, int)):
        return tree
    if isinstance(tree, float):
        return tree if tree - tree == 0 else str(tree)
    if isinstance(tree, Mapping):
        return {
            clean(str(k), NAME_LIMIT): _replace_unstorable(v, depth + 1) for k, v in tree.items()
        }
    if isinstance(tree, (list, tuple, set, frozenset)):
        return [_replace_unstorable(member, depth + 1) for member in tree]
    return clean(str(tree), TEXT_LIMIT)
