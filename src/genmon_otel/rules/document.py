"""Rules as data, and the YAML they are written as.

Written here rather than with a YAML library so that ``genmon assets export`` works on
a bare installation, and so that the generated files are stable and pleasant to read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_/]([A-Za-z0-9_/.:-]*[A-Za-z0-9_/-])?|[0-9]+[smhdw]")
_WORDS_OF_YAML = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
#: What a block may hold: the printable characters of YAML that end no line.
_BLOCK = re.compile(r"[\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]*")
#: What a quoted string must escape beyond what JSON does.
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]")


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


def to_yaml(tree: Any) -> str:
    """Write mappings, sequences, strings, numbers and booleans as YAML, blocks for long text."""
    return "\n".join(_lines(tree)) + "\n"


def _lines(node: Any) -> list[str]:
    if isinstance(node, Mapping):
        return [line for key, value in node.items() for line in _entry(_scalar(str(key)), value)]
    return [line for value in node for line in _item(value)]


def _entry(key: str, value: Any) -> list[str]:
    if isinstance(value, Mapping | list | tuple):
        if not value:
            return [f"{key}: {'{}' if isinstance(value, Mapping) else '[]'}"]
        return [f"{key}:", *("  " + line for line in _lines(value))]
    if isinstance(value, str) and _fits_block(value):
        return [f"{key}: |-", *("  " + line for line in value.split("\n"))]
    return [f"{key}: {_scalar(value)}"]


def _item(value: Any) -> list[str]:
    if isinstance(value, Mapping | list | tuple):
        if not value:
            return ["- {}" if isinstance(value, Mapping) else "- []"]
        first, *rest = _lines(value)
        return [f"- {first}", *("  " + line for line in rest)]
    return [f"- {_scalar(value)}"]


def _fits_block(text: str) -> bool:
    """Whether a literal block keeps ``text`` as it is."""
    lines = text.split("\n")
    return (
        ("\n" in text or (len(text) > 60 and " " in text))
        and _BLOCK.fullmatch(text) is not None
        and lines[0][:1] not in ("", " ")
        and lines[-1] != ""
        and all(line.strip() or not line for line in lines)
    )


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.lower() not in _WORDS_OF_YAML:
            return value
        if '"' in value and "'" not in value and _BLOCK.fullmatch(value) and "\n" not in value:
            return f"'{value}'"
        return _UNPRINTABLE.sub(_escape, json.dumps(value, ensure_ascii=False))
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise TypeError(f"{type(value).__name__} has no place in a rules file.")


def _escape(match: re.Match[str]) -> str:
    return f"\\U{ord(match[0]):08x}"
