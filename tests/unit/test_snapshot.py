"""Snapshots copy values of built-in data completely, up to the limit."""

from __future__ import annotations

import enum
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmon_otel.payload import LIMIT_BYTES, TOO_LARGE, encode, restore, snapshot
from genmon_otel.payload.encoder import Encoder
from genmon_otel.recorder.arguments import HeldArguments, HeldValue
from genmon_otel.recorder.parameters import Parameters

ATOMS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=20)
    | st.text(st.characters(codec=None), max_size=20)
)  # fmt: skip
KEYS = st.text(st.characters(codec=None), max_size=5) | st.integers() | st.tuples(st.integers())
DATA = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.tuples(inner, inner)
        | st.builds(bytearray, st.binary(max_size=8))
        | st.sets(st.integers() | st.text(max_size=3), max_size=4)
        | st.frozensets(st.booleans() | st.binary(max_size=3), max_size=4)
    ),
    max_leaves=20,
)


@given(DATA)
def test_a_copy_makes_the_same_tree(value: Any) -> None:
    """The tree of a snapshot equals the tree of the value."""
    copied = snapshot(value)
    assert copied is not None
    assert repr(encode(restore(copied))) == repr(encode(value))
    assert repr(HeldValue(value).tree()) == repr(encode(value))


def test_what_contains_itself_does_so_in_its_copy() -> None:
    """A cycle in the value is a cycle in the tree."""
    value: dict[str, Any] = {"name": "a"}
    value["self"] = value
    assert HeldValue(value).tree() == encode(value)


class Text(str):
    """A class of the application."""

    def __reduce__(self) -> Any:
        raise AssertionError("its own code ran")


@dataclass
class Plan:
    steps: list[str]

    def __reduce__(self) -> Any:
        raise AssertionError("its own code ran")


class Colour(enum.Enum):
    RED = 1


@pytest.mark.parametrize("member", [
    Text("x"), Plan(["x"]), Colour.RED, OrderedDict(a=1), object(), len, int, lambda: 1, 1j,
    threading.Lock(), memoryview(b"x"), range(3), iter([1]), ..., ValueError("x"),
])  # fmt: skip
@pytest.mark.parametrize("wrap", [lambda m: m, lambda m: {"a": [m]}, lambda m: {0: (1, m)}])
def test_what_is_no_built_in_data_is_refused(member: Any, wrap: Any) -> None:
    """An application's class is not copied and none of its code runs: its tree is built at once."""
    assert snapshot(wrap(member)) is None
    assert HeldValue(wrap(member)).tree() == encode(wrap(member))


def test_what_is_too_large_or_too_deep_is_refused() -> None:
    """The tree has the reason why it is opaque."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (["x" * (LIMIT_BYTES + 1)], [b"xy"] * LIMIT_BYTES):
        assert snapshot(value) == TOO_LARGE
    assert snapshot(deep) is None
    assert HeldValue(["x" * (LIMIT_BYTES + 1)]).tree() == [
        {"$": "opaque", "type": "builtins:str", "why": "size"}
    ]


def test_little_of_what_is_too_large_is_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beside the large part is kept; the large part takes a small part of the time it could."""
    spent: list[int] = []
    spend = Encoder.spend

    def counted(self: Encoder, size: int) -> None:
        spent.append(size)
        spend(self, size)

    monkeypatch.setattr(Encoder, "spend", counted)

    def call(request: str, messages: list[Any]) -> None: ...

    messages = [{"role": "user", "content": [f"{number:0100}"]} for number in range(3_000)]
    held = HeldArguments(Parameters(call), ("a todo app",), {"messages": messages})
    assert held.tree()["request"] == "a todo app"
    assert held.tree()["messages"]["why"] == "size"
    assert HeldValue(messages).tree()["why"] == "size"
    assert len(spent) < 2_000


def test_later_changes_do_not_show() -> None:
    """A value is kept as it was when the step returned it, arguments as they were passed."""
    value = {"files": ["a.py"]}

    def call(self: Any, messages: list[Any], **more: Any) -> None: ...

    held = HeldValue(value)
    arguments = HeldArguments(Parameters(call, True), (object(), [value]), {"more": value})
    value["files"].append("b.py")
    assert held.tree() == {"files": ["a.py"]}
    assert arguments.tree() == {
        "messages": [{"files": ["a.py"]}],
        "more": {"more": {"files": ["a.py"]}},
    }
