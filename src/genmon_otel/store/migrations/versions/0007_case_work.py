"""What reviewers asked of cases where the application's code is not at hand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from genmon_otel.store.columns import Instant, Json
from genmon_otel.store.schema import BigId

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "genmon_case_work",
        sa.Column(
            "test_id",
            BigId,
            sa.ForeignKey("auto_generated_tests.id"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=True),
        sa.Column("needs", Json, nullable=False),
        sa.Column("asked_at", Instant, nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("seen_at", Instant, nullable=True),
        sa.Column("done", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("ended_at", Instant, nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("failed", sa.Boolean(), nullable=True),
    )
