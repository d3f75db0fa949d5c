"""Replays a case in this process against a changed function: the player and the verdict, without isolation.

Milliseconds instead of a process, for tables of bugs, fixes and mutants. Waits are real here, so that
applications of these tables do not sleep.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from genmon_otel import recorder
from genmon_otel.recorder.options import ATTRIBUTE
from genmon_otel.recordings import prepare, prepare_step
from genmon_otel.redaction import Redactor
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.dependence import is_to_be_tried, with_dependence
from genmon_otel.regression.judging.observation import Observation
from genmon_otel.regression.judging.run_result import RunResult, result_of
from genmon_otel.regression.moved_calls import with_moved_calls
from genmon_otel.regression.propose import case_from, with_samples
from genmon_otel.regression.replaying.replay import Replay
from genmon_otel.testing import capture
from tests.case_kit import failure_row, load


def recorded_bug(
    folder: Path, source: str, *, good: tuple[Any, ...], bad: Any, call: str = "build"
) -> tuple[Case, ModuleType]:
    """The case of a call that failed, with samples and donors of others; and the loaded module."""
    name = "bug_" + folder.name.replace("-", "_")
    module = load(folder, name, source)
    function = getattr(module, call)
    with capture() as seen:
        for request in good:
            function(request)
        with pytest.raises(Exception):
            function(bad)
    failure = seen.records[-1].failure
    assert failure is not None
    row = failure_row(
        operation=seen.records[-1].operation,
        signature=failure.signature, category=str(failure.category), error_type=failure.error_type,
        error_message=failure.error_message, stage=failure.stage,
    )  # fmt: skip
    samples = [prepare_sample(sample) for sample in reversed(seen.samples)]
    case = with_samples(case_from(row, prepare(seen.recordings[-1], Redactor())), samples)
    return Case.from_json(case.to_json()), module


def prepare_sample(sample: Any) -> Any:
    """A sample as the writer stores it."""
    return replace(sample, steps=tuple(prepare_step(s, Redactor()) for s in sample.steps))


def rerun_here(
    case: Case, module: ModuleType, function: str, *, requests: bool = False
) -> RunResult:
    """Replay a case against a function of the module, in this process."""

    def observe(case: Case, *, watch: bool = False) -> Observation:
        return _observed(case, module, function, {"requests": requests, "watch": watch})

    case, seen = with_moved_calls(case, observe(case), observe)
    if is_to_be_tried(case, seen):
        seen = with_dependence(case, seen, observe)
    return result_of(case, seen, 0.0)


def _observed(case: Case, module: ModuleType, function: str, asked: dict[str, bool]) -> Observation:
    trust = {
        "roots": [], "postconditions": [], "factories": [], "live": [], "programs": [], "env": [],
        "anywhere": True, "source": "pyproject.toml",
    }  # fmt: skip
    request: dict[str, Any] = {
        "trust": trust,
        "home": str(Path.cwd()),
        "workspace": str(Path.cwd()),
    }
    request |= asked
    replay = Replay(case, request)
    # Which version this is, of all sources of the tests, is asked at each replay, and takes long.
    replay._version = lambda: None  # type: ignore[method-assign]
    before = recorder.active_runtime()
    recorder.install(replay._runtime())
    try:
        target: Callable[..., Any] = getattr(module, function)
        spec = getattr(target, ATTRIBUTE)
        arguments = replay._inputs.of_call(target, spec)
        replay._call(target, spec, arguments, replay._accepts())
        return replay._observation(replay._hindered())
    finally:
        recorder.install(before)
