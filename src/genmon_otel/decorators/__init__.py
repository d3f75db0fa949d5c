"""``generation``: the decorator for functions that generate something.

A decorator, bare or called, and a block. All checking is done at decoration; at
call time no error of genmon reaches the caller.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar, get_args, overload

from genmon_otel.conventions import NO_FRAMEWORK, OTHER
from genmon_otel.decorators.factories import check_parameters, checked_factories, refuse_others
from genmon_otel.decorators.stages import Runs, end_interrupted, phase, step
from genmon_otel.decorators.wrappers import checked_name, decorate, default_name, underlying, wrap
from genmon_otel.errors import GenmonError
from genmon_otel.payload import import_path
from genmon_otel.recorder import runtime
from genmon_otel.recorder.current import NoGeneration, current_generation, open_generation
from genmon_otel.recorder.generation import Generation
from genmon_otel.recorder.options import (
    ATTRIBUTE,
    Factory,
    Nested,
    Option,
    Spec,
    compile_option,
    constant_option,
    declared_members,
)
from genmon_otel.recorder.parameters import Parameters
from genmon_otel.recorder.scope import Scope
from genmon_otel.records import Capture, Severity
from genmon_otel.text import safe_repr

__all__ = ["current_generation", "generation", "phase", "step"]

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any]")

_IDENTITY: Final = ("framework", "user_id", "project_id", "request")


class GenerationBlock(Runs):
    """``generation(...)`` with its options: decorate with it, or open it as a block."""

    __slots__ = ("_is_checked", "_options", "_spec")

    def __init__(self, name: str | None, options: dict[str, Any]) -> None:
        self._options = options
        constants: dict[str, Any] = {key: constant_option(key, options[key]) for key in _IDENTITY}
        self._spec = Spec(
            operation="" if name is None else checked_name("generation", name),
            **{**options, **constants},
        )
        self._runs: list[Scope | None] = []
        self._is_checked = False

    def __call__(self, function: F) -> F:
        """Decorate a callable."""
        decorated: F = decorate("generation", function, self._build)
        return decorated

    def __enter__(self) -> Generation | NoGeneration:
        checked_name("generation", self._spec.operation)
        if not self._is_checked:
            self._check()
        scope = _open(self._spec, (), {})
        try:
            if scope is not None:
                scope.enter()
            self._runs.append(scope)
            return current_generation()
        except BaseException as error:
            end_interrupted(self._runs, scope, error)
            raise

    def __del__(self) -> None:
        for scope in getattr(self, "_runs", ()):
            if scope is not None and scope.is_open:  # leaving the block was interrupted
                scope.raised(GeneratorExit())

    def _check(self) -> None:
        """Refuse options that a block does not support."""
        for key in _IDENTITY:
            given = self._options[key]
            if given is not None and not isinstance(
                given, str
            ):  # a value computed by the caller may be empty
                compile_option(key, given, None)
        if self._options["failure_if"] is not None:
            raise _never_called("a block, which has no result")
        self._is_checked = True

    def _build(self, function: Callable[..., Any], receiver: bool | None) -> Callable[..., Any]:
        parameters = Parameters(function, receiver)
        options = self._options
        if options["failure_if"] is not None and _yields(underlying(function)):
            raise _never_called(f"{default_name(function)}, which yields its results one by one")
        check_parameters(options["factories"], parameters)
        compiled = {key: compile_option(key, options[key], parameters) for key in _IDENTITY}
        declared = _frameworks(function, options["framework"], parameters)
        spec = Spec(
            operation=self._spec.operation or default_name(function),
            function=function,
            target=import_path(underlying(function)),
            parameters=parameters,
            frameworks=frozenset(declared),
            **{**options, **compiled},
        )

        wrapper = wrap(function, functools.partial(_open, spec))
        setattr(wrapper, ATTRIBUTE, spec)
        declarable = _declarable(spec.framework, declared, parameters, options["framework"])
        runtime.register(
            runtime.Operation(spec.operation, *declarable, spec.severity), spec.target, wrapper
        )
        return wrapper


@overload
def generation(function: F, /) -> F: ...
@overload
def generation(
    name: str | None = None,
    /,
    *,
    framework: Any = None,
    user_id: Any = None,
    project_id: Any = None,
    request: Any = None,
    timeout_s: float | None = None,
    failure_if: Callable[[Any], object] | None = None,
    expected: type[BaseException] | Iterable[type[BaseException]] = (),
    severity: Severity | str | None = None,
    capture: Capture | None = None,
    nested: Nested = "phase",
    stream: bool = False,
    stall_s: float | None = None,
    factories: Mapping[str, Factory] | None = None,
) -> GenerationBlock: ...
@overload
def generation(
    *,
    name: str | None = None,
    framework: Any = None,
    user_id: Any = None,
    project_id: Any = None,
    request: Any = None,
    timeout_s: float | None = None,
    failure_if: Callable[[Any], object] | None = None,
    expected: type[BaseException] | Iterable[type[BaseException]] = (),
    severity: Severity | str | None = None,
    capture: Capture | None = None,
    nested: Nested = "phase",
    stream: bool = False,
    stall_s: float | None = None,
    factories: Mapping[str, Factory] | None = None,
) -> GenerationBlock: ...
def generation(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    framework: Any = None,
    user_id: Any = None,
    project_id: Any = None,
    request: Any = None,
    timeout_s: float | None = None,
    failure_if: Callable[[Any], object] | None = None,
    expected: type[BaseException] | Iterable[type[BaseException]] = (),
    severity: Severity | str | None = None,
    capture: Capture | None = None,
    nested: Nested = "phase",
    stream: bool = False,
    stall_s: float | None = None,
    factories: Mapping[str, Factory] | None = None,
    **others: Any,
) -> Any:
    """Make each call a generation: traced, counted, and kept if it fails.

    ``@generation``, ``@generation(framework="react")``, or a block:
    ``with generation("build_app", framework="react") as g:``. A decorated call inside an
    open generation is a phase of it.

    ``framework``, ``user_id``, ``project_id`` and ``request`` take a constant, the name of
    a parameter, or a callable that is given the arguments as a mapping by name. Unset, a
    parameter of that very name is used if its value is a ``str`` (ids: also ``int`` and
    ``UUID``); a framework found that way becomes a label only if it is declared: in
    ``setup(frameworks=...)``, by a ``Literal`` or by an Enum; else it is ``other``.

    Args:
        function: what to decorate, or the operation's name.
        name: the operation's name; None: the function's qualified name.
        framework: what is generated for.
        user_id: who asked.
        project_id: for which project.
        request: what was asked for; kept redacted and bounded.
        timeout_s: seconds after which a cancellation means that time ran out; None: only
            one that finds a step pending for ``stall_s`` does.
        failure_if: given the result, whether it is a failure after all.
        expected: exceptions that are the request's own fault: ``rejected``, no attempt.
        severity: of every failure; None: as classified.
        capture: what is kept for tests: ``off``, ``failures`` or ``all``; None: as set up.
        nested: ``attempt`` counts a call inside an open generation as one of its own.
        stream: a returned iterator belongs to the generation, which ends with it; the
            caller gets a proxy of it. Streaming responses with a ``body_iterator`` need no telling.
        stall_s: seconds a step may be pending before a cancellation means that it hung; None: 30.
        factories: what a replay makes ``self`` and arguments of that are no data, such as sessions,
            by parameter name: ``"package.module:name"`` of a callable or of the object itself, or a
            callable. What can be called without arguments is called.

    Raises:
        GenmonError: an option is not supported, or the decorated object is not callable.
    """
    refuse_others(others)
    options = {
        "framework": framework,
        "user_id": user_id,
        "project_id": project_id,
        "request": request,
        "timeout_s": _checked_seconds("timeout_s", timeout_s),
        "stall_s": _checked_seconds("stall_s", stall_s),
        "failure_if": _checked_callable("failure_if", failure_if),
        "expected": _checked_expected(expected),
        "severity": None if severity is None else Severity(_choice("severity", severity, Severity)),
        "capture": None if capture is None else _choice("capture", capture, get_args(Capture)),
        "nested": _choice("nested", nested, get_args(Nested)),
        "stream": _checked_flag("stream", stream),
        "factories": checked_factories(factories),
    }
    if isinstance(function, str) and name is not None:
        raise GenmonError(
            f"generation({safe_repr(function, 60)}, name={safe_repr(name, 60)}) names the operation "
            "twice. Give one of the two."
        )
    if function is None or isinstance(function, str):
        return GenerationBlock(function if function is not None else name, options)
    return GenerationBlock(name, options)(function)


def _open(spec: Spec, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Scope | None:
    """Begin a generation, or a phase of the open one. Never raises; None after an internal error."""
    try:
        generation = open_generation()
        if generation is not None and spec.nested == "phase":
            return generation.open_stage("phase", spec.operation)
        return Generation(spec, runtime.active, args, kwargs)
    except BaseException:
        runtime.suppress_and_count("start")
        return None


# --- what can be declared before the first call ---------------------------------


def _frameworks(
    function: Callable[..., Any], given: Any, parameters: Parameters
) -> tuple[str, ...]:
    """The frameworks that the annotation of the framework's parameter allows."""
    parameter = given if isinstance(given, str) else "framework"
    namespace = getattr(underlying(function), "__globals__", {})
    return declared_members(parameters.annotations.get(parameter), namespace)


