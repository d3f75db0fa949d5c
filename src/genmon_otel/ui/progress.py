"""The progress of a case's check or replay, on this server or on a worker."""

from __future__ import annotations

from genmon_otel.store.rows import CaseRow
from genmon_otel.ui.jobs import Progress
from genmon_otel.ui.rendering import Site
from genmon_otel.ui.work import TITLES


def progress_of(site: Site, row: CaseRow) -> Progress | None:
    """Return the progress of a case's check or replay, here or in the queue; None where there is none."""
    here = site.jobs.of_case(row.handle)
    if here is not None:
        return here
    asked = site.store.work.find(row.id)
    if asked is None:
        return None
    title, total = TITLES.get(asked.action, (asked.action, 0))
    return Progress(
        0, title, row.handle, done=asked.done, total=total,
        result=(asked.result or "done") if asked.is_over else "", failed=asked.failed,
        asked_by=asked.reviewer or "", worker=asked.worker or "", waits=asked.worker is None,
    )  # fmt: skip
