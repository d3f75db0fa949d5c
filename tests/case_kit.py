"""Cases for tests: made from a small orchestrator that really failed, in milliseconds."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from genmon_otel.recordings import prepare
from genmon_otel.records import Failure
from genmon_otel.redaction import Redactor
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.given_outcomes import given_outcome
from genmon_otel.regression.propose import case_from, with_samples
from genmon_otel.testing import capture

#: ``build`` breaks on a bad request; ``mended`` asks once more, under the same operation.
SOURCE = """
from genmon_otel import generation, step

@step
def ask(prompt):
    if "bad" in prompt:
        raise ConnectionResetError(104, "Connection reset by peer")
    return "x = 1"

@generation(name="build")
def build(request):
    return {"files": {"a.py": ask(request)}}

@generation(name="build")
def mended(request):
    try:
        return {"files": {"a.py": ask(request)}}
    except OSError:
        return {"files": {"a.py": ask(request)}}

@generation(name="build")
def otherwise(request):
    try:
        return {"files": {"a.py": ask(request)}}
    except OSError:
        raise KeyError("something else") from None
"""


def load(folder: Path, name: str = "app", source: str = SOURCE) -> ModuleType:
    """Write a module and import it."""
    path = folder / f"{name}.py"
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def failure_row(**changes: Any) -> dict[str, Any]:
    """A failure's row, as the store describes it to ``propose``."""
    row: dict[str, Any] = {
        "handle": "F-3KQ2",
        "operation": "build",
        "category": "provider_error",
        "error_type": "ConnectionResetError",
        "error_message": "[Errno 104] Connection reset by peer",
        "signature": "v2:signature",
        "stage": "ask",
        "first_seen_at": 1_700_000_000.0,
        "last_seen_at": 1_700_000_060.0,
        "occurrence_count": 3,
    }
    return row | changes


def row_of(failure: Failure | None) -> dict[str, Any]:
    """The row of a failure that a test has captured."""
    assert failure is not None
    return failure_row(
        signature=failure.signature,
        category=str(failure.category),
        error_type=failure.error_type,
        error_message=failure.error_message,
        stage=failure.stage,
    )


def recorded(folder: Path, name: str = "app", source: str = SOURCE) -> Case:
    """The case of ``build("bad")``, with the sample of ``build("good")``, and what ``ask`` gives again."""
    build = load(folder, name, source).build
    try:
        with capture() as seen:
            build("good")
            with pytest.raises(Exception):
                build("bad")
    finally:
        del sys.modules[name]
    row = row_of(seen.records[-1].failure)
    case = with_samples(case_from(row, prepare(seen.recordings[0], Redactor())), seen.samples)
    return replace(case, recovery={"ask": given_outcome(case, "ask", "x = 1")})
