"""Automatic steps of programs that subprocess starts."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import distro
import pytest
from integration.capture_kit import steps_of
from table_kit import each

from genmon_otel.capture.adapters.program_call import sent_of

pytestmark = pytest.mark.usefixtures("installed")

PRINTS = "import sys; print('out'); print('err', file=sys.stderr); sys.exit({})"


@pytest.mark.parametrize("text", [True, False])
def test_output_and_exit_code_are_kept(text: bool) -> None:
    """However a program is run and read, its output and exit code are one step."""
    command = [sys.executable, "-c", PRINTS.format(3)]

    def line_by_line() -> None:
        with subprocess.Popen(command, stdout=-1, stderr=-1, text=text) as process:
            assert len(list(process.stdout or ())) == 1
            assert len((process.stderr or sys.stderr).read()) == 4
        assert process.wait() == 3

    def runs() -> None:
        done = subprocess.run(command, capture_output=True, text=text, check=False)
        assert done.stdout == ("out\n" if text else b"out\n")

    def checks() -> None:
        with pytest.raises(subprocess.CalledProcessError):
            subprocess.run(command, capture_output=True, text=text, check=True, timeout=20)

    for do in (line_by_line, runs, checks):
        (step,) = steps_of(do)
        assert step.name.startswith("python")
        assert step.adapter == "program"
        assert step.outcome["status"] == 3
        assert (step.outcome["body"], step.outcome["stderr"]) == ("out\n", "err\n")


def test_a_program_that_is_not_there_or_takes_too_long() -> None:
    """What could not be started keeps its error; what was killed its signal."""

    def do() -> None:
        with pytest.raises(FileNotFoundError):
            subprocess.run(["no-such-program-here"], check=False)
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run(
                [sys.executable, "-c", "import time; time.sleep(30)"], timeout=0.3, check=False
            )

    missing, killed = steps_of(do)
    assert missing.outcome["type"] == "builtins:FileNotFoundError"
    assert killed.outcome["status"] == -9


def test_a_secret_in_a_command_is_hidden(tmp_path: Path) -> None:
    """Arguments are redacted, and temporary folders have no names of their own."""
    (step,) = steps_of(
        lambda: subprocess.run(
            [sys.executable, "-c", "0", "--password", "hunter2-secret", f"{tmp_path}/x"],
            check=False,
        )
    )
    assert "hunter2" not in str(step)
    assert "<tmp>/" in step.arguments["body"]


@each(
    "command, name",
    [
        ("PGPASSWORD={} true", "true"),
        ('A=\'{} x\' B="c \\" {}" true now', "true now"),
        ("export A={}; true", "true"),
        ("env A={} true", "true"),
        ("A=$(echo {} x) true", "true"),
        ("A=`echo {} x` true", "true"),
        ("A='{}", "sh"),
    ],
)
def test_a_variable_before_a_program_is_not_its_name(command: str, name: str) -> None:
    """A step is named by the program, not by what its shell sets first: a password, as likely as not."""
    command = command.replace("{}", "hunter2secret")
    (step,) = steps_of(
        lambda: subprocess.run(command, shell=True, check=False, capture_output=True)
    )
    assert step.name == name
    assert sent_of(["sh", "-c", command], None)[0] == name


def test_what_is_asked_of_the_machine_is_no_step() -> None:
    """SDKs ask ``platform`` and ``distro`` for their headers."""

    def do() -> None:
        platform._uname_cache = None  # type: ignore[attr-defined]
        platform.uname().processor  # noqa: B018 - it runs a program
        distro.LinuxDistribution().uname_attr("id")  # and so does this

    assert steps_of(do) == []
