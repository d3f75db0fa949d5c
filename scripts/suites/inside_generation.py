"""A pytest plugin: keep each test's outcome and, with ``--genmon=on``, run each test in a generation.

Outside a generation the patches do nothing, so that only tests inside one try them. It is loaded
by name (``-p inside_generation``, with this folder on ``PYTHONPATH``) in another project's environment.
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

#: Each test's outcome until now, and what genmon saw.
_outcomes: dict[str, str] = {}
_seen: Counter[str] = Counter()
_scratch: list[Path] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the two options that scripts.suites.compare gives."""
    parser.addoption("--genmon", choices=("on", "off"), default="off")
    parser.addoption("--genmon-folder", metavar="FOLDER", help="tell what comes of each test here")


def pytest_configure(config: pytest.Config) -> None:
    """Set genmon up before the suite's modules are imported."""
    _scratch[:] = [Path(config.getoption("--genmon-folder"))]
    if config.getoption("--genmon") == "off":
        return
    import genmon_otel

    genmon_otel.setup(_scratch[0] / "genmon.db", capture="all", metrics="none")
    _count_steps()
    logging.getLogger("genmon_otel").addHandler(_InternalErrors())
    config.add_cleanup(functools.partial(_shut_down, 60))


def _shut_down(seconds: float) -> None:
    import genmon_otel

    genmon_otel.shutdown(seconds)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that are asked for: by whole name, as ``--deselect`` goes by how names begin."""
    file = _scratch[0] / "choice.json"
    choice = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    only, without = set(choice.get("only", ())), set(choice.get("without", ()))
    items[:] = [
        item for item in items
        if item.nodeid not in without and (not only or item.nodeid in only)
    ]  # fmt: skip


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say which files hold the tests."""
    if session.config.option.collectonly:
        files = dict.fromkeys(item.nodeid.partition("::")[0] for item in session.items)
        (_scratch[0] / "files.json").write_text(json.dumps(list(files)), encoding="utf-8")


def pytest_runtest_logstart(nodeid: str) -> None:
    """Say which test begins: if the process hangs or dies, it was in this one."""
    _tell(nodeid, "unfinished")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Have the test's function open a generation around what it does; without genmon, a span that records nothing.

    A library that traces itself makes its span a child of either, so that this is no difference of the patches.
    """
    if isinstance(item, pytest.Function):
        item.obj = _inside(item.obj, _OPEN[item.config.getoption("--genmon")])
    return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep the worst outcome of a test's three parts."""
    known = _outcomes.get(report.nodeid)
    if known is None or (report.outcome != "passed" and known != "failed"):
        _outcomes[report.nodeid] = report.outcome
    if report.when == "teardown" or report.failed:
        crash = getattr(report.longrepr, "reprcrash", None) if report.failed else None
        outcome = _outcomes[report.nodeid] if report.when == "teardown" else "unfinished"
        _tell(report.nodeid, outcome, str(getattr(crash, "message", "")))


def _tell(test: str, outcome: str, why: str = "") -> None:
    """Write what came of a test at once: a process that is ended keeps nothing back."""
    line = {"test": test, "outcome": outcome, "why": " ".join(why.split())[:300], "seen": _seen}
    with (_scratch[0] / "outcomes.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _generation() -> AbstractContextManager[object]:
    import genmon_otel

    return genmon_otel.generation("suite")


def _span() -> AbstractContextManager[object]:
    context = SpanContext(1, 1, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return use_span(NonRecordingSpan(context))


_OPEN = {"on": _generation, "off": _span}


def _inside(
    function: Callable[..., Any], opened: Callable[[], AbstractContextManager[object]]
) -> Callable[..., Any]:
    """Return a test's function that does the same inside what is opened for it."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*args: Any, **options: Any) -> Any:
            with opened():
                return await function(*args, **options)

        return awaited

    @functools.wraps(function)
    def called(*args: Any, **options: Any) -> Any:
        with opened():
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
            *_, where, error = record.getMessage().splitlines()
            _seen[f"internal error: {error[:200]}, at {where.strip()[:200]}"] += 1
