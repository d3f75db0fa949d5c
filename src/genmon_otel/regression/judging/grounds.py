"""Keep what answered a run beyond the recording, and which of these answers stand in the trigger's place."""

from __future__ import annotations

from genmon_otel.records import StepRecord
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.judging.foundation import counted_instead

#: In the place of a donor's index: the reviewer's recovery.
RECOVERY = -1


class Grounds:
    """Notes the answers of one run, in the order in which they were served.

    Args:
        case: what is replayed.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        #: Step's name and digest of each request; its index is the request's place.
        self._requests: list[str] = []
        #: Places of those that were answered with None, as a log's are: no part of the effect.
        self._unanswered: set[int] = set()
        #: Place of the request that met the trigger.
        self._broke: int | None = None
        #: Place, step's name and donor's index of each answer beyond the recording.
        self._beyond: list[tuple[int, str, int]] = []
        #: Names of the steps whose answers may stand in the place of the trigger's.
        self.instead: list[str] = []
        self._places: list[int] = []

    def note_served(self, record: StepRecord, key: str) -> None:
        """Note which outcome is served to the request with a digest."""
        place, case = len(self._requests), self._case
        self._requests.append(f"{record.name} {key}")
        if record.outcome is None:
            self._unanswered.add(place)
        if self._broke is None and case.trigger.step is not None:
            self._broke = place if record is case.steps[case.trigger.step] else None
        donor = next((i for i, d in enumerate(case.donors) if d.step is record), None)
        if donor is None and case.recovery.get(record.name) is record:
            donor = RECOVERY
        if donor is not None:
            self._beyond.append((place, record.name, donor))

    def note_instead(self, name: str) -> None:
        """Note that the last answer of a step may stand in the trigger's place."""
        self.instead.append(name)
        self._places.append(next((p for p, n, _ in reversed(self._beyond) if n == name), -1))

    def effect(self) -> list[str]:
        """Return the requests that the run went on with: those for another answer are not among them."""
        left_out = self._counted() | self._unanswered
        return sorted(asked for place, asked in enumerate(self._requests) if place not in left_out)

    def what_broke(self) -> str:
        """Return the request that met the trigger; empty where none did."""
        return "" if self._broke is None else self._requests[self._broke]

    def asked_instead(self) -> list[str]:
        """Return the requests for another answer in the trigger's place."""
        return sorted(self._requests[place] for place in self._counted() if place >= 0)

    def rested(self) -> tuple[tuple[str, int], ...]:
        """Return name and donor's index of the answers that stand in, and of those before them.

        Of a case whose input is the trigger: of all answers.
        """
        if self._case.trigger.kind == "input":
            return tuple(dict.fromkeys((name, donor) for _, name, donor in self._beyond))
        last = max(self._counted(), default=-1)
        found = ((name, donor) for place, name, donor in self._beyond if place <= last)
        return tuple(dict.fromkeys(found))

    def _counted(self) -> set[int]:
        return {self._places[index] for index in counted_instead(self._case, self.instead)}
