"""``phase`` and ``step``: stages of a generation, as decorators and as blocks."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from types import TracebackType
from typing import Any, TypeVar, overload

from genmon_otel.decorators.wrappers import (
    checked_name,
    cleaned_name,
    decorate,
    default_name,
    underlying,
    wrap,
)
from genmon_otel.ports import StepPlayer
from genmon_otel.recorder import runtime
from genmon_otel.recorder.current import open_generation
from genmon_otel.recorder.options import ATTRIBUTE, StageSpec
from genmon_otel.recorder.parameters import Parameters
from genmon_otel.recorder.scope import Scope, current
from genmon_otel.recorder.stage import Stage
from genmon_otel.records import NOTHING, StageKind

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any]")


def open_stage(  # noqa: PLR0917 - the last two are what a partial of it is called with
    kind: StageKind,
    name: str,
    parameters: Parameters | None = None,
    is_async: bool = False,
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] = NOTHING,
) -> Stage | None:
    """Begin a stage of the open generation; None outside of one. Never raises.

    For the arguments see :meth:`genmon_otel.recorder.generation.Generation.open_stage`.
    """
    generation = open_generation()
    if generation is None:
        return None
    return generation.open_stage(kind, name, parameters, is_async, args, kwargs)


class Runs:
    """The common part of blocks. A block may have several open runs; leaving ends the run that is left."""

    __slots__ = ("_runs",)

    _runs: list[Any]

    def __enter__(self) -> Any:
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        runs = self._runs
        run: Any = runs  # not known yet
        try:
            run = runs[-1] if len(runs) == 1 else pick(runs)
            if run is not None:
                if error is None:
                    run.returned(None)
                else:
                    run.raised(error)
            if run in runs:
                runs.remove(run)
        except BaseException as interrupt:
            end_interrupted(runs, pick(runs) if run is runs else run, interrupt)
            raise

    async def __aenter__(self) -> Any:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)


class Block(Runs):
    """A phase or step with its name: ``with`` it, ``async with`` it, or decorate with it."""

    __slots__ = ("_kind", "_name")

    def __init__(self, kind: StageKind, name: str | None) -> None:
        self._kind: StageKind = kind
        # checked_name(), without the call where there is nothing to say
        known = cleaned_name(name) if type(name) is str else ""
        self._name = known or (None if name is None else checked_name(kind, name))
        self._runs: list[Stage | None] = []

    def __call__(self, function: F) -> F:
        """Decorate a callable."""
        decorated: F = _decorated(self._kind, function, self._name)
        return decorated

    def __enter__(self) -> None:
        name = self._name or checked_name(self._kind, self._name)
        run = open_stage(self._kind, name)
        try:
            if run is not None:
                run.enter()
            if self._kind == "step" and (player := runtime.active.player) is not None:
                player.play(name, None, {})
            self._runs.append(run)
        except BaseException as error:
            end_interrupted(self._runs, run, error)
            raise


S = TypeVar("S", bound=Scope)


def end_interrupted(runs: list[S | None], run: S | None, error: BaseException) -> None:
    """End a block's run whose entering or leaving was interrupted."""
    if run in runs:
        runs.remove(run)
    if run is not None:
        run.raised(error)


def pick(runs: list[S | None]) -> S | None:
    """Return the open run of a block that is current here, else the last one.

    A block may be shared by tasks; each of them leaves its own run.
    """
    here = current()
    for index in range(len(runs) - 1, -1, -1):
        if runs[index] is here:
            return runs[index]
    return runs[-1] if runs else None


@overload
def phase(function: F, /, *, name: str | None = None) -> F: ...
@overload
def phase(name: str | None = None, /) -> Block: ...
@overload
def phase(*, name: str) -> Block: ...
def phase(function: Any = None, /, *, name: str | None = None) -> Any:
    """Time a stage of a generation.

    As a block, ``with phase("plan"):``, or as a decorator, ``@phase`` or ``@phase("plan")``.

    Outside a generation it does nothing.

    Args:
        function: what to decorate, or the name.
        name: what it is called in metrics and traces; the same on each call. None: the
            function's own name.

    Raises:
        GenmonError: there is no usable name, or it was put on what cannot be called.
    """
    if name is None and isinstance(function, str):
        return Block("phase", function)
    return _stage("phase", function, name)


