"""Queries that several panels share: exact counts, as the page makes them, and what failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from genmon_otel import conventions as names
from genmon_otel.policy import HEALTH_MIN_ATTEMPTS, HEALTH_WINDOW_S
from genmon_otel.records import Category
from genmon_otel.rules.options import LATELY, Options
from genmon_otel.rules.page import clearing_time
from genmon_otel.rules.promql import gained, over, selector
from genmon_otel.rules.recorded import increase_name
from grafana.source.variables import OF_PAIR

_OPTIONS: Final = Options()
HOUR: Final = increase_name(HEALTH_WINDOW_S)
LATELY_COUNT: Final = increase_name(HEALTH_WINDOW_S // LATELY)

#: Whose fault a category speaks of; what is in neither is the application's, or its packages'.
PROVIDERS: Final = (Category.AI_TIMEOUT, Category.RATE_LIMIT, Category.PROVIDER_ERROR)
ANSWERS: Final = (Category.VALIDATION_ERROR, Category.SYNTAX_ERROR)


def attempts(record: str, more: str = "") -> str:
    """The recorded exact count for what is chosen."""
    return selector(record, OF_PAIR + (f",{more}" if more else ""))


def failed(record: str) -> str:
    """The recorded exact count of failures for what is chosen."""
    return attempts(record, 'outcome="failure"')


def failure_rate(record: str, by: Sequence[str] = ()) -> str:
    """Share of the attempts of a recorded window that failed."""
    level = f" by ({', '.join(by)})" if by else ""
    return f"sum{level} ({failed(record)}) / (sum{level} ({attempts(record)}) > 0)"


def exact(counter: str, by: Sequence[str], start: str | None, ignoring: Sequence[str] = ()) -> str:
    """Exact count of the last hour, stepped by the constant ``scrape``."""
    step_s = _OPTIONS.scrape_interval_s
    gain = gained(counter, start, by=by, step_s=step_s, window_s=HEALTH_WINDOW_S, ignoring=ignoring)
    return _stepped(over(gain, window_s=HEALTH_WINDOW_S, step_s=step_s))


def failures_of_hour(by: Sequence[str], more: str = "") -> str:
    """Failures of the last hour by category or severity, as exact as the page."""
    return exact(
        selector(names.FAILURES.name, OF_PAIR + (f",{more}" if more else "")),
        by,
        selector(names.SERIES_START.name, f'{OF_PAIR},outcome="failure"'),
        ("category", "severity", "outcome"),
    )


def clears_at() -> str:
    """When no page can be left if nothing more fails, in Unix milliseconds."""
    return _stepped(clearing_time(_OPTIONS).replace("%[1]s", OF_PAIR)) + " * 1000"


def _stepped(expr: str) -> str:
    """Let the constant variable say the scrape interval."""
    return expr.replace("offset 30s", "offset ${scrape}").replace(":30s]", ":${scrape}]")


def one_of(values: Sequence[str]) -> str:
    """Alternatives of a regular expression."""
    return "|".join(values)


#: Attempts from which a share means something, and the page may fire.
ENOUGH: Final = HEALTH_MIN_ATTEMPTS

#: A failure in one line: its class without the module, which takes the room of the message.
WHAT: Final = "regexp_replace(f.error_type, '^.*[.]', '') || ': ' || f.error_message"


def cut(text: str, length: int) -> str:
    """An SQL text's beginning, and a sign where that is not all."""
    return f"left({text}, {length}) || CASE WHEN length({text}) > {length} THEN '…' ELSE '' END"
