"""Choose the answer to a step's request for which the recording has no outcome left.

In this order: the reviewer's recovery; the same fault, where an equal request met a
persistent one; the same answer, where an equal request was answered and that answer is not what
broke the generation; a donor, all donors of one run from the same generation; else nothing.
A different request is never given the recorded fault: a check that failed on one text may pass on its repair.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any, Final

from genmon_otel.exchanges import Keys, keys_of, keys_of_arguments, texts_of
from genmon_otel.records import StepRecord, Tree
from genmon_otel.regression.cases.case import Case, Donor
from genmon_otel.regression.cases.feeding import answered, bad_answers

#: Generation id of donors that a process recorded outside of any generation.
PROCESS: Final = "process"
#: Characters of a request that are compared to measure its similarity to another.
_COMPARED: Final = 50_000
_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})
#: Characters of a body that is shown as an example.
_SHORT: Final = 300
#: Prefix of a digest of files that also contains the number of other answers, to distinguish two starts.
_ANSWERS: Final = "answers "
_WORD: Final = re.compile(r"\w+")
#: A bad answer that was recorded this many times for equal requests is served again.
_PERSISTENT: Final = 2


def keys_of_step(step: StepRecord) -> Keys:
    """Return the keys by which a recorded step's request is compared."""
    if step.adapter and isinstance(step.arguments, Mapping):
        return keys_of(step.arguments)
    return keys_of_arguments(step.name, step.arguments, step.digest)


class ExtraAnswers:
    """Chooses the answers to requests of one run beyond the recorded ones.

    Args:
        case: what is replayed.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._keys: dict[int, Keys] = {}
        trigger = case.trigger
        #: Indices of the recorded answers that the failure came from.
        self.bad = bad_answers(case.steps, trigger.step, persistent=trigger.persistent)
        #: By identity of a recorded program's step that was served: digest of the files it would have read.
        self._files: dict[int, str] = {}
        #: Number of requests beyond what was recorded, other than of such programs.
        self._beyond = 0
        #: How often the trigger's request was asked for beyond what was recorded.
        self._again = 0
        #: The generation that all donors of this run come from, and those served.
        self._generation = ""
        self._served: dict[int, str] = {}
        #: A donor answered a request equal to the one that was answered badly, or that met the trigger's fault.
        self.donor_for_trigger = False
        #: Name of the first step that a donor answered which had been asked something else.
        self.foreign_donor = ""

    def keys(self, index: int) -> Keys:
        """Return the keys of a recorded step, computed once."""
        if index not in self._keys:
            self._keys[index] = keys_of_step(self._case.steps[index])
        return self._keys[index]

    def note_files(self, record: StepRecord, files: str) -> None:
        """Remember which files a program would have read whose recorded outcome is served; an empty digest is none."""
        if files:
            self._files[id(record)] = files

    def with_answers_so_far(self, files: str) -> str:
        """Add to a digest of files the number of answers beyond the recorded ones that the code has by now.

        A program that is written to while it runs may be given any of them, which is not known when it starts.
        """
        return f"{_ANSWERS}{self._beyond} {files}"

    def find(
        self, name: str, site: str, keys: Keys, request: Tree, *, automatic: bool, files: str = ""
    ) -> tuple[StepRecord, str] | None:
        """Return what answers a request once more than recorded, and a note of it; None for nothing.

        Args:
            name: of the step.
            site: who asked, of an automatic step.
            keys: of the redacted request.
            request: the redacted request, or arguments.
            automatic: whether no decorated step asks.
            files: digest of the files that a program would read; empty where that is not known. The same
                command on other files is another request.
        """
        case, steps = self._case, self._case.steps
        self._beyond += not files  # what a program printed is not written to another one
        if name in case.recovery:
            return case.recovery[name], "served the reviewer's recovery outcome"
        equal = self._same(name, keys, automatic)
        same = [i for i in equal if self._files.get(id(steps[i]), files) == files]
        trigger = case.trigger
        if trigger.step in same and not answered(steps[trigger.step]):
            if trigger.persistent:
                return steps[trigger.step], "met the same fault again with the same request"
            self._again += 1
            if self._again <= trigger.repeats:
                return steps[trigger.step], ""
        good = [i for i in same if answered(steps[i]) and i not in self.bad]
        bad = [i for i in same if i in self.bad]
        if bad and len(good) + len(bad) >= _PERSISTENT:
            count = len(good) + len(bad)
            return steps[bad[-1]], f"answered badly again: it did so {count} times to this request"
        if good and not bad:
            return steps[good[-1]], "served the same answer to the same request again"
        if same and not bad and trigger.step not in same and steps[same[-1]].kind != "hang":
            return steps[same[-1]], "met the same fault again with the same request"
        donor = self._donor(name, site, keys, request, automatic)
        if donor is None:
            return None
        # Of a program that is written to it is not known whether it was given something else.
        known = _contents(files)
        asked = [i for i in equal if _contents(self._files.get(id(steps[i]), files)) == known]
        self.donor_for_trigger |= bool(bad) or trigger.step in asked
        note = f"served the outcome of generation {donor.generation_id}"
        if keys_of_step(donor.step).masked != keys.masked:
            self.foreign_donor = self.foreign_donor or name
            note += ", which had asked something else"
        return donor.step, note

    def _same(self, name: str, keys: Keys, automatic: bool) -> list[int]:
        """Return the recorded steps with an equal request.

        Of automatic ones ids, times and numbers do not count, unless the recording has requests
        that only differ in these.
        """
        of_kind = [
            i
            for i, step in enumerate(self._case.steps)
            if bool(step.adapter) == automatic and (automatic or step.name == name)
        ]
        exact = [i for i in of_kind if self.keys(i).exact == keys.exact]
        if exact or not automatic:
            return exact
        masked = [i for i in of_kind if self.keys(i).masked == keys.masked]
        return masked if len({self.keys(i).exact for i in masked}) == 1 else []

    # --- donors

    def _donor(
        self, name: str, site: str, keys: Keys, request: Tree, automatic: bool
    ) -> Donor | None:
        """The nearest request's outcome; all of one run come from the generation of the first."""
        found = []
        words = words_of(request)
        for index, donor in enumerate(self._case.donors):
            step, generation = donor.step, donor.generation_id
            if bool(step.adapter) != automatic:
                continue
            known = keys_of_step(step)
            if known.endpoint != keys.endpoint if automatic else step.name != name:
                continue
            if self._generation and generation not in (self._generation, PROCESS):
                continue
            if known.masked != keys.masked and _is_emptied(request, step.arguments):
                continue  # an answer to a request with content does not fit one without
            level = (known.exact != keys.exact) + (known.masked != keys.masked)
            used = level == 2 and self._served.get(index, keys.exact) != keys.exact
            alike = round(likeness(words, words_of(step.arguments)), 1)
            found.append((level, step.site != site, used, -alike, index))
        if not found:
            return None
        index = min(found)[-1]
        donor = self._case.donors[index]
        self._served[index] = keys.exact
        if donor.generation_id != PROCESS:
            self._generation = donor.generation_id
        return donor


