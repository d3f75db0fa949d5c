"""The pages that show something: now, failures, review, guarding."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse

from genmon_otel.payload import digest
from genmon_otel.policy import DAY_S, HEALTH_WINDOW_S, CaseState
from genmon_otel.records import Category, Severity, StepRecord
from genmon_otel.regression import review
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.review import Card
from genmon_otel.store.failures import Sort, Status
from genmon_otel.store.overview import FailureQuery
from genmon_otel.store.rows import CaseRow, DecisionRow, RunRow
from genmon_otel.ui import outcomes, plots
from genmon_otel.ui.progress import progress_of
from genmon_otel.ui.rendering import Site, render, site_of
from genmon_otel.wording import case as case_words
from genmon_otel.wording import failure as failure_words
from genmon_otel.wording.units import duration, many

#: Rows of one page of a list.
PAGE_SIZE: Final = 50
#: Steps of a case that are listed.
_MOST_STEPS: Final = 200
#: States of cases under *Guarding*, those that need a person first.
_GUARDING: Final = (
    CaseState.REGRESSED, CaseState.QUARANTINED, CaseState.GUARDING, CaseState.OPEN,
)  # fmt: skip
_WAITING: Final = (CaseState.REPRODUCED, CaseState.PROPOSED, CaseState.UNREPRODUCIBLE)


def now(request: Request) -> HTMLResponse:
    """Show whether generation is healthy, and what fails now."""
    site = site_of(request)
    at = time.time()
    health = site.store.health(now=at)
    by_minute = site.store.trend(at - HEALTH_WINDOW_S, at, step_s=60)
    return render(
        request,
        "now.html",
        health=health,
        rate=plots.rate(health.failure_rate, health.attempts),
        hour=plots.hour(by_minute, at),
        most=plots.most_of(by_minute),
        operations=site.store.overview.operations(at),
        alertmanager=site.alerts is not None,
        newest=site.store.overview.newest(5),
        busiest=site.store.failures(
            status="open", since=at - HEALTH_WINDOW_S, sort="users", limit=5
        ),
        counts=site.store.counts(),
    )


def failures(request: Request) -> HTMLResponse:
    """List failures, searched and filtered."""
    site = site_of(request)
    given = request.query_params
    status = given.get("status", "open")
    sort = given.get("sort", "users")
    offset = _offset(given)
    query = FailureQuery(
        text=given.get("q", "").strip()[:200] or None,
        status=status if status in get_args(Status) else None,
        category=given.get("category") or None,
        operation=given.get("operation") or None,
        version=given.get("version", "").strip()[:200] or None,
        sort=sort if sort in get_args(Sort) else "users",  # type: ignore[arg-type]
        limit=PAGE_SIZE,
        offset=offset,
    )
    rows, count = site.store.overview.search_failures(query)
    shown: dict[str, Any] = {"rows": rows, "count": count, "query": query, "size": PAGE_SIZE}
    shown["links"] = _neighbours(given, offset, count)
    if request.headers.get("hx-request") == "true":
        return render(request, "_failure_rows.html", **shown)
    operations, categories = site.store.overview.failure_names()
    return render(
        request,
        "failures.html",
        **shown,
        operations=operations,
        categories=categories,
        statuses=get_args(Status),
        sorts=get_args(Sort),
    )


def failure(request: Request) -> HTMLResponse:
    """Show one failure: what broke, where, whom it hit, since when."""
    site = site_of(request)
    detail = site.store.failure(request.path_params["handle"])
    history = site.store.overview.failure_history(detail.row.id)
    return render(
        request,
        "failure.html",
        detail=detail,
        row=detail.row,
        hit=failure_words.hit(detail.impact),
        why=failure_words.why(detail.row),
        reading=failure_words.answer_read(detail.row),
        after=failure_words.step_failed(detail.row),
        frames=outcomes.application_frames(detail.row.stack_trace),
        why_no_case=failure_words.why_no_case(detail),
        history=history,
        plot=plots.days(history.by_day, int(time.time() // DAY_S)),
        decisions=site.store.decisions(detail.row.id),
        categories=Category.known(),
        severities=[each.value for each in Severity],
    )


def alerts(request: Request) -> HTMLResponse:
    """Show Alertmanager's open alerts; a separate request, so that no page waits for it."""
    site = site_of(request)
    found, problem = ((), "") if site.alerts is None else site.alerts.open()
    is_part = request.headers.get("hx-request") == "true"
    template = "_alerts.html" if is_part else "alerts.html"
    return render(request, template, alerts=found, problem=problem, named=site.alerts is not None)


