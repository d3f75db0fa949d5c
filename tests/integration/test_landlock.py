"""Landlock: which rights each version takes away, and that they are gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genmon_otel.regression.isolation import landlock

ALL = [landlock.handled(version, execute=False, tcp=False) for version in range(1, 9)]


def test_a_version_is_asked_only_for_what_it_knows() -> None:
    """Each version's rights are those of the one before and its own: the kernel refuses others."""
    files = [rights[0].bit_length() for rights in ALL]
    assert files == [13, 14, 15, 15, 16, 16, 16, 16]
    assert [rights[1] for rights in ALL] == [0, 0, 0, 3, 3, 3, 3, 3]
    assert [rights[2] for rights in ALL] == [0, 0, 0, 0, 0, 3, 3, 3]


def test_programs_and_connections_are_left_where_they_are_allowed() -> None:
    """Without the right being handled the kernel does not look at it."""
    files, tcp, _ = landlock.handled(7, execute=True, tcp=True)
    assert not files & 1
    assert tcp == 0


def test_reading_is_never_restricted() -> None:
    """A replay reads the project and the interpreter."""
    assert all(rights[0] & 0b1100 == 0 for rights in ALL)


@pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
def test_what_is_taken_away_is_gone(tmp_path: Path) -> None:
    """After it: writes within the folder and to a device, and nowhere else; also in a thread."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    code = f"""
import os, threading
from genmon_otel.regression.isolation import landlock
assert landlock.restrict([{str(inside)!r}, "/dev/null", "/no/such"]) == landlock.abi()
open("/dev/null", "w").write("x")
open({str(inside / "kept")!r}, "w").write("x")
os.rename({str(inside / "kept")!r}, {str(inside / "renamed")!r})
refused = []
def attempt():
    for act in (lambda: open({str(outside / "a")!r}, "w"), lambda: os.mkdir({str(outside / "b")!r}),
                lambda: os.rename({str(inside / "renamed")!r}, {str(outside / "c")!r}),
                lambda: os.execv("/bin/true", ["true"]),
                lambda: open(f"/proc/{{os.getppid()}}/mem", "rb"),
                lambda: os.kill(os.getppid(), 0) if landlock.abi() >= 6 else os.mkdir({str(outside / "d")!r})):
        try:
            act()
        except OSError:
            refused.append(act)
thread = threading.Thread(target=attempt)
thread.start()
thread.join()
print(len(refused))
"""
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert shown.stdout.strip() == "6"
    assert os.listdir(outside) == []
    assert os.listdir(inside) == ["renamed"]
