"""How a generation ended, told from real exceptions of real frameworks."""

from __future__ import annotations

import asyncio
import concurrent.futures
import signal

import aiohttp
import aiohttp.web
import celery.exceptions
import fastapi
import langgraph.errors
import pytest
import starlette.exceptions
import starlette.requests
import starlette.websockets
from langgraph.types import Command, Interrupt

from genmon_otel.classification import classify
from genmon_otel.control_flow import outcome_of
from genmon_otel.records import Outcome


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """The error as it arrives: raised, with its cause."""
    try:
        raise error from cause
    except BaseException as caught:
        return caught


class NotFound(fastapi.HTTPException):
    """An application's own answer."""

    def __init__(self) -> None:
        super().__init__(404)


class Hostile(Exception):
    """Every attribute raises."""

    def __getattribute__(self, name: str) -> object:
        raise SystemExit(name)


@pytest.mark.parametrize(
    "error",
    [
        asyncio.CancelledError(),
        concurrent.futures.CancelledError(),
        GeneratorExit(),
        KeyboardInterrupt(),
        SystemExit(),
        SystemExit(None),
        SystemExit(0),
        SystemExit(False),
        type("Quit", (SystemExit,), {"code": None})(3),
        langgraph.errors.GraphInterrupt([Interrupt(value="ok?", id="1")]),
        langgraph.errors.ParentCommand(Command(goto="x")),
        langgraph.errors.GraphBubbleUp(),
        celery.exceptions.Ignore(),
        celery.exceptions.Reject("no", requeue=False),
        celery.exceptions.Retry("later", when=3),
        starlette.requests.ClientDisconnect(),
        starlette.websockets.WebSocketDisconnect(),
        type("GreenletExit", (BaseException,), {"__module__": "greenlet"})(),  # not installed here
        BaseExceptionGroup("all left", [asyncio.CancelledError(), KeyboardInterrupt()]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_control_flow_and_leaving_is_cancelled(error: BaseException) -> None:
    """A pause, a routing decision or a caller that left is no failure."""
    assert outcome_of(raised(error)) == (Outcome.CANCELLED, error)


@pytest.mark.parametrize(
    "error",
    [
        fastapi.HTTPException(429),
        fastapi.HTTPException(404, "gone"),
        starlette.exceptions.HTTPException(status_code=400),
        NotFound(),
        aiohttp.web.HTTPFound("/"),
        aiohttp.web.HTTPForbidden(),
        celery.exceptions.Retry("again", exc=fastapi.HTTPException(422)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_answer_below_500_is_rejected(error: BaseException) -> None:
    """The request's own fault does not count against health."""
    assert outcome_of(raised(error))[0] is Outcome.REJECTED


@pytest.mark.parametrize(
    "error",
    [
        fastapi.HTTPException(500),
        fastapi.HTTPException(503, "no model"),
        aiohttp.web.HTTPBadGateway(),
        ValueError("x"),
        MemoryError(),
        langgraph.errors.GraphRecursionError("25 steps"),
        celery.exceptions.MaxRetriesExceededError(),
        celery.exceptions.SoftTimeLimitExceeded(),
        aiohttp.ClientResponseError(None, (), status=404),  # type: ignore[arg-type]
        SystemExit(1),
        SystemExit(-1),
        SystemExit(256),
        SystemExit(True),
        SystemExit(0.0),
        SystemExit("no model answered"),
        SystemExit(""),
        SystemExit(()),
        SystemExit(0, 0),
        type("Quit", (SystemExit,), {"code": 3})(),
        type("Quit", (SystemExit,), {"code": property(lambda self: 1 // 0)})(0),
        BaseExceptionGroup("mixed", [SystemExit(0), SystemExit(1)]),
        ExceptionGroup("some", [ValueError("x"), fastapi.HTTPException(404)]),
        BaseExceptionGroup("mixed", [asyncio.CancelledError(), ValueError("x")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_all_else_is_a_failure_of_the_very_exception(error: BaseException) -> None:
    """What is neither control flow nor an answer failed, and is classified itself."""
    outcome, decided = outcome_of(error)
    assert outcome is Outcome.FAILURE
    assert decided is error


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        (signal.SIGTERM, Outcome.CANCELLED),
        (signal.SIGHUP, Outcome.CANCELLED),
        (signal.SIGUSR2, Outcome.FAILURE),
        (signal.SIGALRM, Outcome.FAILURE),
    ],
)
def test_a_handlers_exit_is_orderly_where_the_signal_asks_to_stop(
    number: signal.Signals, outcome: Outcome
) -> None:
    """What a deployment stops has not failed, whatever status its handler ends with."""

    def stop(*_: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(number, stop)
    try:
        with pytest.raises(SystemExit) as left:
            signal.raise_signal(number)
        assert outcome_of(left.value)[0] is outcome
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize(
    "error",
    [SystemExit(429), SystemExit("rate_limit_exceeded"), SystemExit("429 Too Many Requests")],
)
def test_what_an_exit_was_given_is_no_evidence(error: BaseException) -> None:
    """A status of the process is no HTTP status; what the exit came of still decides."""
    assert classify(raised(error)).category == "unknown"
    assert classify(raised(error, fastapi.HTTPException(429))).category == "rate_limit"


def test_a_celery_retry_is_what_it_retries_for() -> None:
    """The cause is classified, whether given, chained or being handled."""
    cause = TimeoutError("model")
    assert outcome_of(raised(celery.exceptions.Retry("x", exc=cause))) == (Outcome.FAILURE, cause)
    assert outcome_of(raised(celery.exceptions.Retry("x"), cause)) == (Outcome.FAILURE, cause)
    retry = celery.exceptions.Retry("x")
    retry.__context__ = cause
    assert outcome_of(retry) == (Outcome.FAILURE, cause)


def test_a_retry_of_itself_ends() -> None:
    """A cycle of causes costs a bounded walk."""
    retry = celery.exceptions.Retry("x")
    retry.exc = retry
    assert outcome_of(retry) == (Outcome.FAILURE, retry)


def test_a_deep_and_wide_group_costs_bounded_time() -> None:
    """Nesting a group a thousand times neither recurses without end nor raises."""
    group: BaseException = asyncio.CancelledError()
    for _ in range(1000):
        group = BaseExceptionGroup("deeper", [group])
    assert outcome_of(group)[0] is Outcome.FAILURE
    wide = BaseExceptionGroup("wide", [asyncio.CancelledError() for _ in range(5000)])
    assert outcome_of(wide)[0] is Outcome.FAILURE


def test_an_exception_that_fights_back_is_a_failure() -> None:
    """No attribute of it needs to be readable."""
    hostile = Hostile()
    outcome, decided = outcome_of(hostile)
    assert outcome is Outcome.FAILURE
    assert decided is hostile
