"""The reproduction check: a case is offered for review only if it shows its failure every time.

Three replays from the redacted recording, each in a process of its own, must
give the recorded signature. What does not is ``unreproducible``, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from genmon_otel.policy import CaseState, Verdict
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.trust import Trust
from genmon_otel.regression.confirmation import confirmed
from genmon_otel.regression.judging.run_result import RunResult
from genmon_otel.regression.runner import run_case

#: Replays that must all show the failure.
REPLAYS: Final = 3
#: Times that a fault is served beyond its recording, to see how often the code asks.
_MOST_REPEATS: Final = 200
#: Processes that run concurrently, after the first one.
_AT_ONCE: Final = 2

#: The remedy, by the reason of a run or the first word of a recording's ``unreplayable``.
_REMEDIES: Final = {
    "import": "Run the check where the application's code is installed (--cwd FOLDER), or name a "
    "renamed target with: genmon cases rebind OLD NEW",
    "target": "Define it at the top of its module, or keep it in a variable there.",
    "size": "At most 256 KiB of a value are kept: take a reference and load the rest in a step, or "
    "return from the step only what is needed.",
    "payload": "A value that cannot be recorded is needed. Make its class a dataclass, make it in a "
    "step, or name what makes it on the decorator: @generation(factories=…).",
    "opaque": "A value that cannot be recorded is needed. Make its class a dataclass, make it in a "
    "step, or name what makes it on the decorator: @generation(factories=…).",
    "redaction": "What was hidden there cannot be rebuilt; keep secrets out of it.",
    "factory": "Name what makes it on the decorator: @generation(factories={{'self': 'package.module:make'}}).",
    "unrecorded": "Say what the step answers: genmon cases verify {handle} --recovery STEP=JSON",
    "network": "Decorate what calls out with @step, so that it is recorded.",
    "subprocess": "Decorate what starts the program with @step, so that it is recorded; or let it "
    "run: genmon cases verify {handle} --program NAME",
    "process": "Decorate what signals or inspects other processes with @step.",
    "write": "Write below the working directory, or decorate what writes with @step.",
    "deadline": "The replay does not end; look for a loop that waits without sleeping.",
    Verdict.PASS: "Something that is neither an input nor the outcome of a step decides: {else_}",
    Verdict.FAIL_OTHER: "If the recorded failure needs something that is neither an input nor the "
    "outcome of a step: {else_}",
}
_ELSE: Final = (
    "a file, a variable, what a module or object keeps between calls, an argument that a step "
    "changes in place. Make it an argument, or what a step returns."
)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What the check found."""

    state: CaseState
    #: Why it is unreproducible, and what to do; how often it reproduced otherwise.
    reason: str
    runs: tuple[RunResult, ...]
    #: The case as it was replayed; None where it was not.
    case: Case | None = None

    @property
    def reproduced(self) -> int:
        """How many replays showed the recorded failure."""
        return sum(map(shows_it, self.runs))


def check(
    case: Case,
    *,
    unreplayable: str = "",
    cwd: Path | None = None,
    replays: int = REPLAYS,
    progress: Callable[[], None] = lambda: None,
) -> CheckResult:
    """Replay a proposed case; decide whether a person should see it.

    Args:
        case: the case, from its redacted recording.
        unreplayable: why its recording cannot be replayed; nothing is run then.
        cwd: folder of the code under test; None: the working directory.
        replays: how often.
        progress: called after each replay, from any thread.
    """
    if unreplayable:
        reason = with_remedy(case, unreplayable, unreplayable.partition(":")[0])
        return CheckResult(CaseState.UNREPRODUCIBLE, reason, ())

    trust = Trust.of_reviewed(case)

    def once(_: int) -> RunResult:
        run = run_case(case, cwd=cwd, trust=trust)
        progress()
        return run

    runs = [once(0)]
    if runs[0].reason == "unrecorded" and (patient := _met_more_often(case, cwd)) is not None:
        case = patient
        runs = [run_case(case, cwd=cwd, trust=trust)]
    if shows_it(runs[0]):  # else it is decided: more replays cannot change it
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            runs += pool.map(once, range(1, replays))
    shown = f"reproduced {sum(map(shows_it, runs))} of {len(runs)}"
    odd = next((run for run in runs if not shows_it(run)), None)
    if odd is None:
        case = confirmed(
            case, lambda other: run_case(other, cwd=cwd, trust=Trust.of_reviewed(other))
        )
        return CheckResult(CaseState.REPRODUCED, shown, tuple(runs), case)
    reason = _why(case, odd) if odd is runs[0] else f"{shown}; once {_why(case, odd)}"
    return CheckResult(CaseState.UNREPRODUCIBLE, reason, tuple(runs), case)


def shows_it(run: RunResult) -> bool:
    """Whether a replay shows the recorded failure, be its request another one."""
    return run.verdict is Verdict.FAIL_SAME or (
        run.reason == "prompt" and run.signature is not None
    )


def _met_more_often(case: Case, cwd: Path | None) -> Case | None:
    """Return the case with its fault repeated as often as the failing code asks for it in a replay.

    Random back-off, or back-off with a deadline, makes one attempt more or fewer in each
    run. None where the failure does not appear even then.
    """
    trigger = case.trigger
    if trigger.kind != "fault" or trigger.step is None or trigger.persistent:
        return None
    name = case.steps[trigger.step].name
    seen = run_case(
        replace(case, trigger=replace(trigger, repeats=_MOST_REPEATS)),
        cwd=cwd,
        trust=Trust.of_reviewed(case),
    )
    if not shows_it(seen):
        return None
    more = seen.steps.count(name) - sum(step.name == name for step in case.steps)
    return replace(case, trigger=replace(trigger, repeats=max(0, more)))


def _why(case: Case, run: RunResult) -> str:
    """Why a replay does not show the failure, with the remedy where there is one."""
    # Without the failure it is a pass here, whether or not a postcondition could confirm it.
    verdict = Verdict.PASS if run.reason == "postcondition" else run.verdict
    what = {
        Verdict.PASS: "it passed: the recorded outcomes do not bring the failure out.",
        Verdict.FAIL_OTHER: f"it failed otherwise: {run.detail}",
    }.get(verdict, run.detail)
    if run.missing:
        names = ", ".join(run.missing)
        first = run.missing[0]
        return (
            f"{_sentence(what)} The code asks for variables that a replay does not have: {names}. "
            f"Give it what it needs: genmon cases verify {case.ref} --env {first}=VALUE"
        )
    return with_remedy(case, what, verdict if verdict is Verdict.PASS else run.reason or verdict)


def with_remedy(case: Case, what: str, reason: str) -> str:
    """Return why a case cannot be replayed, with the remedy where one is known."""
    remedy = _REMEDIES.get(reason, "")
    if not remedy or "genmon cases" in what or "@generation(" in what:
        return what
    return f"{_sentence(what)} {remedy.format(handle=case.ref, else_=_ELSE)}"


def _sentence(text: str) -> str:
    return text if text.rstrip().endswith((".", "!", "?")) else f"{text.rstrip()}."
