"""*Failures and cases*: what fails, whom it hits, and the regression tests made from it."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders

from genmon_otel import conventions as names
from genmon_otel.policy import CaseState, Verdict
from grafana.source.counting import WHAT, cut
from grafana.source.panels import (
    BLUE,
    CATEGORY_COLOURS,
    GREEN,
    GREY,
    RED,
    SEVERITY_COLOURS,
    YELLOW,
    Sql,
    board,
    deploys,
    lines,
    one_value,
    row,
)
from grafana.source.tables import Column, rows
from grafana.source.variables import (
    chosen,
    database_source,
    links,
    metrics_source,
    of_column,
)

VERDICTS: Final = {
    Verdict.PASS: GREEN,
    Verdict.FAIL_SAME: RED,
    Verdict.FAIL_OTHER: "orange",
    Verdict.INCONCLUSIVE: GREY,
}
STATES: Final = {
    CaseState.PROPOSED: GREY,
    CaseState.REPRODUCED: YELLOW,
    CaseState.UNREPRODUCIBLE: GREY,
    CaseState.OPEN: BLUE,
    CaseState.GUARDING: GREEN,
    CaseState.REGRESSED: RED,
    CaseState.QUARANTINED: "orange",
    CaseState.RETIRED: GREY,
    CaseState.REJECTED: GREY,
}
STATUSES: Final = {"open": RED, "resolved": GREEN, "ignored": GREY}

_F: Final = names.TABLE_FAILURES
_T: Final = names.TABLE_TESTS
_R: Final = names.TABLE_TEST_RUNS
_A: Final = names.TABLE_ANALYTICS
_ROLLUPS: Final = names.TABLE_ROLLUPS

#: The failures that are chosen at the top.
_CHOSEN: Final = " AND ".join(
    (
        chosen("f.operation", "operation"),
        chosen("f.framework", "framework"),
        chosen("f.failure_category", "category"),
        chosen("f.status", "status"),
        # An overflow row has no handle.
        chosen("coalesce(f.handle, '')", "failure"),
    )
)
#: A roll-up's minute begins before what it counts; the range may begin within it.
_MINUTES: Final = (
    "minute > $__timeFrom() ::timestamptz - interval '1 minute' AND minute <= $__timeTo()"
)
_OF_ROLLUPS: Final = " AND ".join(
    (
        _MINUTES,
        chosen("operation", "operation"),
        chosen("framework", "framework"),
        chosen("category", "category"),
    )
)


def dashboard() -> builders.Dashboard:
    """Make the dashboard."""
    page = board(
        names.DASHBOARD_FAILURES,
        "Failures and cases",
        "Alike failures as one, whom they hit, and how far each is on the way to being guarded "
        "by a regression test. From the database.",
        since="now-7d",
    )
    for variable in (
        metrics_source(),
        database_source(),
        of_column("operation", "operation", _F),
        of_column("framework", "framework", _F),
        of_column("category", "failure_category", _F),
        of_column("status", "status", _F),
        of_column("failure", "handle", _F),
    ):
        page = page.with_variable(variable)
    page = page.annotation(
        deploys(
            f"SELECT min(created_at) AS time, 'version ' || code_version AS text FROM {_A} "
            "WHERE $__timeFilter(created_at) AND code_version IS NOT NULL GROUP BY code_version"
        )
    )
    for link in links(names.DASHBOARD_GENERATIONS, names.DASHBOARD_SELF):
        page = page.link(link)
    for panel in (*_glance(), _top()):
        page = page.with_panel(panel)
    for title, panels in (
        ("The failure", _one()),
        ("Over time", _over_time()),
        ("Cases", _cases()),
        ("Test runs", _runs()),
    ):
        page = page.with_row(row(title))
        for panel in panels:
            page = page.with_panel(panel)
    return page


def _count(title: str, says: str, sql: str, *steps: tuple[float | None, str]) -> object:
    return one_value(title, says, "short", [Sql(sql)], steps=steps or ((None, GREY),), w=4, h=4)


def _glance() -> list[object]:
    states = f"SELECT count(*) AS cases FROM {_T} t JOIN {_F} f ON f.id = t.created_from_failure_id"
    return [
        _count(
            "Open failures",
            "Groups of alike failures, seen in this time range, that nobody resolved or ignored.",
            f"SELECT count(*) AS failures FROM {_F} f WHERE $__timeFilter(f.last_seen_at) "
            f"AND f.status = 'open' AND {_CHOSEN}",
            (None, GREEN),
            (1, YELLOW),
        ),
        _count(
            "New in this time range",
            "Failures that were never seen before.",
            f"SELECT count(*) AS failures FROM {_F} f WHERE $__timeFilter(f.first_seen_at) "
            f"AND {_CHOSEN}",
            (None, GREEN),
            (1, YELLOW),
        ),
        one_value(
            "Generations that failed",
            "Share of the attempts in this time range.",
            "percentunit",
            [
                Sql(
                    "SELECT sum(count) FILTER (WHERE outcome = 'failure') "
                    "/ nullif(sum(count) FILTER (WHERE outcome IN ('success', 'failure')), 0) "
                    f"AS share FROM {_ROLLUPS} WHERE {_MINUTES} "
                    f"AND {chosen('operation', 'operation')} "
                    f"AND {chosen('framework', 'framework')}"
                )
            ],
            steps=((None, GREEN), (0.25, YELLOW), (0.5, RED)),
            decimals=0,
            empty="no attempts",
        ),
        _count(
            "Cases to review",
            "Reproduced three times out of three, and waiting for a person: genmon cases show.",
            f"{states} WHERE t.state = '{CaseState.REPRODUCED}' AND {_CHOSEN}",
            (None, GREEN),
            (1, YELLOW),
        ),
        _count(
            "Guarding",
            "Cases that passed on a version after the failing one, and hold CI back.",
            f"{states} WHERE t.state = '{CaseState.GUARDING}' AND {_CHOSEN}",
            (None, GREY),
            (1, GREEN),
        ),
        _count(
            "Regressed",
            "Cases that had passed and fail again with the failure they were made from.",
            f"{states} WHERE t.state = '{CaseState.REGRESSED}' AND {_CHOSEN}",
            (None, GREEN),
            (1, RED),
        ),
    ]


_TOP: Final = f"""
    SELECT f.handle AS failure, {cut(WHAT, 200)} AS what, f.failure_category AS category,
           f.occurrence_count AS times, f.user_count AS users,
           CASE WHEN f.first_seen_at > $__timeTo() ::timestamptz - interval '1 day' THEN 'new'
                WHEN coalesce(lately.now, 0) > 2 * coalesce(lately.before, 0) THEN 'rising'
                WHEN 2 * coalesce(lately.now, 0) < coalesce(lately.before, 0) THEN 'falling'
                ELSE 'steady' END AS trend,
           f.first_seen_at AS first, f.last_seen_at AS last, f.status,
           coalesce(t.state, CASE WHEN f.test_generated THEN 'proposed' ELSE 'none yet' END)
             AS "case", t.confidence_score AS confidence, f.severity,
           coalesce(lately.now, 0) AS lately, f.operation || '/' || f.framework AS operation
    FROM {_F} f
    LEFT JOIN {_T} t ON t.created_from_failure_id = f.id
    LEFT JOIN (
      SELECT failure_id,
             count(*) FILTER (WHERE created_at > $__timeTo() ::timestamptz - interval '1 day')
               AS now,
             count(*) FILTER (WHERE created_at <= $__timeTo() ::timestamptz - interval '1 day')
               AS before
      FROM {_A}
      WHERE created_at > $__timeTo() ::timestamptz - interval '2 days'
        AND created_at <= $__timeTo() ::timestamptz AND failure_id IS NOT NULL
      GROUP BY failure_id
    ) lately ON lately.failure_id = f.id
    WHERE $__timeFilter(f.last_seen_at) AND {_CHOSEN}
    ORDER BY f.user_count DESC, f.occurrence_count DESC LIMIT 50
