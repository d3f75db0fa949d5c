"""Fixtures of the tests of capture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from integration import capture_server

from genmon_otel import capture


@pytest.fixture(scope="module")
def server() -> Iterator[capture_server.Server]:
    """A server on loopback that answers as model APIs do."""
    with capture_server.running() as running:
        yield running


@pytest.fixture
def installed() -> Iterator[None]:
    """Record outbound calls as automatic steps, in this test only."""
    capture.install()
    yield
    capture.uninstall()
