"""Fixtures that several levels of tests share."""

from __future__ import annotations

import ast
import functools
import gc
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from genmon_otel import recorder
from genmon_otel.store import SqlStore
from tests.pytest_kit import LEAN
from tests.servers import postgresql

# A busy machine is slow; how long an example takes says nothing about the code. The same examples are tried each
# time, so that a failure is the change's; `make fuzz` looks for others, ten times as many.
settings.register_profile(
    "same",
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
settings.register_profile(
    "fresh", settings.get_profile("same"), max_examples=1_000, derandomize=False, print_blob=True
)
settings.load_profile("same")


def _without_garbage(parse: Callable[..., Any]) -> Callable[..., Any]:
    """Parse without collecting garbage: a finaliser may log an exception, and formatting that parses source.

    CPython before 3.13 cannot parse while it parses, and raises SystemError (gh-106905).
    """

    @functools.wraps(parse)
    def parsed(*args: Any, **options: Any) -> Any:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return parse(*args, **options)
        finally:
            if was_enabled:
                gc.enable()

    return parsed


if sys.version_info < (3, 13):
    ast.parse = _without_garbage(ast.parse)


def pytest_configure() -> None:
    """Collect no garbage while test modules are imported, SDKs with hundreds of thousands of objects among them.

    Every pytest that a test starts is lean.
    """
    gc.disable()
    if settings.default is not None and settings.default.derandomize:
        # Hypothesis has no option for it: it draws constants from the source of the modules that are imported just
        # then, so that the same test would try other examples in each worker and after each change of a text.
        no_constants = providers.Constants()
        providers._get_local_constants = lambda: no_constants
    os.environ["PYTEST_ADDOPTS"] = LEAN


@pytest.fixture
def pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Pytest's own, whose runs are lean as well: it discards the options that the environment has."""
    monkeypatch.setenv("PYTEST_ADDOPTS", LEAN)
    return pytester


def pytest_collection_finish() -> None:
    """Leave what was imported out of every later look for garbage, which some tests ask for: it stays."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that is left out of ``make test`` and does not say why."""
    for item in items:
        for mark in item.iter_markers("long"):
            if not mark.args:
                raise pytest.UsageError(f"{item.nodeid}: say why it is long: mark.long('...')")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what to install, or what else it takes, for the tests that were skipped."""
    reasons = [
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, tuple)
    ]
    if reasons:
        remedies = Counter(_remedy(reason) for reason in reasons)
        line = "; ".join(f"{remedy} ({count})" for remedy, count in remedies.most_common())
        terminalreporter.write_line(f"{len(reasons)} skipped. To run them too: {line}")


def _remedy(reason: str) -> str:
    """What a skipped test needs: the command that its reason names, else the reason."""
    if reason.startswith("could not import"):
        return "pip install -r requirements/dev.txt"
    command = re.search(r"(apt-get install|pip install|make [a-z]|tests/servers/)[^`]*", reason)
    return command[0] if command else reason


@pytest.fixture(autouse=True)
def decorated() -> Iterator[None]:
    """Forget what a test decorated: a hundred operations have series, and a worker runs thousands of tests."""
    before = dict(recorder.runtime._operations)
    yield
    recorder.runtime._operations.clear()
    recorder.runtime._operations.update(before)


@pytest.fixture(autouse=True)
def closed_stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close what a test opened: a worker runs thousands, and each open store holds files."""
    opened: list[SqlStore] = []
    open_store = SqlStore.open

    def remember(store: SqlStore) -> None:
        opened.append(store)
        open_store(store)

    with monkeypatch.context() as patched:
        patched.setattr(SqlStore, "open", remember)
        yield
    for store in opened:
        store.close()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgresql.Server]:
    """A PostgreSQL server of this session's own (of each xdist worker's own)."""
    yield from _server()


@pytest.fixture(scope="module")
def own_postgresql_server() -> Iterator[postgresql.Server]:
    """A server of one module's own, for tests that make roles: those are a whole server's."""
    yield from _server()


def _server() -> Iterator[postgresql.Server]:
    pytest.importorskip("psycopg", reason='needs psycopg: pip install "genmon-otel[postgres]"')
    if postgresql.programs() is None:
        pytest.skip("needs a PostgreSQL server's programs: apt-get install postgresql")
    with postgresql.running() as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql_server: postgresql.Server) -> Iterator[str]:
    """Connection string of an empty database."""
    url = postgresql_server.new_database()
    yield url
    postgresql_server.drop(url)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Connection string of an empty database, of each kind in turn."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgresql_url")
        return url
    return f"sqlite:///{tmp_path / 'store' / 'genmon.db'}"