"""


def _top() -> object:
    return rows(
        "Top failures",
        "Those that hit most users first. Trend: the last day of the range against the day "
        "before. The handle narrows this page to one failure.",
        "none",
        [Sql(_TOP)],
        columns=(
            Column(
                "failure",
                width=85,
                link=(
                    "Only this failure",
                    f"/d/{names.DASHBOARD_FAILURES}?var-failure=${{__value.text}}"
                    "&${__url_time_range}&${database:queryparam}",
                ),
            ),
            Column("what", least=200),
            Column("category", width=137),
            Column("times", width=60),
            Column("users", width=60),
            Column(
                "trend",
                width=65,
                texts=_words({"new": YELLOW, "rising": RED, "falling": GREEN, "steady": GREY}),
            ),
            Column("first", header="first seen", unit="dateTimeFromNow", width=112),
            Column("last", header="last seen", unit="dateTimeFromNow", width=112),
            Column("status", width=75, texts=_words(STATUSES)),
            Column("case", width=110, texts=_words(STATES)),
            Column("confidence", unit="percentunit", width=90),
            Column("severity", width=75, texts=_words(SEVERITY_COLOURS)),
            Column("lately", header="last day", width=75),
            Column("operation", width=130),
        ),
        h=8,
        empty="nothing failed",
    )


def _over_time() -> list[object]:
    return [
        lines(
            "Failures by category",
            "How many generations failed, from the minute roll-ups: quick at any size. They know no "
            "single failure, nor a status.",
            "short",
            [
                Sql(
                    "SELECT $__timeGroup(minute, $__interval, 0) AS time, category AS metric, "
                    f"sum(count)::float AS value FROM {_ROLLUPS} WHERE {_OF_ROLLUPS} "
                    "AND outcome = 'failure' GROUP BY 1, 2 ORDER BY 1, 2",
                    "time_series",
                )
            ],
            colours=CATEGORY_COLOURS,
            stacked=True,
            apart="1m",
        ),
        lines(
            "Generations by outcome",
            "The traffic the failures came from, of what is chosen as operation and framework.",
            "short",
            [
                Sql(
                    "SELECT $__timeGroup(minute, $__interval, 0) AS time, outcome AS metric, "
                    f"sum(count)::float AS value FROM {_ROLLUPS} WHERE {_MINUTES} "
                    f"AND {chosen('operation', 'operation')} "
                    f"AND {chosen('framework', 'framework')} GROUP BY 1, 2 ORDER BY 1, 2",
                    "time_series",
                )
            ],
            colours={"success": GREEN, "failure": RED, "cancelled": GREY, "rejected": BLUE},
            stacked=True,
            apart="1m",
        ),
    ]


_CASES: Final = f"""
    SELECT f.handle AS failure, t.state, {cut("t.state_reason", 160)} AS because, t.trigger,
           t.confidence_score AS confidence,
           t.pass_count AS passed, t.fail_count AS failed, t.inconclusive_count AS inconclusive,
           t.flakiness, t.reviewer, t.created_at AS made, t.last_run_at AS "last run"
    FROM {_T} t JOIN {_F} f ON f.id = t.created_from_failure_id
    WHERE {_CHOSEN}
    ORDER BY t.state = '{CaseState.REGRESSED}' DESC, t.state = '{CaseState.REPRODUCED}' DESC,
             t.created_at DESC LIMIT 200
