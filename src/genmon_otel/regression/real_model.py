"""Run a case's inputs against the real model, to see how often the current code succeeds.

A process of its own calls the target with the recorded inputs; its steps are really called, with the
environment, network and files of the user who started it. ``setup()`` does nothing in it, so that it
produces no counts, pages or cases.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from genmon_otel import recorder
from genmon_otel.conventions import ENV_REPLAY
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.trust import Trust
from genmon_otel.regression.judging.observation import Observation
from genmon_otel.regression.judging.run_result import RunResult, result_of
from genmon_otel.regression.processes.environment import import_paths
from genmon_otel.regression.processes.launch import observation
from genmon_otel.regression.replaying.replay import Replay
from genmon_otel.regression.replaying.replay_inputs import Obstacle

#: Seconds that one run may take.
DEADLINE_S: Final = 600.0
_MAIN: Final = (
    "import json, sys; sys.path[:0] = json.load(open(sys.argv[1]))['paths']; "
    "from genmon_otel.regression.real_model import main; main(sys.argv[1], sys.argv[2])"
)


def run_live(
    case: Case,
    times: int,
    *,
    cwd: Path,
    trust: Trust,
    progress: Callable[[], None] = lambda: None,
    python: str = sys.executable,
) -> list[RunResult]:
    """Call the target for real, so many times, one after the other.

    Args:
        case: whose inputs are used.
        times: how often.
        cwd: folder of the code under test.
        trust: what the case may ask for beyond its recorded data.
        progress: called after each run.
        python: the interpreter.
    """
    found = []
    for _ in range(times):
        began = time.monotonic()
        seen = _once(case, cwd, trust, python)
        found.append(result_of(case, seen, time.monotonic() - began))
        progress()
    return found


def _once(case: Case, cwd: Path, trust: Trust, python: str) -> Observation:
    if refused := trust.objection(case, cwd):
        return Observation(obstacle=("trust", refused))
    with tempfile.TemporaryDirectory(prefix="genmon-live-") as folder:
        request, answer = Path(folder) / "request.json", Path(folder) / "answer.json"
        own = str(Path(__file__).parents[2])
        request.write_text(
            json.dumps({
                "case": case.to_dict(), "workspace": folder, "home": str(cwd),
                "paths": [*import_paths(case, cwd, trust), own], "trust": trust.to_dict(),
            })
        )  # fmt: skip
        env = {**os.environ, **case.env, ENV_REPLAY: "1"}
        try:
            done = subprocess.run(
                [python, "-c", _MAIN, str(request), str(answer)], cwd=cwd, env=env, check=False,
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE_S,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Observation(obstacle=("deadline", f"It took more than {DEADLINE_S:g} s."))
        try:
            return observation(json.loads(answer.read_bytes()))
        except (OSError, ValueError, TypeError, KeyError):
            last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no output"]
            return Observation(obstacle=("crash", f"It ended without a result: {last[0][:400]}"))


def main(request_path: str, answer_path: str) -> None:
    """Call the target of a request file for real, and write what was seen."""
    request = json.loads(Path(request_path).read_bytes())
    case = Case.from_dict(request["case"])
    seen = _Live(case, request).run()
    Path(answer_path).write_text(json.dumps(asdict(seen)), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # threads of the application may wait for ever


class _Live(Replay):
    """One call of the target whose steps are really called."""

    def run(self) -> Observation:
        """Call the target and return the observation; never raises."""
        obstacle: Any = None
        try:
            target, spec = self.load()
            self._take_name(target, spec)
            arguments = self._inputs.of_call(target, spec)
            self._call(target, spec, arguments, self._accepts())
        except Obstacle as error:
            obstacle = error.found
        except BaseException as error:
            obstacle = ("crash", f"{type(error).__name__}: {error}"[:400])
        seen = self._observation(obstacle)
        case = self._case
        # What a replay must show of recorded outcomes does not apply: there are none.
        return replace(
            seen,
            trigger_consumed=True,
            served_after=case.asked_after,
            answered_after=case.asked_after,
            depends=True,
            substitutes=("the model",),
        )

    def _runtime(self) -> recorder.Runtime:
        return recorder.Runtime(sink=self._sink, metrics=self._broken)
