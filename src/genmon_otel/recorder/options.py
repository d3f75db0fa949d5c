"""The options of a decorator, checked and compiled once, at decoration."""

from __future__ import annotations

import functools
import inspect
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal, get_args, get_origin

from genmon_otel.conventions import (
    ATTR_FRAMEWORK,
    ATTR_OUTCOME,
    GEN_AI_OPERATION_NAME,
    GEN_AI_WORKFLOW_NAME,
    NO_FRAMEWORK,
    WORKFLOW_OPERATION,
)
from genmon_otel.errors import GenmonError
from genmon_otel.recorder.parameters import Getter, Parameters
from genmon_otel.records import Capture, Outcome, Severity
from genmon_otel.redaction import Redactor
from genmon_otel.text import clean, safe_str

#: Characters kept of an id, of a framework.
MAX_ID: Final = 200
MAX_FRAMEWORK: Final = 64

#: A name that no rule of redaction is about.
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_. -]{0,60}[0-9]{0,3}")
_REDACTOR: Final = Redactor()

#: Attribute of a decorated callable that holds its :class:`Spec` or :class:`StageSpec`.
ATTRIBUTE = "__genmon__"

Nested = Literal["phase", "attempt"]
Factory = str | Callable[..., Any]
"""How a replay creates an argument that cannot be recorded: a callable, or the import path
``package.module:name`` of one or of the object itself."""


