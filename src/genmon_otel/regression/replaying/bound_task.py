"""Find the task object that a task queue passes to a bound task as ``self``.

Only what tasks have in common with Celery's is touched, and nothing of it imported.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final

from genmon_otel.payload import import_path
from genmon_otel.records import Tree

#: Methods of a task that write to its backend or its broker.
_WRITING: Final = ("update_state", "send_event", "send_events")
#: Request of a task that was called directly: a retry is raised, not sent to the broker.
_REQUEST: Final = {
    "id": "genmon-replay",
    "retries": 0,
    "called_directly": False,
    "is_eager": True,
    "args": (),
    "kwargs": {},
}


def is_recorded_as(task: Any, tree: Tree) -> bool:
    """Return whether an argument that could not be recorded was this task."""
    if task is None or not isinstance(tree, dict) or tree.get("$") != "opaque":
        return False
    return bool(tree.get("type") == import_path(task.__class__))  # a proxy knows the true one


def at_work(task: Any) -> Any:
    """Return the task as its body sees it while it runs, without writing to backend or broker."""
    with contextlib.suppress(Exception):
        task.push_request(**_REQUEST)
    for name in _WRITING:
        if callable(getattr(task, name, None)):
            with contextlib.suppress(Exception):
                setattr(task, name, _nothing)
    return task


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Do nothing."""
