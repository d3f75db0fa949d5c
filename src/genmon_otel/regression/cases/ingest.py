"""Results of runs into the store, any number of times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from genmon_otel.errors import InvalidTransition, NotFound
from genmon_otel.policy import CaseState
from genmon_otel.regression.cases.results import Result
from genmon_otel.store import SqlStore
from genmon_otel.store.rows import CaseRow

#: Who approved a case whose file was committed without a word to the store.
COMMITTED = "committed file"


@dataclass(frozen=True, slots=True)
class Ingested:
    """How many results were stored, known already, or without a case."""

    taken: int = 0
    #: Stored before.
    known: int = 0
    #: The store has no case for them.
    strangers: int = 0


def ingest(store: SqlStore, results: Iterable[Result]) -> Ingested:
    """Keep each result once with its case.

    A case that came through the reproduction check and now runs in CI was approved by the person who
    committed its file: it becomes ``open``.
    """
    taken = known = strangers = 0
    for result in results:
        row = _case(store, result.fingerprint)
        if row is None:
            strangers += 1
            continue
        if row.state is CaseState.REPRODUCED:
            row = _approved(store, row)
        after = store.record_run(
            row.id,
            result.channel,
            result.code_version,
            result.verdict,
            result.detail,
            result.run_id,
            result.at,
            result.weight,
            result.drift,
        )
        if after.run_count == row.run_count:
            known += 1
        else:
            taken += 1
    return Ingested(taken, known, strangers)


def _case(store: SqlStore, fingerprint: str) -> CaseRow | None:
    """The case of the failure with this very fingerprint; the store also finds by its beginning."""
    try:
        found = store.failure(fingerprint)
    except NotFound:
        return None
    return found.case if found.row.fingerprint == fingerprint else None


def _approved(store: SqlStore, row: CaseRow) -> CaseRow:
    try:
        return store.set_case_state(
            row.id,
            CaseState.OPEN,
            expected=CaseState.REPRODUCED,
            reviewer=COMMITTED,
            reason=row.state_reason,
        )
    except InvalidTransition:  # someone else was quicker
        return store.case(row.id)
