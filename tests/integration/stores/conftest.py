"""Fixtures of the contract suite: every test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from genmon_otel.records import Recording
from genmon_otel.store import SqlStore
from tests.store_records import FakeClock, Producer


def propose(failure: Mapping[str, Any], recordings: Sequence[Recording]) -> Mapping[str, Any]:
    """Build a case that contains the arguments of ``propose``."""
    return {
        "handle": failure["handle"],
        "users": failure["user_count"],
        "recordings": [recording.generation_id for recording in recordings],
    }


@pytest.fixture
def clock() -> FakeClock:
    """The store's clock."""
    return FakeClock()


@pytest.fixture
def store(store_url: str, clock: FakeClock) -> Iterator[SqlStore]:
    """An open store in an empty database."""
    opened = SqlStore(store_url, clock=clock, propose=propose)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def producer(store: SqlStore) -> Producer:
    """A producer of that store."""
    return Producer(store)
