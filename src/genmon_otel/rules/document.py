"""Rules as data, and the YAML they are written as."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

#: Strings that every reader of YAML, 1.1 or 1.2, takes for strings without quotes.
_PLAIN: Final = re.compile(r"[A-Za-z_/]([A-Za-z0-9_/.:-]*[A-Za-z0-9_/-])?|[0-9]+[smhdw]")
_WORDS_OF_YAML: Final = frozenset("true false null yes no on off y n".split())
#: Characters from which on a string is written as a block of its own.
_LONG: Final = 60


@dataclass(frozen=True, slots=True)
class Rule:
    """One recording or alerting rule."""

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)
    #: None: a recording rule.
    annotations: Mapping[str, str] | None = None
    #: How long the condition must hold; None: fires at once.
    for_: str | None = None

    def tree(self) -> dict[str, Any]:
        """The rule as Prometheus' file format names its parts."""
        alert = self.annotations is not None
        tree: dict[str, Any] = {"alert" if alert else "record": self.name, "expr": self.expr}
        if self.for_:
            tree["for"] = self.for_
        if self.labels:
            tree["labels"] = dict(self.labels)
        if self.annotations:
            tree["annotations"] = dict(self.annotations)
        return tree


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after the other, every ``interval``."""

    name: str
    interval: str
    rules: Sequence[Rule]

    def tree(self) -> dict[str, Any]:
        """The group as Prometheus' file format names its parts."""
        return {
            "name": self.name,
            "interval": self.interval,
            "rules": [rule.tree() for rule in self.rules],
        }


#: Line ends of YAML, in addition to the usual ones.
_OTHER_LINE_ENDS = frozenset("\r\x85\u2028\u2029")


class _Dumper(yaml.SafeDumper):
    """Keep the order of keys, indent lists, write no aliases, and quote what might not be a string."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def string(self, text: str) -> yaml.ScalarNode:
        """Choose how a string is written; where its characters forbid that, PyYAML quotes it."""
        style = "'" if '"' in text else '"'
        if "\n" in text or (len(text) > _LONG and " " in text):
            style = "|"
        elif _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML:
            style = ""
        if _OTHER_LINE_ENDS.intersection(text):
            style = '"'  # PyYAML loses them in every other style
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _Dumper.string)


def to_yaml(tree: Any) -> str:
    """Write mappings, sequences, strings, numbers and booleans as YAML, blocks for long text."""
    text: str = yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**9)
    return text
