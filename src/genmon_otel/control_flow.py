"""Decide how a generation ended from the exception that left it: not every exception is a failure.

Frameworks raise to pause, to route and to answer; a caller that goes away raises too.
Types are known by their names along the MRO, so no framework is imported.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Final
from weakref import WeakKeyDictionary

from genmon_otel.classification import evidence
from genmon_otel.interruption import is_interruption, signals_behind
from genmon_otel.records import Outcome
from genmon_otel.slots import cause_of, context_of, hides_context

_CANCELLED: Final = (
    "asyncio.CancelledError concurrent.CancelledError trio.Cancelled builtins.GeneratorExit "
    "builtins.KeyboardInterrupt greenlet.GreenletExit "
    "langgraph.GraphBubbleUp langgraph.GraphInterrupt langgraph.NodeInterrupt "
    "langgraph.ParentCommand langgraph.NodeCancelledError "
    "celery.Ignore celery.Reject celery.TaskRevokedError "
    "starlette.ClientDisconnect starlette.WebSocketDisconnect uvicorn.ClientDisconnected "
    "airflow.AirflowSkipException airflow.TaskDeferred huey.CancelExecution "
    "streamlit.StopException streamlit.RerunException prefect.Pause prefect.CancelledRun "
    "temporalio.CancelledError"
)
#: Answers of web frameworks: the request's own fault below 500. Their status is in
#: ``status_code``, ``code`` (werkzeug) or ``status`` (aiohttp.web, falcon).
_ANSWERS: Final = (
    "starlette.HTTPException fastapi.HTTPException werkzeug.HTTPException litestar.HTTPException "
    "tornado.HTTPError falcon.HTTPError sanic.SanicException rest_framework.APIException "
    "ninja.HttpError bottle.HTTPResponse quart.HTTPException blacksheep.HTTPException"
)
#: Answers that carry no status: always the request's own fault.
_REFUSALS: Final = (
    "django.Http404 django.PermissionDenied django.SuspiciousOperation django.BadRequest "
    "fastapi.RequestValidationError fastapi.WebSocketRequestValidationError "
    "starlette.WebSocketException"
)
_KINDS: Final[Mapping[str, str]] = {
    name: kind
    for kind, names in (("cancelled", _CANCELLED), ("answer", _ANSWERS), ("refusal", _REFUSALS))
    for name in names.split()
} | {"celery.Retry": "retry", "builtins.SystemExit": "exit"}

#: Signals that ask a process to end: a handler's ``sys.exit(1)`` is an orderly end.
_STOP_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})

#: Members of groups, and retries of retries, looked at.
_WALK_LIMIT: Final = 40


def outcome_of(
    error: BaseException, expected: tuple[type[BaseException], ...] = ()
) -> tuple[Outcome, BaseException]:
    """Say how a generation ended, and which exception to classify if it failed.

    What is ``expected`` is ``rejected``. ``CancelledError``, ``GeneratorExit``,
    ``KeyboardInterrupt``, LangGraph's interrupts and Celery's Ignore and Reject are
    ``cancelled``; so is ``SystemExit`` that ends the process with status 0, or that the handler
    of a signal to stop raised. A web framework's answer below 500 is ``rejected``; Celery's
    Retry is what it retries for, and ``cancelled`` when it names nothing. A group is
    ``cancelled`` or ``rejected`` only if all its members are. All else is ``failure``.
    """
    return _outcome(error, expected, _WALK_LIMIT)


def _outcome(
    error: BaseException, expected: tuple[type[BaseException], ...], budget: int
) -> tuple[Outcome, BaseException]:
    if expected and isinstance(error, expected):
        return Outcome.REJECTED, error
    if budget <= 0:
        return Outcome.FAILURE, error
    kind = _kind(type(error))
    if kind == "cancelled":
        return Outcome.CANCELLED, error
    if kind == "exit":
        return (Outcome.CANCELLED if _is_orderly_exit(error) else Outcome.FAILURE), error
    if kind == "refusal":
        return Outcome.REJECTED, error
    if kind == "answer":
        return (Outcome.REJECTED if _status(error) < 500 else Outcome.FAILURE), error
    if kind == "retry":
        cause = _retried(error)
        return _outcome(cause, expected, budget - 1) if cause else (Outcome.CANCELLED, error)
    members = evidence.members(error)
    if 0 < len(members) <= budget:
        left = budget - len(members)
        outcomes = {_outcome(member, expected, left)[0] for member in members}
        if len(outcomes) == 1:
            return outcomes.pop(), error
    return Outcome.FAILURE, error


#: How generations end that errors of these classes leave.
_known: Final[WeakKeyDictionary[type, str]] = WeakKeyDictionary()


def _kind(kind: type) -> str:
    """``cancelled``, ``exit``, ``answer``, ``refusal``, ``retry``; empty for what is none of them."""
    try:
        known = _known.get(kind)
    except BaseException as broken:  # a metaclass says how its classes are hashed
        if is_interruption(broken):
            raise
        return _named(kind)
    if known is None:
        known = _known[kind] = _named(kind)
    return known


def _named(kind: type) -> str:
    for module, name in evidence.lineage(kind):
        root, _, rest = module.partition(".")
        # aiohttp's client has an error of the same shape: only its server's exceptions answer
        if root == "aiohttp" and name == "HTTPException" and rest.startswith("web"):
            return "answer"
        if found := _KINDS.get(f"{root}.{name}"):
            return found
    return ""


def _is_orderly_exit(error: BaseException) -> bool:
    """Whether Python would end the process with status 0, or was asked to end it.

    Only None and whole numbers are statuses; whatever else ``sys.exit`` is given is printed
    and ends with status 1, as does a ``code`` that cannot be read.
    """
    try:
        code = error.code  # type: ignore[attr-defined]
    except BaseException as broken:  # a subclass may make a property of it
        if is_interruption(broken):
            raise
        return False
    if code is None or (evidence.is_a(code, int) and int.__eq__(code, 0)):
        return True
    return not _STOP_SIGNALS.isdisjoint(signals_behind(error))


def _status(error: BaseException) -> int:
    """The status of a web framework's answer; 500 where it has none."""
    for name in ("status_code", "code", "status"):
        value = evidence.read(error, name)
        if type(value) is str and value[:3].isdecimal():  # falcon: '404 Not Found'
            return int(value[:3])
        if evidence.is_a(value, int):  # http.HTTPStatus too
            return int(value)
    return 500


def _retried(error: BaseException) -> BaseException | None:
    """What Celery's Retry was raised for; ``exc`` is text where it was pickled."""
    cause: BaseException | None = evidence.fields(error).get("exc")
    if evidence.is_a(cause, BaseException):
        return cause
    cause = cause_of(error)
    if cause is None and not hides_context(error):
        cause = context_of(error)
    return cause
