"""Turns exceptions into trees and back, with type, text, attributes and causes, without credentials.

Most exceptions are rebuilt without running their own code: the built-in base's ``__new__``, then
``args``, then the attributes. Some state of built-in exceptions is outside ``__dict__``;
:data:`_BUILT_IN_STATE` lists it. The few classes that cannot be rebuilt this way have an adapter in
:data:`_ADAPTERS`.
"""

from __future__ import annotations

import builtins
import io
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from inspect import getattr_static
from types import MemberDescriptorType, NoneType
from typing import Any, Final
from uuid import UUID

from genmon_otel.errors import PayloadError
from genmon_otel.payload import web
from genmon_otel.payload.decoding_built_in import of_type
from genmon_otel.payload.encoder import Encoder
from genmon_otel.payload.paths import (
    MAX_PATH,
    find_class,
    import_path,
    is_importable,
    loaded_module,
)
from genmon_otel.payload.state import refuse_finalizer, state_of
from genmon_otel.records import Tree
from genmon_otel.slots import args_of
from genmon_otel.stacks import PROGRAM_MARK, is_of_missing_program

#: Exceptions linked by cause and context that are kept, the first included.
MAX_CHAIN: Final = 8
#: Members of one exception group.
MAX_MEMBERS: Final = 100
#: Attributes that are not encoded: they are links of their own, or useless in another process.
_SKIPPED: Final = frozenset({"__traceback__", "__context__", "__cause__", "tb"})

#: Attributes of built-in exceptions that are stored outside ``__dict__``.
_BUILT_IN_STATE: Final[Mapping[type[BaseException], tuple[str, ...]]] = {
    OSError: ("errno", "strerror", "filename", "filename2"),
    ImportError: ("msg", "name", "path"),
    NameError: ("name",),
    AttributeError: ("name",),
    StopIteration: ("value",),
    SystemExit: ("code",),
    SyntaxError: (
        "msg",
        "filename",
        "lineno",
        "offset",
        "text",
        "end_lineno",
        "end_offset",
        "print_file_and_line",
    ),
    UnicodeDecodeError: ("encoding", "object", "start", "end", "reason"),
    UnicodeEncodeError: ("encoding", "object", "start", "end", "reason"),
    UnicodeTranslateError: ("object", "start", "end", "reason"),
}


#: Those that are positions in a text. They are bounded, because printing the error may pad up to them.
_TEXT_POSITIONS: Final = frozenset({"lineno", "offset", "end_lineno", "end_offset", "start", "end"})
_MAX_TEXT_POSITION: Final = 16 * 1024 * 1024


def encode_nested(encoder: Encoder, error: BaseException) -> Tree:
    """Encode an exception, which may be a part of another value."""
    return encoder.container(error, lambda: _tree(encoder, error, MAX_CHAIN))


def type_only_tree(error: BaseException, why: str) -> Tree:
    """Return the tree of an exception of which only the type can be encoded."""
    kind = type(error)
    tree = {
        "$": "error",
        "type": import_path(kind),
        "args": {"$": "opaque", "type": "builtins:tuple", "why": why},
    }
    return tree if is_importable(kind) else tree | {"base": import_path(_importable_base(kind))}


def _tree(encoder: Encoder, error: BaseException, chain: int) -> Tree:
    kind = type(error)
    path = import_path(kind)
    encoder.spend(len(path) + 60)
    tree: dict[str, Tree] = {"$": "error", "type": path}
    if not is_importable(kind):
        tree["base"] = import_path(_importable_base(kind))
    if (adapter := _adapter(kind)) is not None:
        tree["adapter"] = adapter
        tree["fields"] = encoder.mapping(_ADAPTERS[adapter][0](error))
    else:
        tree["args"] = encoder.tree(args_of(error))
        if isinstance(error, BaseExceptionGroup):
            tree["args"] = encoder.tree(error.message)
            tree["members"] = encoder.tree(list(error.exceptions[:MAX_MEMBERS]))
        if state := _built_in_state(error):
            tree["built_in"] = encoder.mapping(state)
        if fields := _fields(error):
            tree["fields"] = encoder.mapping(fields)
    if (cause := error.__cause__) is not None and chain > 1:
        tree["cause"] = encoder.container(cause, lambda: _tree(encoder, cause, chain - 1))
    elif (
        (context := error.__context__) is not None and not error.__suppress_context__ and chain > 1
    ):
        tree["context"] = encoder.container(context, lambda: _tree(encoder, context, chain - 1))
    if error.__suppress_context__:
        tree["suppress"] = True
    return tree


def _importable_base(kind: type) -> type:
    """Return the nearest base class that has an import path."""
    return next(base for base in kind.__mro__[1:] if is_importable(base))


def _fields(error: BaseException) -> dict[str, Any]:
    fields = {
        name: value
        for name, value in state_of(error).items()
        if isinstance(name, str) and name not in _SKIPPED
    }
    if is_of_missing_program(error):  # the evidence is in its frames, which a replay does not have
        fields[PROGRAM_MARK] = True
    return fields


