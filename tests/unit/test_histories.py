"""Long requests that repeat an earlier one are kept as what is new, and are whole again when they are read."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from genmon_otel.exchanges import compacted, expanded, keys_of
from genmon_otel.histories import SHORTEST, Histories, common_ends
from genmon_otel.records import StepRecord

TEXTS = st.text(alphabet='ab€𝄞\n\\"', max_size=40).map(str.encode)


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_the_ends_in_common_rebuild_a_text(
    head: bytes, one: bytes, other: bytes, tail: bytes
) -> None:
    """Both ends and what is between give the text again; no character is cut, and nothing counts twice."""
    earlier, later = head + one + tail, head + other + tail
    begin, end = common_ends(earlier, later)
    between = later[begin : len(later) - end]
    assert earlier[:begin] + between + earlier[len(earlier) - end :] == later
    assert begin + end <= min(len(earlier), len(later))
    between.decode()
    if one[:1] != other[:1] and one[-1:] != other[-1:]:
        assert begin + end >= len(head) + len(tail) - 6  # a character may share its first bytes


def asked(body: str, *, path: str = "/v1/chat/completions", **more: Any) -> StepRecord:
    request = {
        "method": "POST",
        "host": "h",
        "path": path,
        "type": "application/json",
        "body": body,
    }
    return StepRecord("openai chat", request, "value", {"status": 200}, adapter="httpx", **more)


def agent(calls: int, total: int, seed: str = "") -> list[StepRecord]:
    """The requests of an agent whose history grows to so many bytes."""
    messages: list[Any] = [{"role": "system", "content": f"You are an agent {seed}." * 60}]
    steps = []
    for number in range(calls):
        steps.append(asked(json.dumps({"messages": messages, "model": "m", "tools": ["t" * 200]})))
        messages.append({"role": "user", "content": f"{number} ä " + "x" * (total // calls - 40)})
    return steps


def size(steps: list[StepRecord]) -> int:
    return len(json.dumps([step.arguments for step in steps]))


def test_an_agents_requests_take_as_much_as_its_history() -> None:
    """Two hundred calls of a history that grows to 100 KB: nothing opaque, and no request kept twice."""
    steps = agent(200, 100_000)
    kept = list(compacted(steps))
    assert size(steps) > 8_000_000
    assert size(kept) < 250_000
    assert list(expanded(kept)) == steps
    assert "opaque" not in json.dumps([step.arguments for step in kept])


def test_agents_that_share_an_endpoint() -> None:
    """The requests of parallel agents each continue their own history."""
    pairs = zip(
        agent(50, 50_000, "one"), agent(50, 50_000, "two"), agent(50, 50_000, "three"), strict=True
    )
    steps = [step for pair in pairs for step in pair]
    kept = list(compacted(steps))
    assert size(kept) < 300_000
    assert list(expanded(kept)) == steps


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.text(alphabet='aé\x00\ud800"', max_size=30)), max_size=12
    )
)
def test_any_requests_are_whole_again(parts: list[tuple[int, str]]) -> None:
    """Whatever is appended to which history, short or long: expanding gives what was compacted."""
    texts = ["x" * (SHORTEST - 20), "y" * 9000, "z"]
    steps = []
    for which, more in parts:
        texts[which] += more
        steps.append(asked(texts[which], path=f"/{which % 2}"))
    assert list(expanded(list(compacted(steps)))) == steps


def test_a_part_that_fits_nothing_is_opaque() -> None:
    """A file may say anything of a request; only that request is not known then."""
    whole = asked("x" * 5000)
    for part in (
        {"of": 7, "head": 1, "tail": 1, "text": "a"},
        {"of": 0, "head": 6000, "tail": 0, "text": "a"},
        {"of": 0, "head": -1, "tail": 0, "text": "a"},
        {"of": 0, "head": "many", "tail": 0, "text": "a"},
        {"of": 0, "head": 1, "tail": 0, "text": {"$": "opaque", "type": "a:b", "why": "size"}},
        {"of": [], "head": 1, "tail": 0, "text": "a"},
        {},
    ):
        broken = asked("")
        broken.arguments["body"] = {"$": "part", **part}  # type: ignore[index, call-overload]
        rebuilt = list(expanded([whole, broken, broken]))[1:]
        assert all(step.arguments["body"]["$"] == "opaque" for step in rebuilt), part  # type: ignore[index, call-overload]
        assert keys_of(rebuilt[0].arguments)  # type: ignore[arg-type]


def test_what_is_remembered_is_bounded() -> None:
    """Four requests of each of sixteen endpoints, and their bytes are counted as they come and go."""
    histories: Histories[int] = Histories()
    for number in range(500):
        histories.add(f"{number % 40}", number, b"%d" % number * 3000)
        assert histories.size <= 16 * 4 * 9000
    histories.forget(499)
    assert histories.clear() > 0
    assert histories.size == histories.clear() == 0
