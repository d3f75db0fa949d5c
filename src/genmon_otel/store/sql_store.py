"""SqlStore: everything the rest of genmon asks of a database, behind one door."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import sqlalchemy as sa

from genmon_otel.corrections import Correction
from genmon_otel.errors import ConfigurationError, StoreRefused, StoreUnavailable
from genmon_otel.policy import CHANNELS, HEALTH_WINDOW_S, CaseState, Channel, Verdict
from genmon_otel.ports import Clock, Propose
from genmon_otel.records import (
    Batch,
    Health,
    Recording,
    SuccessSample,
    Tree,
    WriteResult,
)
from genmon_otel.store import (
    cases,
    failures,
    recordings,
    relabelling,
    retention,
    runs,
    schema,
    sqlite,
    tail,
    upgrade,
)
from genmon_otel.store import health as minutes
from genmon_otel.store.codec import name
from genmon_otel.store.connect import Database, driver_connection, is_about_schema
from genmon_otel.store.failures import Sort, Status
from genmon_otel.store.forgetting import forget
from genmon_otel.store.grants import grants
from genmon_otel.store.reading import Damage, DamageLog
from genmon_otel.store.rows import (
    CaseRow,
    Counts,
    FailureDetail,
    FailureRow,
    Forgotten,
    GenerationRow,
    RunRow,
    Trend,
)
from genmon_otel.store.runs import Run
from genmon_otel.store.write import Writing

#: Rows that go in one step of :meth:`SqlStore.prune`.
PRUNE_ROWS = 2_000
#: Seconds between two steps on SQLite, where a writer that waits looks again every 0.1 s.
PRUNE_PAUSE_S = 0.12


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


class SqlStore:
    """A store in SQLite or PostgreSQL; see :class:`genmon_otel.ports.Store`.

    Safe to share between threads, and to use after a fork: the child opens its own
    connections and leaves the parent's alone.

    Args:
        url: ``sqlite:///path`` or ``postgresql://user@host/database``.
        clock: None for the machine's.
        propose: builds a case at the third strike; None keeps cases without content.
        read_only: True to refuse every change, of the schema too: the database may be another
            application's, or have another genmon's schema.
        on_damage: told once of each value in the database that cannot be read, and that something
            else is shown for; None: a warning in the log.

    Every method raises ``StoreUnavailable`` where trying again may help (the message
    carries the connection string without its password), ``StoreRefused`` where not.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock | None = None,
        propose: Propose | None = None,
        read_only: bool = False,
        on_damage: Callable[[Damage], None] | None = None,
    ) -> None:
        self._read_only = read_only
        self._database = Database(url, read_only=read_only, damage=DamageLog(on_damage))
        self._clock = clock or SystemClock()
        self._propose = propose
        self._writing = Writing(self._database, propose)

    # --- schema ------------------------------------------------------------

    def open(self) -> None:
        """Connect; make the schema in an empty database, upgrade an older SQLite file.

        A store that only reads makes and upgrades nothing.

        Raises:
            SchemaMismatch: the schema is newer than this genmon, or older on a server or for a
                store that only reads.
            StoreMissing: there is none, and this store only reads.
        """
        if not self._database.is_postgresql:
            with self._database.read() as connection:
                sqlite.check(driver_connection(connection), self._database.path)
        upgrade.ensure(self._database, change=not self._read_only)
        self._writing.remembered.clear()

    def upgrade(self) -> str | None:
        """Bring the schema to this genmon's revision (``genmon db upgrade``); the one before."""
        return upgrade.upgrade(self._database)

    def close(self) -> None:
        """Close this process's connections."""
        self._database.close()

    # --- writing -----------------------------------------------------------

    def write(self, batch: Batch) -> WriteResult:
        """Store a batch in one transaction, exactly once."""
        try:
            return self._writing.write(batch, self._clock.now())
        except (StoreRefused, StoreUnavailable) as error:
            if isinstance(error, StoreRefused) or is_about_schema(error):
                upgrade.check_still_ours(self._database)
            raise

    def producer_position(self, producer: str) -> tuple[int, int]:
        """``(position, journal_seq)`` of a producer; ``(0, 0)`` when it never wrote."""
        table = schema.producers
        query = sa.select(table.c.position, table.c.journal_seq).where(table.c.id == name(producer))
        with self._database.read() as connection:
            found = connection.execute(query).first()
        return (0, 0) if found is None else (int(found[0]), int(found[1]))

    # --- health, trends, generations ---------------------------------------

    def health(
        self,
        window_s: float = HEALTH_WINDOW_S,
        now: float | None = None,
        operation: str | None = None,
    ) -> Health:
        """Judge the attempts that ended in the last ``window_s`` seconds, at any table size."""
        now = self._clock.now() if now is None else now
        with self._database.read() as connection:
            return minutes.health(connection, window_s, now, operation)

    def trend(
        self, since: float, until: float, *, step_s: int = 3_600, operation: str | None = None
    ) -> list[Trend]:
        """Return counts by outcome for each step of time (whole minutes), empty ones left out."""
        with self._database.read() as connection:
            return minutes.trend(connection, since, until, step_s, operation)

    def generations(
        self, *, after: int | None = None, operation: str | None = None, limit: int = 100
    ) -> list[GenerationRow]:
        """Return generations stored after the one with id ``after``; None: the newest ones."""
        with self._database.read() as connection:
            return tail.generations(connection, after=after, operation=operation, limit=limit)

    def counts(self) -> Counts:
        """Return what ``genmon exporter`` serves: cases, runs and failures, counted."""
        with self._database.read() as connection:
            return tail.counts(connection)

    # --- failures ----------------------------------------------------------

    def failures(
        self,
        *,
        status: str | None = None,
        category: str | None = None,
        operation: str | None = None,
        since: float | None = None,
        sort: Sort = "last_seen",
        limit: int = 50,
    ) -> list[FailureRow]:
        """List failures; see :func:`genmon_otel.store.failures.listed`."""
        with self._database.read() as connection:
            return failures.listed(
                connection, status=status, category=category, operation=operation,
                since=since, sort=sort, limit=limit,
            )  # fmt: skip

    def failure(self, ref: str) -> FailureDetail:
        """Return a failure by handle, fingerprint or the start of one.

        With whom it hit, its recordings and its case.
        """
        with self._database.read() as connection:
            return failures.show(connection, ref)

    def set_failure_status(self, ref: str, status: Status) -> FailureRow:
        """Say that a failure is ``resolved``, ``ignored`` or ``open`` again."""
        with self._database.begin() as connection:
            return failures.set_status(connection, ref, status)

    def relabel(
        self,
        ref: str,
        *,
        category: str | None = None,
        severity: str | None = None,
        reviewer: str,
        is_declared: bool = False,
    ) -> FailureRow:
        """Correct a failure's category or severity; see :func:`.relabelling.relabel`."""
        with self._database.begin() as connection:
            return relabelling.relabel(
                connection, ref, category=category, severity=severity, reviewer=reviewer,
                at=self._clock.now(), is_declared=is_declared,
            )  # fmt: skip

    def undo_relabel(self, ref: str) -> FailureRow:
        """Go back to the category and severity that the rules say."""
        with self._database.begin() as connection:
            return relabelling.undo(connection, ref, self._clock.now())

    def corrections(self) -> list[Correction]:
        """Return the categories and severities that people set, for processes to apply."""
        with self._database.read() as connection:
            return relabelling.corrections(connection)

    def recordings(self, failure_id: int) -> list[Recording]:
        """Return a failure's recordings: replayable ones first, newest first."""
        with self._database.read() as connection:
            return failures.recordings(connection, failure_id)

    def success_samples(self, operation: str) -> list[SuccessSample]:
        """Return what successful results of an operation looked like, newest first."""
        with self._database.read() as connection:
            return recordings.samples(connection, operation)

    # --- cases -------------------------------------------------------------

    def cases(
        self, *, state: str | None = None, operation: str | None = None, limit: int = 100
    ) -> list[CaseRow]:
        """List cases, newest first."""
        with self._database.read() as connection:
            return cases.listed(connection, state=state, operation=operation, limit=limit)

    def case(self, ref: int | str) -> CaseRow:
        """Return a case by its number or by its failure's handle."""
        with self._database.read() as connection:
            return cases.find(connection, ref)

    def case_runs(self, case_id: int, limit: int = 50) -> list[RunRow]:
        """Return the newest runs of a case, newest first."""
        with self._database.read() as connection:
            return cases.runs(connection, case_id, limit)

    def set_case_state(
        self,
        ref: int | str,
        wanted: CaseState,
        *,
        expected: CaseState | None = None,
        reviewer: str | None = None,
        reason: str = "",
    ) -> CaseRow:
        """Move a case to another state; see :func:`genmon_otel.store.cases.set_state`."""
        with self._database.begin() as connection:
            return cases.set_state(
                connection, ref, wanted, at=self._clock.now(), expected=expected,
                reviewer=reviewer, reason=reason,
            )  # fmt: skip

    def save_case(self, ref: int | str, case: Mapping[str, Tree]) -> CaseRow:
        """Replace a case's JSON, as after the red gate or ``genmon cases rebind``."""
        with self._database.begin() as connection:
            return cases.save(connection, ref, case)

    def rename_case(
        self, ref: int | str, signature: str, trigger_signature: str | None, reason: str
    ) -> CaseRow:
        """Give a case the signatures that its failure and its trigger have today."""
        with self._database.begin() as connection:
            return cases.rename(connection, ref, signature, trigger_signature, reason)

    def record_run(  # noqa: PLR0917 - the words of a run, in the order people say them
        self,
        case_id: int,
        channel: Channel,
        code_version: str | None,
        verdict: Verdict,
        detail: str,
        run_id: str,
        at: float | None = None,
    ) -> CaseRow:
        """Keep one run of a case, once a ``run_id``; the case after it.

        Args:
            case_id: number of the case.
            channel: ``ci``, ``replay`` or ``live``.
            code_version: what the run was on; None when unknown.
            verdict: what it showed.
            detail: why, for people.
            run_id: names the run: the same one told again changes nothing.
            at: Unix seconds; None for now.

        Raises:
            NotFound: there is no such case.
        """
        if channel not in CHANNELS:
            raise ConfigurationError(
                f"channel={channel!r} is not allowed. Use one of: {', '.join(CHANNELS)}."
            )
        when = self._clock.now() if at is None else at
        run = Run(run_id, case_id, channel, code_version, Verdict(verdict), when, detail)
        with self._database.begin() as connection:
            runs.record(connection, run)
            return cases.find(connection, case_id)

    # --- upkeep ------------------------------------------------------------

    def prune_step(self, limit: int) -> int:
        """Delete at most ``limit`` rows that outlived their retention; how many went."""
        return retention.prune_step(self._database, self._clock.now(), limit)

    def prune(self, on_step: Callable[[int], None] | None = None, limit: int = PRUNE_ROWS) -> int:
        """Delete everything that outlived its retention, step by step; how many rows went.

        Args:
            on_step: told after each step how many rows went so far.
            limit: rows a step; writers get their turn between two.
        """
        gone = 0
        while step := self.prune_step(limit):
            gone += step
            if on_step is not None:
                on_step(gone)
            if step == limit and not self._database.is_postgresql:
                time.sleep(PRUNE_PAUSE_S)
        return gone

    def forget(self, user: str) -> Forgotten:
        """Clear a person from rows, recordings and cases; what was cleared. Journals are not ours."""
        cleared = forget(self._database, user, self._propose)
        self._writing.remembered.clear()
        return cleared

    def grants(self, application: str = "genmon_app", reader: str = "genmon_grafana") -> str:
        """Return SQL of least-privilege roles for PostgreSQL."""
        if not self._database.is_postgresql:
            raise ConfigurationError(
                "Grants are PostgreSQL's; a SQLite store is protected by its file's mode (0600)."
            )
        return grants(application, reader)
