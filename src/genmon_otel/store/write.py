"""The hot path: one batch of one producer, stored in one transaction, exactly once."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel.errors import StoreRefused
from genmon_otel.policy import STRIKES
from genmon_otel.ports import Propose
from genmon_otel.records import Batch, GenerationRecord, Outcome, Strike, WriteResult
from genmon_otel.store import grouping, schema
from genmon_otel.store.birth import complete, make_cases
from genmon_otel.store.codec import TEXT_LIMIT, dumps, identity, name, optional_name, stamp
from genmon_otel.store.connect import Database
from genmon_otel.store.grouping import Group
from genmon_otel.store.impact import (
    DAY_S,
    Fact,
    Remembered,
    count_active_users,
    count_projects_hit,
    count_users_hit,
)
from genmon_otel.store.kept import keep_recordings, keep_samples
from genmon_otel.store.live import run_live
from genmon_otel.store.statements import Cursor
from genmon_otel.text import clean

#: Rows that one minute of one kind of generation is spread over, by producer.
SHARDS: Final = 16


class _Committed(Exception):
    """The batch had been committed before: the COMMIT's answer was lost."""


class Writing:
    """Writes batches to one database for one process."""

    def __init__(self, database: Database, propose: Propose | None) -> None:
        self._database = database
        self._propose = propose
        self.remembered = Remembered()

    def write(self, batch: Batch, now: float) -> WriteResult:
        """Store a batch; see :meth:`genmon_otel.ports.Store.write`."""
        records = tuple({record.generation_id: record for record in batch.records}.values())
        try:
            return self._write(batch, records, now)
        except StoreRefused as refusal:
            if not _is_known_generation(refusal):
                raise
        # Rare (a dead process's journal told twice), so it costs a second transaction.
        with self._database.read() as connection:
            fresh = _without_known(connection, records)
        return self._write(batch, fresh, now)

    def _write(self, batch: Batch, records: Sequence[GenerationRecord], now: float) -> WriteResult:
        shard = zlib.crc32(batch.producer.encode("utf-8", "replace")) % SHARDS
        try:
            with self._database.begin() as connection:
                cursor = Cursor(connection, self._database.is_postgresql)
                try:
                    strikes, facts = self._store(cursor, batch, records, shard, now)
                    cursor.finish()
                except BaseException:
                    cursor.abandon()
                    raise
        except _Committed:
            return WriteResult(written=0, duplicate=True)
        except (TypeError, ValueError, AttributeError) as error:
            raise StoreRefused(
                f"A record cannot be stored: {type(error).__name__}: {error}"
            ) from error
        self.remembered.update(facts)
        return WriteResult(written=len(batch.records), strikes=strikes)

    def _store(
        self,
        cursor: Cursor,
        batch: Batch,
        records: Sequence[GenerationRecord],
        shard: int,
        now: float,
    ) -> tuple[tuple[Strike, ...], list[Fact]]:
        by_id = {record.generation_id: record for record in batch.records}
        failing = [
            record
            for record in records
            if record.failure is not None and record.outcome is Outcome.FAILURE
        ]
        attempts = [record for record in records if not _is_foreign(record)]
        groups = grouping.group(failing)
        moved = _move_producer(cursor, batch, now)
        grouping.upsert(cursor, groups, (each.fingerprint for each in batch.recordings))
        if groups or batch.recordings or batch.samples:
            _check(cursor, moved)
        struck = {each.fingerprint: each.count_strikes() for each in groups.values()}
        facts = self._count_people_hit(cursor, groups)
        grouping.settle(cursor, groups)
        self._keep(cursor, batch, groups, struck, now)
        run_live(cursor, attempts)
        cursor.insert_analytics(
            [_analytics_row(record, groups, cursor.is_postgresql) for record in attempts]
        )
        _roll_up(cursor, attempts, shard)
        facts += count_active_users(
            cursor,
            ((name(record.user_id), _day(record)) for record in attempts
             if record.user_id is not None),
            shard, self.remembered,
        )  # fmt: skip
        if batch.samples:
            keep_samples(cursor.connection, batch.samples, by_id)
        _check(cursor, moved)
        return _answers(groups, struck), facts

    def _keep(
        self,
        cursor: Cursor,
        batch: Batch,
        groups: dict[str, Group],
        struck: dict[str, dict[str, int]],
        now: float,
    ) -> None:
        """Keep recordings; make the cases that are due, complete those that wait for one."""
        by_id = {record.generation_id: record for record in batch.records}
        grown: list[int] = []
        if batch.recordings:
            grown = keep_recordings(cursor.connection, batch.recordings, by_id, now)
        due = [
            each
            for each in groups.values()
            if max(struck[each.fingerprint].values()) >= STRIKES
            and not each.test_generated
            and each.makes_cases
        ]
        if due:
            make_cases(cursor.connection, due, self._propose, now)
        waiting = set(grown) - {each.id for each in due}
        if waiting:
            complete(cursor.connection, waiting, self._propose)

    def _count_people_hit(self, cursor: Cursor, groups: dict[str, Group]) -> list[Fact]:
        users: dict[tuple[int, str], int] = {}
        projects: set[tuple[int, str]] = set()
        for each in groups.values():
            for record in each.records:  # in event order: the newest day stays
                if record.user_id is not None:
                    users[each.id, name(record.user_id)] = _day(record)
                if record.project_id is not None:
                    projects.add((each.id, name(record.project_id)))
        tallies = {each.id: each.tally for each in groups.values()}
        return [
            *count_users_hit(cursor, users, tallies, self.remembered),
            *count_projects_hit(cursor, projects, tallies, self.remembered),
        ]


