"""What is kept of single generations beside their rows: recordings and success samples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel.errors import StoreRefused
from genmon_otel.policy import RECORDING_VARIANTS, SUCCESS_SAMPLES
from genmon_otel.records import GenerationRecord, Recording, SuccessSample
from genmon_otel.store import schema
from genmon_otel.store.codec import dump_kept, load_sample, loads, name, optional_name
from genmon_otel.store.reading import kept_in


def keep_recordings(
    connection: sa.Connection,
    recordings: Sequence[Recording],
    records: Mapping[str, GenerationRecord],
    now: float,
) -> list[int]:
    """Keep recordings, at most three of a failure; return the failures that got one.

    The failures' rows are locked by the caller (:func:`grouping.upsert`). When there are
    three, a recording that can be replayed takes the place of one that cannot, and otherwise
    the first ones stay: a case is made from them.

    Raises:
        StoreRefused: a recording is not redacted.
    """
    grown: list[int] = []
    table = schema.recordings
    for recording in recordings:
        if not recording.redacted:
            raise StoreRefused(
                f"The recording of generation {recording.generation_id} is not redacted. "
                "Pass it through recordings.prepare() first."
            )
        failure_id = connection.execute(
            sa.select(schema.failures.c.id).where(
                schema.failures.c.fingerprint == name(recording.fingerprint)
            )
        ).scalar()
        if failure_id is None:
            continue  # its failure's row never came here: nothing would ever show it
        kept = connection.execute(
            sa.select(table.c.id, table.c.generation_id, table.c.unreplayable)
            .where(table.c.failure_id == failure_id)
            .order_by(table.c.id)
        ).all()
        if any(row.generation_id == recording.generation_id for row in kept):
            continue
        if len(kept) >= RECORDING_VARIANTS:
            useless = next((row.id for row in kept if row.unreplayable), None)
            if useless is None or recording.unreplayable:
                continue
            connection.execute(sa.delete(table).where(table.c.id == useless))
        connection.execute(
            sa.insert(table)
            .values(
                failure_id=failure_id,
                generation_id=recording.generation_id,
                created_at=now,
                user_id=_user_of(connection, recording.generation_id, records),
                unreplayable=recording.unreplayable,
                recording=loads(dump_kept(recording)),
            )
            .inline()
        )
        grown.append(failure_id)
    return grown


def keep_samples(
    connection: sa.Connection,
    samples: Iterable[SuccessSample],
    records: Mapping[str, GenerationRecord],
) -> None:
    """Keep success samples, the newest three of an operation."""
    table = schema.samples
    by_operation: dict[str, list[SuccessSample]] = defaultdict(list)
    for sample in samples:
        by_operation[name(sample.operation)].append(sample)
    for operation, all_of_one in sorted(by_operation.items()):
        newest = sorted(all_of_one, key=lambda sample: sample.ended_at)[-SUCCESS_SAMPLES:]
        for sample in newest:
            known = sa.select(table.c.id).where(table.c.generation_id == sample.generation_id)
            if connection.execute(known).first() is None:
                connection.execute(
                    sa.insert(table)
                    .values(
                        operation=operation,
                        generation_id=sample.generation_id,
                        ended_at=sample.ended_at,
                        code_version=optional_name(sample.code_version),
                        user_id=_user_of(connection, sample.generation_id, records),
                        sample=loads(dump_kept(sample)),
                    )
                    .inline()
                )
        oldest_kept = (
            sa.select(table.c.id)
            .where(table.c.operation == operation)
            .order_by(table.c.ended_at.desc(), table.c.id.desc())
            .limit(SUCCESS_SAMPLES)
        )
        connection.execute(
            sa.delete(table).where(
                table.c.operation == operation,
                table.c.id.not_in(sa.select(oldest_kept.subquery().c.id)),
            )
        )


def samples(connection: sa.Connection, operation: str) -> list[SuccessSample]:
    """Return what successful results of an operation looked like, newest first."""
    table = schema.samples
    found = connection.execute(
        sa.select(table.c.id, table.c.sample)
        .where(table.c.operation == operation)
        .order_by(table.c.ended_at.desc(), table.c.id.desc())
    ).mappings()
    return list(kept_in(connection, names.TABLE_SAMPLES, found, "sample", load_sample))


def _user_of(
    connection: sa.Connection, generation_id: str, records: Mapping[str, GenerationRecord]
) -> Any:
    """Return whose generation it was, from this batch or an earlier one."""
    record = records.get(generation_id)
    if record is not None:
        return optional_name(record.user_id)
    table = schema.analytics
    return connection.execute(
        sa.select(table.c.user_id).where(table.c.generation_id == generation_id)
    ).scalar()
