"""What a decorator was told about one callable, checked once and kept on its wrapper."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from genmon_otel.conventions import (
    ATTR_FRAMEWORK,
    ATTR_OUTCOME,
    GEN_AI_OPERATION_NAME,
    GEN_AI_WORKFLOW_NAME,
    NO_FRAMEWORK,
    WORKFLOW_OPERATION,
)
from genmon_otel.recorder.binding import Option, Parameters
from genmon_otel.recorder.held import are_atoms
from genmon_otel.records import Capture, Outcome, Severity

#: Attribute of a decorated callable that holds its :class:`Spec` or :class:`StageSpec`.
ATTRIBUTE = "__genmon__"

Nested = Literal["phase", "attempt"]
Factory = str | Callable[..., Any]
"""How a replay makes what is no data: an import path ``package.module:name``, or a callable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One ``@generation`` or ``with generation(...)``."""

    operation: str
    #: The undecorated callable, and its import path; None and empty for a block.
    function: Callable[..., Any] | None = field(default=None, repr=False)
    target: str = ""
    parameters: Parameters | None = None
    framework: Option = field(default_factory=lambda: Option("framework"))
    user_id: Option = field(default_factory=lambda: Option("user_id"))
    project_id: Option = field(default_factory=lambda: Option("project_id"))
    request: Option = field(default_factory=lambda: Option("request"))
    #: Frameworks that the parameter's annotation declares.
    frameworks: frozenset[str] = frozenset()
    timeout_s: float | None = None
    #: Seconds a step may be pending before a cancellation means that it hung; None: as usual.
    stall_s: float | None = None
    failure_if: Callable[[Any], bool] | None = None
    expected: tuple[type[BaseException], ...] = ()
    severity: Severity | None = None
    #: None: as the runtime says.
    capture: Capture | None = None
    nested: Nested = "phase"
    #: Whether a returned iterator belongs to the generation.
    stream: bool = False
    #: Makes ``self`` in a replay; called without arguments.
    factory: Factory | None = None
    #: Make arguments that are no data in a replay, by parameter name.
    factories: Mapping[str, Factory] = field(default_factory=dict)
    # Worked out here so that no call has to:
    span_name: str = field(init=False)
    #: The options but the request's that say anything which may differ between calls.
    told: tuple[Option, ...] = field(init=False)
    #: Whether reading the request and the arguments can wait: nothing of the user's takes part.
    reads_late: bool = field(init=False)
    #: The framework, or what it is until ``told`` says more.
    first_framework: str = field(init=False)
    #: What is on the span from its beginning, where that is the same on each call.
    attributes: Mapping[str, str] | None = field(init=False)

    def __post_init__(self) -> None:
        set_once = functools.partial(object.__setattr__, self)
        set_once("span_name", f"{WORKFLOW_OPERATION} {self.operation}")
        options = (self.user_id, self.project_id, self.framework)
        told = tuple(o for o in options if o.getter is not None or o.constant is not None)
        varies = any(
            o.name == "project_id" or (o.getter is not None and o is self.framework) for o in told
        )
        set_once("told", tuple(o for o in told if o.getter is not None or o is not self.framework))
        framework = self.framework.constant or NO_FRAMEWORK
        set_once("first_framework", framework)
        parameters, request = self.parameters, self.request
        late = parameters is not None and not parameters.has_receiver
        if late and request.getter is not None:
            late = request.place is not None and _cannot_change(parameters, request.place)
        set_once("reads_late", late)
        set_once("attributes", None if varies else span_attributes(self.operation, framework))


def _cannot_change(parameters: Parameters | None, place: int) -> bool:
    """Whether the default of a parameter is immutable, or there is none."""
    return parameters is not None and are_atoms(
        (parameters.defaults.get(parameters.positional[place]),)
    )


def span_attributes(operation: str, framework: str) -> dict[str, str]:
    """What is on a generation's span from its beginning, whoever asked for it.

    Spans are exported when they have ended, and most end well: what does not says so then.
    An attribute that is added costs three times what one at the beginning does.
    """
    return {
        GEN_AI_OPERATION_NAME: WORKFLOW_OPERATION,
        GEN_AI_WORKFLOW_NAME: operation,
        ATTR_FRAMEWORK: framework,
        ATTR_OUTCOME: Outcome.SUCCESS.value,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpec:
    """One ``@step`` or ``@phase``."""

    kind: Literal["phase", "step"]
    name: str
    function: Callable[..., Any] = field(repr=False)
    parameters: Parameters
    is_async: bool = False
