"""The one log line of a failure."""

from __future__ import annotations

import logging
from typing import Final

from genmon_otel import conventions as names
from genmon_otel.records import Failure, GenerationRecord

_log = logging.getLogger(names.LOGGER)

#: Handle, operation, category, stage or function, trace id.
_LINE: Final = "genmon failure %s %s %s at %s trace=%s"


def log_failure(record: GenerationRecord, failure: Failure) -> None:
    """Log a failure; file, line and function of the log record are those where it was raised."""
    # imported late: it compiles hundreds of expressions, which no success needs
    from genmon_otel.fingerprint import handle

    if not _log.isEnabledFor(logging.ERROR):
        return
    line = (
        handle(failure.fingerprint),
        record.operation,
        failure.label[0],
        failure.stage or failure.function or "-",
        record.trace_id or "-",
    )
    _log.handle(
        _log.makeRecord(
            names.LOGGER, logging.ERROR, failure.file, failure.line, _LINE, line, None,
            failure.function or None,
        )
    )  # fmt: skip