def _move_producer(cursor: Cursor, batch: Batch, now: float) -> Any:
    """Move the producer one batch on; the cursor that will know whether it moved."""
    return cursor.run(
        cursor.statements.move_producer,
        (name(batch.producer), batch.position + 1, batch.journal_seq,
         stamp(now, cursor.is_postgresql)),
    )  # fmt: skip


def _check(cursor: Cursor, moved: Any) -> None:
    """Stop where the producer had moved already."""
    cursor.finish()
    if moved.rowcount != 1:
        raise _Committed


def _is_foreign(record: GenerationRecord) -> bool:
    return record.failure is not None and record.failure.origin == "foreign_span"


def _day(record: GenerationRecord) -> int:
    return int(record.ended_at // DAY_S)


def _is_known_generation(refusal: StoreRefused) -> bool:
    """Whether a generation is in the store already, from another producer."""
    cause = refusal.__cause__
    duplicate = getattr(cause, "sqlstate", None) == "23505" or "UNIQUE" in str(cause)
    return duplicate and "generation_analytics" in str(cause)


def _analytics_row(
    record: GenerationRecord, groups: dict[str, Group], postgresql: bool
) -> tuple[Any, ...]:
    failure = record.failure
    group = groups.get(name(failure.fingerprint)) if failure is not None else None
    return (
        identity(record.generation_id),
        stamp(record.ended_at, postgresql),
        name(record.operation),
        name(record.framework),
        record.outcome is Outcome.SUCCESS,
        str(record.outcome),
        float(record.duration_s),
        optional_name(record.user_id),
        optional_name(record.project_id),
        None if record.user_request is None else clean(record.user_request, TEXT_LIMIT),
        identity(record.trace_id),
        identity(record.span_id),
        None if group is None else group.id,
        None if failure is None else str(failure.category),
        optional_name(record.code_version),
        dumps(_metadata(record)),
    )


def _metadata(record: GenerationRecord) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if record.file_count is not None:
        metadata["file_count"] = record.file_count
    for key, kind in (("phases", "phase"), ("steps", "step")):
        stages = [
            {"name": stage.name, "duration_s": stage.duration_s, "outcome": stage.outcome}
            for stage in record.stages
            if stage.kind == kind
        ]
        if stages:
            metadata[key] = stages
    if record.tokens:
        metadata["tokens"] = dict(record.tokens)
    if record.context:
        metadata["context"] = dict(record.context)
    return metadata


def _roll_up(cursor: Cursor, records: Sequence[GenerationRecord], shard: int) -> None:
    """Add attempts to their minutes: those of ``created_at`` as it is stored, rounding included."""
    totals: dict[tuple[Any, ...], list[float]] = {}
    minutes: dict[int, Any] = {}
    for record in records:
        moment = round(record.ended_at * 1_000_000) // 60_000_000
        minute = minutes.get(moment)
        if minute is None:
            minute = minutes[moment] = stamp(moment * 60, cursor.is_postgresql)
        category = "" if record.failure is None else str(record.failure.category)
        key = (minute, name(record.operation), name(record.framework), str(record.outcome),
               category, shard)  # fmt: skip
        total = totals.setdefault(key, [0, 0.0])
        total[0] += 1
        total[1] += float(record.duration_s)
    cursor.many(
        cursor.statements.upsert_rollups,
        [(*key, int(count), duration) for key, (count, duration) in sorted(totals.items())],
    )


def _answers(groups: dict[str, Group], struck: dict[str, dict[str, int]]) -> tuple[Strike, ...]:
    return tuple(
        Strike(
            generation_id=record.generation_id,
            handle=each.handle,
            operation=record.operation,
            category=str(grouping.failure_of(record).category),
            strikes=struck[each.fingerprint][record.generation_id],
            case_id=each.case_id,
            reopened=each.reopened and record is each.records[0],
        )
        for each in groups.values()
        for record in each.records
    )


def _without_known(
    connection: sa.Connection, records: Sequence[GenerationRecord]
) -> list[GenerationRecord]:
    table = schema.analytics
    ids = [name(record.generation_id) for record in records]
    known = set(
        connection.execute(
            sa.select(table.c.generation_id).where(table.c.generation_id.in_(ids))
        ).scalars()
    )
    return [record for record in records if name(record.generation_id) not in known]
