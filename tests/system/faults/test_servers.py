"""Servers and pools with workers that come, go and are killed: what was answered counts once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.port_kit import free_port
from tests.system.faults.world import World

pytestmark = pytest.mark.long("whole servers under load, started and ended")


def ask(port: int, path: str) -> int | None:
    """The worker that answered; None when none did."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            return int(answer.read())
    except urllib.error.HTTPError as error:
        return int(error.read())
    except OSError:
        return None


SUCCESSES = "SELECT count(*) FROM generation_analytics WHERE outcome = 'success'"
#: Successes of its last second that a killed worker may lose, of 51.
LOST = 30
SERVERS = {
    "gunicorn": "--preload --workers 2 --bind 127.0.0.1:{port} --worker-tmp-dir {tmp} web:application",
    "uvicorn": "--workers 2 --port {port} --log-level error web:asynchronous",
}


@pytest.mark.parametrize("program", SERVERS)
def test_web_workers(store_url: str, tmp_path: Path, program: str) -> None:
    """Forked off one that is set up, or spawned; one of them killed, then an orderly stop."""
    pytest.importorskip(program)
    world = World(store_url, tmp_path / "journal")
    port, log = free_port(), tmp_path / "server.log"
    arguments = SERVERS[program].format(port=port, tmp=tmp_path).split()
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", program, *arguments],
            cwd=Path(__file__).parent,
            env=world.environ,
            stderr=output,
        )
    try:
        until(lambda: ask(port, "/good") is not None, log)
        answers = Counter[str](good=1)
        workers = set[int]()
        for number in range(100):
            path = "/bad" if number % 2 else "/good"
            worker = ask(port, path)
            if worker is not None:
                answers[path[1:]] += 1
                workers.add(worker)
            if number == 50:
                os.kill(min(workers), signal.SIGKILL)
        if program == "uvicorn":
            # Its workers end themselves by SIGTERM: successes of the last second go with them.
            until(lambda: count(world, SUCCESSES) >= answers["good"] - LOST, log)
        server.send_signal(signal.SIGTERM)
        assert server.wait(200) == 0, log.read_text()
    finally:
        server.kill()
    world.inherit()
    counted = Counter(world.stored().values())
    assert counted["failure"] == answers["bad"], log.read_text()
    # The heir adds one of its own.
    assert answers["good"] - LOST <= counted["success"] - 1 <= answers["good"]


def count(world: World, query: str) -> int:
    """One figure out of the store."""
    engine = sa.create_engine(world.store.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.connect() as connection:
            return int(connection.execute(sa.text(query)).scalar_one())
    finally:
        engine.dispose()


def until(condition: Callable[[], bool], log: Path, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


def celery(
    world: World, log: Path, *options: str
) -> tuple[subprocess.Popen[str], subprocess.Popen[bytes]]:
    """Who queues a task for each line of its input, and a prefork pool that runs them."""
    client = subprocess.Popen(
        [sys.executable, "-c", "import jobs; jobs.send()"],
        cwd=Path(__file__).parent, env={**world.environ, "GENMON_REPLAY": "1"},
        stdin=subprocess.PIPE, text=True,
    )  # fmt: skip
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "jobs", "worker", "--pool=prefork",
         *options, "--loglevel=ERROR", f"--logfile={log}",
         "--without-gossip", "--without-mingle"],
        cwd=Path(__file__).parent, env=world.environ,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return client, worker


def test_celery_prefork_pool(store_url: str, tmp_path: Path) -> None:
    """Each try of each task is stored once; one task, however often retried, is one strike."""
    pytest.importorskip("celery")
    world = World(store_url, tmp_path / "journal", (("JOBS", str(tmp_path / "queue")),))
    (tmp_path / "queue").mkdir()
    log = tmp_path / "worker.log"
    client, worker = celery(world, log, "--concurrency=2")
    failures = "SELECT count(*) FROM generation_analytics WHERE outcome = 'failure'"
    cases = "SELECT count(*) FROM auto_generated_tests"
    try:
        assert client.stdin is not None
        client.stdin.write("bad\nbad\n")
        client.stdin.flush()
        until(lambda: ready(world) and count(world, failures) == 6, log)
        assert count(world, cases) == 0
        client.communicate("bad\n" + "good\n" * 10)
        until(lambda: count(world, failures) == 9, log)
        # The last successes wait in memory: the pool's end must write them.
        until(lambda: len(list((tmp_path / "queue").glob("done-*"))) == 10, log)
        worker.send_signal(signal.SIGTERM)
        worker.wait(180)
    finally:
        worker.kill()
        client.kill()
    assert Counter(world.stored().values()) == Counter(failure=9, success=10)
    assert count(world, cases) == 1


def test_celery_workers_that_come_and_go(tmp_path: Path) -> None:
    """Recycled, revoked, killed, out of time: what began is stored once."""
    pytest.importorskip("celery")
    queue = tmp_path / "queue"
    queue.mkdir()
    world = World(f"sqlite:///{tmp_path}/genmon.db", tmp_path / "journal", (("JOBS", str(queue)),))
    log = tmp_path / "worker.log"
    client, worker = celery(world, log, "--concurrency=4", "--max-tasks-per-child=3")

    def began() -> dict[str, str]:
        names = (path.name.split("-") for path in queue.glob("began-*"))
        return {generation: request for _, request, generation in names}

    def send(lines: str) -> None:
        assert client.stdin is not None
        client.stdin.write(lines)
        client.stdin.flush()

    try:
        send("terminated\nkilled\nlimited\n" + "good\nbad\n" * 5)
        until(lambda: Counter(began().values())["bad"] == 15, log)
        until(lambda: len(set(began().values())) == 5, log)
        hang = [each for each, request in began().items() if request in ("terminated", "killed")]
        until(lambda: all(world.notes(each) for each in hang), log)
        send("SIGTERM terminated\nSIGKILL killed\n" + "good\n" * 5)
        until(lambda: len(list(queue.glob("done-*"))) == 10, log)
        time.sleep(1)  # celery answers a killed worker before the next turn of its pool
        worker.send_signal(signal.SIGTERM)
        worker.wait(180)
        client.communicate()
    finally:
        worker.kill()
        client.kill()
    (own,) = world.inherit()
    stored, errors = world.stored(), world.errors_of()
    assert stored.pop(own) == "success"
    assert stored.keys() == began().keys()
    assert Counter((began()[i], stored[i]) for i in stored) == {
        ("good", "success"): 10,
        ("bad", "failure"): 15,
        ("terminated", "cancelled"): 1,
        ("killed", "failure"): 1,
        ("limited", "failure"): 1,  # of TimeoutError, unless SIGKILL struck 0.1 s later already
    }
    assert {began()[i] for i, error in errors.items() if error == "process_died"} >= {"killed"}


def ready(world: World) -> bool:
    """Whether the worker has made its store."""
    engine = sa.create_engine(world.store.replace("postgresql://", "postgresql+psycopg://"))
    try:
        return sa.inspect(engine).has_table("auto_generated_tests")
    except sa.exc.OperationalError:
        return False  # the file's folder is not there yet
    finally:
        engine.dispose()
