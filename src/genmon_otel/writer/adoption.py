"""Take over the journals of processes that died: store every frame once, then delete the files.

A dead process has released its locks. The process that gets all of them replays what the
store does not hold yet, on the dead producer's own position, so that racing or dying
adopters cannot store anything twice. A generation that was noted as running and has
no end in the journal died with its process; it becomes a failure.

Records that their process journalled at its exit while a batch with the very same records
was under way carry that batch's *position*. The process that moves the producer from that
position stores them: either that batch arrived after all, or the adopter's first
batch holds exactly them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from genmon_otel import conventions as names
from genmon_otel.errors import StoreUnavailable
from genmon_otel.internal_errors import stack_for_log
from genmon_otel.journal import Journal
from genmon_otel.journal.segments import Segment, claim, list_producers, remove_unfinished
from genmon_otel.records import GenerationRecord
from genmon_otel.writer.orphan import Orphan
from genmon_otel.writer.quarantine import Quarantine
from genmon_otel.writer.sending import Receipt, Sender
from genmon_otel.writer.services import Services

#: Seconds between two scans of the folder.
EVERY_S: Final = 60.0

_log = logging.getLogger(names.LOGGER)


class Adopter:
    """Look for orphaned journals of the same store now and then, and replay one batch a turn.

    Args:
        admit: returns the record to store for one.
        on_receipt: called with what happened to adopted items.
        on_lost: called with how many records damage has lost, and how many were put aside.
    """

    def __init__(
        self,
        services: Services,
        journal: Journal,
        quarantine: Quarantine,
        *,
        admit: Callable[[GenerationRecord], GenerationRecord],
        on_receipt: Callable[[Receipt], None],
        on_lost: Callable[[int, int], None],
    ) -> None:
        self._services = services
        self._store = services.store
        self._metrics = services.metrics
        self._journal = journal
        self._quarantine = quarantine
        self._admit = admit
        self._on_receipt = on_receipt
        self._on_lost = on_lost
        self._next_look = float("-inf")
        #: Producers whose journals broke us or are too new: left for another process.
        self._given_up: set[str] = set()
        self._current: Orphan | None = None

    def turn(self, now: float) -> bool:
        """Replay one batch; False when there is nothing to adopt at ``now`` (monotonic).

        Raises:
            StoreUnavailable: try again later.
        """
        if self._current is None and now >= self._next_look:
            self._current = self._find()
            if self._current is None:
                self._next_look = now + EVERY_S
        if self._current is None:
            return False
        try:
            receipt = self._current.turn()
        except StoreUnavailable:
            raise
        except Exception:
            self._give_up(self._current.producer)
            self.close()
            return True
        if receipt is None:
            self._report(self._current)
            self._current = None
        else:
            self._on_receipt(receipt)
        return True

    def close(self) -> None:
        """Release the journal that is being adopted, for another process."""
        if self._current is not None:
            self._current.release(delete=False)
            self._current = None

    def _report(self, orphan: Orphan) -> None:
        """Count what could not be read, once: the files are deleted, so no other process reads them."""
        if orphan.is_damaged or orphan.not_understood:
            self._on_lost(orphan.lost, orphan.not_understood)
        if orphan.is_damaged:
            self._metrics.internal_error("journal_damage")
            _log.warning(
                "genmon: a journal in %s was damaged; records lost: %d",
                self._journal.directory,
                orphan.lost,
            )

    def _find(self) -> Orphan | None:
        directory = self._journal.directory
        if directory is None:
            return None
        remove_unfinished(directory)
        for producer, paths in list_producers(directory, self._journal.store).items():
            if producer == self._journal.producer or producer in self._given_up:
                continue
            segments = claim(paths)
            if segments and (orphan := self._begin(producer, segments)):
                return orphan
        return None

    def _begin(self, producer: str, segments: list[Segment]) -> Orphan | None:
        try:
            position, seq = self._store.producer_position(producer)
            sender = Sender(
                self._store,
                self._metrics,
                self._services.redactor,
                self._quarantine,
                producer,
                position=position,
                seq=seq,
            )
            return Orphan(self._services, segments, sender, self._quarantine, self._admit)
        except Exception as error:
            for segment in segments:
                segment.release(delete=False)
            if isinstance(error, StoreUnavailable):
                raise
            self._give_up(producer)
            return None

    def _give_up(self, producer: str) -> None:
        self._given_up.add(producer)
        self._metrics.internal_error("adoption")
        _log.warning(
            "genmon: the journal of producer %s in %s could not be taken over; it stays there:\n%s",
            producer,
            self._journal.directory,
            stack_for_log(self._services.redactor),
        )
