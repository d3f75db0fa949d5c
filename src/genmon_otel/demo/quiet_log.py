"""Keep the log quiet while a progress bar is shown."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from genmon_otel.conventions import LOGGER


@contextmanager
def quiet_log() -> Iterator[None]:
    """Suppress the log lines of failures while the progress bar is shown; the tables repeat them."""
    logger = logging.getLogger(LOGGER)
    before, logger.propagate = logger.propagate, False
    handler = logging.NullHandler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before
