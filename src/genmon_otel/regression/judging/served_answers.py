"""Note which answers were served to one run, and which of them substitute the trigger's (see ``substitutes``)."""

from __future__ import annotations

from genmon_otel.exchanges import Keys
from genmon_otel.records import StepRecord
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.judging.substitutes import indices_of_substitutes

#: In the place of a donor's index: the reviewer's recovery.
RECOVERY = -1


class ServedAnswers:
    """Notes the answers of one run, in the order in which they were served.

    Args:
        case: what is replayed.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        #: Step's name and digest of each request; its index is the request's place.
        self._requests: list[str] = []
        #: The same without the ids, numbers and times in the requests.
        self._masked: list[str] = []
        #: Places of those that were answered with None, as a log's are: no part of the effect.
        self._unanswered: set[int] = set()
        #: Place of the request that met the trigger.
        self._broke: int | None = None
        #: Place, step's name and donor's index of each answer beyond the recording.
        self._beyond: list[tuple[int, str, int]] = []
        #: Names of the steps that gave substitutes for the trigger's answer, in order; their places.
        self.substitutes: list[str] = []
        self._places: list[int] = []

    def note_served(self, record: StepRecord, keys: Keys, files: str) -> None:
        """Note which outcome is served to the request with these keys, and files that it reads."""
        place, case = len(self._requests), self._case
        self._requests.append(f"{record.name} {keys.exact}{files}")
        self._masked.append(f"{record.name} {keys.masked}{files}")
        if record.outcome is None:
            self._unanswered.add(place)
        if self._broke is None and case.trigger.step is not None:
            self._broke = place if record is case.steps[case.trigger.step] else None
        donor = next((i for i, d in enumerate(case.donors) if d.step is record), None)
        if donor is None and case.recovery.get(record.name) is record:
            donor = RECOVERY
        if donor is not None:
            self._beyond.append((place, record.name, donor))

    def note_substitute(self, name: str) -> None:
        """Note that the last answer of a step is a substitute for the trigger's."""
        self.substitutes.append(name)
        self._places.append(next((p for p, n, _ in reversed(self._beyond) if n == name), -1))

    def effect(self, *, masked: bool = False) -> list[str]:
        """Return the requests of the run, without those for substitutes and those answered with None.

        Args:
            masked: leave out their ids, numbers and times, and how often each was made.
        """
        left_out = self._counted() | self._unanswered
        asked = self._masked if masked else self._requests
        found = [each for place, each in enumerate(asked) if place not in left_out]
        return sorted(set(found) if masked else found)

    def trigger_request(self) -> str:
        """Return the request that met the trigger; empty where none did."""
        return "" if self._broke is None else self._requests[self._broke]

    def substitute_requests(self) -> list[str]:
        """Return the requests that substitutes answered."""
        return sorted(self._requests[place] for place in self._counted() if place >= 0)

    def relied_on(self) -> tuple[tuple[str, int], ...]:
        """Return step and donor's index of the substitutes, and of the answers served before them.

        Of a case whose input is the trigger: of all answers.
        """
        if self._case.trigger.kind == "input":
            return tuple(dict.fromkeys((name, donor) for _, name, donor in self._beyond))
        last = max(self._counted(), default=-1)
        found = ((name, donor) for place, name, donor in self._beyond if place <= last)
        return tuple(dict.fromkeys(found))

    def _counted(self) -> set[int]:
        return {
            self._places[index] for index in indices_of_substitutes(self._case, self.substitutes)
        }
