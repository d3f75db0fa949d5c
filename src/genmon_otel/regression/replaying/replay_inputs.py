"""Make the arguments of a replay's call: from the recorded inputs, by factories, or from the project's objects."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Any, Final

from genmon_otel import payload
from genmon_otel.errors import PayloadError
from genmon_otel.recorder.options import Factory, Spec
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.judging.observation import Reason
from genmon_otel.regression.replaying import bound_task
from genmon_otel.regression.replaying.lookup import REBIND, Lookup, Refused

_MAX_TEXT: Final = 400


class Obstacle(Exception):
    """Raised when the target cannot be called; makes the run inconclusive."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.found: tuple[Reason, str] = (reason, detail)


class Inputs:
    """Makes the arguments of one case.

    Args:
        case: what is replayed.
        lookup: finds factories and classes in the project's code.
        ahead: modules that are loaded though the target's import loads them not.
    """

    def __init__(self, case: Case, lookup: Lookup, ahead: Collection[str]) -> None:
        self._case = case
        self._lookup = lookup
        self._ahead = ahead
        self._named: tuple[Any, ...] = ()
        #: What the target's module holds under its name, if that is another object (a task, a command).
        self.registered: Any = None

    def of_call(self, target: Any, spec: Spec) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if spec.parameters is None:
            raise Obstacle("not_called", f"{self._case.target} is a block. {REBIND}")
        try:
            with payload.without_modules(self._ahead):
                inputs = payload.decode(self._case.inputs)
        except PayloadError as error:
            raise Obstacle("payload", f"The inputs cannot be rebuilt: {error}") from None
        if not isinstance(inputs, dict):
            raise Obstacle("payload", "The inputs are no mapping from names to values.")
        self._named = tuple(spec.factories.values())
        receiver = spec.parameters.positional[0] if spec.parameters.has_receiver else ""
        asked, receivers = self._case.factories, ("self", receiver) if receiver else ()
        own = asked.get("self") or asked.get(receiver) or spec.receiver_factory
        given: dict[str, Factory] = {**spec.factories, **asked}
        factories = {k: v for k, v in given.items() if k not in receivers}
        for name, factory in factories.items():
            inputs[name] = self._made(name, factory)
        for name, tree in dict(self._case.inputs).items():
            if name not in factories and bound_task.is_recorded_as(self.registered, tree):
                inputs[name] = bound_task.at_work(self.registered)
        args, kwargs = spec.parameters.unbind(inputs)
        if receiver and not inspect.ismethod(target):
            args = (self._receiver(own), *args)
        return args, kwargs

    def _receiver(self, factory: Factory | None) -> Any:
        """Make ``self``: by its factory, else by its class without arguments."""
        if factory is not None:
            return self._made("self", factory)
        if self.registered is not None:
            return bound_task.at_work(self.registered)
        owner = self._case.target.rpartition(".")[0]
        try:
            return self._lookup.receiver(owner)()
        except Refused as error:
            raise Obstacle("trust", str(error)) from None
        except BaseException as error:
            raise Obstacle(
                "factory",
                f"{self._case.target} is a method, and {owner}() gives no object "
                f"({line_of(error)}). Name what makes one: @generation(factories={{'self': 'package.module:make'}})",
            ) from None

    def _made(self, name: str, factory: Any) -> Any:
        """Make an argument; what a factory's path names is taken as it is where it makes nothing."""
        try:
            if isinstance(factory, str):
                factory = self._lookup.maker(factory, self._named)
            return factory() if _makes(factory) else factory
        except Refused as error:
            raise Obstacle("trust", str(error)) from None
        except BaseException as error:
            raise Obstacle(
                "factory", f"The factory {factory} of {name!r} failed: {line_of(error)}"
            ) from None


def line_of(error: BaseException) -> str:
    """Return an exception in a line."""
    try:
        return f"{type(error).__name__}: {error}"[:_MAX_TEXT]
    except BaseException:
        return type(error).__name__


def _makes(factory: Any) -> bool:
    """Whether a factory is called: a class, or what can be called without arguments."""
    if not callable(factory) or isinstance(factory, type):
        return callable(factory)
    try:
        inspect.signature(factory).bind()
    except TypeError:
        return False  # such as a client that is called with a prompt: it is meant itself
    except ValueError:
        return True  # built in, without a signature
    return True
