"""A pytest plugin: keep each test's outcome and, with ``--genmon=on``, run each test in a generation.

Outside a generation the patches do nothing, so that only tests inside one try them. It is loaded
by name (``-p inside_generation``, with this folder on ``PYTHONPATH``) in another project's environment.
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
import tempfile
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

#: The suite's outcomes by test, and what genmon saw.
_outcomes: dict[str, str] = {}
_seen: Counter[str] = Counter()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the two options that scripts.suites.compare gives."""
    parser.addoption("--genmon", choices=("on", "off"), default="off")
    parser.addoption("--genmon-outcomes", metavar="FILE", help="write each test's outcome here")


def pytest_configure(config: pytest.Config) -> None:
    """Set genmon up before the suite's modules are imported."""
    if config.getoption("--genmon") == "off":
        return
    import genmon_otel

    folder = tempfile.mkdtemp(prefix="genmon-suite-")
    genmon_otel.setup(Path(folder) / "genmon.db", capture="all", metrics="none")
    _count_steps()
    logging.getLogger("genmon_otel").addHandler(_InternalErrors())
    config.add_cleanup(lambda: genmon_otel.shutdown(60) and None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Have the test's function open a generation around what it does."""
    if item.config.getoption("--genmon") == "on" and isinstance(item, pytest.Function):
        item.obj = _inside(item.obj)
    return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep the worst outcome of a test's three parts."""
    known = _outcomes.get(report.nodeid)
    if known is None or (report.outcome != "passed" and known != "failed"):
        _outcomes[report.nodeid] = report.outcome


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write what the run came to."""
    if file := session.config.getoption("--genmon-outcomes"):
        found = {"tests": _outcomes, "seen": dict(_seen)}
        Path(file).write_text(json.dumps(found), encoding="utf-8")


def _inside(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a test's function that does the same inside a generation."""
    import genmon_otel

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*args: Any, **options: Any) -> Any:
            with genmon_otel.generation("suite"):
                return await function(*args, **options)

        return awaited

    @functools.wraps(function)
    def called(*args: Any, **options: Any) -> Any:
        with genmon_otel.generation("suite"):
            return function(*args, **options)

    return called


def _count_steps() -> None:
    """Count the automatic calls: a suite of which genmon sees none proves nothing."""
    from genmon_otel.capture.calls import AutomaticCall

    begin = AutomaticCall.__init__

    @functools.wraps(begin)
    def counted(self: Any, *args: Any, **options: Any) -> None:
        _seen["calls"] += 1
        begin(self, *args, **options)

    AutomaticCall.__init__ = counted  # type: ignore[method-assign]


class _InternalErrors(logging.Handler):
    """Counts the errors inside genmon; each place is logged once a minute at most."""

    def emit(self, record: logging.LogRecord) -> None:
        if "genmon broke inside" in record.getMessage():
            _seen["internal errors"] += 1
