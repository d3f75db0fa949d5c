"""Stores one batch of one producer in one transaction, exactly once."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel.errors import StoreRefused
from genmon_otel.policy import DAY_S, STRIKES, minute_of
from genmon_otel.ports import Propose
from genmon_otel.records import Batch, GenerationRecord, Outcome, Strike, WriteResult
from genmon_otel.store import analytics, grouping, schema
from genmon_otel.store.case_creation import create_cases, rebuild_proposed_cases
from genmon_otel.store.codec import storable_name, to_timestamp
from genmon_otel.store.connect import Database
from genmon_otel.store.cursor import Cursor
from genmon_otel.store.grouping import FailureGroup
from genmon_otel.store.impact import (
    ActiveUsers,
    AffectedProjects,
    AffectedUsers,
    RowKey,
    StoredKeys,
)
from genmon_otel.store.live import LiveRuns
from genmon_otel.store.recordings import save_recordings, save_samples

#: Rows over which the counts of one minute and one kind of generation are spread, by producer, so
#: that concurrent processes do not wait for each other's row locks.
SHARDS: Final = 16


class _AlreadyCommitted(Exception):
    """An earlier transaction committed this batch, and the answer to its COMMIT was lost."""


class BatchWriter:
    """Writes batches to one database, for one process."""

    def __init__(self, database: Database, propose: Propose | None) -> None:
        self._database = database
        self._propose = propose
        #: Keys of rows that this process has stored or found stored.
        self.stored_keys = StoredKeys()
        self._seen_replacements = 0

    def write(self, batch: Batch, now: float) -> WriteResult:
        """Store a batch; see :meth:`genmon_otel.ports.Store.write`."""
        records = tuple({record.generation_id: record for record in batch.records}.values())
        try:
            return self._write(batch, records, now)
        except StoreRefused as refusal:
            if not _is_duplicate_generation(refusal):
                raise
        # Rare: the journal of a dead process was delivered twice. A second transaction stores the
        # batch without the generations that are there.
        with self._database.read() as connection:
            new_records = _without_stored(connection, records)
        return self._write(batch, new_records, now)

    def _write(self, batch: Batch, records: Sequence[GenerationRecord], now: float) -> WriteResult:
        shard = zlib.crc32(batch.producer.encode("utf-8", "replace")) % SHARDS
        try:
            with self._database.begin() as connection:
                self._clear_cache_of_replaced_file()
                cursor = Cursor(connection, self._database.is_postgresql)
                try:
                    strikes, new_keys = self._store(cursor, batch, records, shard, now)
                    cursor.finish_pipeline()
                except BaseException:
                    cursor.close_after_error()
                    raise
        except _AlreadyCommitted:
            return WriteResult(written=0, duplicate=True)
        except (TypeError, ValueError, AttributeError) as error:
            raise StoreRefused(
                f"A record cannot be stored: {type(error).__name__}: {error}"
            ) from error
        self.stored_keys.update(new_keys)
        return WriteResult(written=len(batch.records), strikes=strikes)

    def _clear_cache_of_replaced_file(self) -> None:
        """Clear the cache when the SQLite file was replaced: the new one has other rows."""
        if self._seen_replacements != self._database.file_replacements:
            self._seen_replacements = self._database.file_replacements
            self.stored_keys.clear()

    def _store(
        self,
        cursor: Cursor,
        batch: Batch,
        records: Sequence[GenerationRecord],
        shard: int,
        now: float,
    ) -> tuple[tuple[Strike, ...], list[RowKey]]:
        failing = [
            record
            for record in records
            if record.failure is not None and record.outcome is Outcome.FAILURE
        ]
        attempts = [record for record in records if not _is_foreign_span(record)]
        groups = grouping.group_by_fingerprint(failing)

        # Send every statement before the first answer is fetched, in the order of row locks that
        # all transactions keep.
        advanced = _advance_producer(cursor, batch, now)
        result = grouping.upsert_failures(
            cursor, groups, (each.fingerprint for each in batch.recordings)
        )
        users, projects = _affected(groups)
        affected_users = AffectedUsers(cursor, users, self.stored_keys)
        affected_projects = AffectedProjects(cursor, projects, self.stored_keys)
        active = ActiveUsers(
            cursor,
            ((storable_name(user), day) for user, day in
             {(record.user_id, _day(record)) for record in attempts} if user is not None),
            self.stored_keys,
        )  # fmt: skip
        live = LiveRuns(cursor, attempts)
        if groups or batch.recordings or batch.samples:
            _stop_if_committed(cursor, advanced)

        grouping.load_rows(cursor, groups, result)
        strike_counts = {each.fingerprint: each.count_strikes() for each in groups.values()}
        row_and_impact = {each.fingerprint: (each.id, each.impact) for each in groups.values()}
        affected_users.count(row_and_impact)
        affected_projects.count(row_and_impact)
        grouping.save_groups(cursor, groups)
        self._save_recordings_and_cases(cursor, batch, groups, strike_counts, now)
        live.save()
        cursor.insert_analytics(analytics.build_rows(attempts, groups, cursor.is_postgresql))
        _update_rollups(cursor, batch, attempts, groups, shard)
        active.count(shard)
        if batch.samples:
            by_id = {record.generation_id: record for record in batch.records}
            save_samples(cursor.connection, batch.samples, by_id)
        _stop_if_committed(cursor, advanced)
        return _strike_results(groups, strike_counts), [
            *affected_users.new_keys,
            *affected_projects.new_keys,
            *active.new_keys,
        ]

    def _save_recordings_and_cases(
        self,
        cursor: Cursor,
        batch: Batch,
        groups: dict[str, FailureGroup],
        strike_counts: dict[str, dict[str, int]],
        now: float,
    ) -> None:
        """Save recordings, create the cases that are due and rebuild proposed ones.

        ``strike_counts`` holds the strikes by generation id, by fingerprint.
        """
        with_new_recording: list[int] = []
        if batch.recordings:
            by_id = {record.generation_id: record for record in batch.records}
            with_new_recording = save_recordings(cursor.connection, batch.recordings, by_id, now)
        due = [
            each
            for each in groups.values()
            if max(strike_counts[each.fingerprint].values()) >= STRIKES
            and not each.test_generated
            and each.may_have_case
        ]
        if due:
            create_cases(cursor.connection, due, self._propose, now)
        changed = set(with_new_recording) - {each.id for each in due}
        if changed:
            rebuild_proposed_cases(cursor.connection, changed, self._propose)


def _affected(
    groups: dict[str, FailureGroup],
) -> tuple[dict[tuple[str, str], int], set[tuple[str, str]]]:
    """Return the day of the newest hit by ``(fingerprint, user)``, and ``(fingerprint, project)``."""
    users: dict[tuple[str, str], int] = {}
    projects: set[tuple[str, str]] = set()
    for key, each in groups.items():
        for record in each.records:  # by ended_at: the newest day is the last
            if record.user_id is not None:
                users[key, storable_name(record.user_id)] = _day(record)
            if record.project_id is not None:
                projects.add((key, storable_name(record.project_id)))
    return users, projects


def _advance_producer(cursor: Cursor, batch: Batch, now: float) -> Any:
    """Send the compare-and-swap of the producer's position; return its cursor for ``rowcount``."""
    return cursor.execute(
        cursor.statements.advance_producer,
        storable_name(batch.producer), batch.position + 1, batch.journal_seq,
        to_timestamp(now, cursor.is_postgresql),
    )  # fmt: skip


