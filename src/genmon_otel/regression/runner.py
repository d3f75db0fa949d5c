"""Run a case: a fresh process replays it, this one waits, and judges what it reports.

The process gets a declared environment, a temporary folder to work in and 30
seconds. It answers on a pipe of its own, so whatever the replayed code prints
cannot be taken for its answer; without an answer the run is inconclusive.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import genmon_otel
from genmon_otel import conventions as names
from genmon_otel.records import Outcome
from genmon_otel.regression import guardian
from genmon_otel.regression.case import Case
from genmon_otel.regression.run_result import RunResult, result_of
from genmon_otel.regression.trust import NONE, Trust
from genmon_otel.regression.verdict import Failed, Observation
from genmon_otel.regression.working_folder import working_folder

#: Seconds of wall time for one run on a quiet machine.
DEADLINE_S: Final = 30.0
#: Bytes of an answer; beyond, the process is ended.
_MAX_ANSWER: Final = 8 * 1024 * 1024
#: Processes and threads at a time that a replay may have.
_MAX_PROCESSES: Final = 1_024
#: Characters of the process's own output that are shown where it gave no answer.
_MAX_OUTPUT: Final = 2_000
_PRINTED_TOO_MUCH: Final = (
    f"The replay printed more than {guardian.MAX_FILE >> 20} MB. Have the code print less."
)
_STARTED_TOO_MANY: Final = (
    f"The replay had more than {_MAX_PROCESSES:,} processes and threads at a time. Have the code "
    "start fewer."
)
_FOREIGN_ANSWER: Final = (
    "The code wrote to the descriptor on which the replay answers. Have it write to no descriptor "
    "that it has not opened."
)
#: Seconds that the guardian may take to end all that a replay has started, and itself.
_TIME_TO_END_S: Final = 10.0
#: Seconds between two checks whether the process has ended without an answer.
_LOOK_S: Final = 0.5
#: Which of the kernel's restrictions are used; tests leave some out to see what the others stop.
_KERNEL_RESTRICTIONS: Final[Mapping[str, bool]] = {"namespaces": True, "landlock": True}

#: What no interpreter setting of ours, nor of anybody's environment, may come before.
_BARE: Final = ("-S", "-s", "-P")
#: Where this package is imported from.
_OWN: Final = str(Path(genmon_otel.__file__).parents[1])
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
#: Variables that Python and the dynamic linker need; taken over from this process.
_INHERITED: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV")
#: Client libraries raise without a key. These placeholders are no keys.
_PLACEHOLDER: Final = "genmon-replay-no-key"
_KEYS: Final = (
    "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY",
    "COHERE_API_KEY", "CO_API_KEY", "GROQ_API_KEY", "TOGETHER_API_KEY", "DEEPSEEK_API_KEY",
    "OPENROUTER_API_KEY", "AZURE_OPENAI_API_KEY", "HUGGINGFACE_API_KEY", "HF_TOKEN",
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "XAI_API_KEY", "FIREWORKS_API_KEY",
    "PERPLEXITY_API_KEY", "VOYAGE_API_KEY",
)  # fmt: skip
_FIXED: Final[Mapping[str, str]] = {
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUTF8": "1",
    "PYTHONSAFEPATH": "1",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "NO_COLOR": "1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "OTEL_SDK_DISABLED": "true",
    # litellm asks the network for a price list while it is imported, unless told not to.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}


def run_case(
    case: Case,
    *,
    deadline_s: float = DEADLINE_S,
    python: str = sys.executable,
    cwd: Path | None = None,
    trust: Trust = NONE,
) -> RunResult:
    """Replay a case in a fresh process and judge the result.

    Args:
        case: what to replay.
        deadline_s: seconds of wall time, after which the process and its children are killed.
        python: the interpreter; it must have this package and the target's.
        cwd: where the target is at home (imports, relative reads); None: the working directory.
        trust: what the case may ask for beyond its recorded data; what it may not makes the run
            inconclusive.
    """
    began = time.monotonic()
    seen = _observe(case, deadline_s, python, cwd or Path.cwd(), trust)
    return result_of(case, seen, time.monotonic() - began)


def _observe(case: Case, deadline_s: float, python: str, cwd: Path, trust: Trust) -> Observation:
    if refused := trust.objection(case, cwd):
        return Observation(obstacle=("trust", refused))
    deadline_s *= _slowness()
    with working_folder(cwd) as (workspace, lock), tempfile.TemporaryFile() as output:
        reader, writer = os.pipe()
        word, word_from = _secret_word()
        paths = _paths(case, cwd, trust)
        request = workspace.parent / "request.json"
        asked = {
            "case": case.to_dict(),
            "workspace": str(workspace),
            "home": str(cwd),
            "paths": paths,
            "trust": trust.to_dict(),
        }
        request.write_text(json.dumps(asked))
        plan = guardian.Plan(
            owner=os.getpid(),
            workspace=str(workspace),
            request=str(request),
            answer_to=writer,
            word_from=word_from,
            processes=_MAX_PROCESSES,
            lock=lock,
            deadline_s=deadline_s + _TIME_TO_END_S,
            network=bool(case.live),
            programs=bool(case.programs),
            packages=tuple(path for path in paths if _is_installed(path, cwd)),
            **_KERNEL_RESTRICTIONS,
        )
        try:
            process = subprocess.Popen(
                [python, *_BARE, guardian.__file__, json.dumps(asdict(plan))],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(writer, word_from, lock),
                cwd=workspace,
                env=_environment(workspace),
                start_new_session=True,
            )
        except OSError as error:
            os.close(reader)
            return Observation(obstacle=("crash", f"{python} cannot be run: {error}"))
        finally:
            os.close(writer)
            os.close(word_from)
        try:
            answer, in_time = _read(reader, process, time.monotonic() + deadline_s)
            if in_time and not answer:  # it ends by itself, and has an exit code to tell
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK_S)
        finally:
            os.close(reader)
            _end(process)
        if os.fstat(output.fileno()).st_size >= guardian.MAX_FILE:
            return Observation(obstacle=("write", _PRINTED_TOO_MUCH))
        if process.returncode == guardian.TOO_MANY and not answer:
            return Observation(obstacle=("subprocess", _STARTED_TOO_MANY))
        if answer and not answer.startswith(word):
            return Observation(obstacle=("crash", _FOREIGN_ANSWER))
        answer = answer[len(word) :]
        return _interpret(answer, in_time, deadline_s, process.returncode, _tail(output))


def _secret_word() -> tuple[bytes, int]:
    """Make a word that an answer must begin with, and a descriptor to read it from."""
    word = secrets.token_hex(16).encode()
    reader, writer = os.pipe()
    os.write(writer, word)
    os.close(writer)
    return word, reader


def _slowness() -> float:
    """How many times longer things take on a machine that others use, too; at most five."""
    try:
        waiting = os.getloadavg()[0] / (os.cpu_count() or 1)
    except OSError:
        return 1.0
    return min(5.0, max(1.0, waiting))


def _environment(workspace: Path) -> dict[str, str]:
    """Return the environment in which the process starts; the case adds nothing to it."""
    return {
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        **dict.fromkeys(_KEYS, _PLACEHOLDER),
        **_FIXED,
        "HOME": str(workspace),
        "TMPDIR": str(workspace),
        names.ENV_REPLAY: "1",
    }


def _paths(case: Case, cwd: Path, trust: Trust) -> list[str]:
    """Return the import path of the replay, in order."""
    # The target's own folder first, as when the application runs: elsewhere on the path of
    # this process (a test run's, say) may be modules of the same name.
    home = [str(cwd / case.root)] if case.root and _holds_target(case, cwd) else []
    here = [os.path.abspath(path) if path else str(cwd) for path in sys.path]
    return list(dict.fromkeys([*home, str(cwd), *trust.roots, _OWN, *here]))


def _holds_target(case: Case, cwd: Path) -> bool:
    """Whether the case's root has the target's package: another folder would only hide modules."""
    package = case.target.partition(":")[0].partition(".")[0]
    try:
        names = os.listdir(cwd / case.root)
    except (OSError, ValueError):
        return False
    return any(name.partition(".")[0] == package for name in names)


def _is_installed(path: str, cwd: Path) -> bool:
    """Whether a folder holds installed packages rather than the project's own modules."""
    parts = Path(path).parts
    return (
        path == _OWN
        or bool(_INSTALLED.intersection(parts))
        or not Path(path).is_relative_to(cwd.resolve())
    )


