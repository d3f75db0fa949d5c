"""Four wrappers, one lifecycle: around a function, a coroutine, a generator, an async generator.

They keep what ``inspect`` says of the callable and hold nothing but the calls of
:class:`~genmon_otel.recorder.scope.Scope`. Those of generators are in :mod:`genmon_otel.recorder.drivers`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final

from genmon_otel.errors import GenmonError
from genmon_otel.recorder import runtime
from genmon_otel.recorder.drivers import Open, async_generator, generator
from genmon_otel.recorder.options import name_without_secrets
from genmon_otel.text import clean, safe_repr

#: Characters of an operation's, phase's or step's name.
MAX_NAME: Final = 100


def wrap(
    function: Callable[..., Any], opens: Open, served: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """Wrap a callable so that each call runs in a scope.

    Args:
        function: the decorated callable; the wrapper has its kind, name and signature.
        opens: makes the scope of one call.
        served: what to call in its place where a player serves recorded outcomes; None:
            itself, there too.
    """

    def target(*args: Any, **kwargs: Any) -> Any:
        chosen = function if served is None or runtime.active.player is None else served
        return chosen(*args, **kwargs)

    code = underlying(function)
    wrapper: Callable[..., Any]
    if inspect.isasyncgenfunction(code):
        wrapper = functools.wraps(function)(async_generator(opens, target))
    elif inspect.isgeneratorfunction(code):
        wrapper = functools.wraps(function)(generator(opens, target))
    elif inspect.iscoroutinefunction(code):
        wrapper = _coroutine(function, opens, served)
    else:
        wrapper = _function(function, opens, served)
    _resemble(wrapper, function)
    return wrapper


def _resemble(wrapper: Any, function: Callable[..., Any]) -> None:
    """Copy to a wrapper what ``functools.wraps`` omits: signature, defaults, methods of objects."""
    try:
        wrapper.__signature__ = inspect.signature(function)
    except (TypeError, ValueError):  # some built-ins have none
        pass
    if inspect.isfunction(function):
        wrapper.__defaults__ = function.__defaults__
        wrapper.__kwdefaults__ = function.__kwdefaults__
    else:  # cache_clear of functools.lru_cache, for one
        for name in dir(type(function)):
            found = inspect.getattr_static(function, name, None)
            if not name.startswith("_") and inspect.isroutine(found) and not hasattr(wrapper, name):
                setattr(wrapper, name, getattr(function, name))


def underlying(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function whose code runs: of a partial what it calls, of an object its ``__call__``."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function) or isinstance(function, type):
        return function
    return getattr(type(function), "__call__", function)  # noqa: B004 - the method is wanted


def _function(function: Any, opens: Open, served: Callable[..., Any] | None) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        scope = opens(args, kwargs)
        target = function if served is None or runtime.active.player is None else served
        if scope is None:
            return target(*args, **kwargs)
        try:
            scope.enter()
            return scope.returned(target(*args, **kwargs))
        except BaseException as error:
            try:
                scope.raised(error)
            except (
                BaseException
            ) as interrupt:  # raised inside genmon's code: end what has not ended
                scope.raised(interrupt)
                raise
            raise

    return wrapper


def _coroutine(function: Any, opens: Open, served: Callable[..., Any] | None) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        scope = opens(args, kwargs)
        target = function if served is None or runtime.active.player is None else served
        if scope is None:
            return await target(*args, **kwargs)
        try:
            scope.enter()
            return scope.returned(await target(*args, **kwargs))
        except BaseException as error:
            try:
                scope.raised(error)
            except (
                BaseException
            ) as interrupt:  # raised inside genmon's code: end what has not ended
                scope.raised(interrupt)
                raise
            raise

    return wrapper


def decorate(
    decorator: str,
    function: Any,
    build: Callable[[Callable[..., Any], bool | None], Callable[..., Any]],
) -> Any:
    """Wrap the decorated object, static and class methods included.

    Args:
        decorator: its name, for messages.
        function: what it was put on.
        build: makes the wrapper from the bare function, and from whether its first
            argument is its class (True), certainly nothing of the kind (False), or to be
            decided by its name (None).

    Raises:
        GenmonError: it was put on something that cannot be called, or on a class.
    """
    if isinstance(function, classmethod):
        return classmethod(build(function.__func__, True))
    if isinstance(function, staticmethod):
        return staticmethod(build(function.__func__, False))
    if isinstance(function, type):
        raise GenmonError(
            f"@{decorator} was put on the class {function.__qualname__}. "
            "Put it on a function or method, for example the class's __call__."
        )
    if not callable(function):
        raise GenmonError(
            f"@{decorator} was put on {safe_repr(function, 80)} ({type(function).__name__}), which "
            f"cannot be called. Put it on a function, or give a name: {decorator}('name')."
        )
    return build(function, None)


def default_name(function: Callable[..., Any]) -> str:
    """Return a callable's qualified name without ``<locals>``."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return clean(name.replace("<locals>.", ""), MAX_NAME)


def checked_name(decorator: str, name: Any) -> str:
    """Return a name given to a decorator, cleaned.

    Raises:
        GenmonError: it is no text, or empty.
    """
    if isinstance(name, str) and (cleaned := cleaned_name(name)):
        return cleaned
    raise GenmonError(
        f"{decorator}(name={safe_repr(name, 60)}) is not allowed. Give a short text that is "
        "the same on each call, for example 'plan'."
    )


@functools.lru_cache(maxsize=1024)  # a block is created each time it is entered
def cleaned_name(name: str) -> str:
    """Return a name as metrics, traces and rows show it; empty where nothing is left of it."""
    return name_without_secrets(name, MAX_NAME)
