"""Cancelled is not always cancelled: when time ran out it is a failure."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from genmon_otel.decorators import generation, phase, step
from genmon_otel.testing import Captured, ManualClock, capture


@step
async def ask(prompt: str) -> str:
    """Never answer, unless asked to."""
    if prompt == "answer":
        return "yes"
    await asyncio.sleep(3600)
    return ""


def cancelled_after(seconds: float, body: Any, **options: Any) -> Captured:
    """Run a generation that is cancelled when its own clock shows so many seconds."""
    clock = ManualClock()

    async def main() -> None:
        task = asyncio.create_task(generation("asked", **options)(body)())
        for _ in range(5):
            await asyncio.sleep(0)
        clock.advance(seconds)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with capture(clock=clock) as seen:
        asyncio.run(main())
    return seen


async def waits() -> None:
    """Wait for a step that never answers."""
    with phase("plan"):
        await ask("answer")
        await ask("hang")


async def waits_for_nobody() -> None:
    """Wait without a step."""
    await asyncio.sleep(3600)


@pytest.mark.parametrize(
    ("seconds", "body", "options", "outcome", "trigger"),
    [
        (5, waits, {}, "cancelled", None),
        (29.9, waits, {}, "cancelled", None),
        (30, waits, {}, "failure", "fault"),
        (5, waits, {"timeout_s": 10}, "cancelled", None),
        (10, waits, {"timeout_s": 10}, "failure", "fault"),
        (5, waits_for_nobody, {"timeout_s": 10}, "cancelled", None),
        (10, waits_for_nobody, {"timeout_s": 10}, "failure", "input"),
        (9999, waits_for_nobody, {}, "cancelled", None),
        (4.9, waits, {"stall_s": 5}, "cancelled", None),
        (5, waits, {"stall_s": 5}, "failure", "fault"),
        (31, waits, {"stall_s": 60}, "cancelled", None),
        (10, waits, {"stall_s": 60, "timeout_s": 10}, "failure", "fault"),
        (9999, waits_for_nobody, {"stall_s": 5}, "cancelled", None),
    ],
)
def test_when_a_cancellation_is_a_timeout(
    seconds: float, body: Any, options: Any, outcome: str, trigger: str | None
) -> None:
    """At or after ``timeout_s``, or with a step pending for ``stall_s`` (30 s); else the user left."""
    record = cancelled_after(seconds, body, **options).record
    assert record.outcome == outcome
    assert (record.failure.trigger if record.failure else None) == trigger
    if record.failure is not None:
        assert (record.failure.category, record.failure.severity) == ("ai_timeout", "high")


def test_a_stalled_step_is_named_and_recorded_as_a_hang() -> None:
    """The failure names the step; the recording replays it as an endless wait."""
    seen = cancelled_after(31, waits)
    failure, recording = seen.record.failure, seen.recordings[0]
    assert failure is not None
    assert failure.stage == "ask"
    assert "ask was pending" in failure.error_message
    assert [s.kind for s in recording.steps] == ["value", "hang"]
    assert recording.trigger_step == 1
    assert [f.trigger_signature for f in seen.record.step_faults] == [failure.trigger_signature]


def test_a_user_who_leaves_makes_no_fault() -> None:
    """A step that was pending for a moment when the user left did nothing wrong."""
    record = cancelled_after(1, waits).record
    assert record.outcome == "cancelled"
    assert record.step_faults == ()


def test_signature_does_not_depend_on_how_long_it_took() -> None:
    """Two stalls of one step are one failure, whatever the stop watch said."""
    first, second = (cancelled_after(s, waits).record.failure for s in (31, 77.7))
    assert first is not None
    assert second is not None
    assert (first.signature, first.fingerprint) == (second.signature, second.fingerprint)


def test_outer_wait_for_with_a_stalled_step() -> None:
    """What a real ``wait_for`` around the orchestrator looks like inside."""
    clock = ManualClock()

    @generation("outer")
    async def outer() -> None:
        clock.advance(31)
        await asyncio.sleep(0)

    @generation("stalled")
    async def stalled() -> None:
        asking = asyncio.create_task(ask("hang"))
        await asyncio.sleep(0)
        clock.advance(31)
        await asking

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stalled(), 0.05)

    with capture(clock=clock) as seen:
        asyncio.run(main())
    assert seen.record.failure is not None
    assert seen.record.failure.category == "ai_timeout"


def test_langgraph_interrupt_is_no_failure() -> None:
    """A graph that waits for a person is cancelled, not failed, and not swallowed."""
    errors = pytest.importorskip("langgraph.errors")

    @generation("graph")
    def graph() -> None:
        raise errors.GraphInterrupt()

    with capture() as seen, pytest.raises(errors.GraphInterrupt):
        graph()
    assert seen.record.outcome == "cancelled"


def test_celery_control_flow() -> None:
    """Ignore and Reject are no failures; Retry is what it retries for."""
    exceptions = pytest.importorskip("celery.exceptions")

    def outcome(error: BaseException) -> tuple[str, str | None]:
        @generation("task")
        def task() -> None:
            raise error

        with capture() as seen, pytest.raises(type(error)):
            task()
        failure = seen.record.failure
        return seen.record.outcome.value, failure.category if failure else None

    assert outcome(exceptions.Ignore()) == ("cancelled", None)
    assert outcome(exceptions.Reject()) == ("cancelled", None)
    assert outcome(exceptions.Retry(exc=TimeoutError("model"))) == ("failure", "ai_timeout")


def test_loop_shutdown_cancels() -> None:
    """What still runs when the loop is shut down is cancelled, and ends once."""

    @generation("late")
    async def late() -> None:
        await asyncio.sleep(3600)

    @generation("late_stream")
    async def late_stream() -> Any:
        yield 1
        yield 2

    async def main() -> None:
        main.task = asyncio.create_task(late())  # type: ignore[attr-defined]
        main.stream = late_stream()  # type: ignore[attr-defined]
        await anext(main.stream)  # type: ignore[attr-defined]
        await asyncio.sleep(0)

    with capture() as seen:
        asyncio.run(main())
        assert sorted((r.operation, r.outcome.value) for r in seen.records) == [
            ("late", "cancelled"),
            ("late_stream", "cancelled"),
        ]
        assert list(seen.in_flight()) == []