def _contents(files: str) -> str:
    """The digest of files alone, without the number of answers."""
    return files.rpartition(" ")[2]


def _is_emptied(request: Tree, known: Tree) -> bool:
    """Whether a member is empty in one request that is not in the other."""
    if not isinstance(request, Mapping) or not isinstance(known, Mapping):
        return False
    return any(known[name] and value in _EMPTY for name, value in request.items() if name in known)


def words_of(request: Tree) -> frozenset[str]:
    """Return the words of a request, for :func:`likeness`."""
    text = json.dumps(request, ensure_ascii=False, default=str)[:_COMPARED]
    return frozenset(_WORD.findall(text.lower()))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of words that two requests have in common."""
    return len(one & other) / (len(one | other) or 1)


def example_of(case: Case, name: str) -> str:
    """Return JSON of the kind that a step answers, to be filled in by a reviewer."""
    known: list[Any] = [s for s in case.steps if s.name == name and answered(s)]
    known += [donor.step for donor in case.donors if donor.step.name == name]
    if not known:
        return "JSON"
    step, outcome = known[0], known[0].outcome
    if step.adapter:
        return _body_of(step)
    if isinstance(outcome, str):
        return '"TEXT"'
    if outcome is None or isinstance(outcome, bool):
        return json.dumps(outcome)
    return "JSON"


def _body_of(step: StepRecord) -> str:
    """The body of an automatic step where that is short JSON of no known model API: of those the text is enough."""
    if step.name.partition(" ")[0].isupper():
        body = "".join(texts_of(step)).strip()
        if body[:1] in "{[" and len(body) <= _SHORT:
            return body
    return '"TEXT"'


def command_for(case: Case, name: str) -> str:
    """Return the command that says what a step answers beyond the recording."""
    given = shlex.quote(f"{name}={example_of(case, name)}")
    return f"genmon cases approve {case.ref} --recovery {given}"


def remedy_for(case: Case, name: str) -> str:
    """Return how a reviewer gives an answer where nothing else does."""
    return (
        "Nothing says what it answers. Say it: "
        f"{command_for(case, name)} (before the review: verify instead of approve)."
    )
