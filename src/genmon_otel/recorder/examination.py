"""What an exception tells by itself, whoever met it: found out once of one that is raised again and again.

A provider that is down and a bug both raise the same error, from the same place, for every
call. What is found out of an error is remembered where nothing but its class, its arguments
and its traceback can have a say: most built-in classes, and the application's that add
nothing to them. All others are looked into each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import CodeType
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from genmon_otel.interruption import is_interruption
from genmon_otel.recorder.naming import READ, said_by
from genmon_otel.records import Category, Severity
from genmon_otel.stacks import MAX_STACK, code_path, format_stack, frames, raise_site

if TYPE_CHECKING:
    from genmon_otel.classification import Classification
    from genmon_otel.recorder.runtime import Runtime

#: Errors remembered at a time, and the longest of them: frames, characters of its arguments.
_MAX_KEPT: Final = 128
_MAX_FRAMES: Final = 48
_MAX_TEXT: Final = 1_000

#: What a class may define whose errors say no more than its built-in base's.
_SAYS_NOTHING: Final = frozenset(
    "__module__ __doc__ __weakref__ __qualname__ __init__ __annotations__ __firstlineno__ __static_attributes__".split()
)


@dataclass(frozen=True, slots=True)
class Examined:
    """What an exception tells; not the exception, which would keep its frames alive."""

    category: Category
    severity: Severity
    error_type: str
    #: What it says, redacted: as much of it as names read.
    said: str
    #: Where it was raised, innermost first, as a fingerprint counts it.
    places: tuple[str, ...]
    #: The innermost frame of the application.
    function: str
    file: str
    line: int
    #: Redacted.
    stack: str
    #: Evidence that decided the category: ``Classification.rule``.
    rule: str = ""
    #: Whether evidence says that the world around failed (``Classification.is_environment``).
    environment: bool = False


Key = tuple[Any, ...]
Kept = dict[Key, tuple[Examined, tuple[Any, ...], tuple[CodeType, ...]]]
"""What is remembered, with the rules it was classified by and the code objects, that their ids hold."""


def examine(
    under: Runtime, error: BaseException, classified: Classification | None = None
) -> Examined:
    """Find out what there is to find out of an exception.

    Args:
        under: redacts, and remembers.
        error: what escaped.
        classified: as what, where that is known already.
    """
    from genmon_otel.classification import classify, rules_in_force

    try:
        key, codes = _key(error)
        kept = under.analysed.get(key) if key is not None else None
    except BaseException as broken:  # a metaclass says how its classes are hashed
        if is_interruption(broken):
            raise
        key, codes, kept = None, (), None
    if kept is not None and kept[1] is rules_in_force():
        known: Examined = kept[0]
        return known
    examined = look_into(under, error, classified or classify(error))
    if key is not None:
        if len(under.analysed) >= _MAX_KEPT:
            under.analysed.clear()
        under.analysed[key] = examined, rules_in_force(), codes
    return examined


def look_into(under: Runtime, error: BaseException, found: Classification) -> Examined:
    """The same of an exception that is classified, remembering nothing."""
    from genmon_otel.fingerprint import places

    decided = found.decided_by or error
    redact = under.redactor.text
    return Examined(
        found.category,
        found.severity,
        found.error_type,
        redact(said_by(decided), READ),
        places(frames(decided)),
        *raise_site(decided),
        redact(format_stack(error), MAX_STACK),
        found.rule,
        found.is_environment,
    )


def _key(error: BaseException) -> tuple[Key | None, tuple[CodeType, ...]]:
    """What decides all that there is to find out; None where other things may, too."""
    kind = type(error)
    plain = _plain.get(kind)
    if plain is None:
        plain = _plain[kind] = _is_plain(kind)
    if not plain or error.__dict__ or error.__cause__ is not None:
        return None, ()
    if error.__context__ is not None and not error.__suppress_context__:
        return None, ()
    arguments = error.args
    size = 0
    for argument in arguments:
        if type(argument) is not str:
            return None, ()
        size += len(argument)
    path, codes = code_path(error, _MAX_FRAMES)
    if path is None or size > _MAX_TEXT:
        return None, ()
    return (kind, arguments, *path), codes


_plain: Final[WeakKeyDictionary[type, bool]] = WeakKeyDictionary()


def _is_plain(kind: type) -> bool:
    """Whether errors of a class hold nothing but arguments and what is in their ``__dict__``."""
    for base in type.mro(kind):
        if base.__module__ == "builtins":
            # Those that hold more, such as an OSError's errno, are larger.
            return base.__basicsize__ == BaseException.__basicsize__
        if type(base) is not type or not _SAYS_NOTHING.issuperset(vars(base)):
            return False
    return False
