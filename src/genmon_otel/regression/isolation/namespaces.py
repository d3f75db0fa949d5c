"""Move this process into namespaces of its own, as far as Linux allows.

A network without interfaces; process numbers of its own, so that nothing outside can be
seen or signalled and everything inside ends with the first process; a view of the files
that can be read only, where even the mode of a file cannot be changed.

As an ordinary user this takes a user namespace, which many containers forbid: whatever
is refused is left out, and the caller gets a list of what is in force. Only the standard library
is imported. Source: namespaces(7), mount_setattr(2), capabilities(7).
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import struct
import sys
from pathlib import Path
from typing import Final

_NEWNS: Final = 0x00020000
_NEWIPC: Final = 0x08000000
_NEWUSER: Final = 0x10000000
_NEWPID: Final = 0x20000000
_NEWNET: Final = 0x40000000

_SHARED_MEMORY: Final = b"/dev/shm"
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18

# The same numbers on every architecture that CPython supports.
_MOUNT_SETATTR: Final = 442
_AT_FDCWD: Final = -100
_AT_RECURSIVE: Final = 0x8000
_ATTR_RDONLY: Final = 1

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38
_CAPABILITY_VERSION_3: Final = 0x20080522
_CAP_DAC_READ_SEARCH: Final = 2


def enter(*, network: bool) -> bool:
    """Move this process, which must have one thread, into namespaces of its own.

    The next process that it starts is the first of the process namespace, where there is one.

    Args:
        network: whether the network of outside is kept.

    Returns:
        Whether there is a namespace of processes.
    """
    if not sys.platform.startswith("linux"):
        return False
    user, group = os.getuid(), os.getgid()
    inside = _NEWIPC | _NEWPID
    net = 0 if network else _NEWNET
    for flags in (inside | net, inside | net | _NEWUSER, net, net | _NEWUSER):
        if flags & ~_NEWUSER and _libc().unshare(flags) == 0:
            if flags & _NEWUSER:
                _keep_user(user, group)
            return bool(flags & _NEWPID)
    return False


def _keep_user(user: int, group: int) -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")


def close_files(writable: str) -> tuple[str, ...]:
    """Make every file system read-only but one folder, and /proc show this namespace alone.

    Must be called by the first process of a process namespace.

    Returns:
        Folders that are this namespace's own, so that no other process sees what is written there.
    """
    libc = _libc()
    private = ctypes.c_ulong(_MS_REC | _MS_PRIVATE)
    if libc.unshare(_NEWNS) != 0 or libc.mount(None, b"/", None, private, None) != 0:
        return ()
    guarded = ctypes.c_ulong(_MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    # Refused where parts of /proc are hidden, as in containers: then the outer /proc stays.
    libc.mount(b"proc", b"/proc", b"proc", guarded, None)
    own = libc.mount(b"tmpfs", _SHARED_MEMORY, b"tmpfs", guarded, b"size=64m") == 0
    folder = os.fsencode(writable)
    if libc.mount(folder, folder, None, ctypes.c_ulong(_MS_BIND), None) == 0:
        open_again = (folder, _SHARED_MEMORY) if own else (folder,)
        if _set_attributes(b"/", _AT_RECURSIVE, _ATTR_RDONLY, 0):
            for path in open_again:
                _set_attributes(path, 0, 0, _ATTR_RDONLY)
    return (os.fsdecode(_SHARED_MEMORY),) if own else ()


def _set_attributes(path: bytes, flags: int, to_set: int, to_clear: int) -> bool:
    attributes = struct.pack("QQQQ", to_set, to_clear, 0, 0)
    libc = _libc()
    libc.syscall.restype = ctypes.c_long
    return bool(
        libc.syscall(
            ctypes.c_long(_MOUNT_SETATTR), ctypes.c_int(_AT_FDCWD), path, ctypes.c_uint(flags),
            attributes, ctypes.c_size_t(len(attributes)),
        ) == 0
    )  # fmt: skip


def drop_privileges() -> None:
    """Drop every capability permanently, except that of reading files of root.

    What was mounted stays as it is, then, and what belongs to other users cannot be changed.
    """
    libc = _libc()
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    kept = 1 << _CAP_DAC_READ_SEARCH if os.geteuid() == 0 else 0
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    had = ctypes.create_string_buffer(24)
    if libc.capget(header, had) == 0:
        permitted = struct.unpack("6I", had.raw)[1] & kept
        libc.capset(header, struct.pack("6I", permitted, permitted, 0, 0, 0, 0))


def end_with_parent(signal_number: int) -> None:
    """Ask the kernel to send this process a signal when its parent ends."""
    if sys.platform.startswith("linux"):
        _libc().prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants (subreaper), so that they can be killed."""
    if sys.platform.startswith("linux"):
        _libc().prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
