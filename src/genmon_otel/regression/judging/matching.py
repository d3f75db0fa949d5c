"""Find the recorded automatic step that answers a request of a replay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from genmon_otel.exchanges import Keys, keys_of, redacted_request
from genmon_otel.records import StepRecord
from genmon_otel.redaction import Redactor
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.judging.extra_answers import likeness, words_of

#: A request from another place in the code is a changed one only with at least this share of words in common.
_ALIKE: Final = 0.5


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
        #: By the masked key of a recorded request: the key of the request that its attempts answer.
        self._claims: dict[str, str] = {}

    def choose(self, request: Mapping[str, Any], site: str) -> tuple[StepRecord | None, Keys, bool]:
        """Take the recorded step that answers a request.

        Returns:
            The step, or None where nothing is left that does; the request's keys; and whether
            the request is another than the recorded one.
        """
        redacted = redacted_request(request, self._redactor)
        keys = keys_of(redacted)
        left = [(i, known) for i, known in self._keys.items() if i in self._left]
        levels = (
            [i for i, known in left if known.exact == keys.exact],
            [i for i, known in left if known.masked == keys.masked],
            self._at_the_place(left, keys, redacted, site),
        )
        for is_other, found in zip((False, False, True), levels, strict=True):
            if found:
                self._claims.setdefault(self._keys[found[0]].masked, keys.masked)
                return self._left.pop(found[0]), keys, is_other
        return None, keys, False

    def _at_the_place(
        self, left: list[tuple[int, Keys]], keys: Keys, request: Mapping[str, Any], site: str
    ) -> list[int]:
        """Return the steps that the same place asked for, in order; else those alike whose place does not count."""
        steps = self._case.steps
        found = [
            i
            for i, known in left
            if known.endpoint == keys.endpoint
            # A persistent fault of one request is not served to a different one, such as a fallback's.
            and self._claims.get(known.masked, keys.masked) == keys.masked
        ]
        words = words_of(request)
        alike = {
            i: likeness(words, words_of(steps[i].arguments)) for i in found if not steps[i].site
        }
        return [i for i in found if steps[i].site == site] or sorted(
            (i for i, share in alike.items() if share >= _ALIKE), key=lambda i: -alike[i]
        )
