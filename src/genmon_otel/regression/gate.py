"""The red gate: a case is offered for review only if it shows its failure every time.

Three replays from the redacted recording, each in a process of its own, must
give the recorded signature. What does not is ``unreproducible``, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from genmon_otel.policy import CaseState, Verdict
from genmon_otel.regression.case import Case
from genmon_otel.regression.runner import RunResult, run_case

#: Replays that must all show the failure. Source: DESIGN §11.
REPLAYS: Final = 3
#: Processes at once, after the first one.
_AT_ONCE: Final = 2

_REMEDIES: Final = {
    "import": "Run the gate where the application's code is installed, or name a renamed target "
    "with: genmon cases rebind OLD NEW",
    "size": "A value was larger than is recorded; return less from the step, or name the part "
    "that matters in a step of its own.",
    "opaque": "A value that cannot be recorded is needed; make it in a step, or name a factory "
    "on the decorator.",
    "factory": "Name what makes it on the decorator: factory= for self, factories= for arguments.",
    "unrecorded": "Decorate the call that was asked for with @step, so that it is recorded.",
    "network": "Decorate what calls out with @step, so that it is recorded.",
    "subprocess": "Decorate what starts the program with @step, so that it is recorded.",
    "write": "Write below the working directory, or decorate what writes with @step.",
    "deadline": "The replay does not end; look for a loop that waits without sleeping.",
}


@dataclass(frozen=True, slots=True)
class GateResult:
    """What the gate found."""

    state: CaseState
    #: Why it is unreproducible, and what to do; how often it reproduced otherwise.
    reason: str
    runs: tuple[RunResult, ...]

    @property
    def reproduced(self) -> int:
        """How many replays showed the recorded failure."""
        return sum(run.verdict is Verdict.FAIL_SAME for run in self.runs)


def gate(
    case: Case,
    *,
    unreplayable: str = "",
    cwd: Path | None = None,
    replays: int = REPLAYS,
    progress: Callable[[], None] = lambda: None,
) -> GateResult:
    """Replay a proposed case; decide whether a person should see it.

    Args:
        case: the case, from its redacted recording.
        unreplayable: why its recording cannot be replayed; nothing is run then.
        cwd: where the target is at home; None: the working directory.
        replays: how often.
        progress: called after each replay, from any thread.
    """
    if unreplayable:
        return GateResult(CaseState.UNREPRODUCIBLE, unreplayable, ())

    def once(_: int) -> RunResult:
        run = run_case(case, cwd=cwd)
        progress()
        return run

    runs = [once(0)]
    if runs[0].verdict is Verdict.FAIL_SAME:  # else it is decided; more would say no more
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            runs += pool.map(once, range(1, replays))
    shown = f"reproduced {sum(run.verdict is Verdict.FAIL_SAME for run in runs)} of {len(runs)}"
    odd = next((run for run in runs if run.verdict is not Verdict.FAIL_SAME), None)
    if odd is None:
        return GateResult(CaseState.REPRODUCED, shown, tuple(runs))
    reason = _why(odd) if odd is runs[0] else f"{shown}; once {_why(odd)}"
    return GateResult(CaseState.UNREPRODUCIBLE, reason, tuple(runs))


def _why(run: RunResult) -> str:
    """Why a replay does not show the failure, with the remedy where there is one."""
    what = {
        Verdict.PASS: "it passed: the recorded outcomes do not bring the failure out.",
        Verdict.FAIL_OTHER: f"it failed otherwise: {run.detail}",
    }.get(run.verdict, run.detail)
    remedy = _REMEDIES.get(run.reason, "")
    return what + (f" {remedy}" if remedy and "genmon cases" not in what else "")
