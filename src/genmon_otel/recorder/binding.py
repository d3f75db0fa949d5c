"""Arguments of decorated callables: found by name without ``inspect`` on each call.

``inspect.Signature.bind`` costs as much as a span. What a signature says is
compiled once, at decoration, into positions and names.
"""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, Literal, get_args, get_origin

from genmon_otel.errors import GenmonError
from genmon_otel.redaction import Redactor
from genmon_otel.text import clean, safe_str

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
Getter = Callable[[tuple[Any, ...], dict[str, Any]], Any]

#: Characters kept of an id, of a framework.
MAX_ID: Final = 200
MAX_FRAMEWORK: Final = 64

_EMPTY: Final = inspect.Parameter.empty
_RECEIVERS: Final = frozenset({"self", "cls", "mcs"})


class Parameters:
    """The compiled signature of one callable.

    Args:
        function: the undecorated callable.
        receiver: whether the first argument is the object or class it is called on;
            None: it is when a function of a class body names it ``self`` or ``cls``.
    """

    __slots__ = (
        "annotations",
        "defaults",
        "has_receiver",
        "keyword_only",
        "known",
        "names",
        "positional",
        "var_keyword",
        "var_positional",
    )

    def __init__(self, function: Callable[..., Any], receiver: bool | None = None) -> None:
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # some built-ins have none
            parameters = [
                inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
                inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
            ]
        kinds = inspect.Parameter
        in_order = (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
        self.positional = tuple(p.name for p in parameters if p.kind in in_order)
        self.known = frozenset(
            p.name
            for p in parameters
            if p.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)
        )
        self.keyword_only = tuple(p.name for p in parameters if p.kind is kinds.KEYWORD_ONLY)
        self.var_positional = _first(parameters, kinds.VAR_POSITIONAL)
        self.var_keyword = _first(parameters, kinds.VAR_KEYWORD)
        self.defaults = {p.name: p.default for p in parameters if p.default is not _EMPTY}
        self.annotations = {p.name: p.annotation for p in parameters}
        self.names = frozenset((*self.positional, *self.keyword_only))
        self.has_receiver = bool(self.positional) and (
            receiver
            if receiver is not None
            else self.positional[0] in _RECEIVERS and _in_class_body(function)
        )

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments that were passed, by name, receiver left out. Never raises.

        Surplus ones are under the names of ``*args`` and ``**kwargs``, or, where the
        callable takes none and is about to say so, left out.
        """
        bound = dict(zip(self.positional, args, strict=False))
        surplus = args[len(self.positional) :]
        if surplus and self.var_positional:
            bound[self.var_positional] = surplus
        if kwargs:
            more = {}
            for name, value in kwargs.items():
                if name in self.known:
                    bound[name] = value
                else:
                    more[name] = value
            if more and self.var_keyword:
                bound[self.var_keyword] = more
        if self.has_receiver:
            bound.pop(self.positional[0], None)
        return bound

    def bind_all(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """As :meth:`bind`, with the receiver and the defaults of what was not passed."""
        bound = {**self.defaults, **self.bind(args, kwargs)}
        if self.has_receiver and args:
            bound[self.positional[0]] = args[0]
        return bound

    def unbind(self, bound: Mapping[str, Any]) -> Arguments:
        """Arguments to call the callable with (receiver left out), from what :meth:`bind` gave."""
        rest = dict(bound)
        surplus = tuple(rest.pop(self.var_positional, ())) if self.var_positional else ()
        more = dict(rest.pop(self.var_keyword, {})) if self.var_keyword else {}
        args: list[Any] = []
        for name in self.positional[self.has_receiver :]:
            if name not in rest:
                break
            if name in self.known and not surplus:
                continue  # by name: later ones may have been left to their defaults
            args.append(rest.pop(name))
        return (*args, *surplus), {**rest, **more}

    def getter(self, name: str) -> Getter:
        """A function that finds one argument, or its default, in ``(args, kwargs)``."""
        default = self.defaults.get(name)
        if name not in self.positional:
            return lambda args, kwargs: kwargs.get(name, default)
        position = self.positional.index(name)
        return lambda args, kwargs: (
            args[position] if len(args) > position else kwargs.get(name, default)
        )


def _first(parameters: list[inspect.Parameter], kind: Any) -> str | None:
    return next((p.name for p in parameters if p.kind is kind), None)


def _in_class_body(function: Callable[..., Any]) -> bool:
    return "." in getattr(function, "__qualname__", "").rpartition("<locals>.")[2]


# --- options -----------------------------------------------------------------


class Option:
    """One of ``framework=``, ``user_id=``, ``project_id=``, ``request=``, compiled.

    Either a ``constant``, ready for use, or a ``getter`` of the raw value, or neither.
    """

    __slots__ = ("constant", "getter", "implicit", "name", "place")

    def __init__(
        self,
        name: str,
        constant: Any = None,
        getter: Getter | None = None,
        implicit: bool = False,
        place: int | None = None,
    ) -> None:
        self.name = name
        self.constant = constant
        self.getter = getter
        #: Of a parameter that can be passed in order, its place.
        self.place = place
        #: Whether nobody asked: a parameter just bears the option's name.
        self.implicit = implicit


def constant_option(option: str, given: Any) -> Option:
    """An option whose value is given as such; None where it is of no use."""
    if option == "framework":
        return Option(option, framework_name(given))
    if option == "request":
        return Option(option, given if isinstance(given, str) else None)
    return Option(option, identifier(given))


def _parameter_option(
    option: str, parameter: str, parameters: Parameters, *, implicit: bool = False
) -> Option:
    """An option whose value is that of a parameter."""
    in_order = parameters.positional
    place = in_order.index(parameter) if parameter in in_order else None
    return Option(option, getter=parameters.getter(parameter), implicit=implicit, place=place)


def compile_option(option: str, given: Any, parameters: Parameters | None) -> Option:
    """Work out where an option's value comes from.

    A string that names a parameter means that parameter's value; any other string
    is a constant. A callable gets the arguments as a mapping by parameter name.

    Args:
        option: the option's name, for messages and for the parameter of that very name.
        given: what the decorator was told; None means unset.
        parameters: those of the decorated callable; None for a block.

    Raises:
        GenmonError: the value is of a kind that cannot be honoured.
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
            f"{option}={safe_str(given, 60)} is asynchronous: nobody would await its answer. "
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
    """An id as text: from a ``str``, an ``int`` or a UUID; None from anything else."""
    if isinstance(value, str):
        return clean(value, MAX_ID).strip() or None
    if isinstance(value, uuid.UUID) or (isinstance(value, int) and not isinstance(value, bool)):
        return safe_str(value, MAX_ID)
    return None


def framework_name(value: Any, redactor: Redactor | None = None) -> str | None:
    """A framework as text: from a ``str`` or an Enum member; None from anything else.

    Args:
        value: what was given.
        redactor: given where a user may have had a hand in it; it becomes a label, an
            attribute and a column.
    """
    if isinstance(value, Enum):
        value = value.value if isinstance(value.value, str) else value.name
    if not isinstance(value, str):
        return None
    cut = clean if redactor is None else redactor.text
    return cut(value, MAX_FRAMEWORK).strip() or None


def request_text(value: Any, limit: int, *, implicit: bool) -> str | None:
    """What the user asked for, as text; never a web framework's request object.

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
    """The frameworks that a parameter's annotation allows: of a ``Literal`` or an Enum."""
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