def _stop_if_committed(cursor: Cursor, advanced: Any) -> None:
    """Raise _AlreadyCommitted where the compare-and-swap changed no row."""
    cursor.finish_pipeline()
    if advanced.rowcount != 1:
        raise _AlreadyCommitted


def _is_foreign_span(record: GenerationRecord) -> bool:
    return record.failure is not None and record.failure.origin == "foreign_span"


def _day(record: GenerationRecord) -> int:
    return int(record.ended_at // DAY_S)


def _is_duplicate_generation(refusal: StoreRefused) -> bool:
    """Whether a batch was refused because one of its generations is stored, from another producer."""
    cause = refusal.__cause__
    duplicate = getattr(cause, "sqlstate", None) == "23505" or "UNIQUE" in str(cause)
    return duplicate and "generation_analytics" in str(cause)


def _update_rollups(
    cursor: Cursor,
    batch: Batch,
    records: Sequence[GenerationRecord],
    groups: dict[str, FailureGroup],
    shard: int,
) -> None:
    """Add generations to the rollups of the minutes they ended in, dropped rows among them."""
    durations: defaultdict[tuple[Any, ...], list[float]] = defaultdict(list)
    for record in records:
        category = "" if record.failure is None else grouping.category_of(record, groups)
        key = (minute_of(record.ended_at), record.operation, record.framework, record.outcome,
               category)  # fmt: skip
        durations[key].append(record.duration_s)
    counts: Counter[tuple[Any, ...]] = Counter()
    totals: defaultdict[tuple[Any, ...], float] = defaultdict(float)
    for (minute, operation, framework, outcome, category), durations_s in durations.items():
        row = (to_timestamp(minute * 60, cursor.is_postgresql), storable_name(operation),
               storable_name(framework), str(outcome), str(category), shard)  # fmt: skip
        counts[row] += len(durations_s)
        totals[row] += sum(durations_s)
    for minute, operation, framework, outcome, count, seconds in batch.counts:
        row = (to_timestamp(minute * 60, cursor.is_postgresql), storable_name(operation),
               storable_name(framework), outcome, "", shard)  # fmt: skip
        counts[row] += count
        totals[row] += seconds
    cursor.execute_many(
        cursor.statements.upsert_rollups,
        [(*row, count, totals[row]) for row, count in sorted(counts.items())],
    )


def _strike_results(
    groups: dict[str, FailureGroup], strike_counts: dict[str, dict[str, int]]
) -> tuple[Strike, ...]:
    return tuple(
        Strike(
            generation_id=record.generation_id,
            handle=each.handle,
            operation=record.operation,
            category=grouping.category_of(record, groups),
            strikes=strike_counts[each.fingerprint][record.generation_id],
            case_id=each.case_id,
            reopened=each.reopened and record is each.records[0],
        )
        for each in groups.values()
        for record in each.records
    )


def _without_stored(
    connection: sa.Connection, records: Sequence[GenerationRecord]
) -> list[GenerationRecord]:
    table = schema.analytics
    ids = [storable_name(record.generation_id) for record in records]
    stored = set(
        connection.execute(
            sa.select(table.c.generation_id).where(table.c.generation_id.in_(ids))
        ).scalars()
    )
    return [record for record in records if storable_name(record.generation_id) not in stored]
