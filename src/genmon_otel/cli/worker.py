"""``genmon cases verify --worker``: do what reviewers asked for on a page without the application's code."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from typing import Final

from genmon_otel.cli.output import marked
from genmon_otel.cli.terminal import console
from genmon_otel.errors import GenmonError, StoreUnavailable
from genmon_otel.store import SqlStore
from genmon_otel.store.work import Work
from genmon_otel.ui.work import TITLES, needs_from, perform

#: Seconds between two checks of the queue.
_POLL_S: Final = 2.0


def work_through(store: SqlStore, cwd: Path, *, once: bool) -> None:
    """Take requests from the queue, oldest first, until interrupted.

    Args:
        store: open, and writable.
        cwd: where the application's code is.
        once: end when nothing waits.
    """
    # A container's first process ignores SIGTERM unless it says otherwise.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    name, out = f"{socket.gethostname()}:{os.getpid()}", console()
    if not once:
        out.print(marked("{} waits for what reviewers ask for. Stop it with Ctrl-C.", name))
    try:
        while True:
            try:
                found = store.work.take(name)
                if found is not None:
                    said = _do(store, found, name, cwd)
                    out.print(marked("[cyan]{}[/] {}: {}", found.handle, found.action, said),
                              soft_wrap=True)  # fmt: skip
            except StoreUnavailable as error:
                out.print(marked("[red]{}[/]", str(error)), soft_wrap=True)
                found = None
            if found is None:
                if once:
                    return
                time.sleep(_POLL_S)
    except KeyboardInterrupt:
        return


def _do(store: SqlStore, asked: Work, worker: str, cwd: Path) -> str:
    """Do one request and report how it ended; an interruption gives it back."""
    try:
        if asked.action not in TITLES:
            said, failed = f"this genmon knows no {asked.action!r}", True
        else:
            said = perform(
                store, asked.handle, asked.action, cwd=cwd, needs=needs_from(asked.needs),
                step=lambda: store.work.step(asked.case_id, worker), reviewer=asked.reviewer,
            )  # fmt: skip
            failed = False
    except StoreUnavailable:
        store.work.give_back(asked.case_id, worker)
        raise
    except GenmonError as error:
        said, failed = str(error), True
    except Exception as error:  # the next request must be done all the same
        said, failed = f"{type(error).__name__}: {error}", True
    except KeyboardInterrupt:
        store.work.give_back(asked.case_id, worker)
        raise
    store.work.end(asked.case_id, worker, said, failed=failed)
    return said
