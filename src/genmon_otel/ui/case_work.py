"""Start a check, a replay, shrinking or refreshing of a case, here or in the queue, and follow it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from genmon_otel.errors import GenmonError
from genmon_otel.regression import review
from genmon_otel.store.rows import CaseRow
from genmon_otel.ui.actions import action_of, refused
from genmon_otel.ui.forms import needs_of, read_form
from genmon_otel.ui.progress import progress_of
from genmon_otel.ui.rendering import Site, site_of
from genmon_otel.ui.work import TITLES, as_tree, perform

#: Seconds between two looks at a job here, and at one in the store; and of one connection.
_POLL_S: Final = 0.25
_QUEUE_POLL_S: Final = 1.0
_FOLLOW_S: Final = 600.0


async def start(request: Request) -> Response:
    """Start the requested work on a case: here if the application's code is available, else in the queue."""
    form = await read_form(request)
    site, handle, action = site_of(request), request.path_params["handle"], action_of(request)
    try:
        row = await run_in_threadpool(_begin, site, handle, action, form, request.state.reviewer)
    except GenmonError as error:
        return await refused(request, str(error), form)
    return RedirectResponse(f"/cases/{quote(row.handle)}#work", 303)


def _begin(site: Site, handle: str, action: str, form: Any, reviewer: str) -> CaseRow:
    row = site.store.case(handle)
    needs = needs_of(form)
    if row.case:
        needs.added_to(review.stored(row))  # raises now, before anyone waits for the work
    if site.code is None:
        site.store.work.ask(row.id, action, reviewer, as_tree(needs))  # type: ignore[arg-type]
        return row
    code, (title, total) = site.code, TITLES[action]

    def work(step: Any) -> str:
        return perform(
            site.store, row.handle, action, cwd=code, needs=needs, step=step, reviewer=reviewer
        )

    site.jobs.start(title, row.handle, total, work, asked_by=reviewer)
    return row


async def events(request: Request) -> Response:
    """Follow a case's work by server-sent events; the event ``over`` means that the page can be reloaded."""
    site = site_of(request)
    row = await run_in_threadpool(site.store.case, request.path_params["handle"])
    template = site.environment.get_template("_job.html")
    poll_s = _POLL_S if site.code is not None else _QUEUE_POLL_S

    async def followed() -> AsyncIterator[str]:
        shown = ""
        for _ in range(int(_FOLLOW_S / poll_s)):
            job = await run_in_threadpool(progress_of, site, row)
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
            await asyncio.sleep(poll_s)

    return StreamingResponse(followed(), media_type="text/event-stream")


def _event(name: str, html: str) -> str:
    lines = "".join(f"data: {line}\n" for line in html.splitlines())
    return f"event: {name}\n{lines}\n"
