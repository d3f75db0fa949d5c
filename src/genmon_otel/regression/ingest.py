"""Results of runs into the store, any number of times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from genmon_otel.errors import NotFound
from genmon_otel.policy import CaseState
from genmon_otel.regression.results import Result
from genmon_otel.store import SqlStore

#: Who approved a case whose file was committed without a word to the store.
COMMITTED = "committed file"


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of the results."""

    taken: int = 0
    #: Taken in before.
    known: int = 0
    #: The store has no case of theirs.
    strangers: int = 0


def ingest(store: SqlStore, results: Iterable[Result]) -> Ingested:
    """Keep each result once with its case.

    A case that came through the red gate and now runs in CI was approved by whoever
    committed its file: it becomes ``open``.
    """
    taken = known = strangers = 0
    for result in results:
        try:
            row = store.failure(result.fingerprint).case
        except NotFound:
            row = None
        if row is None:
            strangers += 1
            continue
        if row.state is CaseState.REPRODUCED:
            row = store.set_case_state(row.id, CaseState.OPEN, reviewer=COMMITTED)
        after = store.record_run(
            row.id,
            result.channel,
            result.code_version,
            result.verdict,
            result.detail,
            result.run_id,
            result.at,
        )
        if after.run_count == row.run_count:
            known += 1
        else:
            taken += 1
    return Ingested(taken, known, strangers)
