"""What a task queue passes its bound tasks as ``self``: the task, found where the target is.

Only what tasks have in common with Celery's is touched, and nothing of it imported.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final

from genmon_otel.payload import import_path
from genmon_otel.records import Tree

#: Methods of a task that tell its backend or its broker something.
_TELLING: Final = ("update_state", "send_event", "send_events")
#: The request of a task that nobody sent: a retry is raised, not sent off.
_REQUEST: Final = {
    "id": "genmon-replay",
    "retries": 0,
    "called_directly": False,
    "is_eager": True,
    "args": (),
    "kwargs": {},
}


def is_recorded_as(task: Any, tree: Tree) -> bool:
    """Whether an argument that could not be recorded was this task."""
    if task is None or not isinstance(tree, dict) or tree.get("$") != "opaque":
        return False
    return bool(tree.get("type") == import_path(task.__class__))  # a proxy knows the true one


def at_work(task: Any) -> Any:
    """The task as its body finds it while it runs, but telling nobody."""
    with contextlib.suppress(Exception):
        task.push_request(**_REQUEST)
    for name in _TELLING:
        if callable(getattr(task, name, None)):
            with contextlib.suppress(Exception):
                setattr(task, name, _nothing)
    return task


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Tell nobody."""
