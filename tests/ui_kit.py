"""The page over a store, asked in this process as a browser would ask."""

from __future__ import annotations

import time
from pathlib import Path

from starlette.testclient import TestClient

from genmon_otel.store import SqlStore
from genmon_otel.ui.app import create_app
from genmon_otel.ui.gate import Access
from genmon_otel.ui.session import Sessions, sign_link

PORT = 8750
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
