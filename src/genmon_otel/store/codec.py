"""Between the domain's values and what a column takes: text, times, JSON, recordings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Any, Final, TypeVar

from genmon_otel.records import Recording, StepRecord, SuccessSample, Tree
from genmon_otel.store.columns import instant, parsed
from genmon_otel.text import clean

#: Characters. Names and ids are keys of indexes, which PostgreSQL bounds at 2704 bytes.
NAME_LIMIT: Final = 200
MESSAGE_LIMIT: Final = 8_192
TEXT_LIMIT: Final = 65_536
_DEPTH: Final = 60

_compact = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":"), allow_nan=False
).encode
_ascii = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode

Kept = TypeVar("Kept", Recording, StepRecord, SuccessSample)


def name(value: Any) -> str:
    """Return an id or a name as every database takes it."""
    text = value if type(value) is str else str(value)
    return _name(text) if len(text) <= NAME_LIMIT else clean(text, NAME_LIMIT)


@lru_cache(8_192)
def _name(value: str) -> str:
    return clean(value, NAME_LIMIT)


def identity(value: str | None) -> str | None:
    """Return an id that never comes twice, as every database takes it."""
    if value is None or (value.isalnum() and value.isascii() and len(value) <= NAME_LIMIT):
        return value
    return clean(value, NAME_LIMIT)


def as_handle(ref: str) -> str:
    """Return a handle as it is stored from what a person typed: any case, with ``F-`` or without."""
    short = ref.strip().upper()
    return short if short.startswith("F-") else f"F-{short}"


def optional_name(value: Any) -> str | None:
    """Return an id or a name; None for none."""
    return None if value is None else name(value)


def stamp(seconds: float, postgresql: bool) -> Any:
    """Return Unix seconds as the driver takes a time; the text SQLAlchemy itself would write."""
    if postgresql:
        return instant(seconds)
    minute, rest = divmod(round(seconds * 1_000_000), 60_000_000)
    return f"{_minute(minute)}:{rest // 1_000_000:02d}.{rest % 1_000_000:06d}"


@lru_cache(256)
def _minute(number: int) -> str:
    """Return the text of a minute since 1970: records of a batch share a few."""
    return instant(number * 60).replace(tzinfo=None).isoformat(" ", "minutes")


def dumps(tree: Tree) -> str:
    """Return JSON for people and dashboards: readable, free of what PostgreSQL cannot read back."""
    try:
        text = _compact(tree)
        if text.isprintable() and "\\u0000" not in text:
            return text
    except (ValueError, TypeError, RecursionError):
        pass
    return _compact(_scrubbed(tree, 0))


def dumps_exactly(tree: Tree) -> str:
    """Return JSON that brings back the very same tree, NUL and lone surrogates included."""
    return _ascii(tree)


def loads(value: Any) -> Any:
    """Read a JSON column: text on SQLite and over raw cursors, already read on PostgreSQL."""
    return parsed(value)


def dump_kept(kept: Recording | SuccessSample) -> str:
    """Return a recording or a success sample as JSON."""
    data = _shallow(kept)
    data["steps"] = [_shallow(step) for step in kept.steps]
    return dumps_exactly(data)


def load_recording(value: Any) -> Recording:
    """Rebuild a recording; keys of a newer genmon are left out.

    Raises:
        ValueError, TypeError: it is no recording.
    """
    return _load_kept(Recording, value)


def load_sample(value: Any) -> SuccessSample:
    """Rebuild a success sample; keys of a newer genmon are left out.

    Raises:
        ValueError, TypeError: it is no success sample.
    """
    return _load_kept(SuccessSample, value)


def _load_kept(kind: type[Kept], value: Any) -> Kept:
    data = loads(value)
    if not isinstance(data, dict):
        raise ValueError("no JSON object")
    steps = data.get("steps", [])
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise ValueError("steps are no list of objects")
    texts = [data.get(name) for name in ("generation_id", "operation", "fingerprint")]
    if not all(text is None or isinstance(text, str) for text in texts):
        raise ValueError("names are no text")
    return _build(kind, {**data, "steps": tuple(_build(StepRecord, step) for step in steps)})


def _shallow(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _build(kind: type[Kept], data: Mapping[str, Any]) -> Kept:
    known = {field.name for field in fields(kind)}
    return kind(**{key: value for key, value in data.items() if key in known})


def _scrubbed(tree: Any, depth: int) -> Any:
    """Copy a tree with clean text, finite numbers, text keys and bounded depth."""
    if depth > _DEPTH:
        return "…"
    if isinstance(tree, str):
        return clean(tree, TEXT_LIMIT)
    if tree is None or isinstance(tree, (bool, int)):
        return tree
    if isinstance(tree, float):
        return tree if tree - tree == 0 else str(tree)
    if isinstance(tree, Mapping):
        return {clean(str(k), NAME_LIMIT): _scrubbed(v, depth + 1) for k, v in tree.items()}
    if isinstance(tree, (list, tuple, set, frozenset)):
        return [_scrubbed(member, depth + 1) for member in tree]
    return clean(str(tree), TEXT_LIMIT)
