"""Analyse an exception independently of its generation, and cache the analysis for repeated ones.

A provider that is down and a bug both raise the same exception, from the same place, for every
call. An analysis is cached where only the exception's class, arguments and traceback can
influence it: most built-in classes, and the application's that add nothing to them. All others
are analysed each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import CodeType
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from genmon_otel.interruption import is_interruption
from genmon_otel.recorder.diagnosis.messages import READ, said_by
from genmon_otel.recorder.runtime import Runtime
from genmon_otel.records import Category, Severity
from genmon_otel.stacks import MAX_STACK, code_path, format_stack, frames, raise_site

if TYPE_CHECKING:
    from genmon_otel.classification import Classification

#: Analyses cached at a time, and the longest of them: frames, characters of its arguments.
_MAX_CACHED: Final = 128
_MAX_FRAMES: Final = 48
_MAX_TEXT: Final = 1_000

#: What a class may define whose exceptions say no more than its built-in base's.
_SAYS_NOTHING: Final = frozenset(
    "__module__ __doc__ __weakref__ __qualname__ __init__ __annotations__ __firstlineno__ __static_attributes__".split()
)


@dataclass(frozen=True, slots=True)
class ExceptionAnalysis:
    """The result of analysing an exception. It holds no reference to it, which would keep its frames alive."""

    category: Category
    severity: Severity
    error_type: str
    #: Its message, redacted, cut to the length that fingerprints read.
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
    #: The line that decided where that evidence is a text, redacted.
    words: str = ""
    #: Whether evidence says that the environment caused the failure (``Classification.is_environment``).
    environment: bool = False


Key = tuple[Any, ...]


def analyse(
    runtime: Runtime, error: BaseException, classified: Classification | None = None
) -> ExceptionAnalysis:
    """Return the analysis of an exception, from the cache if it is there.

    Args:
        runtime: redacts, and holds the cache.
        error: what escaped.
        classified: its classification, where that is known already.
    """
    from genmon_otel.classification import classify, rules_in_force

    cache = runtime.analysed
    try:
        key, codes = _key(error)
        cached = cache.get(key) if key is not None else None
    except BaseException as broken:  # a metaclass says how its classes are hashed
        if is_interruption(broken):
            raise
        key, codes, cached = None, (), None
    if cached is not None and cached[1] is rules_in_force():
        known: ExceptionAnalysis = cached[0]
        return known
    analysis = analyse_anew(runtime, error, classified or classify(error))
    if key is not None:
        if len(cache) >= _MAX_CACHED:
            cache.clear()
        # with the rules it was classified by, and the code objects, whose ids the key holds
        cache[key] = analysis, rules_in_force(), codes
    return analysis


def analyse_anew(
    runtime: Runtime, error: BaseException, found: Classification
) -> ExceptionAnalysis:
    """Return the analysis of a classified exception without using the cache."""
    from genmon_otel.fingerprint import places

    decided = found.decided_by or error
    redact = runtime.redactor.text
    return ExceptionAnalysis(
        found.category,
        found.severity,
        redact(found.error_type, READ),
        redact(said_by(decided, found), READ),
        places(frames(decided)),
        *raise_site(decided),
        redact(format_stack(error), MAX_STACK),
        found.rule,
        redact(found.words, READ),
        found.is_environment,
    )


def _key(error: BaseException) -> tuple[Key | None, tuple[CodeType, ...]]:
    """Return the cache key of an exception; None where more than class, arguments and traceback counts."""
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
    """Whether exceptions of a class hold nothing but arguments and what is in their ``__dict__``."""
    for base in type.mro(kind):
        if base.__module__ == "builtins":
            # Those that hold more, such as an OSError's errno, are larger.
            return base.__basicsize__ == BaseException.__basicsize__
        if type(base) is not type or not _SAYS_NOTHING.issuperset(vars(base)):
            return False
    return False
