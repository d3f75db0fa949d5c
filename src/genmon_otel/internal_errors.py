"""Errors of our own code: counted and logged, never raised into the application."""

from __future__ import annotations

import logging
import sys
import time
from typing import Final

from genmon_otel import conventions as names
from genmon_otel.interruption import must_propagate
from genmon_otel.ports import Metrics
from genmon_otel.redaction import Redactor
from genmon_otel.stacks import MAX_STACK, format_stack

_log = logging.getLogger(names.LOGGER)

#: Seconds between two log lines about one place.
LOG_EVERY_S: Final = 60.0

#: For places that do not know the application's own.
_REDACTOR: Final = Redactor()

#: By place: when it may be logged again, on the monotonic clock.
_next_line: Final[dict[str, float]] = {}


def suppress_and_count(place: str, metrics: Metrics, redactor: Redactor) -> None:
    """Keep the exception being handled from the application, and :func:`report` it.

    Call it in an ``except BaseException``: values and callables of the application raise what
    they like. It raises the exception again only if it is meant for the application: a signal
    handler's, ``KeyboardInterrupt``, ``SystemExit``.

    Args:
        place: where it happened; a label value, so one of a few fixed words.
        metrics: count it.
        redactor: redacts the logged stack.
    """
    if must_propagate(sys.exception()):
        raise  # noqa: PLE0704 - it is called where the error is handled
    report(place, metrics, redactor)


def report(place: str, metrics: Metrics, redactor: Redactor) -> None:
    """Count the exception being handled, and log it at most once a minute a place. Never raises."""
    try:
        metrics.internal_error(place)
        now = time.monotonic()
        if now >= _next_line.get(place, 0.0):
            _next_line[place] = now + LOG_EVERY_S
            _log.warning(
                "genmon: internal error (%s), kept from the application:\n%s",
                place,
                stack_for_log(redactor),
            )
    except Exception:
        pass  # there is nothing left to report to


def stack_for_log(redactor: Redactor | None = None) -> str:
    """Return the stack of the exception being handled, redacted and bounded: for a log line in place of ``exc_info``.

    It may come from a callable of the application's and quote what a user typed, or from an
    exporter and quote its address.
    """
    error = sys.exception()
    return "" if error is None else (redactor or _REDACTOR).text(format_stack(error), MAX_STACK)
