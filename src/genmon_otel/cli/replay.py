"""``genmon replay``: show a recorded failure again, without model and network."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.progress import Progress
from rich.text import Text

from genmon_otel.cli.output import indented, marked, one_line
from genmon_otel.cli.terminal import console, json_option, open_store, print_json, store_option
from genmon_otel.policy import Verdict
from genmon_otel.records import Outcome, StepRecord
from genmon_otel.regression import reproduce, shrink
from genmon_otel.regression.cases import files
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.configuration import trust_in
from genmon_otel.regression.debugging import debug
from genmon_otel.regression.judging.run_result import RunResult
from genmon_otel.regression.runner import run_case
from genmon_otel.text import clean
from genmon_otel.wording.case import step_line, what_happened
from genmon_otel.wording.values import plain, text_of

#: Characters shown of a recorded value, and of each with ``--steps``.
_SHOWN = 2_000
_STEP_SHOWN = 4_000
_LINE = 200
_SUCCEEDED = "It succeeded with the answer that was given."
_SAYS = {
    Verdict.FAIL_SAME: ("red", "It fails as recorded."),
    Verdict.FAIL_OTHER: ("yellow", "It does not fail as recorded, but goes wrong otherwise."),
    Verdict.PASS: ("green", "It does not fail."),
    Verdict.INCONCLUSIVE: ("yellow", "Nothing can be said."),
}


@click.command()
@click.argument("failure")
@store_option
@json_option
@click.option("--cwd", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder of the application's code. Default: the working directory.")  # fmt: skip
@click.option("--pdb", "in_pdb", is_flag=True, help="Stop in the debugger where it is raised.")
@click.option("--set", "outcomes", metavar="STEP=JSON", multiple=True,
              help="Let STEP answer something else than recorded; STEP#2 for its second call. Default: "
              "the call that broke it, else the last one.")  # fmt: skip
@click.option("--minimal", is_flag=True,
              help="Answer with the smallest text that still breaks it; it is sought first, at most 10 s, "
              "where shrinking has not found it.")  # fmt: skip
@click.option("--steps", is_flag=True, help="Show each step's request and answer.")
def replay(
    failure: str,
    store: str | None,
    as_json: bool,
    cwd: Path | None,
    outcomes: tuple[str, ...],
    **how: bool,
) -> int:
    """Replay FAILURE: a handle such as F-3KQ2, from its first occurrence on, or a case file.

    Calls the application's function with the recorded arguments; its steps answer as recorded: no
    model, no network, no waiting. Shows the traceback and what broke it. Nothing is kept. Exits 1 if
    nothing can be said, or if it does not fail as recorded and no --set was given.
    """
    found = _found(failure, store, cwd or Path.cwd())
    case, trust = found.case, found.trust
    if how["minimal"]:
        out = console()
        with Progress(transient=True, console=out, disable=as_json or not out.is_terminal) as bar:
            bar.add_task("Seeking the smallest text that breaks it", total=None)
            case, says = shrink.minimal(case, partial(run_case, cwd=cwd, trust=trust))
        found = replace(found, case=case, about=f"{found.about}; {says}")
    for text in outcomes:
        case = reproduce.with_outcome(case, text)
    if how["in_pdb"]:
        return debug(case, cwd=cwd or Path.cwd(), trust=trust)
    result = run_case(case, cwd=cwd, trust=trust)
    if outcomes and result.outcome is Outcome.SUCCESS and result.reason == "postcondition":
        # What a success rests on is asked of a fix, not of an answer that is tried.
        result = replace(result, verdict=Verdict.PASS, reason="", detail=_SUCCEEDED)
    if as_json:
        print_json(_data(failure, case, result, found.about))
    else:
        _show(failure, replace(found, case=case), result, recorded=found.case, steps=how["steps"])
    if result.verdict is Verdict.INCONCLUSIVE:
        return 1
    return int(not outcomes and result.verdict is not Verdict.FAIL_SAME)


def _found(failure: str, store: str | None, cwd: Path) -> reproduce.Found:
    """Find what to replay: a case file, or a failure in the store."""
    if files.is_file_name(failure):
        return reproduce.Found(files.read(Path(failure)), trust_in(cwd), f"from {failure}")
    with open_store(store) as opened:
        return reproduce.case_of_failure(opened, failure)


def _show(
    name: str, found: reproduce.Found, result: RunResult, *, recorded: Case, steps: bool
) -> None:
    out, case = console(), found.case
    changed = case is not recorded
    expected = case.expected
    first, _, rest = clean(expected.error_message, _SHOWN).strip().partition("\n")
    out.print(marked("[bold cyan]{}[/]  {}, {}", name, case.operation, found.about))
    out.print(
        marked(
            "[bold red]{}[/][bold]{}[/]", expected.error_type, Text(f": {first}" if first else "")
        )
    )
    if rest:
        out.print(Text(indented(rest), style="bold"), soft_wrap=True)
    style, says = _SAYS[result.verdict]
    out.print(
        marked(
            f"\n[{style}]{{}}[/] Replayed in {{}} s without model or network; {{}} s passed in it.",
            says if not changed or result.verdict is not Verdict.FAIL_SAME else "It fails all the same.",
            f"{result.duration_s:.1f}", f"{result.virtual_s:.1f}",
        )
    )  # fmt: skip
    if result.verdict is not Verdict.FAIL_SAME:
        out.print(Text(indented(clean(result.detail, _SHOWN))), soft_wrap=True)
    for note in (result.drift, *result.notes):
        if note:
            out.print(Text(indented(clean(note, _SHOWN)), style="dim"), soft_wrap=True)
    if result.traceback:
        out.print()
        out.print(Text(indented(result.traceback.rstrip())), soft_wrap=True)
    out.print()
    out.print(Text(one_line(what_happened(recorded, found.failure)), style="bold"))
    at = case.trigger.step
    if steps or at is None:
        _show_steps(case, result)
    else:
        out.print(Text(f"  {step_line(recorded.steps[at], _LINE)}", style="yellow"))
        out.print(Text(_outcome(recorded.steps[at], _SHOWN)), soft_wrap=True)
    for index, step in enumerate(case.steps) if changed and not steps else ():
        if step is not recorded.steps[index]:
            out.print(Text(f"  {one_line(step.name)} answered this time:", style="yellow"))
            out.print(Text(_outcome(step, _SHOWN)), soft_wrap=True)
    out.print()
    own = "" if at is None else case.steps[at].name
    more = [f"genmon replay {name} --pdb", f"genmon replay {name} --steps"]
    if own and own == one_line(own):
        more.insert(1, f"genmon replay {name} --set {reproduce.example(recorded, own)}")
    out.print(Text("Next: " + "\n      ".join(more), style="dim"), soft_wrap=True)


def _show_steps(case: Case, result: RunResult) -> None:
    """Print what was recorded of each step, and how often the replay asked for it."""
    out = console()
    asked = [index for _, index in result.served]
    for index, step in enumerate(case.steps):
        is_trigger = index == case.trigger.step
        times = asked.count(index)
        note = {0: "  (not asked now)", 1: ""}.get(times, f"  (asked {times} times now)")
        mark = "▶" if is_trigger else " "
        out.print(
            Text(f"{mark} {index + 1} {step_line(step, _LINE)}{note}",
                 style="yellow" if is_trigger else ""),
            soft_wrap=True,
        )  # fmt: skip
        for title, tree in (("asked", step.arguments), ("gave", step.stream_error or step.outcome)):
            text = clean(text_of(tree), _STEP_SHOWN)
            shown = indented(text, "      ").strip()
            out.print(Text(f"    {title}: {shown}", style="dim"), soft_wrap=True)
    for name, index in result.served:
        if index < 0:
            out.print(Text(f"  + {one_line(name)}: asked beyond the recording"))


def _outcome(step: StepRecord, limit: int) -> str:
    return indented(clean(text_of(step.stream_error or step.outcome), limit), "    ")


def _data(name: str, case: Case, result: RunResult, about: str) -> dict[str, Any]:
    """Return a replay as JSON-able data."""
    return {
        "failure": name,
        "about": about,
        "operation": case.operation,
        "target": case.target,
        "recorded": {
            "error_type": case.expected.error_type,
            "error_message": case.expected.error_message,
            "category": case.expected.category,
        },
        "verdict": result.verdict,
        "detail": result.detail,
        "notes": result.notes,
        "drift": result.drift,
        "traceback": result.traceback,
        "duration_s": round(result.duration_s, 3),
        "virtual_s": result.virtual_s,
        "fresh_because": result.fresh_because,
        "inputs": plain(case.inputs),
        "steps": [
            {
                "name": step.name,
                "broke_it": index == case.trigger.step,
                "request": plain(step.arguments),
                "kind": step.kind,
                "outcome": plain(step.stream_error or step.outcome),
                "asked_now": sum(at == index for _, at in result.served),
            }
            for index, step in enumerate(case.steps)
        ],
        "beyond_the_recording": [each for each, at in result.served if at < 0],
    }
