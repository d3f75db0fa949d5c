"""Notes of running generations: if their process dies, another one can still count them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Iterable, Iterator
from typing import Final

from genmon_otel.journal import Journal
from genmon_otel.journal.frames import Kind
from genmon_otel.journal.payloads import encode_ended, encode_running
from genmon_otel.records import InFlight

#: Seconds a generation runs before it is noted.
NOTE_AFTER_S: Final = 1.0
#: In place of last step and segment: not in the journal yet.
_MARKED: Final = ("", -1)
#: The writer's close delivered it as cancelled: no note may follow.
_CANCELLED: Final = ("", -2)


class RunningNotes:
    """Notes running generations in the journal, and knows which of them need an end there.

    A note without an end in a dead process's journal counts as a failure, so no note
    may follow its generation's end. The writer's thread (:meth:`tick`) first marks a generation
    as noted, then lists what is running; the thread that ends a generation first takes it off
    that list, then asks here (:meth:`end`). So one of the two always sees the other.
    """

    def __init__(self, journal: Journal, inherited: Iterable[str] = ()) -> None:
        self._journal = journal
        #: Generations of the parent process, which notes them itself.
        self._inherited = frozenset(inherited)
        self._lock = threading.RLock()
        #: By generation: last step and segment of its latest note.
        self._noted: dict[str, tuple[str, int]] = {}
        self._first_seen: dict[str, float] = {}
        self._unwritten_ends: set[str] = set()
        self._missing: set[str] = set()
        self._cancelled: set[str] = set()

    def knows(self, generation_id: str) -> bool:
        """Whether a generation was noted or cancelled: most never are."""
        return generation_id in self._noted or generation_id in self._cancelled

    def end(self, generation_id: str) -> bool:
        """Note that a generation ended; return whether its end must be in the journal."""
        if generation_id not in self._noted:
            return False
        with self._lock:
            return self._noted.pop(generation_id, None) is not None

    def cancel(
        self, in_flight: Callable[[], Iterable[InFlight]]
    ) -> Iterator[tuple[InFlight, bool]]:
        """Yield what is running and now counts as cancelled, with whether the journal must say so.

        A generation that ends during this call is delivered once: by the thread that ends it, or here where
        that thread has found it marked as cancelled and delivers nothing.
        """
        notes = list(in_flight())
        with self._lock:
            before = {note.generation_id: self._noted.get(note.generation_id) for note in notes}
            self._cancelled.update(before)
            self._noted.update(dict.fromkeys(before, _CANCELLED))
        running = {note.generation_id for note in in_flight()}
        for note in notes:
            generation = note.generation_id
            if generation in running or not self.was_cancelled(generation):
                yield note, before[generation] is not None

    def was_cancelled(self, generation_id: str) -> bool:
        """Whether a generation that ends was delivered as cancelled before; true once."""
        if generation_id not in self._cancelled:
            return False
        with self._lock:
            was = generation_id in self._cancelled
            self._cancelled.discard(generation_id)
            return was

    def end_later(self, generation_id: str) -> None:
        """Write the end of a noted generation later: the journal could not be written."""
        self._unwritten_ends.add(generation_id)

    def tick(
        self, in_flight: Callable[[], Iterable[InFlight]], now: float, monotonic: float
    ) -> None:
        """Note what runs for more than a second, anew when its last step or the segment changed.

        Args:
            in_flight: lists what is running.
            now: Unix seconds.
            monotonic: seconds of the monotonic clock.
        """
        self._write_ends()
        seen = {note.generation_id: note for note in in_flight()}
        self._first_seen = {
            generation: self._first_seen.get(generation, monotonic) for generation in seen
        }
        due = [
            note
            for generation, note in seen.items()
            # Either clock will do: the wall clock may have jumped.
            if max(now - note.started_at, monotonic - self._first_seen[generation]) >= NOTE_AFTER_S
            and generation not in self._inherited
        ]
        fresh = [note.generation_id for note in due if note.generation_id not in self._noted]
        self._noted.update((generation, _MARKED) for generation in fresh)
        if fresh:
            self._unmark(fresh, {note.generation_id for note in in_flight()})
        for note in due:
            self._note(note)
        self._forget(seen)
        if self._noted:
            self._journal.touch()

    def oldest_segment(self) -> int:
        """Return the number of the first segment that holds a note still needed."""
        segments = [segment for _, segment in self._noted.values()]
        return min(segments, default=self._journal.segment)

    def _unmark(self, fresh: Iterable[str], running: Container[str]) -> None:
        """Remove the mark of generations that ended before their threads could see it."""
        with self._lock:
            for generation in fresh:
                if generation not in running:
                    self._noted.pop(generation, None)

    def _note(self, note: InFlight) -> None:
        generation = note.generation_id
        with self._lock:
            written = self._noted.get(generation)
            now = (note.last_step, self._journal.segment)
            if written in (None, now, _CANCELLED):  # it has ended, or has been noted so
                return
            if self._journal.append(Kind.RUNNING, encode_running(note)) is not None:
                self._noted[generation] = now
            elif written == _MARKED:
                del self._noted[generation]

    def _forget(self, accounted: Iterable[str]) -> None:
        """End the notes of generations that were neither listed nor delivered for two ticks."""
        missing = self._noted.keys() - set(accounted)
        for generation in missing & self._missing:
            self._noted.pop(generation, None)
            self._unwritten_ends.add(generation)
        self._missing = missing

    def _write_ends(self) -> None:
        for generation in list(self._unwritten_ends):
            if self._journal.append(Kind.ENDED, encode_ended(generation)) is None:
                return
            self._unwritten_ends.discard(generation)
