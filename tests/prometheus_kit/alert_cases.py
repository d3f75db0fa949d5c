"""For every ticket: histories that fire it and histories that must not, close to its limits."""

from __future__ import annotations

from dataclasses import dataclass, field

from genmon_otel.rules.budget import BUDGET
from genmon_otel.rules.tickets import ATTEMPTS, CANCELLED, CATEGORIES, P95

#: Values come every five minutes, in promtool's notation.
TICK = "5m"
HOUR = 12
DAY = 24 * HOUR

SCOPE = 'cluster="eu",namespace="prod",job="app"'
OPERATION = f'{SCOPE},operation="build_app"'


@dataclass(frozen=True)
class AlertCase:
    """What is given, when it is asked, and how many alerts of the name then fire."""

    alert: str
    why: str
    series: dict[str, str] = field(repr=False)
    at: str
    fires: bool
    #: Narrows which alerts of the name are looked at.
    matchers: str = ""


def _attempts(values: str) -> dict[str, str]:
    return {f"{ATTEMPTS}{{{OPERATION}}}": values}


def _history(name: str, before: float, now: float, labels: str = OPERATION) -> dict[str, str]:
    """A day of one value, then another."""
    return {f"{name}{{{labels}}}": f"{before}+0x{DAY + HOUR - 1} {now}+0x{2 * HOUR}"}


def _categories(now: float, other: float, before: float | None = None) -> dict[str, str]:
    first, second = (f'{{{SCOPE},category="{c}"}}' for c in ("rate_limit", "unknown"))
    past = f"_x{DAY + HOUR}" if before is None else f"{before}+0x{DAY + HOUR - 1}"
    return {
        f"{CATEGORIES}{first}": f"{past} {now}+0x{HOUR}",
        f"{CATEGORIES}{second}": f"_x{DAY + HOUR} {other}+0x{HOUR}",
    }


def _critical(severity: str, values: str, births: str) -> dict[str, str]:
    pair = f'{OPERATION},framework="react",instance="i0"'
    return {
        f'genmon_generation_failures_total{{{pair},category="provider_error",severity="{severity}"}}': values,
        f'genmon_series_start_timestamp_seconds{{{pair},outcome="failure"}}': births,
    }


def _journal(values: str) -> dict[str, str]:
    return {f'genmon_journal_bytes{{{SCOPE},instance="i0"}}': values}


_AFTER_DAY = "25h"  # when the history's last value has just begun
_MIB = 1024 * 1024
_NEW = "_x2 1+0x40"
_OLD = "1+0x40"


def _events(alert: str, metric: str, labels: str) -> list[AlertCase]:
    """Tickets about single events: the first one counts, an old one does not."""
    series = f'{metric}{{{SCOPE},instance="i0",{labels}}}'
    return [
        AlertCase(alert, "its first event", {series: _NEW}, "10m", True),
        AlertCase(alert, "one more event", {series: "4+0x20 5+0x20"}, "105m", True),
        AlertCase(alert, "an event of long ago", {series: _OLD}, "65m", False),
        AlertCase(alert, "first seen at 0 without an event", {series: "_x2 0+0x40"}, "10m", False),
    ]