def queue(request: Request) -> HTMLResponse:
    """List the cases that wait for a person."""
    waiting = {each.case_id: each for each in site_of(request).store.work.waiting()}
    return _cases(request, "review.html", _WAITING, waiting=waiting)


def guarding(request: Request) -> HTMLResponse:
    """List the guarding cases, those that need a person first."""
    return _cases(request, "guarding.html", _GUARDING)


def _cases(
    request: Request, template: str, states: tuple[CaseState, ...], **more: Any
) -> HTMLResponse:
    site = site_of(request)
    offset = _offset(request.query_params)
    drawn = template == "guarding.html"
    rows, count = site.store.overview.cases(
        states, limit=PAGE_SIZE, offset=offset, read_content=not drawn
    )
    found = site.store.overview.runs_of([row.id for row in rows], plots.RUNS) if drawn else {}
    stale = {case_id for case_id, runs in found.items() if case_words.asks_otherwise(runs)}
    rows.sort(
        key=lambda row: (
            row.state is not CaseState.REGRESSED, row.id not in stale,
            states.index(row.state), row.unfixable, -row.id,
        )
    )  # fmt: skip
    return render(
        request,
        template,
        rows=rows,
        count=count,
        note=case_words.UNFIXABLE,
        plots={row.id: plots.runs(found.get(row.id, []), plots.NARROW) for row in rows if drawn},
        requests={row.id: _requests(found.get(row.id, []), row.id in stale) for row in rows},
        live={row.id: _live(found.get(row.id, [])) for row in rows},
        links=_neighbours(request.query_params, offset, count),
        **more,
    )


def _requests(found: Sequence[RunRow], stale: bool) -> str:
    """Return whether a case's requests are still as recorded; empty where no replay shows it."""
    if stale:
        return "stale"
    last = next((run for run in found if run.channel != "live"), None)
    return "" if last is None else "drifted" if last.drift else "as recorded"


def _live(found: Sequence[RunRow]) -> tuple[int, int, float] | None:
    """Return how many of a case's newest live results passed, of how many, and when the last was."""
    live = [run for run in found if run.channel == "live"]
    return (sum(run.verdict == "pass" for run in live), len(live), live[0].at) if live else None


def case(request: Request) -> HTMLResponse:
    """Show one case as a card by which it can be judged."""
    site = site_of(request)
    return render_case(request, review.card(site.store, request.path_params["handle"]))


def render_case(
    request: Request,
    card: Card,
    *,
    problem: str = "",
    form: Mapping[str, str] | None = None,
    status: int = 200,
) -> HTMLResponse:
    """Show a case's card, with what was wrong with a form and what was typed into it."""
    site = site_of(request)
    row, found = card.row, card.case
    decisions = site.store.decisions(row.failure_id)
    values: dict[str, Any] = {"steps": [], "trigger": None, "asked": [], "beside": None}
    if found is not None:
        values = {
            "steps": [
                (
                    index,
                    step,
                    outcomes.gist(step.arguments),
                    outcomes.gist(step.stream_error or step.outcome),
                    "" if step.ended_s is None else duration(step.ended_s - step.started_s),
                )
                for index, step in enumerate(found.steps[:_MOST_STEPS])
            ],
            "trigger": found.trigger.step,
            "asked": outcomes.blocks(found.inputs),
            "beside": _beside(
                site,
                row,
                found.steps,
                None if found.trigger.step is None else found.steps[found.trigger.step],
            ),
        }
        if found.trigger.step is not None:
            step = found.steps[found.trigger.step]
            values["outcome"] = outcomes.blocks(step.stream_error or step.outcome)
            values["request"] = outcomes.blocks(step.arguments)
    return render(
        request,
        "case.html",
        status,
        card=card,
        row=row,
        case=found,
        failure=card.failure.row,
        hit=failure_words.hit(card.failure.impact),
        what="" if found is None else case_words.what_happened(found, card.failure.row),
        replay="" if found is None else case_words.replay(found),
        meaning="" if found is None else case_words.meaning(card),
        size="" if found is None else case_words.size(found),
        confidence=case_words.confidence(card),
        reason=case_words.reason(row),
        next_step=case_words.next_step(row),
        next_on_page=case_words.next_on_page(row),
        runs=card.runs,
        run_plot=plots.runs(card.runs),
        drifted=outcomes.drifted,
        newest_drift=next((each for each in card.runs if each.drift), None),
        stale=case_words.is_stale(card),
        decisions=decisions,
        job=progress_of(site, row),
        content=content_mark(row),
        problem=problem,
        form=form or {},
        can={**actions_of(row), "restore": _is_altered(row, found, decisions)},
        **values,
    )