def _read(reader: int, process: subprocess.Popen[bytes], until: float) -> tuple[bytes, bool]:
    """Read the answer to its end; False when time or space ran out."""
    answer = b""
    with selectors.DefaultSelector() as selector:
        selector.register(reader, selectors.EVENT_READ)
        while (left := until - time.monotonic()) > 0:
            ended = process.poll() is not None  # another process may still hold the pipe open
            if not selector.select(0 if ended else min(left, _LOOK_S)):
                if ended:
                    return answer, True
                continue
            piece = os.read(reader, 1 << 16)
            if not piece:
                return answer, True
            answer += piece
            if len(answer) > _MAX_ANSWER:
                return b"", True
            if answer.endswith(b"\n"):  # the answer is one line; do not wait for stray children
                return answer, True
    return answer, False


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the guardian to end everything; if it does not, kill it, which ends everything."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        process.terminate()
    try:
        process.wait(_TIME_TO_END_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tail(output: Any) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _MAX_OUTPUT))
    return str(output.read().decode("utf-8", "replace")).strip()


def _interpret(
    answer: bytes, in_time: bool, deadline_s: float, code: int | None, output: str
) -> Observation:
    if not in_time:
        return Observation(
            obstacle=("deadline", f"The replay took more than {deadline_s:g} s of real time.")
        )
    try:
        return observation(json.loads(answer))
    except (ValueError, TypeError, KeyError):
        last = output.splitlines()[-1] if output else "no output"
        return Observation(
            obstacle=("crash", f"The replay ended without an answer (exit {code}): {last[:400]}")
        )


def observation(data: Mapping[str, Any]) -> Observation:
    """Read an observation from the JSON that the process sent."""
    rest = dict(data)
    for name in ("steps", "notes", "other_failures", "missing", "served_after", "answered_after"):
        rest[name] = tuple(str(item) for item in rest.get(name) or ())
    if rest.get("obstacle") is not None:
        reason, detail = rest["obstacle"]
        rest["obstacle"] = (reason, str(detail))
    if rest.get("failed") is not None:
        rest["failed"] = Failed(**rest["failed"])
    if rest.get("outcome") is not None:
        rest["outcome"] = Outcome(rest["outcome"])
    return Observation(**rest)
