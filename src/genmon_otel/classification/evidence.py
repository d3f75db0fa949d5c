"""Read evidence from one exception: statuses, codes, captured output, text.

Every object here belongs to the application or a library: a property may raise, ``__str__`` may
raise, a body may be 100 MB. Instance dictionaries are preferred to attribute access
because reading them runs no foreign code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import FunctionType, MethodType
from typing import Any, Final
from weakref import WeakKeyDictionary

from genmon_otel.interruption import is_interruption
from genmon_otel.slots import args_of, members_of, module_of, name_of
from genmon_otel.text import cut, safe_repr, safe_str

#: Characters of one text that rules look at, head and tail.
TEXT_LIMIT: Final = 4_000
#: Exceptions, other than its cause, that one exception may point to.
_LINKS: Final = (
    "original_exception", "original_error", "last_exception", "last_error", "reason", "inner",
    "inner_exception", "exc", "cause", "_cause", "orig", "error", "exception", "os_error",
)  # fmt: skip
_STATUS_NAMES: Final = ("status_code", "http_status", "http_code", "status", "code")
_CODE_NAMES: Final = ("code", "type", "status", "error_code", "reason", "param_code", "digest")
_OUTPUTS: Final = ("stderr", "stdout", "output")
_BODIES: Final = ("body", "details", "error", "json_body")
_MISSING: Final = object()


def is_a(value: Any, kind: type | tuple[type, ...]) -> bool:
    """``isinstance`` by type alone, which does not ask the object for its ``__class__``."""
    return issubclass(type(value), kind)


def lineage(kind: type) -> list[tuple[str, str]]:
    """(module, bare name) of a class and its bases, ``object`` left out."""
    return [
        (module if type(module := module_of(base)) is str else "", name_of(base))
        for base in type.mro(kind)[:-1]
    ]


def members(error: BaseException) -> tuple[BaseException, ...]:
    """Members of a group; none of any other exception."""
    return members_of(error) if is_a(error, BaseExceptionGroup) else ()


def fields(error: object) -> Mapping[str, Any]:
    """The instance dictionary; empty where there is none."""
    try:
        found = object.__getattribute__(error, "__dict__")
    except BaseException as broken:  # a hostile __getattribute__ or slots
        if is_interruption(broken):
            raise
        return {}
    return found if type(found) is dict else {}


def read(obj: object, name: str) -> Any:
    """Return an attribute, even if reading it runs code; None where it is missing or raises."""
    value = fields(obj).get(name, _MISSING)
    if value is not _MISSING:
        return value
    try:
        return getattr(obj, name, None)
    except BaseException as error:  # a property may raise anything
        if is_interruption(error):
            raise
        return None


#: Everything that may be carried, by its attribute's name.
_CARRIED: Final = frozenset(
    {*_STATUS_NAMES, *_CODE_NAMES, *_OUTPUTS, *_BODIES, "response", "raw_response", "returncode"}
)
_class_level: WeakKeyDictionary[type, tuple[str, ...]] = WeakKeyDictionary()


def carried(error: BaseException) -> dict[str, Any]:
    """The attributes of an exception that rules use; read once, most exceptions have none."""
    held = fields(error)
    found = {name: held[name] for name in _CARRIED & held.keys()} if held else {}
    kind = type(error)
    names = _class_level.get(kind)
    if names is None:  # properties, slots and class attributes
        names = tuple(
            sorted(_CARRIED & {name for base in type.mro(kind)[:-1] for name in base.__dict__})
        )
        _class_level[kind] = names
    for name in names:
        if name not in found:
            found[name] = read(error, name)
    return found


def statuses(held: Mapping[str, Any], error: BaseException, *, of_client: bool) -> Iterator[int]:
    """HTTP statuses that it carries: its own, its response's, botocore's metadata.

    Of an application's own class only ``status_code`` and its like count, and only where the
    instance holds them: what the class holds is what the application answers with.
    """
    own = held if of_client else fields(error)
    for name in _STATUS_NAMES if of_client else _STATUS_NAMES[:4]:
        yield from _status(own.get(name))
    response = held.get("response")
    if response is None:
        response = held.get("raw_response")
    if type(response) is dict:
        metadata = response.get("ResponseMetadata")
        if type(metadata) is dict:
            yield from _status(metadata.get("HTTPStatusCode"))
    elif response is not None:
        for name in ("status_code", "status"):
            yield from _status(read(response, name))


def _status(value: Any) -> Iterator[int]:
    if callable(value):
        return
    if type(value) is str and value[:3].isdigit() and (len(value) == 3 or value[3] == " "):
        value = value[:3]  # '429', or falcon's '404 Not Found'
    elif not is_a(value, int) or is_a(value, bool):
        return
    try:
        number = int(value)
    except BaseException as broken:  # a subclass of int
        if is_interruption(broken):
            raise
        return
    if 400 <= number < 600:
        yield number


def codes(held: Mapping[str, Any]) -> Iterator[str]:
    """Providers' codes that it carries, the most specific first."""
    response = held.get("response")
    if type(response) is dict:
        yield from _codes_of_body(response.get("Error"))
    for name in _CODE_NAMES:
        yield from _code(held.get(name))
    for name in _BODIES:
        yield from _codes_of_body(held.get(name))


