"""Recognise faults that the request itself causes: a server refuses an equal request again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from genmon_otel.exchanges import status_of
from genmon_otel.records import StepRecord

#: Statuses of HTTP by which a request is refused for what it says: too long, not valid, of something that
#: is not there. Not those that may pass: 401 and 403 (keys), 408, 409, 425, 429.
_REFUSED: Final = frozenset({400, 404, 405, 406, 410, 411, 413, 414, 415, 422, 431})


def refuses_request(step: StepRecord) -> bool:
    """Whether a step's outcome refuses what it was asked, by a status or by an SDK's error that has one."""
    if step.adapter and step.kind in ("value", "stream"):
        return step.adapter != "program" and status_of(step) in _REFUSED
    if step.kind != "exception" or not isinstance(step.outcome, Mapping):
        return False
    fields: Any = step.outcome.get("fields")
    if not isinstance(fields, Mapping):
        return False
    response = fields.get("response")
    own = response.get("status") if isinstance(response, Mapping) else None
    status = fields.get("status_code", own)
    return type(status) is int and status in _REFUSED
