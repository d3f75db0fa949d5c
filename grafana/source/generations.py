"""*Generations*: where the page leads. The first screen is the answer; below it, why."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders

from genmon_otel import conventions as names
from genmon_otel.rules.options import SCOPE
from genmon_otel.rules.promql import selector
from grafana.source import counting
from grafana.source.counting import HOUR, LATELY_COUNT, WHAT, attempts, cut, failed
from grafana.source.panels import (
    CATEGORY_COLOURS,
    GREEN,
    GREY,
    OUTCOME_COLOURS,
    RED,
    SEVERITY_COLOURS,
    YELLOW,
    Prom,
    Sql,
    alerts,
    bars,
    board,
    deploys,
    lines,
    one_value,
    row,
    states,
    warm,
)
from grafana.source.tables import Column, rows
from grafana.source.variables import (
    OF_OPERATION,
    OF_PAIR,
    chosen,
    database_source,
    links,
    metrics_source,
    of_label,
    scope,
    scrape_interval,
)

PAIR: Final = (*SCOPE, "operation", "framework")
_WHO: Final = "{{operation}}/{{framework}} {{namespace}}"
_PAGE: Final = 'alertname="GenmonHighFailureRate",alertstate="firing"'


def dashboard() -> builders.Dashboard:
    """Make the dashboard."""
    page = board(
        names.DASHBOARD_GENERATIONS,
        "Generations",
        "Are generations healthy, since when, what fails, and is it us or the provider? "
        "The page leads here.",
        since="now-6h",
    )
    for variable in (
        metrics_source(),
        database_source(),
        *scope(names.GENERATIONS.name),
        of_label("operation", names.GENERATIONS.name, SCOPE),
        of_label("framework", names.GENERATIONS.name, (*SCOPE, "operation")),
        scrape_interval(),
    ):
        page = page.with_variable(variable)
    page = page.annotation(alerts(OF_OPERATION)).annotation(
        deploys(
            f"SELECT min(created_at) AS time, 'version ' || code_version AS text "
            f"FROM {names.TABLE_ANALYTICS} WHERE $__timeFilter(created_at) "
            "AND code_version IS NOT NULL GROUP BY code_version"
        )
    )
    for link in links(names.DASHBOARD_FAILURES, names.DASHBOARD_SELF):
        page = page.link(link)
    for panel in (*_answer(), *_why()):
        page = page.with_panel(panel)
    for title, panels in (
        ("Rate, errors, duration", _red()),
        ("What fails", _what_fails()),
        ("Phases and steps", _stages()),
    ):
        page = page.with_row(row(title))
        for panel in panels:
            page = page.with_panel(panel)
    return page


def _answer() -> list[object]:
    """One line: paged or not, how bad, how bad lately, until when, whose fault."""
    firing = selector("ALERTS", f"{_PAGE},{OF_PAIR}")
    said = {
        "2": ("PAGED", RED),
        "1": ("healthy", GREEN),
        "0": ("too few to say", GREY),
    }
    by_fault = {
        "provider": f'category=~"{counting.one_of(counting.PROVIDERS)}"',
        "model's answer": f'category=~"{counting.one_of(counting.ANSWERS)}"',
        "ours, packages": "category!~"
        f'"{counting.one_of((*counting.PROVIDERS, *counting.ANSWERS))}"',
    }
    return [
        one_value(
            "Verdict",
            "PAGED: more than half of at least five attempts of the last hour failed, in one "
            "operation and framework or over all of a scope.",
            "none",
            [
                Prom(
                    f"(count({firing}) > 0) * 0 + 2 "
                    f"or (sum({attempts(HOUR)}) >= bool {counting.ENOUGH})",
                    "verdict",
                    instant=True,
                )
            ],
            texts=said,
            empty="no traffic",
        ),
        one_value(
            "Worst rate, last hour",
            "Of the operations and frameworks with five attempts or more, the one that fails most; "
            "red above 50 %. With fewer everywhere, all together.",
            "percentunit",
            [Prom(_worst(), "{{operation}}/{{framework}}", instant=True)],
            steps=((None, GREEN), (0.25, YELLOW), (0.5000001, RED)),
            names=True,
            empty="no attempts",
            decimals=0,
        ),
        one_value(
            "Last hour",
            "Attempts of the last hour and how many of them failed, counted exactly over all that "
            "is chosen. Cancelled and rejected generations are no attempts.",
            "short",
            [
                Prom(f"sum({failed(HOUR)})", "failed", instant=True),
                Prom(f"sum({attempts(HOUR)})", "attempts", instant=True),
            ],
            names=True,
            empty="0",
            decimals=0,
        ),
        one_value(
            "Last 10 min",
            "The same for the last ten minutes: is it still going on?",
            "short",
            [
                Prom(f"sum({failed(LATELY_COUNT)})", "failed", instant=True),
                Prom(f"sum({attempts(LATELY_COUNT)})", "attempts", instant=True),
            ],
            names=True,
            empty="0",
            decimals=0,
        ),
        one_value(
            "Clears by, if quiet",
            "If nothing more fails, when fewer than three failures are left in the window, so that no page can "
            "be. With several operations chosen it is the latest moment; choose one for its own.",
            "dateTimeAsLocalNoDateIfToday",
            [
                Prom(
                    f"({counting.clears_at()}) and on () (count({firing}) > 0)",
                    "clears",
                    instant=True,
                )
            ],
            empty="not paged",
        ),
        one_value(
            "Whose fault, last hour",
            "Failures by category. Provider: timeouts, rate limits, provider errors. The model's answer: "
            "validation and syntax errors. Ours: missing packages and what is unknown.",
            "short",
            [
                Prom(
                    f"sum({counting.failures_of_hour(('category',), more)}) or vector(0)",
                    who,
                    instant=True,
                )
                for who, more in by_fault.items()
            ],
            names=True,
            listed=True,
            decimals=0,
        ),
    ]


def _worst() -> str:
    """The greatest failure rate of any pair with enough attempts, else the rate over all."""
    by_pair = f"sum by ({', '.join(PAIR)}) ({attempts(HOUR)})"
    overall = (
        f'label_replace(label_replace({counting.failure_rate(HOUR)}, "operation", "all", "", ""), '
        '"framework", "together", "", "")'
    )
    worst = f"{counting.failure_rate(HOUR, PAIR)} and {by_pair} >= {counting.ENOUGH}"
    return f"topk(1, {worst}) or on () {overall}"


def _why() -> list[object]:
    """Since when, what is firing, which category, which step, which failure."""
    firing = selector("ALERTS", f'alertname=~"Genmon.*",alertstate="firing",{OF_OPERATION}')
    since = selector("ALERTS_FOR_STATE", f'alertname=~"Genmon.*",{OF_OPERATION}')
    steps = f"{names.STEP_DURATION.name}_count"
    of_steps = selector(steps, OF_OPERATION)
    failed_steps = selector(steps, f'{OF_OPERATION},outcome="failure"')
    buckets = selector(f"{names.STEP_DURATION.name}_bucket", OF_OPERATION)
    called = counting.exact(of_steps, ("step",), None)
    failing = f"({counting.exact(failed_steps, ('step',), None)} or {called} * 0)"
    return [
        lines(
            "Failure rate over the last hour",
            "What the page looks at: each operation and framework against 50 %. A line of fewer "
            "than five attempts cannot page.",
            "percentunit",
            [Prom(counting.failure_rate(HOUR, PAIR), _WHO)],
            line_at=0.5,
            top=1,
            w=8,
            h=7,
            sort="Last *",
            empty="no attempts in an hour",
        ),
        bars(
            "Failures of the last hour by category",
            "Counted exactly. Follow the greatest.",
            "short",
            [
                Prom(
                    f"sort_desc({counting.failures_of_hour(('category', 'severity'))} > 0)",
                    "{{category}} {{severity}}",
                    instant=True,
                )
            ],
            colours=SEVERITY_COLOURS,
            w=8,
        ),
        rows(
            "Steps of the last hour",
            "External calls by outcome: a step that fails is where it breaks. If the model's step "
            "fails, it is the provider; if none does, it is what we make of the answers. Steps know "
            "no framework: these are the operation's, whichever is chosen.",
            "short",
            [
                Prom(called, instant=True),
                Prom(failing, instant=True),
                Prom(f"{failing} / ({called} > 0)", instant=True),
                Prom(
                    # Without calls it is no number, which the comparison leaves out.
                    f"histogram_quantile(0.95, sum by (step, le) (increase({buckets}[1h]))) >= 0",
                    instant=True,
                ),
            ],
            columns=(
                Column("step", "step", least=130),
                Column("Value #A", "calls", width=60),
                Column("Value #B", "failed", width=60),
                Column("Value #C", "share", unit="percentunit", width=115, share_red_from=0.1),
                Column("Value #D", "p95", unit="s", width=75),
            ),
            order=("step", "Value #A", "Value #B", "Value #C", "Value #D"),
            sort="failed",
            w=8,
            h=7,
            empty="no step in the last hour",
        ),
        rows(
            "Top failures in this time range",
            "Alike failures are one row, from the database, those of the last hour first. The handle "
            "leads to its stack, its case and its users.",
            "none",
            [Sql(_TOP_FAILURES)],
            columns=(
                Column(
                    "failure",
                    width=80,
                    link=(
                        "Show this failure",
                        f"/d/{names.DASHBOARD_FAILURES}?var-failure=${{__value.text}}"
                        "&${__url_time_range}&${database:queryparam}&${datasource:queryparam}",
                    ),
                ),
                Column("what", least=220, wrap=True),
                Column("category", width=137),
                Column("last hour", width=80),
                Column("times", width=60),
                Column("users", width=60),
                Column("last", header="last seen", unit="dateTimeFromNow", width=112),
                Column("operation", width=130),
            ),
            w=16,
            h=8,
            empty="nothing failed",
        ),
        rows(
            "Firing alerts",
            "Every genmon alert that fires in what is chosen, its name without Genmon, and since when.",
            "none",
            [
                Prom(
                    _where(
                        "max by (alertname, severity, operation, framework) "
                        f"({since} and ignoring (alertstate) {firing}) * 1000"
                    ),
                    instant=True,
                )
            ],
            columns=(
                Column(
                    "severity",
                    "leads to",
                    width=65,
                    texts={"critical": ("page", RED), "warning": ("ticket", YELLOW)},
                ),
                Column("alertname", "alert", least=135, without="Genmon"),
                Column("Value", "since", unit="dateTimeFromNow", width=112),
                Column("where", "where", width=120, absent="all"),
            ),
            order=("severity", "alertname", "Value", "where"),
            without=("operation", "framework"),
            sort="leads to",
            descending=False,
            w=8,
            h=8,
            empty="none",
        ),
    ]


def _where(expr: str) -> str:
    """Add operation and framework as one label, which is empty for all of a scope."""
    joined = f'label_join({expr}, "where", "/", "operation", "framework")'
    return f'label_replace({joined}, "where", "$1", "where", "(.*)/")'


_TOP_FAILURES: Final = f"""
    SELECT f.handle AS failure, {cut(WHAT, 90)} AS what, f.failure_category AS category,
           count(*) FILTER (WHERE a.created_at > $__timeTo() ::timestamptz - interval '1 hour')
             AS "last hour",
           count(*) AS times, f.user_count AS users, f.last_seen_at AS last,
           f.operation || '/' || f.framework AS operation
    FROM {names.TABLE_ANALYTICS} a JOIN {names.TABLE_FAILURES} f ON f.id = a.failure_id
    WHERE $__timeFilter(a.created_at)
      AND {chosen("f.operation", "operation")} AND {chosen("a.framework", "framework")}
    GROUP BY f.id ORDER BY "last hour" DESC, times DESC, last DESC LIMIT 20
