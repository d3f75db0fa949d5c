"""Run a case: a process of its own replays it, this one waits, and judges what it reports.

The process gets a declared environment, a temporary folder to work in and 30
seconds. It answers on a pipe of its own, so whatever the replayed code prints
cannot be taken for its answer; without an answer the run is inconclusive.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.trust import NONE, Trust
from genmon_otel.regression.dependence import MOST_REPLAYS, is_to_be_tried, with_dependence
from genmon_otel.regression.judging.observation import Observation
from genmon_otel.regression.judging.run_result import RunResult, result_of
from genmon_otel.regression.moved_calls import with_moved_calls
from genmon_otel.regression.processes import forked, fresh_process
from genmon_otel.regression.processes.launch import Job

#: Seconds of wall time for one run on a quiet machine.
DEADLINE_S: Final = 30.0
#: Further replays that show what a result depends on, where each is a process started anew.
MOST_FRESH: Final = 6
#: Why a replay was not forked where the caller said so.
_ASKED: Final = "asked for"


def run_case(
    case: Case,
    *,
    deadline_s: float = DEADLINE_S,
    python: str = sys.executable,
    cwd: Path | None = None,
    trust: Trust = NONE,
    fresh: bool = False,
    requests: bool = False,
) -> RunResult:
    """Replay a case in a process of its own and judge the result.

    The process is forked from a template, which has imported the target, where that is possible.

    Args:
        case: what to replay.
        deadline_s: seconds of wall time, after which the process and its children are killed.
        python: the interpreter; it must have this package and the target's.
        cwd: folder of the code under test (imports, relative reads); None: the working directory.
        trust: what the case may ask for beyond its recorded data; what it may not makes the run
            inconclusive.
        fresh: whether the process is started anew, and not forked.
        requests: whether the result contains the requests that differ from the recorded ones.
    """
    began = time.monotonic()
    job = Job(case, python, Path(cwd or ".").absolute(), trust, deadline_s * _slowness(), requests)
    seen, why = _observe(job, fresh)
    case, seen = with_moved_calls(
        case, seen, lambda moved: _observe(replace(job, case=moved), fresh)[0]
    )
    job = replace(job, case=case)
    if is_to_be_tried(case, seen):
        tried = MOST_FRESH if why else MOST_REPLAYS

        def observe(case: Case, *, watch: bool = False) -> Observation:
            return _observe(replace(job, case=case, watch=watch), fresh)[0]

        seen = with_dependence(case, seen, observe, most=tried)
    result = result_of(job.case, seen, time.monotonic() - began)
    return replace(result, fresh_because=why)


def _observe(job: Job, fresh: bool) -> tuple[Observation, str]:
    """Replay a case; return what was seen, and why its process was started anew, if it was."""
    if refused := job.trust.objection(job.case, job.cwd):
        return Observation(obstacle=("trust", refused)), ""
    why = _ASKED
    if not fresh:
        seen, why = forked.observe(job)
        if seen is not None:
            return seen, ""
    return fresh_process.observe(job), why


def _slowness() -> float:
    """How many times longer things take on a machine that others use, too; at most five."""
    try:
        waiting = os.getloadavg()[0] / (os.cpu_count() or 1)
    except OSError:
        return 1.0
    return min(5.0, max(1.0, waiting))
