r"""The tables, and the revision of the schema they add up to.

The same tables on SQLite and PostgreSQL. Times are UTC with microseconds; JSON
is text on SQLite and ``json`` on PostgreSQL (which, unlike ``jsonb``, keeps
``\u0000`` and key order). A column is called ``user_id`` everywhere because
``user`` is a function in PostgreSQL: ``SELECT user`` would answer with the role.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from genmon_otel import conventions as names
from genmon_otel.store.columns import Instant, Json

#: Revisions of the files in ``migrations/versions``, oldest first. An unknown one was made by a newer genmon.
REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")
#: Revision of the schema below.
REVISION: Final = REVISIONS[-1]

#: SQLite assigns row ids only to INTEGER; on PostgreSQL that is 32 bits, which could overflow.
BigId = BigInteger().with_variant(Integer, "sqlite")


metadata = MetaData()


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


analytics: Final = Table(
    names.TABLE_ANALYTICS,
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    #: Also on the span and in the log line of its failure.
    Column("generation_id", Text, nullable=False),
    #: When the generation ended.
    Column("created_at", Instant, nullable=False),
    #: ``name=`` of the decorator.
    Column("operation", Text, nullable=False),
    #: What it was generated for; ``none`` where unknown.
    Column("framework", Text, nullable=False),
    #: Whether ``outcome`` is ``success``.
    Column("success", Boolean, nullable=False),
    #: ``success``, ``failure``, ``cancelled`` or ``rejected``.
    Column("outcome", Text, nullable=False),
    #: Seconds from begin to end.
    Column("duration_s", Float, nullable=False),
    #: A pseudonym with ``GENMON_PSEUDONYMIZE=store``.
    Column("user_id", Text),
    Column("project_id", Text),
    #: Redacted; null where content is not captured.
    Column("user_request", Text),
    Column("trace_id", Text),
    Column("span_id", Text),
    #: The row of generation_failures; null unless it failed.
    Column("failure_id", BigId),
    Column("failure_category", Text),
    #: Of the application: a commit, ``GENMON_CODE_VERSION``, or a hash of its sources.
    Column("code_version", Text),
    #: Steps, phases, tokens, the number of files, what ``set(…)`` was given.
    Column("metadata", Json, nullable=False),
    UniqueConstraint("generation_id", name="uq_generation_analytics_generation_id"),
    # Covers the query of health for a window's partial minutes: no row is fetched.
    Index("ix_generation_analytics_created_at", "created_at", "outcome", "failure_category"),
    # When, and on which versions, one failure happened. Successes are not in it.
    Index(
        "ix_generation_analytics_failure_id",
        "failure_id",
        "created_at",
        "code_version",
        sqlite_where=text("failure_id IS NOT NULL"),
        postgresql_where=text("failure_id IS NOT NULL"),
    ),
    # Which failures happened on a version: one look for each of them, whatever its generations.
    Index(
        "ix_generation_analytics_code_version",
        "code_version",
        "failure_id",
        sqlite_where=text("failure_id IS NOT NULL"),
        postgresql_where=text("failure_id IS NOT NULL"),
    ),
)

failures: Final = Table(
    names.TABLE_FAILURES,
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    #: Equal for failures of the same cause.
    Column("fingerprint", Text, nullable=False),
    #: The fingerprint without the functions of your code: a replay must show it again.
    Column("signature", Text, nullable=False),
    #: The signature of the step outcome that it came from; null: the inputs.
    Column("trigger_signature", Text),
    #: What people type: ``F-…``.
    Column("handle", Text),
    Column("operation", Text, nullable=False),
    #: Class of the error, of the newest occurrence as all that follows.
    Column("error_type", Text, nullable=False),
    #: Redacted, bounded.
    Column("error_message", Text, nullable=False),
    Column("failure_category", Text, nullable=False),
    Column("severity", Text, nullable=False),
    _count("occurrence_count"),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    #: Redacted, bounded.
    Column("stack_trace", Text, nullable=False),
    Column("framework", Text, nullable=False),
    #: Of the newest occurrence: where it was raised, the rule that decided, ids, what ``set(…)`` was given.
    Column("context", Json, nullable=False),
    #: ``open``, ``resolved`` or ``ignored``.
    Column("status", Text, nullable=False, server_default="open"),
    #: Whether it has a case.
    Column("test_generated", Boolean, nullable=False, server_default=false()),
    #: Newest strikes, ``[[ended_at, strike_key], ...]``; see strikes.py.
    Column("strikes", Json, nullable=False, server_default="[]"),
    #: When the newest occurrence before a person resolved the failure ended; else null.
    Column("resolved_through", Instant),
    _count("reopened_count"),
    _count("user_count"),
    _count("project_count"),
    #: Users by the day (since 1970) on which it hit them last, ``{"20415": 3}``; the newest seven days.
    Column("users_by_day", Json, nullable=False, server_default="{}"),
    #: The person who set ``failure_category`` and ``severity``, and when; null: the rules set them.
    Column("relabelled_by", Text),
    Column("relabelled_at", Instant),
    #: Category and severity of a relabelled failure's newest occurrence by the rules.
    Column("rules_category", Text),
    Column("rules_severity", Text),
    UniqueConstraint("fingerprint", name="uq_generation_failures_fingerprint"),
    UniqueConstraint("handle", name="uq_generation_failures_handle"),
    Index("ix_generation_failures_last_seen_at", "last_seen_at"),
    Index("ix_generation_failures_status_last_seen_at", "status", "last_seen_at"),
    Index("ix_generation_failures_occurrence_count", "occurrence_count"),
    # The page's list as it comes, filtered and counted: no row, and so no stack, is read for it.
    Index(
        "ix_generation_failures_status_user_count",
        "status",
        "user_count",
        "id",
        "operation",
        "failure_category",
    ),
    # Each process queries the relabelled ones every half minute.
    Index(
        "ix_generation_failures_relabelled_at",
        "relabelled_at",
        sqlite_where=text("relabelled_at IS NOT NULL"),
        postgresql_where=text("relabelled_at IS NOT NULL"),
    ),
)

recordings: Final = Table(
    names.TABLE_RECORDINGS,
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("failure_id", BigId, nullable=False),
    Column("generation_id", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("user_id", Text),
    #: Why it cannot be replayed; empty: it can.
    Column("unreplayable", Text, nullable=False),
    #: Inputs and step outcomes, redacted.
    Column("recording", Json, nullable=False),
    UniqueConstraint("generation_id", name="uq_failure_recordings_generation_id"),
    Index("ix_failure_recordings_failure_id", "failure_id"),
    Index("ix_failure_recordings_created_at", "created_at"),
)

samples: Final = Table(
    names.TABLE_SAMPLES,
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("operation", Text, nullable=False),
    Column("generation_id", Text, nullable=False),
    Column("ended_at", Instant, nullable=False),
    Column("code_version", Text),
    Column("user_id", Text),
    #: Inputs and result of a success, redacted; of a donor its step outcomes, too.
    Column("sample", Json, nullable=False),
    #: Whether it has step outcomes; NULL: no.
    Column("is_donor", Boolean),
    UniqueConstraint("generation_id", name="uq_success_samples_generation_id"),
    Index("ix_success_samples_operation_ended_at", "operation", "ended_at"),
)

failure_users: Final = Table(
    names.TABLE_FAILURE_USERS,
    metadata,
    Column("failure_id", BigId, primary_key=True, autoincrement=False),
    Column("user_id", Text, primary_key=True),
    #: Day (since 1970) on which the failure hit the user last.
    Column("last_day", Integer, nullable=False),
    Index("ix_failure_users_last_day", "last_day"),
)

failure_projects: Final = Table(
    names.TABLE_FAILURE_PROJECTS,
    metadata,
    Column("failure_id", BigId, primary_key=True, autoincrement=False),
    Column("project_id", Text, primary_key=True),
)

active_users: Final = Table(
    names.TABLE_ACTIVE_USERS,
    metadata,
    Column("user_id", Text, primary_key=True),
    #: Days since 1970.
    Column("day", Integer, primary_key=True, autoincrement=False),
    Index("ix_active_users_day", "day"),
)

#: Number of users by day and ``gap``: the days since they were active before (7: a week or more, or
#: never). The users active in the seven days up to D are, for i from 0 to 6, those of day D-6+i
#: whose gap is more than i: each is counted on the first active day.
active_user_counts: Final = Table(
    names.TABLE_ACTIVE_USER_COUNTS,
    metadata,
    #: Days since 1970.
    Column("day", Integer, primary_key=True, autoincrement=False),
    #: Days since those users were active before; 7: a week or more, or never.
    Column("gap", SmallInteger, primary_key=True, autoincrement=False),
    #: 0 to 15, by producer; the number of users is the sum over all shards.
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    _count("users"),
)

tests: Final = Table(
    names.TABLE_TESTS,
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    #: The row of generation_failures.
    Column(
        "created_from_failure_id",
        BigId,
        ForeignKey(f"{names.TABLE_FAILURES}.id"),
        nullable=False,
    ),
    Column("signature", Text, nullable=False),
    Column("trigger_signature", Text),
    #: What the failure came from: ``input``, ``content`` or ``fault``.
    Column("trigger", Text, nullable=False),
    #: How many times in a row the step had the trigger before the generation failed.
    Column("trigger_count", Integer, nullable=False),
    #: As in a case file.
    Column("case", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    #: ``proposed`` at first; for the others see the life of a case.
    Column("state", Text, nullable=False),
    #: Why it is in that state.
    Column("state_reason", Text, nullable=False),
    Column("reviewer", Text),
    Column("reviewed_at", Instant),
    #: Code version on which the failure was recorded.
    Column("failing_version", Text),
    #: 0 to 1: what its passes say (see the life of a case).
    Column("confidence_score", Float, nullable=False, server_default=text("0")),
    #: 0 to 1: the share of repeated runs on one code version whose verdict differs.
    Column("flakiness", Float, nullable=False, server_default=text("0")),
    _count("run_count"),
    _count("pass_count"),
    _count("fail_count"),
    _count("inconclusive_count"),
    Column("last_run_at", Instant),
    #: Users whose recordings the case was built from, for ``genmon db forget``.
    Column("user_ids", Json, nullable=False, server_default="[]"),
    UniqueConstraint(
        "created_from_failure_id", name="uq_auto_generated_tests_created_from_failure_id"
    ),
    Index("ix_auto_generated_tests_signature", "signature"),
    Index("ix_auto_generated_tests_state", "state"),
)

test_runs: Final = Table(
    names.TABLE_TEST_RUNS,
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    #: Sent twice, a run is one row.
    Column("run_id", Text, nullable=False),
    #: The row of auto_generated_tests.
    Column("test_id", BigId, ForeignKey(f"{names.TABLE_TESTS}.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    #: ``ci``, ``replay`` or ``live``.
    Column("channel", Text, nullable=False),
    #: Of the code that was replayed; null: unknown.
    Column("code_version", Text),
    #: ``pass``, ``fail_same``, ``fail_other`` or ``inconclusive``.
    Column("verdict", Text, nullable=False),
    #: What the replay showed, in words.
    Column("detail", Text, nullable=False),
    #: What a pass counts for in the confidence; NULL: 1.
    Column("weight", Float),
    #: The first step that was asked otherwise than recorded; NULL: none.
    Column("drift", Text),
    UniqueConstraint("run_id", name="uq_test_runs_run_id"),
    Index("ix_test_runs_test_id", "test_id", "id"),
    Index("ix_test_runs_test_id_created_at", "test_id", "created_at"),
    Index("ix_test_runs_channel_verdict", "channel", "verdict"),
)

#: What people, and the reproduction check, decided about failures and their cases. Rows stay.
decisions: Final = Table(
    names.TABLE_DECISIONS,
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("failure_id", BigId, nullable=False),
    Column("created_at", Instant, nullable=False),
    #: Null: the reproduction check.
    Column("reviewer", Text),
    #: The state or status that was set, or ``relabelled``.
    Column("decision", Text, nullable=False),
    #: The reason that was given, or what was set.
    Column("detail", Text, nullable=False),
    Index("ix_genmon_decisions_failure_id", "failure_id", "id"),
)

#: Work on a case that a reviewer requested where the application's code is not available: at most one a case,
#: done by ``genmon cases verify --worker``.
work: Final = Table(
    names.TABLE_WORK,
    metadata,
    Column("test_id", BigId, ForeignKey(f"{names.TABLE_TESTS}.id"), primary_key=True,
           autoincrement=False),
    #: ``verify``, ``run``, ``shrink`` or ``refresh``.
    Column("action", Text, nullable=False),
    Column("reviewer", Text),
    #: What the replay needs, as the form said it.
    Column("needs", Json, nullable=False),
    Column("asked_at", Instant, nullable=False),
    #: Who does it, and when that was heard of last; null: it waits.
    Column("worker", Text),
    Column("seen_at", Instant),
    Column("done", Integer, nullable=False, server_default=text("0")),
    #: How it ended; null: it has not.
    Column("ended_at", Instant),
    Column("result", Text),
    Column("failed", Boolean),
)  # fmt: skip

rollups: Final = Table(
    names.TABLE_ROLLUPS,
    metadata,
    #: Begin of the minute in which the generations ended.
    Column("minute", Instant, primary_key=True),
    Column("operation", Text, primary_key=True),
    Column("framework", Text, primary_key=True),
    Column("outcome", Text, primary_key=True),
    #: Empty for generations that did not fail.
    Column("category", Text, primary_key=True),
    #: 0 to 15, by producer, so that concurrent processes do not wait for one row's lock. 16 holds
    #: what relabelling moved from one category to another, so its counts may be negative: the
    #: count is the sum over all shards.
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    _count("count"),
    #: Seconds of all of them together.
    Column("duration_sum_s", Float, nullable=False),
)

producers: Final = Table(
    names.TABLE_PRODUCERS,
    metadata,
    #: One writing process.
    Column("id", Text, primary_key=True),
    #: The number of its newest record that is stored.
    Column("position", BigInteger, nullable=False),
    #: The journal file of that record.
    Column("journal_seq", BigInteger, nullable=False),
    #: When it wrote last.
    Column("seen_at", Instant, nullable=False),
)

version: Final = Table(
    names.TABLE_VERSION,
    metadata,
    Column("version_num", Text, primary_key=True),
)