"""


def _outcomes(*shown: str) -> dict[str, str]:
    return {outcome: OUTCOME_COLOURS[outcome] for outcome in shown}


def _red() -> list[object]:
    ended = selector(names.GENERATIONS.name, OF_PAIR)
    succeeded = f'{OF_PAIR},outcome="success"'
    buckets = selector(f"{names.GENERATION_DURATION.name}_bucket", succeeded)
    quantile = "histogram_quantile({}, sum by (operation, framework, le) (rate({}[{}])))"
    return [
        lines(
            "Attempts in the last 10 min, by outcome",
            "Counted exactly at each moment, so that a handful shows as a handful.",
            "short",
            [Prom(f"sum by (outcome) ({selector(LATELY_COUNT, OF_PAIR)})", "{{outcome}}")],
            colours=_outcomes("success", "failure"),
            stacked=True,
        ),
        states(
            "State by operation and framework",
            "As the page judges the hour before each moment.",
            [
                Prom(
                    f"(sum by ({', '.join(PAIR)}) ({failed(HOUR)}) "
                    f"> 0.5 * sum by ({', '.join(PAIR)}) ({attempts(HOUR)}) "
                    f"and sum by ({', '.join(PAIR)}) ({attempts(HOUR)}) >= {counting.ENOUGH}) "
                    "* 0 + 2 "
                    f"or sum by ({', '.join(PAIR)}) ({attempts(HOUR)}) >= bool {counting.ENOUGH}",
                    _WHO,
                )
            ],
            {
                "0": ("fewer than 5 attempts", GREY),
                "1": ("healthy", GREEN),
                "2": ("over half fail", RED),
            },
            h=8,
        ),
        lines(
            "Generations ended per minute",
            "By operation, framework and outcome; cancelled and rejected ones too.",
            "opm",
            [
                Prom(
                    "60 * sum by (operation, framework, outcome) "
                    f"(rate({ended}[$__rate_interval]))",
                    "{{operation}}/{{framework}} {{outcome}}",
                )
            ],
            colours=OUTCOME_COLOURS,
            w=8,
        ),
        lines(
            "In progress",
            "Generations running now. A rising line that never falls is a hang.",
            "short",
            [
                Prom(
                    f"sum by (operation) ({selector(names.IN_PROGRESS.name, OF_OPERATION)})",
                    "{{operation}}",
                )
            ],
            w=8,
        ),
        lines(
            "Cancelled and rejected per minute",
            "Users who give up, and requests that were at fault themselves.",
            "opm",
            [
                Prom(
                    "60 * sum by (outcome) (rate("
                    + selector(names.GENERATIONS.name, f'{OF_PAIR},outcome=~"cancelled|rejected"')
                    + "[$__rate_interval]))",
                    "{{outcome}}",
                )
            ],
            colours=_outcomes("cancelled", "rejected"),
            w=8,
        ),
        lines(
            "Duration of successful generations",
            "Median and 95th percentile by operation and framework.",
            "s",
            [
                Prom(
                    quantile.format(q, buckets, "$__rate_interval"),
                    f"{{{{operation}}}}/{{{{framework}}}} {name}",
                )
                for q, name in ((0.5, "p50"), (0.95, "p95"))
            ],
        ),
        warm(
            "Durations of all generations",
            "How long they took, whatever their outcome. A band at the deadline is a timeout.",
            "s",
            Prom(
                "sum by (le) (increase("
                + selector(f"{names.GENERATION_DURATION.name}_bucket", OF_PAIR)
                + "[$__rate_interval]))",
                "{{le}}",
                buckets=True,
            ),
        ),
    ]


def _what_fails() -> list[object]:
    counter = selector(names.FAILURES.name, OF_PAIR)

    def by(label: str, *, exemplars: bool = False) -> Prom:
        return Prom(
            f"sum by ({label}) (increase({counter}[$__rate_interval]))",
            f"{{{{{label}}}}}",
            exemplars=exemplars,
        )

    return [
        lines(
            "Failures by category",
            "Each dot is an exemplar: it leads to the trace of one failed generation.",
            "short",
            [by("category", exemplars=True)],
            colours=CATEGORY_COLOURS,
        ),
        lines(
            "Failures by severity",
            "Critical ones will not pass by themselves: authentication, quota, memory, disk, "
            "a process that died.",
            "short",
            [by("severity")],
            colours=SEVERITY_COLOURS,
            stacked=True,
        ),
    ]


def _stages() -> list[object]:
    panels: list[object] = []
    for metric, stage, what in (
        (
            names.PHASE_DURATION,
            "phase",
            "Phases are the orchestrator's own stages, of any framework.",
        ),
        (names.STEP_DURATION, "step", "Steps are its external calls, of any framework."),
    ):
        count = selector(f"{metric.name}_count", OF_OPERATION)
        buckets = selector(f"{metric.name}_bucket", OF_OPERATION)
        panels += [
            lines(
                f"{stage.capitalize()}s: outcomes per minute",
                f"{what} Which of them fails?",
                "opm",
                [
                    Prom(
                        f"60 * sum by ({stage}, outcome) (rate({count}[$__rate_interval]))",
                        f"{{{{{stage}}}}} {{{{outcome}}}}",
                    )
                ],
                colours=OUTCOME_COLOURS,
            ),
            lines(
                f"{stage.capitalize()}s: 95th percentile",
                f"{what} Which of them is slow?",
                "s",
                [
                    Prom(
                        f"histogram_quantile(0.95, sum by ({stage}, le) "
                        f"(rate({buckets}[$__rate_interval])))",
                        f"{{{{{stage}}}}}",
                    )
                ],
            ),
        ]
    return [
        *panels,
        lines(
            "Files per generation",
            "Median and 95th percentile of files in a successful result. A fall to nearly nothing "
            "is a failure that nobody raised.",
            "short",
            [
                Prom(
                    f"histogram_quantile({q}, sum by (operation, le) (rate("
                    + selector(f"{names.GENERATED_FILES.name}_bucket", OF_PAIR)
                    + "[$__rate_interval])))",
                    f"{{{{operation}}}} {name}",
                )
                for q, name in ((0.5, "p50"), (0.95, "p95"))
            ],
        ),
        lines(
            "Resolved failures that came back, last hour",
            "By category; zero is as it should be.",
            "short",
            [
                Prom(
                    f"sum by (operation, category) "
                    f"(increase({selector(names.FAILURES_REOPENED.name, OF_OPERATION)}[1h]))"
                    ' or on () label_replace(vector(0), "category", "none", "", "")',
                    "{{operation}} {{category}}",
                )
            ],
        ),
    ]
