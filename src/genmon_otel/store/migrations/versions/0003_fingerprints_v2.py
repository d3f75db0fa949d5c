"""Fingerprints of version 2: what version 1 named is superseded, and its cases say what to do.

No failure of today has such a name: open ones are resolved. Cases that nobody decided about
go back to the reproduction check. Accepted ones keep their state, and say how they get today's names.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

_REASON = "'named by fingerprints v1, which this genmon does not make: genmon cases verify '"
_HANDLE = "(SELECT handle FROM generation_failures WHERE id = created_from_failure_id)"


def upgrade() -> None:
    """Resolve the failures that version 1 named, and tell their cases' reviewers."""
    op.execute(
        "UPDATE generation_failures SET status = 'resolved', resolved_through = last_seen_at"
        " WHERE fingerprint LIKE 'v1:%' AND status = 'open'"
    )
    op.execute(
        f"UPDATE auto_generated_tests SET state_reason = {_REASON} || COALESCE({_HANDLE}, '')"
        " WHERE signature LIKE 'v1:%' AND state NOT IN ('rejected', 'retired')"
    )
    op.execute(
        "UPDATE auto_generated_tests SET state = 'proposed' WHERE signature LIKE 'v1:%'"
        " AND state IN ('reproduced', 'unreproducible')"
    )
