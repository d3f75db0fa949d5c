"""Where the running code is: the innermost open generation, phase or step.

A scope is current only while its code runs. A generator's scope is taken down
before each ``yield`` and put back, inner scopes and span included, before the
next item is made; so it never leaks into whoever consumes the items, and works
when another task or thread asks for the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, ClassVar, Final

from opentelemetry import trace

from genmon_otel.recorder import streams
from genmon_otel.recorder.otel_context import Context, around, attach, detach, with_span
from genmon_otel.recorder.runtime import Runtime, suppress_and_count

if TYPE_CHECKING:
    from genmon_otel.recorder.live_generation import Generation

_NO_SPAN: Final = trace.INVALID_SPAN

CURRENT: Final[ContextVar[Scope | None]] = ContextVar("genmon_scope", default=None)

#: Exact types of results that cannot be streams or awaitables.
_PLAIN: Final = frozenset({str, bytes, int, float, bool, type(None), dict, list, tuple})


#: The innermost scope of this context, open or not; None outside.
current: Final[Callable[[], Scope | None]] = CURRENT.get


class Scope:
    """A span with code that runs under it, and how that code ended.

    The wrappers call :meth:`enter`, then :meth:`returned` or :meth:`raised`; those of
    generators :meth:`resume` and :meth:`suspend` around each item, then :meth:`exhausted`
    or :meth:`raised`. None of them raises, whatever breaks inside; only what strikes from
    outside (see :mod:`genmon_otel.interruption`) comes out of any of them, and :meth:`raised`
    then ends what has not ended.

    No slots: what most scopes never need is a default of the class, which costs a call nothing.
    """

    #: What it is called in the count of internal errors.
    noun: ClassVar[str]
    #: Whether the body of a returned streaming response belongs to it.
    follows_bodies: ClassVar[bool] = False

    generation: Generation
    span: trace.Span
    #: Whether the code turned out to be awaited.
    is_async: bool
    #: What was current in here when it was suspended.
    _inner: Scope | None = None
    _inner_context: Any
    #: OpenTelemetry's context around it; while it is entered, the token to go back to it.
    _outer_context: Any
    _token: Any = None
    #: How it was to end when an interruption struck amidst its end; None: it did not.
    torn: Any = None

    @property
    def outer(self) -> Scope | None:
        """What was current where it was entered; None outside of all, and after its end."""
        outer = getattr(self._token, "old_value", None)
        return outer if isinstance(outer, Scope) else None

    def start_span(
        self, under: Runtime, name: str, attributes: Mapping[str, Any] | None = None
    ) -> None:
        """Start the span, below what is current here; one that records nothing where that breaks."""
        outer = around()
        try:
            span = under.tracer.start_span(name, outer, attributes=attributes)
        except BaseException:
            suppress_and_count("span", under)
            span = _NO_SPAN
        self.span = span
        self._outer_context = outer
        self._inner_context = with_span(span, outer)

    # --- current or not

    def enter(self) -> None:
        """Make this scope current, and its span the one in OpenTelemetry's context."""
        self._outer_context = attach(self._inner_context)
        self._token = CURRENT.set(self)

    def resume(self) -> None:
        """Make current what :meth:`suspend` took down; the scope itself at first."""
        self._outer_context = attach(self._inner_context)
        self._token = CURRENT.set(self._inner or self)

    def begin(self) -> None:
        """Count it from now on."""

    def leave(self) -> None:
        """Make current what was current before :meth:`enter`."""
        try:
            CURRENT.reset(self._token)
        except ValueError:  # left in another context than the one that entered
            self._leave_elsewhere()
        except (TypeError, RuntimeError):  # interrupted while entering or leaving
            self._put_back()
        else:
            detach(self._outer_context)

    def suspend(self) -> None:
        """Take down this scope and those opened in it until :meth:`resume`."""
        self._inner = CURRENT.get()
        self._inner_context = around()
        self.leave()

    def _leave_elsewhere(self) -> None:
        if CURRENT.get() is self:  # brought here by a generator that resumed
            outer = self._token.old_value
            CURRENT.set(None if outer is Token.MISSING else outer)
            outer_context = getattr(self._outer_context, "old_value", None)
            if isinstance(outer_context, Context):
                attach(outer_context)

    def _put_back(self) -> None:
        generation: Scope = self.generation
        if CURRENT.get() is self:
            CURRENT.set(None if generation is self else generation)
        if self._inner_context is not None and around() is self._inner_context:
            outer = getattr(self._outer_context, "old_value", self._outer_context)
            attach(outer if isinstance(outer, Context) else Context())

    def release(self) -> None:
        """Let go of span and contexts: somebody may keep this scope long after its end.

        And of itself, which would be a cycle that waits for the garbage collector.
        """
        self.span = _NO_SPAN
        self._inner_context = self._outer_context = self._token = None
        if self._inner is not None:
            self._inner = None

    # --- how it ended

    def returned(self, result: Any) -> Any:
        """The code returned: end, unless the result is one that goes on; what to hand back."""
        try:
            is_plain = type(result) in _PLAIN
        except BaseException:  # a metaclass says how its classes are hashed
            is_plain = False
        if is_plain:
            try:  # as leave() does
                CURRENT.reset(self._token)
            except ValueError:
                self._leave_elsewhere()
            else:
                detach(self._outer_context)
            try:
                self._succeed(result, None)
            except BaseException:
                self._contain()
            return result
        else:
            self.suspend()
            try:
                followed = streams.follow(self, result)
            except BaseException:
                suppress_and_count(self.noun)
            else:
                if followed is not None:
                    return followed
        self.exhausted(result)
        return result

    def raised(self, error: BaseException, items: int | None = None) -> None:
        """The code raised, or we were interrupted: end. The caller re-raises."""
        self.leave()
        self.broke(error, items)

    def exhausted(self, result: Any = None, items: int | None = None) -> None:
        """End well; the scope is not current any more.

        Args:
            result: what the code returned.
            items: of a stream, how many it yielded; None: it was no stream.
        """
        try:
            self._succeed(result, items)
        except BaseException:
            self._contain()

    def broke(self, error: BaseException, items: int | None = None) -> None:
        """End with an error; the scope is not current any more.

        Args:
            error: what the code, or whoever consumed its items, raised.
            items: of a stream, how many it had yielded; None: it was no stream.
        """
        try:
            self._fail(error, items)
        except BaseException:
            self._contain()

    def _contain(self) -> None:
        """Keep what broke the end from the application, and end all the same."""
        suppress_and_count(self.noun)
        if self.torn is not None:
            try:
                self._fail(GeneratorExit(), None)
            except BaseException:
                suppress_and_count(self.noun)

    def abandoned(self, items: int | None = None) -> None:
        """Nobody will ever ask for the rest: end now, if it has not ended."""
        if self.is_open or self.torn is not None:
            self.broke(GeneratorExit(), items)

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
        """What wants to see each item that is yielded; None: nothing."""
        return None

    def _succeed(self, result: Any, items: int | None) -> None:
        raise NotImplementedError

    def _fail(self, error: BaseException, items: int | None) -> None:
        raise NotImplementedError
