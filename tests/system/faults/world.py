"""Start the application of :mod:`app`, and read what became of its generations."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

APP = Path(__file__).with_name("app.py")


@dataclass(frozen=True)
class World:
    """A store, a folder for journals, and processes between them."""

    store: str
    journal: Path
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def environ(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("GENMON_", "OTEL_"))}
        return {
            **inherited,
            "GENMON_STORE": self.store,
            "GENMON_JOURNAL_DIR": str(self.journal),
            **dict(self.settings),
        }

    def command(self, mode: str, count: int = 10) -> list[str]:
        return [sys.executable, str(APP), mode, str(count)]

    def run(
        self, mode: str, count: int = 10, timeout: float = 250
    ) -> subprocess.CompletedProcess[str]:
        """Run the application to its end."""
        return subprocess.run(
            self.command(mode, count),
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    @contextmanager
    def started(self, mode: str, count: int = 10) -> Iterator[subprocess.Popen[str]]:
        """Run the application until the block ends; killed then if need be.

        What it wrote to standard error is shown where the block fails. It goes into no folder of the test's: some are
        on disks that are full.
        """
        with (
            tempfile.TemporaryFile("w+") as errors,
            subprocess.Popen(
                self.command(mode, count),
                env=self.environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as process,
        ):
            try:
                yield process
            except BaseException:
                errors.seek(0)
                print(errors.read()[-5000:])
                raise
            finally:
                process.kill()

    def runs_through(self, hurt: Callable[[], object], count: int = 1000) -> None:
        """Hurt the application once it is under way: it ends in time only if no call waits."""
        with self.started("told", count) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            while process.stdout.readline() != "ready\n":
                assert process.poll() is None
            hurt()
            process.communicate("go\n", timeout=250)
            assert process.returncode == 0

    def notes(self, generation_id: str) -> bool:
        """Whether a journal holds a generation: while it runs, that it does."""
        for path in self.journal.glob("*.journal"):
            with suppress(FileNotFoundError):  # of a process that ended meanwhile
                if generation_id.encode() in path.read_bytes():
                    return True
        return False

    def inherit(self) -> list[str]:
        """Have a new process take over whatever was left; what it generated itself."""
        done = self.run("heir")
        assert "not adopted" not in done.stdout, done.stderr
        assert done.returncode == 0, done.stderr
        return ids(done.stdout, "succeeded")

    def stored(self) -> dict[str, str]:
        """Outcome by generation id, checked against every other count in the store."""
        engine = sa.create_engine(self.store.replace("postgresql://", "postgresql+psycopg://"))
        with engine.connect() as connection:
            rows = connection.execute(
                sa.text("SELECT generation_id, outcome FROM generation_analytics")
            ).all()
            occurrences = connection.execute(
                sa.text("SELECT coalesce(sum(occurrence_count), 0) FROM generation_failures")
            ).scalar_one()
            rolled_up = dict(
                connection.execute(
                    sa.text("SELECT outcome, sum(count) FROM generation_rollups GROUP BY outcome")
                ).all()
            )
        engine.dispose()
        outcomes = dict(rows)  # type: ignore[arg-type]
        assert len(outcomes) == len(rows)
        counted = Counter(outcomes.values())
        assert occurrences == counted["failure"], "a failure was counted twice, or not at all"
        assert {k: int(v) for k, v in rolled_up.items()} == counted, "the rollups differ"
        return outcomes

    def severities(self) -> dict[str, tuple[str, str]]:
        """Severity and message of each failure, by its error type."""
        engine = sa.create_engine(self.store.replace("postgresql://", "postgresql+psycopg://"))
        with engine.connect() as connection:
            rows = connection.execute(
                sa.text("SELECT error_type, severity, error_message FROM generation_failures")
            ).all()
        engine.dispose()
        return {kind: (severity, message) for kind, severity, message in rows}

    def errors_of(self) -> dict[str, str]:
        """Error type by generation id of the failures."""
        engine = sa.create_engine(self.store.replace("postgresql://", "postgresql+psycopg://"))
        with engine.connect() as connection:
            found = dict(
                connection.execute(
                    sa.text(
                        "SELECT a.generation_id, f.error_type FROM generation_analytics a "
                        "JOIN generation_failures f ON f.id = a.failure_id"
                    )
                ).all()
            )
        engine.dispose()
        return found


def ids(output: str, word: str) -> list[str]:
    """The generations of which the application said ``word``."""
    return [line.split()[1] for line in output.splitlines() if line.startswith(f"{word} ")]
