"""Groups the failures of one batch by fingerprint and stores them.

Three steps in one transaction. :func:`upsert_failures` inserts or updates each failure's row, in
the order of fingerprints; that locks the row until the transaction ends, so concurrent processes
neither deadlock nor lose a count. :func:`load_rows` reads the rows. :func:`save_groups` writes what
depends on their old values: strikes, status, users hit.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from genmon_otel import conventions as names
from genmon_otel.fingerprint import handle as handle_of
from genmon_otel.policy import OVERFLOW_FINGERPRINT
from genmon_otel.records import Failure, GenerationRecord
from genmon_otel.store.codec import (
    MESSAGE_LIMIT,
    TEXT_LIMIT,
    dumps,
    storable_name,
    storable_name_or_none,
    to_timestamp,
)
from genmon_otel.store.cursor import Cursor
from genmon_otel.store.impact import ImpactDelta
from genmon_otel.store.reading import RowReader
from genmon_otel.store.strikes import Strikes
from genmon_otel.text import clean

#: Key of the advisory lock of PostgreSQL that a transaction holds while it assigns handles to new
#: failures, so that no two get the same.
HANDLE_LOCK_KEY: Final = 0x67656E6D_01
HANDLE_LENGTHS: Final = range(4, 33)

OPEN: Final = "open"
RESOLVED: Final = "resolved"
IGNORED: Final = "ignored"


@dataclass(slots=True)
class FailureGroup:
    """The records of a batch that share a fingerprint, and their failure's row."""

    fingerprint: str
    records: list[GenerationRecord] = field(default_factory=list)
    id: int = 0
    handle: str = ""
    status: str = OPEN
    test_generated: bool = False
    reopened: bool = False
    is_new: bool = False
    case_id: int | None = None
    case_state: str | None = None
    #: The category that a person set; None where the rules' category applies.
    category_by_person: str | None = None
    strikes: Strikes = field(default_factory=Strikes)
    impact: ImpactDelta = field(default_factory=lambda: ImpactDelta({}))

    @property
    def newest(self) -> GenerationRecord:
        """The record that ended last."""
        return max(self.records, key=lambda record: record.ended_at)

    def count_strikes(self) -> dict[str, int]:
        """Add each record's strike; return the distinct strikes in its window, by generation id."""
        return {
            record.generation_id: self.strikes.add(
                storable_name(record.strike_key or record.generation_id), record.ended_at
            )
            for record in self.records
        }

    @property
    def may_have_case(self) -> bool:
        """Whether a case may be created: not for overflow, ignored failures and foreign spans."""
        return (
            not self.fingerprint.startswith(OVERFLOW_FINGERPRINT.rstrip(":"))
            and self.status != IGNORED
            and failure_of(self.newest).origin != "foreign_span"
        )


def failure_of(record: GenerationRecord) -> Failure:
    """Return the failure of a record that has one."""
    assert record.failure is not None
    return record.failure


def group_of(record: GenerationRecord, groups: Mapping[str, FailureGroup]) -> FailureGroup | None:
    """Return the group of a record's failure; None where it did not fail."""
    return None if record.failure is None else groups.get(storable_name(record.failure.fingerprint))


def category_of(record: GenerationRecord, groups: Mapping[str, FailureGroup]) -> str:
    """Return the category that a person set, else the rules'; empty where the record did not fail."""
    if record.failure is None:
        return ""
    found = group_of(record, groups)
    return (found and found.category_by_person) or str(record.failure.category)


def group_by_fingerprint(records: Sequence[GenerationRecord]) -> dict[str, FailureGroup]:
    """Group failing records by fingerprint: sorted by fingerprint, each group by ``ended_at``."""
    groups: dict[str, FailureGroup] = {}
    for record in sorted(records, key=lambda record: record.ended_at):
        key = storable_name(failure_of(record).fingerprint)
        if key not in groups:
            groups[key] = FailureGroup(key)
        groups[key].records.append(record)
    return dict(sorted(groups.items()))


def upsert_failures(
    cursor: Cursor, groups: dict[str, FailureGroup], recorded: Iterable[str]
) -> Any:
    """Insert or update the failures' rows, which locks them, and send the query for them.

    Args:
        cursor: inside the batch's transaction.
        groups: by fingerprint, sorted.
        recorded: fingerprints of the batch's recordings. Rows without a group are locked in the
            same pass, so that all locks are taken in one order.

    Returns:
        The driver's cursor, for :func:`load_rows`; None without groups.
    """
    only_recorded = (
        sorted(set(map(storable_name, recorded)) - set(groups)) if cursor.is_postgresql else []
    )
    rows: list[tuple[Any, ...]] = []
    for key in heapq.merge(groups, only_recorded):
        if key in groups:
            rows.append(_failure_row(groups[key], cursor.is_postgresql))
        else:
            cursor.execute_many(cursor.statements.upsert_failures, rows)
            rows = []
            cursor.execute(cursor.statements.lock_failure, key)
    cursor.execute_many(cursor.statements.upsert_failures, rows)
    return (
        cursor.execute(cursor.statements.read_failures, cursor.list_parameter(groups))
        if groups
        else None
    )


