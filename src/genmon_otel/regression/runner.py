"""Run a case: a fresh process replays it, this one waits, and judges what it reports.

The process gets a declared environment, a temporary folder to work in and 30
seconds. It answers on a pipe of its own, so whatever the replayed code prints
cannot be taken for its answer; without an answer the run is inconclusive.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import genmon_otel
from genmon_otel import conventions as names
from genmon_otel.policy import Verdict
from genmon_otel.records import Outcome
from genmon_otel.regression.case import Case
from genmon_otel.regression.verdict import Failed, Observation, Reason, judge
from genmon_otel.text import clean

#: Seconds of wall time for one run on a quiet machine.
DEADLINE_S: Final = 30.0
#: Bytes of an answer; beyond, the process is ended.
_MAX_ANSWER: Final = 8 * 1024 * 1024
#: Characters of the process's own output that are shown where it gave no answer.
_MAX_OUTPUT: Final = 2_000
#: Characters of why a run was judged as it was.
_MAX_DETAIL: Final = 2_000
#: Files and folders of the working directory that are mirrored one by one.
_MAX_MIRRORED: Final = 2_000
_LINKED: Final = frozenset(
    {"node_modules", "venv", "site-packages", "__pycache__", "build", "dist"}
)

_CHILD: Final = "genmon_otel.regression.replay"
#: Variables that Python and the dynamic linker need; taken over from this process.
_INHERITED: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV")
#: Client libraries refuse to be made without a key. These are no keys.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What one run of a case showed."""

    verdict: Verdict
    #: Why, in a sentence.
    detail: str
    #: Why it is inconclusive, in a word; empty otherwise.
    reason: Reason = ""
    #: A step was asked with other arguments than recorded, and served by its position.
    drifted: bool = False
    #: Seconds of wall time, process included.
    duration_s: float = 0.0
    #: Of the replayed failure; None when it did not fail.
    signature: str | None = None
    #: Of the fault that the trigger's step met; None where it met none.
    trigger_signature: str | None = None
    category: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    outcome: Outcome | None = None
    trigger_consumed: bool = False
    #: Environment variables that the application asked for and the replay did not have.
    missing: tuple[str, ...] = ()
    #: Names of the steps asked for, in order.
    steps: tuple[str, ...] = ()
    #: Seconds of virtual time.
    virtual_s: float = 0.0
    #: What was refused or odd without deciding the verdict.
    notes: tuple[str, ...] = ()
    #: Version of the replayed sources, for where neither a setting nor a commit names one.
    code_version: str | None = None


def run_case(
    case: Case,
    *,
    deadline_s: float = DEADLINE_S,
    python: str = sys.executable,
    cwd: Path | None = None,
) -> RunResult:
    """Replay a case in a fresh process and judge what came of it.

    Args:
        case: what to replay.
        deadline_s: seconds of wall time, after which the process and its children are killed.
        python: the interpreter; it must have this package and the target's.
        cwd: where the target is at home (imports, relative reads); None: the working directory.
    """
    began = time.monotonic()
    seen = _observe(case, deadline_s, python, cwd or Path.cwd())
    judgement = judge(case, seen)
    failed = seen.failed
    return RunResult(
        verdict=judgement.verdict,
        detail=clean(judgement.detail, _MAX_DETAIL),
        reason=judgement.reason,
        drifted=seen.drifted,
        duration_s=time.monotonic() - began,
        signature=failed.signature if failed else None,
        trigger_signature=seen.trigger_signature,
        category=failed.category if failed else None,
        error_type=failed.error_type if failed else None,
        error_message=failed.error_message if failed else None,
        outcome=seen.outcome,
        trigger_consumed=seen.trigger_consumed,
        missing=seen.missing,
        steps=seen.steps,
        virtual_s=seen.virtual_s,
        notes=seen.notes,
        code_version=seen.code_version,
    )


