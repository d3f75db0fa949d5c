"""The short way to OpenTelemetry's context leads where its API does."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import context as api
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from genmon_otel.recorder import otel_context

SPAN = NonRecordingSpan(SpanContext(1, 2, is_remote=False))


def test_what_is_attached_here_is_current_there() -> None:
    """And the other way round; afterwards it is gone from both."""
    before = api.get_current()
    assert otel_context.around() is before
    made = otel_context.with_span(SPAN, api.set_value("tenant", "a", before))
    token = otel_context.attach(made)
    assert api.get_current() is otel_context.around() is made
    assert trace.get_current_span() is SPAN
    assert api.get_value("tenant") == "a"
    assert made == set_span_in_context(SPAN, api.set_value("tenant", "a", before))
    with pytest.raises(ValueError):
        made["tenant"] = "b"
    otel_context.detach(token)
    assert api.get_current() is otel_context.around() is before


def test_a_token_that_was_used_raises_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """OpenTelemetry complains of it, as of anybody's."""
    token = otel_context.attach(api.get_current())
    otel_context.detach(token)
    otel_context.detach(token)
    assert "Failed to detach context" in caplog.text


def test_another_kind_of_runtime_context_is_asked_through_the_api(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it attaches is its own affair: no context variable is touched behind its back."""

    class Stack:
        def __init__(self) -> None:
            self.contexts = [api.Context()]

        def attach(self, context: api.Context) -> Any:
            self.contexts.append(context)
            return len(self.contexts)

        def get_current(self) -> api.Context:
            return self.contexts[-1]

        def detach(self, token: Any) -> None:
            self.contexts.pop()

    monkeypatch.setattr(api, "_RUNTIME_CONTEXT", Stack())
    assert otel_context._functions() == (api.get_current, api.attach, api.detach)