def load_rows(cursor: Cursor, groups: dict[str, FailureGroup], result: Any) -> None:
    """Fill the groups from their failures' rows; assign a handle to each new failure.

    ``result`` is what :func:`upsert_failures` returned.
    """
    for row in result.fetchall() if result is not None else ():
        (fingerprint, row_id, handle, status, has_case, strikes, resolved_through, by_day,
         category, case_id, case_state) = row  # fmt: skip
        group = groups[fingerprint]
        group.id, group.handle, group.status = row_id, handle or "", status
        group.test_generated = bool(has_case)
        read = RowReader(
            cursor.connection_in_pipeline,
            names.TABLE_FAILURES,
            {"strikes": strikes, "users_by_day": by_day},
            handle or row_id,
        )
        group.strikes = Strikes(read.strikes("strikes"))
        group.impact = ImpactDelta(read.counts_by_day("users_by_day"))
        group.case_id, group.case_state, group.category_by_person = case_id, case_state, category
        newest = to_timestamp(group.newest.ended_at, cursor.is_postgresql)
        # None, or a damaged value: treated as older than any occurrence.
        is_comparable = type(resolved_through) is type(newest)
        if status == RESOLVED and (not is_comparable or newest >= resolved_through):
            group.status, group.reopened = OPEN, True
    without_handle = [group for group in groups.values() if not group.handle]
    if without_handle:
        _assign_handles(cursor, without_handle)


def save_groups(cursor: Cursor, groups: dict[str, FailureGroup]) -> None:
    """Update the rows of the groups that changed: handle, status, strikes, users and projects.

    Once a case exists, further strikes alone are not stored: their number is not used.
    """
    cursor.execute_many(
        cursor.statements.update_failures,
        [
            (group.handle, group.status, dumps(group.strikes.as_json()), int(group.reopened),
             group.impact.users, group.impact.projects, dumps(group.impact.by_day), group.id)
            for group in groups.values()
            if group.is_new or group.reopened or group.impact.has_changed or not group.test_generated
        ],
    )  # fmt: skip


def _failure_row(group: FailureGroup, is_postgresql: bool) -> tuple[Any, ...]:
    newest = group.newest
    failure = failure_of(newest)
    return (
        group.fingerprint,
        storable_name(failure.signature),
        storable_name_or_none(failure.trigger_signature),
        storable_name(newest.operation),
        storable_name(failure.error_type),
        clean(failure.error_message, MESSAGE_LIMIT),
        str(failure.category),
        str(failure.severity),
        len(group.records),
        to_timestamp(group.records[0].ended_at, is_postgresql),
        to_timestamp(newest.ended_at, is_postgresql),
        clean(failure.stack_trace, TEXT_LIMIT),
        storable_name(newest.framework),
        dumps(context_of(newest)),
    )


def context_of(record: GenerationRecord) -> dict[str, Any]:
    """Return the JSON of the failure's column ``context``, from its newest occurrence."""
    failure = failure_of(record)
    return {
        "generation_id": record.generation_id,
        "user_id": record.user_id,
        "project_id": record.project_id,
        "trace_id": record.trace_id,
        "code_version": record.code_version,
        "origin": failure.origin,
        "trigger": failure.trigger,
        "trigger_count": trigger_count(record),
        "stage": failure.stage,
        "function": failure.function,
        "file": failure.file,
        "line": failure.line,
        "rule": failure.rule,
        "words": failure.words,
        "answer_of": failure.answer_of,
        "answer_quoted": failure.answer_quoted,
        "failed_step": failure.failed_step,
        "failed_status": failure.failed_status,
        "context": dict(record.context),
    }


def trigger_count(record: GenerationRecord) -> int:
    """Return how many times in a row the step had the failure's trigger; at least 1."""
    trigger = failure_of(record).trigger_signature
    return max(
        (fault.consecutive for fault in record.step_faults if fault.trigger_signature == trigger),
        default=1,
    )


def _assign_handles(cursor: Cursor, new_groups: list[FailureGroup]) -> None:
    """Assign to each new failure the shortest handle that no other failure has."""
    if cursor.is_postgresql:
        cursor.execute(cursor.statements.lock_handles, HANDLE_LOCK_KEY)
    taken: set[str] = set()
    for length in HANDLE_LENGTHS:
        wanted = {group.fingerprint: handle_of(group.fingerprint, length) for group in new_groups}
        candidates = cursor.list_parameter(sorted(wanted.values()))
        found = cursor.execute(cursor.statements.read_handles, candidates).fetchall()
        taken.update(handle for (handle,) in found)
        for group in new_groups:
            candidate = wanted[group.fingerprint]
            if candidate not in taken:
                group.handle, group.is_new = candidate, True
                taken.add(candidate)
        new_groups = [group for group in new_groups if not group.handle]
        if not new_groups:
            return
