"""Drivers of generators and awaitables: their code runs in a scope, item by item.

Each is driven so that its scope is current only while its code runs, and ends
exactly when it does: it is exhausted, it raises, its consumer closes it, or the garbage
collector frees it unfinished.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any, Final, Protocol


class ScopeLike(Protocol):
    """The part of a scope that the drivers use; see :class:`genmon_otel.recorder.scope.Scope`."""

    @property
    def is_open(self) -> bool: ...

    @property
    def follows_bodies(self) -> bool: ...

    @property
    def follows_iterators(self) -> bool: ...

    @property
    def on_item(self) -> Callable[[Any], None] | None: ...

    def note_async(self, is_async: bool) -> None: ...

    def begin(self) -> None: ...

    def enter(self) -> None: ...

    def resume(self) -> None: ...

    def suspend(self) -> None: ...

    def returned(self, result: Any) -> Any: ...

    def raised(self, error: BaseException, items: int | None = None) -> None: ...

    def finish(self, result: Any = None, items: int | None = None) -> None: ...

    def fail(self, error: BaseException, items: int | None = None) -> None: ...

    def close(self, items: int | None = None) -> None: ...


class Guard:
    """A local variable of a driver; ends the scope if the driver's frame is freed before it finished."""

    __slots__ = ("_scope",)

    def __init__(self, scope: ScopeLike) -> None:
        self._scope: ScopeLike | None = scope

    def is_over(self) -> None:
        """Disarm: the driver has ended the scope."""
        self._scope = None

    def opens(self, *_: Any) -> ScopeLike | None:
        """Return the scope; a driver that was made with this keeps the guard even unstarted."""
        return self._scope

    def __del__(self) -> None:
        scope = getattr(self, "_scope", None)
        if scope is not None:  # None if __init__ was interrupted
            scope.close()


Open = Callable[[tuple[Any, ...], dict[str, Any]], ScopeLike | None]
"""Makes the scope of one call, not entered; None to just call. Never raises."""


def generator(opens: Open, target: Callable[..., Generator[Any, Any, Any]]) -> Callable[..., Any]:
    """Return a generator function that runs ``target`` in a scope; sends, throws, closes reach it."""

    def driver(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        scope = opens(args, kwargs)
        if scope is None:
            return (yield from target(*args, **kwargs))
        guard = Guard(scope)  # noqa: F841 - sees this frame freed unfinished
        resume, suspend, on_item = scope.resume, scope.suspend, scope.on_item
        value: Any = None
        items = 0
        closed = False
        try:
            scope.begin()
            source = target(*args, **kwargs)
            advance: Callable[[Any], Any] = source.send
            while True:
                resume()
                try:
                    item = advance(value)
                except StopIteration as stop:
                    result = stop.value
                    break
                finally:
                    value = None  # an error thrown in must not be kept alive by this frame
                    suspend()
                items += 1
                closed = False
                if on_item is not None:
                    on_item(item)
                try:
                    value = yield item
                    advance = source.send
                except BaseException as error:  # GeneratorExit too, which the generator may handle
                    value, advance = error, source.throw
                    closed = issubclass(type(error), GeneratorExit)
            if closed:
                scope.close(items=items)
            else:
                scope.finish(result, items=items)
            return result
        except BaseException as error:
            try:
                scope.raised(error, items)
            except BaseException as interrupt:
                scope.raised(interrupt, items)
                raise
            raise

    return driver


def async_generator(
    opens: Open, target: Callable[..., AsyncGenerator[Any, Any]]
) -> Callable[..., Any]:
    """Return an async generator function that runs ``target`` in a scope; see :func:`generator`."""

    async def driver(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        scope = opens(args, kwargs) or NOWHERE
        guard = Guard(scope)  # noqa: F841
        resume, suspend, on_item = scope.resume, scope.suspend, scope.on_item
        value: Any = None
        items = 0
        closed = False
        try:
            scope.begin()
            source = target(*args, **kwargs)
            advance: Callable[[Any], Awaitable[Any]] = functools.partial(_begin, source)
            while True:
                resume()
                try:
                    item = await advance(value)
                except StopAsyncIteration:
                    break
                finally:
                    value = None
                    suspend()
                items += 1
                closed = False
                if on_item is not None:
                    on_item(item)
                try:
                    value = yield item
                    advance = source.asend
                except BaseException as error:
                    value, advance = error, source.athrow
                    closed = issubclass(type(error), GeneratorExit)
            if closed:
                scope.close(items=items)
            else:
                scope.finish(items=items)
        except BaseException as error:
            try:
                scope.raised(error, items)
            except BaseException as interrupt:
                scope.raised(interrupt, items)
                raise
            raise

    return driver


def _begin(source: AsyncGenerator[Any, Any], value: Any) -> Awaitable[Any]:
    """Ask for the first item without making the generator known to the event loop.

    The loop closes the generators it knows, at its end or when they are dropped. It knows
    the driver, which closes the source; closing both at once breaks.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return source.asend(value)
    finally:
        sys.set_asyncgen_hooks(*hooks)


def drive(scope: ScopeLike, source: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Run a generator that exists already in a suspended scope."""
    driven: Generator[Any, Any, Any] = generator(Guard(scope).opens, lambda: source)()
    return driven


def drive_async(scope: ScopeLike, source: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, Any]:
    """As :func:`drive`, for an asynchronous generator."""
    driven: AsyncGenerator[Any, Any] = async_generator(Guard(scope).opens, lambda: source)()
    return driven


class _Nowhere:
    """The null scope of a call without one."""

    is_open = False
    on_item = None

    def resume(self, *_: Any, **__: Any) -> None:
        """Do nothing."""

    begin = suspend = finish = raised = close = resume


NOWHERE: Final[Any] = _Nowhere()


async def drive_awaitable(scope: ScopeLike, source: Awaitable[Any], guard: Guard) -> Any:
    """Await in a scope that was entered and suspended. ``guard`` ends that of a coroutine never awaited."""
    if not scope.is_open:  # awaited again, after its end
        return await source
    try:
        scope.resume()
        result = scope.returned(await source)
        guard.is_over()  # the result may be a stream; the scope then stays open until its end
        return result
    except BaseException as error:
        try:
            scope.raised(error)
        except BaseException as interrupt:
            scope.raised(interrupt)
            raise
        raise
