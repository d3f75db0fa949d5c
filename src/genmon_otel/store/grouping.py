"""The failures of one batch: grouped by fingerprint, upserted in key order, read back, settled.

The upsert locks each failure's row until the transaction ends, in key order, so that
racing processes neither deadlock nor count past each other. What depends on the row
(strikes, reopening, users hit) is worked out after it and written in one more pass.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from genmon_otel import conventions as names
from genmon_otel.fingerprint import handle
from genmon_otel.policy import OVERFLOW_FINGERPRINT
from genmon_otel.records import Failure, GenerationRecord
from genmon_otel.store.codec import (
    MESSAGE_LIMIT,
    TEXT_LIMIT,
    dumps,
    name,
    optional_name,
    stamp,
)
from genmon_otel.store.cursor import Cursor
from genmon_otel.store.impact import Tally
from genmon_otel.store.reading import RowReader
from genmon_otel.store.strikes import Strikes
from genmon_otel.text import clean

#: Advisory lock under which handles of new failures are given, so that each is unique.
HANDLES_LOCK: Final = 0x67656E6D_01
HANDLE_LENGTHS: Final = range(4, 33)

OPEN: Final = "open"
RESOLVED: Final = "resolved"
IGNORED: Final = "ignored"


@dataclass(slots=True)
class Group:
    """The records of a batch that share a fingerprint, and the failure's row."""

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
    #: The category that a person gave it; None where that of the rules holds.
    relabelled: str | None = None
    strikes: Strikes = field(default_factory=Strikes)
    tally: Tally = field(default_factory=lambda: Tally({}))

    @property
    def newest(self) -> GenerationRecord:
        """The record that ended last."""
        return max(self.records, key=lambda record: record.ended_at)

    def count_strikes(self) -> dict[str, int]:
        """Count each record's strike; distinct strikes in its window, by generation id."""
        return {
            record.generation_id: self.strikes.add(
                name(record.strike_key or record.generation_id), record.ended_at
            )
            for record in self.records
        }

    @property
    def makes_cases(self) -> bool:
        """Whether a case may come of it: not of overflow, foreign spans, or what is ignored."""
        return (
            not self.fingerprint.startswith(OVERFLOW_FINGERPRINT.rstrip(":"))
            and self.status != IGNORED
            and failure_of(self.newest).origin != "foreign_span"
        )


def failure_of(record: GenerationRecord) -> Failure:
    """Return the failure of a failing record."""
    assert record.failure is not None
    return record.failure


def group_of(record: GenerationRecord, groups: Mapping[str, Group]) -> Group | None:
    """Return the failure that a record belongs to; None where it did not fail."""
    return None if record.failure is None else groups.get(name(record.failure.fingerprint))


def category_of(record: GenerationRecord, groups: Mapping[str, Group]) -> str:
    """Return the category that a record counts under: a person's, else the rules'; empty for none."""
    if record.failure is None:
        return ""
    found = group_of(record, groups)
    return (found and found.relabelled) or str(record.failure.category)


def group(records: Sequence[GenerationRecord]) -> dict[str, Group]:
    """Group failing records by fingerprint, in key order, each group in event order."""
    groups: dict[str, Group] = {}
    for record in sorted(records, key=lambda record: record.ended_at):
        key = name(failure_of(record).fingerprint)
        if key not in groups:
            groups[key] = Group(key)
        groups[key].records.append(record)
    return dict(sorted(groups.items()))


def upsert(cursor: Cursor, groups: dict[str, Group], recorded: Iterable[str]) -> Any:
    """Add the groups to the failures' rows, lock these, and ask for them: for :func:`read_back`.

    Args:
        cursor: inside the batch's transaction.
        groups: by fingerprint, in key order.
        recorded: fingerprints that only a recording is about, locked in the same pass.
    """
    others = sorted(set(map(name, recorded)) - set(groups)) if cursor.is_postgresql else []
    waiting: list[tuple[Any, ...]] = []
    for key in heapq.merge(groups, others):
        if key in groups:
            waiting.append(_row(groups[key], cursor.is_postgresql))
        else:
            cursor.many(cursor.statements.upsert_failures, waiting)
            waiting = []
            cursor.run(cursor.statements.lock_failure, key)
    cursor.many(cursor.statements.upsert_failures, waiting)
    return cursor.run(cursor.statements.read_failures, cursor.listed(groups)) if groups else None


