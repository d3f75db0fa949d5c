"""Bodies on the wire taken apart, and redacted: they stay what they are, and no secret stays in them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hypothesis import given
from hypothesis import strategies as st

from genmon_otel.bodies import data_of, parsed, parts_of, pieces, strings, with_data
from genmon_otel.exchanges import redacted_request
from genmon_otel.redaction import Redactor
from genmon_otel.redaction.bodies import redact_body, redact_chunks
from genmon_otel.redaction.event_shapes import EventShapes
from tests.table_kit import each

REDACTOR = Redactor()
#: Told by its looks, so that no name beside it is needed: ``sk-proj-`` and what follows, in two
#: parts, so that no scanner of keys reports the file.
SECRET = "sk-proj-" + "Zk4Jw8Qp1Xv7Lr2Nt9Bm5Cd3"
WORDS = st.sampled_from(
    (
        "",
        " ",
        "the",
        "plan",
        "a1",
        "$",
        "$x",
        "é",
        "🙂",
        "\n",
        "\r\n",
        '"',
        "\\",
        "data:",
        "0.5",
        "{",
        "key",
    )
)
TEXT = st.lists(WORDS, max_size=6).map("".join)
KEYS = st.sampled_from(("id", "name", "content", "index", "$", "$ref", "type", "value", "a b", ""))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
BODIES = st.lists(JSON, max_size=4) | st.dictionaries(KEYS, JSON, max_size=4)
ENDS = st.sampled_from(("\n\n", "\r\n\r\n"))


def shape(value: Any) -> Any:
    """Return what of a value redaction must keep: kinds, keys, lengths, numbers."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return [shape(each) for each in value] if isinstance(value, list) else type(value)