def _built_in_state(error: BaseException) -> dict[str, Any]:
    state = {}
    for kind, names in _BUILT_IN_STATE.items():
        if isinstance(error, kind):
            for name in names:
                value = kind.__dict__[name].__get__(error) if name in kind.__dict__ else None
                if value is not None:
                    state[name] = value
    return state


# --- adapters ----------------------------------------------------------------


def _validation_fields(error: Any) -> dict[str, Any]:
    return {
        "title": error.title,
        "errors": error.errors(include_url=False),
    }


#: Classes whose values pydantic may format into a message: none runs code of the application.
_CONTEXT_CLASSES: Final = frozenset({
    str, int, float, bool, bytes, list, tuple, dict, set, frozenset, NoneType,
    Decimal, Fraction, date, datetime, time, timedelta, UUID,
})  # fmt: skip
#: Built-in exceptions with a ``__str__`` of their own.
_WITH_STR: Final = (
    BaseException, BaseExceptionGroup, KeyError, OSError, ImportError, SyntaxError,
    UnicodeDecodeError, UnicodeEncodeError, UnicodeTranslateError,
)  # fmt: skip


def _is_plain_data(value: Any) -> bool:
    """Whether formatting a value runs no code of the application."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if issubclass(type(each), BaseException):
            str_method = getattr_static(type(each), "__str__")
            if all(str_method is not vars(base).get("__str__") for base in _WITH_STR):
                return False
            waiting += [args_of(each), _built_in_state(each)]
        elif type(each) not in _CONTEXT_CLASSES:
            return False
        elif type(each) is dict:
            waiting += [*each.keys(), *each.values()]
        elif type(each) in (list, tuple, set, frozenset):
            waiting += each
    return True


def _validation_error(kind: Any, fields: Mapping[str, Any]) -> BaseException:
    core = loaded_module("pydantic_core")
    lines = []
    for line in fields["errors"]:
        name, context = of_type(str, line["type"]), of_type(dict, line.get("ctx") or {})
        loc = line["loc"]
        if type(loc) not in (list, tuple) or any(type(part) not in (str, int) for part in loc):
            raise PayloadError(
                "A recorded validation error has a location that is not names and indexes."
            )
        if not _is_plain_data(context):
            raise PayloadError("A recorded validation error has a context that is not plain data.")
        entry = {"type": name, "loc": tuple(loc), "input": line.get("input")}
        try:
            core.PydanticKnownError(name, context or None)
            entry.update({"ctx": context} if context else {})
        except Exception:  # an error type that the application defined
            text = of_type(str, line["msg"]).replace("{", "(").replace("}", ")")
            entry["type"] = core.PydanticCustomError(name, text, context or None)
        lines.append(entry)
    # pydantic words its messages by the kind of input: array and object for JSON, list and dict for
    # Python. Which one was used is not recorded, so both are built and the closer one is returned.
    messages = [line.get("msg") for line in fields["errors"]]
    candidates = (
        core.ValidationError.from_exception_data(fields["title"], lines, input_type=source)
        for source in ("python", "json")
    )

    def equal_messages(error: Any) -> int:
        return sum(a["msg"] == b for a, b in zip(error.errors(), messages, strict=False))

    closest: BaseException = max(candidates, key=equal_messages)
    return closest


def _retry_fields(error: Any) -> dict[str, Any]:
    attempt = error.last_attempt
    failed = attempt.exception() if attempt.done() else None
    return {
        "attempts": attempt.attempt_number,
        "failed": failed is not None,
        "outcome": failed if failed is not None else attempt.result(),
    }


def _retry_error(kind: Any, fields: Mapping[str, Any]) -> BaseException:
    future = loaded_module("tenacity").Future
    attempt = future.construct(fields["attempts"], fields["outcome"], fields["failed"])
    error = _new_without_init(kind, (attempt,))
    _state(error)["last_attempt"] = attempt
    return error


def _client_fields(error: Any) -> dict[str, Any]:
    response = dict(error.response)
    metadata = dict(response.get("ResponseMetadata") or {})
    if "HTTPHeaders" in metadata:
        metadata["HTTPHeaders"] = web.allowed_headers(metadata["HTTPHeaders"])
    response["ResponseMetadata"] = metadata
    return {"response": response, "operation": error.operation_name, "args": error.args}


def _client_error(kind: Any, fields: Mapping[str, Any]) -> BaseException:
    error = _new_without_init(kind, of_type(tuple, fields["args"]))
    _state(error).update(response=fields["response"], operation_name=fields["operation"])
    return error


def _http_fields(error: Any) -> dict[str, Any]:
    return {"url": web.url_without_secrets(error.filename), "code": error.code, "msg": error.msg,
            "headers": error.hdrs}  # fmt: skip


def _http_error(kind: Any, fields: Mapping[str, Any]) -> BaseException:
    body = io.BytesIO()  # empty: the body can be read only once, so the recorder did not read it
    error: Any = _new_without_init(kind, ())  # a subclass's own constructor is not called
    loaded_module("urllib.error").HTTPError.__init__(
        error, fields["url"], fields["code"], fields["msg"], fields["headers"], body
    )
    rebuilt: BaseException = error
    return rebuilt


#: (top-level package, class name) along the MRO -> adapter.
_ADAPTED: Final[Mapping[tuple[str, str], str]] = {
    ("pydantic_core", "ValidationError"): "pydantic",
    ("tenacity", "RetryError"): "tenacity",
    ("botocore", "ClientError"): "botocore",
    ("urllib", "HTTPError"): "urllib",
}
_ADAPTERS: Final[
    Mapping[
        str,
        tuple[Callable[[Any], dict[str, Any]], Callable[[Any, Mapping[str, Any]], BaseException]],
    ]
] = {
    "pydantic": (_validation_fields, _validation_error),
    "tenacity": (_retry_fields, _retry_error),
    "botocore": (_client_fields, _client_error),
    "urllib": (_http_fields, _http_error),
}


def _adapter(kind: type) -> str | None:
    for base in kind.__mro__:
        if name := _ADAPTED.get((base.__module__.partition(".")[0], base.__name__)):
            return name
    return None


# --- decoding ----------------------------------------------------------------


#: Attributes of every exception, to be set without a ``__setattr__`` or property of its class.
_BASE_MEMBERS: Final[Mapping[str, Any]] = vars(BaseException)


def decode_error(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> BaseException:
    """Rebuild an exception from its tree.

    Raises:
        PayloadError: its class is gone or is not an exception.
    """
    kind = _class(tree)
    fields = of_type(dict, decode(tree["fields"])) if "fields" in tree else {}
    if (adapter := tree.get("adapter")) is not None:
        if adapter != _adapter(kind):
            raise PayloadError(f"{adapter!r} does not rebuild {tree.get('type')!r}.")
        error = _ADAPTERS[adapter][1](kind, fields)
    else:
        error = _rebuilt(kind, tree, decode)
        _set_attributes(error, fields)
    for link, attribute in (("cause", "__cause__"), ("context", "__context__")):
        if link in tree:
            linked = decode(tree[link])
            if isinstance(linked, BaseException):
                _BASE_MEMBERS[attribute].__set__(error, linked)
    _BASE_MEMBERS["__suppress_context__"].__set__(error, tree.get("suppress") is True)
    return error


def _class(tree: Mapping[str, Any]) -> type[BaseException]:
    """Find an exception's class; create a class without import path again, as a bare subclass."""
    kind = find_class(tree.get("base", tree.get("type")))
    if not issubclass(kind, BaseException):
        raise PayloadError(f"{str(tree.get('type'))[:MAX_PATH]!r} is not an exception.")
    refuse_finalizer(kind)
    if "base" not in tree:
        return kind
    if type(kind) is not type or any("__init_subclass__" in vars(b) for b in kind.__mro__[:-1]):
        raise PayloadError(
            f"{kind.__qualname__} runs code when it is subclassed: no subclass of it is created."
        )
    module, _, name = str(tree.get("type"))[:MAX_PATH].partition(":")
    space = {"__module__": module, "__qualname__": name}
    return type(name.rpartition(".")[2], (kind,), space)


