"""Turns values into trees: tagged JSON that keeps their types, without running their own code.

A tree is plain JSON. Dicts with text keys, lists, text, numbers, booleans and None stand for
themselves. Everything else is a dict whose key ``"$"`` names its kind (a text key that begins with
``$`` gets a second one). Whatever a redactor must see stays readable: bytes are not base64, fields
keep their names as keys.

Only accessors of built-in base classes and ``__dict__`` are used, so ``__repr__``, ``__iter__``,
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
from genmon_otel.payload.encoder import (
    OPAQUE_BYTES,
    BudgetExceeded,
    EncodeFunction,
    Encoder,
    TooMuchDiscarded,
)
from genmon_otel.payload.encoding_built_in import BUILT_IN, encode_type
from genmon_otel.payload.opaque import opaque_tree
from genmon_otel.payload.paths import import_path, is_importable
from genmon_otel.payload.state import PLAIN_DATA_CLASSES, state_of
from genmon_otel.records import Tree

#: Bytes of one value's tree as JSON.
LIMIT_BYTES: Final = 256 * 1024
#: Classes whose encode function is cached. A full cache is cleared, because applications may create
#: classes at run time.
_MAX_CACHED_CLASSES: Final = 2_000


def encode(value: Any, limit_bytes: int = LIMIT_BYTES) -> Tree:
    """Turn any value into a tree.

    Never raises and never truncates: a part that cannot be encoded, or does not fit, becomes an
    opaque tree. Time and memory are bounded by the limit, whatever the value.

    Args:
        value: any value.
        limit_bytes: approximate limit of the tree's size as JSON, bytes.
    """
    kind = type(value)
    if kind is str and len(value) <= limit_bytes and value.isascii() and "\0" not in value:
        return value
    if value is None or kind is bool:
        return value
    return _opaque_on_error(kind, lambda: Encoder(limit_bytes, _FUNCTIONS).tree(value))


def encode_exception(error: BaseException, limit_bytes: int = LIMIT_BYTES) -> Tree:
    """Turn an exception into a tree: type, arguments, attributes, causes. Never raises.

    The result is always the tree of an exception; attributes that do not fit or cannot be encoded
    are opaque.
    """
    tree = _opaque_on_error(
        type(error), lambda: exceptions.encode_nested(Encoder(limit_bytes, _FUNCTIONS), error)
    )
    if tree["$"] == "error":
        return tree
    return exceptions.type_only_tree(error, tree["why"])


def _opaque_on_error(kind: type, build: Callable[[], Tree]) -> Tree:
    """Run ``build``; an exception (except an interruption) becomes an opaque tree of that class."""
    try:
        return build()
    except (BudgetExceeded, TooMuchDiscarded):
        return opaque_tree(kind, "size")
    except RecursionError:
        return opaque_tree(kind, "depth")
    except BaseException as error:
        if is_interruption(error):
            raise
        return opaque_tree(kind, "hostile")


# --- classes -----------------------------------------------------------------


def _enum(path: str, encoder: Encoder, value: Any) -> Tree:
    encoder.spend(len(path) + 40)
    name = value._name_
    if isinstance(name, str) and type(value)._member_map_.get(name) is value:
        return {"$": "enum", "type": path, "name": name}
    return {"$": "enum", "type": path, "value": encoder.tree(value._value_)}


def _named_tuple(path: str, encoder: Encoder, value: Any) -> Tree:
    fields = type(value)._fields
    return encoder.container(
        value,
        lambda: {
            "$": "namedtuple",
            "type": path,
            "fields": encoder.mapping(dict(zip(fields, tuple.__iter__(value), strict=True))),
        },
    )


def _path(encoder: Encoder, value: PurePath) -> Tree:
    return {"$": "path", "kind": type(value).__name__, "v": encoder.text(str(value))}


def _data_instance(path: str, encoder: Encoder, value: Any) -> Tree:
    return encoder.container(
        value, lambda: {"$": "object", "type": path, "fields": encoder.mapping(state_of(value))}
    )


def _pydantic_model(path: str, encoder: Encoder, value: Any) -> Tree:
    def build() -> Tree:
        encoder.spend(len(path) + 40)
        get = object.__getattribute__
        fields = get(value, "__dict__")
        tree: dict[str, Tree] = {"$": "model", "type": path, "fields": encoder.mapping(fields)}
        given = get(value, "__pydantic_fields_set__")
        if len(given) != len(fields) or given != fields.keys():
            tree["set"] = sorted(given)
        if (extra := get(value, "__pydantic_extra__")) is not None:
            tree["extra"] = encoder.mapping(extra)
        if private := get(value, "__pydantic_private__"):
            tree["private"] = encoder.mapping(private)
        return tree

    return encoder.container(value, build)


def _pydantic1_model(path: str, encoder: Encoder, value: Any) -> Tree:
    def build() -> Tree:
        fields = object.__getattribute__(value, "__dict__")
        given = object.__getattribute__(value, "__fields_set__")
        tree = {"$": "model1", "type": path, "fields": encoder.mapping(fields)}
        return tree | {"set": sorted(given)}

    return encoder.container(value, build)


def _subclass(path: str, base: Any, encoder: Encoder, value: Any) -> Tree:
    def build() -> Tree:
        encoder.spend(len(path) + 40)
        if base not in (int, float):
            encoder.require(base.__len__(value))
        tree: dict[str, Tree] = {"$": "sub", "type": path, "base": base.__name__}
        plain = _COPY_AS_BASE[base](value)
        tree["v"] = encoder.tree(plain)
        if state := state_of(value):
            tree["fields"] = encoder.mapping(state)
        return tree

    return encoder.container(value, build)


#: For subclasses of built-in classes: copies the content as the base class, without the subclass's
#: methods.
_COPY_AS_BASE: Final[dict[type, Callable[[Any], Any]]] = {
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


def _unsupported(path: str, why: str, encoder: Encoder, _value: Any) -> Tree:
    encoder.spend(OPAQUE_BYTES)
    return opaque_tree(path, why)


def _choose(kind: type) -> EncodeFunction:
    """Choose how instances of a class are encoded."""
    path = import_path(kind)
    mro = type.__dict__["__mro__"].__get__(kind)
    if BaseException in mro:
        return exceptions.encode_nested
    if (special := web.encode_function_of(mro)) is not None:
        return special
    if type in mro:
        return encode_type
    if PurePath in mro and kind.__module__.startswith("pathlib"):
        return _path
    if (origin := _origin_of(kind)) is not None:  # Parsed[Invoice] is made where it is written
        kind, path = origin, import_path(origin)
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
        return partial(_pydantic_model, path)
    if any(
        base.__name__ == "BaseModel" and base.__module__.startswith("pydantic.") for base in mro
    ):
        return partial(_pydantic1_model, path)
    declared = any("__attrs_attrs__" in s or "__dataclass_fields__" in s for s in spaces)
    if declared or path in PLAIN_DATA_CLASSES:
        return partial(_data_instance, path)
    for base in _COPY_AS_BASE:
        if base in mro:
            return partial(_subclass, path, base)
    return partial(_unsupported, path, "unsupported")


def _origin_of(kind: type) -> type | None:
    """Return the class that a pydantic model is a parametrised one of; None for any other class."""
    known = vars(kind).get("__pydantic_generic_metadata__")
    origin = known.get("origin") if type(known) is dict else None
    return origin if isinstance(origin, type) else None


class _EncodeFunctions(dict[type, EncodeFunction]):
    """The encode function of each class: chosen on the first look-up, then cached."""

    def __missing__(self, kind: type) -> EncodeFunction:
        function = _choose(kind)
        if len(self) > _MAX_CACHED_CLASSES:
            self.clear()
            self.update(BUILT_IN)
        self[kind] = function
        return function


_FUNCTIONS: Final = _EncodeFunctions(BUILT_IN)
