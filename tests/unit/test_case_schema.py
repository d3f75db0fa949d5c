"""The JSON Schema of case files says what their reader takes."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.case_reading import CaseError
from tests.case_kit import recorded
from tests.unit.test_case_mutations import TREE, Place, mutations

#: As it is in an installed package.
SCHEMA = json.loads((files("genmon_otel.regression") / "cases/case.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)

#: What a schema cannot say: how members fit each other, how deep and how many the values are.
BEYOND = ("trigger.step is", "root ", "levels deep", "values.")


def test_it_is_a_schema() -> None:
    """The file is a valid schema of its own draft, and each object in it is closed and explained."""
    Draft202012Validator.check_schema(SCHEMA)
    for body in (SCHEMA, *SCHEMA["$defs"].values()):
        assert body["additionalProperties"] is False
        assert body["description"]


def test_real_cases_are_valid(tmp_path: Path) -> None:
    """A case made of a failure that happened is valid, as its file holds it."""
    case = recorded(tmp_path)
    VALIDATOR.validate(json.loads(case.to_json()))


def test_it_lists_every_member() -> None:
    """Whatever a written case holds is a member that the schema names."""
    assert set(SCHEMA["properties"]) == set(TREE)


@given(mutations())
def test_it_agrees_with_the_reader(change: tuple[Place, Any]) -> None:
    """A changed case is valid where the reader takes it, and not where it refuses it."""
    tree = change[1]
    refusal = ""
    try:
        Case.from_dict(tree)
    except CaseError as error:
        refusal = str(error)
    is_beyond = any(part in refusal for part in BEYOND) or _has_whole_float(tree)
    assert VALIDATOR.is_valid(tree) == (not refusal) or (refusal and is_beyond), refusal


def _has_whole_float(tree: Any) -> bool:
    """Whether a number is written like 2.0: a whole number to a schema, none to the reader."""
    if isinstance(tree, float):
        return tree.is_integer()
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return any(map(_has_whole_float, inner))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("slug", "Build 1"), ("steps", {}), ("expect", "maybe"), ("unknown", 1), ("genmon_case", 2),
        ("genmon_case", True), ("env", {"A": 1}), ("trigger", {"kind": "fault"}), ("duration_s", "1"),
        ("trigger", {"kind": "content", "step": None}), ("provenance", {"occurrences": -1}),
    ],
)  # fmt: skip
def test_it_refuses_what_the_reader_refuses(member: str, value: Any) -> None:
    """One wrong value of each kind."""
    tree = {**TREE, member: value}
    assert not VALIDATOR.is_valid(tree)
    with pytest.raises(CaseError):
        Case.from_dict(tree)
