"""Classify a failure: category and severity of an exception, or of a span's text.

The exception that escapes is rarely the one with the evidence. So its ``__cause__`` chain, the
exceptions it carries and the members of groups are examined, and the one with the strongest
evidence decides (:class:`~genmon_otel.classification.verdict.Weight`), the outermost
among equals. ``__context__`` is examined only where none of those has certain evidence.
Deterministic, bounded, and it never raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from genmon_otel.classification import custom, evidence
from genmon_otel.classification.custom import register_rule, rules_in_force
from genmon_otel.classification.explanation import explain
from genmon_otel.classification.judgement import judge, judge_span
from genmon_otel.classification.verdict import Verdict, Weight
from genmon_otel.interruption import is_interruption
from genmon_otel.records import ENVIRONMENT_CATEGORIES, Category, Severity
from genmon_otel.slots import cause_of, context_of, hides_context
from genmon_otel.text import cut, safe_str

__all__ = [
    "Classification",
    "classify",
    "classify_text",
    "dotted_name",
    "explain",
    "register_rule",
    "rules_in_force",
]

#: Exceptions examined at most, however long the chain or large the group.
_WALK_LIMIT: Final = 40
#: Characters of their messages that are read in all; of those behind them so many, ten times.
_MAX_READ: Final = 2 * evidence.TEXT_LIMIT
_LEAST_READ: Final = 200


@dataclass(frozen=True, slots=True)
class Classification:
    """The classification of a failure: category, severity, and the exception and rule that decided."""

    category: Category
    severity: Severity
    #: None where there was only text, or no rule applied; of a group, then, its first member
    #: in an order of our own.
    decided_by: BaseException | None
    #: ``package.Class`` of the deciding exception, else of the one that escaped.
    error_type: str
    #: Which evidence decided: ``status:429``, ``type:openai.RateLimitError``; empty where none
    #: applied. :func:`explain` puts it into words.
    rule: str
    #: Whether a type, a status, a code or a phrase that providers print decided; not a name, and
    #: not a rule of the application's own.
    certain: bool = False
    #: The line of a text that decided, not redacted; empty where something else did.
    words: str = ""

    @property
    def is_environment(self) -> bool:
        """Whether evidence shows that the environment failed, so that place and user do not distinguish failures."""
        return self.certain and self.category in ENVIRONMENT_CATEGORIES


def classify(error: BaseException) -> Classification:
    """Classify the exception that escaped a generation.

    Args:
        error: the exception; hostile ones (a ``__str__`` that raises, cycles, 100 MB of
            text) cost bounded time and are classified by what can be read.
    """
    try:
        decided_by, verdict = _decide(error)
        if verdict is None and evidence.is_a(error, BaseExceptionGroup):
            decided_by = _first_member(error)
    except (
        BaseException
    ) as broken:  # an error of the application's own property must not reach the caller
        if is_interruption(broken):
            raise
        decided_by, verdict = None, None
    return _answer(decided_by, verdict, dotted_name(decided_by or error))


def classify_text(error_type: str, message: str) -> Classification:
    """Classify a failure by its ``error.type`` and message, where there is no exception.

    Args:
        error_type: a class name (``openai.RateLimitError``), a status (``429``) or a code;
            empty when unknown.
        message: status description or exception message; only its ends are read.
    """
    kind = cut(error_type, 200)
    try:
        text = safe_str(message, evidence.TEXT_LIMIT)
        verdict = custom.verdict_on_text(kind, text) or judge_span(kind, text)
    except BaseException:  # a str subclass may do anything
        verdict = None
    return _answer(None, verdict, kind)


def dotted_name(error: BaseException) -> str:
    """``package.module.Class`` of an exception, bare for built-in ones."""
    module, name = evidence.lineage(type(error))[0]
    return name if module in ("builtins", "") else f"{module}.{name}"


def _answer(decided_by: BaseException | None, verdict: Verdict | None, name: str) -> Classification:
    if verdict is None:
        category = Category.UNKNOWN
        return Classification(category, category.default_severity, decided_by, name, "")
    severity = verdict.severity or verdict.category.default_severity
    return Classification(
        verdict.category,
        severity,
        decided_by,
        name,
        verdict.rule,
        verdict.is_evidence,
        verdict.words,
    )


def _decide(error: BaseException) -> tuple[BaseException | None, Verdict | None]:
    walk = _Walk()
    decided_by, verdict = _heaviest(walk.explicit(error))
    # A catch-all type is no certain evidence: litellm raises its own for any error,
    # without a cause, and the error with the evidence is only its context.
    if verdict is None or verdict.weight is Weight.FALLBACK:
        by_context, other = _heaviest(walk.implicit(error))
        if other is not None and (verdict is None or other.weight > verdict.weight):
            return by_context, other
    return decided_by, verdict


def _heaviest(
    judged: Iterator[tuple[BaseException, Verdict]],
) -> tuple[BaseException | None, Verdict | None]:
    decided_by: BaseException | None = None
    verdict: Verdict | None = None
    for error, found in judged:
        if verdict is None or found.weight > verdict.weight or _says_more(found, verdict):
            decided_by, verdict = error, found
    return decided_by, verdict


def _says_more(found: Verdict, than: Verdict) -> bool:
    """Whether a verdict of the same weight, of an inner exception, is the better one.

    It also knows how bad it is: a refused key under a bare ``ConnectionError``; or why there was no
    connection: time ran out.
    """
    if found.weight != than.weight or than.severity is not None:
        return False
    if found.category is than.category:
        return found.severity is not None
    return found.category is Category.AI_TIMEOUT and than.rule.endswith("ConnectionError")


def _members(group: BaseException) -> list[BaseException]:
    """Members of a group in an order that does not depend on which task failed first."""
    members = evidence.members(group)[:_WALK_LIMIT]
    if len(members) < 2:
        return list(members)
    return sorted(members, key=lambda member: (dotted_name(member), safe_str(member, 200)))


def _first_member(group: BaseException) -> BaseException:
    """Return the first exception of a group, of nested groups too: it says what failed."""
    for _ in range(_WALK_LIMIT):
        members = _members(group)
        if not members:
            break
        group = members[0]
    return group


class _Walk:
    """Goes through the exceptions that one came from, each once, within bounds."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        #: Exceptions that may be looked at, and characters of messages that may be read.
        self._most = _WALK_LIMIT
        self._unread = _MAX_READ

    def explicit(self, error: BaseException) -> Iterator[tuple[BaseException, Verdict]]:
        """Verdicts on an exception and what it was raised from, outermost first."""
        waiting = [error]
        while waiting and len(self._seen) < self._most:
            current = waiting.pop(0)
            if id(current) in self._seen:
                continue
            self._seen.add(id(current))
            verdict = custom.verdict_on(current)
            # What sys.exit() was given is a status of the process or the application's own words.
            if verdict is None and not evidence.is_a(current, SystemExit):
                verdict = judge(current, self._text_of)
            if verdict is not None:
                yield current, verdict
                if verdict.final:
                    continue
            cause = cause_of(current)
            if cause is not None:
                waiting.append(cause)
            waiting.extend(evidence.links(current))
            waiting.extend(_members(current))

    def implicit(self, error: BaseException) -> Iterator[tuple[BaseException, Verdict]]:
        """Verdicts on what was being handled when it was raised, and so on outwards."""
        self._most = len(self._seen) + _WALK_LIMIT  # the explicit chain may have used up its own
        for _ in range(_WALK_LIMIT):
            inner = None if hides_context(error) else context_of(error)
            if inner is None:
                inner = cause_of(error)
            if inner is None:
                return
            yield from self.explicit(inner)
            error = inner

    def _text_of(self, error: BaseException) -> str:
        if self._unread < -10 * _LEAST_READ:
            return ""
        text = safe_str(error, min(evidence.TEXT_LIMIT, max(self._unread, _LEAST_READ)))
        self._unread -= len(text)
        return text
