"""Keep in a case's history what was done with its file on the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from genmon_otel.store.work import Noted
from genmon_otel.ui.rendering import site_of

Endpoint = Callable[[Request], Awaitable[Response]]


def noted(action: Noted, endpoint: Endpoint) -> Endpoint:
    """Return an endpoint that also notes an action that was not refused: by whom, and when."""

    async def do(request: Request) -> Response:
        response = await endpoint(request)
        if response.status_code < 400:
            await run_in_threadpool(_note, request, action)
        return response

    return do


def _note(request: Request, action: Noted) -> None:
    store = site_of(request).store
    row = store.case(request.path_params["handle"])
    store.work.note(row.failure_id, action, request.state.reviewer)
