"""Redact events of a stream by their shape: thousands of one stream differ in a text or two.

An event's shape is its JSON without the texts in it, and without numbers but indexes. What a tree's keys and the
names in it tell is found out once a shape; of each further event only the texts are looked at.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from genmon_otel.bodies import Part, Place, data_of, indexes
from genmon_otel.redaction import Redactor
from genmon_otel.redaction.trees import key_kind, names_secret

#: A string of JSON; behind a key a colon.
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*+)"(\s*:)?')
_NUMBER: Final = re.compile(r"-?[0-9][0-9.eE+-]*")
#: Those that tell texts apart (see :func:`genmon_otel.bodies.indexes`).
_INDEXES: Final = re.compile(r'index"\s*:\s*(-?[0-9]+)', re.IGNORECASE)
#: Shapes that are remembered; a stream has a handful.
_MAX_SHAPES: Final = 256
#: Characters up to which a text is looked at only together with those before and behind it.
SHORT: Final = 11
#: Texts that are remembered to hold nothing to hide.
_MAX_TEXTS: Final = 4_096


class _Shape(NamedTuple):
    """An event in which a text tells nothing of another, but those of some names."""

    #: Of each text, in order: where it stands, and which text of the answer it is a part of.
    places: list[tuple[Place, Place]]
    #: Which of them may name what stands beside them.
    names: list[int]


class _Template(NamedTuple):
    """An event of which one text alone differs from the event before it."""

    prefix: str
    suffix: str
    parts: list[Part]
    #: Which of the parts differs.
    at: int


class EventShapes:
    """Tells of events that there is nothing to hide in them."""

    def __init__(self, redactor: Redactor) -> None:
        self._redact = redactor.tree
        self._known: dict[str, _Shape | None] = {}
        self._harmless: set[str] = set()
        self._last: list[str] = []
        self._template: _Template | None = None

    def harmless_parts(self, event: str) -> list[Part] | None:
        """Return the texts of an event in which nothing is to be hidden; None where that is not known.

        Short texts are not looked at: they are parts of longer ones.
        """
        if (template := self._template) is not None:
            text = event[len(template.prefix) : len(event) - len(template.suffix)]
            if (
                0 < len(text) <= SHORT
                and event.startswith(template.prefix)
                and event.endswith(template.suffix)
                and '"' not in text
                and "\\" not in text
            ):
                parts = template.parts.copy()
                parts[template.at] = parts[template.at]._replace(text=text)
                return parts
        found = _STRING.split(event)
        gaps, texts, colons = found[::3], found[1::3], found[2::3]
        keys = [text if colon else "" for text, colon in zip(texts, colons, strict=True)]
        outline = "".join(
            (_NUMBER.sub("0", "\0".join(gaps)), "\0".join(keys), *_INDEXES.findall(event))
        )
        said = [text for text, colon in zip(texts, colons, strict=True) if not colon]
        shape = self._known.get(outline)
        if shape is None:
            if outline in self._known or len(self._known) >= _MAX_SHAPES:
                return None
            shape = self._known[outline] = self._shape(event, len(said))
            if shape is None:
                return None
        if any(names_secret(said[name]) for name in shape.names):
            return None
        try:
            read = [json.loads(f'"{text}"') if "\\" in text else text for text in said]
        except ValueError:  # no JSON after all
            return None
        long = [text for text in read if len(text) > SHORT]
        if not self._harmless.issuperset(long):
            if any(self._redact(text) != text for text in long):
                return None
            if len(self._harmless) >= _MAX_TEXTS:
                self._harmless.clear()
            self._harmless.update(long)
        parts = [Part(*places, text) for places, text in zip(shape.places, read, strict=True)]
        self._template = self._new_template(found, parts, shape)
        self._last = found
        return [part for part in parts if part.text]

    def _new_template(self, found: list[str], parts: list[Part], shape: _Shape) -> _Template | None:
        """Return what two events have in common that differ in one text."""
        if len(found) != len(self._last):
            return None
        differ = [
            at for at, (was, now) in enumerate(zip(self._last, found, strict=True)) if was != now
        ]
        if len(differ) != 1 or differ[0] % 3 != 1 or found[differ[0] + 1]:
            return None
        if not all(part.text for part in parts):
            return None
        (at,) = differ
        number = sum(1 for colon in found[2:at:3] if not colon)
        if number in shape.names:
            return None
        written = [
            f'"{part}"' if place % 3 == 1 else part or "" for place, part in enumerate(found)
        ]
        return _Template(
            "".join(written[:at]) + '"', '"' + "".join(written[at + 1 :]), parts, number
        )

    def _shape(self, event: str, texts: int) -> _Shape | None:
        value = data_of(event)
        shape = _Shape([], [])
        if value is None or not self._add(value[0], (), (), shape) or len(shape.places) != texts:
            return None
        return shape

    def _add(self, tree: Any, place: Place, whole: Place, shape: _Shape) -> bool:
        """Add the texts of a tree to a shape; False where they tell more than themselves."""
        if isinstance(tree, str):
            shape.places.append((place, whole))
        elif isinstance(tree, list):
            if len(tree) > 1 and any(isinstance(member, (str, list)) for member in tree):
                return False  # arguments of a program, a pair, a table
            for number, member in enumerate(tree):
                within = whole if isinstance(member, str) else (*whole, number)
                if not self._add(member, (*place, number), within, shape):
                    return False
        elif isinstance(tree, dict):
            return self._add_members(tree, place, whole, shape)
        return True

    def _add_members(self, tree: dict[str, Any], place: Place, whole: Place, shape: _Shape) -> bool:
        whole = (*whole, *indexes(tree))
        kinds = {key: key_kind(key) for key in tree}
        if any(kind.of_columns for kind in kinds.values()) and any(
            kind.of_rows for kind in kinds.values()
        ):
            return False
        has_values = any(kind.of_value or kind.of_refused for kind in kinds.values())
        for key, value in tree.items():
            kind = kinds[key]
            if kind.is_sensitive or kind.is_personal or key[:1] == "$" or self._redact(key) != key:
                return False
            if has_values and (kind.of_name or kind.of_place or kind.of_type):
                if isinstance(value, str):
                    shape.names.append(len(shape.places))
                elif isinstance(value, list):
                    return False
            if not self._add(value, (*place, key), (*whole, key), shape):
                return False
        return True
