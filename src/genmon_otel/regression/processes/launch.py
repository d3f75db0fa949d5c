"""Start the supervised process of a replay or of a template, end it, and read its answer."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

from genmon_otel.records import Outcome
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.trust import Trust
from genmon_otel.regression.judging.observation import Failed, Observation
from genmon_otel.regression.processes import supervisor
from genmon_otel.regression.processes.environment import (
    BARE,
    environment,
    import_paths,
    is_installed,
)
from genmon_otel.regression.processes.mirror import Mirror
from genmon_otel.regression.processes.working_folder import working_folder

#: Bytes of an answer; beyond, the process is ended.
MAX_ANSWER: Final = 8 * 1024 * 1024
#: Processes and threads at a time that a replay may have.
MAX_PROCESSES: Final = 1_024
#: Seconds that the supervisor may take to end all that a replay has started, and itself.
TIME_TO_END_S: Final = 10.0
#: Which of the kernel's restrictions are used; tests leave some out to see what the others stop.
KERNEL_RESTRICTIONS: Final[Mapping[str, bool]] = {"namespaces": True, "landlock": True}
#: Characters of the process's own output that are shown where it gave no answer.
_MAX_OUTPUT: Final = 2_000
_PRINTED_TOO_MUCH: Final = (
    f"The replay printed more than {supervisor.MAX_FILE >> 20} MB. Have the code print less."
)
_STARTED_TOO_MANY: Final = (
    f"The replay had more than {MAX_PROCESSES:,} processes and threads at a time. Have the code "
    "start fewer."
)
_FOREIGN_ANSWER: Final = (
    "The code wrote to the descriptor on which the replay answers. Have it write to no descriptor "
    "that it has not opened."
)


class CannotStart(Exception):
    """Raised when the interpreter of a replay cannot be run; says why."""


@dataclass(frozen=True, slots=True)
class Job:
    """One replay that is to be run."""

    case: Case
    #: The interpreter.
    python: str
    #: Folder of the code under test.
    cwd: Path
    #: What the case may ask for.
    trust: Trust
    #: Seconds of wall time, after which the replay and its children are killed.
    deadline_s: float
    #: Whether it reports the requests that differ from the recorded ones.
    requests: bool = False
    #: Whether it reports evidence against a result that does not depend on the input.
    watch: bool = False

    def request(self, workspace: Path) -> dict[str, Any]:
        """Return what the process is asked, as JSON-able data."""
        return {
            "case": self.case.to_dict(),
            "workspace": str(workspace),
            "home": str(self.cwd),
            "paths": import_paths(self.case, self.cwd, self.trust),
            "trust": self.trust.to_dict(),
            "requests": self.requests,
            "watch": self.watch,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A supervised process; its folder and what it prints are gone when the caller's stack is closed."""

    process: subprocess.Popen[bytes]
    #: The copy of the project that it works in.
    mirror: Mirror
    #: What its processes print.
    output: IO[bytes]
    #: What its messages begin with.
    word: bytes


