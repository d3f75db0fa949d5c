"""Which recorded automatic step answers a request of a replay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genmon_otel.exchanges import Keys, keys_of, redacted_request
from genmon_otel.records import StepRecord
from genmon_otel.redaction import Redactor
from genmon_otel.regression.case import Case
from genmon_otel.regression.propose import answered


class Matching:
    """The automatic steps of a case, and which of them answers a request.

    Args:
        case: what is replayed.
        redactor: makes requests comparable with recorded ones.
        left: by their index the steps that were not asked for yet; an answer removes one.
    """

    def __init__(self, case: Case, redactor: Redactor, left: dict[int, StepRecord]) -> None:
        self._case = case
        self._redactor = redactor
        self._left = left
        self._keys = {
            index: keys_of(step.arguments)
            for index, step in enumerate(case.steps)
            if step.adapter and isinstance(step.arguments, Mapping)
        }
        #: How often the trigger's request was asked for beyond what was recorded.
        self._again = 0

    def choose(self, request: Mapping[str, Any], site: str) -> tuple[StepRecord | None, Keys, bool]:
        """Take the recorded step that answers a request.

        Returns:
            The step, or None where nothing is left that does; the request's keys; and whether
            the request is another than the recorded one.
        """
        keys = keys_of(redacted_request(request, self._redactor))
        left = [(i, known) for i, known in self._keys.items() if i in self._left]
        levels = (
            [i for i, known in left if known.exact == keys.exact],
            [i for i, known in left if known.masked == keys.masked],
            [
                i
                for i, known in left
                if known.endpoint == keys.endpoint and self._case.steps[i].site == site
            ],
        )
        for is_other, found in zip((False, False, True), levels, strict=True):
            if found:
                return self._left.pop(found[0]), keys, is_other
        return None, keys, False

    def again(self, keys: Keys) -> tuple[StepRecord, str] | None:
        """Return what answers a request once more than recorded, and why; None for nothing."""
        case, trigger = self._case, self._case.trigger
        same = [i for i, known in self._keys.items() if known.masked == keys.masked]
        if trigger.step in same and not answered(case.steps[trigger.step]):
            self._again += 1
            if trigger.persistent or self._again <= trigger.repeats:
                return case.steps[trigger.step], ""
        for index in same:
            if index != trigger.step and answered(case.steps[index]):
                return case.steps[index], "served the same answer to the same request again"
        donors = []
        for donor in case.donors:
            if donor.step.adapter and isinstance(donor.step.arguments, Mapping):
                known = keys_of(donor.step.arguments)
                if known.endpoint == keys.endpoint:
                    donors.append((known.exact != keys.exact, known.masked != keys.masked, donor))
        if donors:
            donor = min(donors, key=lambda each: each[:2])[2]
            return donor.step, f"served the outcome of generation {donor.generation_id}"
        return None
