"""A replay that was started by another name of the same Python meets the recorded program."""

from __future__ import annotations

import json
from typing import Any

import pytest

from genmon_otel.exchanges import keys_of


def run(program: str, *arguments: str) -> dict[str, Any]:
    """Return the request of a program as an automatic step records it."""
    path = program.replace("\\", "/").rpartition("/")[2]
    body = json.dumps([program, *arguments])
    return {"method": "RUN", "host": "", "path": path, "type": "application/json", "body": body}


RECORDED = keys_of(run("/srv/app/.venv/bin/python", "build.py", "--fast"))


@pytest.mark.parametrize(
    "program", ["python", "python3", "/srv/app/.venv/bin/python3.11", "C:\\app\\python.exe"]
)
def test_another_name_of_python_is_the_same_program(program: str) -> None:
    """`sys.executable` is `python` where the application began, `python3` where `genmon` did."""
    asked = keys_of(run(program, "build.py", "--fast"))
    assert (asked.masked, asked.endpoint) == (RECORDED.masked, RECORDED.endpoint)


@pytest.mark.parametrize(
    "request_",
    [run("python3", "test.py"), run("pythonw-tool", "build.py", "--fast"), run("node", "build.py")],
)
def test_another_program_or_script_is_another_request(request_: dict[str, Any]) -> None:
    """Only the interpreter's name is put aside; what it runs counts."""
    assert keys_of(request_).masked != RECORDED.masked


def test_what_the_shell_runs_stays_as_it_is() -> None:
    """A command of the shell keeps its words: only the program in front is named anew."""
    request = run("python3", "-c", "print(1)") | {"body": json.dumps(["sh", "-c", "python3 a.py"])}
    other = request | {"body": json.dumps(["sh", "-c", "python3 b.py"])}
    assert keys_of(request).masked != keys_of(other).masked
