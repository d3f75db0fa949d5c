"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Instant = sa.DateTime(timezone=True)
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table there was in the first schema."""
    op.create_table(
        "active_user_counts",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("gap", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("shard", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("users", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("day", "gap", "shard"),
    )
    op.create_table(
        "active_users",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "day"),
    )
    op.create_index("ix_active_users_day", "active_users", ["day"])
    op.create_table(
        "failure_projects",
        sa.Column("failure_id", BigId, autoincrement=False, nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("failure_id", "project_id"),
    )
    op.create_table(
        "failure_recordings",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("failure_id", BigId, nullable=False),
        sa.Column("generation_id", sa.Text(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("unreplayable", sa.Text(), nullable=False),
        sa.Column("recording", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("generation_id", name="uq_failure_recordings_generation_id"),
    )
    op.create_index("ix_failure_recordings_created_at", "failure_recordings", ["created_at"])
    op.create_index("ix_failure_recordings_failure_id", "failure_recordings", ["failure_id"])
    op.create_table(
        "failure_users",
        sa.Column("failure_id", BigId, autoincrement=False, nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("last_day", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("failure_id", "user_id"),
    )
    op.create_index("ix_failure_users_last_day", "failure_users", ["last_day"])
    op.create_table(
        "generation_analytics",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("generation_id", sa.Text(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("framework", sa.Text(), nullable=False),
        sa.Column("success", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("project_id", sa.Text(), nullable=True),
        sa.Column("user_request", sa.Text(), nullable=True),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.Column("span_id", sa.Text(), nullable=True),
        sa.Column("failure_id", BigId, nullable=True),
        sa.Column("failure_category", sa.Text(), nullable=True),
        sa.Column("code_version", sa.Text(), nullable=True),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("generation_id", name="uq_generation_analytics_generation_id"),
    )
    op.create_index(
        "ix_generation_analytics_created_at",
        "generation_analytics",
        ["created_at", "outcome", "failure_category"],
    )
    op.create_table(
        "generation_failures",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("trigger_signature", sa.Text(), nullable=True),
        sa.Column("handle", sa.Text(), nullable=True),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("error_type", sa.Text(), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=False),
        sa.Column("failure_category", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("occurrence_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("first_seen_at", Instant, nullable=False),
        sa.Column("last_seen_at", Instant, nullable=False),
        sa.Column("stack_trace", sa.Text(), nullable=False),
        sa.Column("framework", sa.Text(), nullable=False),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("test_generated", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("strikes", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("resolved_through", Instant, nullable=True),
        sa.Column("reopened_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("user_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("project_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("users_by_day", sa.JSON(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("fingerprint", name="uq_generation_failures_fingerprint"),
        sa.UniqueConstraint("handle", name="uq_generation_failures_handle"),
    )
    op.create_index("ix_generation_failures_last_seen_at", "generation_failures", ["last_seen_at"])
    op.create_index(
        "ix_generation_failures_occurrence_count", "generation_failures", ["occurrence_count"]
    )
    op.create_index(
        "ix_generation_failures_status_last_seen_at",
        "generation_failures",
        ["status", "last_seen_at"],
    )
    op.create_table(
        "generation_rollups",
        sa.Column("minute", Instant, nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("framework", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("shard", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("duration_sum_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "operation", "framework", "outcome", "category", "shard"),
    )
    op.create_table(
        "producers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("journal_seq", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "success_samples",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("generation_id", sa.Text(), nullable=False),
        sa.Column("ended_at", Instant, nullable=False),
        sa.Column("code_version", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("sample", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("generation_id", name="uq_success_samples_generation_id"),
    )
    op.create_index(
        "ix_success_samples_operation_ended_at", "success_samples", ["operation", "ended_at"]
    )
    op.create_table(
        "auto_generated_tests",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("created_from_failure_id", BigId, nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("trigger_signature", sa.Text(), nullable=True),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("trigger_count", sa.Integer(), nullable=False),
        sa.Column("case", sa.JSON(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=True),
        sa.Column("reviewed_at", Instant, nullable=True),
        sa.Column("failing_version", sa.Text(), nullable=True),
        sa.Column("confidence_score", sa.Float(), server_default=sa.text("0"), nullable=False),
        sa.Column("flakiness", sa.Float(), server_default=sa.text("0"), nullable=False),
        sa.Column("run_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("pass_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("fail_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "inconclusive_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("last_run_at", Instant, nullable=True),
        sa.Column("user_ids", sa.JSON(), server_default="[]", nullable=False),
        sa.ForeignKeyConstraint(
            ["created_from_failure_id"],
            ["generation_failures.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "created_from_failure_id", name="uq_auto_generated_tests_created_from_failure_id"
        ),
    )
    op.create_index("ix_auto_generated_tests_signature", "auto_generated_tests", ["signature"])
    op.create_index("ix_auto_generated_tests_state", "auto_generated_tests", ["state"])
    op.create_table(
        "test_runs",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("test_id", BigId, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["test_id"],
            ["auto_generated_tests.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", name="uq_test_runs_run_id"),
    )
    op.create_index("ix_test_runs_channel_verdict", "test_runs", ["channel", "verdict"])
    op.create_index("ix_test_runs_test_id", "test_runs", ["test_id", "id"])
