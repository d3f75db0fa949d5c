"""Stores that are away, slow, locked or full: nobody waits, and nothing is lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.port_kit import free_port
from tests.system.faults.world import World, ids

pytestmark = pytest.mark.long("waits until disks are full, locks give up and servers are away")


def fill(folder: Path) -> Path:
    """Leave no byte free on a file system; the file to delete when it is enough."""
    filler = folder / "filler"
    fd = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        for size in (65_536, 4096, 1):
            try:
                while True:
                    os.write(fd, b"x" * size)
            except OSError:
                pass
    finally:
        os.close(fd)
    return filler


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_server_that_is_down_at_start_and_at_exit(tmp_path: Path) -> None:
    """The application runs and ends quickly; a later process brings everything."""
    world = World(f"postgresql://nobody@127.0.0.1:{free_port()}/none", tmp_path / "journal")
    done = world.run("end", 200)
    assert done.returncode == 0, done.stderr
    assert len(ids(done.stdout, "failed")) == 100
    journals = list(world.journal.glob("*.journal"))
    said = b"".join(path.read_bytes() for path in journals)
    for generation in ids(done.stdout, "failed") + ids(done.stdout, "succeeded"):
        assert generation.encode() in said


def test_a_database_locked_by_another_process(tmp_path: Path) -> None:
    """SQLite held by somebody for the whole run: callers do not notice, the heir stores it."""
    world = World(f"sqlite:///{tmp_path}/genmon.db", tmp_path / "journal")
    holder = sqlite3.connect(tmp_path / "genmon.db", isolation_level=None)
    world.runs_through(lambda: holder.execute("BEGIN EXCLUSIVE"))
    holder.rollback()
    holder.close()
    world.inherit()
    assert sum(outcome == "failure" for outcome in world.stored().values()) == 510


def test_the_journals_disk_is_full(tmp_path: Path, small_disk: Path) -> None:
    """No torn frame, no error for the caller; memory takes over and the store gets it all."""
    world = World(f"sqlite:///{tmp_path}/genmon.db", small_disk / "journal")
    world.runs_through(lambda: fill(small_disk))
    assert len(world.stored()) == 1020


def test_both_disks_are_full(tmp_path: Path, small_disk: Path) -> None:
    """Database and journal: the application goes on and ends as ever, what was there survives."""
    world = World(f"sqlite:///{small_disk}/genmon.db", small_disk / "journal")
    world.runs_through(lambda: None)
    before = world.stored()
    assert len(before) == 1020
    world.runs_through(lambda: fill(small_disk), 500)
    (small_disk / "filler").unlink()
    world.inherit()
    assert world.stored().items() >= before.items()


def test_a_limit_on_file_size_hits_the_journal(tmp_path: Path) -> None:
    """A short write is taken back: the frames before it are intact, the rest is in memory."""
    script = f"""
import resource
from pathlib import Path
from genmon_otel.journal import Journal
from genmon_otel.journal.frames import Kind, scan
it = Journal(Path({str(tmp_path)!r}), store="0" * 12)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
got = [it.append(Kind.RECORD, b'"' + b"x" * 298 + b'"') for _ in range(50)]
(path,) = Path({str(tmp_path)!r}).glob("*.journal")
found = scan(path.read_bytes())
print(found.skipped, len(found.frames) - 1, sum(seq is not None for seq in got))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    skipped, frames, acknowledged = map(int, done.stdout.split())
    assert skipped == 0
    assert frames == acknowledged == 30


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """The default journal in a read-only place: a warning, and the store gets everything."""
    if os.geteuid() == 0:
        (tmp_path / "journal").write_text("a file in the way, since root may write anywhere")
    else:
        (tmp_path / "journal").mkdir(mode=0o500)
    world = World(f"sqlite:///{tmp_path}/genmon.db", tmp_path / "journal")
    environ = {k: v for k, v in world.environ.items() if k != "GENMON_JOURNAL_DIR"}
    script = (
        "import os; os.environ['GENMON_JOURNAL_DIR'] = '/nowhere'\n"
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import app; del os.environ['GENMON_JOURNAL_DIR']; app.main('end', 20)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "journal" in done.stderr
    assert len(world.stored()) == 20
