"""The rows of ``generation_analytics``: one a generation, so every microsecond here is one each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genmon_otel.records import GenerationRecord, Outcome, Tree
from genmon_otel.store.codec import TEXT_LIMIT, dumps, identity, name, optional_name, stamp
from genmon_otel.store.grouping import Group, category_of, group_of
from genmon_otel.text import clean


def rows(
    records: Sequence[GenerationRecord], groups: Mapping[str, Group], postgresql: bool
) -> list[tuple[Any, ...]]:
    """Return generations' rows, in the order of :data:`genmon_otel.store.statements.ANALYTICS`.

    Args:
        records: ended generations.
        groups: their failures, by fingerprint.
        postgresql: whether the driver takes times as objects rather than text.
    """
    made = []
    for record in records:
        outcome = record.outcome
        group = group_of(record, groups)
        request = record.user_request
        made.append((
            identity(record.generation_id),
            stamp(record.ended_at, postgresql),
            name(record.operation),
            name(record.framework),
            outcome is Outcome.SUCCESS,
            str(outcome),
            float(record.duration_s),
            optional_name(record.user_id),
            optional_name(record.project_id),
            None if request is None else clean(request, TEXT_LIMIT),
            identity(record.trace_id),
            identity(record.span_id),
            None if group is None else group.id,
            category_of(record, groups) or None,
            optional_name(record.code_version),
            dumps(metadata(record)),
        ))  # fmt: skip
    return made


def metadata(record: GenerationRecord) -> dict[str, Tree]:
    """Return what a generation's row says beside its columns."""
    said: dict[str, Tree] = {}
    if record.file_count is not None:
        said["file_count"] = record.file_count
    for stage in record.stages:
        said.setdefault("phases" if stage.kind == "phase" else "steps", []).append(
            {"name": stage.name, "duration_s": stage.duration_s, "outcome": stage.outcome}
        )
    if record.tokens:
        said["tokens"] = dict(record.tokens)
    if record.context:
        said["context"] = dict(record.context)
    return said