def read_back(cursor: Cursor, groups: dict[str, Group], asked: Any) -> None:
    """Fill the groups in from their failures' rows; give new failures a handle."""
    for row in asked.fetchall() if asked is not None else ():
        (fingerprint, identity, short, status, generated, strikes, resolved_through, by_day,
         relabelled, case_id, case_state) = row  # fmt: skip
        each = groups[fingerprint]
        each.id, each.handle, each.status = identity, short or "", status
        each.test_generated = bool(generated)
        read = RowReader(
            cursor.held, names.TABLE_FAILURES, {"strikes": strikes, "users_by_day": by_day},
            short or identity,
        )  # fmt: skip
        each.strikes = Strikes(read.strikes("strikes"))
        each.tally = Tally(read.counts_by_day("users_by_day"))
        each.case_id, each.case_state, each.relabelled = case_id, case_state, relabelled
        newest = stamp(each.newest.ended_at, cursor.is_postgresql)
        unknown = type(resolved_through) is not type(newest)  # none, or none that can be compared
        if status == RESOLVED and (unknown or newest >= resolved_through):
            each.status, each.reopened = OPEN, True
    fresh = [each for each in groups.values() if not each.handle]
    if fresh:
        _give_handles(cursor, fresh)


def settle(cursor: Cursor, groups: dict[str, Group]) -> None:
    """Write what was worked out for each group back to its row, where it says anything new.

    Once there is a case, further strikes are not kept: nobody counts on from three.
    """
    cursor.many(
        cursor.statements.settle_failures,
        [
            (each.handle, each.status, dumps(each.strikes.as_json()), int(each.reopened),
             each.tally.users, each.tally.projects, dumps(each.tally.by_day), each.id)
            for each in groups.values()
            if each.is_new or each.reopened or each.tally.changed or not each.test_generated
        ],
    )  # fmt: skip


def _row(each: Group, postgresql: bool) -> tuple[Any, ...]:
    newest = each.newest
    failure = failure_of(newest)
    return (
        each.fingerprint,
        name(failure.signature),
        optional_name(failure.trigger_signature),
        name(newest.operation),
        name(failure.error_type),
        clean(failure.error_message, MESSAGE_LIMIT),
        str(failure.category),
        str(failure.severity),
        len(each.records),
        stamp(each.records[0].ended_at, postgresql),
        stamp(newest.ended_at, postgresql),
        clean(failure.stack_trace, TEXT_LIMIT),
        name(newest.framework),
        dumps(context_of(newest)),
    )


def context_of(record: GenerationRecord) -> dict[str, Any]:
    """Return what is kept of a failure's newest occurrence beside its columns."""
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
        "answer_of": failure.answer_of,
        "context": dict(record.context),
    }


def trigger_count(record: GenerationRecord) -> int:
    """How often in a row the step met the failure's trigger; at least once."""
    trigger = failure_of(record).trigger_signature
    return max(
        (each.consecutive for each in record.step_faults if each.trigger_signature == trigger),
        default=1,
    )


def _give_handles(cursor: Cursor, fresh: list[Group]) -> None:
    """Give each new failure the shortest handle that no other has."""
    if cursor.is_postgresql:
        cursor.run(cursor.statements.lock_handles, HANDLES_LOCK)
    given: set[str] = set()
    for length in HANDLE_LENGTHS:
        wanted = {each.fingerprint: handle(each.fingerprint, length) for each in fresh}
        asked = cursor.listed(sorted(wanted.values()))
        found = cursor.run(cursor.statements.read_handles, asked).fetchall()
        given.update(short for (short,) in found)
        for each in fresh:
            short = wanted[each.fingerprint]
            if short not in given:
                each.handle, each.is_new = short, True
                given.add(short)
        fresh = [each for each in fresh if not each.handle]
        if not fresh:
            return
