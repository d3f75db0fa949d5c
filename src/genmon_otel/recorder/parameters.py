"""Parameters of decorated callables: arguments are found by name without ``inspect`` on each call.

``inspect.Signature.bind`` costs as much as a span. What a signature says is
compiled once, at decoration, into positions and names.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from genmon_otel.interruption import is_interruption

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
Getter = Callable[[tuple[Any, ...], dict[str, Any]], Any]

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
        """Return the arguments that were passed, by name, receiver left out. Never raises.

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
        """Return what :meth:`bind` does, with the receiver and the defaults of what was not passed."""
        bound = {**self.defaults, **self.bind(args, kwargs)}
        if self.has_receiver and args:
            bound[self.positional[0]] = args[0]
        return bound

    def unbind(self, bound: Mapping[str, Any]) -> Arguments:
        """Return arguments to call the callable with (receiver left out), from what :meth:`bind` gave."""
        rest = dict(bound)
        surplus = tuple(rest.pop(self.var_positional, ())) if self.var_positional else ()
        more = dict(rest.pop(self.var_keyword, {})) if self.var_keyword else {}
        args: list[Any] = []
        for name in self.positional[self.has_receiver :]:
            if name not in rest:
                break
            if name in self.known and not surplus:
                continue  # by name: later ones may use their defaults
            args.append(rest.pop(name))
        return (*args, *surplus), {**rest, **more}

    def getter(self, name: str) -> Getter:
        """Return a function that finds one argument, or its default, in ``(args, kwargs)``."""
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


#: Exact types that are immutable all the way down.
IMMUTABLE: Final = frozenset({str, int, float, bool, bytes, type(None)})


def are_immutable(values: Collection[Any]) -> bool:
    """Whether values are immutable all the way down."""
    try:
        return IMMUTABLE.issuperset(map(type, values))
    except BaseException as error:  # a metaclass says how its classes are hashed
        if is_interruption(error):
            raise
        return False
