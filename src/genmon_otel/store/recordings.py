"""Saves and lists recordings and success samples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel.errors import StoreRefused
from genmon_otel.policy import RECORDINGS_PER_FAILURE, SAMPLES_PER_OPERATION
from genmon_otel.records import GenerationRecord, Recording, SuccessSample
from genmon_otel.store import schema
from genmon_otel.store.codec import (
    dump_recording,
    load_sample,
    loads,
    storable_name,
    storable_name_or_none,
)
from genmon_otel.store.reading import load_each


def save_recordings(
    connection: sa.Connection,
    recordings: Sequence[Recording],
    records: Mapping[str, GenerationRecord],
    now: float,
) -> list[int]:
    """Save recordings, at most three of a failure.

    The caller holds the locks on the failures' rows (:func:`.grouping.upsert_failures`). Where
    three are stored, a recording that can be replayed replaces one that cannot; else the stored
    ones stay, because a case is built from them.

    Args:
        connection: inside the batch's transaction.
        recordings: redacted ones.
        records: the batch's records by generation id.
        now: Unix seconds.

    Returns:
        The row ids of the failures that a recording was saved for.

    Raises:
        StoreRefused: a recording is not redacted.
    """
    changed: list[int] = []
    table = schema.recordings
    for recording in recordings:
        if not recording.redacted:
            raise StoreRefused(
                f"The recording of generation {recording.generation_id} is not redacted. "
                "Pass it through recordings.prepare() first."
            )
        failure_id = connection.execute(
            sa.select(schema.failures.c.id).where(
                schema.failures.c.fingerprint == storable_name(recording.fingerprint)
            )
        ).scalar()
        if failure_id is None:
            continue  # the failure is not in this store, so nothing could show the recording
        stored = connection.execute(
            sa.select(table.c.id, table.c.generation_id, table.c.unreplayable)
            .where(table.c.failure_id == failure_id)
            .order_by(table.c.id)
        ).all()
        if any(row.generation_id == recording.generation_id for row in stored):
            continue
        if len(stored) >= RECORDINGS_PER_FAILURE:
            replaceable = next((row.id for row in stored if row.unreplayable), None)
            if replaceable is None or recording.unreplayable:
                continue
            connection.execute(sa.delete(table).where(table.c.id == replaceable))
        connection.execute(
            sa.insert(table)
            .values(
                failure_id=failure_id,
                generation_id=recording.generation_id,
                created_at=now,
                user_id=_fetch_user(connection, recording.generation_id, records),
                unreplayable=recording.unreplayable,
                recording=loads(dump_recording(recording)),
            )
            .inline()
        )
        changed.append(failure_id)
    return changed


def save_samples(
    connection: sa.Connection,
    samples: Iterable[SuccessSample],
    records: Mapping[str, GenerationRecord],
) -> None:
    """Save success samples; delete all but an operation's newest three, and three with donors."""
    table = schema.samples
    by_operation: dict[str, list[SuccessSample]] = defaultdict(list)
    for sample in samples:
        by_operation[storable_name(sample.operation)].append(sample)
    for operation, of_operation in sorted(by_operation.items()):
        newest = sorted(of_operation, key=lambda sample: sample.ended_at)[-SAMPLES_PER_OPERATION:]
        for sample in newest:
            stored = sa.select(table.c.id).where(table.c.generation_id == sample.generation_id)
            if connection.execute(stored).first() is None:
                connection.execute(
                    sa.insert(table)
                    .values(
                        operation=operation,
                        generation_id=sample.generation_id,
                        ended_at=sample.ended_at,
                        code_version=storable_name_or_none(sample.code_version),
                        user_id=_fetch_user(connection, sample.generation_id, records),
                        sample=loads(dump_recording(sample)),
                        is_donor=bool(sample.steps),
                    )
                    .inline()
                )
        newest_stored = (
            sa.select(table.c.id)
            .where(table.c.operation == operation)
            .order_by(table.c.ended_at.desc(), table.c.id.desc())
            .limit(SAMPLES_PER_OPERATION)
        )
        newest_donors = newest_stored.where(table.c.is_donor.is_(True))
        connection.execute(
            sa.delete(table).where(
                table.c.operation == operation,
                table.c.id.not_in(sa.select(newest_stored.subquery().c.id)),
                table.c.id.not_in(sa.select(newest_donors.subquery().c.id)),
            )
        )


def list_samples(connection: sa.Connection, operation: str) -> list[SuccessSample]:
    """List the success samples of an operation, newest first."""
    table = schema.samples
    found = connection.execute(
        sa.select(table.c.id, table.c.sample)
        .where(table.c.operation == operation)
        .order_by(table.c.ended_at.desc(), table.c.id.desc())
    ).mappings()
    return list(load_each(connection, names.TABLE_SAMPLES, found, "sample", load_sample))


def _fetch_user(
    connection: sa.Connection, generation_id: str, records: Mapping[str, GenerationRecord]
) -> Any:
    """Return the user of a generation of this batch or an earlier one; None when unknown."""
    record = records.get(generation_id)
    if record is not None:
        return storable_name_or_none(record.user_id)
    table = schema.analytics
    return connection.execute(
        sa.select(table.c.user_id).where(table.c.generation_id == generation_id)
    ).scalar()
