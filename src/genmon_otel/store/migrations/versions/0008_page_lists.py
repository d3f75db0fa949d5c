"""Indexes for the page's list of failures, and for the failures of a version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add two indexes; of generations only failed ones are in them."""
    op.create_index(
        "ix_generation_failures_status_user_count",
        "generation_failures",
        ["status", "user_count", "id", "operation", "failure_category"],
    )
    op.create_index(
        "ix_generation_analytics_code_version",
        "generation_analytics",
        ["code_version", "failure_id"],
        sqlite_where=sa.text("failure_id IS NOT NULL"),
        postgresql_where=sa.text("failure_id IS NOT NULL"),
    )
