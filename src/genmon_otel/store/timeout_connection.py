"""PostgreSQL connections with a client-side timeout for each answer.

When a host disappears, the server's timeouts do not run; where a proxy or a firewall still
acknowledges packets, the kernel's do not either. Imports psycopg, so this module is imported only
where PostgreSQL is used.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, Final

import psycopg
from psycopg.types.datetime import TimestamptzLoader

#: Seconds for one statement's answer; longer than the server's own ``statement_timeout``.
ANSWER_TIMEOUT_S: Final = 40.0


class LenientTimestampLoader(TimestamptzLoader):
    """Loads timestamps; ``infinity`` and years after 9999, which ``datetime`` lacks, as text."""

    def load(self, data: Any) -> Any:
        """Return a ``datetime``, else the text."""
        try:
            return super().load(data)
        except (psycopg.Error, ValueError, OverflowError):
            return bytes(data).decode("utf-8", "replace")


class TimeoutConnection(psycopg.Connection[Any]):
    """A connection that closes itself when an answer takes longer than :attr:`answer_timeout_s`."""

    #: Seconds; migrations set a longer one on their connection.
    answer_timeout_s = ANSWER_TIMEOUT_S

    def wait(self, gen: Any, *args: Any, **named: Any) -> Any:
        """Wait as psycopg does, at most :attr:`answer_timeout_s`.

        Raises:
            psycopg.OperationalError: there was no answer in time; the connection is closed.
        """
        return super().wait(self._with_deadline(gen), *args, **named)

    def _with_deadline(self, gen: Any) -> Generator[Any, Any, Any]:
        deadline = time.monotonic() + self.answer_timeout_s
        try:
            want = next(gen)
            while True:
                ready = yield want
                # psycopg resumes now and then with nothing ready, so that it can be interrupted.
                if not ready and time.monotonic() > deadline:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(
                        f"no answer within {self.answer_timeout_s:g} s: the connection was given up"
                    )
                want = gen.send(ready)
        except StopIteration as end:
            return end.value


def connect(arguments: Any, named: Any) -> Any:
    """Open a connection with the arguments that SQLAlchemy passes to its driver."""
    opened = TimeoutConnection.connect(*arguments, **named)
    opened.adapters.register_loader("timestamptz", LenientTimestampLoader)
    return opened
