"""The forms in which clients stream an answer: a secret that comes token by token stays in none of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmon_otel.bodies import data_of, pieces, strings, text_of, with_data
from genmon_otel.redaction import Redactor
from genmon_otel.redaction.bodies import redact_body, redact_chunks

REDACTOR = Redactor()
#: In two parts, so that no scanner of keys reports the file.
SECRET = "sk-proj-" + "Zk4Jw8Qp1Xv7Lr2Nt9Bm5Cd3"
OTHER = "lorem ipsum dolor sit amet consectetur "


def event(value: Any) -> str:
    """Return a server-sent event whose data is JSON."""
    return f"data: {json.dumps(value)}\n\n"


def counted_tokens(tokens: list[str]) -> list[str]:
    """Text Generation Inference: the index counts tokens."""
    return [
        event({"index": at, "token": {"id": at, "text": token, "logprob": -0.1}})
        for at, token in enumerate(tokens)
    ]


def arrays_of_tokens(tokens: list[str]) -> list[str]:
    """Several tokens an event."""
    return [event({"tokens": tokens[at : at + 3]}) for at in range(0, len(tokens), 3)]


def interleaved_items(tokens: list[str]) -> list[str]:
    """OpenAI's responses: two items in turns, told apart by ``output_index``."""
    return [
        event({"type": "d", "output_index": item, "content_index": 0, "delta": text})
        for at, token in enumerate(tokens)
        for item, text in enumerate((token, OTHER[at % len(OTHER)] * 3))
    ]


def list_of_answers(tokens: list[str]) -> list[str]:
    """Gemini without ``alt=sse``: one list, member by member."""
    answers = [{"candidates": [{"content": {"parts": [{"text": text}]}}]} for text in tokens]
    return [
        *(f"{',' if at else '['}\r\n{json.dumps(each)}" for at, each in enumerate(answers)),
        "]",
    ]


def broken_list(tokens: list[str]) -> list[str]:
    """The same, cut off."""
    return [*list_of_answers(tokens)[:-1], ',{"candi']


def plain_events(tokens: list[str]) -> list[str]:
    """Replicate: the data is the token itself."""
    return [f"event: output\nid: {at}\ndata: {token}\n\n" for at, token in enumerate(tokens)]


def quoted_events(tokens: list[str]) -> list[str]:
    """The data is the token as JSON."""
    return [event(token) for token in tokens]


def labelled_lines(tokens: list[str]) -> list[str]:
    """Vercel's data stream: a label before the JSON of each line."""
    return [f"0:{json.dumps(token)}\n" for token in tokens] + ['d:{"finishReason":"stop"}\n']


FORMS: list[Callable[[list[str]], list[str]]] = [
    counted_tokens,
    arrays_of_tokens,
    interleaved_items,
    list_of_answers,
    broken_list,
    plain_events,
    quoted_events,
    labelled_lines,
]


def cut(text: str, size: int) -> list[str]:
    """Cut a text into tokens of a size."""
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@given(size=st.integers(1, 40), network=st.integers(1, 200))
def test_no_form_of_a_stream_keeps_a_secret(
    form: Callable[[list[str]], list[str]], size: int, network: int
) -> None:
    """However model and network cut it: as many pieces and chunks, what is around it stays."""
    tokens = cut(f"Use {SECRET} today.", size)
    body = "".join(form(tokens))
    assert f"Use {SECRET} today." in set(strings(body))
    chunks = cut(body, network)
    redacted = redact_chunks(chunks, REDACTOR)
    assert len(redacted) == len(chunks)
    whole = "".join(redacted)
    assert len(pieces(whole)) == len(pieces(body))
    texts = list(strings(whole))
    assert any(text.startswith("Use ") and text.endswith(" today.") for text in texts)
    assert all(SECRET[at : at + 10] not in text for text in texts for at in (0, 8, 16))
    if form is list_of_answers:
        json.loads(whole)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@given(words=st.lists(st.sampled_from(("the ", "plan", " é", "\\", "🙂", "a1")), min_size=2))
def test_a_harmless_stream_is_not_touched(
    form: Callable[[list[str]], list[str]], words: list[str]
) -> None:
    """Not a character of it, in any form."""
    chunks = form(words)
    assert redact_chunks(chunks, REDACTOR) == chunks


@given(st.text(st.sampled_from("ab \n:"), max_size=12))
def test_plain_data_can_be_written_again(text: str) -> None:
    """Lines and blanks of a text that is an event's data are read as they were written."""
    piece = with_data("id: 3\ndata: x\n\n", text)
    assert text_of(piece) == (text or None)
    assert piece.startswith("id: 3\n")


def test_labels_and_signs_of_a_list_stay() -> None:
    """New data stands behind what stood before the old."""
    assert with_data('9:{"a":1}\n', '{"a":2}') == '9:{"a":2}\n'
    assert with_data(',\r\n {"a":1}', '{"a":2}') == ',\r\n {"a":2}'
    assert data_of(',\r\n {"a":1}') == ({"a": 1},)
    assert data_of("]") is None


TOLD = [
    {"token": text, "logprob": -0.1, "bytes": list(text.encode()), "top_logprobs": []}
    for text in cut(SECRET, 5)
]
ANSWERS = {
    "chat": {"choices": [{"message": {"content": SECRET}, "logprobs": {"content": TOLD}}]},
    "completion": {
        "choices": [
            {
                "text": SECRET,
                "logprobs": {
                    "tokens": cut(SECRET, 5),
                    "token_logprobs": [-0.1] * 7,
                    "top_logprobs": [{text: -0.1} for text in cut(SECRET, 5)],
                },
            }
        ]
    },
    "responses": {"content": [{"text": SECRET, "logprobs": TOLD, "annotations": [{"a": 1}]}]},
    "gemini": {
        "text": SECRET,
        "logprobsResult": {
            "chosenCandidates": [{"token": each, "logProbability": 0} for each in cut(SECRET, 5)]
        },
    },
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_is_told_of_each_token_goes_with_a_secret(answer: str) -> None:
    """Log probabilities repeat it as texts, bytes and keys; all else stays, and so does the kind of each."""
    body = json.dumps(ANSWERS[answer])
    redacted = redact_body(body, REDACTOR)
    for text in cut(SECRET, 5)[2:]:
        assert text not in redacted
        assert str(list(text.encode()))[1:-1].replace(" ", "") not in redacted
    assert json.loads(redacted).keys() == ANSWERS[answer].keys()
    assert '"annotations":[{"a":1}]' in redacted or answer != "responses"
    harmless = body.replace(SECRET, "no secret")
    for text in cut(SECRET, 5):
        harmless = harmless.replace(f'"{text}"', '"word"')
    assert redact_body(harmless, REDACTOR) == harmless


def test_bytes_of_streamed_tokens_go_with_a_secret() -> None:
    """Of each event of the stream."""
    body = "".join(
        event({"choices": [{"index": 0, "delta": {"content": each["token"]}, "logprobs": {"content": [each]}}]})
        for each in TOLD
    )  # fmt: skip
    redacted = redact_body(body, REDACTOR)
    assert "bytes" not in redacted
    assert redacted.count('"logprobs":{"content":[]}') == len(TOLD)
