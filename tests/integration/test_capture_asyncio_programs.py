"""Automatic steps of programs that asyncio starts, and replays of programs."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from integration.capture_kit import Tried, steps_of, unlike_recorded

from genmon_otel import capture as automatic

PRINTS = "import sys; print('out'); print('err', file=sys.stderr); sys.exit({})"
PIPES: dict[str, Any] = {"stdout": -1, "stderr": -1}


#: A loop that is closed while a program runs: asyncio's transport cannot be closed any more.
pytestmark = [
    pytest.mark.usefixtures("installed"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


async def _communicates(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command, stdin=-1, **PIPES)
    # Without input: uvloop raises where a program ends before all of it is written.
    assert await process.communicate() == (b"out\n", b"err\n")
    assert process.returncode == 3


async def _asks_a_shell(*command: str) -> None:
    process = await asyncio.create_subprocess_shell(shlex.join(command), **PIPES)
    assert await process.communicate() == (b"out\n", b"err\n")


async def _reads_lines(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command, **PIPES)
    assert process.stdout
    assert process.stderr
    assert [line async for line in process.stdout] == [b"out\n"]
    assert await process.stderr.readline() == b"err\n"
    assert await process.wait() == 3


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("run", [_communicates, _asks_a_shell, _reads_lines])
def test_output_and_exit_code_are_kept(run: Callable[..., Awaitable[None]], loop: str) -> None:
    """However a loop's program is run and read, it is one step, with output and exit code."""
    if loop == "uvloop":
        pytest.importorskip("uvloop")
        automatic.install()

    def do() -> None:
        factory = sys.modules[loop].new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(run(sys.executable, "-c", PRINTS.format(3)))

    (step,) = steps_of(do)
    assert (step.adapter, step.kind, step.is_async) == ("program", "value", True)
    assert step.name.startswith("python")
    assert step.outcome["status"] == 3
    assert (step.outcome["body"], step.outcome["stderr"]) == ("out\n", "err\n")


def test_a_program_that_is_not_there_or_is_killed() -> None:
    """What could not be started keeps its error; what was killed its signal; what ran on says so."""

    async def do() -> None:
        sleeps = [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(30)"]
        with pytest.raises(FileNotFoundError):
            await asyncio.create_subprocess_exec("no-such-program-here")
        killed = await asyncio.create_subprocess_exec(*sleeps)
        killed.kill()
        await killed.wait()
        late = await asyncio.create_subprocess_exec(*sleeps, stdout=-1)
        running.append(late)
        assert late.stdout is not None
        assert await late.stdout.readline() == b"1\n"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(late.communicate(), 0.3)

    running: list[Any] = []
    missing, killed, late = steps_of(do)
    assert missing.outcome["type"] == "builtins:FileNotFoundError"
    assert killed.outcome["status"] == -9
    assert (late.kind, late.ended_s, late.outcome[0]["body"]) == ("stream", None, "1\n")
    os.kill(running[0].pid, signal.SIGKILL)


def test_output_that_is_no_text_or_too_much_is_not_kept() -> None:
    """Bytes that are no text, and more than 1 MiB, are opaque rather than altered."""
    code = "import sys; sys.stdout.buffer.write(bytes([255, 0, 1])); sys.stderr.write('e' * 2**21)"

    async def do() -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, **PIPES)
        await process.communicate()

    (step,) = steps_of(do)
    assert (step.outcome["body"]["why"], step.outcome["stderr"]["why"]) == ("binary", "size")


