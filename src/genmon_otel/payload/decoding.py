"""Trees back into values. A tree is data, perhaps hostile: nothing it names is called.

Classes are found by import path and must be of an allowed kind (dataclass,
attrs, pydantic, Enum, named tuple, subclass of a built-in, exception); instances
are made with ``object.__new__`` and given their recorded attributes, so no
constructor, validator or property runs.
"""

from __future__ import annotations

import pathlib
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import partial
from types import MappingProxyType, SimpleNamespace
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from genmon_otel.errors import PayloadError
from genmon_otel.payload import exceptions, web
from genmon_otel.payload.escapes import unescape
from genmon_otel.payload.opaque import Opaque, OpaqueTouched, forget_touches, touches
from genmon_otel.payload.paths import MAX_PATH, find_class, import_path
from genmon_otel.payload.state import PLAIN, set_state
from genmon_otel.records import Tree

#: Nested trees; encoded ones stay below (three levels of tree a level of value at most).
_MAX_DEPTH: Final = 400

_Decoder = Callable[[Mapping[str, Any], Callable[[Tree], Any]], Any]


def decode(tree: Tree) -> Any:
    """Rebuild the value that a tree stands for.

    What cannot be rebuilt here (its class is gone) comes back as :class:`Opaque`.

    Raises:
        PayloadError: the tree is malformed.
    """
    try:
        return _decode(tree, 0)
    except PayloadError:
        raise
    except RecursionError:
        raise PayloadError("A recorded value is nested too deeply.") from None
    except Exception as error:
        raise PayloadError(
            f"A recorded value is malformed: {type(error).__name__}: {str(error)[:200]}"
        ) from error


def decode_exception(tree: Tree) -> BaseException:
    """Rebuild an exception.

    Raises:
        PayloadError: the tree is malformed, stands for something else, or its class is gone.
    """
    if not isinstance(tree, Mapping) or tree.get("$") != "error":
        raise PayloadError("The recorded outcome is no exception.")
    try:
        return exceptions.decode_error(tree, partial(_decode, depth=1))
    except PayloadError:
        raise
    except Exception as error:
        raise PayloadError(
            f"The recorded {str(tree.get('type'))[:MAX_PATH]} cannot be rebuilt: "
            f"{type(error).__name__}: {str(error)[:200]}"
        ) from error


def _decode(tree: Tree, depth: int) -> Any:
    kind = type(tree)
    if kind is str or kind is int or kind is bool or tree is None or kind is float:
        return tree
    if depth > _MAX_DEPTH:
        raise PayloadError("A recorded value is nested too deeply.")
    if kind is list:
        return [_decode(item, depth + 1) for item in tree]
    if kind is not dict:
        raise PayloadError(f"A recorded value holds a {kind.__name__}; only JSON is allowed.")
    tag = tree.get("$")
    if tag is None:
        return {
            key[1:] if key[:1] == "$" else key: _decode(item, depth + 1)
            for key, item in tree.items()
        }
    decoder = _DECODERS.get(tag) if isinstance(tag, str) else None
    if decoder is None:
        raise PayloadError(f"A recorded value is of an unknown kind: {str(tag)[:80]!r}.")
    noted = len(touches())
    try:
        return decoder(tree, partial(_decode, depth=depth + 1))
    except OpaqueTouched as touched:  # a set, say, cannot be made of what was not recorded
        forget_touches(since=noted)
        return Opaque(str(tree.get("type", tag))[:MAX_PATH], touched.why)


