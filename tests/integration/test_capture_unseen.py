"""What no adapter sees is named while it serves: drivers, gRPC and sockets of one's own."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import httpx2
import psycopg
import pytest
from integration.capture_server import Server
from sqlalchemy import create_engine, text
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

from genmon_otel import capture as automatic
from genmon_otel import generation, step
from genmon_otel.capture import unseen
from genmon_otel.testing import capture
from genmon_otel.wording.failure import unseen as unseen_lines


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(unseen, "_reported", set())
    automatic.install()
    yield
    automatic.uninstall()


def noticed(do: Any) -> list[str]:
    """What a generation that does something notes of what no replay can answer."""

    @generation(name="op")
    def op() -> None:
        do()

    with capture() as seen:
        op()
    context: Any = seen.record.context
    return list(context.get("not_replayable", ()))


def connect(server: Server) -> None:
    """A socket of one's own."""
    with socket.create_connection(server.server_address[:2], timeout=5):
        pass


def test_a_socket_of_ones_own(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Named with its address and the function that connects; in the log once an operation."""
    port = server.server_address[1]
    with caplog.at_level(logging.WARNING, "genmon_otel"):
        assert noticed(lambda: (connect(server), connect(server))) == [
            f"socket at 127.0.0.1:{port}, asked from test_capture_unseen.py:connect"
        ]
        noticed(lambda: connect(server))
    (line,) = [r.getMessage() for r in caplog.records if "cannot replay" in r.getMessage()]
    assert line == (
        f"genmon cannot replay what op asks of socket at 127.0.0.1:{port}, asked from "
        "test_capture_unseen.py:connect: put @step on connect, which should return only what is needed."
    )


def test_a_client_of_the_standard_library(server: Server) -> None:
    """Named by its module, in a thread and in a task too."""

    def ask() -> None:
        connection = HTTPConnection(*server.server_address[:2], timeout=5)
        connection.request("GET", "/json")
        connection.close()

    async def stream() -> None:
        _, writer = await asyncio.open_connection(*server.server_address[:2])
        writer.close()
        await writer.wait_closed()

    def in_pool() -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(ask).result()

    assert noticed(ask)[0].startswith("http.client at 127.0.0.1:")
    assert noticed(in_pool)[0].startswith("http.client at 127.0.0.1:")
    assert noticed(lambda: asyncio.run(stream()))[0].startswith("socket at 127.0.0.1:")


def test_what_is_seen_is_not_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Automatic steps, what a decorated step asks, what is asked outside a generation, sockets of the machine."""

    @step
    def asks() -> None:
        connect(server)

    def on_this_machine() -> None:
        monkeypatch.chdir(tmp_path)  # the path of such a socket must be short
        with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as other:
            one.bind("socket")
            one.listen()
            other.connect("socket")

    connect(server)
    assert noticed(lambda: (asks(), on_this_machine(), httpx2.get(f"{server.url}/json"))) == []
    assert len(noticed(lambda: connect(server))) == 1
    automatic.uninstall()
    assert noticed(lambda: connect(server)) == []


def test_grpc_is_named() -> None:
    """A call over a channel that was made long before, by native code."""
    channel = grpc.insecure_channel("127.0.0.1:9")
    ask = channel.unary_unary("/shop.Prices/Load")

    def load() -> None:
        with pytest.raises(grpc.RpcError):
            ask(b"", timeout=0.2)

    (said,) = noticed(load)
    assert said == "grpc, asked from test_capture_unseen.py:test_grpc_is_named.<locals>.load"
    channel.close()


def test_a_database_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """psycopg's connections outlive generations: its calls are what is noticed."""
    wrapped = psycopg.Cursor.execute
    monkeypatch.setattr(
        psycopg.Cursor, "execute", _as_patched(wrapped, lambda *_: "rows"), raising=True
    )

    def load() -> None:
        assert psycopg.Cursor.execute(object.__new__(psycopg.Cursor), "select 1") == "rows"

    (said,) = noticed(load)
    assert said.startswith("psycopg, asked from test_capture_unseen.py:")


def test_every_way_to_ask_is_named() -> None:
    """psycopg's cursors of the server, copies and streams, and pipelines of redis: each is a call of its own."""
    named = {
        f"{kind}.{method}"
        for module in ("psycopg", "redis.client", "redis.asyncio.cluster")
        for kind, methods in unseen.DRIVERS[module]
        for method in methods
    }
    asked = {
        "ServerCursor.execute",
        "AsyncCursor.copy",
        "Cursor.stream",
        "Pipeline.execute",
        "ClusterPipeline.execute",
    }
    assert asked <= named
    for kind, methods in unseen.DRIVERS["psycopg"]:
        for method in methods:
            assert hasattr(vars(getattr(psycopg, kind))[method], "__genmon_wraps__"), (kind, method)

    def load() -> None:
        nobody: Any = object()  # without a connection
        with pytest.raises(AttributeError):
            psycopg.ServerCursor.execute(nobody, "select 1")

    (said,) = noticed(load)
    assert said.startswith("psycopg, asked from test_capture_unseen.py:")


def test_a_driver_below_sqlalchemy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own name, over a connection of the pool; a database in a file is replayed as files are."""
    monkeypatch.setitem(sys.modules, "psycopg2", driver := ModuleType("psycopg2"))
    driver.paramstyle = "pyformat"  # type: ignore[attr-defined]
    dialect = PGDialect_psycopg2(dbapi=driver)  # type: ignore[no-untyped-call]

    class Cursor:
        def execute(self, *_: Any) -> None:
            """Answer without a server."""

    def load() -> None:
        dialect.do_execute(Cursor(), "select 1", ())  # type: ignore[arg-type]

    (said,) = noticed(load)
    assert said.startswith("psycopg2, asked from test_capture_unseen.py:")

    def read() -> None:
        with create_engine("sqlite://").connect() as connection:
            assert connection.execute(text("select 1")).scalar() == 1

    assert noticed(read) == []


def test_how_a_native_driver_connects_is_named() -> None:
    """Its classes cannot be patched, its function can."""
    driver: Any = ModuleType("psycopg2")
    driver.connect = lambda dsn: f"connected to {dsn}"
    ((_, name, wrap),) = unseen.native_targets(driver)
    assert name == "connect"
    connects = wrap(driver.connect)

    def load() -> None:
        assert connects("dbname=a") == "connected to dbname=a"

    (said,) = noticed(load)
    assert said.startswith("psycopg2, asked from test_capture_unseen.py:")


def _as_patched(wrapped: Any, answer: Any) -> Any:
    """Our wrapper around a driver's method that answers without a server."""
    assert hasattr(wrapped, "__genmon_wraps__")
    ((_, _, wrap), *_) = unseen.driver_targets(psycopg)
    return wrap(answer)


def test_it_is_shown_with_the_failure(server: Server) -> None:
    """``failures show`` says what was asked, and that no replay answers it."""

    class Row:
        context = {
            "context": {"not_replayable": ["redis at cache:6379, asked from shop.py:load", 7]}
        }

    assert unseen_lines(Row()) == ["redis at cache:6379, asked from shop.py:load"]  # type: ignore[arg-type]
    Row.context = {"context": {"not_replayable": "no list"}}  # type: ignore[dict-item]
    assert unseen_lines(Row()) == []  # type: ignore[arg-type]
    Row.context = {}
    assert unseen_lines(Row()) == []  # type: ignore[arg-type]
