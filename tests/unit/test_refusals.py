"""Faults that the request itself causes, told apart from those that pass."""

from __future__ import annotations

from typing import Any

from genmon_otel.records import StepRecord
from genmon_otel.regression.cases.feeding import bad_answers
from genmon_otel.regression.cases.refusals import refuses_request


def raised(**fields: Any) -> StepRecord:
    """A decorated step that raised an SDK's error with these fields."""
    return StepRecord("ask", {"prompt": "page"}, "exception", {"$": "exception", "fields": fields})


def replied(status: Any, adapter: str = "httpx") -> StepRecord:
    """An automatic step that was answered with a status."""
    return StepRecord("POST x", {"path": "/x"}, "value", {"status": status}, adapter=adapter)


def test_what_refuses_a_request_for_what_it_says() -> None:
    """A status that says so, of an answer or of an SDK's error; each mismatch is listed."""
    expected = {
        "an answer": (replied(400), True),
        "not found": (replied(404), True),
        "a key": (replied(401), False),
        "a limit": (replied(429), False),
        "the server's fault": (replied(500), False),
        "a program's exit code": (replied(400 - 256, "program"), False),
        "a program's exit code of that number": (replied(400, "program"), False),
        "an error": (raised(status_code=413), True),
        "an error's response": (raised(response={"status": 422}), True),
        "an error of a limit": (raised(status_code=429, response={"status": 400}), False),
        "no number": (raised(status_code="400"), False),
        "an error without a status": (raised(code=400), False),
        "fields that are none": (StepRecord("ask", {}, "exception", {"fields": [400]}), False),
        "an answer that speaks of one": (StepRecord("ask", {}, "value", {"status": 400}), False),
    }
    found = {name: refuses_request(step) for name, (step, _) in expected.items()}
    assert found == {name: refused for name, (_, refused) in expected.items()}


def test_a_refusal_is_nobody_elses_answer() -> None:
    """What was answered before it is to blame only where the request holds it."""
    before = StepRecord("title", {"prompt": "x"}, "value", "A title of its own", ended_s=1.0)
    assert bad_answers([before, raised(status_code=400)], 1, persistent=True) == set()
    assert bad_answers([before, raised(reason="build")], 1, persistent=True) == {0}
