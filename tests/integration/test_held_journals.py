"""A journal's segments between processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from genmon_otel.journal import Journal
from genmon_otel.journal.frames import Kind
from genmon_otel.journal.segments import claim, list_producers

STORE = "0" * 12


def test_held_segments_cannot_be_claimed(tmp_path: Path) -> None:
    """Neither in the process that holds them, nor in another; after its death by anybody."""
    script = (
        "import sys, pathlib\n"
        "from genmon_otel.journal.segments import claim, list_producers\n"
        f"for paths in list_producers(pathlib.Path({str(tmp_path)!r}), {STORE!r}).values():\n"
        "    print(claim(paths) is not None)\n"
    )
    it = Journal(tmp_path, store=STORE)
    it.append(Kind.RECORD, b"{}")
    assert claim(list_producers(tmp_path, STORE)[it.producer]) is None
    run = [sys.executable, "-c", script]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "False\n"
    it.close()
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "True\n"
