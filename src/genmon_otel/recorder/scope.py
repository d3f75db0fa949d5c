"""Track the innermost open generation, phase or step of the running code.

A scope is current only while its code runs. A generator's scope is left
before each ``yield`` and entered again, inner scopes and span included, before the
next item is made; so it never leaks into the consumer of the items, and works
when another task or thread asks for the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from typing import Any, ClassVar, Final

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach, get_current

from genmon_otel.recorder import streams
from genmon_otel.recorder.runtime import Runtime, suppress_and_count

_NO_SPAN: Final = trace.INVALID_SPAN

CURRENT: Final[ContextVar[Scope | None]] = ContextVar("genmon_scope", default=None)

#: Exact types of results that cannot be streams or awaitables.
_PLAIN: Final = frozenset({str, bytes, int, float, bool, type(None), dict, list, tuple})


#: The innermost scope of this context, open or not; None outside.
current: Final[Callable[[], Scope | None]] = CURRENT.get


class Scope:
    """A span, the code that runs in it, and how that code ended.

    The wrappers call :meth:`enter`, then :meth:`returned` or :meth:`raised`; those of
    generators :meth:`resume` and :meth:`suspend` around each item, then :meth:`finish`
    or :meth:`raised`. None of them raises an error of genmon. Only an interruption
    (see :mod:`genmon_otel.interruption`) leaves any of them; the wrapper then calls
    :meth:`raised`, which ends what has not ended and resumes an end that was interrupted.

    No slots: what most scopes never need is a default of the class, which costs a call nothing.
    """

    #: The place under which internal errors are counted.
    noun: ClassVar[str]
    #: Whether the body of a returned streaming response belongs to it.
    follows_bodies: ClassVar[bool] = False

    #: The generation that it is or is part of (see :mod:`genmon_otel.recorder.generation`).
    generation: Any
    span: trace.Span
    #: Whether the code was awaited.
    is_async: bool
    #: The inner scope that was current when this one was suspended.
    _inner: Scope | None = None
    #: OpenTelemetry's context inside this scope, and outside.
    _inner_context: Context | None
    _outer_context: Context
    #: While it is entered: the tokens that restore the outer scope and context.
    _token: Token[Scope | None] | None = None
    _context_token: Any = None
    #: An end that was interrupted before it was done (a generation's only).
    interrupted_end: Any = None

    @property
    def outer(self) -> Scope | None:
        """The scope that was current when it was entered; None if there was none, and after its end."""
        outer = getattr(self._token, "old_value", None)
        return outer if isinstance(outer, Scope) else None

    def start_span(
        self,
        runtime: Runtime,
        name: str,
        attributes: Mapping[str, Any] | None = None,
        kind: trace.SpanKind = trace.SpanKind.INTERNAL,
    ) -> None:
        """Start the span as a child of the current one; a non-recording span if that fails."""
        outer = get_current()
        try:
            span = runtime.tracer.start_span(name, outer, kind, attributes)
        except BaseException:
            suppress_and_count("span", runtime)
            span = _NO_SPAN
        self.span = span
        self._outer_context = outer
        self._inner_context = trace.set_span_in_context(span, outer)

    def start_no_span(self) -> None:
        """Use the outer context, without a span of its own."""
        self.span = _NO_SPAN
        self._outer_context = self._inner_context = get_current()

    def note_async(self, is_async: bool) -> None:
        """Note whether the code, or the stream that it returned, was awaited."""
        self.is_async = is_async

    # --- current or not

    def begin(self) -> None:
        """Count it from now on."""

    def enter(self) -> None:
        """Make this scope current, and its span the one in OpenTelemetry's context.

        It is called where the span was started, so the context around is known.
        """
        self._enter(self)

    def resume(self) -> None:
        """Make current again what :meth:`suspend` removed; the first time, the scope itself."""
        self._outer_context = get_current()
        self._enter(self._inner or self)

    def _enter(self, inner: Scope) -> None:
        inner_context = self._inner_context
        self._context_token = attach(
            self._outer_context if inner_context is None else inner_context  # None: it has ended
        )
        self._token = CURRENT.set(inner)

    def leave(self) -> None:
        """Make current what was current before :meth:`enter`."""
        try:
            CURRENT.reset(self._token)  # type: ignore[arg-type]
        except ValueError:  # left in another context than the one that entered
            self._leave_elsewhere()
        except (
            TypeError,
            RuntimeError,
        ):  # no token, or a used one: an interruption came in between
            self._put_back()
        else:
            detach(self._context_token)

    def suspend(self) -> None:
        """Make this scope, and those opened in it, not current until :meth:`resume`."""
        self._inner = CURRENT.get()
        self._inner_context = get_current()
        self.leave()

    def _leave_elsewhere(self) -> None:
        if CURRENT.get() is self:  # a generator that was resumed here made it current
            outer: Any = None if self._token is None else self._token.old_value
            CURRENT.set(None if outer is Token.MISSING else outer)
            attach(self._outer_context)

    def _put_back(self) -> None:
        if CURRENT.get() is self:
            CURRENT.set(None if self.generation is self else self.generation)
        if self._inner_context is not None and get_current() is self._inner_context:
            attach(self._outer_context)

    def release(self) -> None:
        """Release span and contexts, because a task may keep this scope alive long after its end.

        Also break the reference cycle, which would wait for the garbage collector.
        """
        self.span = _NO_SPAN
        self._inner_context = self._token = self._context_token = None
        self._outer_context = _NOWHERE
        if self._inner is not None:
            self._inner = None

    # --- how it ended

    def returned(self, result: Any) -> Any:
        """The code returned: end, unless the result is consumed later; return the result or its proxy."""
        try:
            is_plain = type(result) in _PLAIN
        except BaseException:  # a metaclass says how its classes are hashed
            is_plain = False
        if is_plain:
            self.leave()
        else:
            self.suspend()
            try:
                followed = streams.follow(self, result)
            except BaseException:
                suppress_and_count(self.noun)
            else:
                if followed is not None:
                    return followed
        self.finish(result)
        return result

    def raised(self, error: BaseException, items: int | None = None) -> None:
        """The code raised, or an interruption came: end. The caller re-raises."""
        self.leave()
        self.fail(error, items)

    def finish(self, result: Any = None, items: int | None = None) -> None:
        """End without an exception; the scope is not current any more.

        Args:
            result: what the code returned.
            items: of a stream, how many it yielded; None: it was no stream.
        """
        try:
            self._succeed(result, items)
        except BaseException:
            self._suppress()

    def fail(self, error: BaseException, items: int | None = None) -> None:
        """End with an exception; the scope is not current any more.

        Args:
            error: what the code, or the consumer of its items, raised.
            items: of a stream, how many it had yielded; None: it was no stream.
        """
        try:
            self._fail(error, items)
        except BaseException:
            self._suppress()

    def close(self, items: int | None = None) -> None:
        """The consumer closed the stream: end now, if it has not ended."""
        if self.is_open or self.interrupted_end is not None:
            self.fail(GeneratorExit(), items)

    def _suppress(self) -> None:
        """Suppress and count an internal error at the end, and resume the end."""
        suppress_and_count(self.noun)
        if self.interrupted_end is not None:
            try:
                self._fail(GeneratorExit(), None)
            except BaseException:
                suppress_and_count(self.noun)

    # --- what differs between generations, phases and steps

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet."""
        raise NotImplementedError

    @property
    def follows_iterators(self) -> bool:
        """Whether a returned iterator belongs to it, so that it ends with the iterator."""
        return False

    @property
    def on_item(self) -> Callable[[Any], None] | None:
        """A function that is called with each yielded item; None: there is none."""
        return None

    def _succeed(self, result: Any, items: int | None) -> None:
        raise NotImplementedError

    def _fail(self, error: BaseException, items: int | None) -> None:
        raise NotImplementedError


_NOWHERE: Final = Context()
