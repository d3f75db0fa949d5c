"""Keep a replay from side effects: no network, no writes outside its folder, no programs, no signals.

An audit hook sees every such act of Python code before it happens. While the
target is being imported a refusal is an ordinary ``OSError`` and a note, since
many libraries try things at import and do without. While it runs, a refusal
makes the run inconclusive whatever the code does about it: it is noted, and
raised as :class:`Refused`, which no ``except Exception`` swallows.

On Linux the kernel enforces the same restrictions on native code: see ``supervisor``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from genmon_otel.capture.sites import is_asked_by
from genmon_otel.capture.unseen import asker
from genmon_otel.regression.isolation import databases, events, unaudited, unforeseen
from genmon_otel.regression.judging.observation import Reason

Phase = Literal["importing", "running", "over"]
Handler = Callable[["Sandbox", str, tuple[Any, ...]], None]

#: Begins the message of what is raised for something that a replay may not do.
REFUSED: Final = "refused in a replay"
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
#: Devices that take writes without keeping them.
_HARMLESS: Final = frozenset({"/dev/null", "/dev/tty", "/dev/full", "/dev/zero"})
#: Refusals listed of one run.
_MAX_NOTES: Final = 20
#: Bytes of a project's file that a replay may change a copy of.
_MAX_COPIED: Final = 64 * 1024 * 1024
#: Folders within each other that it may write in: links are looked for in each, at each write.
_MAX_NESTED: Final = 200
_ACTS: Final[Mapping[str, str]] = {
    "network": "use the network",
    "write": "write",
    "subprocess": "run a program",
    "process": "reach another process",
}
#: Whether the kernel enforces the restrictions too; set by the supervisor, which asked for them.
KERNEL_HOLDS = False


class Refused(BaseException):
    """The replayed code tried something that a replay does not allow."""


class Sandbox:
    """What a replay may do, and what it tried beyond that.

    Args:
        workspace: the only folder it may write to.
        programs: names of programs that it may run.
    """

    def __init__(self, workspace: Path, programs: tuple[str, ...] = ()) -> None:
        self._workspace = os.path.realpath(workspace)
        #: By name, the path of the program.
        self._programs = {name: _found(name, os.environ.get("PATH")) for name in programs}
        self._open = 0
        self._inside = threading.local()
        self._forks_itself = False
        #: Files that were read, while it is set.
        self.read: set[str] | None = None
        self.phase: Phase = "importing"
        #: What was refused while the target ran, as (reason, detail), in order.
        self.refusals: list[tuple[Reason, str]] = []
        #: What only the kernel refused, recognised by the exception that left the target.
        self.unforeseen: tuple[Reason, str] | None = None
        #: What was refused while it was imported.
        self.notes: list[str] = []

    def install(self) -> None:
        """Install the audit hook. It is permanent: Python cannot remove one."""
        sys.addaudithook(self.audit)
        unaudited.report_to(self.audit)
        databases.watch_connections(self._attaching)
        with contextlib.suppress(ImportError):
            from multiprocessing.process import BaseProcess

            def start(process: Any) -> None:
                self._refuse(
                    "subprocess", f"a process of multiprocessing: {type(process).__name__}"
                )

            BaseProcess.start = start  # type: ignore[method-assign,assignment]

    @contextlib.contextmanager
    def network_open(self) -> Iterator[None]:
        """Allow the network inside the block, for a live step."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def fork(self) -> int:
        """Fork this process; no other fork is allowed."""
        self._forks_itself = True
        return os.fork()

    @contextlib.contextmanager
    def unwatched(self) -> Iterator[None]:
        """Let this thread's own code do anything inside the block."""
        before, self._inside.busy = getattr(self._inside, "busy", False), True
        try:
            yield
        finally:
            self._inside.busy = before

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        """Check an audit event before it happens; raise if it is not allowed."""
        if event not in _WATCHED or self.phase == "over" or getattr(self._inside, "busy", False):
            return
        if event == "os.fork" and self._forks_itself:
            self._forks_itself = False
            return
        self._guarded(_WATCHED[event], event, args)

    def look_at(self, error: BaseException) -> None:
        """Determine whether the kernel caused the exception that left the target."""
        if KERNEL_HOLDS:
            self.unforeseen = unforeseen.kernel_refusal(error)

    def _guarded(self, handler: Handler, event: str, args: tuple[Any, ...]) -> None:
        """Call a handler; its own audit events are ignored."""
        with self.unwatched():
            handler(self, event, args)

    def _network(self, event: str, args: tuple[Any, ...]) -> None:
        # On what is connected already, as a pair of sockets is, a message needs no address.
        if not self._open and not (event == "socket.sendmsg" and args[1] is None):
            address = _shown(args[-1] if "connect" in event else args[0])
            self._refuse("network", f"{event} {address} (by {asker()})")

    def _binding(self, event: str, args: tuple[Any, ...]) -> None:
        """Refuse to bind to a known port; libraries test whether they can bind to any free one."""
        address = args[1]
        if isinstance(address, tuple) and len(address) > 1 and address[1]:
            self._network(event, (address,))
        elif isinstance(address, (str, bytes)) and address:
            name = os.fsdecode(address)
            if name.startswith("\0"):
                self._network(event, (name[1:],))
            else:
                self._write(name, -1)

    def _opening(self, event: str, args: tuple[Any, ...]) -> None:
        path, flags = args[0], args[2]
        folder = args[3] if len(args) > 3 else -1
        if isinstance(flags, int) and flags & _WRITING:
            self._write(path, folder)
        elif not isinstance(path, int):
            self._reading(path, folder)

    def _reading(self, path: Any, folder: Any) -> None:
        """Refuse to read other processes in /proc: their environment, memory, open files."""
        name = _joined(path, folder)
        if self.read is not None:
            self.read.add(name)
        # Modules are opened by the thousand: links in the middle of a path are not looked for.
        if "proc" in name or os.path.islink(name):
            _, top, process, what, *_ = [*os.path.realpath(name).split(os.sep), "", "", ""]
            other = process.isdigit() and int(process) not in _own_numbers()
            if top == "proc" and other and what not in _PUBLIC:
                self._refuse("process", name[:200])

    def _changing(self, event: str, args: tuple[Any, ...]) -> None:
        for position, folder in events.WRITES[event]:
            descriptor = args[folder] if 0 <= folder < len(args) else -1
            self._write(args[position], descriptor, content=event in events.THROUGH_LINKS)

    def _database(self, event: str, args: tuple[Any, ...]) -> None:
        if isinstance(args[0], (str, bytes, os.PathLike)):
            for name in databases.written(os.fsdecode(args[0])):
                self._write(name, -1)

    def _attaching(self, name: str | None) -> None:
        if self.phase == "over":
            return
        if name is not None:
            self._guarded(Sandbox._database, "sqlite3.attach", (name,))
        elif not KERNEL_HOLDS:  # otherwise the kernel checks what is not visible here
            self._refuse("write", "a database is attached whose name is a parameter")

    def _write(self, path: Any, folder: Any, *, content: bool = True) -> None:
        if isinstance(path, int):
            name = events.path_of(path)
            if not os.path.isabs(name) or not os.path.exists(name):
                return  # a pipe, a socket, a file without a name
        else:
            name = os.fsdecode(path)
        if name in _HARMLESS:
            return
        whole = _joined(name, folder)
        if whole.count(os.sep) > _MAX_NESTED:
            self._refuse("write", f"more than {_MAX_NESTED} folders deep: {name[:200]}")
        folder_name, last = os.path.split(whole)
        place = os.path.join(os.path.realpath(folder_name), last)
        if last in ("", os.curdir, os.pardir):
            place = os.path.realpath(place)
        if not self._is_inside(place):
            self._refuse("write", f"{name[:200]} is outside the replay's folder")
        if content and os.path.islink(place) and not self._is_inside(os.path.realpath(place)):
            self._own(place, name)

    def _own(self, place: str, name: str) -> None:
        """Put a copy in the place of a link to one of the project's files, to be written to."""
        source = os.path.realpath(place)
        if not os.path.isfile(source) or os.path.getsize(source) > _MAX_COPIED:
            self._refuse("write", f"{name[:200]} is outside the replay's folder")
        os.unlink(place)
        shutil.copyfile(source, place)

    def _is_inside(self, path: str) -> bool:
        return path == self._workspace or path.startswith(self._workspace + os.sep)

    def _running(self, event: str, args: tuple[Any, ...]) -> None:
        program = args[0] if args else event
        if event in ("subprocess.Popen", "_posixsubprocess.fork_exec") and (
            not program or not isinstance(program, (str, bytes, os.PathLike))
        ):
            listed = args[1] if event == "subprocess.Popen" else program
            if isinstance(listed, (list, tuple)) and listed:
                # fork_exec is given the name in each folder of the path, and runs the first that is there.
                there = listed if event == "subprocess.Popen" else filter(os.path.exists, listed)
                program = next(iter(there), listed[0])
            else:
                program = listed
        shown = _shown(program)
        if event == "os.system" and any(sign in os.fsdecode(program) for sign in ";&|<>$`\n("):
            shown = "sh"
        name = os.path.basename(shown.split(" ")[0])
        if name not in self._programs:
            if is_asked_by("platform"):  # it works without the program
                raise FileNotFoundError(errno.ENOENT, "no programs run in a replay", name)
            self._refuse("subprocess", f"{name or event}.")
        self._is_the_allowed(name, shown.split(" ")[0], event, args)

    def _is_the_allowed(self, name: str, given: str, event: str, args: tuple[Any, ...]) -> None:
        """Refuse a file with an allowed program's name that is not the one on the path."""
        folder = variables = None
        if event == "subprocess.Popen":
            folder, variables = args[2:4]
        elif event in ("os.exec", "os.posix_spawn"):
            variables = args[2]
        if os.sep in given:
            place = os.path.realpath(os.path.join(os.fsdecode(folder or os.getcwd()), given))
        else:
            place = _found(given, _path_in(os.environ if variables is None else variables))
        if place and place != self._programs[name]:
            known = self._programs[name] or "nothing"
            self._refuse("subprocess", f"{place}, while the path finds {known} by the name {name}.")

    def _signalling(self, event: str, args: tuple[Any, ...]) -> None:
        if not events.is_own(args[0], group=event == "os.killpg"):
            self._refuse("process", f"{event} {args[0]}")

    def _native(self, event: str, args: tuple[Any, ...]) -> None:
        reason = events.NATIVE.get(args[1]) if isinstance(args[1], str) else None
        if reason is not None and not (reason == "network" and self._open):
            self._refuse(reason, f"ctypes {args[1]}")

    def _refuse(self, reason: Reason, what: str) -> None:
        detail = f"The code tried to {_ACTS[reason]}: {what}"
        if self.phase == "importing":
            if len(self.notes) < _MAX_NOTES:
                self.notes.append(f"at import: {detail}")
            raise PermissionError(13, f"{REFUSED}: {detail}")
        if len(self.refusals) < _MAX_NOTES:
            self.refusals.append((reason, detail))
        raise Refused(detail)


