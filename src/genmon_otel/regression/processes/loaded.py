"""What an import has left in a process: threads, open files, the sources that it was made of."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib.util
import os
import shutil
import signal
import stat
import sys
import threading
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any, Final

from genmon_otel.regression.processes.mirror import state_of
from genmon_otel.stacks import is_in_app

TIMERS: Final = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
#: Names of threads and of what is open that are shown.
_MAX_SHOWN: Final = 5
#: Folders whose files hold the machine's current state: psutil reads some when it is imported.
_OF_THE_KERNEL: Final = ("/proc/", "/sys/", "/dev/")
#: Nanoseconds by which the time of a file's change may lag behind.
_TICK_NS: Final = 10_000_000
#: Objects after which garbage is looked for while a target is imported; a number that no application sets.
_RARELY: Final = 1_000_003


class LeftOpen(Exception):
    """Raised for something open that a fork would share with other replays."""


@contextlib.contextmanager
def rarely_collected() -> Iterator[None]:
    """Look for garbage rarely inside the block: what an import makes stays, and looking takes a tenth of it.

    What the import itself sets stays as it set it.
    """
    before = gc.get_threshold()
    gc.set_threshold(_RARELY, *before[1:])
    try:
        yield
    finally:
        if gc.get_threshold()[0] == _RARELY:
            gc.set_threshold(*before)


def threads() -> str:
    """Name the threads of this process besides its first; empty where there is none."""
    count = len(os.listdir("/proc/self/task"))
    if count == 1:
        return ""
    main = threading.main_thread()
    names = [each.name for each in threading.enumerate() if each is not main][:_MAX_SHOWN]
    native = count - 1 - len(names)
    return ", ".join([*names, *([f"{native} of native code"] if native > 0 else [])])


def open_descriptors() -> set[int]:
    """Return the open descriptors of this process."""
    listed = [int(name) for name in os.listdir("/proc/self/fd")]
    return {each for each in listed if _is_open(each)}  # that of the listing is not


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def files_left_open(before: set[int]) -> tuple[int, ...]:
    """Return the files that were opened to be read since; each replay opens them anew.

    Raises:
        LeftOpen: something else was opened that is shared with what is forked.
    """
    files = []
    for descriptor in sorted(open_descriptors() - before):
        kind = os.fstat(descriptor).st_mode
        if stat.S_ISCHR(kind):
            continue
        writes = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
        if not stat.S_ISREG(kind) or writes:
            name = os.readlink(f"/proc/self/fd/{descriptor}")[:200]
            raise LeftOpen(f"the import leaves {name} open")
        files.append(descriptor)
    return tuple(files)


def open_anew(descriptors: Iterable[int]) -> None:
    """Open files anew under their numbers, at the same place: a fork shares the place."""
    for descriptor in descriptors:
        opened = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
        os.lseek(opened, os.lseek(descriptor, 0, os.SEEK_CUR), os.SEEK_SET)
        os.dup2(opened, descriptor, os.get_inheritable(descriptor))
        os.close(opened)


def files(read: Iterable[str], workspace: str, began_at: float) -> dict[str, list[int]]:
    """Return the files that the process was made of, with their size and time of change.

    Args:
        read: names of files that were opened.
        workspace: the folder of the replay, whose own files do not count.
        began_at: Unix seconds; what was changed since has other values than it will ever have.
    """
    sources = {_file(module) for module in list(sys.modules.values())}
    own = os.path.realpath(workspace) + os.sep
    data = {os.path.realpath(name) for name in read if not name.endswith(".pyc")}
    data = {each for each in data if not each.startswith(_OF_THE_KERNEL)}
    found = {}
    for name in sources | {each for each in data if is_in_app(each, "") and own not in each}:
        state = state_of(name) if name else None
        if state is not None:
            changed = state[1] > began_at * 1e9 - _TICK_NS
            found[name] = [-1, -1] if changed else state
    return found


def _file(module: Any) -> str:
    """Return a module's file, without waking one that loads itself when it is first used."""
    with contextlib.suppress(Exception):
        name = object.__getattribute__(module, "__dict__").get("__file__")
        if isinstance(name, str):
            return name
    return ""


def is_installed(name: str) -> bool:
    """Whether a module can be found that is not the project's own."""
    with contextlib.suppress(Exception):
        parent = sys.modules.get(name.rpartition(".")[0])
        if "." in name and not isinstance(parent, ModuleType):
            return False
        spec = importlib.util.find_spec(name)
        return spec is not None and not is_in_app(spec.origin or "", name)
    return False


def remove(path: str) -> None:
    """Remove a file, or a folder with all in it, as far as that is possible."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            os.unlink(path)
