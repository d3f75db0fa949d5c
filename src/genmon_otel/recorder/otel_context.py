"""OpenTelemetry's context by the shortest way: each generation and each stage goes it twice.

``opentelemetry.context`` hands a call on to its runtime context, and that to a context variable.
Where it does, the variable's own functions serve here. Where ``OTEL_PYTHON_CONTEXT`` names a
runtime context of another kind, the API's do.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Token
from typing import Any

from opentelemetry import context as api
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, set_span_in_context

__all__ = ["Context", "around", "attach", "detach", "with_span"]


def _functions() -> tuple[Callable[[], Context], Callable[[Context], Any], Callable[[Any], None]]:
    token: Any = api.attach(api.get_current())
    try:
        if isinstance(token, Token) and token.var.get() is api.get_current():
            return token.var.get, token.var.set, token.var.reset
    finally:
        api.detach(token)
    return api.get_current, api.attach, api.detach


#: The context that is current here; make one current, for a token that takes it back.
around, attach, _reset = _functions()
#: Under which a context holds its span: no name of the API's, but what it does with one.
(_SPAN_KEY,) = set_span_in_context(INVALID_SPAN, Context())


def detach(token: Any) -> None:
    """Take back what ``attach`` made current; one that cannot be is the API's to complain of."""
    try:
        _reset(token)
    except (RuntimeError, ValueError):
        api.detach(token)


def with_span(span: Span, context: Context) -> Context:
    """A context with a span in it, as ``set_span_in_context`` makes it, copied once."""
    return Context({**context, _SPAN_KEY: span})