_WATCHED: Final[Mapping[str, Handler]] = {
    **dict.fromkeys(events.NETWORK, Sandbox._network),
    **dict.fromkeys(events.WRITES, Sandbox._changing),
    **dict.fromkeys(events.PROGRAMS, Sandbox._running),
    **dict.fromkeys(events.PROCESSES, Sandbox._signalling),
    "open": Sandbox._opening,
    "socket.bind": Sandbox._binding,
    "sqlite3.connect": Sandbox._database,
    "ctypes.dlsym": Sandbox._native,
    "ctypes.dlsym/handle": Sandbox._native,
}
#: Files in /proc that everybody may read and libraries do read.
_PUBLIC: Final = frozenset({"", "stat", "statm", "status", "comm"})


def _found(name: str, path: str | None) -> str:
    """Return the file of a program on a search path; empty where there is none."""
    if name == os.path.basename(sys.executable):
        return os.path.realpath(sys.executable)
    return os.path.realpath(found) if (found := shutil.which(name, path=path)) else ""


def _path_in(variables: Mapping[Any, Any]) -> str | None:
    return next((os.fsdecode(v) for k, v in variables.items() if os.fsdecode(k) == "PATH"), None)


def _joined(path: Any, folder: Any) -> str:
    """Return the whole name of what is named within a folder (-1, None: the working one).

    What ``..`` means is left to links being followed: behind a link it is another folder.
    """
    base = events.path_of(folder) if isinstance(folder, int) and folder >= 0 else os.getcwd()
    return os.path.join(base, os.fsdecode(path))


def _own_numbers() -> tuple[int, ...]:
    """This process's number, and the one that the /proc in place gives it."""
    with contextlib.suppress(OSError, ValueError):
        return os.getpid(), int(os.readlink("/proc/self"))
    return (os.getpid(),)


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return os.fsdecode(value)[:200]
    return str(value)[:200] if isinstance(value, (str, int, tuple, os.PathLike)) else ""