def _code(value: Any) -> Iterator[str]:
    if is_a(value, (MethodType, FunctionType)):  # grpc.RpcError.code()
        try:
            value = value()
        except BaseException as broken:
            if is_interruption(broken):
                raise
            return
    if type(value) is str and 0 < len(value) <= 60:
        yield value
    elif value is not None and not is_a(value, (int, str, bytes, dict, list, tuple)):
        name = fields(value).get("_name_")  # an Enum, such as grpc.StatusCode
        if type(name) is str:
            yield name


def _codes_of_body(body: Any, depth: int = 0) -> Iterator[str]:
    """Codes in an error body: ``{"error": {"code": ..., "type": ...}}`` and its relatives."""
    if is_a(body, list) and body:
        body = body[0]
    if type(body) is not dict or depth > 3:
        return
    for key in ("code", "Code", "type", "status", "__type"):
        value = body.get(key)
        if type(value) is str and 0 < len(value) <= 120:
            yield value.rpartition("#")[2]
    for key in ("innererror", "inner_error", "error"):
        yield from _codes_of_body(body.get(key), depth + 1)
    details: Any = body.get("details")
    if is_a(details, list):
        for detail in details[:4]:
            reason = detail.get("reason") if type(detail) is dict else None
            if type(reason) is str:
                yield reason


def output(held: Mapping[str, Any]) -> str:
    """Output of a program that it carries (``CalledProcessError`` and its imitators)."""
    found: list[tuple[Any, str]] = []
    for name in _OUTPUTS:
        value = held.get(name)
        if value is None or any(value is other for other, _ in found):
            continue
        if is_a(value, (bytes, bytearray)):
            half = TEXT_LIMIT // 2
            raw = (
                bytes(value)
                if len(value) <= TEXT_LIMIT
                else bytes(value[:half] + b"\n" + value[-half:])
            )
            found.append((value, raw.decode("utf-8", "replace")))
        elif is_a(value, str):
            found.append((value, cut(value, TEXT_LIMIT)))
        elif is_a(value, (list, tuple)):
            lines = [line for line in (*value[:60], *value[60:][-60:]) if is_a(line, str)]
            found.append((value, cut("\n".join(cut(line, 400) for line in lines), TEXT_LIMIT)))
    return safe_str("\n".join(text for _, text in found), 2 * TEXT_LIMIT) if found else ""


def body_text(held: Mapping[str, Any]) -> str:
    """The beginning of the response's body, where it was read already."""
    response = held.get("response")
    content: Any = fields(response).get("_content") if response is not None else None
    if is_a(content, bytes):
        return bytes(content[:2_000]).decode("utf-8", "replace")
    body = held.get("body")
    if type(body) is str:
        return cut(body, 2_000)
    return safe_repr(body, 2_000) if type(body) in (dict, list) else ""


def links(error: BaseException) -> Iterator[BaseException]:
    """Exceptions it was created from, other than by ``raise ... from``: nearest first."""
    held = fields(error)
    for name in _LINKS if held else ():
        value: Any = held.get(name)
        if is_a(value, BaseException):
            yield value
    attempt = held.get("last_attempt")  # tenacity.RetryError
    if attempt is not None:
        value = fields(attempt).get("_exception")
        if is_a(value, BaseException):
            yield value
    attempts = held.get("failed_attempts")  # instructor.InstructorRetryException
    if is_a(attempts, list) and attempts:
        value = read(attempts[-1], "exception")
        if is_a(value, BaseException):
            yield value
    arguments = args_of(error)  # requests.ConnectionError(MaxRetryError(...))
    for value in arguments[:4]:
        if is_a(value, BaseException):
            yield value