"""
_GUARDED: Final = f"""
    SELECT f.handle AS failure, f.first_seen_at AS "first seen", t.created_at AS made,
           t.reviewed_at AS approved, min(r.created_at) AS guarded,
           extract(epoch FROM min(r.created_at) - f.first_seen_at)::float AS "time to guard"
    FROM {_T} t
    JOIN {_F} f ON f.id = t.created_from_failure_id
    JOIN {_R} r ON r.test_id = t.id AND r.verdict = '{Verdict.PASS}'
               AND r.created_at >= t.reviewed_at
               AND coalesce(r.code_version, '') <> coalesce(t.failing_version, '')
    WHERE t.state IN ('{CaseState.GUARDING}', '{CaseState.REGRESSED}', '{CaseState.QUARANTINED}',
                      '{CaseState.RETIRED}') AND {_CHOSEN}
    GROUP BY t.id, f.id
"""


def _words(colours: dict[str, str]) -> dict[str, tuple[str, str]]:
    return {str(word): (str(word), colour) for word, colour in colours.items()}


def _cases() -> list[object]:
    return [
        rows(
            "Cases",
            "Regressed ones first, then those that wait for review; genmon cases show says all. "
            "Confidence is a lower bound: 3 clean passes .44, 10 .72, 35 .90.",
            "none",
            [Sql(_CASES)],
            columns=(
                Column("failure", width=85),
                Column("state", width=115, texts=_words(STATES)),
                Column("because", least=220, wrap=True),
                Column("trigger", width=75),
                Column("confidence", unit="percentunit", width=90),
                Column("passed", width=65),
                Column("failed", width=60),
                Column("inconclusive", width=98),
                Column("flakiness", unit="percentunit", width=80),
                Column("reviewer", width=110),
                Column("made", unit="dateTimeFromNow", width=112),
                Column("last run", unit="dateTimeFromNow", width=112),
            ),
            empty="no case yet: a failure that happens three times within seven days makes one",
        ),
        one_value(
            "Time to guard, median",
            "From a failure's first occurrence to the first pass of its case on a fixed version.",
            "s",
            [
                Sql(
                    'SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY "time to guard") '
                    f'AS "time to guard" FROM ({_GUARDED}) guarded'
                )
            ],
            empty="none guarded yet",
            w=6,
            h=8,
        ),
        rows(
            "Time to guard, by case",
            "First seen, case made, approved by a person, first pass on a fixed version.",
            "none",
            [Sql(f"{_GUARDED} ORDER BY guarded DESC LIMIT 50")],
            columns=(
                Column("failure", width=90),
                Column("first seen", unit="dateTimeAsLocal"),
                Column("made", unit="dateTimeAsLocal"),
                Column("approved", unit="dateTimeAsLocal"),
                Column("guarded", unit="dateTimeAsLocal"),
                Column("time to guard", unit="s", width=120),
            ),
            w=18,
            h=8,
            empty="none guarded yet",
        ),
    ]


def _runs() -> list[object]:
    runs = (
        f"FROM {_R} r JOIN {_T} t ON t.id = r.test_id JOIN {_F} f "
        f"ON f.id = t.created_from_failure_id WHERE $__timeFilter(r.created_at) AND {_CHOSEN}"
    )
    return [
        lines(
            "Test runs by channel and verdict",
            "ci: your pipeline. replay: the reproduction check and people. live: later generations that met "
            "the same trigger in production.",
            "short",
            [
                Sql(
                    "SELECT $__timeGroup(r.created_at, $__interval, 0) AS time, "
                    "r.channel || ' ' || r.verdict AS metric, count(*)::float AS value "
                    f"{runs} GROUP BY 1, 2 ORDER BY 1, 2",
                    "time_series",
                )
            ],
            colours={str(verdict): colour for verdict, colour in VERDICTS.items()},
            stacked=True,
        ),
        rows(
            "Verdicts by channel",
            "The same as numbers.",
            "short",
            [
                Sql(
                    "SELECT r.channel, "
                    + ", ".join(
                        f"count(*) FILTER (WHERE r.verdict = '{v}') AS {v}" for v in Verdict
                    )
                    + f" {runs} GROUP BY 1 ORDER BY 1"
                )
            ],
            columns=(
                Column("channel", width=90),
                *(Column(str(verdict), width=115) for verdict in Verdict),
            ),
            w=12,
            h=8,
            empty="no run in this time range",
        ),
    ]


def _one() -> list[object]:
    return [
        rows(
            "Latest generations that failed so",
            "Of the failures chosen at the top; the trace id leads to its spans in your trace "
            "store. Users and requests are not shown here: genmon failures show.",
            "none",
            [
                Sql(
                    "SELECT a.created_at AS at, f.handle AS failure, a.operation, a.framework, "
                    "a.duration_s AS took, a.code_version AS version, a.trace_id AS trace "
                    f"FROM {_A} a JOIN {_F} f ON f.id = a.failure_id "
                    f"WHERE $__timeFilter(a.created_at) AND {_CHOSEN} "
                    "ORDER BY a.created_at DESC LIMIT 100"
                )
            ],
            columns=(
                Column("at", unit="dateTimeAsLocal", width=184),
                Column("failure", width=80),
                Column("operation", width=105),
                Column("framework", width=85),
                Column("took", unit="s", width=75),
                Column("version", width=150),
                Column(
                    "trace",
                    link=(
                        "Open the trace",
                        "/explore?schemaVersion=1&panes=%7B%22t%22:%7B%22datasource%22:"
                        "%22genmon-traces%22,%22queries%22:%5B%7B%22refId%22:%22A%22,"
                        "%22query%22:%22${__value.text}%22%7D%5D"
                        "%7D%7D&orgId=1",
                    ),
                ),
            ),
            w=14,
            h=10,
            empty="none",
        ),
        rows(
            "Stack",
            "Of the newest occurrence of each failure chosen at the top, redacted.",
            "none",
            [
                Sql(
                    "SELECT f.handle AS failure, f.stack_trace AS stack "
                    f"FROM {_F} f WHERE $__timeFilter(f.last_seen_at) AND {_CHOSEN} "
                    "ORDER BY f.last_seen_at DESC LIMIT 5"
                )
            ],
            columns=(Column("failure", width=85), Column("stack", wrap=True)),
            w=10,
            h=10,
            empty="none",
        ),
    ]
