"""OpenTelemetry's context around decorated code, by its public functions only."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import context as api
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from genmon_otel import generation, phase
from genmon_otel.testing import capture


@generation("around")
def around() -> tuple[Any, Any, Any]:
    outer = trace.get_current_span()
    with phase("plan"):
        return outer, trace.get_current_span(), api.get_value("tenant")


def test_the_span_is_current_while_its_code_runs() -> None:
    """Below what is current around it; what an application put into the context stays in there."""
    token = api.attach(api.set_value("tenant", "a"))
    before = api.get_current()
    try:
        with capture(tracer_provider=TracerProvider()):
            root, stage, tenant = around()
        assert (root.name, stage.name, tenant) == ("invoke_workflow around", "plan", "a")
        assert stage.parent == root.get_span_context()
        assert api.get_current() is before
    finally:
        api.detach(token)


def test_another_kind_of_runtime_context_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ``OTEL_PYTHON_CONTEXT`` names another, what is attached is detached there."""

    class Stack:
        def __init__(self) -> None:
            self.contexts = [api.Context()]

        def attach(self, context: api.Context) -> Any:
            self.contexts.append(context)
            return len(self.contexts)

        def get_current(self) -> api.Context:
            return self.contexts[-1]

        def detach(self, token: Any) -> None:
            assert token == len(self.contexts)
            self.contexts.pop()

    stack = Stack()
    monkeypatch.setattr(api, "_RUNTIME_CONTEXT", stack)
    with capture(tracer_provider=TracerProvider()):
        root, stage, _ = around()
    assert stage.parent == root.get_span_context()
    assert len(stack.contexts) == 1
