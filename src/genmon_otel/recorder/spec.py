"""What a decorator was told about one callable, checked once and kept on its wrapper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from genmon_otel.conventions import WORKFLOW_OPERATION
from genmon_otel.recorder.binding import Option, Parameters
from genmon_otel.records import Capture, Severity

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
    framework: Option = field(default_factory=Option)
    user_id: Option = field(default_factory=Option)
    project_id: Option = field(default_factory=Option)
    request: Option = field(default_factory=Option)
    #: Frameworks that the parameter's annotation declares.
    frameworks: frozenset[str] = frozenset()
    timeout_s: float | None = None
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
    #: Worked out from the operation, so that no call has to.
    span_name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "span_name", f"{WORKFLOW_OPERATION} {self.operation}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpec:
    """One ``@step`` or ``@phase``."""

    kind: Literal["phase", "step"]
    name: str
    function: Callable[..., Any] = field(repr=False)
    parameters: Parameters
    is_async: bool = False
