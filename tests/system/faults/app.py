"""A decorated application that the fault tests start, hurt and kill. Run: ``app.py MODE [N]``.

It says on its output what its caller saw: ``failed ID`` once the exception has left
the decorator, ``succeeded ID``, ``running ID``.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from genmon_otel import current_generation, generation, setup, step

JOURNAL = Path(os.environ["GENMON_JOURNAL_DIR"])
_ids = threading.local()
#: Set once the journal says that a generation which hangs is running.
noted = threading.Event()


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # at once, and whole


@step
def chat(prompt: str) -> str:
    if "bad" in prompt:
        raise TimeoutError("the model did not answer in 30 s")
    if "hang" in prompt:
        until_noted()
        time.sleep(600)
    if "greedy" in prompt:
        until_noted()
        hoard = []
        for _ in range(100):  # 1.6 GB, should nobody stop it
            hoard.append(b"x" * (16 * 2**20))
            time.sleep(0.02)
    return "fine"


def until_noted() -> None:
    """Wait until the journal holds this thread's generation, as one that is running."""
    running = _ids.id.encode()
    while not noted.is_set():
        time.sleep(0.05)
        with contextlib.suppress(FileNotFoundError):  # a segment that is not needed any more
            if any(running in path.read_bytes() for path in JOURNAL.glob("*.journal")):
                noted.set()
    say(f"noted {_ids.id}")


@generation(framework="react")
def build(request: str) -> str:
    _ids.id = current_generation().id
    if "hang" in request:
        say(f"running {_ids.id}")
    return chat(request)


def one(request: str) -> None:
    try:
        build(request)
    except TimeoutError:
        say(f"failed {_ids.id}")
    else:
        say(f"succeeded {_ids.id}")


def some(count: int) -> None:
    for number in range(count):
        one("a bad one" if number % 2 else "a good one")


def endless(failed: threading.Semaphore) -> None:
    while True:
        one("a bad one")
        failed.release()


def child(count: int) -> None:
    """In a spawned process, everything is set up anew, as an application would."""
    setup()
    some(count)


def forked(count: int) -> None:
    some(count)


def inherit(seconds: float = 200.0) -> None:
    """Wait until this process has taken over what others left; it has no journal of its own."""
    one("a good one")
    deadline = time.monotonic() + seconds
    while list(JOURNAL.glob("*.journal")):
        if time.monotonic() > deadline:
            say("not adopted")
            return
        time.sleep(0.05)


def main(mode: str, count: int) -> None:
    setup()
    if mode == "endless":
        while True:
            one("a bad one")
    if mode == "soak":
        soak(count)
    if mode == "greedy":
        some(count)
        say(f"running {os.getpid()}")
        time.sleep(1)
        with contextlib.suppress(MemoryError):
            build("a greedy one")
    if mode == "hang":
        some(2)
        build("hang")
    if mode == "hang_and_exit":
        threading.Thread(target=build, args=("hang",), daemon=True).start()
        noted.wait()
        some(count)
    if mode == "daemons":
        failed = threading.Semaphore(0)
        for _ in range(2):
            threading.Thread(target=endless, args=(failed,), daemon=True).start()
        for _ in range(count):
            failed.acquire()
    if mode in ("end", "sys_exit", "os_exit", "raise"):
        some(count)
    if mode == "sys_exit":
        sys.exit(3)
    if mode == "os_exit":
        os._exit(3)
    if mode == "raise":
        raise RuntimeError("the application's own")
    if mode == "threads":
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: some(count), range(8)))
    if mode == "fork":
        some(count)
        children = []
        for _ in range(3):
            pid = os.fork()
            if not pid:
                some(count)
                os._exit(0)  # as a worker that is torn down
            children.append(pid)
        some(count)
        for pid in children:
            os.waitpid(pid, 0)
    if mode in ("mp_fork", "mp_spawn"):
        some(count)
        context = multiprocessing.get_context(mode.removeprefix("mp_"))
        target = child if mode == "mp_spawn" else forked
        workers = [context.Process(target=target, args=(count,)) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    if mode == "masked":  # as a pool worker of Celery's does while it holds its pool's lock
        some(count)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        os.kill(os.getpid(), signal.SIGTERM)
        say(f"waiting {signal.Signals(*signal.sigpending()).name}")
    if mode == "heir":
        inherit()
    if mode == "told":
        told(count)


def soak(seed: int) -> None:
    """Load as real as it gets, until killed: threads and forked children at once, good and bad."""
    rng = random.Random(seed)
    with ThreadPoolExecutor(3) as pool:
        while True:
            list(pool.map(one, rng.choices(("a bad one", "a good one"), k=20)))
            if rng.random() < 0.05 and not os.fork():
                some(rng.randrange(20))
                os._exit(0)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)
            time.sleep(rng.random() / 20)


def told(count: int) -> None:
    """Wait for a line, then make so many calls."""
    some(20)
    say("ready")
    sys.stdin.readline()
    for number in range(count):
        with contextlib.suppress(TimeoutError):
            build("a bad one" if number % 2 else "a good one")
        time.sleep(0.002)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10)
