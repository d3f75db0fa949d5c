"""Turn the JSON that a reviewer gives for a step into what that step returns.

What a step returns is known from what it returned: in the recording, or in a successful generation.
Where neither has an answer of it, the replay takes the step's annotation.
"""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass, replace
from typing import Any, Final

from genmon_otel.errors import ConfigurationError, PayloadError
from genmon_otel.payload import decode, encode
from genmon_otel.records import StepRecord, Tree
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.feeding import answered

#: Tags of values that have named fields, and of those that are lists.
_WITH_FIELDS: Final = frozenset({"object", "model", "model1", "namedtuple"})
_LISTS: Final = frozenset({"tuple", "set", "frozenset"})
#: Characters of a form that is shown to the reviewer.
_SHOWN: Final = 300
#: Where clients' answers have their text, as paths of keys and indices.
_TEXTS: Final = (
    ("choices", 0, "message", "content"),
    ("output", 0, "content", 0, "text"),
    ("content", 0, "text"),
    ("candidates", 0, "content", "parts", 0, "text"),
)


class _Unfit(Exception):
    """Raised with what a value is not."""


def given_outcome(case: Case, name: str, value: Any) -> StepRecord:
    """Return the outcome of a step, made of JSON.

    Args:
        case: whose recording and donors show what the step returns.
        name: of the step.
        value: JSON data.

    Raises:
        ConfigurationError: it cannot become what the step returns; says of which form it must be.
    """
    forms = list(_forms(case, name))
    problem = ""
    for form in forms:
        try:
            return _record(name, _shaped(form, value, name))
        except _Unfit as unfit:
            problem = problem or str(unfit)
    if problem:
        raise ConfigurationError(
            f"What is given for {name} does not fit: {problem} It returned {_form(forms[0])}"
        )
    return _record(name, encode(value))


def _record(name: str, outcome: Tree) -> StepRecord:
    return StepRecord(name=name, arguments={}, kind="value", outcome=outcome, ended_s=0.0)


def _forms(case: Case, name: str) -> Iterator[Tree]:
    """Values that a decorated step returned; of automatic ones any JSON may be the body."""
    for step in (*case.steps, *(donor.step for donor in case.donors)):
        if step.name == name and answered(step) and not step.adapter and step.kind == "value":
            yield step.outcome


def _shaped(form: Tree, value: Any, where: str) -> Tree:
    """Return JSON data as a tree of the form of another.

    Raises:
        _Unfit: it has not its form.
    """
    if value is None or form is None:
        return encode(value)
    tag = form.get("$") if isinstance(form, Mapping) else None
    if tag in _WITH_FIELDS:
        assert isinstance(form, Mapping)
        return _object(form, value, where)
    if tag in _LISTS:
        assert isinstance(form, Mapping)
        return {"$": tag, "v": _items(form.get("v"), value, where)}
    if tag == "enum":
        assert isinstance(form, Mapping)
        return {"$": "enum", "type": form.get("type"), "name": value}
    if isinstance(tag, str) and tag != "pairs":
        assert isinstance(form, Mapping)
        if isinstance(form.get("v"), str) and isinstance(value, str):
            return {**form, "v": value}
        return encode(value)
    if isinstance(form, list):
        return _items(form, value, where)
    kinds: tuple[type, ...] = (dict,) if isinstance(form, Mapping) else _KINDS[type(form)]
    if not isinstance(value, kinds):
        raise _Unfit(f"{_word(value)} cannot become what it returns, {_word(form)}.")
    return encode(value)


_KINDS: Final[Mapping[type, tuple[type, ...]]] = {
    str: (str,), int: (int, float), float: (int, float), bool: (bool,),
}  # fmt: skip


def _items(form: Any, value: Any, where: str) -> list[Tree]:
    if not isinstance(value, list):
        raise _Unfit(f"{_word(value)} cannot become what it returns, a list.")
    first = form[0] if isinstance(form, list) and form else None
    return [_shaped(first, item, where) for item in value]