CASES: list[AlertCase] = [
    AlertCase("GenmonCriticalFailures", "the first on an old process", _critical("critical", _NEW, "-90000+0x40"), "10m", True),
    AlertCase("GenmonCriticalFailures", "a newborn process", _critical("critical", "_x14 1+0x20", "_x14 4190+0x20"), "70m", True),
    AlertCase("GenmonCriticalFailures", "a restart that hides", _critical("critical", "1+0x20 1+0x20", "-90000+0x20 6200+0x20"), "105m", True),
    AlertCase("GenmonCriticalFailures", "first seen at 0", _critical("critical", "_x2 0+0x40", "_x2 590+0x40"), "10m", False),
    AlertCase("GenmonCriticalFailures", "of severity high", _critical("high", _NEW, "-90000+0x40"), "10m", False),
    AlertCase("GenmonCriticalFailures", "an old process first scraped", _critical("critical", "_x14 3+0x20", "_x14 -90000+0x20"), "75m", False),
    AlertCase("GenmonCategoryTakingOver", "10 of 12, and never before", _categories(10, 2), _AFTER_DAY, True),
    AlertCase("GenmonCategoryTakingOver", "10 of 12, 3.2 an hour before", _categories(10, 2, 3.2), _AFTER_DAY, True),
    AlertCase("GenmonCategoryTakingOver", "only 9.5", _categories(9.5, 0.1), _AFTER_DAY, False),
    AlertCase("GenmonCategoryTakingOver", "80 %, not more", _categories(12, 3), _AFTER_DAY, False),
    AlertCase("GenmonCategoryTakingOver", "3.4 an hour before", _categories(10, 2, 3.4), _AFTER_DAY, False),
    *_events("GenmonFailureReopened", "genmon_failures_reopened_total", 'operation="build_app",category="unknown"'),
    AlertCase("GenmonRegressionCaseFailing", "one", {f'genmon_regression_cases{{{SCOPE},state="regressed"}}': "0+0x5 1+0x5"}, "30m", True),
    AlertCase("GenmonRegressionCaseFailing", "none", {f'genmon_regression_cases{{{SCOPE},state="regressed"}}': "0+0x5"}, "20m", False),
    AlertCase("GenmonRegressionCaseFailing", "guarding", {f'genmon_regression_cases{{{SCOPE},state="guarding"}}': "3+0x5"}, "20m", False),
    AlertCase("GenmonGenerationsStopped", "after 10 an hour", _attempts(f"10+0x{DAY + HOUR - 1} 0+0x5"), _AFTER_DAY, True),
    AlertCase("GenmonGenerationsStopped", "the series went away", _attempts(f"10+0x{DAY + HOUR - 1} stale"), _AFTER_DAY, True),
    AlertCase("GenmonGenerationsStopped", "after 9.5 an hour", _attempts(f"9.5+0x{DAY + HOUR - 1} 0+0x5"), _AFTER_DAY, False),
    AlertCase("GenmonGenerationsStopped", "one an hour is left", _attempts(f"10+0x{DAY + HOUR - 1} 1+0x5"), _AFTER_DAY, False),
    AlertCase("GenmonGenerationsStopped", "quiet at this time yesterday", _attempts(f"10+0x{HOUR - 1} 0+0x{HOUR - 1} 10+0x{DAY - HOUR - 1} 0+0x5"), _AFTER_DAY, False),
    AlertCase("GenmonGenerationsStopped", "quiet hours before", _attempts(f"10+0x{DAY - 1} 2+0x{HOUR - 1} 0+0x{HOUR + 5}"), "26h", False),
    AlertCase("GenmonSlowGenerations", "more than twice", _history(P95, 10.4, 21), "25h10m", True),
    AlertCase("GenmonSlowGenerations", "not for long enough", _history(P95, 10.4, 21), "25h5m", False),
    AlertCase("GenmonSlowGenerations", "not quite twice", _history(P95, 10.4, 20.7), "25h10m", False),
    AlertCase("GenmonSlowGenerations", "10.5 s", _history(P95, 4, 10.5), "25h10m", True),
    AlertCase("GenmonSlowGenerations", "10 s is not slow", _history(P95, 4, 10), "25h10m", False),
    AlertCase("GenmonCancelledShareRising", "21 % after 10 %", _history(CANCELLED, 0.1, 0.21), "25h10m", True),
    AlertCase("GenmonCancelledShareRising", "not for long enough", _history(CANCELLED, 0.1, 0.21), "25h5m", False),
    AlertCase("GenmonCancelledShareRising", "20 %", _history(CANCELLED, 0.05, 0.2), "25h10m", False),
    AlertCase("GenmonCancelledShareRising", "11 % before", _history(CANCELLED, 0.11, 0.21), "25h10m", False),
    *_events("GenmonRecordsDropped", "genmon_records_dropped_total", 'reason="queue_full"'),
    *_events("GenmonInternalErrors", "genmon_internal_errors_total", 'where="writer"'),
    AlertCase("GenmonJournalGrowing", "17 MiB and more", _journal(f"{17 * _MIB}+100x20"), "40m", True),
    AlertCase("GenmonJournalGrowing", "not for long enough", _journal(f"{17 * _MIB}+100x20"), "35m", False),
    AlertCase("GenmonJournalGrowing", "16 MiB", _journal(f"1000+0x5 {16 * _MIB}+0x20"), "45m", False),
    AlertCase("GenmonJournalGrowing", "does not grow", _journal(f"{17 * _MIB}+0x20"), "40m", False),
    AlertCase("GenmonStoreUnreachable", "for ten minutes", {f'genmon_store_up{{{SCOPE},instance="i0"}}': "1+0x5 0+0x9"}, "40m", True),
    AlertCase("GenmonStoreUnreachable", "for five", {f'genmon_store_up{{{SCOPE},instance="i0"}}': "1+0x5 0+0x9"}, "35m", False),
    AlertCase("GenmonStoreUnreachable", "it is up", {f'genmon_store_up{{{SCOPE},instance="i0"}}': "1+0x9"}, "40m", False),
    *(
        AlertCase(
            "GenmonScrapeFailing",
            why,
            {
                f'up{{{SCOPE},instance="i0"}}': up,
                f'genmon_records_started_total{{{SCOPE},instance="{instance}"}}': "1+0x3 stale",
            },
            at,
            fires,
        )
        for why, up, instance, at, fires in [
            ("for five minutes", "1+0x3 0+0x9", "i0", "25m", True),
            ("once", "1+0x3 0+0x9", "i0", "20m", False),
            ("it answers", "1+0x12", "i0", "25m", False),
            ("not one of ours", "1+0x3 0+0x9", "i1", "25m", False),
        ]
    ),
]  # fmt: skip


