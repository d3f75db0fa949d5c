"""The process between a replay and its owner, which asked for it: ``python guardian.py PLAN``.

It applies the kernel's restrictions before anything of the project can run, starts the replay
behind them, and waits. When the replay ends, or its time is over, or the asking process is
gone, it ends everything that the replay has started; the folder of an owner that was killed
it removes. It cannot be reached from inside where the kernel enforces them.

Only the standard library is imported here, and of this package only what does the same: the
interpreter is started without ``site``, so that no ``sitecustomize`` comes first.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

#: Seconds between two checks whether the owner still runs, where the kernel sends no signal.
_LOOK_S: Final = 0.25
#: Seconds that the replay's own alarm goes off after the guardian should have ended it.
_GRACE_S: Final = 5
#: Devices that take writes without keeping them.
_DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty")
#: Exit code that says that more processes and threads ran at a time than a replay may have.
TOO_MANY: Final = 119
#: Scans for new processes while the known ones are stopped.
_MAX_SCANS: Final = 20
#: Bytes of any one file that a replay writes, its standard output among them.
MAX_FILE: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The parameters of a guardian."""

    #: Process id of the owner, which asked for the replay.
    owner: int
    #: The folder that the replay may write to; its parent is removed when the owner is gone.
    workspace: str
    #: File with what to replay.
    request: str
    #: Descriptor for the answer.
    answer_to: int
    #: Descriptor with the word that the answer begins with; read before any code of the project runs.
    word_from: int
    #: Processes and threads at a time.
    processes: int
    #: Descriptor that holds the lock of the folder.
    lock: int
    #: Seconds until the replay is ended.
    deadline_s: float
    #: Whether the network is left open, and whether programs may be started.
    network: bool
    programs: bool
    #: Folders of installed packages, imported from before the project's own.
    packages: tuple[str, ...]
    #: Whether the kernel's restrictions are used; tests switch them off to see what the others stop.
    namespaces: bool = True
    landlock: bool = True  # and the filter of system calls


def main(plan: Plan) -> None:
    """Guard one replay; ends this process with the replay's exit code."""
    from genmon_otel.regression import namespaces, working_folder

    signals = _Signals()
    namespaces.end_with_parent(signal.SIGTERM)
    namespaces.adopt_orphans()
    own_processes = False
    if plan.namespaces:
        own_processes = namespaces.enter(network=plan.network)
        namespaces.end_with_parent(signal.SIGTERM)  # new credentials take it away
    watched, alive = os.pipe()
    child = os.fork()
    if not child:
        os.close(alive)
        signals.restore()
        _begin(plan, watched, own_processes)
    os.close(watched)
    os.close(plan.answer_to)
    os.close(plan.word_from)
    code = _wait(child, plan, signals)
    _end_all(child)
    if os.getppid() != plan.owner:
        working_folder.remove(Path(plan.workspace).parent)
    os._exit(code)


class _Signals:
    """Wait for signals; the guardian then checks itself what has happened."""

    _NUMBERS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

    def __init__(self) -> None:
        self.told_to_end = False
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._woken, False)
        self._before = [signal.signal(number, self._note) for number in self._NUMBERS]
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)

    def _note(self, number: int, _: Any) -> None:
        if number != signal.SIGCHLD:
            self.told_to_end = True

    def wait(self, seconds: float) -> None:
        """Wait for a signal."""
        with contextlib.suppress(InterruptedError):
            if select.select([self._woken], [], [], seconds)[0]:
                os.read(self._woken, 4096)

    def restore(self) -> None:
        """Restore the signal handlers, for the replay, which may set its own."""
        signal.set_wakeup_fd(-1)
        for number, before in zip(self._NUMBERS, self._before, strict=True):
            signal.signal(number, before)
        os.close(self._woken)
        os.close(self._wake)


def _wait(child: int, plan: Plan, signals: _Signals) -> int:
    """Wait for the replay's end and return its exit code; also end waiting when it must end."""
    until = time.monotonic() + plan.deadline_s
    before = _tasks_of_machine()
    while not signals.told_to_end and os.getppid() == plan.owner and time.monotonic() < until:
        while True:
            ended, status = os.waitpid(-1, os.WNOHANG)
            if ended == child and not os.WIFSTOPPED(status):  # as whoever is traced does
                return _exit_code(status)
            if not ended:
                break
        if _tasks_of_machine() - before > plan.processes and _tasks() > plan.processes:
            return TOO_MANY
        signals.wait(_LOOK_S)
    return _exit_code(signal.SIGKILL)


