"""Results that go on after the call: generators, awaitables, response bodies, streams.

Each is driven so that its scope is current only while its code runs, and ends
exactly when it does: exhausted, broken, closed early, or abandoned to the
garbage collector.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import io
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from genmon_otel.recorder.scope import Scope


class _Guard:
    """Lives in the frame of a driver; when that is freed unfinished, its scope ends."""

    __slots__ = ("_scope",)

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def opens(self, *_: Any) -> Scope:
        """Give the scope; a driver that was made with this keeps the guard even unstarted."""
        return self._scope

    def __del__(self) -> None:
        scope = getattr(self, "_scope", None)
        if scope is not None:  # else making it was interrupted
            scope.abandoned()


Open = Callable[[tuple[Any, ...], dict[str, Any]], "Scope | None"]
"""Makes the scope of one call, not entered; None to just call. Never raises."""


def generator(opens: Open, target: Callable[..., Generator[Any, Any, Any]]) -> Callable[..., Any]:
    """A generator function that runs ``target`` under a scope; sends, throws, closes reach it."""

    def driver(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        scope = opens(args, kwargs)
        if scope is None:
            return (yield from target(*args, **kwargs))
        guard = _Guard(scope)  # noqa: F841 - sees this frame freed unfinished
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
                except BaseException as error:  # GeneratorExit too, which it may answer
                    value, advance = error, source.throw
                    closed = issubclass(type(error), GeneratorExit)
            if closed:
                scope.abandoned(items=items)
            else:
                scope.exhausted(result, items=items)
            return result
        except BaseException as error:
            try:
                scope.raised(error, items)
            except BaseException as struck:
                scope.raised(struck, items)
                raise
            raise

    return driver


def async_generator(
    opens: Open, target: Callable[..., AsyncGenerator[Any, Any]]
) -> Callable[..., Any]:
    """As :func:`generator`, for an asynchronous one."""

    async def driver(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        scope = opens(args, kwargs) or NOWHERE
        guard = _Guard(scope)  # noqa: F841
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
                scope.abandoned(items=items)
            else:
                scope.exhausted(items=items)
        except BaseException as error:
            try:
                scope.raised(error, items)
            except BaseException as struck:
                scope.raised(struck, items)
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


def drive(scope: Scope, source: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Run a generator that exists already under a suspended scope."""
    driven: Generator[Any, Any, Any] = generator(_Guard(scope).opens, lambda: source)()
    return driven


def drive_async(scope: Scope, source: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, Any]:
    """As :func:`drive`, for an asynchronous generator."""
    driven: AsyncGenerator[Any, Any] = async_generator(_Guard(scope).opens, lambda: source)()
    return driven


class _Nowhere:
    """The scope of a call that has none: follows everything, does nothing."""

    is_open = False
    on_item = None

    def resume(self, *_: Any, **__: Any) -> None:
        """Do nothing."""

    begin = suspend = exhausted = raised = abandoned = resume


NOWHERE: Final[Any] = _Nowhere()


async def drive_awaitable(scope: Scope, source: Awaitable[Any], guard: _Guard) -> Any:
    """Await under an entered and suspended scope. ``guard`` sees a coroutine never awaited."""
    if not scope.is_open:  # awaited again, after its end
        return await source
    try:
        scope.resume()
        return scope.returned(await source)
    except BaseException as error:
        try:
            scope.raised(error)
        except BaseException as struck:
            scope.raised(struck)
            raise
        raise


def follow(scope: Scope, result: Any) -> Any:
    """What to hand back for a result that goes on, tied to the scope's end; None for another."""
    if inspect.iscoroutine(result):
        scope.is_async = True
        return drive_awaitable(scope, result, _Guard(scope))
    if isinstance(result, asyncio.Future):
        scope.is_async = True
        result.add_done_callback(lambda future: _settle(scope, future))
        return result
    if hasattr(type(result), "__await__"):
        scope.is_async = True
        return AwaitableProxy(scope, result)
    if scope.follows_bodies and _follow_body(scope, result):
        return result
    if scope.follows_iterators:
        return _follow_iterator(scope, result)
    return None


def _settle(scope: Scope, future: asyncio.Future[Any]) -> None:
    if future.cancelled():
        scope.broke(asyncio.CancelledError())
    elif (error := future.exception()) is not None:
        scope.broke(error)
    else:
        scope.exhausted(future.result())


def _follow_iterator(scope: Scope, result: Any) -> Any:
    if isinstance(result, io.IOBase):
        return None
    if hasattr(type(result), "__anext__"):
        scope.is_async = True
        drives: Callable[[Scope, Any], Any] = (
            drive_async if inspect.isasyncgen(result) else AsyncIteratorProxy
        )
    elif hasattr(type(result), "__next__"):
        scope.is_async = False  # also where the call was awaited
        drives = drive if inspect.isgenerator(result) else IteratorProxy
    else:
        return None
    return drives(scope, result)