def _burn(long: str, short: str, limit: float) -> list[AlertCase]:
    """Failures as a share of one attempt a second (or of hardly any), lately another share."""
    hours = {"1h": 1, "6h": 6, "1d": 24, "3d": 72}[long]
    quick = {"5m": 1, "30m": 6, "2h": 24, "6h": 72}[short] + 1
    earlier = hours * HOUR + 1 - quick

    def rates(share: float, lately: float | None = None, scale: float = 1.0) -> dict[str, str]:
        last = share if lately is None else lately

        def values(first: float, second: float) -> str:
            return f"{first * scale:.9f}+0x{earlier - 1} {second * scale:.9f}+0x{quick - 1}"

        name = "cluster_namespace_job_operation:genmon_generations:rate5m"
        return {
            f'{name}{{{OPERATION},outcome="success"}}': values(1 - share, 1 - last),
            f'{name}{{{OPERATION},outcome="failure"}}': values(share, last),
        }

    at, which = f"{hours}h", f'long="{long}"'
    above = min(1.3 * limit, 0.98)
    # So that the long window's average is 0.95 of the limit while the short one is above.
    before = (0.95 * limit * (earlier + quick) - above * quick) / earlier
    few = limit + 0.02
    rows = [
        ("above", rates(limit + 0.001), True),
        ("below", rates(limit - 0.001), False),
        ("over by now", rates(above, 0.95 * limit), False),
        ("only lately", rates(before, above), False),
        ("10.5 failures", rates(few, scale=10.5 / few / hours / 3600), True),
        ("9.5 failures", rates(few, scale=9.5 / few / hours / 3600), False),
    ]
    return [AlertCase(BUDGET, f"{long}: {why}", s, at, fires, which) for why, s, fires in rows]


CASES += [
    row
    for window in (("1h", "5m", 0.72), ("6h", "30m", 0.3), ("1d", "2h", 0.15), ("3d", "6h", 0.05))
    for row in _burn(*window)
]
