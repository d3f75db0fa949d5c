"""Recorded values as the review card tells them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pydantic
import pytest

from genmon_otel.payload import encode
from genmon_otel.records import StepRecord
from genmon_otel.regression.cases.case import Case, CaseTrigger, Expected
from genmon_otel.wording.case import step_line, what_happened
from genmon_otel.wording.values import call, cut, in_line, plain, text_of


class Tone(Enum):
    """An enum."""

    LOUD = 1


@dataclass
class Point:
    """A dataclass."""

    x: int
    y: int | None = None


class Page(pydantic.BaseModel):
    """A model."""

    title: str
    points: list[Point]
    alt: str | None = None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("text", "text"),
        ({"$a": [1, None, True, 2.5]}, {"$a": [1, None, True, 2.5]}),
        (Page(title="t", points=[Point(1)]), {"title": "t", "points": [{"x": 1}]}),
        (Tone.LOUD, "test_wording_values.Tone.LOUD"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (Path("a/b"), "a/b"),
        (b"abc", "abc"),
        ((1, 2), [1, 2]),
        (deque([1], maxlen=3), [1]),
        ({(1, "a"): 2}, {'[1, "a"]': 2}),
        (SimpleNamespace(a=1), {"a": 1}),
        (Point, "test_wording_values:Point"),
    ],
)
def test_values_are_told_without_the_marks_of_types(value: Any, shown: Any) -> None:
    """What a person reads is the content: fields, names, members."""
    assert plain(encode(value)) == shown


def test_what_was_not_recorded_says_so() -> None:
    """A value that could not be kept is named, with the reason."""
    assert "not recorded" in plain(encode(httpx.Client()))


def test_a_step_takes_one_line_whatever_it_is_called() -> None:
    """On the card as in a replay: a recorded name with line ends begins no line of its own."""
    step = StepRecord("ask\n✓ forged\r\x85row", {"a": "b\nc"}, "value", "x")
    assert len(step_line(step, 200).splitlines()) == 1


@pytest.mark.parametrize(
    ("adapter", "kind", "outcome", "said"),
    [
        ("httpx", "value", {"status": 429, "headers": {}, "body": "slow down"}, "failed with 429"),
        ("httpx", "stream", [{"status": 500, "headers": {}, "at": 0.1}], "failed with 500"),
        ("program", "value", {"status": 2, "headers": {}, "body": ""}, "failed with 2"),
        ("httpx", "stream", [{"status": 200, "at": 0.1}, [0.2, "event: error\n"]], "streamed an error"),
        ("httpx", "value", {"status": 200, "headers": {}, "body": "no JSON"}, "returned"),
        ("", "value", {"status": 500}, "returned"),
    ],
)  # fmt: skip
def test_a_fault_is_told_by_its_status(adapter: str, kind: Any, outcome: Any, said: str) -> None:
    """A refused call did not return something: the status says how it ended."""
    step = StepRecord("ask", {}, kind, outcome, adapter=adapter)
    assert step_line(step, 200) == f"ask() {said}"
    case = Case(
        slug="c", operation="build", target="app:build", inputs={}, steps=(step,),
        trigger=CaseTrigger("content" if said == "returned" else "fault", step=0),
        expected=Expected(signature="v2:s", category="unknown", error_type="ValueError"),
    )  # fmt: skip
    assert what_happened(case, None).startswith(f"Step ask {said}")
    assert ("could not use" in what_happened(case, None)) is (said == "returned")


def test_a_call_shows_its_arguments_within_its_space() -> None:
    """Long arguments lose their middle: of messages, the beginning and the last one stay."""
    messages = [{"role": "user", "content": f"m{n}"} for n in range(50)]
    line = call("chat", encode({"messages": messages, "model": "m"}), 200)
    assert line.startswith('chat(messages=[{"role": "user"')
    assert '"m49"' in line
    assert line.endswith('model="m")')
    assert len(line) < 260


@pytest.mark.parametrize("tree", [{"$": "error"}, {"$": "pairs", "v": 3}, {"$": 7}, {"$": "new"}])
def test_trees_of_others_are_told_somehow(tree: Any) -> None:
    """A tree that no encoder made is shown, not refused."""
    assert isinstance(text_of(tree), str)
    assert len(in_line(tree, 10)) < 20
    assert cut("x" * 30, 10, "…") == "x" * 6 + "…" + "x" * 3


def test_an_automatic_step_s_outcome_is_what_was_answered() -> None:
    """Of an HTTP answer the body counts: a model's words, else its JSON, else its text."""
    chat = '{"choices": [{"message": {"content": "Hi\\n{}"}, "finish_reason": "stop"}]}'
    table = [
        ({"status": 200, "body": chat}, "Hi\n{}\n(ended by: stop)"),
        ({"status": 200, "body": '{"a": 1}'}, '{\n  "a": 1\n}'),
        ({"status": 500, "body": "<html>no</html>"}, "<html>no</html>"),
        ({"status": 204, "body": ""}, '{\n  "status": 204,\n  "body": ""\n}'),
        ({"body": ["x"]}, '{\n  "body": [\n    "x"\n  ]\n}'),
    ]
    assert [text_of(tree) for tree, _ in table] == [text for _, text in table]
