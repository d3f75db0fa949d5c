"""The page over a store: asked in this process as a browser would ask, or served to a real one."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from starlette.testclient import TestClient

from genmon_otel.store import SqlStore
from genmon_otel.ui.app import create_app
from genmon_otel.ui.gate import Access
from genmon_otel.ui.server import configuration, link
from genmon_otel.ui.session import Sessions, sign_link
from tests.port_kit import free_port

PORT = 8750
#: Milliseconds that a browser may take for one thing, on a busy machine.
PATIENCE_MS = 120_000
URL = f"http://127.0.0.1:{PORT}"
KEY = b"k" * 32
#: What a browser sends with a form of the page itself.
SAME = {"sec-fetch-site": "same-origin"}


def stranger(store: SqlStore, access: Access | None = None, code: Path | None = None) -> TestClient:
    """Return a client without a session."""
    app = create_app(store, access or Access(PORT), Sessions(KEY), code=code)
    return TestClient(app, base_url=URL, follow_redirects=False, raise_server_exceptions=False)


def reviewer(store: SqlStore, name: str = "ada", code: Path | None = None) -> TestClient:
    """Return a client whose session is a reviewer's."""
    client = stranger(store, code=code)
    answer = client.get("/enter", params={"token": sign_link(KEY, name, time.time())})
    assert answer.status_code == 303
    return client


def chromium() -> str | None:
    """Return the program of Debian's Chromium; None where it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def serving(
    store: SqlStore, code: Path | None = None, port: int = 0, names: frozenset[str] = frozenset()
) -> Iterator[tuple[str, Any]]:
    """Serve the page as ``genmon ui`` does, on a free port; its address, and the application."""
    port = port or free_port()
    access = Access(port)
    app = create_app(store, replace(access, hosts=access.hosts | names), Sessions(KEY), code=code)
    server = uvicorn.Server(configuration(app, "127.0.0.1", port))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}", app
    finally:
        server.should_exit = True
        thread.join(120)


def page_of(browser: Any, base: str, reviewer: str = "ada", **options: Any) -> Any:
    """Open a session in a fresh context; what the console says is in the page's ``problems``."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.problems = []
    page.on(
        "console", lambda told: page.problems.append(told.text) if told.type == "error" else None
    )
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(link(base, KEY, reviewer))
    return page
