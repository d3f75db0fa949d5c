"""Processes that end, fork, hang and are killed: every failure that a caller saw is stored once."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.system.faults.world import World, ids

pytestmark = pytest.mark.long("many processes for each way to end and each store")


@pytest.fixture
def world(store_url: str, tmp_path: Path) -> World:
    return World(store_url, tmp_path / "journal")


@pytest.mark.parametrize("mode", ["end", "sys_exit", "raise", "threads", "mp_fork", "mp_spawn"])
def test_an_orderly_end_stores_everything(world: World, mode: str) -> None:
    """Successes, too, and the journal is gone; no second process is needed."""
    done = world.run(mode, 10)
    assert done.returncode == {"sys_exit": 3, "raise": 1}.get(mode, 0), done.stderr
    stored = world.stored()
    assert Counter(stored.values()) == Counter(
        failure=len(ids(done.stdout, "failed")), success=len(ids(done.stdout, "succeeded"))
    )
    assert set(stored) == {*ids(done.stdout, "failed"), *ids(done.stdout, "succeeded")}
    assert len(stored) == {"threads": 80, "mp_fork": 40, "mp_spawn": 40}.get(mode, 10)
    assert list(world.journal.glob("*.journal")) == []


@pytest.mark.parametrize("mode", ["os_exit", "fork"])
def test_an_abrupt_end_loses_no_failure(world: World, mode: str) -> None:
    """``os._exit``, in a forked child as well: what callers saw is there after the next start."""
    done = world.run(mode, 10)
    own = world.inherit()
    stored = world.stored()
    failed, succeeded = ids(done.stdout, "failed"), ids(done.stdout, "succeeded")
    assert len(failed) == len(set(failed)) == (25 if mode == "fork" else 5)
    assert {i for i, outcome in stored.items() if outcome == "failure"} == set(failed)
    assert {i for i, outcome in stored.items() if outcome == "success"} <= {*succeeded, *own}


def test_daemon_threads_that_outlive_the_end(world: World) -> None:
    """They generate until the interpreter is gone: no failure is lost, at most two were cut off."""
    done = world.run("daemons", 50)
    world.inherit()
    stored = Counter(world.stored().get(each) for each in ids(done.stdout, "failed"))
    assert stored["failure"] > 10
    assert stored["cancelled"] <= 2
    assert set(stored) <= {"failure", "cancelled"}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_kill_under_load(world: World, how: signal.Signals) -> None:
    """Three processes failing as fast as they can, killed at odd moments, one heir."""
    seen: list[str] = []
    for round_ in range(3):
        with world.started("endless") as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(200 + 333 * round_)]
            process.send_signal(how)
            seen += ids("".join(lines) + process.stdout.read(), "failed")
    world.inherit()
    failures = {i for i, outcome in world.stored().items() if outcome == "failure"}
    assert len(seen) > 1000
    assert set(seen) <= failures
    # A failure may be in the journal whose exception had not quite reached the caller.
    assert len(failures - set(seen)) <= 3


def test_what_was_in_flight_died_once(world: World) -> None:
    """Killed while a step hangs: one critical failure that names the step."""
    with world.started("hang") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]  # noted, says the last
        process.kill()
    world.inherit()
    world.inherit()
    (dead,) = ids("".join(lines), "running")
    assert world.stored()[dead] == "failure"
    assert Counter(world.errors_of().values())["process_died"] == 1
    assert world.errors_of()[dead] == "process_died"
    severity, message = world.severities()["process_died"]
    assert (severity, "its last step was 'chat'" in message) == ("critical", True), message


def test_what_was_in_flight_at_an_orderly_end_is_cancelled(world: World) -> None:
    """A deploy in good order is nobody's failure."""
    done = world.run("hang_and_exit", 2)
    (flying,) = ids(done.stdout, "running")
    world.inherit()
    assert world.stored()[flying] == "cancelled"


def test_no_signal_reaches_a_thread_of_ours(store_url: str, tmp_path: Path) -> None:
    """What the application holds back in its own thread waits: it ends no process through ours."""
    world = World(store_url, tmp_path / "journal", (("GENMON_METRICS_PORT", "0"),))
    done = world.run("masked", 4)
    assert ids(done.stdout, "waiting") == ["SIGTERM"], done.stderr
    assert done.returncode == 0
    assert set(ids(done.stdout, "failed")) <= set(world.stored())
