"""A queue of work on cases that reviewers request where the application's code is not available.

A case has at most one entry. It waits, a worker takes it (by one UPDATE, so that two workers never
take the same), reports each step, and ends it; the entry then stays until the case is asked for
again. A worker that is silent for :data:`SILENT_S` has died: another one takes its entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

import sqlalchemy as sa

from genmon_otel.errors import ConfigurationError
from genmon_otel.ports import Clock
from genmon_otel.records import Tree
from genmon_otel.store import schema
from genmon_otel.store.codec import MESSAGE_LIMIT, storable_name_or_none
from genmon_otel.store.connect import Database
from genmon_otel.store.decisions import save_decision
from genmon_otel.text import clean

Action = Literal["verify", "run", "shrink", "refresh", "restore"]
#: Entries of a history that are not decisions.
Noted = Literal["shrunk", "refreshed", "made anew as recorded", "exported", "put on a branch"]
#: Seconds without a sign of the worker after which another one takes over.
SILENT_S: Final = 900.0
#: Entries that are listed.
_LISTED: Final = 200


@dataclass(frozen=True, slots=True)
class Work:
    """One entry of the queue. Times are Unix seconds."""

    case_id: int
    #: Handle of the case's failure.
    handle: str
    action: str
    reviewer: str | None
    #: What the replay needs, by option.
    needs: Mapping[str, Any] = field(repr=False)
    asked_at: float
    #: Who does it; None while it waits.
    worker: str | None
    seen_at: float | None
    #: Steps that are done.
    done: int
    ended_at: float | None
    result: str
    failed: bool

    @property
    def is_over(self) -> bool:
        """Whether it ended."""
        return self.ended_at is not None


class WorkQueue:
    """The queue of one store. Thread-safe."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def ask(
        self, case_id: int, action: Action, reviewer: str | None, needs: Mapping[str, Tree]
    ) -> Work:
        """Enter a request; a case whose request has not ended keeps that one, which is returned.

        Raises:
            ConfigurationError: there is no such action.
        """
        if action not in get_args(Action):
            raise ConfigurationError(
                f"action={action!r} is not allowed. Use one of: {', '.join(get_args(Action))}."
            )
        table, now = schema.work, self._clock.now()
        with self._database.begin() as connection:
            # The case's lock: two concurrent reviewers enter one request.
            connection.execute(
                sa.select(schema.tests.c.id).where(schema.tests.c.id == case_id).with_for_update()
            )
            there = _fetch(connection, case_id)
            if there is not None and not there.is_over:
                return there
            connection.execute(sa.delete(table).where(table.c.test_id == case_id))
            connection.execute(
                sa.insert(table).values(
                    test_id=case_id,
                    action=action,
                    reviewer=storable_name_or_none(reviewer),
                    needs=dict(needs),
                    asked_at=now,
                )
            )
            entered = _fetch(connection, case_id)
        assert entered is not None
        return entered

    def take(self, worker: str) -> Work | None:
        """Take the oldest waiting request; None when there is none.

        Args:
            worker: names who does it, for reviewers.
        """
        table, now = schema.work, self._clock.now()
        silent = now - SILENT_S
        open_ = sa.and_(
            table.c.ended_at.is_(None), sa.or_(table.c.worker.is_(None), table.c.seen_at < silent)
        )
        with self._database.begin() as connection:
            waiting = connection.execute(
                sa.select(table.c.test_id).where(open_).order_by(table.c.asked_at).limit(20)
            ).scalars()
            for case_id in list(waiting):
                taken = connection.execute(
                    sa.update(table)
                    .where(table.c.test_id == case_id, open_)
                    .values(worker=clean(worker, 200), seen_at=now, done=0)
                )
                if taken.rowcount:
                    return _fetch(connection, case_id)
        return None

    def step(self, case_id: int, worker: str) -> None:
        """Report that one more step of a request is done."""
        table = schema.work
        self._change(case_id, worker, {"done": table.c.done + 1, "seen_at": self._clock.now()})

    def end(self, case_id: int, worker: str, result: str, *, failed: bool) -> None:
        """Report how a request ended."""
        now = self._clock.now()
        said = clean(result, MESSAGE_LIMIT)
        ended = {"ended_at": now, "seen_at": now, "failed": failed, "result": said}
        self._change(case_id, worker, ended)

    def give_back(self, case_id: int, worker: str) -> None:
        """Let another worker take a request that this one cannot finish."""
        self._change(case_id, worker, {"worker": None, "seen_at": None})

    def find(self, case_id: int) -> Work | None:
        """Fetch the request of a case; None when there is none."""
        with self._database.read() as connection:
            return _fetch(connection, case_id)

    def waiting(self) -> list[Work]:
        """List the requests that have not ended, the oldest first."""
        table = schema.work
        query = _SELECT.where(table.c.ended_at.is_(None)).order_by(table.c.asked_at).limit(_LISTED)
        with self._database.read() as connection:
            return [_work(found) for found in connection.execute(query).mappings()]

    def note(self, failure_id: int, action: Noted, reviewer: str | None, detail: str = "") -> None:
        """Keep in the history of a failure what a reviewer had done with its case; no state changes.

        Args:
            failure_id: row id of the failure.
            action: what was done.
            reviewer: who requested it; None where no name was given.
            detail: how it ended.
        """
        at = self._clock.now()
        with self._database.begin() as connection:
            save_decision(connection, failure_id, action, at=at, reviewer=reviewer, detail=detail)

    def _change(self, case_id: int, worker: str, values: Mapping[str, Any]) -> None:
        """Change a request that this worker has; one that was taken over stays as it is."""
        table = schema.work
        mine = (table.c.test_id == case_id, table.c.worker == clean(worker, 200))
        with self._database.begin() as connection:
            connection.execute(
                sa.update(table).where(*mine, table.c.ended_at.is_(None)).values(**values)
            )


_SELECT: Final = sa.select(schema.work, schema.failures.c.handle).select_from(
    schema.work.join(schema.tests, schema.tests.c.id == schema.work.c.test_id).join(
        schema.failures, schema.failures.c.id == schema.tests.c.created_from_failure_id
    )
)


def _fetch(connection: sa.Connection, case_id: int) -> Work | None:
    found = connection.execute(_SELECT.where(schema.work.c.test_id == case_id)).mappings().first()
    return None if found is None else _work(found)


def _work(found: Mapping[Any, Any]) -> Work:
    """Read a row; a damaged value becomes an empty one."""
    times = {
        name: found[name] if isinstance(found[name], float) else None
        for name in ("asked_at", "seen_at", "ended_at")
    }
    needs = found["needs"]
    return Work(
        case_id=int(found["test_id"]),
        handle=str(found["handle"]),
        action=str(found["action"]),
        reviewer=None if found["reviewer"] is None else str(found["reviewer"]),
        needs=needs if isinstance(needs, dict) else {},
        asked_at=times["asked_at"] or 0.0,
        worker=None if found["worker"] is None else str(found["worker"]),
        seen_at=times["seen_at"],
        done=found["done"] if isinstance(found["done"], int) else 0,
        ended_at=times["ended_at"],
        result=str(found["result"] or ""),
        failed=bool(found["failed"]),
    )
