"""Turns trees back into values. A tree is untrusted data: nothing that it names is called.

A class is found by its import path. It must be in a loaded module and of an allowed kind
(dataclass, attrs, pydantic, Enum, named tuple, subclass of a built-in, exception). Instances are
created with ``object.__new__`` and given their recorded attributes, so no constructor, validator,
``__post_init__`` or property runs. Of a class's own code only ``__hash__`` and ``__eq__`` run, where
a value is a member of a set or a key.

The size of the result is bounded (:mod:`genmon_otel.payload.limits`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, EnumMeta, Flag, IntFlag
from functools import partial
from inspect import getattr_static
from typing import Any, Final
from uuid import UUID

from genmon_otel.errors import PayloadError
from genmon_otel.payload import exceptions, web
from genmon_otel.payload.decoding_built_in import DECODERS, Decoder, of_type
from genmon_otel.payload.limits import MAX_DEPTH, Budget
from genmon_otel.payload.opaque import Opaque, OpaqueTouched, forget_touches, touches
from genmon_otel.payload.paths import MAX_PATH, find_class, import_path
from genmon_otel.payload.state import PLAIN_DATA_CLASSES, refuse_finalizer, set_state
from genmon_otel.records import Tree


def decode(tree: Tree) -> Any:
    """Rebuild a value from its tree.

    A part that cannot be rebuilt in this process (its class is gone) becomes :class:`Opaque`.

    Raises:
        PayloadError: the tree is malformed.
    """
    try:
        return _decode(tree, 0, Budget())
    except PayloadError:
        raise
    except RecursionError:
        raise PayloadError("A recorded value is nested too deeply.") from None
    except Exception as error:
        raise PayloadError(
            f"A recorded value is malformed: {type(error).__name__}: {str(error)[:200]}"
        ) from error


def decode_exception(tree: Tree) -> BaseException:
    """Rebuild an exception from its tree.

    Raises:
        PayloadError: the tree is malformed or not of an exception, or the class is gone.
    """
    if not isinstance(tree, Mapping) or tree.get("$") != "error":
        raise PayloadError("The recorded outcome is not an exception.")
    try:
        return exceptions.decode_error(tree, partial(_decode, depth=1, budget=Budget()))
    except PayloadError:
        raise
    except Exception as error:
        raise PayloadError(
            f"The recorded {str(tree.get('type'))[:MAX_PATH]} cannot be rebuilt: "
            f"{type(error).__name__}: {str(error)[:200]}"
        ) from error


def _decode(tree: Tree, depth: int, budget: Budget) -> Any:
    kind = type(tree)
    budget.spend(1, len(tree) if kind is str else 0)
    if kind is str or kind is int or kind is bool or tree is None or kind is float:
        return tree
    if depth > MAX_DEPTH:
        raise PayloadError("A recorded value is nested too deeply.")
    decode_item = partial(_decode, depth=depth + 1, budget=budget)
    if kind is list:
        return [decode_item(item) for item in tree]
    if kind is not dict:
        raise PayloadError(f"A recorded value holds a {kind.__name__}; only JSON is allowed.")
    tag = tree.get("$")
    if tag is None:
        return {_key(key, budget): decode_item(item) for key, item in tree.items()}
    decoder = _DECODERS.get(tag) if isinstance(tag, str) else None
    if decoder is None:
        raise PayloadError(f"A recorded value is of an unknown kind: {str(tag)[:80]!r}.")
    touches_before = len(touches())
    try:
        return decoder(tree, decode_item)
    except OpaqueTouched as touched:  # for example a set with an opaque member
        forget_touches(since=touches_before)
        return Opaque(str(tree.get("type", tag))[:MAX_PATH], touched.why)


def _key(key: Any, budget: Budget) -> str:
    if type(key) is not str:
        raise PayloadError("A recorded value holds a key that is not text; only JSON is allowed.")
    budget.spend(0, len(key))
    return key[1:] if key[:1] == "$" else key


def _opaque_if_missing(decoder: Decoder) -> Decoder:
    """Wrap a decoder so that a class that cannot be found gives an opaque value."""

    def wrapped(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
        try:
            return decoder(tree, decode)
        except PayloadError as error:
            path = tree.get("type") or tree.get("path") or tree.get("library") or "?"
            return Opaque(str(path)[:MAX_PATH], f"missing: {error}")

    return wrapped


def _type(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    found = find_class(tree["path"])
    if not (_is_data_class(found) or found in _SAFE_TYPES):
        return Opaque("builtins:type", "unsupported")
    return found


# --- classes -----------------------------------------------------------------

_BASES: Final[Mapping[str, type]] = {
    base.__name__: base for base in (str, bytes, int, float, dict, list, tuple, set, frozenset)
}
_SAFE_TYPES: Final = frozenset({*_BASES.values(), bool, complex, datetime, date, Decimal, UUID})


def _is_data_class(kind: type) -> bool:
    """Whether a class is of an allowed kind; see the module."""
    spaces = [vars(base) for base in kind.__mro__]
    return (
        any("__dataclass_fields__" in s or "__attrs_attrs__" in s for s in spaces)
        or any(b.__name__ == "BaseModel" and b.__module__.startswith("pydantic") for b in kind.__mro__)
        or issubclass(kind, (Enum, BaseException))
        or (issubclass(kind, tuple) and type(getattr_static(kind, "_fields", None)) is tuple)
        or import_path(kind) in PLAIN_DATA_CLASSES
    )  # fmt: skip


def _find_data_class(tree: Mapping[str, Any]) -> type:
    found = find_class(tree.get("type"))
    if not _is_data_class(found):
        raise PayloadError(
            f"{tree.get('type')!r} is not of a kind that is rebuilt from data: dataclass, attrs, "
            "pydantic, Enum, named tuple, exception."
        )
    refuse_finalizer(found)
    return found


#: Methods that Python calls to combine several flags into one value.
_FLAG_METHODS: Final = (
    "_missing_ _iter_member_by_value_ _iter_member_by_def_ __new__ __setattr__ __getattribute__ "
    "__getattr__ __hash__ __eq__"
).split()


def _is_plain_flag(kind: type[Enum]) -> bool:
    """Whether a Flag class combines flags with Python's own code alone."""
    return (
        issubclass(kind, Flag)
        and type(kind) is EnumMeta
        and getattr_static(kind, "_member_type_", None) in (object, int)
        and all(
            getattr_static(kind, name, None) is getattr_static(model, name, None)
            for model in [IntFlag if issubclass(kind, IntFlag) else Flag]
            for name in _FLAG_METHODS
        )
    )


