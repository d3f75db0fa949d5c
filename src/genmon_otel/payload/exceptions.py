"""Exceptions into trees and back: same type, text, attributes, causes; never credentials.

Most exceptions are rebuilt without running their own code: the built-in base's
``__new__``, then ``args``, then their attributes. Python keeps some state of the
built-in ones outside ``__dict__``; :data:`_BUILT_IN_STATE` lists it. The few that
are not made this way have an adapter in :data:`_ADAPTERS`.
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
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from genmon_otel.errors import PayloadError
from genmon_otel.payload import web
from genmon_otel.payload.decoding_built_in import of_type
from genmon_otel.payload.paths import MAX_PATH, find_class, import_path, is_importable, loaded
from genmon_otel.payload.state import refuse_finalizer, state_of
from genmon_otel.records import Tree
from genmon_otel.slots import args_of

if TYPE_CHECKING:
    from genmon_otel.payload.encoding import Encoding

#: Exceptions linked by cause and context that are kept, the first included.
MAX_CHAIN: Final = 8
#: Members of one exception group.
MAX_MEMBERS: Final = 100
#: Attributes that only make sense in the process that raised.
_SKIPPED: Final = frozenset({"__traceback__", "__context__", "__cause__", "tb"})

#: What built-in exceptions keep outside ``__dict__``.
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


#: Of these, the ones that say where in a text: who writes the error out fills up to there.
_PLACES: Final = frozenset({"lineno", "offset", "end_lineno", "end_offset", "start", "end"})
_MAX_PLACE: Final = 16 * 1024 * 1024


def encode_nested(encoding: Encoding, error: BaseException) -> Tree:
    """Encode an exception that is, or is part of, a value."""
    return encoding.within(error, lambda: _tree(encoding, error, MAX_CHAIN))


def bare_tree(error: BaseException, why: str) -> Tree:
    """Make the tree of an exception of which only the type could be kept."""
    kind = type(error)
    tree = {
        "$": "error",
        "type": import_path(kind),
        "args": {"$": "opaque", "type": "builtins:tuple", "why": why},
    }
    return tree if is_importable(kind) else tree | {"base": import_path(_importable_base(kind))}


def _tree(encoding: Encoding, error: BaseException, chain: int) -> Tree:
    kind = type(error)
    path = import_path(kind)
    encoding.spend(len(path) + 60)
    tree: dict[str, Tree] = {"$": "error", "type": path}
    if not is_importable(kind):
        tree["base"] = import_path(_importable_base(kind))
    if (adapter := _adapter(kind)) is not None:
        tree["adapter"] = adapter
        tree["fields"] = encoding.mapping(_ADAPTERS[adapter][0](error))
    else:
        tree["args"] = encoding.tree(args_of(error))
        if isinstance(error, BaseExceptionGroup):
            tree["args"] = encoding.tree(error.message)
            tree["members"] = encoding.tree(list(error.exceptions[:MAX_MEMBERS]))
        if state := _c_state(error):
            tree["built_in"] = encoding.mapping(state)
        if fields := _fields(error):
            tree["fields"] = encoding.mapping(fields)
    if (cause := error.__cause__) is not None and chain > 1:
        tree["cause"] = encoding.within(cause, lambda: _tree(encoding, cause, chain - 1))
    elif (
        (context := error.__context__) is not None and not error.__suppress_context__ and chain > 1
    ):
        tree["context"] = encoding.within(context, lambda: _tree(encoding, context, chain - 1))
    if error.__suppress_context__:
        tree["suppress"] = True
    return tree


def _importable_base(kind: type) -> type:
    """Nearest class along the MRO that data can name; the classes between are lost."""
    return next(base for base in kind.__mro__[1:] if is_importable(base))


def _fields(error: BaseException) -> dict[str, Any]:
    return {
        name: value
        for name, value in state_of(error).items()
        if isinstance(name, str) and name not in _SKIPPED
    }


def _c_state(error: BaseException) -> dict[str, Any]:
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


#: What a message of pydantic's is written with; nothing else has a say in it.
_IN_CONTEXT: Final = frozenset({
    str, int, float, bool, bytes, list, tuple, dict, set, frozenset, NoneType,
    Decimal, Fraction, date, datetime, time, timedelta, UUID,
})  # fmt: skip
#: Exceptions that write themselves out of their arguments, and of what C keeps of them.
_WRITTEN: Final = (
    BaseException, BaseExceptionGroup, KeyError, OSError, ImportError, SyntaxError,
    UnicodeDecodeError, UnicodeEncodeError, UnicodeTranslateError,
)  # fmt: skip


def _is_quiet(value: Any) -> bool:
    """Whether no code of a class of the application's runs where a value is written into a text."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if issubclass(type(each), BaseException):
            said_by = getattr_static(type(each), "__str__")
            if all(said_by is not vars(base).get("__str__") for base in _WRITTEN):
                return False
            waiting += [args_of(each), _c_state(each)]
        elif type(each) not in _IN_CONTEXT:
            return False
        elif type(each) is dict:
            waiting += [*each.keys(), *each.values()]
        elif type(each) in (list, tuple, set, frozenset):
            waiting += each
    return True


