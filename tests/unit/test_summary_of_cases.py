"""What pytest's summary says of many cases that show the same."""

from __future__ import annotations

from typing import Any

from genmon_otel.wording.test_run import summary_sections


def result(**said: Any) -> dict[str, Any]:
    shown = {"expect": "passes", "accepts": False, "notes": (), "fresh_because": "", "detail": ""}
    return {
        "verdict": "pass",
        "detail": "",
        "drift": "",
        **said,
        "shown": {**shown, **said.pop("shown", {})},
    }


def test_one_drift_of_many_cases_is_shown_once_with_its_remedy() -> None:
    """A prompt that all cases ask is one change; what to do about it stands below."""
    drift = "step 1, ask, was asked otherwise:\n-a\n+b"
    results = [(name, result(drift=drift)) for name in ("one", "two")]
    ((_, lines),) = summary_sections(results)
    assert lines[0].startswith("one, two: step 1")
    assert "genmon cases refresh" in lines[1]
    assert len(lines) == 2


def test_one_remedy_of_many_cases_is_said_once() -> None:
    """A variable that all cases need is one line of configuration."""
    needs = result(verdict="inconclusive", shown={"detail": "allow REGION"})
    ((_, lines),) = summary_sections([(name, needs) for name in ("one", "two")])
    assert lines == ["one, two: allow REGION"]


def test_equal_notes_are_counted() -> None:
    """A step that was answered three times in one way says it once."""
    notes = ("ask: served the same", "check: met", "ask: served the same")
    ((_, lines),) = summary_sections([("one", result(shown={"notes": notes}))])
    assert lines == ["one: ask: served the same (2 times); check: met"]
