"""What a replay may use up, and what is said where it meets a bound."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from genmon_otel.payload import encode
from genmon_otel.regression.cases.case import Case, CaseTrigger, Expected
from genmon_otel.regression.cases.case_reading import CaseError
from genmon_otel.regression.judging.run_result import RunResult
from genmon_otel.regression.processes import supervisor
from genmon_otel.regression.runner import run_case

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="replays need POSIX"),
]

APP = """
import os, resource
from genmon_otel import generation

@generation
def build(what):
    if what == "print":
        piece = "x" * (1 << 22)
        for _ in range(65):
            print(piece)
    if what == "file":
        with open("large", "wb") as file:
            file.truncate((1 << 28) + 1)
    if what == "deep":
        for _ in range(300):
            os.mkdir("a")
            os.chdir("a")
    if what == "core":
        assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0
    if what == "broken":
        import genmon_otel.recorder as recorder
        recorder.active_runtime().sink.deliver = None
    raise ValueError("after all")
"""


def replayed(folder: Path, what: str) -> RunResult:
    """A replay of an application that goes too far."""
    (folder / "bounded_app.py").write_text(APP)
    case = Case(
        slug="bounded",
        operation="build",
        target="bounded_app:build",
        inputs=encode({"what": what}),
        steps=(),
        trigger=CaseTrigger("input"),
        expected=Expected("v2:x", "unknown", "ValueError", "after all"),
    )
    return run_case(case, cwd=folder)


@pytest.mark.parametrize(
    ("what", "reason", "said"),
    [
        ("print", "write", f"printed more than {supervisor.MAX_FILE >> 20} MB"),
        ("file", "write", "File too large"),
        ("deep", "write", "more than 200 folders deep"),
        ("core", "", "after all"),
        ("broken", "crash", "could not be recorded: deliver: TypeError"),
    ],
)
def test_a_replay_that_meets_a_bound_says_so(
    tmp_path: Path, what: str, reason: str, said: str
) -> None:
    """Files, output and nested folders are bounded; nothing is proven where one is met."""
    result = replayed(tmp_path, what)
    assert (result.reason, said in result.detail) == (reason, True), result


@pytest.mark.parametrize("value", [1e300, -1e300, 5e9, 10**400, True, float("nan")])
def test_no_time_is_beyond_all_dates(value: Any) -> None:
    """A case whose time no clock can show is refused by that name."""
    data = Case(
        slug="late", operation="o", target="a:b", inputs={}, steps=(),
        trigger=CaseTrigger("input"), expected=Expected("v2:x", "unknown", "E", ""),
    ).to_dict()  # fmt: skip
    data["provenance"]["last_seen_at"] = value
    with pytest.raises(CaseError, match=r"last_seen_at is .* seconds, at most 4102444800"):
        Case.from_dict(data)
