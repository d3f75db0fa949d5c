"""Hand a case over as a file: downloaded, written into the checkout, or on a branch of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from genmon_otel.errors import ConfigurationError, GenmonError
from genmon_otel.regression import exporting, review
from genmon_otel.regression.cases import files
from genmon_otel.regression.cases.configuration import trust_in
from genmon_otel.regression.proposal import Repository, propose_case
from genmon_otel.store.rows import CaseRow
from genmon_otel.ui.actions import back, refused
from genmon_otel.ui.forms import read_form
from genmon_otel.ui.rendering import Site, render, site_of
from genmon_otel.wording.markdown import describe

#: Where case files belong, inside the checkout; as ``genmon cases propose`` has it.
FOLDER: Final = Path("tests/genmon")
REMOTE: Final = "origin"


def download(request: Request) -> Response:
    """Return a case's file."""
    row = _exportable(site_of(request), request.path_params["handle"])
    case = exporting.for_file(row)
    return Response(
        case.to_json(),
        media_type="application/json",
        # A slug has letters, digits and hyphens alone: see :mod:`genmon_otel.regression.cases.files`.
        headers={"Content-Disposition": f'attachment; filename="{case.slug}{files.SUFFIX}"'},
    )


async def export(request: Request) -> Response:
    """Write a case's file into the checkout."""
    form = await read_form(request)
    try:
        said = await run_in_threadpool(_export, site_of(request), request.path_params["handle"])
    except (GenmonError, OSError) as error:
        return await refused(request, str(error), form)
    return back(f"/cases/{request.path_params['handle']}", said)


async def propose(request: Request) -> Response:
    """Put a case on a branch of its own, and show what a pull request would say. Publish nothing."""
    form = await read_form(request)
    site, handle = site_of(request), request.path_params["handle"]
    try:
        code = _code(site, f"genmon cases propose {handle}")
        made, card = await run_in_threadpool(
            lambda: propose_case(site.store, Repository(code, REMOTE), handle, code / FOLDER)
        )
    except GenmonError as error:
        return await refused(request, str(error), form)
    return render(
        request, "proposed.html", row=card.row, proposal=made,
        description=describe(card, made.path), push=f"git push {REMOTE} {made.branch}",
    )  # fmt: skip


def _export(site: Site, handle: str) -> str:
    row = _exportable(site, handle)
    code = _code(site, "genmon cases export tests/genmon")
    path, new = files.export(exporting.for_file(row), code / FOLDER, update=True)
    said = f"{'Wrote' if new else 'Kept'} {path.relative_to(code)}. Committing it is approving its case."
    trust = trust_in(code)
    lacking = trust.lacking(files.read(path))
    if lacking:
        lines = "; ".join(trust.lines(option, names) for option, names in lacking.items())
        said += (
            f" What it asks for works where the configuration allows it: {trust.where()}: {lines}"
        )
    return said


def _exportable(site: Site, handle: str) -> CaseRow:
    row = site.store.case(handle)
    if row.state not in review.EXPORTED:
        raise ConfigurationError(
            f"Case {row.handle} is {row.state}; only a reproduced or approved one has a file. "
            f"Put it through the reproduction check: genmon cases verify {row.handle}"
        )
    return row


def _code(site: Site, command: str) -> Path:
    if site.code is None:
        raise ConfigurationError(f"The application's code is not here. Where it is: {command}")
    return site.code
