"""Builds the rows of ``generation_analytics``. Runs once a generation, so it must be fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genmon_otel.records import GenerationRecord, Outcome, Tree
from genmon_otel.store.codec import (
    TEXT_LIMIT,
    dumps,
    storable_id,
    storable_name_or_none,
    to_timestamp,
)
from genmon_otel.store.grouping import FailureGroup, category_of, group_of
from genmon_otel.text import clean


class _StorableNames(dict[str | None, str | None]):
    """Names as :func:`storable_name` returns them, each worked out once a batch."""

    def __missing__(self, name: str | None) -> str | None:
        storable = self[name] = storable_name_or_none(name)
        return storable


def build_rows(
    records: Sequence[GenerationRecord], groups: Mapping[str, FailureGroup], is_postgresql: bool
) -> list[tuple[Any, ...]]:
    """Build a row for each record, in the column order of :data:`.statements.ANALYTICS`.

    Args:
        records: ended generations.
        groups: their failures, by fingerprint.
        is_postgresql: True for timestamps as ``datetime``, False for text.
    """
    rows = []
    names = _StorableNames()
    for record in records:
        outcome, request, group, category = record.outcome, record.user_request, None, None
        if record.failure is not None:
            group = group_of(record, groups)
            category = category_of(record, groups) or None
        rows.append((
            storable_id(record.generation_id),
            to_timestamp(record.ended_at, is_postgresql),
            names[record.operation],
            names[record.framework],
            outcome is Outcome.SUCCESS,
            names[outcome],
            float(record.duration_s),
            names[record.user_id],
            names[record.project_id],
            None if request is None else clean(request, TEXT_LIMIT),
            storable_id(record.trace_id),
            storable_id(record.span_id),
            None if group is None else group.id,
            category,
            names[record.code_version],
            _metadata(record),
        ))  # fmt: skip
    return rows


def _metadata(record: GenerationRecord) -> str:
    """Build the JSON of the column ``metadata``; absent values have no key."""
    metadata: dict[str, Tree] = {}
    if record.file_count is not None:
        metadata["file_count"] = record.file_count
    for stage in record.stages:
        metadata.setdefault("phases" if stage.kind == "phase" else "steps", []).append(
            {"name": stage.name, "duration_s": stage.duration_s, "outcome": stage.outcome}
        )
    if record.tokens:
        metadata["tokens"] = dict(record.tokens)
    if record.context:
        metadata["context"] = dict(record.context)
    return dumps(metadata) if metadata else "{}"