def _rebuilt(
    kind: type[BaseException], tree: Mapping[str, Any], decode: Callable[[Tree], Any]
) -> BaseException:
    args = decode(tree.get("args"))
    if issubclass(kind, BaseExceptionGroup):
        members = [m for m in decode(tree.get("members", [])) if isinstance(m, BaseException)]
        return BaseExceptionGroup.__new__(kind, of_type(str, args), members)
    error = _new_without_init(kind, args if isinstance(args, tuple) else ())
    state = of_type(dict, decode(tree["built_in"])) if "built_in" in tree else {}
    for built_in, names in _BUILT_IN_STATE.items():
        if issubclass(kind, built_in):
            for name in state.keys() & set(names):
                if (
                    name in _TEXT_POSITIONS
                    and type(state[name]) is int
                    and abs(state[name]) > _MAX_TEXT_POSITION
                ):
                    raise PayloadError(f"A recorded {name} is too large: {state[name]:.3g}.")
                vars(built_in)[name].__set__(error, state[name])
    return error


def _new_without_init(kind: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    """Create an exception with its built-in base's ``__new__``: no code of its own class runs."""
    base: Any = next(b for b in kind.__mro__ if b.__module__ == builtins.__name__)
    # Without arguments: OSError.__new__ would choose a subclass by them.
    error: BaseException = base.__new__(kind)
    BaseException.args.__set__(error, args)  # type: ignore[attr-defined]
    return error


def _set_attributes(error: BaseException, fields: Mapping[str, Any]) -> None:
    slots = dict(_slots(type(error)))
    for name, value in fields.items():
        if not isinstance(name, str) or (name.startswith("__") and name != "__notes__"):
            continue
        if name in slots:
            slots[name].__set__(error, value)
        else:
            _state(error)[name] = value


def _state(error: BaseException) -> dict[str, Any]:
    state: dict[str, Any] = _BASE_MEMBERS["__dict__"].__get__(error)
    return state


def _slots(kind: type) -> Iterator[tuple[str, Any]]:
    for base in kind.__mro__:
        if base.__module__ != builtins.__name__:
            for name, member in vars(base).items():
                if type(member) is MemberDescriptorType:
                    yield name, member
