"""Builds the rows of ``generation_analytics``. Runs once a generation, so it must be fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genmon_otel.records import GenerationRecord, Outcome, Tree
from genmon_otel.store.codec import (
    TEXT_LIMIT,
    dumps,
    storable_id,
    storable_name,
    storable_name_or_none,
    to_timestamp,
)
from genmon_otel.store.grouping import FailureGroup, category_of, group_of
from genmon_otel.text import clean


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
    for record in records:
        outcome = record.outcome
        group = group_of(record, groups)
        request = record.user_request
        rows.append((
            storable_id(record.generation_id),
            to_timestamp(record.ended_at, is_postgresql),
            storable_name(record.operation),
            storable_name(record.framework),
            outcome is Outcome.SUCCESS,
            str(outcome),
            float(record.duration_s),
            storable_name_or_none(record.user_id),
            storable_name_or_none(record.project_id),
            None if request is None else clean(request, TEXT_LIMIT),
            storable_id(record.trace_id),
            storable_id(record.span_id),
            None if group is None else group.id,
            category_of(record, groups) or None,
            storable_name_or_none(record.code_version),
            dumps(_metadata(record)),
        ))  # fmt: skip
    return rows


def _metadata(record: GenerationRecord) -> dict[str, Tree]:
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
    return metadata
