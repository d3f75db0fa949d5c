"""Make a case smaller: as small as still shows the same failure, for its reader.

Everything but the outcome that triggers is shrunk, and replays decide: the same fingerprint,
frames included, from the same trigger, without donors, recoveries or repeated answers. The
triggering outcome is kept whole: of ``Sorry: {"a": 1}`` nothing but ``"x"`` would be left, on
which the right fix cannot pass. Its smallest form is determined too, to be shown. Also kept is what
a lasting fault was asked about: a fix may look at that before it asks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from genmon_otel.errors import ConfigurationError
from genmon_otel.exchanges import compacted, expanded, keys_of
from genmon_otel.payload import digest
from genmon_otel.records import StepRecord
from genmon_otel.regression.cases.case import Case, Shrinkage
from genmon_otel.regression.cases.feeding import bad_answers, feeds
from genmon_otel.regression.cases.shrinking import Path, body_of, parts, pieces, put, read, smallest
from genmon_otel.regression.judging.run_result import RunResult

#: Seconds of wall time for one case; a third of them for the smallest trigger.
MOST_S: Final = 10.0
#: Replays of the smaller case that must all show the failure.
_REPLAYS: Final = 3
#: Characters that the smallest trigger may have to be kept and shown.
_SHOWN: Final = 2_000
#: Why a case is as it was where everything in it is needed.
WHOLE: Final = "nothing in it can be left out"
_IN_FULL: Final = "the smaller case did not show the failure each time; it is kept as it was"

#: Replays a case; with ``requests=True`` its result contains the requests that differ.
Replay = Callable[..., RunResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """What a search for a smaller case has found."""

    #: The smaller case, with how much smaller it is; else the case as it was. Where nothing in it
    #: can be left out, it says so, and holds its smallest trigger.
    case: Case
    #: Why the case is as it was; empty where it is smaller.
    unchanged: str = ""
    replays: int = 0


def shrink(case: Case, replay: Replay, *, most_s: float = MOST_S) -> Shrunk:
    """Make a case that was reproduced smaller.

    Args:
        case: a case whose replay shows its failure.
        replay: replays a case.
        most_s: seconds of wall time; then what was found by then is taken.
    """
    return _Shrinking(case, replay, time.monotonic() + most_s).run(most_s)


def minimal(case: Case, replay: Replay, *, most_s: float = MOST_S) -> tuple[Case, str]:
    """Return a case with the smallest text of the outcome that triggers; it is sought where it is not known.

    A sentence says how much of the whole text that is.

    Args:
        case: whose replay shows its failure.
        replay: replays a case.
        most_s: seconds of wall time; then the smallest text found by then is taken.

    Raises:
        ConfigurationError: the outcome is no text, or the replay does not show the failure.
    """
    index = case.trigger.step
    at = None if index is None else text_at(case.steps[index])
    if index is None or at is None or case.trigger.kind != "content":
        raise ConfigurationError(
            "There is no smallest text to answer with: what broke it is no answer that is a text. "
            "Leave out --minimal."
        )
    text = case.shrunk.smallest_trigger if case.shrunk else None
    if text is None:
        text = _Shrinking(case, replay, time.monotonic() + most_s).seek_smallest_trigger()
    if text is None:
        raise ConfigurationError(
            "The smallest text to answer with cannot be found: the replay does not show the failure as "
            "recorded. Leave out --minimal to see why."
        )
    whole = read(case.steps[index].outcome, at)
    says = f"of its answer, {len(text):,} of {len(whole):,} characters"
    if text == whole:
        says = "its answer is the smallest already"
    return _with_outcome(case, index, put(case.steps[index].outcome, at, text)), says


class _Shrinking:
    """One search for a smaller case."""

    def __init__(self, case: Case, replay: Replay, until: float) -> None:
        self._original = case
        self._case = replace(case, steps=tuple(expanded(case.steps)))
        self._replay = replay
        self._until = until
        self._known: dict[str, bool] = {}
        self._wanted: tuple[Any, ...] = ()
        self._replays = 0

    def run(self, most_s: float) -> Shrunk:
        """Search; the original is returned where nothing smaller holds."""
        self._wanted = self._seen(self._case)
        if self._wanted[0] is None:
            return self._result(self._original, "its replay does not show the failure")
        end, self._until = self._until, self._until - most_s / 3
        self._shrink_all_at_once()
        self._drop_steps()
        self._shrink_parts()
        self._drop_steps()
        small = self._case
        self._until = end
        shown = self._smallest_trigger()
        small = self._with_requests_of_now(small)
        small = replace(small, steps=tuple(compacted(small.steps)))
        if _size(small) >= _size(self._original):
            return self._result(self._original, WHOLE, shown)
        if any(self._seen(small) != self._wanted for _ in range(_REPLAYS)):
            return self._result(self._original, _IN_FULL)
        return self._result(small, "", shown)

    def seek_smallest_trigger(self) -> str | None:
        """Seek nothing but the smallest trigger; None where the replay does not show the failure."""
        self._wanted = self._seen(self._case)
        return None if self._wanted[0] is None else self._smallest_trigger()

    def _result(self, case: Case, unchanged: str, shown: str | None = None) -> Shrunk:
        if unchanged in ("", WHOLE):
            is_short = shown is not None and len(shown) <= _SHOWN
            shrinkage = Shrinkage(
                bytes_before=_size(self._original),
                bytes_after=_size(case),
                steps_before=len(self._original.steps),
                steps_after=len(case.steps),
                smallest_trigger=shown if is_short else None,
            )
            case = replace(case, shrunk=shrinkage)
        return Shrunk(case=case, unchanged=unchanged, replays=self._replays)

    def _seen(self, case: Case) -> tuple[Any, ...]:
        """Replay a case without what is served beyond its recording; return what must stay."""
        self._replays += 1
        run = self._replay(replace(case, donors=(), recovery={}))
        return run.fingerprint, run.trigger_consumed, run.trigger_signature, run.notes

    def _take(self, case: Case) -> bool:
        """Take a smaller case, if it still shows the same."""
        key = json.dumps([case.inputs, [(s.name, s.outcome) for s in case.steps]], sort_keys=True)
        if key not in self._known:
            if time.monotonic() > self._until:
                return False
            self._known[key] = self._seen(case) == self._wanted
        if self._known[key]:
            self._case = case
        return self._known[key]

    def _with_requests_of_now(self, case: Case) -> Case:
        """Take the requests of a replay as the recorded ones: the smaller case has not drifted."""
        run = self._replay(replace(case, donors=(), recovery={}), requests=True)
        self._replays += 1
        steps = list(case.steps)
        for index, request in run.requests.items():
            step = steps[int(index)]
            key = keys_of(request).exact if step.adapter else digest(request)
            steps[int(index)] = replace(step, arguments=request, digest=key)
        return replace(case, steps=tuple(steps))

    # --- what is shrunk

    def _places(self) -> Iterator[int | None]:
        """Where data lies that may shrink: the steps by index, None for the inputs; largest first."""
        case = self._case
        trigger, kept = case.trigger, _kept(case)
        sizes: list[tuple[int, int | None]] = [
            (len(json.dumps(step.outcome)), index)
            for index, step in enumerate(case.steps)
            if index not in kept and _shrinks(step)
        ]
        if not (trigger.persistent and feeds(case.inputs, case.steps[trigger.step or 0])):
            sizes.append((len(json.dumps(case.inputs)), None))
        yield from (place for _, place in sorted(sizes, key=lambda each: -each[0]))

    def _shrink_all_at_once(self) -> None:
        case = self._case
        for place in self._places():
            case = _with(case, place, _smallest(case, place))
        if self._take(case):
            return
        for place in list(self._places()):
            self._take(_with(self._case, place, _smallest(self._case, place)))

    def _shrink_parts(self) -> None:
        for place in list(self._places()):
            for at in list(parts(_data(self._case, place))):
                data = _data(self._case, place)
                try:
                    part = read(data, at)
                except (KeyError, IndexError, TypeError):
                    continue  # what was around it is smaller by now
                if at and smallest(part) != part:
                    self._take(_with(self._case, place, put(data, at, smallest(part))))
                if isinstance(part, list) and len(part) > 1:
                    self._drop_items(place, at)

    def _drop_items(self, place: int | None, at: Path) -> None:
        """Leave items out of a list, half of them at first, then ever fewer; one stays."""
        size = len(read(_data(self._case, place), at)) // 2
        while size:
            position = 0
            while position < len(items := read(_data(self._case, place), at)):
                fewer = items[:position] + items[position + size :]
                data = put(_data(self._case, place), at, fewer)
                if not fewer or not self._take(_with(self._case, place, data)):
                    position += size
            size //= 2

    def _drop_steps(self) -> None:
        """Leave out steps that are not asked for; attempts of one call together."""
        index = len(self._case.steps) - 1
        while index >= 0:
            steps, trigger = self._case.steps, self._case.trigger
            call = steps[index].call
            gone = {i for i, s in enumerate(steps) if i == index or (call and s.call == call)}
            index = min(gone)
            if trigger.step not in gone:
                kept = tuple(s for i, s in enumerate(steps) if i not in gone)
                moved = trigger.step
                if moved is not None:
                    moved -= sum(i < moved for i in gone)
                self._take(replace(self._case, steps=kept, trigger=replace(trigger, step=moved)))
            index -= 1

    # --- the outcome that triggers

    def _smallest_trigger(self) -> str | None:
        """Return the smallest text of the triggering outcome that shows the failure; it is not kept."""
        index = self._case.trigger.step
        if index is None or self._case.trigger.kind != "content":
            return None
        step = self._case.steps[index]
        at = text_at(step)
        if at is None:
            return None
        text, kept = read(step.outcome, at), self._case
        count = 2
        while len(text) > 1 and time.monotonic() < self._until:
            cut = pieces(text, count)
            fewer = ("".join(cut[:i] + cut[i + 1 :]) for i in range(len(cut)) if len(cut) > 1)
            for shorter in fewer:
                outcome = put(step.outcome, at, shorter)
                if self._take(_with_outcome(kept, index, outcome)):
                    text, count = shorter, max(2, count - 1)
                    break
            else:
                if count >= len(text):
                    break
                count = min(len(text), count * 2)
        self._case = kept
        return str(text)


def _shrinks(step: StepRecord) -> bool:
    """Whether its outcome is data; a stream of events stays as it was cut."""
    if step.adapter:
        return step.kind == "value" and body_of(step.outcome) is not None
    return step.kind in ("value", "stream")


def text_at(step: StepRecord) -> Path | None:
    """Return where the text of an outcome lies; None where it is none."""
    if step.kind != "value":
        return None
    if isinstance(step.outcome, str):
        return ()
    if (
        step.adapter
        and isinstance(step.outcome, dict)
        and isinstance(step.outcome.get("body"), str)
    ):
        return ("body",)
    return None


def _data(case: Case, place: int | None) -> Any:
    """Return what may shrink: of an automatic step the body, as data where it is JSON."""
    if place is None:
        return case.inputs
    step = case.steps[place]
    return body_of(step.outcome) if step.adapter else step.outcome


def _with(case: Case, place: int | None, data: Any) -> Case:
    if place is None:
        return replace(case, inputs=data)
    steps = list(case.steps)
    step = steps[place]
    if step.adapter and isinstance(step.outcome, dict):
        body = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        data = {**step.outcome, "body": body}
    steps[place] = replace(step, outcome=data)
    return replace(case, steps=tuple(steps))


def _with_outcome(case: Case, index: int, outcome: Any) -> Case:
    steps = list(case.steps)
    steps[index] = replace(steps[index], outcome=outcome)
    return replace(case, steps=tuple(steps))


def _smallest(case: Case, place: int | None) -> Any:
    """Return the smallest form of a place's data."""
    data = _data(case, place)
    is_stream = place is not None and case.steps[place].kind == "stream"
    return _fewer_chunks(data) if is_stream and isinstance(data, list) else smallest(data)


