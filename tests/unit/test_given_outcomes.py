"""What a reviewer gives for a step becomes what the step returns, or is refused with what it must be."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

from genmon_otel.errors import ConfigurationError, PayloadError
from genmon_otel.payload import decode, encode
from genmon_otel.records import StepRecord
from genmon_otel.regression.cases.case import Case, CaseTrigger, Donor, Expected
from genmon_otel.regression.cases.drift import Drift
from genmon_otel.regression.cases.given_outcomes import as_annotated, given_outcome
from genmon_otel.regression.replaying import model_answers


class Plan(BaseModel):
    """A model's structured answer."""

    pages: list[str]
    note: str = ""


class Site(BaseModel):
    """A model within a model."""

    plan: Plan
    tags: tuple[str, ...]


@dataclass
class Page:
    """A dataclass."""

    title: str
    size: int


class Message(BaseModel):
    """As a client's answer has it."""

    role: str
    content: str


class Choice(BaseModel):
    """As a client's answer has it."""

    message: Message


class Chat(BaseModel):
    """As a client answers."""

    id: str
    choices: list[Choice]


def case_with(value: Any) -> Case:
    """A case whose donor shows what the step ``ask`` returns."""
    donor = StepRecord("ask", {}, "value", encode(value), ended_s=1.0)
    return Case(
        slug="c", operation="build", target="app:build", inputs={},
        steps=(StepRecord("ask", {}, "exception", {"$": "error"}, ended_s=1.0),),
        trigger=CaseTrigger("fault", 0), expected=Expected("v2:s", "unknown", "E"),
        donors=(Donor("9f", donor),),
    )  # fmt: skip


ACCEPTED: list[tuple[Any, Any, Any]] = [
    ("text", "other", "other"),
    ("text", None, None),
    ({"a": 1}, {"b": [2]}, {"b": [2]}),
    ([1, 2], [3], [3]),
    (1.5, 2, 2),
    (None, "anything", "anything"),
    (Plan(pages=["a"]), {"pages": ["b", "c"], "note": "x"}, Plan(pages=["b", "c"], note="x")),
    (Site(plan=Plan(pages=["a"]), tags=("t",)), {"plan": {"pages": [], "note": ""}, "tags": ["u"]},
     Site(plan=Plan(pages=[]), tags=("u",))),
    ([Plan(pages=["a"])], [{"pages": ["b"], "note": ""}], [Plan(pages=["b"])]),
    (Page("a", 1), {"title": "b", "size": 2}, Page("b", 2)),
    (Chat(id="1", choices=[Choice(message=Message(role="assistant", content="a"))]), "said",
     Chat(id="1", choices=[Choice(message=Message(role="assistant", content="said"))])),
]  # fmt: skip


@pytest.mark.parametrize(("shown", "given", "becomes"), ACCEPTED)
def test_it_becomes_what_the_step_returned(shown: Any, given: Any, becomes: Any) -> None:
    """A model, a dataclass, a list of them, a client's answer by its text: of the type that was seen."""
    made = decode(given_outcome(case_with(shown), "ask", given).outcome)
    assert (type(made), made) == (type(becomes), becomes)


REFUSED: list[tuple[Any, Any, str]] = [
    ("text", {"a": 1}, "a text"),
    ("text", 1, "a text"),
    ({"a": 1}, "text", "an object"),
    ([1], {"a": 1}, "a list"),
    (Plan(pages=["a"]), {"page": ["b"]}, "no field 'page'"),
    (Plan(pages=["a"]), {"note": "b"}, "needs 'pages'"),
    (Plan(pages=["a"]), "text", "give its fields"),
    (Site(plan=Plan(pages=["a"]), tags=("t",)), {"plan": {"pages": []}, "tags": "x"}, "'note'"),
    (Page("a", 1), {"title": 2, "size": 2}, "a text"),
]


@pytest.mark.parametrize(("shown", "given", "said"), REFUSED)
def test_what_cannot_become_it_is_refused(shown: Any, given: Any, said: str) -> None:
    """The reviewer is told what it must be, with what the step returned."""
    with pytest.raises(ConfigurationError, match="What is given for ask does not fit") as refused:
        given_outcome(case_with(shown), "ask", given)
    assert said in str(refused.value)
    assert "It returned" in str(refused.value)


