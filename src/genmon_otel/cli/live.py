"""``genmon cases run --live N``: the recorded inputs against the real model."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from genmon_otel.cli.output import marked
from genmon_otel.cli.terminal import console, open_store, print_json
from genmon_otel.code_version import version_of_folder
from genmon_otel.conventions import ENV_CODE_VERSION
from genmon_otel.errors import ConfigurationError
from genmon_otel.policy import Verdict
from genmon_otel.regression import review
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.results import Result
from genmon_otel.regression.cases.trust import Trust
from genmon_otel.regression.real_model import run_live
from genmon_otel.text import clean


def run_for_real(  # noqa: PLR0917 - the command's arguments, in its order
    handles: tuple[str, ...], times: int, store: str | None, cwd: Path, as_json: bool, yes: bool
) -> int:
    """Ask the real model with the inputs of cases in the store; 1 where one of them never passed.

    Raises:
        ConfigurationError: no case is named.
    """
    if not handles:
        raise ConfigurationError("--live asks a real model: name the cases that it is for.")
    shown = []
    version = version_of_folder(os.environ.get(ENV_CODE_VERSION), cwd)
    with open_store(store, writes=True) as opened:
        for handle in handles:
            row = opened.case(handle)
            case = review.stored(row)
            if not yes:
                click.confirm(_asked_first(row.handle, case, times), abort=True, err=True)
            results = run_live(case, times, cwd=cwd, trust=Trust.of_reviewed(case))
            passed = sum(result.verdict is Verdict.PASS for result in results)
            if row.state in review.APPROVED:
                for result in results:
                    detail = f"asked the real model: {result.detail}"
                    opened.record_run(
                        row.id,
                        "live",
                        version,
                        result.verdict,
                        detail,
                        Result.new_id(),
                        time.time(),
                    )
            shown.append({
                "case": row.handle, "passed": passed, "of": times,
                "runs": [{"verdict": r.verdict, "detail": r.detail} for r in results],
            })  # fmt: skip
            if not as_json:
                console().print(marked("[cyan]{}[/] passed {} of {}", row.handle, passed, times))
                for result in results:
                    if result.verdict is not Verdict.PASS:
                        said = clean(result.detail, 400)
                        console().print(marked("  {}: {}", result.verdict, said), soft_wrap=True)
    if as_json:
        print_json(shown)
    return int(any(each["passed"] == 0 for each in shown))


def _asked_first(handle: str, case: Case, times: int) -> str:
    names = ", ".join(dict.fromkeys(step.name for step in case.steps)) or "its steps"
    calls = times * max(1, len(case.steps))
    return (
        f"{handle}: this really calls {names}, about {calls} calls in {times} runs, with your keys and "
        "your files. Go on?"
    )