def _missing(decoder: _Decoder) -> _Decoder:
    """Turn a class that cannot be found into an opaque value."""

    def wrapped(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
        try:
            return decoder(tree, decode)
        except PayloadError as error:
            named = tree.get("type") or tree.get("path") or tree.get("library") or "?"
            return Opaque(str(named)[:MAX_PATH], f"missing: {error}")

    return wrapped


# --- built-in kinds ----------------------------------------------------------


def _texts(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> str:
    text = tree["v"]
    if not isinstance(text, str):
        raise PayloadError("An escaped text must be text.")
    return unescape(text)


def _float(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> float:
    if tree["v"] not in ("nan", "inf", "-inf"):
        raise PayloadError(f"Not a special number: {str(tree['v'])[:40]!r}.")
    return float(tree["v"])


def _pairs(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> dict[Any, Any]:
    return {decode(key): decode(value) for key, value in tree["v"]}


def _bytes(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    if "utf8" in tree:
        text = decode(tree["utf8"])
        return text if type(text) is Opaque else text.encode("utf-8", "surrogatepass")
    text = decode(tree["latin1"])
    return text if type(text) is Opaque else text.encode("latin-1", "replace")


def _datetime(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> datetime:
    moment = datetime.fromisoformat(tree["v"]).replace(fold=1 if tree.get("fold") == 1 else 0)
    return moment.replace(tzinfo=ZoneInfo(tree["zone"])) if "zone" in tree else moment


def _time(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> time:
    moment = time.fromisoformat(tree["v"]).replace(fold=1 if tree.get("fold") == 1 else 0)
    return moment.replace(tzinfo=ZoneInfo(tree["zone"])) if "zone" in tree else moment


def _defaultdict(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    factory = decode(tree["factory"]) if "factory" in tree else None
    if factory not in (None, list, dict, set, int, str, float, tuple, bool):
        return Opaque("collections:defaultdict", "unsupported")
    return defaultdict(factory, decode(tree["v"]))


_PATHS: Final = ("PurePosixPath", "PureWindowsPath", "PurePath", "PosixPath", "WindowsPath", "Path")


def _path(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    if tree["kind"] not in _PATHS:
        raise PayloadError(f"Not a kind of path: {str(tree['kind'])[:40]!r}.")
    text = decode(tree["v"])
    return text if type(text) is Opaque else getattr(pathlib, tree["kind"])(text)


def _type(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    found = find_class(tree["path"])
    if not (_is_data(found) or found in _SAFE_TYPES):
        return Opaque("builtins:type", "unsupported")
    return found


# --- classes -----------------------------------------------------------------

_BASES: Final[Mapping[str, type]] = {
    base.__name__: base for base in (str, bytes, int, float, dict, list, tuple, set, frozenset)
}
_SAFE_TYPES: Final = frozenset({*_BASES.values(), bool, complex, datetime, date, Decimal, UUID})


def _is_data(kind: type) -> bool:
    """Whether a class is of a kind that data may name."""
    spaces = [vars(base) for base in kind.__mro__]
    return (
        any("__dataclass_fields__" in s or "__attrs_attrs__" in s for s in spaces)
        or any(b.__name__ == "BaseModel" and b.__module__.startswith("pydantic") for b in kind.__mro__)
        or issubclass(kind, (Enum, BaseException))
        or (issubclass(kind, tuple) and hasattr(kind, "_fields"))
        or import_path(kind) in PLAIN
    )  # fmt: skip


def _data_class(tree: Mapping[str, Any]) -> type:
    found = find_class(tree.get("type"))
    if not _is_data(found):
        raise PayloadError(
            f"{tree.get('type')!r} is not of a kind that is rebuilt from data: dataclass, attrs, "
            "pydantic, Enum, named tuple, exception."
        )
    return found


def _enum(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    kind = _data_class(tree)
    if not issubclass(kind, Enum):
        raise PayloadError(f"{tree.get('type')!r} is no Enum.")
    members: Mapping[str, Any] = kind._member_map_
    if "name" in tree:
        if tree["name"] not in members:
            raise PayloadError(f"{tree.get('type')!r} has no member {str(tree['name'])[:80]!r}.")
        return members[tree["name"]]
    return kind(decode(tree["value"]))


def _named_tuple(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    kind = _data_class(tree)
    fields = decode(tree["fields"])
    if not issubclass(kind, tuple):
        raise PayloadError(f"{tree.get('type')!r} is no named tuple.")
    names: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    if set(names) != set(fields):
        raise PayloadError(f"{tree.get('type')!r} has other fields now: {', '.join(names)}.")
    return tuple.__new__(kind, [fields[name] for name in names])


def _object(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    kind = _data_class(tree)
    return set_state(object.__new__(kind), decode(tree["fields"]))


def _model(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    kind = _data_class(tree)
    fields = decode(tree["fields"])
    instance: Any = object.__new__(kind)
    private = decode(tree["private"]) if "private" in tree else None
    if private is None and getattr(kind, "__private_attributes__", None):
        private = {}
    for name, value in (
        ("__dict__", fields),
        ("__pydantic_fields_set__", set(tree["set"]) if "set" in tree else set(fields)),
        ("__pydantic_extra__", decode(tree["extra"]) if "extra" in tree else None),
        ("__pydantic_private__", private),
    ):
        object.__setattr__(instance, name, value)
    return instance


def _old_model(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    instance: Any = object.__new__(_data_class(tree))
    object.__setattr__(instance, "__dict__", decode(tree["fields"]))
    object.__setattr__(instance, "__fields_set__", set(tree["set"]))
    return instance


def _subclass(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    base: Any = _BASES.get(tree["base"])
    kind: Any = find_class(tree.get("type"))
    if base is None or not issubclass(kind, base):
        raise PayloadError(f"{tree.get('type')!r} is no {str(tree['base'])[:20]}.")
    plain = decode(tree["v"])
    if type(plain) is Opaque:
        return plain
    if base in (dict, list, set):
        instance = base.__new__(kind)
        base.__init__(instance, plain)
    else:
        instance = base.__new__(kind, plain)
    return set_state(instance, decode(tree["fields"])) if "fields" in tree else instance


def _fraction(text: str) -> Fraction:
    """Read a fraction; not by its own parser, which computes ``1e999999999``."""
    above, _, below = text.partition("/")
    return Fraction(int(above), int(below or "1"))


def _simple(build: Callable[[Any], Any]) -> _Decoder:
    def decoder(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
        value = decode(tree["v"])
        return value if type(value) is Opaque else build(value)

    return decoder


_DECODERS: Final[Mapping[str, _Decoder]] = {
    "opaque": lambda t, d: Opaque(str(t["type"])[:MAX_PATH], str(t["why"])[:80]),
    "text": _texts,
    "int": _simple(lambda v: int(v, 16)),
    "float": _float,
    "pairs": _pairs,
    "tuple": _simple(tuple),
    "set": _simple(set),
    "frozenset": _simple(frozenset),
    "bytes": _bytes,
    "bytearray": lambda t, d: bytearray(_bytes(t, d)),
    "complex": _simple(lambda v: complex(*v)),
    "range": _simple(lambda v: range(*v)),
    "slice": _simple(lambda v: slice(*v)),
    "ellipsis": lambda t, d: ...,
    "notimplemented": lambda t, d: NotImplemented,
    "type": _missing(_type),
    "datetime": _datetime,
    "date": lambda t, d: date.fromisoformat(t["v"]),
    "time": _time,
    "timedelta": lambda t, d: timedelta(*t["v"]),
    "timezone": _simple(timezone),
    "zone": _simple(ZoneInfo),
    "decimal": _simple(Decimal),
    "fraction": _simple(_fraction),
    "uuid": _simple(UUID),
    "deque": lambda t, d: deque(d(t["v"]), t.get("maxlen")),
    "ordereddict": _simple(OrderedDict),
    "defaultdict": _defaultdict,
    "counter": _simple(Counter),
    "proxy": _simple(MappingProxyType),
    "namespace": _simple(lambda v: SimpleNamespace(**v)),
    "path": _path,
    "enum": _missing(_enum),
    "namedtuple": _missing(_named_tuple),
    "object": _missing(_object),
    "model": _missing(_model),
    "model1": _missing(_old_model),
    "sub": _missing(_subclass),
    "error": _missing(exceptions.decode_error),
    "response": _missing(web.decode_response),
    "request": _missing(web.decode_request),
    "headers": _missing(web.decode_headers),
    "url": _missing(web.decode_url),
}
