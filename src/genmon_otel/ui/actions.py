"""What a reviewer decides on the page. Each is checked, and said, as the command line does it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from genmon_otel.code_version import version_of_folder
from genmon_otel.conventions import ENV_CODE_VERSION
from genmon_otel.errors import ConfigurationError, GenmonError
from genmon_otel.policy import CaseState
from genmon_otel.regression import review
from genmon_otel.regression.reproduction_check import REPLAYS
from genmon_otel.store import SqlStore
from genmon_otel.store.failures import Status
from genmon_otel.ui.forms import needs_of, read_form
from genmon_otel.ui.jobs import Work
from genmon_otel.ui.pages import render_case
from genmon_otel.ui.rendering import Site, render

#: Seconds between two looks at a job, and in which a client that does not read is let go.
_POLL_S: Final = 0.25
_FOLLOW_S: Final = 600.0
#: The status that a form sets, by its name, and what is said then.
_STATUSES: Final[Mapping[str, tuple[Status, str]]] = {
    "resolve": ("resolved", "If it happens again it reopens, and is counted."),
    "ignore": ("ignored", "It is still counted, but never reopens."),
    "reopen": ("open", "It is open again."),
}


async def set_status(request: Request) -> Response:
    """Resolve, ignore or reopen a failure."""
    status, says = _STATUSES[_action(request)]
    row = await run_in_threadpool(
        _site(request).store.set_failure_status,
        request.path_params["handle"],
        status,
        request.state.reviewer,
    )
    return _back(f"/failures/{quote(row.handle)}", f"{row.handle} is {row.status}. {says}")


async def relabel(request: Request) -> Response:
    """Set a failure's category and severity, or go back to the rules' word."""
    form = await read_form(request)
    store, handle = _site(request).store, request.path_params["handle"]
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
    return _back(
        f"/failures/{quote(row.handle)}", f"{row.handle} is {row.category}, {row.severity}."
    )


async def approve(request: Request) -> Response:
    """Accept a case, with what its replay needs and how its result is judged."""
    form = await read_form(request)

    def decide() -> str:
        row = review.approve(
            _site(request).store,
            request.path_params["handle"],
            reviewer=request.state.reviewer,
            postcondition=form.get("postcondition") or None,
            fails_as=form.get("fails_as") or None,
            needs=needs_of(form),
        )
        more = " It is expected to fail until the fix is in." if row.state is CaseState.OPEN else ""
        return f"{row.handle} is {row.state}.{more}"

    return await _decided(request, form, decide)


async def change_state(request: Request) -> Response:
    """Reject, retire or release a case."""
    form = await read_form(request)
    wanted, expected = {
        "reject": (CaseState.REJECTED, None),
        "retire": (CaseState.RETIRED, None),
        "release": (CaseState.OPEN, CaseState.QUARANTINED),
    }[_action(request)]
    seen = form.get("seen", "")

    def decide() -> str:
        row = _site(request).store.set_case_state(
            request.path_params["handle"],
            wanted,
            expected=expected or (CaseState(seen) if seen in set(CaseState) else None),
            reviewer=request.state.reviewer,
            reason=form.get("reason", ""),
        )
        return f"{row.handle} is {row.state}."

    return await _decided(request, form, decide)


async def start_job(request: Request) -> Response:
    """Start a reproduction check or a replay of a case, and show its page."""
    site = _site(request)
    form = await read_form(request)
    row = await run_in_threadpool(site.store.case, request.path_params["handle"])
    if site.code is None:
        raise ConfigurationError(
            "The application's code is not here, so nothing can be replayed. Where it is: "
            f"genmon cases verify {row.handle}"
        )
    if _action(request) == "verify":
        work = _verification(site.store, row.handle, site.code, form)
        site.jobs.start("reproduction check", row.handle, REPLAYS, work)
    else:
        site.jobs.start("replay", row.handle, 1, _replay(site.store, row.handle, site.code))
    return _back(f"/cases/{quote(row.handle)}", "")


async def events(request: Request) -> Response:
    """Follow a job by server-sent events; ``over`` tells that the page can be loaded again."""
    site = _site(request)
    number = int(request.path_params["number"])

    async def followed() -> AsyncIterator[str]:
        shown = ""
        template = site.environment.get_template("_job.html")
        for _ in range(int(_FOLLOW_S / _POLL_S)):
            job = site.jobs.find(number)
            if job is None:
                yield "event: over\ndata: \n\n"
                return
            html = template.render(job=job)
            if html != shown:
                shown = html
                yield _event("progress", html)
            if job.is_over:
                yield "event: over\ndata: \n\n"
                return
            if await request.is_disconnected():
                return
            await asyncio.sleep(_POLL_S)

    return StreamingResponse(followed(), media_type="text/event-stream")


async def enter(request: Request) -> Response:
    """Open a session by a one-time link."""
    site = _site(request)
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
    handle = request.path_params["handle"]
    try:
        said = await run_in_threadpool(decide)
    except GenmonError as error:
        problem = str(error)
        card = await run_in_threadpool(review.card, _site(request).store, handle)
        return await run_in_threadpool(
            lambda: render_case(request, card, problem=problem, form=form, status=409)
        )
    return _back(f"/cases/{quote(handle)}", said)


def _verification(store: SqlStore, handle: str, code: Path, form: Any) -> Work:
    needs = needs_of(form)

    def work(step: Callable[[], None]) -> str:
        row, found = review.verify(store, handle, cwd=code, needs=needs, progress=step)
        reason = found.reason.removeprefix(f"{row.state} ")
        return f"{row.state}: {reason}"

    return work


def _replay(store: SqlStore, handle: str, code: Path) -> Work:
    def work(step: Callable[[], None]) -> str:
        version = version_of_folder(os.environ.get(ENV_CODE_VERSION), code)
        row, result = review.replay(store, handle, code_version=version, cwd=code)
        step()
        return f"{result.verdict}: {result.detail} ({row.handle} is {row.state})"

    return work


def _event(name: str, html: str) -> str:
    lines = "".join(f"data: {line}\n" for line in html.splitlines())
    return f"event: {name}\n{lines}\n"


def _back(path: str, said: str) -> RedirectResponse:
    return RedirectResponse(f"{path}?{urlencode({'said': said})}" if said else path, 303)


def _action(request: Request) -> str:
    return request.url.path.rpartition("/")[2]


def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site
