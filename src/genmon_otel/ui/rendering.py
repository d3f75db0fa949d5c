"""Render templates: every value is escaped and cleaned, times and counts are said in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from genmon_otel.store import SqlStore
from genmon_otel.ui.alerts import Alerts
from genmon_otel.ui.gate import Access
from genmon_otel.ui.jobs import Jobs
from genmon_otel.ui.session import Sessions
from genmon_otel.wording.printable import one_line, printable
from genmon_otel.wording.units import ago, duration, many

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Site:
    """What the handlers work with."""

    store: SqlStore
    access: Access
    sessions: Sessions
    jobs: Jobs
    #: Folder of the application's code; None where it is not at hand, so that nothing is replayed.
    code: Path | None
    environment: Environment
    #: None where no Alertmanager is named.
    alerts: Alerts | None = None


def site_of(request: Request) -> Site:
    """Return what a request's handler works with."""
    site: Site = request.app.state.site
    return site


def make_environment() -> Environment:
    """Return the templates' environment."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_cleaned,
    )
    environment.filters |= {
        "ago": _ago,
        "exact": exact,
        "duration": duration,
        "many": many,
        "one_line": one_line,
        "percent": lambda share: f"{share:.0%}",
    }
    return environment


def render(request: Request, template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """Return a page. ``values`` are the template's, in addition to ``reviewer`` and ``path``."""
    site = site_of(request)
    html = site.environment.get_template(template).render(
        reviewer=request.state.reviewer,
        path=request.url.path,
        message=request.query_params.get("said", "")[:500],
        code=site.code,
        **values,
    )
    return HTMLResponse(html, status)


def exact(moment: float) -> str:
    """Return a Unix time in full: ``2026-12-01 21:12:04 UTC``."""
    try:
        return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "at an unknown time"


def _ago(moment: float | None) -> Markup:
    """Return how long ago a time was, with the exact one on hover."""
    if moment is None:
        return Markup("never")
    return Markup('<time title="{}">{}</time>').format(exact(moment), ago(moment))


def _cleaned(value: Any) -> Any:
    """Clean what a template prints: recorded text may hold escape sequences."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return printable(value)
