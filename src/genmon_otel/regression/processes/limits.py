"""The processes of a replay: count them, bound them, end them.

Only the standard library is imported: the supervisor has nothing else.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from pathlib import Path
from typing import Final

#: Devices that take writes without keeping them.
DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty")
#: Scans for new processes while the known ones are stopped.
_MAX_SCANS: Final = 20
#: Looks at whether a process computes, 10 ms apart.
_LOOKS: Final = 20


def end_all(child: int) -> None:
    """End what the replay has started, itself included, and wait until it has ended.

    Where it has a namespace of processes, all end with the first one.
    """
    waiting = [child]
    while True:
        for process in waiting:
            for end in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    end(process, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        waiting = _halted()


def _halted() -> list[int]:
    """Stop all descendants (SIGSTOP), so that none starts another while they are killed."""
    halted: set[int] = set()
    for _ in range(_MAX_SCANS):
        found = _descendants().keys() - halted
        if not found:
            break
        for process in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGSTOP)
        halted |= found
    return list(halted)


def tasks_of_machine() -> int:
    """Return the number of processes and threads of the machine; 0 where it is unknown."""
    try:
        return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    except (OSError, ValueError, IndexError):
        return 0


def tasks() -> int:
    """Return the number of processes and threads of the replay."""
    return sum(_descendants().values())


def _descendants() -> dict[int, int]:
    """Processes that this one, their children and so on started, with their threads; on Linux."""
    children: dict[int, list[tuple[int, int]]] = {}
    with contextlib.suppress(OSError):
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError, IndexError, ValueError):
                fields = _stat(Path("/proc", name))
                children.setdefault(int(fields[1]), []).append((int(name), int(fields[17])))
    found: dict[int, int] = {}
    waiting = [os.getpid()]
    while waiting:
        for process, threads in children.get(waiting.pop(), ()):
            found[process] = threads
            waiting.append(process)
    return found


def _stat(folder: Path) -> list[str]:
    """Return what the kernel says of a process or a thread, from its state on."""
    return (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()


def is_computing(process: int) -> bool:
    """Whether a process that runs has a thread that waits for nothing but its turn.

    It is looked at several times: a thread that computes waits for a lock or a file now and then.
    False where that cannot be seen. /proc may be that of an outer namespace, where the process has
    another number: the kernel translates it.
    """
    with contextlib.suppress(OSError, StopIteration, IndexError):
        descriptor = os.pidfd_open(process)
        try:
            lines = Path(f"/proc/self/fdinfo/{descriptor}").read_text().splitlines()
        finally:
            os.close(descriptor)
        number = next(line.split()[1] for line in lines if line.startswith("Pid:"))
        for _ in range(_LOOKS):
            states = {_stat(thread)[0] for thread in Path("/proc", number, "task").iterdir()}
            if "R" in states or states <= {"Z", "X"}:
                return "R" in states
            select.poll().poll(10)  # ``time`` is a replay's own in a template
    return False


def bound(most: int) -> None:
    """Have the kernel refuse processes beyond all that run now and so many more.

    It does so for ordinary users. What root starts, the supervisor counts.
    """
    import resource

    if now := tasks_of_machine():
        _, allowed = resource.getrlimit(resource.RLIMIT_NPROC)
        limited = now + most if allowed == resource.RLIM_INFINITY else min(now + most, allowed)
        resource.setrlimit(resource.RLIMIT_NPROC, (limited, limited))
