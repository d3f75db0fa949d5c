"""Alerts that become tickets, among them those about genmon's own health.

Counters whose label sets begin with their first event are counted exactly, because
``increase()`` never sees a first event; where a share or a trend is judged, it is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from genmon_otel import conventions as names
from genmon_otel.policy import CaseState
from genmon_otel.records import Outcome, Severity
from genmon_otel.rules.document import Group, Rule
from genmon_otel.rules.options import SCOPE, Options
from genmon_otel.rules.promql import duration, gained, over, selector
from genmon_otel.rules.recorded import increase_name

_SCOPE: Final = ", ".join(SCOPE)
_OPERATION: Final = (*SCOPE, "operation")
_BY_OPERATION: Final = ", ".join(_OPERATION)

#: Recorded names, by the convention ``level:metric:operations``.
ATTEMPTS: Final = f"{'_'.join(_OPERATION)}:genmon_generations:increase1h"
CANCELLED: Final = f"{'_'.join(_OPERATION)}:genmon_generations:cancelled_share1h"
CATEGORIES: Final = f"{'_'.join(SCOPE)}_category:genmon_generation_failures:increase1h"
P95: Final = f"{'_'.join(_OPERATION)}:genmon_generation_duration_seconds:p95_1h"

_BUSY: Final = 20  # ended generations an hour from which a share or a quantile means something


@dataclass(frozen=True, slots=True)
class Ticket:
    """One alert of severity warning, before links and labels are added."""

    name: str
    expr: str
    summary: str
    description: str
    dashboard: str
    variables: Sequence[str] = SCOPE
    for_: str | None = None


def recorded(options: Options) -> list[Rule]:
    """Few series, cheap to compute, that the tickets and the dashboards look back on."""
    exact = increase_name(options.window_s)
    ended = f"sum by ({_BY_OPERATION}) (increase({names.GENERATIONS.name}[1h]))"
    cancelled = selector(names.GENERATIONS.name, f'outcome="{Outcome.CANCELLED}"')
    success = f'outcome="{Outcome.SUCCESS}"'
    buckets = selector(f"{names.GENERATION_DURATION.name}_bucket", success)
    successes = selector(names.GENERATIONS.name, success)
    return [
        Rule(ATTEMPTS, f"sum by ({_BY_OPERATION}) ({exact})"),
        Rule(
            CANCELLED,
            f"sum by ({_BY_OPERATION}) (increase({cancelled}[1h]))\n/ ({ended} >= {_BUSY})",
        ),
        Rule(CATEGORIES, f"sum by ({_SCOPE}, category) (increase({names.FAILURES.name}[1h]))"),
        Rule(
            P95,
            f"histogram_quantile(0.95, sum by ({_BY_OPERATION}, le) (rate({buckets}[1h])))\n"
            f"and sum by ({_BY_OPERATION}) (increase({successes}[1h])) >= {_BUSY}",
        ),
    ]


def _events(options: Options, counter: str, by: Sequence[str], window_s: int) -> str:
    """Exact count of rare events, whose series often begin with the first of them.

    Series that begin at 0 add no increment until an event is counted.
    """
    gain = gained(counter, None, by=by, step_s=options.scrape_interval_s, window_s=options.window_s)
    return over(gain, window_s=window_s, step_s=options.scrape_interval_s) + " > 0"


def tickets(options: Options) -> list[Ticket]:
    """Every alert of severity warning, the error budget's apart."""
    critical = over(
        gained(
            selector(names.FAILURES.name, f'severity="{Severity.CRITICAL}"'),
            selector(names.SERIES_START.name, f'outcome="{Outcome.FAILURE}"'),
            by=(*_OPERATION, "category"),
            step_s=options.scrape_interval_s,
            window_s=options.window_s,
            ignoring=("category", "severity", "outcome"),
            twin=selector(names.GENERATIONS.name, f'outcome="{Outcome.FAILURE}"'),
        ),
        window_s=options.window_s,
        step_s=options.scrape_interval_s,
    )
    reopened = _events(options, names.FAILURES_REOPENED.name, (*_OPERATION, "category"), 3_600)
    dropped = _events(options, names.RECORDS_DROPPED.name, (*SCOPE, "reason"), 1_800)
    internal = _events(options, names.INTERNAL_ERRORS.name, (*SCOPE, "where"), 1_800)
    regressed = selector(names.REGRESSION_CASES.name, f'state="{CaseState.REGRESSED}"')
    journal = f"max by ({_SCOPE}, instance) ({names.JOURNAL_BYTES.name}{{}})"
    seen_lately = f"last_over_time({names.RECORDS_STARTED.name}[1h])"
    return [
        Ticket(
            "GenmonCriticalFailures",
            f"{critical} > 0",
            "Generations failed in a way that will not pass by itself.",
            "{{ $labels.operation }}: {{ $value }} × {{ $labels.category }} of severity critical "
            "within the last hour (authentication, exhausted quota, out of memory, disk full, or "
            "a process that died).",
            names.DASHBOARD_GENERATIONS,
            _OPERATION,
        ),
        Ticket(
            "GenmonCategoryTakingOver",
            f"(\n  {CATEGORIES} >= 10\n"
            f"  and {CATEGORIES} / on ({_SCOPE}) group_left () "
            f"sum by ({_SCOPE}) ({CATEGORIES}) > 0.8\n)\n"
            f"unless {CATEGORIES} <= 3 * avg_over_time({CATEGORIES}[1d] offset 1h)",
            "One category makes up nearly all failures, and did not the day before.",
            '{{ $labels.category }}: about {{ printf "%.0f" $value }} failures within the last '
            "hour, more than 80 % of all, and more than three times its hourly average of the day "
            "before.",
            names.DASHBOARD_GENERATIONS,
        ),
        Ticket(
            "GenmonFailureReopened",
            reopened,
            "A failure that a person had resolved happened again.",
            "{{ $labels.operation }}: a resolved failure of category {{ $labels.category }} "
            "happened again ({{ $value }} within the last hour). `genmon failures list` shows it.",
            names.DASHBOARD_FAILURES,
        ),
        Ticket(
            "GenmonRegressionCaseFailing",
            f"max by ({_SCOPE}) ({regressed}) > 0",
            "A regression case that had passed fails again.",
            "{{ $value }} regression case(s) fail again with the failure they were made from. "
            "`genmon cases list` shows which.",
            names.DASHBOARD_FAILURES,
        ),
        Ticket(
            "GenmonGenerationsStopped",
            f"(\n  min_over_time({ATTEMPTS}[6h] offset 1h) >= 10\n  unless {ATTEMPTS} > 0\n)\n"
            f"unless {ATTEMPTS} offset 1d == 0",
            "No generation ended within the last hour, after hours of steady traffic.",
            "{{ $labels.operation }}: none ended within the last hour; in each of the six hours "
            "before it was at least {{ $value }}, and a day ago at this time there was traffic.",
            names.DASHBOARD_GENERATIONS,
            _OPERATION,
        ),
        Ticket(
            "GenmonSlowGenerations",
            f"{P95} > 10\nand {P95} > 2 * avg_over_time({P95}[1d] offset 1h)",
            "Successful generations take more than twice as long as the day before.",
            "{{ $labels.operation }}: 95 % of the successful ones of the last hour took up to "
            "{{ $value | humanizeDuration }}, more than twice the average of the day before.",
            names.DASHBOARD_GENERATIONS,
            _OPERATION,
            for_="10m",
        ),
        Ticket(
            "GenmonCancelledShareRising",
            f"{CANCELLED} > 0.2\nunless {CANCELLED} <= 2 * avg_over_time({CANCELLED}[1d] offset 1h)",
            "Users give up on generations far more often than the day before.",
            "{{ $labels.operation }}: {{ $value | humanizePercentage }} of the last hour's "
            "generations were cancelled, more than twice the share of the day before.",
            names.DASHBOARD_GENERATIONS,
            _OPERATION,
            for_="10m",
        ),
        Ticket(
            "GenmonRecordsDropped",
            dropped,
            "Records of generations were given up.",
            "{{ $labels.job }} dropped {{ $value }} record(s) within the last 30 min, reason "
            "{{ $labels.reason }}. The applications run on; what was dropped is not in the store.",
            names.DASHBOARD_SELF,
        ),
        Ticket(
            "GenmonJournalGrowing",
            f"{journal.format('')} > 16777216\nand {journal.format('')} > "
            f"{journal.format(' offset 30m')}",
            "The journal grows: the store takes less than comes in.",
            "{{ $labels.job }} {{ $labels.instance }}: {{ $value | humanize1024 }}B wait for the "
            "store, more than 30 min ago. Nothing is lost until the disk is full.",
            names.DASHBOARD_SELF,
            for_="10m",
        ),
        Ticket(
            "GenmonStoreUnreachable",
            f"min by ({_SCOPE}, instance) ({names.STORE_UP.name}) == 0",
            "The store cannot be written.",
            "{{ $labels.job }} {{ $labels.instance }} could not write to its store for 10 min. "
            "Failures are kept in its journal and stored later.",
            names.DASHBOARD_SELF,
            for_="10m",
        ),
        Ticket(
            "GenmonInternalErrors",
            internal,
            "genmon met errors of its own and kept them from the application.",
            "{{ $labels.job }}: {{ $value }} error(s) at {{ $labels.where }} within the last "
            "30 min. The log of `genmon_otel` says more.",
            names.DASHBOARD_SELF,
        ),
        Ticket(
            "GenmonScrapeFailing",
            f"up == 0 and on ({_SCOPE}, instance) {seen_lately}",
            "Prometheus cannot scrape an application: the page is blind there.",
            "{{ $labels.job }} {{ $labels.instance }} served generation metrics within the last "
            "hour and has not answered for 5 min. Its generations are not counted meanwhile.",
            names.DASHBOARD_SELF,
            for_="5m",
        ),
    ]


def ticket_group(options: Options) -> Group:
    """The tickets, evaluated once a minute."""
    rules = recorded(options)
    for ticket in tickets(options):
        rules.append(alert(options, ticket))
    return Group("genmon-tickets", duration(max(60, options.scrape_interval_s)), rules)


def alert(options: Options, ticket: Ticket, **labels: str) -> Rule:
    """A ticket as a rule, with the user's labels and links."""
    annotations = {
        "summary": ticket.summary,
        "description": ticket.description,
        **options.links(ticket.name, ticket.dashboard, *ticket.variables),
    }
    return Rule(
        ticket.name,
        ticket.expr,
        {**options.labels, **labels, "severity": "warning"},
        annotations,
        ticket.for_,
    )
