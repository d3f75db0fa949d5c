"""Replace what stands behind sensitive names in text, wherever names and values stand.

Each rule looks at one kind of place, around one name, within bounds: the whole is linear.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from genmon_otel.redaction.assignments import assigned, below
from genmon_otel.redaction.bounds import Bounds
from genmon_otel.redaction.commands import (
    flagged,
    in_netrc,
    in_path,
    in_prose,
    in_setter,
    redact_commands,
    set_by_command,
)
from genmon_otel.redaction.edits import Edit, apply, rest
from genmon_otel.redaction.hints import Name, sensitive_names
from genmon_otel.redaction.markup import (
    beside_its_value,
    in_element,
    in_form_part,
    refused_by_validation,
)
from genmon_otel.redaction.sentences import in_sentence
from genmon_otel.redaction.tables import in_insert, in_table

#: Tried in this order; the first that finds something counts.
RULES: Final[tuple[Callable[[str, Name], list[Edit]], ...]] = (
    flagged,
    in_form_part,
    beside_its_value,
    in_element,
    in_table,
    in_insert,
    refused_by_validation,
    below,
    assigned,
    in_netrc,
    set_by_command,
    in_setter,
    in_path,
    in_prose,
    in_sentence,
)

_FAR: Final = 100_000
#: Rules that need one of some strings, each somewhere in the text.
_NEEDS: Final[dict[Callable[[str, Name], list[Edit]], tuple[str, ...]]] = {
    in_form_part: ("name=",),
    in_element: ("<", ">"),
    in_table: ("|", "│", "┃", "\n"),
    in_insert: ("(",),
    refused_by_validation: ("input_value=", "On instance["),
    below: ("\n", "\\n"),
    in_netrc: ("machine", "login", "default", "account"),
    in_setter: ("(",),
}
#: Rules that need one of some characters right behind the name; an empty one is the text's end.
_BEHIND: Final[dict[Callable[[str, Name], list[Edit]], str]] = {
    in_table: "*`_~\"' \t|│┃,;\r\n",
    in_insert: ',) `"]',
    below: "\\\"' \t:",
    in_netrc: " \t\r\n",
    set_by_command: " \t'\"",
    in_setter: "(",
    in_path: "/",
    in_prose: " ",
    in_sentence: " :：",
}


def redact_named(text: str, most: Bounds | None = None) -> str:
    """Replace the values that stand behind sensitive names.

    Args:
        text: any text.
        most: how much is looked at; all that follows is hidden. None for all.
    """
    edits: list[Edit] = []
    done = values = 0
    rules = [
        rule
        for rule in RULES
        if rule not in _NEEDS or any(literal in text for literal in _NEEDS[rule])
    ]
    by_char: dict[str, list[Callable[[str, Name], list[Edit]]]] = {}
    for number, name in enumerate(sensitive_names(text), 1):
        if most is not None and (values == most.values or number == most.names):
            edits += rest(text, max(done, name.end if values < most.values else 0))
            break
        if name.begin < done:
            continue
        behind = text[name.end : name.end + 1]
        if behind not in by_char:
            by_char[behind] = [
                rule
                for rule in rules
                if rule not in _BEHIND or behind in _BEHIND[rule] or behind.isspace()
            ]
        for rule in by_char[behind]:
            if found := rule(text, name):
                edits += found
                values += 1
                # of several, such as a table's cells, those far away leave what is between them
                near = [stop for _, stop, _ in found if len(found) == 1 or stop - name.end < _FAR]
                done = max([done, *near])
                break
    if edits:
        text = apply(text, edits)
    return redact_commands(text, None if most is None else most.values)