def _enum(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    kind = _find_data_class(tree)
    if not issubclass(kind, Enum):
        raise PayloadError(f"{tree.get('type')!r} is not an Enum.")
    members = of_type(dict, getattr_static(kind, "_member_map_", None))
    if "name" in tree:
        if tree["name"] not in members:
            raise PayloadError(f"{tree.get('type')!r} has no member {str(tree['name'])[:80]!r}.")
        return members[tree["name"]]
    value = decode(tree["value"])
    by_value = of_type(dict, getattr_static(kind, "_value2member_map_", None))
    if value in by_value:
        return by_value[value]
    if _is_plain_flag(kind):
        return kind(of_type(int, value))
    raise PayloadError(f"{tree.get('type')!r} has no member of the recorded value.")


def _named_tuple(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    kind = _find_data_class(tree)
    fields = of_type(dict, decode(tree["fields"]))
    if not issubclass(kind, tuple):
        raise PayloadError(f"{tree.get('type')!r} is not a named tuple.")
    names: tuple[str, ...] = of_type(tuple, getattr_static(kind, "_fields", None))
    if set(names) != set(fields):
        raise PayloadError(f"{tree.get('type')!r} has other fields now: {', '.join(names)}.")
    return tuple.__new__(kind, [fields[name] for name in names])


def _object(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    kind = _find_data_class(tree)
    return set_state(object.__new__(kind), of_type(dict, decode(tree["fields"])))


def _pydantic_model(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    kind = _find_data_class(tree)
    fields = of_type(dict, decode(tree["fields"]))
    instance: Any = object.__new__(kind)
    private = decode(tree["private"]) if "private" in tree else None
    if private is None and getattr_static(kind, "__private_attributes__", None):
        private = {}
    for name, value in (
        ("__dict__", fields),
        ("__pydantic_fields_set__", _names(tree["set"]) if "set" in tree else set(fields)),
        ("__pydantic_extra__", decode(tree["extra"]) if "extra" in tree else None),
        ("__pydantic_private__", private),
    ):
        object.__setattr__(instance, name, value)
    return instance


def _pydantic1_model(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    instance: Any = object.__new__(_find_data_class(tree))
    object.__setattr__(instance, "__dict__", of_type(dict, decode(tree["fields"])))
    object.__setattr__(instance, "__fields_set__", _names(tree["set"]))
    return instance


def _names(names: Any) -> set[str]:
    return {of_type(str, name) for name in of_type(list, names)}


def _subclass(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    base: Any = _BASES.get(tree["base"])
    kind: Any = find_class(tree.get("type"))
    if base is None or not issubclass(kind, base):
        raise PayloadError(f"{tree.get('type')!r} is not a {str(tree['base'])[:20]}.")
    refuse_finalizer(kind)
    plain = decode(tree["v"])
    if type(plain) is Opaque:
        return plain
    of_type(base, plain)
    if base in (dict, list, set):
        instance = base.__new__(kind)
        base.__init__(instance, plain)
    else:
        instance = base.__new__(kind, plain)
    return (
        set_state(instance, of_type(dict, decode(tree["fields"]))) if "fields" in tree else instance
    )


_DECODERS: Final[Mapping[str, Decoder]] = {
    "opaque": lambda t, d: Opaque(str(t["type"])[:MAX_PATH], str(t["why"])[:80]),
    **DECODERS,
    "type": _opaque_if_missing(_type),
    "enum": _opaque_if_missing(_enum),
    "namedtuple": _opaque_if_missing(_named_tuple),
    "object": _opaque_if_missing(_object),
    "model": _opaque_if_missing(_pydantic_model),
    "model1": _opaque_if_missing(_pydantic1_model),
    "sub": _opaque_if_missing(_subclass),
    "error": _opaque_if_missing(exceptions.decode_error),
    "response": _opaque_if_missing(web.decode_response),
    "request": _opaque_if_missing(web.decode_request),
    "headers": _opaque_if_missing(web.decode_headers),
    "url": _opaque_if_missing(web.decode_url),
}
