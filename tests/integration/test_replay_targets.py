"""What a replay calls: renamed functions, and what a task queue makes of a function."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from genmon_otel.policy import Verdict
from genmon_otel.regression.runner import run_case
from tests.case_kit import SOURCE, recorded

TASK = """
import celery
from genmon_otel import generation, step
queue = celery.Celery("app", broker="redis://127.0.0.1:1", backend="redis://127.0.0.1:1")

class Busy(Exception): ...

@step
def ask(prompt):
    if "bad" in prompt:
        raise Busy("come back later")
    return "x = 1"

@queue.task{options}
@generation
def build(self, request):
    if self.request.id is not None:
        self.update_state(state="PROGRESS", meta={{"asked": request}})
    try:
        return {{"files": {{"a.py": ask(request)}}, "by": self.name}}
    except Busy as error:
        {handler}
"""
BOUND = "(bind=True, max_retries=2)"
AUTOMATIC = "(bind=True, autoretry_for=(Busy,), retry_backoff=True)"
RETRY = "raise self.retry(exc=error, countdown=5)"


@pytest.mark.parametrize(
    ("options", "handler"), [(BOUND, "raise"), (BOUND, RETRY), (AUTOMATIC, "raise")]
)
def test_a_bound_task_gets_its_task(options: str, handler: str, tmp_path: Path) -> None:
    """Its ``self`` is the task at the target, which tells nobody and sends no retry off."""
    case = recorded(tmp_path, source=TASK.format(options=options, handler=handler))
    shown = run_case(case, cwd=tmp_path)
    assert (shown.verdict, shown.notes) == (Verdict.FAIL_SAME, ())
    mended = TASK.format(
        options=options, handler='return {"files": {"a.py": "pass"}, "by": self.name}'
    )
    (tmp_path / "app.py").write_text(mended, encoding="utf-8")
    shown = run_case(case, cwd=tmp_path)
    # A fix that does without the step's answer does not pass by itself, but the task was made.
    assert shown.detail.startswith("It succeeded"), shown


@pytest.mark.parametrize(
    ("target", "verdict"), [("app:make", Verdict.FAIL_SAME), ("app:mended", Verdict.PASS)]
)
def test_a_renamed_target_keeps_its_case(target: str, verdict: Verdict, tmp_path: Path) -> None:
    """An operation that was named after its function has another name after a rename."""
    source = SOURCE.replace('@generation(name="build")', "@generation")
    case = recorded(tmp_path, source=source)
    (tmp_path / "app.py").write_text(source.replace("def build", "def make"), encoding="utf-8")
    assert run_case(replace(case, target=target), cwd=tmp_path).verdict is verdict
