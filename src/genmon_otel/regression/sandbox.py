"""Keep a replay from touching the world: no network, no writes outside its folder, no programs.

An audit hook sees every such act of Python code before it happens. While the
target is being imported a refusal is an ordinary ``OSError`` and a note, since
many libraries try things at import and do without. While it runs, a refusal
makes the run inconclusive whatever the code does about it: it is noted, and
raised as :class:`Refused`, which no ``except Exception`` swallows.

On Linux the kernel holds the same walls against native code: see ``guardian``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from genmon_otel.regression.verdict import Reason

Phase = Literal["importing", "running", "over"]

_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
#: Devices that take writes without keeping them.
_HARMLESS: Final = frozenset({"/dev/null", "/dev/tty", "/dev/full", "/dev/zero"})
#: Refusals listed of one run.
_MAX_NOTES: Final = 20

_NETWORK: Final = frozenset(
    "socket.connect socket.getaddrinfo socket.gethostbyname socket.gethostbyaddr "
    "socket.getnameinfo socket.sendto socket.sendmsg".split()
)
#: Audit event -> positions of its paths, and of their ``dir_fd`` (-1: none).
_WRITES: Final[Mapping[str, tuple[tuple[int, int], ...]]] = {
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.mkdir": ((0, 2),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, -1),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.utime": ((0, 3),),
    "os.setxattr": ((0, -1),),
    "os.removexattr": ((0, -1),),
}
#: Of these, the ones that change what a link points to rather than the link.
_THROUGH_LINKS: Final = frozenset({"os.truncate", "os.chmod", "os.utime", "os.setxattr"})
#: Bytes of a project's file that a replay may change a copy of.
_MAX_COPIED: Final = 64 * 1024 * 1024
_ACTS: Final[Mapping[str, str]] = {
    "network": "use the network",
    "write": "write",
    "subprocess": "run a program",
}
_PROGRAMS: Final = frozenset(
    "subprocess.Popen os.system os.exec os.posix_spawn os.spawn os.fork os.forkpty".split()
)


class Refused(BaseException):
    """The replayed code tried something that a replay does not allow."""


class Sandbox:
    """What a replay may do, and what it tried beyond that.

    Args:
        room: the only folder it may write to.
        programs: names of programs that it may run.
    """

    def __init__(self, room: Path, programs: tuple[str, ...] = ()) -> None:
        self._room = os.path.realpath(room)
        self._programs = frozenset(programs)
        self._open = 0
        self._inside = threading.local()
        self.phase: Phase = "importing"
        #: What was refused while the target ran, as (reason, detail), in order.
        self.refusals: list[tuple[Reason, str]] = []
        #: What was refused while it was imported.
        self.notes: list[str] = []

    def install(self) -> None:
        """Watch from now on. For good: audit hooks cannot be removed."""
        sys.addaudithook(self._audit)
        with contextlib.suppress(ImportError):
            from multiprocessing.process import BaseProcess

            def start(process: Any) -> None:
                self._refuse(
                    "subprocess", f"a process of multiprocessing: {type(process).__name__}"
                )

            BaseProcess.start = start  # type: ignore[method-assign,assignment]

    @contextlib.contextmanager
    def gate(self) -> Iterator[None]:
        """Allow the network meanwhile: a live step is called."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event not in _WATCHED or self.phase == "over" or getattr(self._inside, "busy", False):
            return
        self._inside.busy = True
        try:
            _WATCHED[event](self, event, args)
        finally:
            self._inside.busy = False

    def _network(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._open:
            self._refuse(
                "network", f"{event} {_shown(args[-1] if 'connect' in event else args[0])}"
            )

    def _opening(self, event: str, args: tuple[Any, ...]) -> None:
        path, flags = args[0], args[2]
        if isinstance(flags, int) and flags & _WRITING:
            self._write(path, -1)

    def _changing(self, event: str, args: tuple[Any, ...]) -> None:
        for position, folder in _WRITES[event]:
            descriptor = args[folder] if 0 <= folder < len(args) else -1
            self._write(args[position], descriptor, content=event in _THROUGH_LINKS)

    def _database(self, event: str, args: tuple[Any, ...]) -> None:
        name = os.fsdecode(args[0]) if isinstance(args[0], (str, bytes, os.PathLike)) else ""
        if name not in ("", ":memory:") and "mode=ro" not in name and "mode=memory" not in name:
            self._write(name.removeprefix("file:").partition("?")[0], -1)

    def _write(self, path: Any, folder: Any, *, content: bool = True) -> None:
        if isinstance(path, int):
            return  # a descriptor: it was looked at when it was opened
        name = os.fsdecode(path)
        if isinstance(folder, int) and folder >= 0 and not os.path.isabs(name):
            name = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), name)
        if name in _HARMLESS:
            return
        folder_name, last = os.path.split(os.path.abspath(name))
        place = os.path.join(os.path.realpath(folder_name), last)
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
        return path == self._room or path.startswith(self._room + os.sep)

    def _running(self, event: str, args: tuple[Any, ...]) -> None:
        program = args[0] if args else event
        if event == "subprocess.Popen" and not program:
            program = args[1][0] if isinstance(args[1], (list, tuple)) and args[1] else args[1]
        name = os.path.basename(_shown(program).split(" ")[0])
        if name not in self._programs:
            self._refuse("subprocess", f"{name or event}.")

    def _refuse(self, reason: Reason, what: str) -> None:
        detail = f"The code tried to {_ACTS[reason]}: {what}"
        if self.phase == "importing":
            if len(self.notes) < _MAX_NOTES:
                self.notes.append(f"at import: {detail}")
            raise PermissionError(13, f"refused in a replay: {detail}")
        if len(self.refusals) < _MAX_NOTES:
            self.refusals.append((reason, detail))
        raise Refused(detail)


_WATCHED: Final[Mapping[str, Callable[[Sandbox, str, tuple[Any, ...]], None]]] = {
    **dict.fromkeys(_NETWORK, Sandbox._network),
    **dict.fromkeys(_WRITES, Sandbox._changing),
    **dict.fromkeys(_PROGRAMS, Sandbox._running),
    "open": Sandbox._opening,
    "sqlite3.connect": Sandbox._database,
}


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return os.fsdecode(value)[:200]
    return str(value)[:200] if isinstance(value, (str, int, tuple, os.PathLike)) else ""
