"""Forbid this process to reach sockets by an address: a filter of system calls.

Landlock knows TCP alone, and a network namespace no sockets that are files, such as that of a
container's daemon. Pairs of sockets and existing connections continue to work. The filter
cannot be taken off, and is passed on to threads and processes started later.

Only the standard library is imported. Source: seccomp(2), Linux' networking/filter.rst.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
from typing import Final, NamedTuple

_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_MODE_FILTER: Final = 2

_LOAD: Final = 0x20
_IF_EQUAL: Final = 0x15
_IF_AT_LEAST: Final = 0x35
_IF_SET: Final = 0x45
_RETURN: Final = 0x06
_ALLOW: Final = 0x7FFF0000
_FAIL: Final = 0x00050000

# Where struct seccomp_data has the number, the architecture, and the halves of the arguments.
_NUMBER, _ARCHITECTURE = 0, 4
_LOW, _HIGH = range(16, 64, 8), range(20, 64, 8)
#: Numbers from here on are another way to call the same (x32).
_FOREIGN: Final = 0x40000000
#: It would connect without a system call that a filter sees. The same number everywhere.
_IO_URING_SETUP: Final = 425
#: Connects and sends in one call, which Landlock does not see.
_MSG_FASTOPEN: Final = 0x20000000
#: TCP by several ways at a time: Landlock does not count it as TCP.
_IPPROTO_MPTCP: Final = 262
#: Makes a process that opens the file wait until the lease's holder releases it.
_F_SETLEASE: Final = 1024


class _Calls(NamedTuple):
    """The numbers of the system calls that are looked at."""

    connect: int
    sendto: int
    sendmsg: int
    sendmmsg: int
    socket: int
    fcntl: int
    prlimit64: int


#: Machine -> its number for auditing, and those of its calls.
_MACHINES: Final = {
    "x86_64": (0xC000003E, _Calls(42, 44, 46, 307, 41, 72, 302)),
    "aarch64": (0xC00000B7, _Calls(203, 206, 211, 269, 198, 25, 261)),
}
#: By the same: add_key, request_key, keyctl (keys stay with the user), ptrace, and shmget, semget,
#: msgget, mq_open (what they make stays with the machine).
_STAYING: Final = {
    0xC000003E: (248, 249, 250, 101, 29, 64, 68, 240),
    0xC00000B7: (217, 218, 219, 117, 194, 190, 186, 180),
}


class _Step(NamedTuple):
    """One instruction; labels of the next one where a comparison holds, and where not."""

    code: int
    value: int
    if_so: str = ""
    if_not: str = ""


def program(architecture: int, calls: _Calls) -> bytes:
    """Return the filter.

    Connect, sending with an address, other ways to the same, limits of other processes, and what
    would stay behind, fail. An address that ``sendmsg`` is given lies in memory that a filter cannot
    read: that is refused only where it also connects.
    """
    steps = [
        _Step(_LOAD, _ARCHITECTURE),
        _Step(_IF_EQUAL, architecture, "", "refuse"),
        _Step(_LOAD, _NUMBER),
        _Step(_IF_AT_LEAST, _FOREIGN, "refuse"),
        _Step(_IF_EQUAL, calls.connect, "refuse"),
        _Step(_IF_EQUAL, _IO_URING_SETUP, "refuse"),
        *(_Step(_IF_EQUAL, number, "refuse") for number in _STAYING[architecture]),
    ]
    places: dict[str, int] = {}
    for number, tests in (
        (calls.sendto, _unless_null(4)),
        (calls.sendmsg, _argument(2, _IF_SET, _MSG_FASTOPEN)),
        (calls.sendmmsg, _argument(3, _IF_SET, _MSG_FASTOPEN)),
        (calls.socket, _argument(2, _IF_EQUAL, _IPPROTO_MPTCP)),
        (calls.fcntl, _argument(1, _IF_EQUAL, _F_SETLEASE)),
        (
            calls.prlimit64,
            [_Step(_LOAD, _LOW[0]), _Step(_IF_EQUAL, 0, "allow"), *_unless_null(2)],
        ),
    ):
        steps += [_Step(_IF_EQUAL, number, "", f"behind {number}"), *tests]
        places[f"behind {number}"] = len(steps)
    places |= {"allow": len(steps), "refuse": len(steps) + 1}
    steps += [_Step(_RETURN, _ALLOW), _Step(_RETURN, _FAIL | errno.EACCES)]
    return b"".join(
        struct.pack("=HBBI", step.code, *_jumps(step, at, places), step.value)
        for at, step in enumerate(steps)
    )


def _argument(position: int, test: int, value: int) -> list[_Step]:
    """Refuse a call where a test of an argument, which has 32 bits, holds."""
    return [_Step(_LOAD, _LOW[position]), _Step(test, value, "refuse", "allow")]


def _unless_null(position: int) -> list[_Step]:
    """Refuse a call that is given an address in memory."""
    return [
        _Step(_LOAD, _LOW[position]),
        _Step(_IF_EQUAL, 0, "", "refuse"),
        _Step(_LOAD, _HIGH[position]),
        _Step(_IF_EQUAL, 0, "allow", "refuse"),
    ]


def _jumps(step: _Step, at: int, places: dict[str, int]) -> tuple[int, int]:
    """Return how many instructions to leave out where the comparison holds, and where not."""
    following = at + 1
    so, otherwise = (places.get(label, following) for label in (step.if_so, step.if_not))
    return so - following, otherwise - following


def forbid_addresses() -> bool:
    """Forbid this thread, and what it starts, to connect or to send to an address; for good.

    Returns:
        Whether the kernel took the filter; False on machines that it is not written for.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None or not sys.platform.startswith("linux") or struct.calcsize("P") != 8:
        return False
    steps = ctypes.create_string_buffer(program(*machine))
    described = struct.pack("HxxxxxxQ", (len(steps) - 1) // 8, ctypes.addressof(steps))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, described, 0, 0) == 0)
