"""Messages that are one failure, and messages that are two."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from genmon_otel.fingerprint import normalisation
from genmon_otel.fingerprint.normalisation import key, normalise
from genmon_otel.fingerprint.window import windows
from tests.table_kit import each, rows
from tests.work_kit import growth

#: What the best known open table of such cases lists, its known misses included.
EXPECTED = rows("alike/normalised.jsonl")
#: What the expressions like least, to be repeated without end.
HOSTILE = rows("alike/hostile.jsonl")


@each("message, expected", EXPECTED)
def test_reads_as_expected(message: str, expected: str) -> None:
    """Each kind of variable has its placeholder, and names are left alone, wherever they stand."""
    assert normalise(message) == expected
    assert normalise(f"prefix {message}") == f"prefix {expected}"


def test_is_idempotent() -> None:
    """A normalised message normalises to itself, whatever language it is in."""
    table = Path(__file__).parents[1] / "data" / "alike" / "messages.jsonl"
    lines = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]
    once = {normalise(said) for line in lines for said in line.get("alike") or line["differ"]}
    once |= {normalise(message) for message, _ in EXPECTED}
    assert [said for said in once if normalise(said) != said] == []


@each("seed", HOSTILE)
def test_is_bounded(seed: str) -> None:
    """A hundred times more of whatever an expression likes least costs no more."""
    long, longer = (seed * (size // len(seed)) for size in (200_000, 20_000_000))
    assert len(normalise(longer)) < 1_100
    assert growth(lambda: anew(long), lambda: anew(longer)) < 10


@each("seed", HOSTILE)
def test_is_linear(seed: str) -> None:
    """Four times more within the window costs about four times more, not sixteen."""
    quarter, whole = (seed * (size // len(seed)) for size in (350, 1_400))
    assert growth(lambda: anew(quarter), lambda: anew(whole)) < 14


def anew(message: str) -> str:
    """The message normalised, whether or not it was before."""
    normalisation._normalise.cache_clear()
    normalisation._settled.cache_clear()
    return normalise(message)


def test_a_longer_id_in_front_of_a_long_message_changes_nothing() -> None:
    """The cut of a long message is taken after its variables went."""
    body = " ".join(f"word{chr(97 + i % 26)}x" for i in range(2_000))
    assert normalise(f"job 1 {body}") == normalise(f"job 123456789 {body}")


PIECES = st.sampled_from(
    [
        "2024-01-02", "3T", "T3=", "\u00f2", "a", "B", "1", "23", "'", '"', "`", "/", "\\", ".", ":", "=", "@", "-", "_", " ",
        "(", ")", "[", "{", "}", ",", ";", "<n>", "<str>", "'x'", "user", "id", "True", "12:30", "Jan 5", "10.0.0.1", "::1",
        "0x1f", "v1.2", "req_ab12", "gpt-4o", "App.tsx", "C:\\a", "http://a.b/c", "a@b.co", "status 503", "Key (a)=(1)",
        "input_value=", "3s", "4 MB", "%", "utf-8", "TS2307", "b'z'", "datetime.date(2020, 1, 2)", "for user bob", "404 Not",
        "\n", "\u2026", "<path>.py", "word " * 60, "\n  ^\n", "3 | x\n", "\u300c\u9875\u300d", "\uff11\uff12", "1\u00a0234", "P1DT2H", "#ff00aa",
        "00:1A:2B:3C:4D:5E", "output: ", "Command '['a', 'b']' died with", "[parameters: ('a')]", "sk-a***b", "404] ", "loc': ('a', 1, 'b')",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=80))
def test_any_text_settles(message: str) -> None:
    """Whatever is normalised stays as it is when it is normalised again."""
    once = normalise(message)
    assert normalise(once) == once


@given(st.text(max_size=300))
def test_never_raises(message: str) -> None:
    """Any text at all has a normal form without control characters."""
    assert "\x00" not in normalise(message)


#: Each kind of variable, in more than one shape.
VARIABLES = [
    st.integers(0, 10**9).map(str),
    st.uuids().map(str),
    st.uuids().map(lambda u: u.hex),
    st.binary(min_size=16, max_size=32).map(lambda b: f"sha256:{b.hex()}"),
    st.datetimes(min_value=datetime(1970, 1, 1)).map(lambda d: d.isoformat() + "Z"),
    st.datetimes(min_value=datetime(1970, 1, 1)).map(lambda d: f"{d:%Y-%m-%d %H:%M:%S}"),
    st.datetimes(min_value=datetime(1970, 1, 1)).map(lambda d: f"{d:%a, %d %b %Y %H:%M:%S} GMT"),
    st.integers(1, 10**5).map(lambda n: f"{n}ms"),
    st.floats(0.1, 999).map(lambda x: f"{x:.2f} MiB"),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda a: f"[{a}]:443"),
    st.from_regex(r"[a-z]{1,9}@[a-z]{2,9}\.(com|org|dev)", fullmatch=True),
    st.from_regex(r"https://[a-z]{2,9}\.com(/[a-z0-9]{1,9}){0,4}(\?[a-z]=[0-9]{1,3})?", fullmatch=True),
    st.from_regex(r"(/[a-z0-9_]{1,12}){2,5}\.tsx(:[0-9]{1,4}){0,2}", fullmatch=True),
    st.from_regex(r"[C-F]:(\\[A-Za-z0-9]{1,9}){1,5}\.tsx", fullmatch=True),
    st.from_regex(r"0x[0-9a-f]{6,16}", fullmatch=True),
    st.from_regex(r"'[a-z]{3,9}( [a-z]{3,9}){1,6}'", fullmatch=True),
    st.from_regex(r"req_[0-9][A-Za-z0-9]{16,22}", fullmatch=True),
]  # fmt: skip
SENTENCES = st.sampled_from(
    ["could not place {} here", "{}: no such page", "broken ({}), gave up", "template saw {}"]
)


@given(
    st.sampled_from(range(len(VARIABLES))).flatmap(
        lambda kind: st.tuples(VARIABLES[kind], VARIABLES[kind])
    ),
    SENTENCES,
)
def test_another_value_of_a_kind_is_the_same_failure(values: tuple[str, str], said: str) -> None:
    """Ids, numbers, dates, addresses, paths and quoted values may be any of their kind."""
    one, other = (key(normalise(said.format(value))) for value in values)
    assert one == other


def test_of_data_so_many_values_count_of_head_and_tail() -> None:
    """112 in front and 40 behind: what is between costs nothing and tells nothing."""
    values = [f"{n}.5;" for n in range(400)]
    head, tail = windows(f"failed at {' '.join(values)}")
    assert head.endswith(" 111.5")
    assert tail.split(" ")[0] == "360.5;"
    assert [len(piece) for piece in windows("word " * 400)] == [1_024, 384]

    def with_a_word(at: int) -> str:
        return normalise(f"failed at {' '.join([*values[:at], 'x', *values[at:]])}")

    assert with_a_word(200) == with_a_word(230)
    assert with_a_word(0) != with_a_word(200)
