"""Results that are consumed after the call has returned: awaitables, streams, response bodies.

Generators and coroutines are driven (see :mod:`genmon_otel.recorder.drivers`); for other iterators
and awaitables the caller gets a proxy. The scope of the call ends when they do.
"""

from __future__ import annotations

import asyncio
import inspect
import io
from collections.abc import Callable, Generator
from typing import Any, Self

from genmon_otel.recorder.drivers import Guard, ScopeLike, drive, drive_async, drive_awaitable


def follow(scope: ScopeLike, result: Any) -> Any:
    """Wrap a result that is consumed later, so that the scope ends with it; None for any other result."""
    if inspect.iscoroutine(result):
        scope.note_async(True)
        return drive_awaitable(scope, result, Guard(scope))
    if isinstance(result, asyncio.Future):
        scope.note_async(True)
        result.add_done_callback(lambda future: _settle(scope, future))
        return result
    if hasattr(type(result), "__await__"):
        scope.note_async(True)
        if scope.follows_iterators and hasattr(type(result), "__anext__"):
            return AwaitableIteratorProxy(scope, result)
        return AwaitableProxy(scope, result)
    if scope.follows_bodies and _follow_body(scope, result):
        return result
    if scope.follows_iterators:
        return _follow_iterator(scope, result)
    return None


def _settle(scope: ScopeLike, future: asyncio.Future[Any]) -> None:
    if future.cancelled():
        scope.fail(asyncio.CancelledError())
    elif (error := future.exception()) is not None:
        scope.fail(error)
    else:
        scope.finish(future.result())


def _follow_iterator(scope: ScopeLike, result: Any) -> Any:
    if isinstance(result, io.IOBase):
        return None
    if hasattr(type(result), "__anext__"):
        scope.note_async(True)
        drives: Callable[[ScopeLike, Any], Any] = (
            drive_async if inspect.isasyncgen(result) else AsyncIteratorProxy
        )
    elif hasattr(type(result), "__next__"):
        scope.note_async(False)  # even if the call was awaited
        drives = drive if inspect.isgenerator(result) else IteratorProxy
    else:
        return None
    return drives(scope, result)


def _follow_body(scope: ScopeLike, response: Any) -> bool:
    """Make the scope end with a streaming response's body; return whether there was one."""
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
    """A proxy of a result: forwards every attribute, and passes ``isinstance`` checks of its class."""

    def __init__(self, scope: ScopeLike, target: Any) -> None:
        self.__dict__["_genmon_scope"] = scope
        self.__dict__["_genmon_target"] = target
        self.__dict__["_genmon_guard"] = Guard(scope)
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
    """A proxy of an awaitable that is no coroutine; it is also an async context manager if the target is."""

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
        scope.finish(entered)
        return entered

    async def __aexit__(self, *details: Any) -> Any:
        return await self._genmon_target.__aexit__(*details)


class IteratorProxy(_Proxy):
    """A proxy of an iterator that is no generator, such as a model SDK's stream."""

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
            scope.finish(items=self._genmon_items)
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
        self._genmon_scope.close(items=self._genmon_items)
        return self._genmon_target.__exit__(*details)

    def close(self) -> Any:
        """Close the iterator; its scope ends as closed early."""
        self._genmon_scope.close(items=self._genmon_items)
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
            scope.finish(items=self._genmon_items)
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
        self._genmon_scope.close(items=self._genmon_items)
        return await self._genmon_target.__aexit__(*details)

    async def close(self) -> Any:
        """Close the iterator; its scope ends as closed early."""
        self._genmon_scope.close(items=self._genmon_items)
        return await self._genmon_target.close()

    async def aclose(self) -> Any:
        """As :meth:`close`, under the name asynchronous generators use."""
        self._genmon_scope.close(items=self._genmon_items)
        return await self._genmon_target.aclose()


class AwaitableIteratorProxy(AsyncIteratorProxy):
    """A proxy of an asynchronous iterator that can also be awaited, which usually returns itself."""

    def __await__(self) -> Generator[Any, Any, Any]:
        result = yield from self._genmon_target.__await__()
        return self if result is self._genmon_target else result
