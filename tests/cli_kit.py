"""Run the command line in a process of its own that has imported it already, forked from one that waits."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

_FORKS = multiprocessing.get_context("forkserver")
#: All that the commands import; a second of CPU time, which each start would pay anew.
_FORKS.set_forkserver_preload(
    [
        f"genmon_otel.cli.{name}"
        for name in ("cases", "db", "doctor", "failures", "health", "replay", "tail")
    ]
)


def genmon(
    *arguments: str, cwd: Path, env: Mapping[str, str], timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run ``genmon ARGUMENTS`` as a shell would: own process, folder, variables, descriptors.

    What an interpreter reads from its environment as it starts (``PYTHONIOENCODING``) has no effect.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        # Descriptors cannot be handed on to a process of the server's: it opens them by their names.
        names = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (out, err)]
        child = _FORKS.Process(
            target=_run, args=(arguments, str(cwd), dict(env), *names), name="genmon"
        )
        child.start()
        child.join(timeout)
        if child.is_alive():
            child.kill()
            child.join()
            raise subprocess.TimeoutExpired(["genmon", *arguments], timeout)
        code = child.exitcode
        child.close()
        assert code is not None
        return subprocess.CompletedProcess(["genmon", *arguments], code, _text(out), _text(err))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return io.TextIOWrapper(file, encoding="utf-8").read()


def _run(arguments: tuple[str, ...], folder: str, variables: dict[str, str], *names: str) -> None:
    """Be the command; runs in the forked process."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    for number, name in enumerate(names, start=1):
        opened = os.open(name, os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.FileIO(number, "w", closefd=False), "utf-8", write_through=True)
        for number in (1, 2)
    )
    sys.argv = ["genmon", *arguments]
    sys.path.insert(0, "")
    from genmon_otel.cli import main

    main()