ASYNC = """
import asyncio, json, sys, time
from genmon_otel import generation

def python(code, **options):
    return asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=-1, stderr=-1, **options)

async def checked(process):
    out, err = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"exit {process.returncode}: {err.decode()}")
    return json.loads(out)

async def lines(process):
    async for line in process.stdout:
        json.loads(line)

async def first_line(process):
    return await asyncio.wait_for(process.stdout.readline(), 0.3)

async def seen_at_once(process):
    time.sleep(0.3)  # it ends meanwhile
    while process.returncode is None:
        await asyncio.sleep(0)
    raise RuntimeError(f"exit {process.returncode}")

async def waits(process):
    return await asyncio.wait_for(process.wait(), 0.3)

@generation(name="build")
async def build():
    return await FAULT
"""
SLEEPS = "'import time; time.sleep(30)'"
FAULTS = {
    "exit code": ("checked(await python('import sys; sys.exit(\"broken\")'))", "RuntimeError"),
    "content": ("checked(await python('print(\"no JSON\")'))", "JSONDecodeError"),
    "a line": ("lines(await python('print(1); print(\"x y\")'))", "JSONDecodeError"),
    "no such program": ("asyncio.create_subprocess_exec('no-such-program-here')", "FileNotFoundError"),
    "shell": ("checked(await asyncio.create_subprocess_shell('echo no; exit 3', stdout=-1, stderr=-1))", "RuntimeError"),
    "seen at once": ("seen_at_once(await asyncio.create_subprocess_shell('exit 3'))", "RuntimeError"),
    "a line is late": (f"first_line(await python({SLEEPS}))", "TimeoutError"),
    "the exit is late": (f"waits(await python({SLEEPS}, stdin=-1))", "TimeoutError"),
    "all is late": (f"asyncio.wait_for(checked(await python({SLEEPS})), 0.3)", "TimeoutError"),
}  # fmt: skip

PLAIN = """
import json, subprocess, sys, time
from genmon_otel import generation

def python(code, **options):
    return subprocess.Popen([sys.executable, "-c", code], stdout=-1, stderr=-1, **options)

def output(code, **options):
    return subprocess.check_output([sys.executable, "-c", code], **options)

def polled(process):
    while process.poll() is None:
        time.sleep(0.01)
    if process.returncode:
        raise RuntimeError(f"exit {process.returncode}: {process.stderr.read()}")

def server(process):
    raise ValueError(f"{process.stdout.readline()} while a program runs")

def killed(process):
    process.kill()
    raise ValueError(f"ended by {process.wait()}: {process.stdout.read()}")

@generation(name="build")
def build():
    return FAULT
"""
PLAIN_FAULTS = {
    "check": ("output('import sys; sys.exit(7)')", "CalledProcessError"),
    "content": ("json.loads(output('print(\"no JSON\")', text=True))", "JSONDecodeError"),
    "a line": ("[json.loads(x) for x in python('print(1); print(\"x y\")').stdout]", "JSONDecodeError"),
    "run is late": (f"output({SLEEPS}, timeout=0.3)", "TimeoutExpired"),
    "wait is late": (f"python({SLEEPS}).wait(0.3)", "TimeoutExpired"),
    "communicate is late": (f"python({SLEEPS}).communicate(timeout=0.3)", "TimeoutExpired"),
    "polled": ("polled(python('import sys; sys.exit(\"broken\")'))", "RuntimeError"),
    "latin-1": ("json.loads(output('import sys; sys.stdout.buffer.write(bytes([228, 10]))', encoding='latin-1'))", "JSONDecodeError"),
    "runs on": ("server(python('import time; print(1, flush=True); time.sleep(3)'))", "ValueError"),
    "killed": (f"killed(python({SLEEPS}))", "ValueError"),
    "nothing to run": ("subprocess.run(['no-such-program-here'])", "FileNotFoundError"),
    "no such folder": ("output('', cwd='/no/such/folder')", "FileNotFoundError"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "faults"), [(ASYNC, FAULTS), (PLAIN, PLAIN_FAULTS)])
def test_every_fault_is_replayed(
    tmp_path: Path, source: str, faults: dict[str, tuple[str, str]]
) -> None:
    """Exit codes, content, lines, time limits: the library's own errors again, without a program."""
    assert unlike_recorded(tmp_path, source, faults) == {}


@pytest.mark.parametrize(
    ("source", "fault"), [(ASYNC, FAULTS["the exit is late"][0]), (PLAIN, PLAIN_FAULTS["wait is late"][0]), (PLAIN, PLAIN_FAULTS["polled"][0])]
)  # fmt: skip
def test_a_replay_starts_no_program(tmp_path: Path, source: str, fault: str) -> None:
    """A process of its own, in virtual time, where programs are refused, reproduces them."""
    run = Tried(tmp_path, source.replace("FAULT", fault)).replayed()
    assert run.verdict == "fail_same", run.detail
    assert run.duration_s < 30
