"""PostgreSQL connections that do not wait for ever for a server, or a network, that went silent.

A host that vanishes says nothing: the server's own timeouts do not run, and where a
proxy or a firewall still acknowledges what is sent, nor do the kernel's. Imports
psycopg, so it is imported only where a server is used.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, Final

import psycopg
from psycopg.types.datetime import TimestamptzLoader

#: Seconds for one statement's answer; the server has ended it itself long before.
ANSWER_TIMEOUT_S: Final = 40.0


class AnyTime(TimestamptzLoader):
    """Loads times; ``infinity`` and years beyond 9999, which Python has not, as text."""

    def load(self, data: Any) -> Any:
        """Return a time, else its text."""
        try:
            return super().load(data)
        except (psycopg.Error, ValueError, OverflowError):
            return bytes(data).decode("utf-8", "replace")


class TimeoutConnection(psycopg.Connection[Any]):
    """A connection that closes itself when an answer does not come."""

    #: Seconds; whoever asks for something that takes long raises it.
    answer_timeout_s = ANSWER_TIMEOUT_S

    def wait(self, gen: Any, *args: Any, **named: Any) -> Any:
        """Wait as psycopg does, but not for ever."""
        return super().wait(self._within(gen), *args, **named)

    def _within(self, gen: Any) -> Generator[Any, Any, Any]:
        deadline = time.monotonic() + self.answer_timeout_s
        try:
            want = next(gen)
            while True:
                ready = yield want
                # psycopg looks up now and then with nothing ready, so that it can be interrupted.
                if not ready and time.monotonic() > deadline:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(
                        f"no answer within {self.answer_timeout_s:g} s: the connection was given up"
                    )
                want = gen.send(ready)
        except StopIteration as end:
            return end.value


def connect(arguments: Any, named: Any) -> Any:
    """Open a connection with what SQLAlchemy gives."""
    opened = TimeoutConnection.connect(*arguments, **named)
    opened.adapters.register_loader("timestamptz", AnyTime)
    return opened
