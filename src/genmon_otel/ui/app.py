"""Put the page together: routes, errors, and the gate in front of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from genmon_otel.errors import GenmonError, InvalidTransition, NotFound, StoreUnavailable
from genmon_otel.store import SqlStore
from genmon_otel.ui import actions, case_files, case_work, history, pages
from genmon_otel.ui.alerts import Alerts
from genmon_otel.ui.gate import Access, Gate
from genmon_otel.ui.jobs import Jobs
from genmon_otel.ui.rendering import FOLDER, Site, make_environment, render
from genmon_otel.ui.session import Sessions
from genmon_otel.ui.work import TITLES


def create_app(
    store: SqlStore,
    access: Access,
    sessions: Sessions,
    *,
    code: Path | None = None,
    alertmanager: str | None = None,
) -> Starlette:
    """Return the page as an ASGI application.

    Args:
        store: open, and writable.
        access: who may reach it, and under which names.
        sessions: of those who look at it.
        code: folder of the application's code, in which cases are replayed; None where it is not
            at hand.
        alertmanager: its address, to show open alerts; None for none.
    """
    app = Starlette(
        routes=[
            Route("/", pages.now),
            Route("/alerts", pages.alerts),
            Route("/enter", actions.enter),
            Route("/failures", pages.failures),
            Route("/failures/{handle}", pages.failure),
            Route("/failures/{handle}/relabel", actions.relabel, methods=["POST"]),
            *_posts("/failures/{handle}", actions.set_status, "resolve", "ignore", "reopen"),
            Route("/review", pages.queue),
            Route("/guarding", pages.guarding),
            Route("/cases/{handle}", pages.case),
            Route("/cases/{handle}/steps/{number}", pages.step),
            Route("/cases/{handle}/approve", actions.approve, methods=["POST"]),
            *_posts("/cases/{handle}", case_work.start, *TITLES),
            Route("/cases/{handle}/events", case_work.events),
            Route("/cases/{handle}/file", case_files.download),
            Route(
                "/cases/{handle}/export",
                history.noted("exported", case_files.export),
                methods=["POST"],
            ),
            Route(
                "/cases/{handle}/propose",
                history.noted("put on a branch", case_files.propose),
                methods=["POST"],
            ),
            *_posts("/cases/{handle}", actions.change_state, "reject", "retire", "release"),
            Mount("/static", StaticFiles(directory=FOLDER / "static")),
        ],
        middleware=[Middleware(Gate, access=access, sessions=sessions)],
        exception_handlers={GenmonError: _genmon_error, HTTPException: _http_error},
    )
    # Such a redirect would name a scheme, which behind a proxy is not the browser's.
    app.router.redirect_slashes = False
    app.state.site = Site(
        store, access, sessions, Jobs(), code, make_environment(),
        None if alertmanager is None else Alerts(alertmanager),
    )  # fmt: skip
    return app


def _posts(path: str, endpoint: Any, *actions_: str) -> list[Route]:
    """Return a route for each action, which the endpoint reads from the path's end."""
    return [Route(f"{path}/{action}", endpoint, methods=["POST"]) for action in actions_]


def _genmon_error(request: Request, error: Exception) -> Response:
    """Say in words what could not be done."""
    status = {NotFound: 404, InvalidTransition: 409, StoreUnavailable: 503}
    code = next((code for kind, code in status.items() if isinstance(error, kind)), 400)
    more: dict[str, Any] = {}
    if request.method == "POST":  # an action's address ends in its name
        more["back"] = (request.url.path.rpartition("/")[0], "Back, to give it otherwise")
    return render(request, "error.html", code, title="That did not work", text=str(error), **more)


def _http_error(request: Request, error: Exception) -> Response:
    """Say that there is no such page."""
    assert isinstance(error, HTTPException)
    return render(
        request, "error.html", error.status_code, title=str(error.detail),
        text="There is nothing under this address. The menu above shows what there is.",
    )  # fmt: skip