def test_the_annotation_helps_where_nothing_was_seen() -> None:
    """A step that never answered gives what it is annotated with."""

    def models() -> Plan: ...  # type: ignore[empty-body]
    def lists() -> list[Page]: ...  # type: ignore[empty-body]
    def plain(): ...  # type: ignore[no-untyped-def]

    def made(value: Any, call: Any) -> Any:
        return decode(as_annotated(StepRecord("ask", {}, "value", encode(value)), call).outcome)

    assert made({"pages": ["a"]}, models) == Plan(pages=["a"])
    assert made([{"title": "a", "size": 1}], lists) == [Page("a", 1)]
    assert made({"a": 1}, plain) == {"a": 1}
    assert made(None, models) is None
    with pytest.raises(PayloadError, match="cannot become Plan"):
        made({"page": 1}, models)


def request(path: str, **body: Any) -> dict[str, Any]:
    """A request of an automatic step."""
    return {"method": "POST", "path": path, "body": json.dumps(body)}


def test_a_text_is_the_answer_of_a_model_api() -> None:
    """Each known API's own JSON, read by the SDKs' own types where they are installed."""
    chat = pytest.importorskip("openai.types.chat")
    responses = pytest.importorskip("openai.types.responses")
    _, body = model_answers.answer(request("/v1/chat/completions", model="m"), "openai chat", "hi")
    assert chat.ChatCompletion.model_validate_json(body).choices[0].message.content == "hi"
    _, body = model_answers.answer(request("/v1/responses"), "openai responses", "hi")
    assert responses.Response.model_validate_json(body).output_text == "hi"
    for path, name in (
        ("/v1/messages", "anthropic chat"), ("/v1beta/models/g:generateContent", "gcp.gemini chat"),
        ("/model/m/converse", "aws.bedrock chat"), ("/v2/chat", "cohere chat"),
        ("/api/chat", "ollama chat"),
    ):  # fmt: skip
        kind, body = model_answers.answer(request(path), name, "hi")
        assert kind == "application/json"
        assert '"hi"' in json.dumps(json.loads(body)), name
    assert model_answers.answer(request("/x"), "GET x", {"a": 1}) == (
        "application/json",
        '{"a": 1}',
    )
    assert model_answers.answer(request("/x"), "GET x", "plain")[1] == "plain"


def test_a_text_is_the_stream_of_a_model_api() -> None:
    """Where the client asked for a stream, the text comes in the API's events."""
    chat = pytest.importorskip("openai.types.chat")
    asked = request("/v1/chat/completions", model="m", stream=True)
    kind, body = model_answers.answer(asked, "openai chat", "hi")
    assert kind == "text/event-stream"
    chunks = [
        chat.ChatCompletionChunk.model_validate_json(line[6:])
        for line in body.splitlines()
        if line.startswith("data: {")
    ]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "hi"
    for path, name in (
        ("/v1/messages", "anthropic chat"), ("/v1/responses", "openai responses"),
        ("/v1beta/models/g:streamGenerateContent", "gcp.gemini chat"),
    ):  # fmt: skip
        assert '"hi"' in model_answers.answer(request(path, stream=True), name, "hi")[1]
    with pytest.raises(PayloadError, match="stream"):
        model_answers.answer(request("/model/m/converse-stream"), "aws.bedrock chat", "hi")


def test_drift_says_which_request_and_how() -> None:
    """The first step that is asked otherwise, and the sentence that was changed."""
    drift = Drift()
    assert drift.text() == ""
    long = "You are a page builder. " * 20
    step = StepRecord("ask", {"prompt": f"{long}Write a shop.", "model": "m"}, "value", "x")
    drift.note(2, step, {"prompt": f"{long}Write a small shop.", "model": "m"})
    drift.note(3, step, {})
    said = drift.text()
    assert said.startswith("step 3, ask, was asked otherwise:\n")
    assert "-Write a shop." in said.replace("prompt: ", "")
    assert "+Write a small shop." in said.replace("prompt: ", "")
    assert len(said) < 400
    body = {"method": "POST", "path": "/v1/x", "body": '{"model": "a", "messages": []}'}
    drift = Drift()
    drift.note(
        0, StepRecord("chat", body, "value", {}), {**body, "body": '{"model": "b", "messages": []}'}
    )
    assert drift.text().splitlines()[1:] == ["-body.model: a", "+body.model: b"]
