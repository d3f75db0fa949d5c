"""Recorded answers in a replay: when their chunks come, and which of their words are tried first."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

import pytest

from genmon_otel.records import StepRecord
from genmon_otel.regression.cases.case import Case, CaseTrigger, Expected
from genmon_otel.regression.dependence import changed_cases
from genmon_otel.regression.replaying.answers import ReplayedAnswer


class Waits:
    """Stands for the player: notes how long each chunk is waited for."""

    def __init__(self) -> None:
        self.clock: Any = self
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def met(self, _: StepRecord) -> None:
        """Nothing is counted."""


def stream(*chunks: tuple[float, str]) -> StepRecord:
    head = {"status": 200, "headers": {"content-type": "text/event-stream"}, "at": 0.0}
    outcome: Any = [head, *([at, text] for at, text in chunks)]
    return StepRecord("chat", {}, "stream", outcome, ended_s=9.0, adapter="httpx")


def test_chunks_that_came_at_once_come_at_once() -> None:
    """A consumer that took several as one, and ends before it asks for another, gets the last of them too."""
    record = stream(
        (0.5, "a"), (0.5004, "b"), (0.5009, "c"), (0.502, "d"), (0.5031, "e"), (2.0, "f")
    )
    player: Any = Waits()
    came = [
        (data.decode(), round(player.now, 4))
        for data in ReplayedAnswer(player, record, None).parts()
    ]
    assert came == [
        ("a", 0.5), ("b", 0.5), ("c", 0.5), ("d", 0.502), ("e", 0.5031), ("f", 2.0)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "body", "error", "expected"),
    [
        ({"content-length": "999"}, "größer", None, "8"),
        ({"content-length": "999"}, "", None, "999"),  # of a HEAD
        ({}, "a", None, None),
        ({"content-length": "999"}, "a", OSError(), None),
        ({"content-length": "999", "content-encoding": "gzip"}, "a", None, None),
    ],
)
def test_a_length_is_that_of_what_is_given(
    headers: dict[str, str], body: str, error: OSError | None, expected: str | None
) -> None:
    """Where the answer said one and can: clients decide by it whether they read a body."""
    outcome: Any = {"status": 429, "headers": headers, "body": body}
    record = StepRecord("chat", {}, "value", outcome, ended_s=1.0, adapter="httpx")
    player: Any = Waits()
    answer = ReplayedAnswer(player, record, error)
    assert answer.headers.get("content-length") == expected


def test_words_of_events_are_tried_before_those_around_them() -> None:
    """Of a stream whose last event repeats nothing of the text, the text is changed within the first tries."""
    said = {"type": "response.output_text.delta", "delta": "Habits of the garden"}
    end = {"type": "response.completed", "response": {f"member_{n}": None for n in range(40)}}
    events = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in (said, end))
    case = Case(
        slug="c", operation="op", target="app:build", inputs={}, steps=(stream((0.1, events)),),
        trigger=CaseTrigger("content", 0), expected=Expected("s", "syntax_error", "ValueError"),
    )  # fmt: skip
    tried = [str(changed.steps[0].outcome) for changed in islice(changed_cases(case), 6)]
    assert any("garden" not in text for text in tried)


def test_words_of_the_answer_are_tried_before_addresses_and_the_request() -> None:
    """Of an answer that repeats what was asked, and says where more of it is, what it says itself comes first."""
    prompt = "A plan of the garden for a week of rain and sun in the north of the country"
    urls = {
        f"url_{n}": f"https://example.com/{'abc/' * n}cancel/of/the/prediction" for n in range(9)
    }
    body = json.dumps({"input": {"prompt": prompt}, "output": ["Habits ", "of bees"], "urls": urls})
    record = StepRecord(
        "predict", {"body": json.dumps({"prompt": prompt})}, "value", {"status": 200, "body": body},
        ended_s=1.0, adapter="httpx",
    )  # fmt: skip
    case = Case(
        slug="c", operation="op", target="app:build", inputs={}, steps=(record,),
        trigger=CaseTrigger("content", 0), expected=Expected("s", "syntax_error", "ValueError"),
    )  # fmt: skip
    tried = [str(each.steps[0].outcome) for each in islice(changed_cases(case), 3)]
    changed = {word for text in tried for word in ("Habits", "bees", "garden") if word not in text}
    assert changed == {"Habits", "bees"}
