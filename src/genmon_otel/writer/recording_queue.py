"""Recordings and success samples: raw ones in bounded memory, redacted ones ready for the store."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from genmon_otel.journal import Journal
from genmon_otel.journal.frames import MAX_PAYLOAD, Frame, Kind
from genmon_otel.journal.payloads import decode_recording, encode_recording
from genmon_otel.policy import RECORDINGS_PER_FAILURE, SAMPLES_PER_OPERATION
from genmon_otel.ports import Metrics
from genmon_otel.recordings import prepare, prepare_step
from genmon_otel.records import Recording, SuccessSample, Tree
from genmon_otel.redaction import Redactor
from genmon_otel.writer.sending import Item

#: Bytes of raw recordings.
MAX_RAW_BYTES: Final = 16 * 2**20
#: Raw recordings kept without their payload once the bytes are used up.
_MAX_STUBS: Final = 1_000
#: Nodes of a tree that are weighed; what is larger counts as so many bytes.
_WEIGHED_NODES: Final = 128
_LARGE_BYTES: Final = 256 * 1024

#: Recordings of one fingerprint that one process sends in an hour: the store keeps the
#: newest few variants, and redacting costs time.
MAX_PER_HOUR: Final = 3 * RECORDINGS_PER_FAILURE
_HOUR_S: Final = 3600.0
#: Fingerprints whose recordings are counted.
_MAX_FINGERPRINTS: Final = 1_000
#: Prepared recordings kept in addition to the journal's copies, and those that no journal took.
_MAX_PREPARED: Final = 200
#: Part of the journal's bytes that recordings may fill.
_SHARE: Final = 0.5
#: Bytes of the step outcomes of one successful generation.
_MAX_DONOR_BYTES: Final = 1024 * 1024


class RecordingQueue:
    """Raw recordings and success samples, from the callers to the writer's thread.

    Safe from any thread. The lock is reentrant because a finaliser may deliver while its
    thread is inside.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        #: By generation, oldest first: the recording and its bytes.
        self._recordings: OrderedDict[str, tuple[Recording, int]] = OrderedDict()
        self._bytes = 0
        self._samples: dict[str, deque[SuccessSample]] = {}
        #: Recordings and samples ever put in and not replaced by a newer sample.
        self.put_total = 0

    @property
    def has_any(self) -> bool:
        """Whether there are raw recordings."""
        return bool(self._recordings)

    @property
    def is_half_full(self) -> bool:
        """Whether raw recordings use half of their bytes."""
        return 2 * self._bytes > MAX_RAW_BYTES

    def put(self, recording: Recording) -> bool:
        """Keep a raw recording; False when it was kept without its payload, or not at all."""
        size = weigh(recording.inputs) + sum(
            weigh(step.arguments) + weigh(step.outcome) for step in recording.steps
        )
        with self._lock:
            fits = self._bytes + size <= MAX_RAW_BYTES
            if not fits:
                if len(self._recordings) >= _MAX_STUBS:
                    return False
                size = 0
                recording = stub(recording, "memory: the writer was behind")
            if recording.generation_id not in self._recordings:  # else an interrupted end again
                self.put_total += 1
                self._bytes += size
                self._recordings[recording.generation_id] = recording, size
            return fits

    def put_sample(self, sample: SuccessSample) -> None:
        """Keep a raw success sample: an operation's newest, as many as the store keeps."""
        with self._lock:
            samples = self._samples.setdefault(sample.operation, deque())
            samples.append(sample)
            if len(samples) > SAMPLES_PER_OPERATION:
                samples.popleft()
            else:
                self.put_total += 1

    def take(self) -> Recording | None:
        """Return the oldest raw recording; None when there is none."""
        with self._lock:
            return self.take_of(next(iter(self._recordings), ""))

    def take_of(self, generation_id: str) -> Recording | None:
        """Return the raw recording of a generation; None when it is not here."""
        with self._lock:
            recording, size = self._recordings.pop(generation_id, (None, 0))
            self._bytes -= size
            return recording

    def take_samples(self) -> list[SuccessSample]:
        """Return all raw samples."""
        with self._lock:
            samples, self._samples = self._samples, {}
        return [sample for queue in samples.values() for sample in queue]


