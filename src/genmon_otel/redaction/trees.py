"""Redact trees (see :mod:`genmon_otel.payload`): by key, by neighbouring name, by position."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set
from functools import lru_cache
from typing import Final, NamedTuple

from genmon_otel.records import Tree
from genmon_otel.redaction.commands import redact_arguments
from genmon_otel.redaction.edits import is_plain_word
from genmon_otel.redaction.placeholders import constant, zeros
from genmon_otel.redaction.sensitive import is_personal, is_sensitive
from genmon_otel.redaction.token_details import is_of_model
from genmon_otel.redaction.values import is_evident_non_secret

#: Tagged scalars: what stands for them under a sensitive name ...
_ZEROS: Final = {"uuid": "00000000-0000-0000-0000-000000000000", "int": "0x0", "decimal": "0"}
#: ... and those that hold no secret and must stay what they are to be rebuilt.
_INERT: Final = frozenset(
    "datetime date time timedelta zone timezone enum type float complex range slice opaque ellipsis notimplemented".split()
)
#: Keys of objects that hold a name beside a value.
_NAME_KEYS: Final = frozenset(
    "name key k header field fieldname param parameter property variable var envvar env_var id label attribute setting option question prompt ask".split()
)
_VALUE_KEYS: Final = frozenset(
    "value val v data content secret default plaintext stringvalue string_value text values defaultvalue default_value answer response reply stringdata".split()
)
#: Keys of tables that hold the names of columns, and the rows.
_COLUMN_KEYS: Final = frozenset("columns headers header fields names cols".split())
_ROW_KEYS: Final = frozenset("rows data values records body".split())
_JSON_TYPES: Final = frozenset(
    {"string", "integer", "number", "boolean", "object", "array", "null"}
)
#: Keys of a JSON schema under which a value may stand.
_EXAMPLES: Final = frozenset({"default", "example", "examples", "const"})
_LONGEST_NAME: Final = 96
#: Keys of an object up to which what they tell together is remembered.
_MAX_KEYS: Final = 48
#: Rows of keys that are remembered to hold nothing to hide.
_MAX_OBJECTS: Final = 1_024
#: Characters of a list of texts up to which it is remembered.
_LIST_CHARS: Final = 256
_NONE: Final[frozenset[str]] = frozenset()
#: Hold no secret unless a key says so.
_SCALARS: Final = frozenset({int, float, bool, type(None)})
_NO_LABEL: Final = re.compile(r"[=:/,;\"'<>()\[\]{}\\]")


class _Kind(NamedTuple):
    """What a key of an object tells of its value."""

    is_sensitive: bool
    is_personal: bool
    #: Its value is a name, or the value beside one.
    of_name: bool
    of_value: bool
    #: Its value is the way to what a validator refused, that value itself, or the kind of a field.
    of_place: bool
    of_refused: bool
    of_type: bool
    #: Its value is the names of columns, or rows.
    of_columns: bool
    of_rows: bool


@lru_cache(maxsize=4096)
def key_kind(key: str) -> _Kind:
    """Return what a key of an object tells of its value."""
    lower = key.lower()
    return _Kind(
        is_sensitive(key),
        is_personal(key),
        lower in _NAME_KEYS or key.endswith(("Name", "Key")),
        lower in _VALUE_KEYS or key.endswith("Value"),
        lower in ("loc", "field", "fieldname", "instancepath", "instance_path", "path"),
        lower in ("input", "rejected", "rejectedvalue", "rejected_value", "actual", "got"),
        lower in ("type", "kind", "inputtype", "input_type"),
        lower in _COLUMN_KEYS,
        lower in _ROW_KEYS,
    )


class _Keys(NamedTuple):
    """What the keys of an object tell together."""

    #: None of them tells anything of its own value.
    are_plain: bool
    #: One may be a name, and another the value beside it.
    may_name: bool
    have_columns: bool


_ANY_KEYS: Final = _Keys(are_plain=False, may_name=True, have_columns=True)


@lru_cache(maxsize=1024)
def _keys(keys: tuple[str, ...]) -> _Keys:
    kinds = [key_kind(key) for key in keys]
    return _Keys(
        not any(kind.is_sensitive or kind.is_personal for kind in kinds) and "$" not in keys,
        any(kind.of_name or kind.of_place or kind.of_type for kind in kinds)
        and any(kind.of_value or kind.of_refused for kind in kinds),
        any(kind.of_columns for kind in kinds) and any(kind.of_rows for kind in kinds),
    )


class TreeRedactor:
    """Redacts trees.

    Args:
        text: what redacts one text.
    """

    def __init__(self, text: Callable[[str], str]) -> None:
        self._text = text
        self._harmless_keys: set[tuple[str, ...]] = set()
        #: Short lists of texts: an object's tags are those of many others.
        self._harmless_lists: set[tuple[Tree, ...]] = set()

    def tree(self, tree: Tree) -> Tree:
        """Return a copy of ``tree`` without secrets, of the same structure."""
        if isinstance(tree, str):
            return self._text(tree)
        if isinstance(tree, list):
            return self._list(tree)
        if isinstance(tree, dict):
            return self._object(tree)
        return tree

    def _object(self, tree: dict[str, Tree]) -> Tree:
        # objects of a list have the same keys
        names = tuple(tree)
        keys = _keys(names) if len(names) <= _MAX_KEYS else _ANY_KEYS
        hidden = _named_value(tree) if keys.may_name else _NONE
        columns = _columns(tree) if keys.have_columns else None
        if keys.are_plain and not hidden and columns is None:
            return {
                key: value if type(value) in _SCALARS else self.tree(value)
                for key, value in zip(self._redacted_keys(names), tree.values(), strict=True)
            }
        return {
            key if key[:1] == "$" else self.tree(key): self.tree(value)
            if is_of_model(key, tree)
            else self._member(key, value, hidden, columns)
            for key, value in tree.items()
        }

    def _redacted_keys(self, names: tuple[str, ...]) -> Sequence[str]:
        if names in self._harmless_keys:
            return names
        redacted = [name if name[:1] == "$" else self._text(name) for name in names]
        if redacted == list(names):
            if len(self._harmless_keys) >= _MAX_OBJECTS:
                self._harmless_keys.clear()
            self._harmless_keys.add(names)
        return redacted

    def _member(self, key: str, value: Tree, hidden: Set[str], columns: list[Tree] | None) -> Tree:
        if key == "$":
            return value
        kind = key_kind(key)
        if columns is not None and kind.of_rows and isinstance(value, list):
            return [self._row(row, columns) for row in value]
        if kind.is_sensitive or key in hidden:
            return self.hide(value, key)
        if kind.is_personal:
            return self._number(value)
        return self.tree(value)

    def _list(self, tree: list[Tree]) -> Tree:
        if _SCALARS.issuperset(map(type, tree)):
            return list(tree)
        if not all(type(member) is str for member in tree) or sum(map(len, tree)) > _LIST_CHARS:
            return self._other_list(tree)
        members = tuple(tree)
        if members in self._harmless_lists:
            return list(tree)
        redacted = self._other_list(tree)
        if redacted == tree:
            if len(self._harmless_lists) >= _MAX_OBJECTS:
                self._harmless_lists.clear()
            self._harmless_lists.add(members)
        return redacted

    def _other_list(self, tree: list[Tree]) -> Tree:
        if len(tree) == 2 and names_secret(tree[0]) and not _is_word(tree[1]):
            return [self.tree(tree[0]), self.hide(tree[1])]
        if len(tree) > 1:
            if (arguments := redact_arguments(tree)) is not None:
                tree = arguments
            elif (rows := self._rows(tree)) is not None:
                return rows
        return [self.tree(member) for member in tree]

    def _rows(self, tree: list[Tree]) -> list[Tree] | None:
        """Rows of a table whose first names the columns."""
        head = _members(tree[0])
        if head is None or len(head) < 2 or not any(names_secret(name) for name in head):
            return None
        rows = [_members(row) for row in tree]
        if not all(row is not None and len(row) == len(head) for row in rows):
            return None
        if len(tree) == 2 and len(head) == 2 and names_secret(head[0]):
            return None  # as likely pairs
        return [tree[0], *(self._row(row, head) for row in tree[1:])]

    def _row(self, row: Tree, head: list[Tree]) -> Tree:
        if isinstance(row, dict) and row.get("$") in ("tuple", "list"):
            return {
                key: self._row(value, head) if isinstance(value, list) else value
                for key, value in row.items()
            }
        if not isinstance(row, list):
            return self.tree(row)
        return [
            self.hide(cell, str(head[place]))
            if place < len(head) and names_secret(head[place])
            else self.tree(cell)
            for place, cell in enumerate(row)
        ]

    def hide(self, tree: Tree, name: str = "secret") -> Tree:
        """Replace every leaf of what stands under a sensitive name."""
        if isinstance(tree, str):
            if is_evident_non_secret(tree, name, quoted=True, code=False, shell=False):
                return self._text(tree)
            return constant(len(tree))
        if isinstance(tree, list):
            return [self.hide(member, name) for member in tree]
        if isinstance(tree, dict):
            if _is_schema(tree):
                return {
                    key: self.hide(value, name) if key in _EXAMPLES else self.tree(value)
                    for key, value in tree.items()
                }
            zero = _ZEROS.get(tree.get("$", ""))
            if zero is not None and "v" in tree:
                return {**tree, "v": zero}
            if tree.get("$") in _INERT:
                return self.tree(tree)
            return {
                key if key[:1] == "$" else self._text(key): value
                if key in ("$", "type", "path", "library") and "$" in tree
                else self.hide(value, name)
                for key, value in tree.items()
            }
        if isinstance(tree, (int, float)) and not isinstance(tree, bool) and name != "pass":
            return type(tree)(0)
        return tree

    def _number(self, tree: Tree) -> Tree:
        """Hide a phone or account number that its key tells."""
        if isinstance(tree, str) and 6 <= sum(map(str.isdigit, tree)) <= 34 and len(tree) <= 48:
            return zeros(tree)
        return self.tree(tree)


def _named_value(tree: dict[str, Tree]) -> set[str]:
    """Keys of the values of ``{"name": "API_KEY", "value": …}``."""
    for key, value in tree.items():
        kind = key_kind(key)
        if kind.of_place and (key != "path" or "op" in tree):  # of a JSON patch, not a file's
            place = value[-1] if isinstance(value, list) and value else value
            if names_secret(place):
                return {
                    each for each in tree if key_kind(each).of_value or key_kind(each).of_refused
                }
        if kind.of_name and names_secret(value):
            return {each for each in tree if key_kind(each).of_value}
        if key == "kind" and value == "Secret":  # of Kubernetes
            return {"data", "stringData"}
        if kind.of_type and value == "password":  # of a field of a form
            return {each for each in tree if key_kind(each).of_value}
    return set()


def _columns(tree: dict[str, Tree]) -> list[Tree] | None:
    """Return the names of the columns of ``{"columns": […], "rows": […]}`` if one is sensitive."""
    for key, value in tree.items():
        if key_kind(key).of_columns:
            names = _members(value)
            if names and any(names_secret(name) for name in names):
                return names
    return None


def names_secret(tree: Tree) -> bool:
    """Tell whether the first half of a pair, be it str or bytes, is a sensitive name."""
    if isinstance(tree, dict):
        tree = tree.get("utf8", "")
    return (
        isinstance(tree, str)
        and 0 < len(tree) <= _LONGEST_NAME
        and _is_label(tree.rpartition("/")[2])
        and is_sensitive(tree)
    )


def _is_label(text: str) -> bool:
    return _NO_LABEL.search(text) is None and len(text.split()) <= (6 if text.endswith("?") else 3)


def _members(tree: Tree) -> list[Tree] | None:
    """Return the members of a list or tuple."""
    if isinstance(tree, dict):
        tree = tree.get("v")
    return tree if isinstance(tree, list) else None


def _is_word(tree: Tree) -> bool:
    """Tell whether the second half of a pair is itself a word, as in ``["password", "email"]``."""
    return isinstance(tree, str) and is_plain_word(tree)


def _is_schema(tree: dict[str, Tree]) -> bool:
    """Tell whether a mapping is a JSON schema: it says what a secret looks like."""
    kind = tree.get("type")
    if not _VALUE_KEYS.isdisjoint(tree):
        return False
    return (
        kind in _JSON_TYPES if isinstance(kind, str) else isinstance(kind, list) and "null" in kind
    )
