"""An exception out of a signal handler strikes anywhere in our code: nothing is lost, the caller sees it.

CPython runs handlers where a function begins and after a call of C code. The tests raise at
each of these places in turn, one a call, from the first to the last.
"""

from __future__ import annotations

import _weakrefset
import gc
import logging
import random
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import process
from typing import Any

import celery  # noqa: F401 - its task is asked for only where it is there
import pytest
from opentelemetry import context as otel_context
from opentelemetry.context import contextvars_context

from genmon_otel import current_generation, generation, phase, step
from genmon_otel.recorder.current import NONE
from tests.system.faults.conftest import Application


class Struck(Exception):
    """What the handler raises: no end of the program, yet meant for the caller."""


class Broken(Exception):
    """What the application raises."""


def on_signal(number: int, frame: Any) -> None:
    raise Struck


@pytest.fixture(autouse=True)
def handled() -> Iterator[None]:
    """The handler is in force, as that of a timeout's tool is."""
    before = signal.signal(signal.SIGALRM, on_signal)
    gc.disable()  # Python drops what strikes in finalisers and in callbacks of weak references
    yield
    gc.enable()
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
    _free_logging()


def _free_logging() -> None:
    """Give back locks that a real signal left taken, between ``acquire`` and ``try`` of a handler.

    They are this thread's, which would not notice; every other thread that logs would wait for ever.
    ``logging`` itself keeps no list: ``dictConfig``, which servers call, forgets the handlers there are.
    """
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    for handler in {each for logger in loggers for each in getattr(logger, "handlers", ())}:
        lock: Any = handler.lock
        while lock is not None and lock._is_owned():
            lock.release()


#: The application's own; the start of the writer's thread; what contains whatever strikes it.
ELSEWHERE = (
    __file__, threading.__file__, contextvars_context.__file__, logging.__file__, process.__file__,
    weakref.__file__, _weakrefset.__file__,
)  # fmt: skip


def in_finaliser(frame: Any) -> bool:
    """Whether Python itself ignores what is raised here."""
    while frame is not None and frame.f_code.co_filename != __file__:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


class Strike:
    """Raise as a signal handler would, at the n-th place where Python runs one."""

    def __init__(self, place: int) -> None:
        self.left = place
        self.reached = False
        self.where = ""

    def __enter__(self) -> Strike:
        sys.setprofile(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _event(self, frame: Any, event: str, _argument: Any) -> None:
        if self.reached or event not in ("call", "c_return"):
            return
        if frame.f_code.co_filename in ELSEWHERE or in_finaliser(frame):
            return
        self.left -= 1
        if self.left < 0:
            self.reached = True
            code = frame.f_code
            self.where = f"{code.co_filename}:{frame.f_lineno} {code.co_qualname} {event}"
            on_signal(signal.SIGALRM, frame)


@step
def ask(question: str) -> str:
    return question


@generation(name="returns", framework="react")
def returns(request: str) -> str:
    return request


@generation(name="breaks", framework="react")
def breaks(request: str) -> str:
    raise Broken(request)


@generation(name="in stages", framework="react")
def in_stages(request: str) -> str:
    with phase("plan"):
        return ask(request)


@generation(name="later", framework="react")
async def later(request: str) -> str:
    return request


@generation(name="in parts", framework="react")
def in_parts(request: str) -> Any:
    yield request
    yield request


def await_it(request: str) -> None:
    running = later(request)
    try:
        running.send(None)
    except StopIteration:
        pass
    finally:
        running.close()


def block(request: str) -> None:
    with generation("block", framework="react"):
        pass


CALLS: list[Callable[[str], Any]] = [
    returns, breaks, in_stages, await_it, lambda request: list(in_parts(request)), block,
]  # fmt: skip
NAMES = ["returns", "breaks", "in stages", "later", "in parts", "block"]


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("call", CALLS, ids=NAMES)
def test_an_interruption_anywhere_loses_nothing(call: Any, application: Application) -> None:
    """The caller sees the very interruption; each generation that started ended once."""
    for _ in range(3):
        with suppress(Broken):
            call("warm")
    around = otel_context.get_current()
    place = 0
    while True:
        is_struck = False
        try:
            with Strike(place) as strike:
                call("x")
        except (Struck, Broken) as error:
            is_struck = isinstance(error, Struck)
        assert is_struck is strike.reached, (place, strike.where)
        assert current_generation() is NONE, place
        assert otel_context.get_current() == around, place
        if not strike.reached:
            break
        place += 1
    assert place > 50
    found = application.end()
    assert found.in_progress == 0
    assert found.started == sum(found.ended.values())


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_a_storm_of_alarms_loses_nothing(application: Application) -> None:
    """Real signals at random moments: each generation that started has ended, and the caller saw the alarms."""
    # but for those that strike while ``logging`` or a finaliser runs: Python drops them
    chance = random.Random(7)
    alarms = 0
    for number in range(400):
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(2e-5, 2e-3))
            try:
                in_stages("x") if number % 2 else breaks("x")
                ends = time.monotonic() + 0.01  # it has rung by then
                while time.monotonic() < ends:
                    pass
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except Struck:
            alarms += 1
        except Broken:
            pass
    assert alarms >= 200
    found = application.end()
    assert found.in_progress == 0
