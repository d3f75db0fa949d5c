"""Restrict this process by Landlock, which needs no privilege on Linux.

The restriction needs no privilege, holds for native code as for Python, is passed on
to threads and processes started later, and cannot be taken off. It is per thread:
restrict before any other thread is started.

Only the standard library is imported, for the process that calls this has nothing
else yet. Source: https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable
from typing import Final

# The same numbers on every architecture that CPython supports.
_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_ASK_VERSION: Final = 1
_RULE_PATH_BENEATH: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38

_EXECUTE: Final = 1 << 0
_WRITE_FILE: Final = 1 << 1
_REFER: Final = 1 << 13
_TRUNCATE: Final = 1 << 14
_IOCTL_DEV: Final = 1 << 15
#: remove_dir, remove_file, make_char, make_dir, make_reg, make_sock, make_fifo, make_block, make_sym
_CHANGE_FOLDER: Final = sum(1 << bit for bit in range(4, 13))
#: Rights that a rule for a file, not a folder, may give.
_OF_FILES: Final = _EXECUTE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
_RULE_NET_PORT: Final = 2
_BIND_TCP: Final = 0b01
_CONNECT_OR_BIND_TCP: Final = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS: Final = 0b11


def abi() -> int:
    """Return the version of Landlock that this kernel offers; 0 where it has none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, _call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_ASK_VERSION)))


def handled(version: int, *, execute: bool, tcp: bool) -> tuple[int, int, int]:
    """Return the rights that a version can take away: of files, of TCP, and of leaving the domain.

    Args:
        version: of Landlock, from 1; unknown later ones are treated as the newest known.
        execute: whether programs may be started.
        tcp: whether TCP connections may be made and accepted.
    """
    files = _WRITE_FILE | _CHANGE_FOLDER
    files |= 0 if execute else _EXECUTE
    files |= _REFER if version >= 2 else 0
    files |= _TRUNCATE if version >= 3 else 0
    files |= _IOCTL_DEV if version >= 5 else 0
    network = _CONNECT_OR_BIND_TCP if version >= 4 and not tcp else 0
    return files, network, _ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0


def restrict(writable: Iterable[str], *, execute: bool = False, tcp: bool = False) -> int:
    """Forbid this thread, and what it starts, for good to change anything but ``writable``.

    Reading stays as it is, but for the memory and the environment of processes outside.

    Args:
        writable: folders and files that may be changed; missing ones are left out.
        execute: whether programs may be started.
        tcp: whether TCP connections may be made and accepted.

    Returns:
        The version of Landlock in force; 0 where nothing is.
    """
    version = abi()
    if not version:
        return 0
    rights = handled(version, execute=execute, tcp=tcp)
    attributes = struct.pack("QQQ", *rights)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    if ruleset < 0:
        return 0
    try:
        for path in writable:
            with contextlib.suppress(OSError):
                _allow(ruleset, path, rights[0])
        if rights[1]:  # binding to any free port is allowed: libraries test whether they can
            _call(_ADD_RULE, ctypes.c_int(ruleset), _RULE_NET_PORT,
                  struct.pack("QQ", _BIND_TCP, 0), ctypes.c_uint(0))  # fmt: skip
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        held = _call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint(0)) == 0
    finally:
        os.close(ruleset)
    return version if held else 0


def _allow(ruleset: int, path: str, rights: int) -> None:
    opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        allowed = rights if stat.S_ISDIR(os.fstat(opened).st_mode) else rights & _OF_FILES
        # Programs may run from anywhere or not at all; files written here may not be run.
        rule = struct.pack("=Qi", allowed & ~_EXECUTE, opened)
        _call(_ADD_RULE, ctypes.c_int(ruleset), _RULE_PATH_BENEATH, rule, ctypes.c_uint(0))
    finally:
        os.close(opened)


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return int(libc.syscall(ctypes.c_long(number), *arguments))
