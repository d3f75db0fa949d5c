"""What automatic steps hold together is bounded and counted; attempts of one request are one call."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from genmon_otel.capture import ledger, patches
from genmon_otel.capture.calls import AutomaticCall, begin, recording
from genmon_otel.capture.ledger import Ledger
from genmon_otel.capture.wire import Sent
from genmon_otel.decorators import generation
from genmon_otel.exchanges import expanded
from genmon_otel.instruments import NullMetrics
from genmon_otel.recordings import prepare
from genmon_otel.records import StepRecord
from genmon_otel.redaction import Redactor
from genmon_otel.testing import capture


class Failed(Exception):
    """Raised by the generations here, so that their steps are kept."""


class Counted(NullMetrics):
    """Counts internal errors by their place."""

    def __init__(self) -> None:
        self.places: list[str] = []

    def internal_error(self, where: str) -> None:
        self.places.append(where)


@pytest.fixture(autouse=True)
def active(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(patches, "is_active", True)
    gc.collect()
    yield
    gc.collect()


@pytest.fixture
def a_generation(monkeypatch: pytest.MonkeyPatch) -> int:
    """What one generation may hold here: an eighth of a MiB."""
    assert ledger.A_GENERATION == 8 << 20
    monkeypatch.setattr(ledger, "A_GENERATION", 1 << 17)
    return 1 << 17


def asks(
    body: bytes = b"{}",
    answer: bytes = b"{}",
    status: int = 200,
    path: str = "/v1/chat/completions",
) -> AutomaticCall:
    """Make one attempt of a call, as an adapter does."""
    running = recording()
    assert running is not None
    sent = Sent("POST", "h", path, "", "application/json", body)
    call = begin(running, "httpx", sent, is_async=True)
    assert call is not None
    call.enter()
    call.answered(status, {"content-type": "application/json"})
    call.given(answer)
    call.finished()
    return call


def steps_of(do: Any, metrics: Any = None) -> list[StepRecord]:
    """The steps of a generation that does something and then fails, as they are stored."""

    @generation(name="tried")
    async def tried() -> None:
        await do()
        raise Failed

    with capture(metrics=metrics) as seen, pytest.raises(Failed):
        asyncio.run(tried())
    return list(prepare(seen.recordings[0], Redactor()).steps)


def test_retries_of_one_request_are_one_call() -> None:
    """A request made again after a fault is another attempt; after an answer, or another request, a call of its own."""

    async def do() -> None:
        asks(b"1", status=429)
        asks(b"1", status=429)
        asks(b"2")
        asks(b"1")
        asks(b"1")  # it was answered: asked anew
        asks(b"3", status=500)
        asks(b"4", status=500)
        asks(b"3")

    assert [s.call for s in steps_of(do)] == [1, 1, 2, 1, 3, 4, 5, 4]


def test_parallel_calls_are_apart() -> None:
    """Equal requests of two tasks are two calls, however they interleave; ``wait_for`` makes a task an attempt."""

    async def node() -> None:
        asks(b"same", status=429)
        await asyncio.sleep(0.01)
        asks(b"same")

    async def one(status: int) -> None:
        asks(b"other", status=status)

    async def do() -> None:
        await asyncio.gather(node(), node())
        await asyncio.wait_for(one(500), 5)
        await asyncio.wait_for(one(200), 5)

    calls = [s.call for s in steps_of(do)]
    assert calls[-2:] == [3, 3]
    assert calls[:2] == [1, 2]


def test_the_longest_row_of_faults_is_counted_by_call() -> None:
    """Two parallel requests that are refused twice each met the fault twice, not four times."""

    async def node(body: bytes) -> None:
        for status in (429, 429, 200):
            asks(body, status=status)
            await asyncio.sleep(0)

    @generation(name="fine")
    async def fine() -> None:
        await asyncio.gather(node(b"1"), node(b"2"))

    with capture() as seen:
        asyncio.run(fine())
    assert [fault.consecutive for fault in seen.record.step_faults] == [2]


def test_a_call_without_frames_of_the_application_is_named_by_its_messages() -> None:
    """Prebuilt agents run in threads where none of the application's frames are: roles and number say which call it is."""
    from genmon_otel.capture.sites import site_of_messages

    body = b'{"messages":[{"role":"system","content":"\\"role\\":\\"user\\""},{"role": "user"},{"role":"user"}]}'
    assert site_of_messages(body) == "messages su×3"
    assert site_of_messages(b"{}") == site_of_messages(None) == ""


def test_an_agents_history_is_kept_once() -> None:
    """Calls whose history grows to 50 KB hold little more than twice that, and nothing becomes opaque."""
    held = []

    async def do() -> None:
        history = b'{"messages": ["' + b"s" * 4000
        for number in range(100):
            asks(history + b'"], "model": "m"}')
            history += b'", "%d ' % number + b"x" * 480
            held.append(ledger.BY_ALL.total)

    before = ledger.BY_ALL.total
    steps = steps_of(do)
    assert max(held) - before < 150_000
    whole = list(expanded(steps))
    assert all(isinstance(step.arguments["body"], str) for step in whole)  # type: ignore[index, call-overload]
    assert len(whole[-1].arguments["body"]) > 50_000  # type: ignore[index, call-overload, arg-type]
    assert whole[0].arguments["body"] == '{"messages": ["' + "s" * 4000 + '"], "model": "m"}'  # type: ignore[index, call-overload]