class PreparedRecordings:
    """Redacted, journalled recordings and samples. Belongs to the writer's thread."""

    def __init__(
        self, journal: Journal, queue: RecordingQueue, redactor: Redactor, metrics: Metrics
    ) -> None:
        self._journal = journal
        self._queue = queue
        self._redactor = redactor
        self._metrics = metrics
        self._prepared: dict[int, Recording] = {}
        self._seq_of: dict[str, int] = {}
        self._sent: set[int] = set()
        self._unjournalled: list[Recording] = []
        self._samples: list[SuccessSample] = []
        #: Recordings and samples taken from the queue so far.
        self.done = 0
        self._now = 0.0
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    @property
    def has_unjournalled(self) -> bool:
        """Whether something prepared is in memory only."""
        return bool(self._unjournalled or self._samples)

    def prepare(self, now: float, limit_s: float) -> None:
        """Redact and journal what callers put into the queue.

        Args:
            now: seconds of the monotonic clock.
            limit_s: CPU seconds after which the remaining recordings are left for the next time.
        """
        self._now = now
        deadline = time.thread_time() + limit_s
        while (raw := self._queue.take()) is not None:
            self._prepare(raw)
            if time.thread_time() >= deadline:
                break
        for sample in self._queue.take_samples():
            try:
                self._samples.append(self._redacted_sample(sample))
            except Exception:
                self._metrics.internal_error("prepare")
            self.done += 1

    def _prepare(self, raw: Recording) -> None:
        if not self._count_is_exceeded(raw.fingerprint):
            self._journal_or_hold(self._redacted(raw))
        self.done += 1

    def take_unjournalled(self) -> Iterator[Item]:
        """Yield what is in memory only, once."""
        recordings, self._unjournalled = self._unjournalled, []
        samples, self._samples = self._samples, []
        yield from (Item(recording=recording) for recording in recordings)
        yield from (Item(sample=sample) for sample in samples)

    def take_for_generation(self, generation_id: str) -> Recording | None:
        """Return the recording of a generation ahead of its frame, once."""
        if (raw := self._queue.take_of(generation_id)) is not None:
            self._prepare(raw)
        seq = self._seq_of.pop(generation_id, None)
        if seq is None:
            return None
        self._sent.add(seq)
        return self._prepared.pop(seq)

    def take_for_frame(self, frame: Frame) -> Recording | None:
        """Return the recording in a frame of our journal; None when it was returned before."""
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

    def _count_is_exceeded(self, fingerprint: str) -> bool:
        """Count a recording; whether this hour had :data:`MAX_PER_HOUR` of its fingerprint before."""
        now = self._now
        since, count = self._counts.pop(fingerprint, (now, 0))
        if now - since >= _HOUR_S:
            since, count = now, 0
        self._counts[fingerprint] = (since, count + 1)
        if len(self._counts) > _MAX_FINGERPRINTS:
            self._counts.popitem(last=False)
        return count >= MAX_PER_HOUR

    def _redacted(self, raw: Recording) -> Recording:
        try:
            return prepare(raw, self._redactor)
        except Exception:
            self._metrics.internal_error("prepare")
            return replace(stub(raw, "redaction failed"), redacted=True)

    def _redacted_sample(self, sample: SuccessSample) -> SuccessSample:
        """Redact and digest a sample's steps as a recording's are; too large ones are left out."""
        steps = tuple(prepare_step(step, self._redactor) for step in sample.steps)
        if sum(len(json.dumps([s.arguments, s.outcome])) for s in steps) > _MAX_DONOR_BYTES:
            steps = ()
        return replace(sample, shape=self._redactor.tree(sample.shape), steps=steps)

    def _journal_or_hold(self, recording: Recording) -> None:
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


def stub(recording: Recording, reason: str) -> Recording:
    """Return a recording without its payload, that says why it cannot be replayed."""
    return replace(recording, inputs=None, steps=(), trigger_step=None, unreplayable=reason)


def weigh(tree: Tree) -> int:
    """Estimate the bytes of a tree: in bounded time, rather too many than too few."""
    size, stack = 0, [tree]
    for _ in range(_WEIGHED_NODES):
        if not stack:
            return size
        node = stack.pop()
        size += 64
        if isinstance(node, str):
            size += len(node)
        elif isinstance(node, dict):
            stack.extend(node.values())
        elif isinstance(node, list | tuple):
            stack.extend(node)
    return size + (_LARGE_BYTES if stack else 0)