@overload
def step(function: F, /, *, name: str | None = None) -> F: ...
@overload
def step(name: str | None = None, /) -> Block: ...
@overload
def step(*, name: str) -> Block: ...
def step(function: Any = None, /, *, name: str | None = None) -> Any:
    """Record an external call of a generation.

    Put it on a function of yours, ``@step``, or around one that is not:
    ``chat = step(client.chat.completions.create, name="chat")``.

    Its arguments and its outcome (a value, an exception, no answer, a stream chunk
    by chunk) are kept if the generation fails, so that a test can serve it again. Outside
    a generation it only calls the function. A value that is an iterator comes back as a proxy that
    passes every attribute through.

    As a block (``with step("install"):``) it is timed and its exceptions are kept, but
    a replay cannot skip the block's code.

    Args:
        function: what to call, yours or not, or the name.
        name: as for :func:`phase`.

    Raises:
        GenmonError: there is no usable name, or it was put on what cannot be called.
    """
    return _stage("step", function, name)


def _stage(kind: StageKind, function: Any, name: str | None) -> Any:
    if function is None or isinstance(function, str):
        return Block(kind, name if function is None else function)
    return _decorated(kind, function, name)


def _decorated(kind: StageKind, function: Any, name: str | None) -> Any:
    given = None if name is None else checked_name(kind, name)

    def build(bare: Callable[..., Any], receiver: bool | None) -> Callable[..., Any]:
        code = inspect.unwrap(underlying(bare))
        spec = StageSpec(
            kind=kind,
            name=given or default_name(bare),
            function=bare,
            parameters=Parameters(bare, receiver),
            is_async=inspect.iscoroutinefunction(code) or inspect.isasyncgenfunction(code),
        )

        recorded = spec.parameters if kind == "step" else None
        opens = functools.partial(open_stage, kind, spec.name, recorded, spec.is_async)
        wrapper = wrap(bare, opens, _served(spec) if kind == "step" else None)
        setattr(wrapper, ATTRIBUTE, spec)
        return wrapper

    return decorate(kind, function, build)


def _served(spec: StageSpec) -> Callable[..., Any]:
    """Return a function that serves a step's recorded outcome, with the step's signature."""
    function, bind = spec.function, spec.parameters.bind
    code = inspect.unwrap(underlying(function))
    if inspect.isasyncgenfunction(code):
        play: Callable[..., Any] = _play_async_stream
    elif inspect.isgeneratorfunction(code):
        play = _play_stream
    elif spec.is_async:
        play = _play_async
    else:
        play = _play

    def call(*args: Any, **kwargs: Any) -> Any:
        player = runtime.active.player
        if player is None:  # the replay has just ended
            return function(*args, **kwargs)
        return play(player, spec, bind(args, kwargs))

    return call


def _play(player: StepPlayer, spec: StageSpec, bound: dict[str, Any]) -> Any:
    return player.play(spec.name, spec.function, bound)


async def _play_async(player: StepPlayer, spec: StageSpec, bound: dict[str, Any]) -> Any:
    return await player.play_async(spec.name, spec.function, bound)


def _play_stream(
    player: StepPlayer, spec: StageSpec, bound: dict[str, Any]
) -> Generator[Any, Any, Any]:
    return (yield from player.play(spec.name, spec.function, bound))


async def _play_async_stream(
    player: StepPlayer, spec: StageSpec, bound: dict[str, Any]
) -> AsyncGenerator[Any, Any]:
    chunks = await player.play_async(spec.name, spec.function, bound)
    if hasattr(type(chunks), "__aiter__"):
        async for chunk in chunks:
            yield chunk
    else:
        for chunk in chunks:
            yield chunk