def start(
    job: Job,
    resources: contextlib.ExitStack,
    *,
    answer_to: int = -1,
    control: int = -1,
    deadline_s: float,
) -> Started:
    """Start a supervisor, which starts the process that replays or is a template.

    Args:
        job: what is replayed.
        resources: keeps the folder and the output.
        answer_to: descriptor for the answer of a replay; it is closed here.
        control: descriptor from which a template reads its commands; it is closed here.
        deadline_s: seconds until everything is ended.

    Raises:
        CannotStart: the interpreter cannot be run.
    """
    given = [each for each in (answer_to, control) if each >= 0]
    with contextlib.ExitStack() as closing:
        for each in given:
            closing.callback(os.close, each)
        mirror, lock = resources.enter_context(working_folder(job.cwd))
        output = resources.enter_context(tempfile.TemporaryFile())
        word, word_from = secret_word()
        closing.callback(os.close, word_from)
        workspace = mirror.copy
        request, case = job.request(workspace), job.case
        asked = workspace.parent / "request.json"
        asked.write_text(json.dumps(request))
        plan = supervisor.Plan(
            owner=os.getpid(),
            workspace=str(workspace),
            request=str(asked),
            answer_to=answer_to,
            word_from=word_from,
            control=control,
            processes=MAX_PROCESSES,
            lock=lock,
            deadline_s=deadline_s,
            network=bool(case.live),
            programs=bool(case.programs),
            packages=tuple(path for path in request["paths"] if is_installed(path, job.cwd)),
            **KERNEL_RESTRICTIONS,
        )
        try:
            process = subprocess.Popen(
                [job.python, *BARE, supervisor.__file__, json.dumps(asdict(plan))],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[*given, word_from, lock],
                cwd=workspace,
                env=environment(workspace),
                start_new_session=True,
            )
        except OSError as error:
            raise CannotStart(f"{job.python} cannot be run: {error}") from None
        return Started(process=process, mirror=mirror, output=output, word=word)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the supervisor to end everything; if it does not, kill it, which ends everything."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        process.terminate()
    try:
        process.wait(TIME_TO_END_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def secret_word() -> tuple[bytes, int]:
    """Make a word that an answer must begin with, and a descriptor to read it from."""
    word = secrets.token_hex(16).encode()
    reader, writer = os.pipe()
    os.write(writer, word)
    os.close(writer)
    return word, reader


def interpret(
    answer: bytes, word: bytes, *, in_time: bool, deadline_s: float, code: int | None, output: Any
) -> Observation:
    """Return what a replay saw, or why it gave no answer.

    Args:
        answer: what came on its descriptor.
        word: what its own answer begins with.
        in_time: whether it had ended, or answered, before its deadline.
        deadline_s: that deadline.
        code: its exit code; None where it is not known.
        output: what it printed, an open file.
    """
    if os.fstat(output.fileno()).st_size >= supervisor.MAX_FILE:
        return Observation(obstacle=("write", _PRINTED_TOO_MUCH))
    if code == supervisor.TOO_MANY and not answer:
        return Observation(obstacle=("subprocess", _STARTED_TOO_MANY))
    if answer and not answer.startswith(word):
        return Observation(obstacle=("crash", _FOREIGN_ANSWER))
    if not in_time:
        return Observation(
            obstacle=("deadline", f"The replay took more than {deadline_s:.3g} s of real time.")
        )
    printed = tail(output)
    try:
        return observation(json.loads(answer[len(word) :]))
    except (ValueError, TypeError, KeyError):
        last = printed.splitlines()[-1] if printed else "no output"
        # Python's own end of a replay sends an answer first, so a clean end was the code's.
        why = ", as code does that calls os._exit" if code == 0 else ""
        return Observation(
            obstacle=(
                "crash",
                f"The replay ended without an answer (exit {code}{why}): {last[:400]}",
            )
        )


def tail(output: Any) -> str:
    """Return the end of what was printed to an open file."""
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _MAX_OUTPUT))
    return str(output.read().decode("utf-8", "replace")).strip()


def observation(data: Mapping[str, Any]) -> Observation:
    """Read an observation from the JSON that the process sent."""
    rest = dict(data)
    for name in (
        "steps", "notes", "other_failures", "missing", "served_after", "answered_after",
        "substitutes",
    ):  # fmt: skip
        rest[name] = tuple(str(item) for item in rest.get(name) or ())
    for name in ("served", "relied_on"):
        rest[name] = tuple((str(step), int(at)) for step, at in rest.get(name) or ())
    if rest.get("obstacle") is not None:
        reason, detail = rest["obstacle"]
        rest["obstacle"] = (reason, str(detail))
    if rest.get("failed") is not None:
        rest["failed"] = Failed(**rest["failed"])
    if rest.get("outcome") is not None:
        rest["outcome"] = Outcome(rest["outcome"])
    return Observation(**rest)
