"""Distinguish an exception that a signal handler raised in our code from one that our code raised.

A signal handler may raise at any line (Ctrl-C, a timeout's SIGALRM, Celery's soft time
limit). That exception is meant for the application, so it is raised again, also from the middle
of our code. What a value or callable of the application raises when we use it is suppressed and
counted. So is what another thread throws in (``PyThreadState_SetAsyncExc``), unless it is
``KeyboardInterrupt`` or ``SystemExit``: it looks like an error of C code.
"""

from __future__ import annotations

import dis
import functools
import signal
import sys
from types import CodeType, TracebackType
from typing import Any, Final

from genmon_otel.slots import traceback_of

_RAISED: Final = frozenset({dis.opmap["RAISE_VARARGS"], dis.opmap["RERAISE"]})
_TO_END: Final = (KeyboardInterrupt, SystemExit)
_SIGNALS: Final = tuple(map(int, signal.valid_signals()))
#: Without the enumeration that the module puts around it, which takes twenty times as long.
_handler_of: Final = getattr(signal.getsignal, "__wrapped__", signal.getsignal)


def is_interruption(error: BaseException | None) -> bool:
    """Whether a signal handler raised an exception. Slow, so for errors only; never raises."""
    if error is None:
        return False
    kind: type[BaseException] = type(error)
    frame: TracebackType | None = traceback_of(error)
    if frame is None:
        return issubclass(kind, _TO_END)
    handlers = _handlers()
    while True:
        if frame.tb_frame.f_code in handlers:
            return True
        if frame.tb_next is None:
            break
        frame = frame.tb_next
    code, at = frame.tb_frame.f_code.co_code, frame.tb_lasti
    raised = 0 <= at < len(code) and code[at] in _RAISED
    return issubclass(kind, _TO_END) and not raised


def signals_behind(error: BaseException) -> set[int]:
    """Return the signals whose handler raised an exception; none where no handler did."""
    handlers = _handlers()
    frame: TracebackType | None = traceback_of(error)
    while frame is not None:
        if found := handlers.get(frame.tb_frame.f_code):
            return found
        frame = frame.tb_next
    return set()


def must_propagate(error: BaseException | None) -> bool:
    """Whether an exception must reach the application, wherever it was raised: an interruption, or an exit."""
    return issubclass(type(error), _TO_END) or is_interruption(error)


def reraise_if_signal() -> None:
    """Raise the exception being handled again if it is an interruption."""
    error = sys.exc_info()[1]
    if error is not None and is_interruption(error):
        raise error


def _handlers() -> dict[CodeType, set[int]]:
    """Return the code of the signal handlers in force, with the signals that each one handles."""
    found: dict[CodeType, set[int]] = {}
    for number in _SIGNALS:
        handler: Any = _handler_of(number)
        if handler is None or type(handler) is int:
            continue
        try:
            while isinstance(handler, functools.partial):
                handler = handler.func
            handler = getattr(handler, "__func__", handler)
            code = getattr(handler, "__code__", None)
            if code is None and callable(handler):
                code = getattr(type(handler).__call__, "__code__", None)
        except Exception:
            continue
        if isinstance(code, CodeType):
            found.setdefault(code, set()).add(number)
    return found