def _follow_body(scope: Scope, response: Any) -> bool:
    """Tie a streaming response's body to the scope; whether there was one."""
    # Looked up in __dict__ because objects exist that make up any attribute asked for.
    body: Any = (getattr(response, "__dict__", None) or {}).get("body_iterator")
    if inspect.isasyncgen(body):
        response.body_iterator = drive_async(scope, body)
    elif hasattr(type(body), "__aiter__"):
        response.body_iterator = AsyncIteratorProxy(scope, body.__aiter__())
    elif hasattr(type(body), "__iter__") and not isinstance(body, (str, bytes, list, tuple)):
        response.body_iterator = IteratorProxy(scope, iter(body))
    else:
        return False
    return True


class _Proxy:
    """Stands for a result: passes every attribute through, and for its class to ``isinstance``."""

    def __init__(self, scope: Scope, target: Any) -> None:
        self.__dict__["_genmon_scope"] = scope
        self.__dict__["_genmon_target"] = target
        self.__dict__["_genmon_guard"] = _Guard(scope)
        self.__dict__["_genmon_items"] = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._genmon_target, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._genmon_target, name, value)

    def __repr__(self) -> str:
        return repr(self._genmon_target)

    @property
    def __class__(self) -> Any:
        return type(self._genmon_target)

    @__class__.setter
    def __class__(self, kind: type) -> None:
        self._genmon_target.__class__ = kind


class AwaitableProxy(_Proxy):
    """An awaitable that is no coroutine; one that is also an async context manager stays so."""

    def __await__(self) -> Generator[Any, Any, Any]:
        return drive_awaitable(
            self._genmon_scope, self._genmon_target, self._genmon_guard
        ).__await__()

    async def __aenter__(self) -> Any:
        scope = self._genmon_scope
        if not scope.is_open:
            return await self._genmon_target.__aenter__()
        scope.resume()
        try:
            entered = await self._genmon_target.__aenter__()
        except BaseException as error:
            scope.raised(error)
            raise
        scope.suspend()
        scope.exhausted(entered)
        return entered

    async def __aexit__(self, *details: Any) -> Any:
        return await self._genmon_target.__aexit__(*details)


class IteratorProxy(_Proxy):
    """An iterator that is no generator, such as a model SDK's stream."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        scope = self._genmon_scope
        if not scope.is_open:
            return next(self._genmon_target)
        scope.resume()
        try:
            item = next(self._genmon_target)
        except StopIteration:
            scope.suspend()
            scope.exhausted(items=self._genmon_items)
            raise
        except BaseException as error:
            scope.raised(error)
            raise
        scope.suspend()
        self.__dict__["_genmon_items"] += 1
        if scope.on_item is not None:
            scope.on_item(item)
        return item

    def __enter__(self) -> Self:
        self._genmon_target.__enter__()
        return self

    def __exit__(self, *details: Any) -> Any:
        self._genmon_scope.abandoned(items=self._genmon_items)
        return self._genmon_target.__exit__(*details)

    def close(self) -> Any:
        """Close the iterator; its scope ends as closed early."""
        self._genmon_scope.abandoned(items=self._genmon_items)
        return self._genmon_target.close()


class AsyncIteratorProxy(_Proxy):
    """As :class:`IteratorProxy`, asynchronous."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        scope = self._genmon_scope
        if not scope.is_open:
            return await self._genmon_target.__anext__()
        scope.resume()
        try:
            item = await self._genmon_target.__anext__()
        except StopAsyncIteration:
            scope.suspend()
            scope.exhausted(items=self._genmon_items)
            raise
        except BaseException as error:
            scope.raised(error)
            raise
        scope.suspend()
        self.__dict__["_genmon_items"] += 1
        if scope.on_item is not None:
            scope.on_item(item)
        return item

    async def __aenter__(self) -> Self:
        await self._genmon_target.__aenter__()
        return self

    async def __aexit__(self, *details: Any) -> Any:
        self._genmon_scope.abandoned(items=self._genmon_items)
        return await self._genmon_target.__aexit__(*details)

    async def close(self) -> Any:
        """Close the iterator; its scope ends as closed early."""
        self._genmon_scope.abandoned(items=self._genmon_items)
        return await self._genmon_target.close()

    async def aclose(self) -> Any:
        """As :meth:`close`, under the name asynchronous generators use."""
        self._genmon_scope.abandoned(items=self._genmon_items)
        return await self._genmon_target.aclose()
