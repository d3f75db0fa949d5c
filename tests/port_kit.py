"""Ports for servers that are started by their number, and for addresses where nobody listens."""

from __future__ import annotations

import random
import socket
from pathlib import Path

#: Of the process that asked: each keeps other processes of these tests from the port of its name.
_claims: list[socket.socket] = []


def free_port() -> int:
    """Return a port of loopback on which nothing listens and that no other test gets while this process lives.

    A port that ``bind(0)`` gave is the kernel's again once it is closed: the next who asks for any may get it before
    the server starts. So these are below the range that the kernel takes from.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    candidates = range(10_000, max(lowest, 20_000))
    for port in random.SystemRandom().sample(candidates, len(candidates)):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0genmon-test-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return port
    raise OSError(f"no free port in {candidates}")
