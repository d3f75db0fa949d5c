"""Case files changed by hand, anywhere: they load, or are refused by name; never anything else."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from genmon_otel.records import StepRecord
from genmon_otel.regression.cases import files
from genmon_otel.regression.cases.case import Case, CaseTrigger, Expected
from genmon_otel.regression.cases.case_reading import CaseError

TREE = Case(
    slug="build-1",
    operation="build",
    target="app:build",
    inputs={"request": "bad", "options": [1, {"deep": None}]},
    steps=(
        StepRecord("ask", {"p": 1}, "value", "x", ended_s=1.0),
        StepRecord("write", {"text": ["a", 2.5]}, "value", {"ok": True}, ended_s=2.0),
    ),
    trigger=CaseTrigger("content", 0),
    expected=Expected("v2:s", "syntax_error", "JSONDecodeError"),
    postcondition="app:check",
    programs=("git",),
    factories={"self": "app:make"},
).to_dict()

Place = tuple[str | int, ...]


def places(tree: Any, there: Place = ()) -> list[Place]:
    """Every place in a tree, the root first."""
    found = [there]
    if isinstance(tree, (dict, list)):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for key, value in items:
            found += places(value, (*there, key))
    return found


#: Lone surrogates too: JSON can say them, UTF-8 cannot.
TEXT = st.text(st.characters(), max_size=12)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | TEXT
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@st.composite
def mutations(draw: st.DrawFn) -> tuple[Place, Any]:
    """A tree with one thing replaced, removed, added or swapped; and where."""
    place = draw(st.sampled_from(places(TREE)[1:]))
    tree = copy.deepcopy(TREE)
    holder: Any = tree
    for key in place[:-1]:
        holder = holder[key]
    key = place[-1]
    match draw(st.sampled_from(["replace", "remove", "add", "take another's"])):
        case "replace":
            holder[key] = draw(JSON)
        case "remove":
            del holder[key]
        case "add" if isinstance(holder, list):
            holder.insert(int(key), draw(JSON))
        case "add":
            key = draw(TEXT)
            holder[key] = draw(JSON)
            place = (*place[:-1], key)
        case _:
            other: Any = TREE
            for step in draw(st.sampled_from(places(TREE))):
                other = other[step]
            holder[key] = copy.deepcopy(other)
    return place, tree


def names_it(message: str, place: Place) -> bool:
    """Whether a message tells where to look: the member, or the one that it is part of."""
    top = str(place[0])
    # The steps' number is the trigger's business, too.
    words = {top, f"{top[:40]!r}", "trigger" if top == "steps" else top}
    if top == "genmon_case":
        words.add("version")
    return any(word in message for word in words)


@given(mutations())
@example((("factories",), {**TREE, "factories": {"\ud800": 1}}))
@example((("\ud800",), {**TREE, "\ud800": 1}))
def test_a_changed_case_file_loads_or_is_refused_by_name(
    tmp_path_factory: Any, change: tuple[Place, Any]
) -> None:
    """The product's own error names file and field; what loads can be written and read again."""
    place, tree = change
    path = Path(tmp_path_factory.getbasetemp()) / "changed.genmon.json"
    path.write_text(json.dumps(tree), encoding="ascii")
    try:
        case = files.read(path)
    except CaseError as error:
        message = str(error)
        assert message.startswith(f"{path}: ")
        assert names_it(message.removeprefix(f"{path}: "), place), message
        message.encode()  # it can be printed
        return
    assert Case.from_json(case.to_json()) == case


@given(JSON)
def test_any_json_is_refused_by_name(tmp_path_factory: Any, tree: Any) -> None:
    """What never was a case."""
    path = Path(tmp_path_factory.getbasetemp()) / "none.genmon.json"
    path.write_text(json.dumps(tree), encoding="ascii")
    with pytest.raises(CaseError, match=r"genmon_case|version") as refused:
        files.read(path)
    assert str(refused.value).startswith(f"{path}: ")
