"""The red gate: a case is offered for review only if it shows its failure every time.

Three replays from the redacted recording, each in a process of its own, must
give the recorded signature. What does not is ``unreproducible``, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from genmon_otel.policy import CaseState, Verdict
from genmon_otel.regression.case import Case
from genmon_otel.regression.runner import RunResult, run_case

#: Replays that must all show the failure. Source: DESIGN §11.
REPLAYS: Final = 3

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
    "subprocess": "Decorate what starts the program with @step, or declare it in the case's "
    "programs.",
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
        progress: called after each replay.
    """
    if unreplayable:
        return GateResult(CaseState.UNREPRODUCIBLE, unreplayable, ())
    runs: list[RunResult] = []
    for _ in range(replays):
        runs.append(run_case(case, cwd=cwd))
        progress()
        if runs[-1].verdict is not Verdict.FAIL_SAME:
            return GateResult(CaseState.UNREPRODUCIBLE, _why(runs), tuple(runs))
    return GateResult(CaseState.REPRODUCED, f"reproduced {len(runs)} of {len(runs)}", tuple(runs))


def _why(runs: Sequence[RunResult]) -> str:
    """Why the newest replay does not show the failure, with the remedy where there is one."""
    last = runs[-1]
    shown = len(runs) - 1
    often = f"reproduced {shown} of {len(runs)}, then " if shown else ""
    what = {
        Verdict.PASS: "it passed: the recorded outcomes do not bring the failure out",
        Verdict.FAIL_OTHER: f"it failed otherwise: {last.detail}",
    }.get(last.verdict, last.detail)
    remedy = _REMEDIES.get(last.reason, "")
    return f"{often}{what}" + (f" {remedy}" if remedy and "genmon cases" not in what else "")
