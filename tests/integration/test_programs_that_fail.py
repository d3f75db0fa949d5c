"""Category and severity of what real programs and worker processes fail of."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
from collections.abc import Callable

from tests.table_kit import each
from tests.unit.test_classification import DEPENDENCY, MACHINE, TIMEOUT, UNKNOWN, check_told


def broken_pool() -> None:
    """Lose a worker process."""
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        pool.submit(os._exit, 1).result()


REAL: tuple[tuple[tuple[str, str], Callable[[], object]], ...] = (
    (TIMEOUT, lambda: subprocess.run(["sleep", "5"], check=True, timeout=0.01)),
    (TIMEOUT, lambda: subprocess.run(["timeout", "0.01", "sleep", "5"], check=True)),
    (UNKNOWN, lambda: subprocess.run("timeout 5 false", shell=True, check=True)),
    (DEPENDENCY, lambda: subprocess.run("no-such-tool-here", shell=True, check=True)),
    (MACHINE, lambda: subprocess.run(["sh", "-c", "kill -9 $$"], check=True)),
    (MACHINE, broken_pool),
)


@each("expected, call", REAL)
def test_a_program_that_fails_is_told(
    expected: tuple[str, str], call: Callable[[], object]
) -> None:
    """However it ends, and however an application wraps it."""
    check_told(expected, call)