def test_the_oldest_answers_go_and_are_counted(a_generation: int) -> None:
    """Beyond its generation's bound the oldest answers are kept by length and digest; each is counted."""
    metrics = Counted()

    async def do() -> None:
        for number in range(20):
            asks(b"%d" % number, b"a" * 15_000)

    steps = steps_of(do, metrics)
    gone = ["sha256" in step.outcome for step in steps]  # type: ignore[operator]
    assert gone == sorted(gone, reverse=True)
    assert 0 < gone.count(False) * 15_000 <= a_generation
    assert metrics.places.count("step_dropped") == gone.count(True)


def test_requests_go_before_answers(a_generation: int) -> None:
    """Only an answer blocks a replay: requests that nothing refers to go first, and keep their digests."""
    metrics = Counted()

    async def do() -> None:
        for number in range(20):
            asks(b"%02d" % number * 7_500, b'{"a": 1}', path="/upload")

    steps = steps_of(do, metrics)
    assert all(step.outcome["body"] == '{"a": 1}' for step in steps)  # type: ignore[index, call-overload]
    assert metrics.places == []
    kept = [step.arguments["body"] for step in steps]  # type: ignore[index, call-overload]
    assert kept[0] == {"$": "opaque", "type": "builtins:bytes", "why": "size"}
    assert sum(len(body) for body in kept if isinstance(body, str)) <= a_generation


def test_one_answer_beyond_its_bound_is_counted() -> None:
    """An answer of more than 1 MiB is kept by length and digest."""
    metrics = Counted()

    async def do() -> None:
        asks(answer=b"a" * (1 << 20) + b"b")

    (step,) = steps_of(do, metrics)
    assert step.outcome["length"] == (1 << 20) + 1  # type: ignore[index, call-overload]
    assert metrics.places == ["step_dropped"]


def test_a_generation_holds_8_mib_and_a_process_64() -> None:
    """The newest answers that fit into 8 MiB and 64 MiB are kept; dropped ones are counted, all bytes given back."""
    metrics = Counted()
    answer = b"a" * 1_000_000
    held: list[int] = []

    @generation(name="large")
    async def large(calls: int) -> None:
        for number in range(calls):
            asks(b"%d" % number, answer)
            held.append(ledger.BY_ALL.total)
            await asyncio.sleep(0)
        raise Failed

    async def drive(generations: int, calls: int) -> None:
        await asyncio.gather(*(large(calls) for _ in range(generations)), return_exceptions=True)

    def kept(seen: Any) -> list[list[bool]]:
        found = []
        for each in seen.recordings:
            steps = prepare(each, Redactor()).steps
            found.append(["sha256" not in step.outcome for step in steps])  # type: ignore[operator]
        return found

    gc.collect()
    Ledger(lambda: None).take(0)
    before = ledger.BY_ALL.total
    with capture(metrics=metrics) as seen:
        asyncio.run(drive(1, 12))
    assert kept(seen) == [[False] * 4 + [True] * 8]
    assert max(held) - before <= ledger.A_GENERATION + len(answer)
    assert metrics.places == ["step_dropped"] * 4
    seen.recordings.clear()
    held.clear()
    metrics.places.clear()
    with capture(metrics=metrics) as seen:
        asyncio.run(drive(9, 8))
    assert max(held) <= ledger.A_PROCESS + len(answer)
    assert 72 - ledger.A_PROCESS // len(answer) <= metrics.places.count("step_dropped") <= 12
    seen.recordings.clear()
    gc.collect()
    Ledger(lambda: None).take(0)
    assert ledger.BY_ALL.total == before


def test_a_thousand_generations_at_once_stay_within_the_process_bound() -> None:
    """What is held never exceeds 64 MiB by more than the calls under way, and all of it is given back."""
    metrics = Counted()
    most = 0

    @generation(name="soak")
    async def soak(number: int) -> None:
        nonlocal most
        history = b'{"n": %d, "messages": ["' % number + b"s" * 4096
        for turn in range(4):
            asks(history + b'"]}', b"a" * 20_000)
            history += b'", "%d' % turn + b"x" * 2000
            most = max(most, ledger.BY_ALL.total)
            await asyncio.sleep(0)
        if number % 100 == 0:
            raise Failed

    async def drive() -> None:
        await asyncio.gather(*(soak(n) for n in range(1000)), return_exceptions=True)

    gc.collect()
    Ledger(lambda: None).take(0)
    before = ledger.BY_ALL.total
    with capture(metrics=metrics) as seen:
        asyncio.run(drive())
    assert len(seen.records) == 1000
    assert most <= ledger.A_PROCESS + 1_000_000
    assert metrics.places.count("step_dropped") == len(metrics.places) > 0
    seen.recordings.clear()
    gc.collect()
    Ledger(lambda: None).take(0)
    assert ledger.BY_ALL.total == before


def test_threads_share_a_ledger() -> None:
    """What many threads of one generation hold is counted exactly."""

    @generation(name="threads")
    def threads() -> None:
        running = recording()
        assert running is not None

        def work(number: int) -> None:
            for _ in range(50):
                sent = Sent("POST", "h", "/x", "", "application/json", b"%d" % number * 3000)
                call = begin(running, "httpx", sent, is_async=False)
                assert call is not None
                call.answered(200, {})
                call.given(b"y" * 1000)
                call.finished()

        workers = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    gc.collect()
    Ledger(lambda: None).take(0)
    before = ledger.BY_ALL.total
    with capture() as seen:
        threads()
    assert len(seen.record.stages) == 400
    gc.collect()
    Ledger(lambda: None).take(0)
    assert ledger.BY_ALL.total == before
