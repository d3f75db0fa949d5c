"""Keep pseudonyms in place of user ids, where ``GENMON_PSEUDONYMIZE=store`` asks for it.

It happens before the journal: neither it nor the store ever holds the id itself.
Distinct users stay distinct, and ``genmon db forget`` takes the pseudonym.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from genmon_otel.identity import pseudonym
from genmon_otel.ports import Sink
from genmon_otel.records import GenerationRecord, InFlight, Recording, SuccessSample


class Pseudonymous:
    """Give another sink pseudonyms for user ids. Implements :class:`genmon_otel.ports.Sink`.

    Args:
        sink: where everything goes.
        key: key of the HMAC; the same one in every process.
    """

    def __init__(self, sink: Sink, key: str) -> None:
        self._sink = sink
        self._key = key

    def start(self) -> None:
        self._sink.start()

    def deliver(
        self,
        record: GenerationRecord,
        recording: Recording | None = None,
        sample: SuccessSample | None = None,
    ) -> None:
        if record.user_id is not None:
            record = replace(record, user_id=pseudonym(self._key, record.user_id))
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
