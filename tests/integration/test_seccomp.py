"""The filter of system calls: what it refuses, run as the kernel would run it."""

from __future__ import annotations

import errno
import struct
import subprocess
import sys

import pytest

from genmon_otel.regression.isolation import seccomp

X86 = seccomp._MACHINES["x86_64"]
REFUSED = 0x00050000 | errno.EACCES
ALLOWED = 0x7FFF0000


def run(program: bytes, data: bytes) -> int:
    """Interpret the few instructions that the filter is made of."""
    steps = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    at, loaded = 0, 0
    while True:
        code, if_so, if_not, value = steps[at]
        at += 1
        if code == 0x06:
            return int(value)
        if code == 0x20:
            (loaded,) = struct.unpack_from("=I", data, value)
        elif code == 0x15:
            at += if_so if loaded == value else if_not
        elif code == 0x35:
            at += if_so if loaded >= value else if_not
        elif code == 0x45:
            at += if_so if loaded & value else if_not
        else:
            raise AssertionError(f"instruction {code:#x}")


def call(number: int, *arguments: int, architecture: int = X86[0]) -> bytes:
    """Return what the kernel shows a filter of a system call."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    return struct.pack("=IIQ6Q", number, architecture, 0, *padded)


@pytest.mark.parametrize("machine", seccomp._MACHINES)
def test_the_filter_knows_what_to_refuse(machine: str) -> None:
    """What reaches out, or changes other processes, fails; reading, writing and pairs of sockets do not."""
    architecture, calls = seccomp._MACHINES[machine]
    connect, send_to = calls.connect, calls.sendto
    program = seccomp.program(architecture, calls)
    shown = {
        what: run(program, call(number, *arguments, architecture=by))
        for what, (by, number, *arguments) in {
            "connect": (architecture, connect, 3, 0x7FFF, 16),
            "sendto": (architecture, send_to, 3, 1, 1, 0, 0x7FFF_0000_0000, 16),
            "sendto, low half": (architecture, send_to, 3, 1, 1, 0, 0x10, 16),
            "io_uring": (architecture, 425),
            "add_key": (architecture, seccomp._STAYING[architecture][0]),
            "shmget": (architecture, seccomp._STAYING[architecture][4]),
            "sendmsg that connects": (architecture, calls.sendmsg, 3, 1, 0x20004000),
            "sendmmsg that connects": (architecture, calls.sendmmsg, 3, 1, 1, 0x20000000),
            "mptcp": (architecture, calls.socket, 2, 1 | 0x80000, 262),
            "lease": (architecture, calls.fcntl, 3, 1024, 1),
            "limit of another": (architecture, calls.prlimit64, 77, 7, 0x7FFF_0000_0000, 0),
            "x32": (architecture, 0x40000000 + connect),
            "32 bits": (0x40000003, 362),
            "sendmsg": (architecture, calls.sendmsg, 3, 1, 0x4000),
            "socket": (architecture, calls.socket, 2, 1, 6),
            "lock": (architecture, calls.fcntl, 3, 6, 1),
            "own limit": (architecture, calls.prlimit64, 0, 7, 0x7FFF_0000_0000, 0),
            "limit read": (architecture, calls.prlimit64, 77, 7, 0, 0x7FFF_0000_0000),
            "send": (architecture, send_to, 3, 1, 1),
            "read": (architecture, 0),
            "openat": (architecture, 257),
        }.items()
    }
    allowed = {
        "send", "sendmsg", "socket", "lock", "own limit", "limit read", "read", "openat",
    }  # fmt: skip
    assert shown == {what: ALLOWED if what in allowed else REFUSED for what in shown}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux' filter")
def test_the_kernel_takes_the_filter() -> None:
    """Under it pairs of sockets work, also in a thread, and connecting does not."""
    code = """
import socket, threading
from genmon_otel.regression.isolation import seccomp
taken = seccomp.forbid_addresses()
left, right = socket.socketpair()
left.send(b"x")
assert right.recv(1) == b"x"
refused = []
def attempt():
    for family, address in ((socket.AF_INET, ("127.0.0.1", 9)), (socket.AF_UNIX, "/no/such")):
        try:
            socket.socket(family).connect(address)
        except PermissionError:
            refused.append(family)
        except OSError:
            pass
thread = threading.Thread(target=attempt)
thread.start()
thread.join()
assert len(refused) == 2 * taken, (taken, refused)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
