"""The option ``factories`` of ``@generation``, checked at decoration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from genmon_otel.errors import GenmonError
from genmon_otel.recorder.parameters import Parameters
from genmon_otel.text import safe_repr

_EXAMPLE: Final = "{'self': 'package.module:make_orchestrator'}"


def checked_factories(given: Any) -> dict[str, Any]:
    """Return the factories by parameter name; an empty mapping where none were given.

    Raises:
        GenmonError: it is no mapping from names to import paths or callables.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping) and all(isinstance(parameter, str) for parameter in given):
        return {
            parameter: _checked(f"factories[{parameter!r}]", factory)
            for parameter, factory in given.items()
        }
    raise GenmonError(
        f"factories={safe_repr(given, 60)} is not allowed. Give a mapping from parameter names to "
        f"factories, for example {_EXAMPLE}."
    )


def check_parameters(factories: Mapping[str, Any], parameters: Parameters) -> None:
    """Refuse a factory of what is no parameter; a method's first one may be called ``self``.

    Raises:
        GenmonError: it names the parameters that there are.
    """
    for parameter in factories:
        is_receiver = parameter == "self" and parameters.has_receiver
        if not (is_receiver or parameter in parameters.names or parameters.var_keyword):
            raise GenmonError(
                f"factories={{{parameter!r}: ...}} names no parameter. "
                f"There are: {', '.join(sorted(parameters.names)) or 'none'}."
            )


def refuse_others(others: Mapping[str, Any]) -> None:
    """Refuse options that ``@generation`` does not have.

    Raises:
        GenmonError: it says what to write instead.
    """
    if "factory" in others:
        raise GenmonError(
            f"factory={safe_repr(others['factory'], 60)} is not allowed: factories are given by "
            f"parameter name. Write factories={{'self': {safe_repr(others['factory'], 60)}}}."
        )
    if others:
        raise GenmonError(
            f"generation() has no option {', '.join(map(repr, others))}. There are: name, framework, "
            "user_id, project_id, request, timeout_s, failure_if, expected, severity, capture, "
            "nested, stream, stall_s, factories."
        )


def _checked(option: str, factory: Any) -> Any:
    if callable(factory):
        return factory
    if isinstance(factory, str):
        module, _, name = factory.partition(":")
        if all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
            return factory
    raise GenmonError(
        f"{option}={safe_repr(factory, 60)} is not allowed. Give the import path of a callable without "
        "arguments or of the object itself, for example 'package.module:make_orchestrator', or a "
        "callable without arguments."
    )
