"""Rules of the application's own, tried before the built-in ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from genmon_otel.classification import evidence
from genmon_otel.classification.repeats import unbounded_repeats
from genmon_otel.classification.verdict import Verdict, Weight
from genmon_otel.errors import ConfigurationError
from genmon_otel.records import Category, Severity
from genmon_otel.text import cut, safe_str

#: Characters of a message that a rule's expression is tried on, head and tail.
MESSAGE_LIMIT: Final = 2_000
#: Characters of an expression.
_PATTERN_LIMIT: Final = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A rule that was registered; what is None is not asked."""

    category: Category
    severity: Severity | None
    exception: type[BaseException] | str | None
    status: int | None
    code: str | None
    message: re.Pattern[str] | None

    def applies(self, error: BaseException) -> bool:
        """Whether everything asked for holds of this exception."""
        if self.exception is not None and not _is_a(type(error), self.exception):
            return False
        if self.status is not None or self.code is not None:
            held = evidence.carried(error)
            if self.status is not None and self.status not in evidence.statuses(
                held, error, of_client=True
            ):
                return False
            if self.code is not None and self.code not in map(str.lower, evidence.codes(held)):
                return False
        return self.message is None or self._found_in(safe_str(error, MESSAGE_LIMIT))

    def applies_to_text(self, error_type: str, message: str) -> bool:
        """The same where only a span is left of the exception."""
        if self.exception is not None:
            wanted = self.exception if isinstance(self.exception, str) else self.exception.__name__
            if wanted not in (error_type, error_type.rpartition(".")[2]):
                return False
        if self.status is not None and error_type != str(self.status):
            return False
        if self.code is not None and error_type.lower() != self.code:
            return False
        return self.message is None or self._found_in(cut(message, MESSAGE_LIMIT))

    def _found_in(self, text: str) -> bool:
        return self.message is not None and self.message.search(text) is not None

    @property
    def verdict(self) -> Verdict:
        """What it says where it applies."""
        return Verdict(self.category, self.severity, "registered", Weight.USER)


def _is_a(kind: type, wanted: type[BaseException] | str) -> bool:
    if not isinstance(wanted, str):
        return wanted in type.mro(kind)
    return any(
        wanted in (name, f"{module}.{name}", f"{module.partition('.')[0]}.{name}")
        for module, name in evidence.lineage(kind)
    )


_rules: tuple[Rule, ...] = ()


def register_rule(
    category: Category | str,
    *,
    exception: type[BaseException] | str | None = None,
    status: int | None = None,
    code: str | None = None,
    message: str | re.Pattern[str] | None = None,
    severity: Severity | str | None = None,
) -> Callable[[], None]:
    """Add a rule of your own; the latest one is tried first, all of them before ours.

    An exception is matched if *everything* given holds of it, or of one it was raised
    from: ``register_rule("prompt_injection", exception="app.errors.Refused", status=400)``.

    Args:
        category: a built-in category, or one made with ``Category.declare``.
        exception: a class (its subclasses too), or its name: ``package.module.Class``,
            ``package.Class`` or ``Class``, so that nothing need be imported.
        status: an HTTP status the exception or its response carries.
        code: a code it carries (``insufficient_quota``, ``ThrottlingException``); any case.
        message: a regular expression searched in the first and last kilobyte of the message;
            at most one repeat in it may be unbounded.
        severity: instead of the category's own; None leaves that.

    Returns:
        A function that takes the rule away again (for tests).

    Raises:
        ConfigurationError: nothing to match by was given, or something not allowed.
    """
    if all(given is None for given in (exception, status, code, message)):
        raise ConfigurationError(
            "A rule needs something to match by. Give at least one of exception=, status=, code=, message=."
        )
    rule = Rule(
        category=_category(category),
        severity=_severity(severity),
        exception=_exception(exception),
        status=_status(status),
        code=_code(code),
        message=None if message is None else _pattern(message),
    )
    global _rules
    _rules = (rule, *_rules)

    def remove() -> None:
        global _rules
        _rules = tuple(kept for kept in _rules if kept is not rule)

    return remove


def rules_in_force() -> tuple[Rule, ...]:
    """The registered rules: another object as soon as there are others."""
    return _rules


def verdict_on(error: BaseException) -> Verdict | None:
    """The first registered rule that applies to this one exception."""
    for rule in _rules:
        if rule.applies(error):
            return rule.verdict
    return None


def verdict_on_text(error_type: str, message: str) -> Verdict | None:
    """The same for a foreign span."""
    for rule in _rules:
        if rule.applies_to_text(error_type, message):
            return rule.verdict
    return None


def _category(given: Category | str) -> Category:
    for known in Category.known():
        if known == given:
            return known
    raise ConfigurationError(
        f"Category {given!r} is not known. Known: {', '.join(Category.known())}. "
        "Add one of your own first: Category.declare('prompt_injection', 'high')."
    )


def _severity(given: Severity | str | None) -> Severity | None:
    try:
        return None if given is None else Severity(given)
    except ValueError:
        raise ConfigurationError(
            f"Severity {given!r} is not known. Allowed: {', '.join(Severity)}."
        ) from None


def _exception(given: Any) -> type[BaseException] | str | None:
    if given is None or (isinstance(given, type) and issubclass(given, BaseException)):
        return given
    if isinstance(given, str) and all(part.isidentifier() for part in given.split(".")):
        return given
    raise ConfigurationError(
        f"exception={given!r} is neither an exception class nor the name of one. "
        "Give the class, or its name such as 'openai.RateLimitError'."
    )


def _status(given: Any) -> int | None:
    if given is None or (type(given) is int and 400 <= given < 600):
        return given
    raise ConfigurationError(
        f"status={given!r} is not an HTTP error status. Give a number from 400 to 599."
    )


def _code(given: Any) -> str | None:
    if given is None or (isinstance(given, str) and 0 < len(given) <= 60):
        return None if given is None else given.lower()
    raise ConfigurationError(
        f"code={given!r} is not a code. Give text of 1 to 60 characters, such as 'insufficient_quota'."
    )


def _pattern(given: Any) -> re.Pattern[str]:
    try:
        pattern = re.compile(given)
    except (re.error, TypeError) as failure:
        raise ConfigurationError(
            f"message={given!r} is not a regular expression: {failure}. "
            "Escape text that is meant literally with re.escape()."
        ) from None
    if not isinstance(pattern.pattern, str):
        raise ConfigurationError(f"message={given!r} matches bytes. Give an expression over str.")
    if len(pattern.pattern) > _PATTERN_LIMIT:
        raise ConfigurationError(
            f"message={pattern.pattern[:80]!r}… is longer than {_PATTERN_LIMIT} characters. "
            "Register several rules."
        )
    if unbounded_repeats(pattern.pattern, MESSAGE_LIMIT) > 1:
        raise ConfigurationError(
            f"message={pattern.pattern[:80]!r} may take minutes on a long message: at most one "
            "repeat may be without bound, and none inside another. "
            r"Bound them: '.{0,80}' for '.*', '\d{1,9}' for '\d+'."
        )
    return pattern