def _validation_error(kind: Any, fields: Mapping[str, Any]) -> BaseException:
    core = loaded("pydantic_core")
    lines = []
    for line in fields["errors"]:
        name, context = of_type(str, line["type"]), of_type(dict, line.get("ctx") or {})
        loc = line["loc"]
        if type(loc) not in (list, tuple) or any(type(part) not in (str, int) for part in loc):
            raise PayloadError("A recorded validation error has a place that is no names.")
        if not _is_quiet(context):
            raise PayloadError("A recorded validation error has a context that is no data.")
        entry = {"type": name, "loc": tuple(loc), "input": line.get("input")}
        try:
            core.PydanticKnownError(name, context or None)
            entry.update({"ctx": context} if context else {})
        except Exception:  # a kind of the application's own
            text = of_type(str, line["msg"]).replace("{", "(").replace("}", ")")
            entry["type"] = core.PydanticCustomError(name, text, context or None)
        lines.append(entry)
    # Messages for JSON speak of arrays and objects where those for Python do of lists and dicts.
    said = [line.get("msg") for line in fields["errors"]]
    made = (
        core.ValidationError.from_exception_data(fields["title"], lines, input_type=source)
        for source in ("python", "json")
    )

    def agrees(error: Any) -> int:
        return sum(a["msg"] == b for a, b in zip(error.errors(), said, strict=False))

    closest: BaseException = max(made, key=agrees)  # of two alike the first
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
    future = loaded("tenacity").Future
    attempt = future.construct(fields["attempts"], fields["outcome"], fields["failed"])
    error = _bare(kind, (attempt,))
    _state(error)["last_attempt"] = attempt
    return error


def _client_fields(error: Any) -> dict[str, Any]:
    response = dict(error.response)
    metadata = dict(response.get("ResponseMetadata") or {})
    if "HTTPHeaders" in metadata:
        metadata["HTTPHeaders"] = web.kept_headers(metadata["HTTPHeaders"])
    response["ResponseMetadata"] = metadata
    return {"response": response, "operation": error.operation_name, "args": error.args}


def _client_error(kind: Any, fields: Mapping[str, Any]) -> BaseException:
    error = _bare(kind, of_type(tuple, fields["args"]))
    _state(error).update(response=fields["response"], operation_name=fields["operation"])
    return error


def _http_fields(error: Any) -> dict[str, Any]:
    return {"url": web.plain_url(error.filename), "code": error.code, "msg": error.msg,
            "headers": error.hdrs}  # fmt: skip


def _http_error(kind: Any, fields: Mapping[str, Any]) -> BaseException:
    body = io.BytesIO()  # it is read once, by whoever handles the error: it was not ours to read
    error: Any = _bare(kind, ())  # a subclass's own constructor is not called
    loaded("urllib.error").HTTPError.__init__(
        error, fields["url"], fields["code"], fields["msg"], fields["headers"], body
    )
    made: BaseException = error
    return made


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


# --- and back ----------------------------------------------------------------


#: What every exception has, past what its own class may make of setting an attribute.
_BASE: Final[Mapping[str, Any]] = vars(BaseException)


def decode_error(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> BaseException:
    """Rebuild an exception from its tree.

    Raises:
        PayloadError: its class is gone, or is no exception.
    """
    kind = _class(tree)
    fields = of_type(dict, decode(tree["fields"])) if "fields" in tree else {}
    if (adapter := tree.get("adapter")) is not None:
        if adapter != _adapter(kind):
            raise PayloadError(f"{adapter!r} does not rebuild {tree.get('type')!r}.")
        error = _ADAPTERS[adapter][1](kind, fields)
    else:
        error = _rebuilt(kind, tree, decode)
        _set(error, fields)
    for link, attribute in (("cause", "__cause__"), ("context", "__context__")):
        if link in tree:
            linked = decode(tree[link])
            if isinstance(linked, BaseException):
                _BASE[attribute].__set__(error, linked)
    _BASE["__suppress_context__"].__set__(error, tree.get("suppress") is True)
    return error


def _class(tree: Mapping[str, Any]) -> type[BaseException]:
    """Find an exception's class; one that was made at run time is made again, by name alone."""
    kind = find_class(tree.get("base", tree.get("type")))
    if not issubclass(kind, BaseException):
        raise PayloadError(f"{str(tree.get('type'))[:MAX_PATH]!r} is no exception.")
    refuse_finalizer(kind)
    if "base" not in tree:
        return kind
    if type(kind) is not type or any("__init_subclass__" in vars(b) for b in kind.__mro__[:-1]):
        raise PayloadError(f"{kind.__qualname__} has a say in its subclasses: none is made here.")
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
    error = _bare(kind, args if isinstance(args, tuple) else ())
    state = of_type(dict, decode(tree["built_in"])) if "built_in" in tree else {}
    for built_in, names in _BUILT_IN_STATE.items():
        if issubclass(kind, built_in):
            for name in state.keys() & set(names):
                if name in _PLACES and type(state[name]) is int and abs(state[name]) > _MAX_PLACE:
                    raise PayloadError(f"A recorded {name} is beyond any text: {state[name]:.3g}.")
                vars(built_in)[name].__set__(error, state[name])
    return error


def _bare(kind: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    """Make an exception by its built-in base alone: no code of its own class runs."""
    base: Any = next(b for b in kind.__mro__ if b.__module__ == builtins.__name__)
    # OSError picks a subclass by its arguments; without any it does not.
    error: BaseException = base.__new__(kind)
    BaseException.args.__set__(error, args)  # type: ignore[attr-defined]
    return error


def _set(error: BaseException, fields: Mapping[str, Any]) -> None:
    slots = dict(_slots(type(error)))
    for name, value in fields.items():
        if not isinstance(name, str) or (name.startswith("__") and name != "__notes__"):
            continue
        if name in slots:
            slots[name].__set__(error, value)
        else:
            _state(error)[name] = value


def _state(error: BaseException) -> dict[str, Any]:
    state: dict[str, Any] = _BASE["__dict__"].__get__(error)
    return state


def _slots(kind: type) -> Iterator[tuple[str, Any]]:
    for base in kind.__mro__:
        if base.__module__ != builtins.__name__:
            for name, member in vars(base).items():
                if type(member) is MemberDescriptorType:
                    yield name, member