def _exit_code(status: int) -> int:
    """Return an exit code, 128 and more for signals as shells do."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _end_all(child: int) -> None:
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


def _tasks_of_machine() -> int:
    """Return the number of processes and threads of the machine; 0 where it is unknown."""
    try:
        return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    except (OSError, ValueError, IndexError):
        return 0


def _tasks() -> int:
    """Return the number of processes and threads of the replay."""
    return sum(_descendants().values())


def _descendants() -> dict[int, int]:
    """Processes that this one, their children and so on started, with their threads; on Linux."""
    children: dict[int, list[tuple[int, int]]] = {}
    with contextlib.suppress(OSError):
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError, IndexError, ValueError):
                stated = Path("/proc", name, "stat").read_text(errors="replace")
                fields = stated.rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append((int(name), int(fields[17])))
    found: dict[int, int] = {}
    waiting = [os.getpid()]
    while waiting:
        for process, threads in children.get(waiting.pop(), ()):
            found[process] = threads
            waiting.append(process)
    return found


def _begin(plan: Plan, watched: int, own_processes: bool) -> None:
    """Be the process that replays, or the first of a namespace that starts it; never returns."""
    from genmon_otel.regression import namespaces

    code = 70
    try:
        namespaces.end_with_parent(signal.SIGKILL)
        if select.select([watched], [], [], 0)[0]:  # closed at its other end: the parent has ended
            os._exit(code)
        os.close(plan.lock)
        own: tuple[str, ...] = ()
        if own_processes:
            own = namespaces.close_files(plan.workspace)
            os.chdir(plan.workspace)  # the folder as it is mounted now
            replaying = os.fork()
            if replaying:
                os.close(plan.answer_to)
                os.close(plan.word_from)
                code = _reap_until(replaying)
                return
        os.close(watched)
        os.setsid()
        _replay(plan, own)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _reap_until(process: int) -> int:
    """Wait for a process as the first of a namespace: the orphans of the others are its too."""
    while True:
        ended, status = os.wait()
        if ended == process and not os.WIFSTOPPED(status):
            return _exit_code(status)


def _replay(plan: Plan, own: tuple[str, ...]) -> None:
    """Apply the restrictions, then start the interpreter and the replay."""
    from genmon_otel.regression import landlock, namespaces, seccomp

    held = 0
    namespaces.drop_privileges()
    if plan.landlock:
        writable = [plan.workspace, *own, *_DEVICES]
        held = landlock.restrict(writable, execute=plan.programs, tcp=plan.network)
        if not plan.network:
            seccomp.forbid_addresses()
    _bound_files()
    _bound_processes(plan.processes)
    signal.alarm(int(plan.deadline_s) + _GRACE_S)
    for name in [name for name in sys.modules if name.partition(".")[0] == "genmon_otel"]:
        del sys.modules[name]  # they were found without their package

    import site

    site.main()
    sys.path[:0] = plan.packages
    sys.argv[1:] = [plan.request, str(plan.answer_to)]
    word = os.read(plan.word_from, 64)
    os.close(plan.word_from)

    from genmon_otel.regression import replay, sandbox

    sandbox.KERNEL_HOLDS = held > 0
    replay.main(plan.request, plan.answer_to, word)


def _bound_files() -> None:
    """Bound what one file may become, for good, and have no core files.

    Memory is not bounded: honest libraries map far more of it than they use.
    """
    import resource

    for limit, most in ((resource.RLIMIT_FSIZE, MAX_FILE), (resource.RLIMIT_CORE, 0)):
        _, allowed = resource.getrlimit(limit)
        limited = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        resource.setrlimit(limit, (limited, limited))


def _bound_processes(most: int) -> None:
    """Have the kernel refuse processes beyond all that run now and so many more.

    It does so for ordinary users. What root starts, the guardian counts.
    """
    import resource

    if now := _tasks_of_machine():
        _, allowed = resource.getrlimit(resource.RLIMIT_NPROC)
        limited = now + most if allowed == resource.RLIM_INFINITY else min(now + most, allowed)
        resource.setrlimit(resource.RLIMIT_NPROC, (limited, limited))


def _run_alone(plan: str) -> None:
    """Make modules of this package importable without the package and what it imports."""
    package = types.ModuleType("genmon_otel")
    package.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules["genmon_otel"] = package
    given: dict[str, Any] = json.loads(plan)
    main(Plan(**{**given, "packages": tuple(given["packages"])}))


if __name__ == "__main__":
    _run_alone(sys.argv[1])
