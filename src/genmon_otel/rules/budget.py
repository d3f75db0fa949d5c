"""The error budget of 30 days: a ticket if it is consumed too fast.

Source: Google's SRE workbook, "Alerting on SLOs", multiwindow, multi-burn-rate alerts.
There the fastest two page; here none does, because the page is
:data:`~genmon_otel.rules.page.PAGE` and no one is paged twice for one event.
"""

from __future__ import annotations

from typing import Final

from genmon_otel import conventions as names
from genmon_otel.records import Outcome
from genmon_otel.rules.document import Group, Rule
from genmon_otel.rules.options import SCOPE, Options
from genmon_otel.rules.promql import seconds, selector
from genmon_otel.rules.recorded import ATTEMPTED
from genmon_otel.rules.tickets import Ticket, alert

BUDGET: Final = "GenmonErrorBudgetBurn"
#: Share of attempts that should succeed over 30 days.
OBJECTIVE: Final = 0.95
#: Long window, short window, how many times too fast.
BURN_RATES: Final = (("1h", "5m", 14.4), ("6h", "30m", 6), ("1d", "2h", 3), ("3d", "6h", 1))
#: Failures in the long window below which a rate says nothing.
_ENOUGH: Final = 10

_LABELS: Final = (*SCOPE, "operation")
_LEVEL: Final = "_".join(_LABELS)
_RATE: Final = f"{_LEVEL}:genmon_generations:rate5m"


def ratio_name(window: str) -> str:
    """Name of the recorded share of attempts that failed over a window."""
    return f"{_LEVEL}:genmon_generation_failures:ratio_rate{window}"


def budget_group(options: Options) -> Group:
    """Rates of five minutes once, their averages over longer windows, and the tickets.

    Averages of a few recorded series, not ranges of days over every replica's counters,
    keep this cheap.
    """
    counter = selector(names.GENERATIONS.name, ATTEMPTED)
    failure = f'outcome="{Outcome.FAILURE}"'
    rules = [
        Rule(_RATE, f"sum by ({', '.join(_LABELS)}, outcome) (rate({counter}[5m]))"),
    ]
    windows = sorted({w for long, short, _ in BURN_RATES for w in (long, short)}, key=seconds)
    for window in windows:
        failed = f"avg_over_time({selector(_RATE, failure)}[{window}])"
        rules.append(
            Rule(
                ratio_name(window),
                f"sum without (outcome) ({failed})\n"
                f"/ (sum without (outcome) (avg_over_time({_RATE}[{window}])) > 0)",
            )
        )
    for long, short, factor in BURN_RATES:
        limit = round(factor * (1 - OBJECTIVE), 4)
        failures = (
            f"sum without (outcome) (avg_over_time({selector(_RATE, failure)}[{long}])) "
            f"* {seconds(long)}"
        )
        ticket = Ticket(
            BUDGET,
            f"{ratio_name(long)} > {limit}\nand {ratio_name(short)} > {limit}\n"
            f"and {failures} >= {_ENOUGH}",
            "Generations fail faster than the error budget of 30 days allows.",
            f"{{{{ $labels.operation }}}}: {{{{ $value | humanizePercentage }}}} of the attempts of "
            f"the last {long} failed, {factor} times what leaves {OBJECTIVE:.0%} successful "
            "over 30 days.",
            names.DASHBOARD_GENERATIONS,
            _LABELS,
        )
        rules.append(alert(options, ticket, long=long, short=short))
    return Group("genmon-error-budget", "1m", rules)
