"""Carry to other threads which generation they work for: pools, executors of event loops, threads.

In a variable of its own, which nothing but automatic steps reads: were it the recorder's, a
generation that begins in a pool would be a part of the one that asked for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from types import MethodType
from typing import Any, Final

from genmon_otel.capture import patches
from genmon_otel.capture.patches import Wrap
from genmon_otel.recorder.scope import Scope, current

_carried: Final[ContextVar[Scope | None]] = ContextVar("genmon_carried", default=None)


def here() -> Scope | None:
    """Return the scope that is current here, or where the work that runs here was submitted."""
    return current() or _carried.get()


def pool_targets(module: Any) -> list[tuple[Any, str, Wrap]]:
    """Patch: how a pool is given work."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def submit(self: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            scope = here() if patches.is_active else None
            if scope is not None:
                fn = functools.partial(_work_for, scope, fn)
            return original(self, fn, *args, **kwargs)

        return submit

    return [(module.ThreadPoolExecutor, "submit", wrap)]


def thread_targets(module: Any) -> list[tuple[Any, str, Wrap]]:
    """Patch: how a thread is started."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def start(self: Any) -> Any:
            scope = here() if patches.is_active else None
            # A pool's own threads outlive the call that they were started for.
            target = self.__dict__.get("_target")
            of_pool = getattr(target, "__module__", "") == "concurrent.futures.thread"
            if scope is not None and not of_pool:
                self.run = _run_for(scope, self)
            return original(self)

        return start

    # A timer inherits how it starts, unless another instrumentation gave it a wrapper of its own.
    kinds = (kind for kind in (module.Thread, module.Timer) if "start" in vars(kind))
    return [(kind, "start", wrap) for kind in kinds]


def _work_for(scope: Scope, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    token = _carried.set(scope)
    try:
        return work(*args, **kwargs)
    finally:
        _carried.reset(token)


def _run_for(scope: Scope, thread: Any) -> Callable[[], None]:
    """Return a thread's ``run``: a method, of which others that replace it too call the function."""
    others = vars(thread).get("run")  # put there by another, or by the application

    def run(thread: Any) -> None:
        _carried.set(scope)
        if getattr(vars(thread).get("run"), "__func__", None) is run:  # no cycle
            del thread.run
        if others is None:
            type(thread).run(thread)
        else:
            thread.run = others
            others()

    return MethodType(run, thread)