def _fewer_chunks(chunks: list[Any]) -> list[Any]:
    """Shrink a stream's chunks as one text where they are text; cut it into chunks again."""
    if not chunks or not all(isinstance(chunk, str) for chunk in chunks):
        return smallest(chunks)  # type: ignore[no-any-return]
    text = smallest("".join(chunks))
    assert isinstance(text, str)
    return pieces(text, min(len(chunks), 2)) if text else chunks[:1]


def _kept(case: Case) -> set[int]:
    """Indices of the outcomes that are kept whole: the one that triggers, and what a lasting fault was asked about.

    A fix may look at that before it asks.
    """
    trigger = case.trigger
    if trigger.step is None:
        return set()
    fed = bad_answers(case.steps, trigger.step, persistent=True) if trigger.persistent else set()
    return {trigger.step, *fed}


def _size(case: Case) -> int:
    """Bytes of what is shrunk: the inputs, and all outcomes but those that are kept."""
    kept, trigger = _kept(case), case.trigger
    outcomes = [s.outcome for i, s in enumerate(case.steps) if i not in kept]
    asked_about = trigger.step if trigger.persistent else None
    requests = [s.arguments for i, s in enumerate(case.steps) if i != asked_about]
    return len(json.dumps([case.inputs, outcomes, requests], ensure_ascii=False).encode())
