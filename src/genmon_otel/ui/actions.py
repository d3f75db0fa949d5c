"""The decisions a reviewer can make on the page, with the checks and messages of the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, get_args
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from genmon_otel.errors import GenmonError, InvalidTransition
from genmon_otel.policy import CaseState
from genmon_otel.regression import review
from genmon_otel.store.failures import Status
from genmon_otel.store.rows import CaseRow
from genmon_otel.ui.forms import needs_of, read_form
from genmon_otel.ui.pages import content_mark, render_case
from genmon_otel.ui.rendering import render, site_of
from genmon_otel.wording.case import unknown_steps_said

#: The status that a form sets, by its name, and what is said then.
_STATUSES: Final[Mapping[str, tuple[Status, str]]] = {
    "resolve": ("resolved", "If it happens again it reopens, and is counted."),
    "ignore": ("ignored", "It is still counted, but never reopens."),
    "reopen": ("open", "It is open again."),
}


async def set_status(request: Request) -> Response:
    """Resolve, ignore or reopen a failure."""
    status, says = _STATUSES[action_of(request)]
    form = await read_form(request)
    handle, seen = request.path_params["handle"], form.get("seen")
    row = await run_in_threadpool(
        lambda: site_of(request).store.set_failure_status(
            handle,
            status,
            request.state.reviewer,
            expected=seen if seen in get_args(Status) else None,
        )
    )
    return back(f"/failures/{quote(row.handle)}", f"{row.handle} is {row.status}. {says}")


async def relabel(request: Request) -> Response:
    """Set a failure's category and severity, or go back to the rules' word."""
    form = await read_form(request)
    store, handle = site_of(request).store, request.path_params["handle"]
    if "undo" in form:
        row = await run_in_threadpool(store.undo_relabel, handle, request.state.reviewer)
    else:
        row = await run_in_threadpool(
            lambda: store.relabel(
                handle,
                category=form.get("category") or None,
                severity=form.get("severity") or None,
                reviewer=request.state.reviewer,
                is_declared="declared" in form,
            )
        )
    return back(
        f"/failures/{quote(row.handle)}", f"{row.handle} is {row.category}, {row.severity}."
    )


async def approve(request: Request) -> Response:
    """Accept a case, with what its replay needs and how its result is judged."""
    form = await read_form(request)

    def decide() -> str:
        store, needs = site_of(request).store, needs_of(form)
        _check_as_shown(store.case(request.path_params["handle"]), form)
        row = review.approve(
            store,
            request.path_params["handle"],
            reviewer=request.state.reviewer,
            postcondition=form.get("postcondition") or None,
            fails_as=form.get("fails_as") or None,
            needs=needs,
        )
        said = f"{row.handle} is {row.state}."
        if row.state is CaseState.OPEN:
            said += " It is expected to fail until the fix is in."
        for warning in unknown_steps_said(needs, review.stored(row)):
            said += f" Note: {warning}"
        return said

    return await _decided(request, form, decide)


async def change_state(request: Request) -> Response:
    """Reject, retire or release a case."""
    form = await read_form(request)
    wanted, expected = {
        "reject": (CaseState.REJECTED, None),
        "retire": (CaseState.RETIRED, None),
        "release": (CaseState.OPEN, CaseState.QUARANTINED),
    }[action_of(request)]
    seen = form.get("seen", "")

    def decide() -> str:
        store = site_of(request).store
        _check_as_shown(store.case(request.path_params["handle"]), form)
        row = store.set_case_state(
            request.path_params["handle"],
            wanted,
            expected=expected or (CaseState(seen) if seen in set(CaseState) else None),
            reviewer=request.state.reviewer,
            reason=form.get("reason", ""),
        )
        return f"{row.handle} is {row.state}."

    return await _decided(request, form, decide)


async def enter(request: Request) -> Response:
    """Open a session by a one-time link."""
    site = site_of(request)
    session = site.sessions.open(request.query_params.get("token", ""))
    if session is None:
        return render(request, "error.html", 401, title="This link was used, or is too old",
                      text="Make another one where the server runs: genmon ui --link")  # fmt: skip
    response = RedirectResponse("/", 303)
    response.set_cookie(site.access.cookie, session, httponly=True, samesite="strict", path="/")
    return response


async def _decided(
    request: Request, form: Mapping[str, str], decide: Callable[[], str]
) -> Response:
    """Carry out a decision about a case; where it is refused, show the form again and why."""
    try:
        said = await run_in_threadpool(decide)
    except GenmonError as error:
        return await refused(request, str(error), form)
    return back(f"/cases/{quote(request.path_params['handle'])}", said)


async def refused(request: Request, problem: str, form: Mapping[str, str]) -> Response:
    """Show a case again, with what was typed and why it was refused."""
    handle = request.path_params["handle"]
    card = await run_in_threadpool(review.card, site_of(request).store, handle)
    return await run_in_threadpool(
        lambda: render_case(request, card, problem=problem, form=form, status=409)
    )


def _check_as_shown(row: CaseRow, form: Mapping[str, str]) -> None:
    """Refuse a decision about a case that has changed since the reviewer saw it.

    Raises:
        InvalidTransition: its state or its content is another one by now.
    """
    state, content = form.get("seen"), form.get("content")
    if state and row.state != state:
        raise InvalidTransition(
            f"Case {row.handle} is {row.state} by now, not {state}: another reviewer has decided, see "
            "its history below. What you typed is still in the form."
        )
    if content and content != content_mark(row):
        raise InvalidTransition(
            f"Case {row.handle} has changed: look at it again. What you typed is still in "
            "the form; sent again, it counts."
        )


def back(path: str, said: str) -> RedirectResponse:
    """Return to a page of this server, which then says what was done."""
    return RedirectResponse(f"{path}?{urlencode({'said': said})}" if said else path, 303)


def action_of(request: Request) -> str:
    """Return what a form asks for: the end of its path."""
    return request.url.path.rpartition("/")[2]
