"""Collect what the recorder delivers in the process of a replay."""

from __future__ import annotations

import sys
from typing import Any

from genmon_otel.instruments.nothing import NullMetrics
from genmon_otel.null_sink import NullSink
from genmon_otel.records import GenerationRecord, Outcome, Recording, SuccessSample


class Collector(NullSink):
    """Keep the records that the recorder delivers. Implements the sink of a replay."""

    def __init__(self, operation: str) -> None:
        self._operation = operation
        self.records: list[GenerationRecord] = []
        #: The first attempt that did not succeed; another that follows it is not the recorded one.
        self.failed: GenerationRecord | None = None
        self.shapes: dict[str, Any] = {}

    def deliver(
        self,
        record: GenerationRecord,
        recording: Recording | None = None,
        sample: SuccessSample | None = None,
    ) -> None:
        """Keep it."""
        self.records.append(record)
        own = record.operation == self._operation
        if self.failed is None and own and record.outcome is not Outcome.SUCCESS:
            self.failed = record
        if sample is not None:
            self.shapes[record.generation_id] = sample.shape


class Broken(NullMetrics):
    """Keep the first internal error of the recorder, which does not reach the caller."""

    #: Where, and the exception; empty where nothing did.
    first = ""

    def internal_error(self, where: str) -> None:
        """Keep it."""
        error = sys.exception()
        self.first = self.first or (
            f"{where}: {f'{type(error).__name__}: {error}'}" if error is not None else where
        )
