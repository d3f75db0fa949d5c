"""Keep pseudonyms in place of user ids, where ``GENMON_PSEUDONYMIZE=store`` asks for it.

It happens before the journal: neither it nor the store ever holds the id itself.
Distinct users stay distinct, and ``genmon db forget`` takes the pseudonym. Request, context,
message and recording have the pseudonym everywhere in place of the id, so that a replay finds what it
found before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from genmon_otel.corrections import Corrections
from genmon_otel.exchanges import expanded
from genmon_otel.identity import pseudonym
from genmon_otel.ports import Sink
from genmon_otel.records import (
    GenerationRecord,
    InFlight,
    Recording,
    StepRecord,
    SuccessSample,
    Tree,
)

#: Ids of at least so many characters are searched for inside texts; shorter ones occur as words.
_MIN_SEARCHED: Final = 4


class Pseudonymous:
    """Give another sink pseudonyms for user ids. Implements :class:`genmon_otel.ports.Sink`.

    Args:
        sink: where everything goes.
        key: key of the HMAC; the same one in every process.
    """

    def __init__(self, sink: Sink, key: str) -> None:
        self._sink = sink
        self._key = key

    @property
    def is_started(self) -> bool:
        return self._sink.is_started

    @property
    def corrections(self) -> Corrections:
        return self._sink.corrections

    def start(self) -> None:
        self._sink.start()

    def deliver(
        self,
        record: GenerationRecord,
        recording: Recording | None = None,
        sample: SuccessSample | None = None,
    ) -> None:
        known = record.user_id
        if known is not None:
            hidden = _UserReplacement(known, pseudonym(self._key, known))
            record = hidden.in_record(record)
            if recording is not None:
                recording = hidden.in_recording(recording)
            if sample is not None:
                sample = replace(sample, steps=hidden.in_steps(sample.steps))
        self._sink.deliver(record, recording, sample)

    def watch(self, in_flight: Callable[[], Iterable[InFlight]]) -> None:
        def disguised() -> Iterable[InFlight]:
            for note in in_flight():
                known = note.user_id
                yield note if known is None else replace(note, user_id=pseudonym(self._key, known))

        self._sink.watch(disguised)

    def flush(self, timeout_s: float) -> bool:
        return self._sink.flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        return self._sink.close(timeout_s)


class _UserReplacement:
    """Replace one user's id by its pseudonym."""

    def __init__(self, user_id: str, stand_in: str) -> None:
        self.pseudonym = stand_in
        self._user_id = user_id
        self._number = int(stand_in[:12], 16)
        self._is_searched = len(user_id) >= _MIN_SEARCHED

    def in_record(self, record: GenerationRecord) -> GenerationRecord:
        """The record of one of this user's generations."""
        failure = record.failure
        if failure is not None:
            failure = failure._replace(
                error_message=self._in_text(failure.error_message),
                stack_trace=self._in_text(failure.stack_trace),
            )
        return record._replace(
            user_id=self.pseudonym,
            user_request=record.user_request and self._in_text(record.user_request),
            context=record.context
            and {key: self._in_tree(value) for key, value in record.context.items()},
            failure=failure,
        )

    def in_recording(self, recording: Recording) -> Recording:
        """A recording of this user's."""
        inputs = recording.inputs
        if isinstance(inputs, dict):  # a small number is recognised by its parameter's name only
            inputs = {
                name: self._number if "user" in name and self._is_number(value) else value
                for name, value in inputs.items()
            }
        return replace(
            recording, inputs=self._in_tree(inputs), steps=self.in_steps(recording.steps)
        )

    def in_steps(self, steps: Iterable[StepRecord]) -> tuple[StepRecord, ...]:
        """Steps of this user's generation."""
        return tuple(
            replace(
                step,
                arguments=self._in_tree(step.arguments),
                outcome=self._in_tree(step.outcome),
                stream_error=self._in_tree(step.stream_error),
            )
            for step in expanded(steps)
        )

    def _is_number(self, tree: Tree) -> bool:
        return type(tree) is int and str(tree) == self._user_id

    def _in_text(self, text: str) -> str:
        if text == self._user_id:
            return self.pseudonym
        if not self._is_searched:
            return text
        parts: list[str] = []
        done, at = 0, text.find(self._user_id)
        while at >= 0:  # plain searches: an id could be chosen that makes a regular expression slow
            end = at + len(self._user_id)
            if _is_apart(text[at - 1 : at]) and _is_apart(text[end : end + 1]):
                parts += [text[done:at], self.pseudonym]
                done = end
            at = text.find(self._user_id, end if done == end else at + 1)
        return "".join([*parts, text[done:]]) if parts else text

    def _in_tree(self, tree: Tree) -> Tree:
        if isinstance(tree, str):
            return self._in_text(tree)
        if self._is_searched and self._is_number(tree):
            return self._number
        if isinstance(tree, list):
            return [self._in_tree(member) for member in tree]
        if isinstance(tree, dict):
            return {
                key if key[:1] == "$" else self._in_tree(key): (
                    value if key == "$" else self._in_tree(value)
                )
                for key, value in tree.items()
            }
        return tree


def _is_apart(char: str) -> bool:
    """Return whether a character (or none) ends a word, so that an id may be next to it."""
    return not (char.isalnum() or char == "_")
