"""Several processes on one database: one case, every count, no deadlock, no shared connection."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from genmon_otel.store import SqlStore
from tests.store_records import START, Producer, a_failure, failing, success

SPAWN = multiprocessing.get_context("spawn")


def together(work: Callable[..., None], processes: int, *arguments: Any) -> None:
    """Run ``work(number, barrier, ...)`` in several processes at once; all must succeed."""
    barrier = SPAWN.Barrier(processes)
    running = [
        SPAWN.Process(target=work, args=(number, barrier, *arguments))
        for number in range(processes)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
    assert [process.exitcode for process in running] == [0] * processes


def strike_once(number: int, barrier: Any, url: str) -> None:
    """Open the store, wait for the others, then fail once for each of ten failures."""
    store = SqlStore(url)
    store.open()
    producer = Producer(store)
    barrier.wait(60)
    for which in range(10):
        producer.write(failing(f"race-{which}", user_id=f"user-{number}"))
    store.close()


def test_racing_third_strikes_make_one_case(store_url: str) -> None:
    """Four processes that open, create and write at once create exactly one case for each failure."""
    together(strike_once, 4, store_url)
    store = SqlStore(store_url)
    store.open()
    assert len(store.cases()) == 10
    for row in store.failures():
        assert (row.occurrence_count, row.test_generated, row.user_count) == (4, True, 4)
    assert store.health(now=START).failures == 40
    assert store.failure("v2:fingerprint-race-0").impact.active_week == 4
    store.close()


def write_crossing(number: int, barrier: Any, url: str) -> None:
    """Write batches with the same failures, users and minutes as the other processes."""
    store = SqlStore(url)
    store.open()
    producer, chance = Producer(store), random.Random(number)
    barrier.wait(60)
    for _ in range(12):
        producer.write(
            *(
                failing(
                    str(chance.randrange(12)), START + chance.randrange(300),
                    user_id=str(chance.randrange(20)), project_id=str(chance.randrange(20)),
                )
                for _ in range(20)
            ),
            success(),
        )  # fmt: skip
    store.close()


@pytest.mark.postgres
def test_eight_processes_neither_deadlock_nor_lose(postgresql_url: str) -> None:
    """Eight processes that update the same rows in random order do not deadlock and count everything."""
    SqlStore(postgresql_url).open()
    together(write_crossing, 8, postgresql_url)
    store = SqlStore(postgresql_url)
    assert sum(row.occurrence_count for row in store.failures()) == 8 * 12 * 20
    assert store.health(3600, START + 300).attempts == 8 * 12 * 21
    assert all(row.user_count <= 20 for row in store.failures())
    with store._database.read() as connection:
        found = connection.exec_driver_sql(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
        assert found.scalar_one() == 0
    store.close()


def told_twice(number: int, barrier: Any, url: str) -> None:
    """Write the same batch as the other processes."""
    store = SqlStore(url)
    store.open()
    producer = Producer(store, "the-same")
    record = failing("same", generation_id="0" * 32, failure=a_failure("same"))
    batch = producer.batch(record)
    barrier.wait(60)
    store.write(batch)
    store.close()


def test_adopters_of_one_journal_store_it_once(store_url: str) -> None:
    """Processes that write one producer's batch at the same time store it once."""
    together(told_twice, 3, store_url)
    store = SqlStore(store_url)
    store.open()
    assert store.failures()[0].occurrence_count == 1
    assert store.producer_position("the-same") == (1, 1)
    store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_uses_its_own_connections(store_url: str) -> None:
    """After a fork child and parent both write, each over its own connections."""
    store = SqlStore(store_url)
    store.open()
    producer = Producer(store)
    producer.write(success())
    for _ in range(3):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                Producer(store).write(success())
                store.close()
                code = 0
            finally:
                os._exit(code)
        producer.write(success())
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    producer.write(success())
    assert len(store.generations()) == 8
    store.close()
