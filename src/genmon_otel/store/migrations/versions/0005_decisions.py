"""What people decided, and an index over the generations of one failure."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from genmon_otel.store.columns import Instant
from genmon_otel.store.schema import BigId

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add a table, and an index that successes are not in."""
    op.create_table(
        "genmon_decisions",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("failure_id", BigId, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
    )
    op.create_index("ix_genmon_decisions_failure_id", "genmon_decisions", ["failure_id", "id"])
    op.create_index(
        "ix_generation_analytics_failure_id",
        "generation_analytics",
        ["failure_id", "created_at", "code_version"],
        sqlite_where=sa.text("failure_id IS NOT NULL"),
        postgresql_where=sa.text("failure_id IS NOT NULL"),
    )