def _object(form: Mapping[str, Any], value: Any, where: str) -> Tree:
    fields = form.get("fields")
    assert isinstance(fields, Mapping)
    if isinstance(value, str) and (made := _with_text(form, value)) is not None:
        return made
    if not isinstance(value, dict):
        raise _Unfit(f"{_word(value)} cannot become a {_type(form)}: give its fields as an object.")
    if unknown := [key for key in value if key not in fields]:
        raise _Unfit(f"a {_type(form)} has no field {unknown[0]!r}.")
    if missing := [key for key in fields if key not in value]:
        raise _Unfit(f"a {_type(form)} needs {', '.join(map(repr, missing))}, too.")
    made = {key: _shaped(fields[key], item, f"{where}.{key}") for key, item in value.items()}
    kept = {key: form[key] for key in ("extra", "private") if key in form}
    given = {"set": sorted(made)} if form.get("$") == "model1" else {}
    return {"$": form["$"], "type": form.get("type"), "fields": made, **kept, **given}


def _with_text(form: Mapping[str, Any], text: str) -> Tree | None:
    """An answer of a model's client with another text; None where it is none."""
    for path in _TEXTS:
        copy = json.loads(json.dumps(form))
        holder: Any = copy
        for key in path[:-1]:
            holder = _inside(holder, key)
        fields = holder.get("fields", holder) if isinstance(holder, dict) else None
        if isinstance(fields, dict) and isinstance(fields.get(path[-1]), str):
            fields[str(path[-1])] = text
            return copy
    return None


def _inside(holder: Any, key: Any) -> Any:
    if isinstance(key, int):
        items = holder.get("v") if isinstance(holder, dict) else holder
        return items[key] if isinstance(items, list) and len(items) > key else None
    fields = holder.get("fields", holder) if isinstance(holder, dict) else {}
    return fields.get(key) if isinstance(fields, dict) else None


def _type(form: Mapping[str, Any]) -> str:
    return str(form.get("type", "value")).rpartition(":")[2]


def _word(value: Any) -> str:
    words = {str: "a text", dict: "an object", list: "a list", bool: "a truth value"}
    return words.get(type(value), "a number")


def _form(form: Tree) -> str:
    """Return a form as JSON that a reviewer can copy and change."""

    def plain(tree: Any) -> Any:
        if isinstance(tree, list):
            return [plain(item) for item in tree]
        if isinstance(tree, Mapping):
            if "fields" in tree and "$" in tree:
                return plain(tree["fields"])
            if "v" in tree and "$" in tree:
                return plain(tree["v"])
            return {key: plain(item) for key, item in tree.items()}
        return tree

    text = json.dumps(plain(form), ensure_ascii=False)
    return (text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…") + "."


# --- in the replay: by the annotation -------------------------------------------------


def as_annotated(record: StepRecord, call: Callable[..., Any] | None) -> StepRecord:
    """Return a reviewer's outcome as the step's annotation says; as it is where that says nothing.

    Raises:
        PayloadError: it cannot become that.
    """
    kind, value = _returned(call), decode(record.outcome)
    if kind is None or not isinstance(value, (dict, list)):
        return record
    try:
        return replace(record, outcome=encode(_made(kind, value)))
    except Exception as error:
        raise PayloadError(
            f"the reviewer's outcome of {record.name} cannot become {getattr(kind, '__name__', kind)}: "
            f"{type(error).__name__}: {str(error)[:300]}"
        ) from None


def _returned(call: Callable[..., Any] | None) -> Any:
    if call is None:
        return None
    try:
        return typing.get_type_hints(inspect.unwrap(call)).get("return")
    except Exception:
        return None


def _made(kind: Any, value: Any) -> Any:
    if hasattr(kind, "model_validate"):
        return kind.model_validate(value)
    if hasattr(kind, "parse_obj"):
        return kind.parse_obj(value)
    if is_dataclass(kind) or hasattr(kind, "__attrs_attrs__"):
        hints = typing.get_type_hints(kind)
        return kind(**{k: _made(hints.get(k), v) for k, v in value.items()})
    if typing.get_origin(kind) is list and isinstance(value, list):
        (item,) = typing.get_args(kind) or (None,)
        return [_made(item, each) for each in value]
    return value