def _declarable(
    option: Option, declared: tuple[str, ...], parameters: Parameters, given: Any
) -> tuple[tuple[str, ...], bool]:
    """The frameworks that an operation can have, and whether set-up's are among them."""
    if option.getter is None:
        return (option.constant or NO_FRAMEWORK,), False
    parameter = given if isinstance(given, str) else "framework"
    if not declared or callable(given):
        return (OTHER, NO_FRAMEWORK), True
    annotation = str(parameters.annotations.get(parameter))
    can_lack = "None" in annotation or "Optional" in annotation
    can_lack = can_lack or parameters.defaults.get(parameter, OTHER) is None
    can_differ = re.search(r"\bstr\b", annotation) is not None
    return (
        *declared,
        *((NO_FRAMEWORK,) if can_lack or can_differ else ()),
        *((OTHER,) if can_differ else ()),
    ), can_differ


# --- checks of options ------------------------------------------------------------


def _choice(option: str, value: Any, allowed: Iterable[str]) -> Any:
    names = tuple(str(name) for name in allowed)
    if isinstance(value, str) and str(value) in names:
        return str(value)
    raise GenmonError(
        f"{option}={safe_repr(value, 60)} is not allowed. Use one of: {', '.join(names)}."
    )


def _checked_flag(option: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise GenmonError(f"{option}={safe_repr(value, 60)} is not allowed. Use True or False.")


def _never_called(what: str) -> GenmonError:
    return GenmonError(
        f"failure_if was given for {what}: it would never be called. Raise an exception instead, "
        "or put it on a function that returns its result."
    )


def _yields(code: Any) -> bool:
    code = inspect.unwrap(code)
    return inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code)


def _checked_seconds(option: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
        return float(value)
    raise GenmonError(
        f"{option}={safe_repr(value, 60)} is not allowed. Give seconds, more than 0, or leave it out."
    )


def _checked_callable(option: str, value: Any) -> Any:
    if value is None or (callable(value) and not inspect.iscoroutinefunction(underlying(value))):
        return value
    raise GenmonError(
        f"{option}={safe_repr(value, 60)} is not allowed. Give a plain function of the result, "
        "for example failure_if=lambda result: not result['ok']."
    )


def _checked_expected(value: Any) -> tuple[type[BaseException], ...]:
    kinds = (value,) if isinstance(value, type) else value
    if isinstance(kinds, Iterable) and not isinstance(kinds, (str, bytes)):
        listed = tuple(kinds)
        if all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in listed):
            return listed
    raise GenmonError(
        f"expected={safe_repr(value, 60)} is not allowed. Give exception classes, "
        "for example expected=(InvalidPrompt,)."
    )
