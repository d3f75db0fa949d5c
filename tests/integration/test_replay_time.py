"""Virtual time, in a process of its own: order is kept, real work is waited for, nothing hangs."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

PRELUDE = """
import asyncio, datetime, queue, threading, time, uuid
from concurrent.futures import ThreadPoolExecutor
from genmon_otel.regression.replaying.virtual_time import Stuck, VirtualTime, install
began = time.clock_gettime(time.CLOCK_MONOTONIC)
clock = VirtualTime(1_700_000_000)
install(clock)
def busy(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass
    return "worked"
"""

SCENES = {
    "sleep moves every clock alike": """
        a = (time.time(), time.monotonic(), time.perf_counter(), datetime.datetime.now())
        time.sleep(60)
        b = (time.time(), time.monotonic(), time.perf_counter(), datetime.datetime.now())
        assert [y - x for x, y in zip(a[:3], b)] == [60, 60, 60]
        assert b[3] - a[3] == datetime.timedelta(seconds=60)
        assert datetime.date.today().isoformat() == "2023-11-14"
        assert time.time_ns() == 1_700_000_060 * 10**9
    """,
    "asyncio timers end in order": """
        async def main():
            done = []
            async def one(s):
                await asyncio.sleep(s)
                done.append(s)
            await asyncio.gather(*(one(s) for s in (30, 10, 20)))
            return done
        assert asyncio.run(main()) == [10, 20, 30]
        assert time.monotonic() == 30
    """,
    "work in a thread is never overtaken": """
        async def main():
            return await asyncio.wait_for(asyncio.to_thread(busy, 0.2), 0.01)
        assert asyncio.run(main()) == "worked"
        assert time.monotonic() < 0.01
    """,
    "a sleeping thread times out in order": """
        async def main():
            try:
                await asyncio.wait_for(asyncio.to_thread(time.sleep, 50), 10)
            except TimeoutError:
                return time.monotonic()
        assert asyncio.run(main()) == 10
    """,
    "tasks that wait for a free thread are no work": """
        with ThreadPoolExecutor(3) as pool:
            tasks = [pool.submit(time.sleep, n) for n in (1, 2, 3, 4, 5, 6, 7)]
            for task in tasks:
                task.result()
        assert time.monotonic() == 12, time.monotonic()
    """,
    "a thread that only begins is waited for": """
        for _ in range(200):
            threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
    """,
    "waits of threading and queue": """
        assert threading.Event().wait(30) is False
        try:
            queue.Queue().get(timeout=5)
        except queue.Empty:
            pass
        condition = threading.Condition()
        with condition:
            assert condition.wait(2) is False
        assert abs(time.monotonic() - 37) < 1e-6
    """,
    "threads meet": """
        box, seen = queue.Queue(), []
        def produce():
            for n in range(3):
                time.sleep(10)
                box.put(n)
        worker = threading.Thread(target=produce)
        worker.start()
        for _ in range(3):
            seen.append((box.get(timeout=15), round(time.monotonic())))
        worker.join()
        assert seen == [(0, 10), (1, 20), (2, 30)]
    """,
    "executors": """
        with ThreadPoolExecutor(2) as pool:
            slow = pool.submit(time.sleep, 7)
            try:
                slow.result(timeout=3)
                raise AssertionError
            except TimeoutError:
                assert time.monotonic() == 3
            slow.result(timeout=30)
            assert list(pool.map(lambda s: (time.sleep(s), s)[1], [2, 1])) == [2, 1]
        assert time.monotonic() == 9
    """,
    "waiting for what never comes is found out": """
        try:
            threading.Event().wait()
            raise AssertionError
        except Stuck:
            pass
    """,
    "spinning until later ends": """
        until = time.monotonic() + 5
        while time.monotonic() < until:
            pass
    """,
    "chance is the same in each run": """
        assert uuid.uuid4() == uuid.UUID("cd072cd8-be6f-4f62-ac4c-09c28206e7e3")
    """,
}


@pytest.mark.parametrize("scene", SCENES)
def test_virtual_time(scene: str) -> None:
    """Each scene holds, in little real time."""
    end = "\nassert time.clock_gettime(time.CLOCK_MONOTONIC) - began < 10\nprint('held')\n"
    code = PRELUDE + textwrap.dedent(SCENES[scene]) + end
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "held\n", done.stderr
