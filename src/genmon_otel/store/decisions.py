"""Saves and lists what people, and the reproduction check, decided about failures and cases."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel.store import schema
from genmon_otel.store.codec import MESSAGE_LIMIT, storable_name_or_none
from genmon_otel.store.reading import RowReader
from genmon_otel.store.rows import DecisionRow
from genmon_otel.text import clean

#: Decisions that are listed of one failure.
_LISTED: Final = 100


def save_decision(
    connection: sa.Connection,
    failure_id: int,
    decision: str,
    *,
    at: float,
    reviewer: str | None,
    detail: str = "",
) -> None:
    """Save one decision, inside the transaction that carries it out.

    Args:
        connection: inside a transaction.
        failure_id: row id of the failure.
        decision: the state of a case, the status of a failure, ``relabelled``, or what was done
            with a case (:data:`genmon_otel.store.work.Noted`).
        at: Unix seconds.
        reviewer: who decided; None for the reproduction check.
        detail: the reason, or what was set.
    """
    connection.execute(
        sa.insert(schema.decisions).values(
            failure_id=failure_id,
            created_at=at,
            reviewer=storable_name_or_none(reviewer),
            decision=decision,
            detail=clean(detail, MESSAGE_LIMIT),
        )
    )


def list_decisions(connection: sa.Connection, failure_id: int) -> list[DecisionRow]:
    """List the decisions about a failure and its case, newest first."""
    table = schema.decisions
    found = connection.execute(
        sa.select(table)
        .where(table.c.failure_id == failure_id)
        .order_by(table.c.id.desc())
        .limit(_LISTED)
    )
    rows = []
    for each in found.mappings():
        read = RowReader(connection, names.TABLE_DECISIONS, each, each["id"])
        rows.append(
            DecisionRow(
                at=read.timestamp("created_at"),
                reviewer=read.optional_text("reviewer"),
                decision=read.text("decision"),
                detail=read.text("detail"),
            )
        )
    return rows
