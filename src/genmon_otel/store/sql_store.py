"""SqlStore: the only interface to the database for the rest of genmon."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import sqlalchemy as sa

from genmon_otel.clock import SystemClock
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
    decisions,
    failures,
    health,
    recordings,
    relabelling,
    retention,
    runs,
    schema,
    sqlite,
    tail,
    upgrade,
)
from genmon_otel.store.codec import storable_name
from genmon_otel.store.connect import Database, driver_connection, is_schema_error
from genmon_otel.store.failures import Sort, Status
from genmon_otel.store.forgetting import forget_user
from genmon_otel.store.grants import build_grants
from genmon_otel.store.overview import Overview
from genmon_otel.store.reading import Damage, DamageLog
from genmon_otel.store.rows import (
    CaseRow,
    Counts,
    DecisionRow,
    FailureDetail,
    FailureRow,
    Forgotten,
    GenerationRow,
    RunRow,
    TrendPoint,
)
from genmon_otel.store.runs import NewRun
from genmon_otel.store.work import WorkQueue
from genmon_otel.store.write import BatchWriter

#: Rows that one step of :meth:`SqlStore.prune` deletes.
PRUNE_ROWS = 2_000
#: Seconds between two steps on SQLite, where a waiting writer tries the lock again every 0.1 s.
PRUNE_PAUSE_S = 0.12


class SqlStore:
    """A store in SQLite or PostgreSQL. Implements :class:`genmon_otel.ports.Store`.

    Thread-safe. After a fork the child opens its own connections and leaves the parent's alone.

    Args:
        url: ``sqlite:///path`` or ``postgresql://user@host/database``.
        clock: None for the system clock.
        propose: builds a case's JSON at the third strike; None leaves it empty.
        read_only: True to refuse every change, of the schema too: the database may be another
            application's, or have another version's schema.
        on_damage: called once for each stored value that cannot be read and is replaced by a
            default; None logs a warning instead.

    Every method raises ``StoreUnavailable`` where a retry may succeed, ``StoreRefused`` where it
    cannot. Their messages contain the connection string without its password.
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
        self._writer = BatchWriter(self._database, propose)
        #: Searches and lists, for the page.
        self.overview = Overview(self._database)
        #: What reviewers asked of cases, for workers.
        self.work = WorkQueue(self._database, self._clock)

    # --- schema ------------------------------------------------------------

    def open(self) -> None:
        """Connect; create the schema in an empty database, upgrade an older SQLite file.

        With ``read_only`` nothing is created or upgraded.

        Raises:
            SchemaMismatch: the schema is newer than this genmon; or older, on PostgreSQL or with
                ``read_only``.
            StoreMissing: there is no schema, and the store is ``read_only``.
        """
        if not self._database.is_postgresql:
            with self._database.read() as connection:
                sqlite.check_integrity(driver_connection(connection), self._database.path)
        upgrade.ensure_schema(self._database, change=not self._read_only)
        self._writer.stored_keys.clear()

    def upgrade(self) -> str | None:
        """Upgrade the schema (``genmon db upgrade``); return the revision before, None for none."""
        return upgrade.upgrade(self._database)

    def close(self) -> None:
        """Close this process's connections."""
        self._database.close()

    # --- writing -----------------------------------------------------------

    def write(self, batch: Batch) -> WriteResult:
        """Store a batch in one transaction, exactly once."""
        try:
            return self._writer.write(batch, self._clock.now())
        except (StoreRefused, StoreUnavailable) as error:
            if isinstance(error, StoreRefused) or is_schema_error(error):
                upgrade.check_revision(self._database)
            raise

    def producer_position(self, producer: str) -> tuple[int, int]:
        """Return ``(position, journal_seq)`` of a producer; ``(0, 0)`` when it has not written."""
        table = schema.producers
        query = sa.select(table.c.position, table.c.journal_seq).where(
            table.c.id == storable_name(producer)
        )
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
        """Compute health over the attempts of the last ``window_s`` seconds, in constant time.

        ``now`` is Unix seconds, None for the clock's; ``operation`` None for all.
        """
        now = self._clock.now() if now is None else now
        with self._database.read() as connection:
            return health.fetch_health(connection, window_s, now, operation)

    def trend(
        self, since: float, until: float, *, step_s: int = 3_600, operation: str | None = None
    ) -> list[TrendPoint]:
        """List counts by outcome for each time step, without empty steps.

        ``since`` and ``until`` are Unix seconds, ``step_s`` seconds in whole minutes.
        """
        with self._database.read() as connection:
            return health.list_trend(connection, since, until, step_s, operation)

    def generations(
        self, *, after: int | None = None, operation: str | None = None, limit: int = 100
    ) -> list[GenerationRow]:
        """List generations stored after the one with row id ``after``; None for the newest ones."""
        with self._database.read() as connection:
            return tail.list_generations(connection, after=after, operation=operation, limit=limit)

    def counts(self) -> Counts:
        """Count cases, runs and failures, for ``genmon exporter``."""
        with self._database.read() as connection:
            return tail.fetch_counts(connection)

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
        """List failures; see :func:`genmon_otel.store.failures.list_failures`."""
        with self._database.read() as connection:
            return failures.list_failures(
                connection, status=status, category=category, operation=operation,
                since=since, sort=sort, limit=limit,
            )  # fmt: skip

    def failure(self, ref: str) -> FailureDetail:
        """Fetch a failure, with its impact, recordings and case.

        Args:
            ref: handle, fingerprint or the start of either.

        Raises:
            NotFound: no failure matches, or several do.
        """
        with self._database.read() as connection:
            return failures.fetch_detail(connection, ref)

    def decisions(self, failure_id: int) -> list[DecisionRow]:
        """List what was decided about a failure and its case, newest first."""
        with self._database.read() as connection:
            return decisions.list_decisions(connection, failure_id)

    def set_failure_status(
        self,
        ref: str,
        status: Status,
        reviewer: str | None = None,
        *,
        expected: str | None = None,
    ) -> FailureRow:
        """Set a failure's status; see :func:`genmon_otel.store.failures.set_status`."""
        with self._database.begin() as connection:
            return failures.set_status(
                connection, ref, status, at=self._clock.now(), reviewer=reviewer, expected=expected
            )

    def relabel(
        self,
        ref: str,
        *,
        category: str | None = None,
        severity: str | None = None,
        reviewer: str,
        is_declared: bool = False,
    ) -> FailureRow:
        """Set a failure's category or severity; see :func:`.relabelling.relabel`."""
        with self._database.begin() as connection:
            return relabelling.relabel(
                connection, ref, category=category, severity=severity, reviewer=reviewer,
                at=self._clock.now(), is_declared=is_declared,
            )  # fmt: skip

    def undo_relabel(self, ref: str, reviewer: str | None = None) -> FailureRow:
        """Restore the category and severity of the rules."""
        with self._database.begin() as connection:
            return relabelling.undo(connection, ref, self._clock.now(), reviewer)

    def corrections(self) -> list[Correction]:
        """List the categories and severities that people set, for running processes to apply."""
        with self._database.read() as connection:
            return relabelling.list_corrections(connection)

    def recordings(self, failure_id: int) -> list[Recording]:
        """List a failure's recordings: those that can be replayed first, newest first."""
        with self._database.read() as connection:
            return failures.list_recordings(connection, failure_id)

    def success_samples(self, operation: str) -> list[SuccessSample]:
        """List the success samples of an operation, newest first."""
        with self._database.read() as connection:
            return recordings.list_samples(connection, operation)

    # --- cases -------------------------------------------------------------

    def cases(
        self, *, state: str | None = None, operation: str | None = None, limit: int = 100
    ) -> list[CaseRow]:
        """List cases, newest first."""
        with self._database.read() as connection:
            return cases.list_cases(connection, state=state, operation=operation, limit=limit)

    def case(self, ref: int | str) -> CaseRow:
        """Fetch a case by its number or by its failure's handle.

        Raises:
            NotFound: no case matches, or several do.
        """
        with self._database.read() as connection:
            return cases.fetch_case(connection, ref)

    def case_runs(self, case_id: int, limit: int = 50) -> list[RunRow]:
        """List at most ``limit`` runs of a case, newest first."""
        with self._database.read() as connection:
            return cases.list_runs(connection, case_id, limit)

    def set_case_state(
        self,
        ref: int | str,
        wanted: CaseState,
        *,
        expected: CaseState | None = None,
        reviewer: str | None = None,
        reason: str = "",
    ) -> CaseRow:
        """Change the state of a case; see :func:`genmon_otel.store.cases.set_state`."""
        with self._database.begin() as connection:
            return cases.set_state(
                connection, ref, wanted, at=self._clock.now(), expected=expected,
                reviewer=reviewer, reason=reason,
            )  # fmt: skip

    def save_case(self, ref: int | str, case: Mapping[str, Tree]) -> CaseRow:
        """Replace a case's JSON, after the reproduction check or ``genmon cases rebind``."""
        with self._database.begin() as connection:
            return cases.save_case(connection, ref, case)

    def rename_case(
        self, ref: int | str, signature: str, trigger_signature: str | None, reason: str
    ) -> CaseRow:
        """Replace a case's signatures; see :func:`genmon_otel.store.cases.save_signatures`."""
        with self._database.begin() as connection:
            return cases.save_signatures(connection, ref, signature, trigger_signature, reason)

    def record_run(  # noqa: PLR0917 - called by position
        self,
        case_id: int,
        channel: Channel,
        code_version: str | None,
        verdict: Verdict,
        detail: str,
        run_id: str,
        at: float | None = None,
        weight: float = 1.0,
        drift: str = "",
    ) -> CaseRow:
        """Save one run of a case, once for each ``run_id``, and return the case after it.

        Args:
            case_id, channel: the case, and where it ran.
            code_version, verdict, detail: what was tested (None: unknown), what it showed, and why.
            run_id: unique; a run whose id is stored changes nothing.
            at: Unix seconds; None for now.
            weight, drift: see :class:`genmon_otel.store.rows.RunRow`.

        Raises:
            NotFound: there is no such case.
        """
        if channel not in CHANNELS:
            raise ConfigurationError(
                f"channel={channel!r} is not allowed. Use one of: {', '.join(CHANNELS)}."
            )
        when = self._clock.now() if at is None else at
        verdict = Verdict(verdict)
        run = NewRun(run_id, case_id, channel, code_version, verdict, when, detail, weight, drift)
        with self._database.begin() as connection:
            runs.save_run(connection, run)
            return cases.fetch_case(connection, case_id)

    # --- upkeep ------------------------------------------------------------

    def prune_step(self, limit: int) -> int:
        """Delete at most ``limit`` expired rows; return how many were deleted."""
        return retention.prune_step(self._database, self._clock.now(), limit)

    def prune(self, on_step: Callable[[int], None] | None = None, limit: int = PRUNE_ROWS) -> int:
        """Delete all expired rows step by step; return how many were deleted.

        Args:
            on_step: called after each step with the number of rows deleted so far.
            limit: rows of one step; other processes can write between two steps.
        """
        deleted = 0
        while step := self.prune_step(limit):
            deleted += step
            if on_step is not None:
                on_step(deleted)
            if step == limit and not self._database.is_postgresql:
                time.sleep(PRUNE_PAUSE_S)
        return deleted

    def forget(self, user: str) -> Forgotten:
        """Delete a person's data from rows, recordings and cases; journals are outside the store."""
        forgotten = forget_user(self._database, user, self._propose)
        self._writer.stored_keys.clear()
        return forgotten

    def grants(self, application: str = "genmon_app", reader: str = "genmon_grafana") -> str:
        """Build SQL that grants least privilege on PostgreSQL; see :func:`.grants.build_grants`."""
        if not self._database.is_postgresql:
            raise ConfigurationError(
                "Grants are for PostgreSQL. A SQLite store is protected by its file's mode (0600)."
            )
        return build_grants(application, reader)
