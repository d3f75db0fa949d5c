"""Memory that runs out: the kernel's kill and Python's error are critical failures, counted once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.system.faults.world import World, ids

pytestmark = pytest.mark.long("processes that run into limits of memory")

MB = 2**20
PROBE = f"""
import os, sys
open(sys.argv[1], "w").write(str(os.getpid()))
held = b"x" * {600 * MB}
"""


@pytest.fixture
def world(store_url: str, tmp_path: Path) -> World:
    return World(store_url, tmp_path / "journal")


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A control group whose processes may use 400 MB, of either version."""
    found = None
    for root, limit in (
        (Path("/sys/fs/cgroup"), "memory.max"),
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
    ):
        if not (root / "cgroup.procs").exists():
            continue
        group = root / f"genmon-{os.getpid()}"
        with suppress(OSError):
            group.mkdir()
            if (group / limit).exists():  # else memory is not delegated to us
                (group / limit).write_text(str(400 * MB))
                found = group
                break
            group.rmdir()
    if found is None:
        pytest.skip("needs the right to make a control group with a memory limit")
    probe = subprocess.run(
        [sys.executable, "-c", PROBE, str(found / "cgroup.procs")], capture_output=True, check=False
    )
    if probe.returncode != -signal.SIGKILL:
        found.rmdir()
        pytest.skip("the kernel here does not enforce a control group's memory limit")
    yield found
    with suppress(OSError):
        found.rmdir()


def test_an_out_of_memory_kill(world: World, small_group: Path) -> None:
    """The kernel ends the process amidst a step: one critical failure, nothing before it lost."""
    with world.started("greedy", 10) as process:
        (small_group / "cgroup.procs").write_text(str(process.pid))
        said, _ = process.communicate(timeout=250)
    assert process.returncode == -signal.SIGKILL
    world.inherit()
    counted = Counter(world.errors_of().values())
    assert counted["process_died"] == 1
    assert sum(counted.values()) == len(ids(said, "failed")) + 1
    assert world.severities()["process_died"][0] == "critical"


def test_a_memory_error(world: World) -> None:
    """A limit on address space: the caller's MemoryError is a critical failure like any other."""
    done = subprocess.run(
        ["prlimit", f"--as={1500 * MB}", *world.command("greedy", 10)],
        env=world.environ,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Counter(world.stored().values()) == Counter(failure=6, success=5)
    assert world.severities()["MemoryError"][0] == "critical"
