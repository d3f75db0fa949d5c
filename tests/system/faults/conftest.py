"""An application of the test's own: set up over each kind of store, its books checked at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

from genmon_otel import recorder, setup, shutdown
from tests.system.faults.invariant import Books, books, check


@dataclass
class Application:
    """What one ``setup()`` put in force."""

    store: str
    journal: Path
    provider: TracerProvider
    registry: CollectorRegistry

    def end(self) -> Books:
        """Shut down in good order and check that every generation is accounted for."""
        sink = recorder.active_runtime().sink
        assert sink.flush(180), sink.account()
        found = books(self.registry)  # they leave the registry with shutdown()
        assert shutdown(180)
        check(found, self.store, self.journal)
        return found


@pytest.fixture
def application(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Application]:
    for name in list(os.environ):
        if name.startswith(("GENMON_", "OTEL_", "KUBERNETES_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    made = Application(
        store_url,
        tmp_path / "journal",
        TracerProvider(shutdown_on_exit=False),
        CollectorRegistry(),
    )
    setup(
        store_url,
        journal_dir=made.journal,
        tracer_provider=made.provider,
        registry=made.registry,
        code_version="v1",
    )
    yield made
    shutdown()
