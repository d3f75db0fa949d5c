"""A PostgreSQL whose host vanishes: no reset, no answer. Nobody waits, and it heals by itself."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

from genmon_otel import recorder, setup, shutdown
from genmon_otel.errors import StoreUnavailable
from genmon_otel.store import SqlStore, connect
from tests.servers import postgresql, tcp_proxy
from tests.system.faults.conftest import Application
from tests.system.faults.test_stores_under_way import load

pytestmark = [pytest.mark.long("waits until a vanished host is noticed"), pytest.mark.postgres]

timeout_connection = pytest.importorskip("genmon_otel.store.timeout_connection")


def through(proxy: tcp_proxy.Proxy, url: str) -> str:
    """The same database by way of the proxy."""
    name = url.partition("@/")[2].partition("?")[0]
    return f"postgresql://genmon@127.0.0.1:{proxy.port}/{name}"


def test_a_host_that_vanishes_and_returns(
    postgresql_server: postgresql.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mid-run: callers do not wait, failures are in the journal, and all is stored by itself."""
    # Soon for a host that is away, long for a busy machine's server.
    monkeypatch.setattr(timeout_connection.TimeoutConnection, "answer_timeout_s", 5.0)
    monkeypatch.setitem(connect._POSTGRESQL_ARGUMENTS, "connect_timeout", 5)
    with tcp_proxy.before(f"{postgresql_server.folder}/.s.PGSQL.5432") as proxy:
        made = Application(
            through(proxy, postgresql_server.new_database()),
            tmp_path / "journal",
            TracerProvider(shutdown_on_exit=False),
            CollectorRegistry(),
        )
        setup(
            made.store,
            journal_dir=made.journal,
            tracer_provider=made.provider,
            registry=made.registry,
            code_version="v1",
        )
        try:
            load(300)
            assert recorder.active_runtime().sink.flush(180)
            with proxy.silent():
                load(500)
                deadline = time.monotonic() + 180
                while not proxy.refused and time.monotonic() < deadline:
                    time.sleep(0.1)  # until the dead connection is given up and another tried
                assert proxy.refused
                load(100)
                account = recorder.active_runtime().sink.account()
                assert account.journalled >= 300
            found = made.end()
        finally:
            with suppress(Exception):
                shutdown()
    assert found.ended == {"failure": 450, "success": 450}
    assert not found.dropped


def test_an_answer_that_does_not_come_is_an_unavailable_store(
    postgresql_server: postgresql.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The read is given up and says why; the next connection, once there is one, works."""
    with tcp_proxy.before(f"{postgresql_server.folder}/.s.PGSQL.5432") as proxy:
        store = SqlStore(through(proxy, postgresql_server.new_database()))
        store.open()
        with (
            proxy.silent(),
            monkeypatch.context() as patched,
            pytest.raises(StoreUnavailable, match="no answer within"),
        ):
            # In this block only: a busy machine's server needs longer.
            patched.setattr(timeout_connection.TimeoutConnection, "answer_timeout_s", 0.3)
            store.producer_position("a" * 32)
        assert store.producer_position("a" * 32) == (0, 0)
        store.close()
