"""The process between a replay and its owner, which asked for it: ``python supervisor.py PLAN``.

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
#: Seconds between two counts of a replay's processes, where the machine's do not grow by as many:
#: others may have ended in between.
_COUNT_S: Final = 1.0
#: Longest time in seconds between the closing of an owner's sockets and its end.
_OWNER_ENDS_S: Final = 0.2
#: Seconds that the replay's own alarm goes off after the supervisor should have ended it.
_GRACE_S: Final = 5
#: Times as many processes as a replay may have that a template leaves room for: the machine may
#: run others by then.
_ROOM: Final = 4
#: Exit code that says that more processes and threads ran at a time than a replay may have.
TOO_MANY: Final = 119
#: Bytes of any one file that a replay writes, its standard output among them.
MAX_FILE: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The parameters of a supervisor."""

    #: Process id of the owner, which asked for the replay.
    owner: int
    #: The folder that the replay may write to; its parent is removed when the owner is gone.
    workspace: str
    #: File with what to replay.
    request: str
    #: Descriptor for the answer; -1 for a template.
    answer_to: int
    #: Descriptor from which a template reads its commands; -1 for a replay.
    control: int
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

    def close_channels(self) -> None:
        """Close what only the process that replays uses."""
        for descriptor in (self.answer_to, self.control, self.word_from):
            if descriptor >= 0:
                os.close(descriptor)


def main(plan: Plan) -> None:
    """Guard one replay; ends this process with the replay's exit code."""
    from genmon_otel.regression.isolation import namespaces
    from genmon_otel.regression.processes import limits, working_folder

    signals = _Signals()
    # A template outlives the thread that started it, which the kernel takes for its parent.
    outlives = plan.control >= 0
    if not outlives:
        namespaces.end_with_parent(signal.SIGTERM)
    namespaces.adopt_orphans()
    own_processes = False
    if plan.namespaces:
        own_processes = namespaces.enter(network=plan.network)
        if not outlives:
            namespaces.end_with_parent(signal.SIGTERM)  # new credentials take it away
    watched, alive = os.pipe()
    child = os.fork()
    if not child:
        os.close(alive)
        signals.restore()
        _begin(plan, watched, own_processes)
    os.close(watched)
    plan.close_channels()
    code = _wait(child, plan, signals)
    limits.end_all(child)
    if outlives and not signals.told_to_end:
        _await_another_parent(plan.owner)
    if os.getppid() != plan.owner:
        working_folder.remove(Path(plan.workspace).parent)
    os._exit(code)


def _await_another_parent(owner: int) -> None:
    """Give a killed owner the time to end: its sockets close, which ends a template, before it has ended."""
    until = time.monotonic() + _OWNER_ENDS_S
    while os.getppid() == owner and time.monotonic() < until:
        time.sleep(0.005)


class _Signals:
    """Wait for signals; the supervisor then checks itself what has happened."""

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
    from genmon_otel.regression.processes import limits

    until = time.monotonic() + plan.deadline_s
    before = limits.tasks_of_machine()
    count_at = time.monotonic() + _COUNT_S
    while not signals.told_to_end and os.getppid() == plan.owner and time.monotonic() < until:
        while True:
            ended, status = os.waitpid(-1, os.WNOHANG)
            if ended == child and not os.WIFSTOPPED(status):  # as a traced process does
                return _exit_code(status)
            if not ended:
                break
        grew = limits.tasks_of_machine() - before > plan.processes
        if grew or time.monotonic() > count_at:
            if limits.tasks() > plan.processes:
                return TOO_MANY
            count_at = time.monotonic() + _COUNT_S
        signals.wait(_LOOK_S)
    return _exit_code(signal.SIGKILL)


def _exit_code(status: int) -> int:
    """Return an exit code, 128 and more for signals as shells do."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _begin(plan: Plan, watched: int, own_processes: bool) -> None:
    """Be the process that replays, or the first of a namespace that starts it; never returns."""
    from genmon_otel.regression.isolation import namespaces

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
                plan.close_channels()
                code = _reap_until(replaying)
                return
        os.close(watched)
        os.setsid()
        _replay(plan, own, own_processes)
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


def _replay(plan: Plan, own: tuple[str, ...], own_processes: bool) -> None:
    """Apply the restrictions, then start the interpreter and the replay."""
    from genmon_otel.regression.isolation import landlock, namespaces, seccomp
    from genmon_otel.regression.processes import limits

    held = 0
    namespaces.drop_privileges()
    if plan.landlock:
        writable = [plan.workspace, *own, *limits.DEVICES]
        held = landlock.restrict(writable, execute=plan.programs, tcp=plan.network)
        if not plan.network:
            seccomp.forbid_addresses()
    _bound_files()
    is_template = plan.control >= 0
    limits.bound(plan.processes * (_ROOM if is_template else 1))
    if not is_template:  # of its replays each has its own
        signal.alarm(int(plan.deadline_s) + _GRACE_S)
    for name in [name for name in sys.modules if name.partition(".")[0] == "genmon_otel"]:
        del sys.modules[name]  # they were found without their package

    import site

    site.main()
    sys.path[:0] = plan.packages
    sys.argv[1:] = [plan.request, str(plan.answer_to)]
    word = os.read(plan.word_from, 64)
    os.close(plan.word_from)

    from genmon_otel.regression.isolation import sandbox
    from genmon_otel.regression.processes import replay_process

    sandbox.KERNEL_HOLDS = held > 0
    if not is_template:
        replay_process.main(plan.request, plan.answer_to, word)

    from genmon_otel.regression.processes import template

    template.serve(
        plan.request,
        template.Settings(
            control=plan.control,
            word=word,
            own=own,
            own_processes=own_processes,
            processes=plan.processes,
            landlock=plan.landlock,
            programs=plan.programs,
            network=plan.network,
            began_at=time.time(),
        ),
    )


def _bound_files() -> None:
    """Bound what one file may become, for good, and have no core files.

    Memory is not bounded: honest libraries map far more of it than they use.
    """
    import resource

    for limit, most in ((resource.RLIMIT_FSIZE, MAX_FILE), (resource.RLIMIT_CORE, 0)):
        _, allowed = resource.getrlimit(limit)
        limited = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        resource.setrlimit(limit, (limited, limited))


def _run_alone(plan: str) -> None:
    """Make modules of this package importable without the package and what it imports."""
    package = types.ModuleType("genmon_otel")
    package.__path__ = [str(Path(__file__).resolve().parents[2])]
    sys.modules["genmon_otel"] = package
    given: dict[str, Any] = json.loads(plan)
    main(Plan(**{**given, "packages": tuple(given["packages"])}))


if __name__ == "__main__":
    _run_alone(sys.argv[1])
