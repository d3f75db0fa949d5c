"""When a recorded step answers in a replay: after as long as it took, in the recorded order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from genmon_otel.records import StepRecord
from genmon_otel.regression.replaying.virtual_time import VirtualTime

#: Recorded steps that began within so many seconds count as started together.
_TOGETHER_S: Final = 0.05
#: Seconds below which a step that nothing came between is taken to have answered without waiting.
_AT_ONCE_S: Final = 0.001
#: Seconds by which a step may answer later than it took, to make up for time between the steps
#: that is not replayed: a loop with a deadline asks as often as it did.
_DRIFT_S: Final = 0.25


class Pace:
    """Times the answers of recorded steps.

    Args:
        steps: as recorded.
        clock: the replay's time.
    """

    def __init__(self, steps: Sequence[StepRecord], clock: VirtualTime) -> None:
        self._steps = steps
        self._clock = clock
        self._anchor = (-1.0, 0.0)

    def delay(self, record: StepRecord) -> float:
        """Return the seconds until a step answers, so that steps started together end in the recorded order."""
        if record.ended_s is None:
            return 0.0
        now = self._clock.monotonic()
        instant, started = self._anchor
        if now != instant or not 0 <= record.started_s - started <= _TOGETHER_S:
            self._anchor = (now, record.started_s)
            started = record.started_s
        took = max(0.0, record.ended_s - started)
        late = record.ended_s - (now + took)
        return took + late if 0 < late <= _DRIFT_S else took

    def is_at_once(self, record: StepRecord) -> bool:
        """Return whether it answered before anything else in its event loop could run.

        Then siblings in a task group that broke, too, did so together with it.
        """
        begun, ended = record.started_s, record.ended_s
        return (
            ended is not None
            and ended - begun < _AT_ONCE_S
            and not any(
                begun < other.started_s < ended
                or (other.ended_s is not None and begun < other.ended_s < ended)
                for other in self._steps
                if other is not record
            )
        )