def cut(text: str, places: list[int]) -> list[str]:
    """Cut a text into chunks at some places, as a network does."""
    ends = sorted({place % (len(text) + 1) for place in places} | {len(text)})
    return [text[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def planted(value: Any, secret: str) -> Any:
    """Put a secret behind every text of a body."""
    if isinstance(value, str):
        return f"{value} {secret}"
    if isinstance(value, dict):
        return {key: planted(each, secret) for key, each in value.items()}
    return [planted(each, secret) for each in value] if isinstance(value, list) else value


def stream(deltas: list[str], end: str = "\n\n", indexes: int = 1) -> str:
    """Return an answer that is said piece by piece; of several answers in turns."""
    events = [
        {"id": "c-1", "choices": [{"index": at % indexes, "delta": {"content": text}}]}
        for at, text in enumerate(deltas)
    ]
    return "".join(f"data: {json.dumps(event)}{end}" for event in events) + f"data: [DONE]{end}"


def said(body: str, index: int = 0) -> str:
    """Return what one answer of a stream says."""
    found = []
    for piece in pieces(body):
        if (event := data_of(piece)) is not None:
            choice = event[0]["choices"][0]
            found.append(choice["delta"]["content"] if choice["index"] == index else "")
    return "".join(found)


# --- taken apart -------------------------------------------------------------


@given(events=st.lists(BODIES, min_size=1, max_size=5), end=ENDS, named=st.booleans())
def test_pieces_make_the_stream_again(events: list[Any], end: str, *, named: bool) -> None:
    """Nothing is lost between events, each gives the value that it was made of."""
    event = "event: x\n" if named else ""
    body = "".join(f"{event}data: {json.dumps(value)}{end}" for value in events)
    assert "".join(pieces(body)) == body
    assert [data_of(piece) for piece in pieces(body)] == [(value,) for value in events]


@given(st.lists(BODIES, min_size=2, max_size=5))
def test_lines_of_json_are_pieces(events: list[Any]) -> None:
    """Each line is one, with its end."""
    body = "".join(f"{json.dumps(value)}\n" for value in events)
    assert [data_of(piece) for piece in pieces(body)] == [(value,) for value in events]


@given(TEXT)
def test_any_text_can_be_taken_apart(text: str) -> None:
    """Whatever it is: its pieces make it again, and its strings can be read."""
    assert "".join(pieces(text)) == text
    assert all(isinstance(each, str) for each in strings(text))
    value = parsed(text)
    assert value is None or isinstance(value[0], (dict, list))


@given(BODIES, BODIES, ENDS)
def test_an_event_takes_other_data(old: Any, new: Any, end: str) -> None:
    """Its other fields and its end stay; data over several lines become one."""
    piece = f"id: 7\ndata: {json.dumps(old)}\nretry: 5{end}"
    changed = with_data(piece, json.dumps(new))
    assert data_of(changed) == (new,)
    assert changed.startswith("id: 7\n")
    assert changed.endswith(f"retry: 5{end}")
    several = f'data: {{\ndata: "a": 1}}{end}'
    assert data_of(several) == ({"a": 1},)
    assert with_data(several, json.dumps(new)) == f"data: {json.dumps(new)}{end}"
    assert with_data(f"{json.dumps(old)}\n", json.dumps(new)) == f"{json.dumps(new)}\n"


@given(BODIES)
def test_parts_stand_where_they_say(body: Any) -> None:
    """Each place leads to its text, and none is left out."""
    for part in parts_of(body):
        found = body
        for step in part.place:
            found = found[step]
        assert found == part.text
    count = json.dumps(planted(body, "XQZ")).count("XQZ") - sum(part == "" for part in _texts(body))
    assert len(list(parts_of(body))) == count


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _texts(each)]


def test_the_strings_of_a_stream_are_put_together() -> None:
    """Of two answers that come in turns each by itself."""
    body = stream(["Hel", "Good", "lo", "bye"], indexes=2)
    assert {"Hello", "Goodbye"} <= set(strings(body))


# --- redacted ----------------------------------------------------------------


@given(BODIES)
def test_a_body_stays_valid_and_of_the_same_shape(body: Any) -> None:
    """A secret behind each of its texts goes; keys, kinds and lengths stay; twice changes nothing."""
    text = json.dumps(planted(body, SECRET), ensure_ascii=False)
    redacted = redact_body(text, REDACTOR)
    assert SECRET not in redacted
    assert shape(json.loads(redacted)) == shape(body)
    assert redact_body(redacted, REDACTOR) == redacted


@given(body=BODIES, spaced=st.booleans())
def test_a_harmless_body_is_not_touched(body: Any, *, spaced: bool) -> None:
    """Not a character of it, blanks and escapes included."""
    text = json.dumps(body, ensure_ascii=spaced, indent=1 if spaced else None)
    assert redact_body(text, REDACTOR) == text


@given(
    st.lists(st.integers(0, len(SECRET)), max_size=8),
    st.lists(st.integers(0, 4_000), max_size=9),
    ENDS,
    st.integers(1, 3),
)
def test_a_secret_said_piece_by_piece_is_hidden(
    tokens: list[int], network: list[int], end: str, indexes: int
) -> None:
    """However a model and a network cut it: as many chunks, valid events, no part of it left."""
    parts = ["Use ", *cut(SECRET, tokens), " today."]
    deltas = [part for part in parts for _ in range(indexes)]
    chunks = cut(stream(deltas, end, indexes), network)
    redacted = redact_chunks(chunks, REDACTOR)
    assert len(redacted) == len(chunks)
    body = "".join(redacted)
    for index in range(indexes):
        answer = said(body, index)
        assert answer.startswith("Use sk-proj-redacted")
        assert answer.endswith(" today.")
        assert SECRET[8:] not in answer
        assert len(answer) == len("".join(parts))
    assert len(pieces(body)) == len(deltas) + 1
    assert redact_chunks(redacted, REDACTOR) == redacted


@given(st.lists(st.integers(1, 60), max_size=8), st.lists(st.integers(0, 4_000), max_size=9))
def test_a_secret_in_the_arguments_of_a_tool_is_hidden(
    tokens: list[int], network: list[int]
) -> None:
    """JSON that comes piece by piece as text: the value behind a sensitive name, of another length."""
    arguments = json.dumps({"path": "a.env", "password": "correct-horse-7", "mode": "w"})
    body = stream(cut(arguments, tokens))
    redacted = "".join(redact_chunks(cut(body, network), REDACTOR))
    assert "correct-horse-7" not in said(redacted)
    assert shape(json.loads(said(redacted))) == {"path": str, "password": str, "mode": str}


@given(st.lists(st.tuples(KEYS.filter(bool), TEXT), min_size=1, max_size=4))
def test_a_form_stays_a_form(fields: list[tuple[str, str]]) -> None:
    """Its fields in order; the value of a sensitive one goes, what was harmless is not touched."""
    harmless = urlencode([*fields, ("user", "joe")])
    assert redact_body(harmless, REDACTOR) == harmless
    redacted = redact_body(f"{harmless}&password=correct-horse-7&key={SECRET}", REDACTOR)
    pairs = parse_qsl(redacted, keep_blank_values=True)
    assert [name for name, _ in pairs] == [*(name for name, _ in fields), "user", "password", "key"]
    assert "correct-horse-7" not in redacted
    assert SECRET not in redacted


@each("name", ["key", "code", "sig", "pass", "X-Amz-Signature", "hmac"])
def test_the_first_parameter_hides_what_the_second_does(name: str) -> None:
    """Where a query or form stands by itself no sign is before its first parameter."""
    pair = f"{name}=Kf3fSY1fjacS0qX4"
    for asked in (pair, f"{pair}&a=1", f"a=1&{pair}", f"a=1&{pair}&b=2"):
        request = {"method": "GET", "host": "h", "path": "/x", "query": asked}
        assert "Kf3fSY" not in redact_body(asked, REDACTOR)
        redacted = redacted_request(request, REDACTOR)
        assert "Kf3fSY" not in redacted["query"]
        assert redacted_request(redacted, REDACTOR) == redacted
    plain = "key=title&order=asc"
    assert redact_body(plain, REDACTOR) == plain


def test_a_key_that_begins_with_a_dollar_is_a_key() -> None:
    """A body is JSON of others: ``$`` names no kind of ours there, escaped or not."""
    for text in (
        '{"$": "uuid", "v": "a", "password": "correct-horse-7"}',
        '{"\\u0024ref": {"token": "SECRET"}}'.replace("SECRET", SECRET),
    ):
        redacted = redact_body(text, REDACTOR)
        assert shape(json.loads(redacted)) == shape(json.loads(text))
        assert "correct-horse-7" not in redacted
        assert SECRET not in redacted


TOKENS = st.sampled_from(
    (
        "a",
        "the ",
        "",
        '"',
        "\\",
        "é",
        "sk-proj-",
        "Zk4Jw8Qp1Xv7",
        "Lr2Nt9Bm5Cd3",
        "\n",
        "password",
        ": ",
        "hunter2!x",
    )
)


@given(st.lists(st.tuples(TOKENS, st.booleans()), min_size=3, max_size=12))
def test_events_that_differ_in_one_text_are_read_as_all_are(tokens: list[tuple[str, bool]]) -> None:
    """Their texts are the same as of each event by itself, in whatever order they come."""
    shapes, number = EventShapes(REDACTOR), 0
    for text, other in tokens:
        number += other
        event = json.dumps(
            {"id": "x1", "n": number, "choices": [{"index": 0, "delta": {"content": text}}]}
        )
        parts = shapes.harmless_parts(f"data: {event}\n\n")
        if parts is not None:
            assert parts == list(parts_of(json.loads(event)))


KEYS_ALONE = [
    "ghp_" + "Zk4Jw8Qp1Xv7Lr2Nt9Bm5Cd3Ab6Ef0Gh4Ij8",
    "SG." + "Zk4Jw8Qp1Xv7Lr2Nt9Bm5C." + "Zk4Jw8Qp1Xv7Lr2Nt9Bm5CZk4Jw8Qp1Xv7Lr2Nt9Bm5",
    "AKIA" + "Z4J8QPXV7LR2NT9B",
    "dapi" + "0123456789abcdef0123456789abcdef",
    SECRET,
    "anna.example@example.org",
]


@given(
    keys=st.lists(st.sampled_from(KEYS_ALONE), min_size=1, max_size=4),
    words=st.lists(st.sampled_from(["hello", "x", "and so on, please"]), max_size=3),
    data=st.data(),
)
def test_secrets_side_by_side_in_a_list_are_each_hidden(
    keys: list[str], words: list[str], data: st.DataObject
) -> None:
    """Members of a list in an event may be tokens of one text, or texts of their own: both are looked at."""
    members = data.draw(st.permutations([*keys, *words]))
    lines = [json.dumps({"items": members}), json.dumps({"done": True})]
    redacted = redact_body("\n".join(lines) + "\n", REDACTOR)
    assert not [key for key in keys if key[4:14] in redacted]
    assert len(json.loads(redacted.splitlines()[0])["items"]) == len(members)
