"""An index for the live channel's daily limit: without it each pass reads all the case's runs."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Index the runs of a case by time."""
    op.create_index("ix_test_runs_test_id_created_at", "test_runs", ["test_id", "created_at"])