def step(request: Request) -> HTMLResponse:
    """Show one step of a case: its request and its outcome."""
    site = site_of(request)
    row = site.store.case(request.path_params["handle"])
    steps = review.stored(row).steps
    given = request.path_params["number"]
    number = int(given) if given.isascii() and given.isdecimal() and len(given) < 8 else len(steps)
    if number >= len(steps):
        return render(request, "error.html", 404, title="No such step",
                      text=f"Case {row.handle} has {many(len(steps), 'step')}.",
                      back=(f"/cases/{row.handle}", f"Back to {row.handle}"))  # fmt: skip
    found = steps[number]
    return render(
        request,
        "step.html",
        row=row,
        number=number,
        last=len(steps) - 1,
        step=found,
        line=case_words.step_line(found, 160),
        asked=outcomes.blocks(found.arguments),
        gave=outcomes.blocks(found.stream_error or found.outcome),
    )


def actions_of(row: CaseRow) -> dict[str, bool]:
    """Return what a reviewer may do with a case in its state."""
    return {
        "verify": row.state in review.CHECKABLE,
        "approve": row.state is CaseState.REPRODUCED or row.state in review.APPROVED,
        "reject": row.state in (*_WAITING,),
        "run": row.state in (*review.APPROVED, CaseState.REPRODUCED),
        "retire": row.state in review.APPROVED,
        "release": row.state is CaseState.QUARANTINED,
        "shrink": row.state is CaseState.REPRODUCED and bool(row.case),
        "refresh": row.state in (*review.CHECKABLE, *review.APPROVED) and bool(row.case),
        "export": row.state in review.EXPORTED and bool(row.case),
    }


def _is_altered(row: CaseRow, found: Case | None, decisions: Sequence[DecisionRow]) -> bool:
    """Whether a case was shrunk or refreshed, and no person has decided about it since."""
    if found is None or row.state is not CaseState.REPRODUCED:
        return False
    words = [each.decision for each in decisions]  # the newest first
    made = words.index(CaseState.REPRODUCED) if CaseState.REPRODUCED in words else len(words)
    is_smaller = found.shrunk is not None and found.shrunk.is_smaller
    return is_smaller or "refreshed" in words[:made]


def content_mark(row: CaseRow) -> str:
    """Return a hash of a case's content, with which a form detects that it changed after it was shown."""
    return digest(dict(row.case))


def _counterpart(
    found: Sequence[StepRecord], steps: Sequence[StepRecord], step: StepRecord
) -> StepRecord | None:
    """Return the step of a success that did what a failed one should: the same one of its name."""
    named = [each for each in found if each.name == step.name]
    before = [each for each in steps if each.name == step.name]
    at = next((n for n, each in enumerate(before) if each is step), 0)
    return named[min(at, len(named) - 1)] if named else None


def _beside(
    site: Site, row: CaseRow, steps: Sequence[StepRecord], step: StepRecord | None
) -> dict[str, Any] | None:
    """Return a successful generation's outcome of the step that failed, and the difference."""
    samples = site.store.success_samples(row.operation)
    for sample in samples:
        each = None if step is None else _counterpart(sample.steps, steps, step)
        if each is not None and step is not None:
            return {
                "sample": sample,
                "blocks": outcomes.blocks(each.outcome),
                "difference": outcomes.difference(
                    outcomes.as_lines(each.outcome), outcomes.as_lines(step.outcome)
                ),
            }
    return {"sample": samples[0], "blocks": [], "difference": []} if samples else None


def _offset(given: Mapping[str, str]) -> int:
    """Return with which row a page of a list begins."""
    text = given.get("from", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else 0


def _neighbours(given: Mapping[str, str], offset: int, count: int) -> dict[str, str]:
    """Return the query strings of the pages before and after this one, where there are such."""
    links = {}
    for name, start in (("before", offset - PAGE_SIZE), ("after", offset + PAGE_SIZE)):
        if (name == "before" and offset > 0) or (name == "after" and start < count):
            links[name] = urlencode({**dict(given), "from": max(0, start)})
    return links
