"""Takes pending events from their queues, those that are counted in the same series together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from genmon_otel.instruments.series import LabelSet
from genmon_otel.records import Category, GenerationRecord, Outcome, Severity, StageEnd

#: Events that are taken at a time: as many may be lost if a signal handler raises during a count.
_AT_ONCE: Final = 100

#: A generation that ended, and its trace's id where that is an exemplar.
End = tuple[GenerationRecord, str | None]
#: Operation, framework, outcome, the failure's category and severity, whether this process counted
#: its start.
EndSeries = tuple[str, str, Outcome, tuple[Category, Severity] | None, bool]

E = TypeVar("E")
S = TypeVar("S")


def grouped(
    pending: deque[E], number: int, series_of: Callable[[E], S]
) -> Iterator[tuple[S, list[E]]]:
    """Take the oldest ``number`` events out of a queue.

    To count those of one series together takes a third of the time that each by itself would.

    Args:
        pending: another thread may append to it during the call, and a forked child may clear it.
        number: how many; fewer where there are no more.
        series_of: says in which series an event is counted.
    """
    while number > 0 and pending:
        by_series: dict[S, list[E]] = {}
        for _ in range(min(number, _AT_ONCE)):
            if not pending:
                break
            event = pending.popleft()
            by_series.setdefault(series_of(event), []).append(event)
        yield from by_series.items()
        number -= _AT_ONCE


def series_of_end(end: End) -> EndSeries:
    """Return in which series a generation's end is counted."""
    record, _ = end
    failure = record.failure
    if failure is None:
        return record.operation, record.framework, record.outcome, None, True
    has_start = failure.origin == "generation"
    return record.operation, record.framework, record.outcome, failure.label, has_start


def series_of_stage(end: tuple[str, StageEnd]) -> LabelSet:
    """Return in which series the end of a phase or step is counted."""
    operation, (name, kind, _, outcome) = end
    return kind, operation, name, outcome
