"""The hot path: one batch of one producer, stored in one transaction, exactly once."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel.errors import StoreRefused
from genmon_otel.policy import DAY_S, STRIKES
from genmon_otel.ports import Propose
from genmon_otel.records import Batch, GenerationRecord, Outcome, Strike, WriteResult
from genmon_otel.store import analytics, grouping, schema
from genmon_otel.store.case_creation import complete, make_cases
from genmon_otel.store.codec import name, stamp
from genmon_otel.store.connect import Database
from genmon_otel.store.cursor import Cursor
from genmon_otel.store.grouping import Group
from genmon_otel.store.impact import ActiveUsers, Fact, ProjectsHit, StoredFacts, UsersHit
from genmon_otel.store.live import LiveRuns
from genmon_otel.store.recordings import keep_recordings, keep_samples

#: Rows that one minute of one kind of generation is spread over, by producer.
SHARDS: Final = 16


class _Committed(Exception):
    """The batch had been committed before: the COMMIT's answer was lost."""


class Writing:
    """Writes batches to one database for one process."""

    def __init__(self, database: Database, propose: Propose | None) -> None:
        self._database = database
        self._propose = propose
        self.remembered = StoredFacts()
        self._replaced = 0

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
                self._forget_replaced()
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

    def _forget_replaced(self) -> None:
        """Know nothing of a file that took the place of another."""
        if self._replaced != self._database.replaced:
            self._replaced = self._database.replaced
            self.remembered.clear()

    def _store(
        self,
        cursor: Cursor,
        batch: Batch,
        records: Sequence[GenerationRecord],
        shard: int,
        now: float,
    ) -> tuple[tuple[Strike, ...], list[Fact]]:
        failing = [
            record
            for record in records
            if record.failure is not None and record.outcome is Outcome.FAILURE
        ]
        attempts = [record for record in records if not _is_foreign(record)]
        groups = grouping.group(failing)

        # Everything that can be asked before an answer is read, in the order of locks.
        moved = _move_producer(cursor, batch, now)
        rows = grouping.upsert(cursor, groups, (each.fingerprint for each in batch.recordings))
        users, projects = _hits(groups)
        users_hit = UsersHit(cursor, users, self.remembered)
        projects_hit = ProjectsHit(cursor, projects, self.remembered)
        active = ActiveUsers(
            cursor,
            ((name(record.user_id), _day(record)) for record in attempts
             if record.user_id is not None),
            self.remembered,
        )  # fmt: skip
        live = LiveRuns(cursor, attempts)
        if groups or batch.recordings or batch.samples:
            _stop_if_committed(cursor, moved)

        grouping.read_back(cursor, groups, rows)
        struck = {each.fingerprint: each.count_strikes() for each in groups.values()}
        found = {each.fingerprint: (each.id, each.tally) for each in groups.values()}
        users_hit.count(found)
        projects_hit.count(found)
        grouping.settle(cursor, groups)
        self._keep(cursor, batch, groups, struck, now)
        live.keep()
        cursor.insert_analytics(analytics.rows(attempts, groups, cursor.is_postgresql))
        _roll_up(cursor, attempts, groups, shard)
        active.count(shard)
        if batch.samples:
            by_id = {record.generation_id: record for record in batch.records}
            keep_samples(cursor.connection, batch.samples, by_id)
        _stop_if_committed(cursor, moved)
        return _answers(groups, struck), [*users_hit.facts, *projects_hit.facts, *active.facts]

    def _keep(
        self,
        cursor: Cursor,
        batch: Batch,
        groups: dict[str, Group],
        struck: dict[str, dict[str, int]],
        now: float,
    ) -> None:
        """Keep recordings; make the cases that are due, complete those that wait for one."""
        grown: list[int] = []
        if batch.recordings:
            by_id = {record.generation_id: record for record in batch.records}
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


def _hits(groups: dict[str, Group]) -> tuple[dict[tuple[str, str], int], set[tuple[str, str]]]:
    """Return users by the day of their newest hit, and projects, each with the fingerprint."""
    users: dict[tuple[str, str], int] = {}
    projects: set[tuple[str, str]] = set()
    for key, each in groups.items():
        for record in each.records:  # in event order: the newest day stays
            if record.user_id is not None:
                users[key, name(record.user_id)] = _day(record)
            if record.project_id is not None:
                projects.add((key, name(record.project_id)))
    return users, projects


def _move_producer(cursor: Cursor, batch: Batch, now: float) -> Any:
    """Move the producer one batch on; the cursor that will know whether it moved."""
    return cursor.run(
        cursor.statements.move_producer,
        name(batch.producer), batch.position + 1, batch.journal_seq,
        stamp(now, cursor.is_postgresql),
    )  # fmt: skip


def _stop_if_committed(cursor: Cursor, moved: Any) -> None:
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


def _roll_up(
    cursor: Cursor, records: Sequence[GenerationRecord], groups: dict[str, Group], shard: int
) -> None:
    """Add attempts to their minutes: those of ``created_at`` as it is stored, rounding included."""
    durations: defaultdict[tuple[Any, ...], list[float]] = defaultdict(list)
    for record in records:
        moment = round(record.ended_at * 1_000_000) // 60_000_000
        category = grouping.category_of(record, groups)
        key = (moment, record.operation, record.framework, record.outcome, category)
        durations[key].append(float(record.duration_s))
    counts: Counter[tuple[Any, ...]] = Counter()
    totals: defaultdict[tuple[Any, ...], float] = defaultdict(float)
    for (moment, operation, framework, outcome, category), of_one in durations.items():
        row = (stamp(moment * 60, cursor.is_postgresql), name(operation), name(framework),
               str(outcome), str(category), shard)  # fmt: skip
        counts[row] += len(of_one)
        totals[row] += sum(of_one)
    cursor.many(
        cursor.statements.upsert_rollups,
        [(*row, count, totals[row]) for row, count in sorted(counts.items())],
    )


def _answers(groups: dict[str, Group], struck: dict[str, dict[str, int]]) -> tuple[Strike, ...]:
    return tuple(
        Strike(
            generation_id=record.generation_id,
            handle=each.handle,
            operation=record.operation,
            category=grouping.category_of(record, groups),
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