class Option:
    """One of ``framework=``, ``user_id=``, ``project_id=``, ``request=``, compiled.

    Either a ``constant``, ready for use, or a ``getter`` of the raw value, or neither.
    """

    __slots__ = ("constant", "getter", "implicit", "keyword", "name")

    def __init__(
        self,
        name: str,
        constant: Any = None,
        getter: Getter | None = None,
        keyword: str | None = None,
        implicit: bool = False,
    ) -> None:
        self.name = name
        self.constant = constant
        self.getter = getter
        #: The keyword whose value is what ``getter`` would find, where it is given; None: there is none.
        self.keyword = keyword
        #: Whether the option was not given and a parameter of its name is used.
        self.implicit = implicit

    def read(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the raw value in one call."""
        if self.keyword in kwargs:  # the common case, and faster than a getter
            return kwargs[self.keyword]
        return self.constant if self.getter is None else self.getter(args, kwargs)


def constant_option(option: str, given: Any) -> Option:
    """Return an option whose value is given as such; None where it is of no use."""
    if option == "framework":
        return Option(option, framework_name(given))
    if option == "request":
        return Option(option, given if isinstance(given, str) else None)
    return Option(option, identifier(given))


def _parameter_option(
    option: str, parameter: str, parameters: Parameters, *, implicit: bool = False
) -> Option:
    """Return an option whose value is that of a parameter."""
    keyword = parameter if parameter in parameters.known else None
    return Option(option, None, parameters.getter(parameter), keyword, implicit)


def compile_option(option: str, given: Any, parameters: Parameters | None) -> Option:
    """Determine where an option's value comes from.

    A string that names a parameter means that parameter's value; any other string
    is a constant. A callable gets the arguments as a mapping by parameter name.

    Args:
        option: the option's name, for messages and for the parameter of that very name.
        given: what the decorator was given; None means unset.
        parameters: those of the decorated callable; None for a block.

    Raises:
        GenmonError: the value's type is not supported.
    """
    if given is None:
        if parameters is not None and option in parameters.names:
            return _parameter_option(option, option, parameters, implicit=True)
        return Option(option)
    if isinstance(given, str) and not isinstance(given, Enum):
        if not given.strip():
            raise GenmonError(
                f"{option}={given!r} is not allowed: it is empty. Give a constant, the name of "
                "a parameter or a callable, or leave it out."
            )
        if parameters is not None and given in parameters.names:
            return _parameter_option(option, given, parameters)
        if parameters is not None and given in (parameters.var_positional, parameters.var_keyword):
            bind = parameters.bind
            return Option(option, getter=lambda args, kwargs: bind(args, kwargs).get(given))
        if parameters is not None and given == option:
            raise GenmonError(
                f"{option}={given!r} names no parameter. There are: "
                f"{', '.join(sorted(parameters.names)) or 'none'}."
            )
        return constant_option(option, given)
    if option == "framework" and isinstance(given, Enum):
        return constant_option(option, given)
    if option in ("user_id", "project_id") and identifier(given) is not None:
        return constant_option(option, given)
    is_enum = isinstance(given, type) and issubclass(given, Enum)
    if inspect.iscoroutinefunction(given):
        raise GenmonError(
            f"{option}={safe_str(given, 60)} is asynchronous, and genmon does not await it. "
            "Give a plain function of the arguments."
        )
    if callable(given) and parameters is not None and not is_enum:
        bind_all, call = parameters.bind_all, given
        return Option(option, getter=lambda args, kwargs: call(bind_all(args, kwargs)))
    allowed = "a constant" if parameters is None else "a constant, a parameter's name or a callable"
    raise GenmonError(
        f"{option}={safe_str(given, 60)} ({type(given).__name__}) is not allowed. Give {allowed}"
        + (" (a str, an int or a UUID)." if option.endswith("_id") else " (a str).")
    )


def identifier(value: Any) -> str | None:
    """Return an id as text: from a ``str``, an ``int`` or a UUID; None from anything else."""
    if type(value) is str and len(value) <= MAX_ID and value.isprintable():  # nothing to clean
        return value.strip() or None
    if isinstance(value, str):
        return clean(value, MAX_ID).strip() or None
    if isinstance(value, uuid.UUID) or (isinstance(value, int) and not isinstance(value, bool)):
        return safe_str(value, MAX_ID)
    return None


def framework_name(value: Any, redactor: Redactor | None = None) -> str | None:
    """Return a framework as text: from a ``str`` or an Enum member; None from anything else.

    Args:
        value: what was given.
        redactor: given where a user may have had a hand in it; it becomes a label, an
            attribute and a column.
    """
    if isinstance(value, Enum):
        value = value.value if isinstance(value.value, str) else value.name
    if not isinstance(value, str):
        return None
    if redactor is None:
        return name_without_secrets(value, MAX_FRAMEWORK) or None
    return redactor.text(value, MAX_FRAMEWORK).strip() or None


@functools.lru_cache(maxsize=1024)  # of one value for each block that is entered
def name_without_secrets(name: str, limit: int) -> str:
    """Return a name as metrics, traces and rows show it; empty where nothing is left of it."""
    if _PLAIN_NAME.fullmatch(name):
        return clean(name, limit).strip()
    return _REDACTOR.text(name, limit).strip()


def request_text(value: Any, limit: int, *, implicit: bool) -> str | None:
    """Return what the user asked for, as text; never a web framework's request object.

    Args:
        value: what the parameter or callable gave.
        limit: characters kept.
        implicit: whether the parameter was found by its name alone; then only a ``str`` counts.
    """
    if isinstance(value, str):
        return clean(value, limit)
    if value is None or implicit or _is_web_request(value):
        return None
    return safe_str(value, limit)


def _is_web_request(value: Any) -> bool:
    kind = type(value)
    return any(
        getattr(base, "__name__", "").endswith(("Request", "HTTPConnection", "WebSocket"))
        and hasattr(base, "headers")
        for base in kind.__mro__
    ) or (hasattr(kind, "headers") and (hasattr(kind, "method") or hasattr(kind, "scope")))


def declared_members(annotation: Any, namespace: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the frameworks that a parameter's annotation allows: of a ``Literal`` or an Enum."""
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, dict(namespace))  # the decorated code itself
        except Exception:
            return ()
    if get_origin(annotation) is Literal:
        members = get_args(annotation)
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        members = tuple(annotation)
    else:  # Optional[...] and unions: of their members
        return tuple(
            name
            for part in get_args(annotation)
            if part is not type(None)
            for name in declared_members(part, {})
        )
    return tuple(name for member in members if (name := framework_name(member)))


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
    #: How a replay creates ``self`` and other arguments that cannot be recorded, by parameter name.
    factories: Mapping[str, Factory] = field(default_factory=dict)
    # Worked out here so that no call has to:
    span_name: str = field(init=False)
    #: The options but the request's whose values may differ between calls.
    dynamic_options: tuple[Option, ...] = field(init=False)
    #: The framework, or its value until ``dynamic_options`` are read.
    first_framework: str = field(init=False)
    #: The attributes of the span at its start, where they are the same for each call.
    attributes: Mapping[str, str] | None = field(init=False)

    @property
    def receiver_factory(self) -> Factory | None:
        """How a replay creates ``self``, whatever its name in the method; None: not given."""
        parameters = self.parameters
        if parameters is None or not parameters.has_receiver:
            return None
        return self.factories.get(parameters.positional[0]) or self.factories.get("self")

    def __post_init__(self) -> None:
        set_once = functools.partial(object.__setattr__, self)
        set_once("span_name", f"{WORKFLOW_OPERATION} {self.operation}")
        options = (self.user_id, self.project_id, self.framework)
        given = tuple(o for o in options if o.getter is not None or o.constant is not None)
        varies = any(
            o.name == "project_id" or (o.getter is not None and o is self.framework) for o in given
        )
        dynamic = tuple(o for o in given if o.getter is not None or o is not self.framework)
        set_once("dynamic_options", dynamic)
        framework = self.framework.constant or NO_FRAMEWORK
        set_once("first_framework", framework)
        set_once("attributes", None if varies else span_attributes(self.operation, framework))


@functools.lru_cache(maxsize=256)
def span_attributes(operation: str, framework: str) -> Mapping[str, str]:
    """Return what is on a generation's span from its start, for every caller.

    Cached: do not change the returned mapping. It has the outcome ``success``, the most frequent one:
    spans are exported when they have ended, and any other outcome is set then.
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