def _observe(case: Case, deadline_s: float, python: str, cwd: Path) -> Observation:
    with _room(cwd) as room, tempfile.TemporaryFile() as output:
        reader, writer = os.pipe()
        request = room.parent / "request.json"
        request.write_text(json.dumps({"case": case.to_dict(), "room": str(room)}))
        try:
            process = subprocess.Popen(
                [python, "-m", _CHILD, str(request), str(writer)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(writer,),
                cwd=room,
                env=_environment(case, room, cwd),
                start_new_session=True,
            )
        except OSError as error:
            os.close(reader)
            return Observation(obstacle=("crash", f"{python} cannot be run: {error}"))
        finally:
            os.close(writer)
        deadline_s *= _slowness()
        try:
            answer, in_time = _read(reader, time.monotonic() + deadline_s)
        finally:
            os.close(reader)
            _end(process)
        return _interpret(answer, in_time, deadline_s, process.returncode, _tail(output))


def _slowness() -> float:
    """How many times longer things take on a machine that others use, too; at most five."""
    try:
        waiting = os.getloadavg()[0] / (os.cpu_count() or 1)
    except OSError:
        return 1.0
    return min(5.0, max(1.0, waiting))


def _environment(case: Case, room: Path, cwd: Path) -> dict[str, str]:
    # The target's own folder first, as when the application runs: elsewhere on the path of
    # this process (a test run's, say) may be modules of the same name.
    here = str(Path(genmon_otel.__file__).parents[1])
    home = [str(cwd / case.root)] if case.root else []
    paths = [*home, str(cwd), here, *(path or str(cwd) for path in sys.path)]
    return {
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        **dict.fromkeys(_KEYS, _PLACEHOLDER),
        **_FIXED,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "HOME": str(room),
        "TMPDIR": str(room),
        **case.env,
        names.ENV_REPLAY: "1",  # last: no case takes it away
    }


@contextlib.contextmanager
def _room(cwd: Path) -> Iterator[Path]:
    """A folder to work in, where everything of ``cwd`` can be read by its relative name."""
    home = Path(tempfile.mkdtemp(prefix="genmon-replay-")).resolve()
    room = home / "room"
    room.mkdir()
    try:
        _mirror(cwd.resolve(), room)
        yield room
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _mirror(cwd: Path, room: Path) -> None:
    """Make folders anew, so that files can be added to them, and link files.

    Folders that are large by nature are linked as a whole, and so is what is beyond the limit.
    """
    made = 0
    waiting = [(cwd, room)]
    while waiting:
        source, copy = waiting.pop(0)
        with contextlib.suppress(OSError), os.scandir(source) as entries:
            for entry in entries:
                into = copy / entry.name
                made += 1
                linked = made > _MAX_MIRRORED or entry.name in _LINKED or entry.name[:1] == "."
                if entry.is_dir(follow_symlinks=False) and not linked:
                    into.mkdir()
                    waiting.append((Path(entry.path), into))
                else:
                    into.symlink_to(entry.path)
                if made > 2 * _MAX_MIRRORED:
                    return


def _read(reader: int, until: float) -> tuple[bytes, bool]:
    """Read the answer to its end; False when time or space ran out."""
    answer = b""
    with selectors.DefaultSelector() as selector:
        selector.register(reader, selectors.EVENT_READ)
        while (left := until - time.monotonic()) > 0:
            if not selector.select(left):
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
    for name in ("steps", "notes", "other_failures", "missing"):
        rest[name] = tuple(str(item) for item in rest.get(name) or ())
    if rest.get("obstacle") is not None:
        reason, detail = rest["obstacle"]
        rest["obstacle"] = (reason, str(detail))
    if rest.get("failed") is not None:
        rest["failed"] = Failed(**rest["failed"])
    if rest.get("outcome") is not None:
        rest["outcome"] = Outcome(rest["outcome"])
    return Observation(**rest)
