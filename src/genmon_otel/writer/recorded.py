"""Recordings and success samples: redacted on the writer's thread, journalled, handed out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from genmon_otel.journal import Journal
from genmon_otel.journal.frames import MAX_PAYLOAD, Frame, Kind
from genmon_otel.journal.payloads import decode_recording, encode_recording
from genmon_otel.policy import RECORDING_VARIANTS
from genmon_otel.ports import Metrics
from genmon_otel.recordings import prepare, prepare_step
from genmon_otel.records import Recording, SuccessSample
from genmon_otel.redaction import Redactor
from genmon_otel.writer.sending import Item
from genmon_otel.writer.waiting import Waiting, stub

#: Recordings of one fingerprint that one process sends in an hour: the store keeps the
#: newest few variants, and redacting costs time.
AN_HOUR: Final = 3 * RECORDING_VARIANTS
_HOUR_S: Final = 3600.0
#: Fingerprints whose recordings are counted.
_COUNTED: Final = 1_000
#: Prepared recordings kept beside the journal's copies, and those that no journal took.
_MAX_PREPARED: Final = 200
#: Part of the journal's room that recordings may fill.
_SHARE: Final = 0.5


class Recorded:
    """What was recorded, between the callers' raw trees and the store."""

    def __init__(
        self, journal: Journal, waiting: Waiting, redactor: Redactor, metrics: Metrics
    ) -> None:
        self._journal = journal
        self._waiting = waiting
        self._redactor = redactor
        self._metrics = metrics
        self._prepared: dict[int, Recording] = {}
        self._seq_of: dict[str, int] = {}
        self._sent: set[int] = set()
        self._unjournalled: list[Recording] = []
        self._samples: list[SuccessSample] = []
        #: Recordings and samples dealt with so far.
        self.done = 0
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    @property
    def loose(self) -> bool:
        """Whether something prepared is in memory only."""
        return bool(self._unjournalled or self._samples)

    def turn(self, now: float) -> None:
        """Redact what the callers left; ``now`` is monotonic."""
        while (raw := self._waiting.take_recording()) is not None:
            if not self._enough(raw.fingerprint, now):
                self._keep(self._redacted(raw))
            self.done += 1
        for sample in self._waiting.take_samples():
            try:
                self._samples.append(self._redacted_sample(sample))
            except Exception:
                self._metrics.internal_error("prepare")
            self.done += 1

    def take_loose(self) -> Iterator[Item]:
        """What is in memory only, once."""
        recordings, self._unjournalled = self._unjournalled, []
        samples, self._samples = self._samples, []
        yield from (Item(recording=recording) for recording in recordings)
        yield from (Item(sample=sample) for sample in samples)

    def of_generation(self, generation_id: str) -> Recording | None:
        """The recording of a generation, ahead of its frame, once."""
        seq = self._seq_of.pop(generation_id, None)
        if seq is None:
            return None
        self._sent.add(seq)
        return self._prepared.pop(seq)

    def of_frame(self, frame: Frame) -> Recording | None:
        """The recording in a frame of our journal; None when it was handed out before."""
        if frame.seq in self._sent:
            self._sent.discard(frame.seq)
            return None
        recording = self._prepared.pop(frame.seq, None)
        if recording is not None:
            self._seq_of.pop(recording.generation_id, None)
            return recording
        try:
            return decode_recording(frame.payload)[0]
        except (ValueError, TypeError, KeyError):
            self._metrics.internal_error("journal_damage")
            return None

    def _enough(self, fingerprint: str, now: float) -> bool:
        """Whether this hour has seen enough recordings of this failure."""
        since, count = self._counts.pop(fingerprint, (now, 0))
        if now - since >= _HOUR_S:
            since, count = now, 0
        self._counts[fingerprint] = (since, count + 1)
        if len(self._counts) > _COUNTED:
            self._counts.popitem(last=False)
        return count >= AN_HOUR

    def _redacted(self, raw: Recording) -> Recording:
        try:
            return prepare(raw, self._redactor)
        except Exception:
            self._metrics.internal_error("prepare")
            return replace(stub(raw, "redaction failed"), redacted=True)

    def _redacted_sample(self, sample: SuccessSample) -> SuccessSample:
        """A donor's steps are redacted and digested just as a recording's are."""
        return replace(
            sample,
            shape=self._redactor.tree(sample.shape),
            steps=tuple(prepare_step(step, self._redactor) for step in sample.steps),
        )

    def _keep(self, recording: Recording) -> None:
        payload = encode_recording(recording)
        if len(payload) > MAX_PAYLOAD:
            recording = stub(recording, "size")
            payload = encode_recording(recording)
        seq = self._journal.append(Kind.RECORDING, payload, share=_SHARE)
        if seq is None:
            if len(self._unjournalled) < _MAX_PREPARED:
                self._unjournalled.append(recording)
            else:
                self._metrics.internal_error("recording_dropped")
        elif len(self._prepared) < _MAX_PREPARED:
            self._prepared[seq] = recording
            self._seq_of[recording.generation_id] = seq
