"""What a run's pass counts for, how its requests differed, and which samples have step outcomes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add columns that may be empty."""
    op.add_column("test_runs", sa.Column("weight", sa.Float(), nullable=True))
    op.add_column("test_runs", sa.Column("drift", sa.Text(), nullable=True))
    op.add_column("success_samples", sa.Column("is_donor", sa.Boolean(), nullable=True))
