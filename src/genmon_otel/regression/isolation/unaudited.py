"""Patch functions of Python that raise no audit event, or one with too little detail, to raise one.

Code that kept the original function before is not seen: on Linux the kernel's restrictions stop it.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
from collections.abc import Callable
from typing import Any, Final

from genmon_otel.regression.isolation import events

Report = Callable[[str, tuple[Any, ...]], None]

#: Functions of os whose argument is the number of a process, and that argument's position.
_OF_PROCESSES: Final = {
    "pidfd_open": 0,
    "sched_setaffinity": 0,
    "sched_setscheduler": 0,
    "sched_setparam": 0,
}


def report_to(report: Report) -> None:
    """Patch the functions permanently; each calls ``report`` before it acts."""

    def opened(path: Any, flags: int, mode: int = 0o777, *, dir_fd: Any = None) -> None:
        report("open", (path, None, flags, dir_fd))

    def made_fifo(path: Any, mode: int = 0o666, *, dir_fd: Any = None) -> None:
        report("os.mkfifo", (path, dir_fd))

    def made_node(path: Any, mode: int = 0o600, device: int = 0, *, dir_fd: Any = None) -> None:
        report("os.mknod", (path, dir_fd))

    def of_process(event: str, position: int) -> Callable[..., None]:
        return lambda *args: report(event, (args[position],))

    def given_priority(which: int, who: int, priority: int) -> None:
        # By user or group it would be that of processes outside.
        report("os.setpriority", (who if which == os.PRIO_PROCESS else -1,))

    def sent_by_descriptor(descriptor: int, *_: Any) -> None:
        folder, number = os.path.split(events.path_of(descriptor))
        if folder == "/proc":  # else it was made by pidfd_open
            report("os.pidfd_open", (int(number),))

    def made_shared(path: str, flags: int, mode: int = 0o777) -> None:
        if flags & os.O_CREAT:
            report("os.mkfifo", (os.path.join("/dev/shm", path.lstrip("/")), None))

    looks: dict[str, Callable[..., None]] = {
        "open": opened,
        "mkfifo": made_fifo,
        "mknod": made_node,
        "setpriority": given_priority,
    }
    looks |= {name: of_process(f"os.{name}", at) for name, at in _OF_PROCESSES.items()}
    with contextlib.suppress(ImportError):
        import shutil  # compares functions of os when it is imported, so import it before they are patched

        assert shutil
    for name, look in looks.items():
        _patch(("os", "posix"), name, look)
    _patch(
        ("_posixsubprocess",),
        "fork_exec",
        lambda arguments, *_: report("_posixsubprocess.fork_exec", (arguments,)),
    )
    _patch(("signal", "_signal"), "pidfd_send_signal", sent_by_descriptor)
    _patch(("_posixshmem",), "shm_open", made_shared)
    for module in ("_gdbm", "_dbm"):
        _patch((module,), "open", lambda path, flags="r", *_: _database(report, path, flags))


def _database(report: Report, path: Any, flags: Any) -> None:
    if not str(flags).startswith("r"):
        report("dbm.open", (path,))


def _patch(modules: tuple[str, ...], name: str, look: Callable[..., None]) -> None:
    for module_name in modules:
        try:
            module = importlib.import_module(module_name)
            original = getattr(module, name)
        except (ImportError, AttributeError):  # another platform
            continue
        if getattr(original, "__wrapped__", None) is None:
            setattr(module, name, _looked_at(original, look))


def _looked_at(original: Callable[..., Any], look: Callable[..., None]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        # The original function checks its arguments.
        with contextlib.suppress(TypeError, IndexError):
            look(*args, **kwargs)
        return original(*args, **kwargs)

    for known in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
        if original in known:
            known.add(call)
    return call
