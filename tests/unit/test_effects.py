"""``comparable``: whether two results are the same, recordable or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pydantic
import pytest

from genmon_otel.regression.replaying.effects import comparable


class App(pydantic.BaseModel):
    """What a model is to answer."""

    title: str


def made(title: str) -> Any:
    """An answer of a class that is made as it is asked for, as instructor does."""
    return pydantic.create_model("App", __base__=App)(title=title)


class Slotted:
    """No dataclass: it is not recorded."""

    __slots__ = ("title",)

    def __init__(self, title: str) -> None:
        self.title = title

    def __repr__(self) -> str:
        raise AssertionError("no code of a result's class runs")


def local(title: str) -> Any:
    """An instance of a class without an import path."""

    class Local:
        def __init__(self) -> None:
            self.title = title

    return Local()


MAKERS: tuple[Callable[[str], Any], ...] = (
    lambda title: App(title=title),
    made,
    Slotted,
    local,
    str,
)


def same(one: Any, other: Any) -> bool:
    return comparable([one, None]) == comparable([other, None])


@pytest.mark.parametrize(
    "within",
    [lambda v: v, lambda v: [v], lambda v: {"app": v}, lambda v: (1, {"deep": [v]}), local],
    ids=["bare", "list", "dict", "nested", "attribute"],
)
def test_results_are_told_apart_by_what_they_hold(within: Callable[[Any], Any]) -> None:
    """Two results with the same contents are equal, with others not, whatever their classes."""
    wrong = []
    for make in MAKERS:
        if not same(within(make("Habits")), within(make("Habits"))):
            wrong.append((make, "differ"))
        if same(within(make("Habits")), within(make("Plans"))):
            wrong.append((make, "are the same"))
    assert not wrong


def test_what_holds_itself_and_what_is_large_is_bounded() -> None:
    """A cycle, depth and number of values end the look, and results stay comparable."""
    one, other = Slotted("a"), Slotted("b")
    one.title, other.title = [one], [other]  # type: ignore[assignment]
    assert same(one, other)
    many = [Slotted(str(number)) for number in range(50_000)]
    assert same(many, many)
