"""Sending the batches of one producer to the store, each exactly once.

The store moves the producer's position in the same transaction as the rows. So a
batch whose answer was lost is simply sent again: if its position is there already,
it was stored. A row that the store refuses is found by halving its batch.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from genmon_otel.errors import StoreRefused, StoreUnavailable
from genmon_otel.ports import Metrics, Store
from genmon_otel.records import (
    Batch,
    GenerationRecord,
    Recording,
    SuccessSample,
    WriteResult,
)
from genmon_otel.redaction import Redactor
from genmon_otel.writer.quarantine import Quarantine

#: Unforeseen errors of the store after which a batch is taken for poisoned.
_PATIENCE: Final = 3
#: Characters kept of an error that nobody foresaw.
_MAX_SAID: Final = 500


class Item(NamedTuple):
    """What is stored or refused as a whole: a record with what belongs to it.

    A tuple: each generation makes one, and a frozen dataclass takes three times as long.
    """

    record: GenerationRecord | None = None
    recording: Recording | None = None
    sample: SuccessSample | None = None
    #: Successes whose rows were dropped (see :attr:`genmon_otel.records.Batch.counts`).
    counts: tuple[tuple[int, str, str, str, int, float], ...] = ()
    #: Its frame in the journal; None for what is in memory only.
    seq: int | None = None


@dataclass(slots=True)
class _Load:
    items: tuple[Item, ...]
    #: The store holds every frame up to here once this load is stored.
    seq: int
    #: Whether a batch that moved the producer's position held these very items.
    conditional: bool = False
    tries: int = 0
    unforeseen: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What happened to some items."""

    stored: tuple[Item, ...] = ()
    refused: tuple[Item, ...] = ()
    #: The store holds everything of the journal up to this frame.
    seq: int = 0
    result: WriteResult | None = None


class Sender:
    """Sends the batches of one producer, in order.

    Args:
        producer: whose.
        position, seq: what the store says of it.
    """

    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        redactor: Redactor,
        quarantine: Quarantine,
        producer: str,
        *,
        position: int = 0,
        seq: int = 0,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._redactor = redactor
        self._quarantine = quarantine
        self.producer = producer
        self.position = position
        self.seq = seq
        self._loads: deque[_Load] = deque()

    @property
    def is_sending(self) -> bool:
        """Whether a batch is under way: until it is settled nothing more may be loaded."""
        return bool(self._loads)

    def load(self, items: Sequence[Item], seq: int, *, conditional: bool = False) -> None:
        """Take the next batch; ``seq`` is the last journal frame that it covers."""
        self._loads.append(_Load(tuple(items), max(seq, self.seq), conditional))

    def unsettled(self) -> list[Item]:
        """Return what is under way: it may, or may not, be in the store already."""
        return [item for load in list(self._loads) for item in load.items]

    def send(self) -> Receipt:
        """Try the batch that is next.

        Raises:
            StoreUnavailable: try the same again later.
        """
        load = self._loads[0]
        if load.tries:
            self._metrics.retried(_count(load.items))
        load.tries += 1
        batch = Batch(
            producer=self.producer,
            position=self.position,
            journal_seq=load.seq,
            records=tuple(item.record for item in load.items if item.record is not None),
            recordings=tuple(i.recording for i in load.items if i.recording is not None),
            samples=tuple(item.sample for item in load.items if item.sample is not None),
            counts=tuple(count for item in load.items for count in item.counts),
        )
        began = time.monotonic()
        try:
            result = self._store.write(batch)
        except StoreUnavailable:
            raise
        except StoreRefused as error:
            return self._refused(load, str(error))
        except Exception as error:
            self._metrics.internal_error("store")
            load.unforeseen += 1
            said = self._redactor.text(repr(error), _MAX_SAID)  # it goes into the log and a file
            if load.unforeseen < _PATIENCE:
                raise StoreUnavailable(f"The store broke: {said}") from error
            return self._refused(load, said)
        finally:
            self._metrics.batch_seconds(time.monotonic() - began)
        if result.duplicate:
            return self._settled_before(load, result)
        return self._settled(load, self.position + 1, result)

    def _settled(self, load: _Load, position: int, result: WriteResult | None) -> Receipt:
        self._loads.popleft()
        self.position, self.seq = position, load.seq
        return Receipt(stored=load.items, seq=load.seq, result=result)

    def _settled_before(self, load: _Load, result: WriteResult | None) -> Receipt:
        """Our position is taken: by this very batch, or by a process that adopted our journal."""
        position, seq = self._store.producer_position(self.producer)
        if (position, seq) == (self.position + 1, load.seq) or load.conditional:
            return self._settled(load, position, result)
        stored = tuple(i for i in load.items if i.seq is not None and i.seq <= seq)
        load.items = tuple(i for i in load.items if i.seq is None or i.seq > seq)
        load.seq = max(load.seq, seq)
        self.position, self.seq = position, seq
        return Receipt(stored=stored, seq=seq)

    def _refused(self, load: _Load, reason: str) -> Receipt:
        position, _ = self._store.producer_position(self.producer)
        if position > self.position:  # an earlier try was stored, its answer lost
            return self._settled_before(load, None)
        self._loads.popleft()
        if len(load.items) > 1:
            self._halve(load)
            return Receipt()
        if not load.items:
            return Receipt()
        (item,) = load.items
        if item.recording is not None:
            self._quarantine.keep_recording(item.recording, reason)
        if item.record is not None and (item.recording or item.sample):
            # The record may be fine without what came with it.
            bare = item._replace(recording=None, sample=None)
            self._loads.appendleft(_Load((bare,), load.seq, load.conditional))
            self._metrics.internal_error("recording_refused")
            return Receipt()
        if item.record is not None:
            self._quarantine.keep_record(item.record, reason)
        # An empty batch that covers the refused frame: no adopter reads it again.
        self._loads.appendleft(_Load((), load.seq, load.conditional))
        return Receipt(refused=(item,))

    def _halve(self, load: _Load) -> None:
        """Replace a load by its halves; each covers the journal only as far as it goes."""
        middle = len(load.items) // 2
        first, second = load.items[:middle], load.items[middle:]
        seq = self.seq
        if not load.conditional:
            seq = max((item.seq for item in first if item.seq is not None), default=seq)
        self._loads.appendleft(_Load(second, load.seq, load.conditional))
        self._loads.appendleft(_Load(first, seq, load.conditional))


def _count(items: Iterable[Item]) -> int:
    return sum(item.record is not None for item in items)
