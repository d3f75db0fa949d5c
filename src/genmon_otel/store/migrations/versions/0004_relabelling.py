"""Categories that a person corrected: who and when, and what the rules had said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add columns that may be empty, and an index over the rows in which they are not."""
    for name, kind in (
        ("relabelled_by", sa.Text()),
        ("relabelled_at", sa.DateTime(timezone=True)),
        ("rules_category", sa.Text()),
        ("rules_severity", sa.Text()),
    ):
        op.add_column("generation_failures", sa.Column(name, kind, nullable=True))
    op.create_index(
        "ix_generation_failures_relabelled_at",
        "generation_failures",
        ["relabelled_at"],
        sqlite_where=sa.text("relabelled_at IS NOT NULL"),
        postgresql_where=sa.text("relabelled_at IS NOT NULL"),
    )
