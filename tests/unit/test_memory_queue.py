"""The writer's memory queue against a model: whatever is asked in whatever order, each record has one place."""

from __future__ import annotations

import threading
from collections import Counter, deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from genmon_otel.records import GenerationRecord
from genmon_otel.writer.memory_queue import DROPPED_AT_ONCE, MAX_WHOLE, MemoryQueue
from tests.writer_kit import failure, success

#: Records in memory at most: few, so that they are often too many.
MOST = 25


class Queue(RuleBasedStateMachine):
    """A queue, and beside it what should be in it."""

    def __init__(self) -> None:
        super().__init__()
        self.reported: Counter[str] = Counter()
        self.queue = MemoryQueue(self.report, MOST)
        self.names = iter(range(10**9))
        self.failures: deque[GenerationRecord] = deque()
        self.others: deque[GenerationRecord] = deque()
        self.leased: list[GenerationRecord] = []
        self.delivered = self.journalled = self.stored = self.refused = self.evicted = 0
        self.counted = 0
        self.is_closed = False

    def report(self, reason: str, count: int) -> None:
        """Count what the queue reports; never with its lock held."""
        other = threading.Thread(target=lambda: self.queue.account(0))
        other.start()
        other.join(10)
        assert not other.is_alive(), "a drop was reported with the lock held"
        self.reported[reason] += count

    @rule(count=st.integers(1, 20), fails=st.booleans(), again=st.booleans())
    def put(self, count: int, fails: bool, again: bool) -> None:
        """Put records in memory; the last one perhaps twice, as an interrupted caller does."""
        for _ in range(count):
            record = (failure if fails else success)(f"{next(self.names):032x}")
            assert (self.queue.put(record) is None) is self.is_closed
            (self.failures if fails else self.others).append(record)
            self.delivered += 1
            self.evict()
        if again:
            self.queue.put(record)

    def evict(self) -> None:
        """Give up the oldest successes, the oldest failure only where there is no success."""
        if len(self.failures) + len(self.others) + len(self.leased) <= MOST:
            return
        oldest, most = (self.others, DROPPED_AT_ONCE) if self.others else (self.failures, 1)
        for _ in range(min(len(oldest), most)):
            self.counted += oldest.popleft().failure is None
            self.evicted += 1

    @rule()
    def put_journalled(self) -> None:
        """Count a record that the journal has."""
        assert self.queue.put(failure(), next(self.names)) == len(self.queue)
        self.delivered += 1
        self.journalled += 1

    @rule(limit=st.integers(0, 40))
    def lease(self, limit: int) -> None:
        """Lease the oldest failures, then the oldest others."""
        expected = []
        for records in (self.failures, self.others):
            while records and len(expected) < limit:
                expected.append(records.popleft())
        assert self.queue.lease(limit) == expected
        self.leased += expected

    @rule(refused=st.integers(0, 3))
    def ack(self, refused: int) -> None:
        """Settle everything leased: a few were refused, the rest is stored."""
        refused = min(refused, len(self.leased))
        stored = len(self.leased) - refused
        self.queue.drop("refused", refused)
        self.queue.ack(stored=stored, leased=len(self.leased))
        self.stored += stored
        self.refused += refused
        self.leased.clear()

    @rule()
    def cover(self) -> None:
        """Store what is in the journal."""
        self.queue.ack(stored=self.journalled)
        self.stored += self.journalled
        self.journalled = 0

    @rule()
    def take_counts(self) -> None:
        """Take the counts of dropped successes: all of them, once."""
        assert sum(count for *_, count, _ in self.queue.take_counts()) == self.counted
        self.counted = 0

    @rule()
    def close(self) -> None:
        """Close it: from now on put says that nobody leases."""
        self.queue.close()
        self.is_closed = True

    @invariant()
    def each_record_has_one_place(self) -> None:
        """The account says what the model says, and it balances."""
        account = self.queue.account(self.journalled)
        assert account.balanced, account
        assert account.delivered == self.delivered
        assert account.stored == self.stored
        assert account.in_memory == len(self.failures) + len(self.others) + len(self.leased)
        dropped = {"memory_full": self.evicted, "refused": self.refused}
        assert account.dropped == {key: count for key, count in dropped.items() if count}
        assert self.reported == account.dropped

    @invariant()
    def what_waits_is_what_was_put_and_has_not_gone(self) -> None:
        """``flush`` waits until as many have gone as were put."""
        assert len(self.queue) == self.queue.put_total - self.queue.removed_total


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=60, stateful_step_count=30)


def test_whole_copies_of_journalled_records_are_few_and_go_once() -> None:
    """Beyond a thousand only the journal has them; covered ones are released."""
    queue = MemoryQueue(lambda reason, count: None)
    record = failure()
    for seq in range(1, MAX_WHOLE + 10):
        queue.put(record, seq)
    assert queue.take_whole(1) is record
    assert queue.take_whole(1) is None
    assert queue.take_whole(MAX_WHOLE + 5) is None
    queue.forget_whole(100)
    assert queue.take_whole(100) is None
    assert queue.take_whole(101) is record


def test_many_threads_put_and_one_leases() -> None:
    """No update is lost between threads: what was delivered is stored, dropped or in memory."""
    queue = MemoryQueue(lambda reason, count: None, 500)
    done = threading.Event()
    stored = 0

    def consume() -> None:
        nonlocal stored
        while not done.is_set() or len(queue):
            leased = queue.lease(50)
            queue.ack(stored=len(leased), leased=len(leased))
            stored += len(leased)

    def produce(place: int) -> None:
        for number in range(2000):
            queue.put(success(f"{place:016x}{number:016x}"))

    consumer = threading.Thread(target=consume)
    producers = [threading.Thread(target=produce, args=(place,)) for place in range(4)]
    for thread in (consumer, *producers):
        thread.start()
    for thread in producers:
        thread.join()
    done.set()
    consumer.join()
    account = queue.account(0)
    assert account.balanced
    assert account.delivered == 8000
    assert account.stored == stored
    assert account.in_memory == 0
