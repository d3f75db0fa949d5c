"""Values into trees: tagged JSON that keeps the type, never runs the value's own code.

A tree is plain JSON. Dicts with text keys, lists, texts, numbers, booleans and
None are themselves; everything else is a dict with the key ``"$"`` that names
its kind (a text key that begins with ``$`` gets one more). What a redactor must
see stays readable text: bytes are not base64, fields keep their names as keys.

Only base-class accessors and ``__dict__`` are used, so ``__repr__``, ``__iter__``,
``__eq__`` and properties of hostile objects never run.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import PurePath
from typing import Any, Final

from genmon_otel.interruption import is_interruption
from genmon_otel.payload import exceptions, web
from genmon_otel.payload.built_in import ATOM, BUILT_IN, Encoder, as_type
from genmon_otel.payload.escapes import escape
from genmon_otel.payload.opaque import opaque_tree
from genmon_otel.payload.paths import import_path, is_importable
from genmon_otel.payload.state import PLAIN, state_of
from genmon_otel.records import Tree

#: Bytes of one value.
LIMIT_BYTES: Final = 256 * 1024
#: Containers within containers; deeper data is ``Opaque('depth')``.
MAX_DEPTH: Final = 100
_OPAQUE_COST: Final = 100
#: Classes whose encoder is remembered; beyond, all are forgotten (classes may be made at run time).
_MAX_LEARNED: Final = 2_000


class _Over(Exception):
    """The budget is used up; the enclosing container becomes opaque."""


class _Spent(Exception):
    """So much was thrown away already that the whole value becomes opaque."""


class Encoding:
    """One walk over one value, within a budget of bytes."""

    __slots__ = ("_active", "_left", "_limit", "_wasted")

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._left = limit_bytes
        self._wasted = 0
        self._active: set[int] = set()

    def tree(self, value: Any) -> Tree:
        """Encode one value, whatever it is."""
        kind = type(value)
        try:
            return (_BY_TYPE.get(kind) or _learn(kind))(self, value)
        except (_Over, _Spent, RecursionError):
            raise
        except BaseException as error:
            if is_interruption(error):
                raise
            return self._opaque(kind, "hostile")

    def spend(self, size: int) -> None:
        """Take bytes from the budget."""
        self._left -= size
        if self._left < 0:
            raise _Over

    def require(self, size: int) -> None:
        """Give up at once where that many bytes cannot fit."""
        if size > self._left:
            raise _Over

    def text(self, value: str) -> Tree:
        """Encode a text; NUL and lone surrogates, which stores refuse, are escaped."""
        size = len(value)
        if size > self._left:
            return self._too_big(str)
        if value.isascii():
            if "\0" not in value:
                self._left -= size
                return value
        else:
            try:
                size = len(value.encode())
                if "\0" not in value:
                    if size > self._left:
                        return self._too_big(str)
                    self._left -= size
                    return value
            except UnicodeEncodeError:
                pass
        escaped = escape(value)
        if len(escaped) > self._left:
            return self._too_big(str)
        self._left -= len(escaped)
        return {"$": "text", "v": escaped}

    def within(self, value: Any, build: Callable[[], Tree]) -> Tree:
        """Encode a container: guarded against cycles and depth, opaque as a whole when too big."""
        identity = id(value)
        if identity in self._active:
            return self._opaque(type(value), "cycle")
        if len(self._active) >= MAX_DEPTH:
            return self._opaque(type(value), "depth")
        before = self._left
        self._active.add(identity)
        try:
            return build()
        except _Over:
            self._wasted += before - self._left
            if self._wasted > 4 * self._limit:
                raise _Spent from None
            self._left = before
            return self._too_big(type(value))
        finally:
            self._active.discard(identity)

    def items(self, values: Any, size: int) -> list[Tree]:
        """Encode what an iterable of a built-in kind holds."""
        self.spend(size * ATOM)
        tree, text = self.tree, self.text
        return [text(value) if type(value) is str else tree(value) for value in tuple(values)]

    def mapping(self, value: dict[Any, Any]) -> Tree:
        """Encode a dict: plain where its keys are plain texts, else as ordered pairs."""
        self.spend(len(value) * ATOM)
        built = {}
        tree = self.tree
        for key, item in tuple(dict.items(value)):
            if type(key) is not str or not _plain_key(key):
                return {"$": "pairs", "v": [[tree(k), tree(v)] for k, v in dict.items(value)]}
            self._left -= len(key)
            built["$" + key if key[:1] == "$" else key] = (
                self.text(item) if type(item) is str else tree(item)
            )
        if self._left < 0:
            raise _Over
        return built

    def _too_big(self, kind: type) -> Tree:
        return self._opaque(kind, "size")

    def _opaque(self, kind: type, why: str) -> Tree:
        self.spend(_OPAQUE_COST)
        return opaque_tree(kind, why)


def encode(value: Any, limit_bytes: int = LIMIT_BYTES) -> Tree:
    """Turn any value into a tree.

    Never raises, never truncates: what cannot be kept, or does not fit, is opaque. Bounded in
    time and memory by the limit, whatever the value holds.

    Args:
        value: anything.
        limit_bytes: the most the tree may take as JSON, in bytes (roughly).
    """
    kind = type(value)
    if kind is str and len(value) <= limit_bytes and value.isascii() and "\0" not in value:
        return value
    if value is None or kind is bool:
        return value
    return guarded(kind, lambda: Encoding(limit_bytes).tree(value))


def encode_exception(error: BaseException, limit_bytes: int = LIMIT_BYTES) -> Tree:
    """Turn an exception into a tree: type, arguments, attributes, chain. Never raises.

    Always a tree of an exception: where attributes do not fit or cannot be kept, they are opaque.
    """
    tree = guarded(type(error), lambda: exceptions.encode_nested(Encoding(limit_bytes), error))
    if tree["$"] == "error":
        return tree
    return exceptions.bare_tree(error, tree["why"])


def guarded(kind: type, build: Callable[[], Tree]) -> Tree:
    """Run one encoding; whatever it raises becomes an opaque tree of that kind."""
    try:
        return build()
    except (_Over, _Spent):
        return opaque_tree(kind, "size")
    except RecursionError:
        return opaque_tree(kind, "depth")
    except BaseException as error:
        if is_interruption(error):
            raise
        return opaque_tree(kind, "hostile")


def _plain_key(key: str) -> bool:
    if key.isascii():
        return "\0" not in key
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in key


_BY_TYPE: dict[type, Encoder] = dict(BUILT_IN)


# --- classes -----------------------------------------------------------------


def _enum(path: str, encoding: Encoding, value: Any) -> Tree:
    encoding.spend(len(path) + 40)
    name = value._name_
    if isinstance(name, str) and type(value)._member_map_.get(name) is value:
        return {"$": "enum", "type": path, "name": name}
    return {"$": "enum", "type": path, "value": encoding.tree(value._value_)}


def _named_tuple(path: str, encoding: Encoding, value: Any) -> Tree:
    fields = type(value)._fields
    return encoding.within(
        value,
        lambda: {
            "$": "namedtuple",
            "type": path,
            "fields": encoding.mapping(dict(zip(fields, tuple.__iter__(value), strict=True))),
        },
    )


def _path(encoding: Encoding, value: PurePath) -> Tree:
    return {"$": "path", "kind": type(value).__name__, "v": encoding.text(str(value))}


def _instance(path: str, encoding: Encoding, value: Any) -> Tree:
    return encoding.within(
        value, lambda: {"$": "object", "type": path, "fields": encoding.mapping(state_of(value))}
    )


def _model(path: str, encoding: Encoding, value: Any) -> Tree:
    def build() -> Tree:
        encoding.spend(len(path) + 40)
        get = object.__getattribute__
        fields = get(value, "__dict__")
        tree: dict[str, Tree] = {"$": "model", "type": path, "fields": encoding.mapping(fields)}
        given = get(value, "__pydantic_fields_set__")
        if len(given) != len(fields) or given != fields.keys():
            tree["set"] = sorted(given)
        if (extra := get(value, "__pydantic_extra__")) is not None:
            tree["extra"] = encoding.mapping(extra)
        if private := get(value, "__pydantic_private__"):
            tree["private"] = encoding.mapping(private)
        return tree

    return encoding.within(value, build)


def _old_model(path: str, encoding: Encoding, value: Any) -> Tree:
    def build() -> Tree:
        fields = object.__getattribute__(value, "__dict__")
        given = object.__getattribute__(value, "__fields_set__")
        tree = {"$": "model1", "type": path, "fields": encoding.mapping(fields)}
        return tree | {"set": sorted(given)}

    return encoding.within(value, build)


def _subclass(path: str, base: Any, encoding: Encoding, value: Any) -> Tree:
    def build() -> Tree:
        encoding.spend(len(path) + 40)
        if base not in (int, float):
            encoding.require(base.__len__(value))
        tree: dict[str, Tree] = {"$": "sub", "type": path, "base": base.__name__}
        plain = _PLAIN_COPY[base](value)
        tree["v"] = encoding.tree(plain)
        if state := state_of(value):
            tree["fields"] = encoding.mapping(state)
        return tree

    return encoding.within(value, build)


#: Subclasses of these keep their class, their base's content, copied so, and their attributes.
_PLAIN_COPY: Final[dict[type, Callable[[Any], Any]]] = {
    str: str.__str__,
    bytes: lambda v: bytes.__getitem__(v, slice(None)),
    int: int.__int__,
    float: float.__float__,
    dict: lambda v: {key: dict.__getitem__(v, key) for key in dict.__iter__(v)},
    list: list.copy,
    tuple: lambda v: tuple.__getitem__(v, slice(None)),
    set: lambda v: set(set.__iter__(v)),
    frozenset: lambda v: frozenset(frozenset.__iter__(v)),
}


def _unsupported(path: str, why: str, encoding: Encoding, _value: Any) -> Tree:
    encoding.spend(_OPAQUE_COST)
    return opaque_tree(path, why)


def _learn(kind: type) -> Encoder:
    """Decide once how instances of a class are encoded."""
    encoder = _choose(kind)
    if len(_BY_TYPE) > _MAX_LEARNED:
        _BY_TYPE.clear()
        _BY_TYPE.update(BUILT_IN)
    _BY_TYPE[kind] = encoder
    return encoder


def _choose(kind: type) -> Encoder:
    path = import_path(kind)
    mro = type.__dict__["__mro__"].__get__(kind)
    if BaseException in mro:
        return exceptions.encode_nested
    if (special := web.encoder_of(mro)) is not None:
        return special
    if type in mro:
        return as_type
    if PurePath in mro and kind.__module__.startswith("pathlib"):
        return _path
    if not is_importable(kind):
        return partial(_unsupported, path, "local")
    if Enum in mro:
        return partial(_enum, path)
    spaces = [vars(base) for base in mro]
    if tuple in mro and any(isinstance(space.get("_fields"), tuple) for space in spaces):
        return partial(_named_tuple, path)
    if any("__pydantic_core_schema__" in space for space in spaces) and any(
        base.__name__ == "BaseModel" and base.__module__ == "pydantic.main" for base in mro
    ):
        return partial(_model, path)
    if any(
        base.__name__ == "BaseModel" and base.__module__.startswith("pydantic.") for base in mro
    ):
        return partial(_old_model, path)
    declared = any("__attrs_attrs__" in s or "__dataclass_fields__" in s for s in spaces)
    if declared or path in PLAIN:
        return partial(_instance, path)
    for base in _PLAIN_COPY:
        if base in mro:
            return partial(_subclass, path, base)
    return partial(_unsupported, path, "unsupported")
