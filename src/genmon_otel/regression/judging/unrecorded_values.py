"""Name the step or argument of a value that was not recorded and that the replayed code used."""

from __future__ import annotations

from typing import Final

from genmon_otel.payload.opaque import opaque_nodes
from genmon_otel.records import Tree
from genmon_otel.regression.cases.case import Case

#: What stands between type and reason in a note of :func:`genmon_otel.payload.touches`.
_BETWEEN: Final = " was not recorded "


def named(note: str, case: Case) -> str:
    """Return a note of a value that was used, with the step or argument that it is of."""
    kind, between, rest = note.partition(_BETWEEN)
    if not between:
        return note
    for step in case.steps:
        if not step.adapter and _holds(step.outcome, kind):
            return f"Step {step.name}'s result ({kind}) could not be recorded {rest}"
    if isinstance(case.inputs, dict):
        for name, value in case.inputs.items():
            if _holds(value, kind):
                return f"Argument {name!r} ({kind}) could not be recorded {rest}"
    return note


def _holds(tree: Tree, kind: str) -> bool:
    return any(node.get("type") == kind for node in opaque_nodes(tree))
