"""Find what a case names in the project's code, and refuse the rest before any of it runs.

Importing a module runs it: each module on the way is looked for first, and imported only
where its file is the project's own. Attributes are read without running properties or
``__getattr__``; each class and object on the way is one of the project's own classes.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

from genmon_otel import payload
from genmon_otel.conventions import MARK_FACTORY, MARK_POSTCONDITION
from genmon_otel.decorators.wrappers import underlying
from genmon_otel.errors import PayloadError
from genmon_otel.recorder.options import ATTRIBUTE, Spec
from genmon_otel.regression.cases.roots import Roots
from genmon_otel.regression.cases.trust import Trust

_MISSING: Final = object()
_ROOTS_REMEDY: Final = (
    "Code of the project that lies elsewhere is named by genmon_roots in pytest's configuration."
)


#: What a command line says where the target cannot be imported; pytest has another way to say where the code is.
ELSEWHERE: Final = "Is this where the application's code is? If not, go there (or give --cwd)."
REBIND: Final = "If it was renamed or moved: genmon cases rebind OLD NEW"


class Refused(Exception):
    """Raised when a case names something that it may not use."""


class Lookup:
    """Finds targets, postconditions and factories of a case.

    Args:
        roots: the project's own folders.
        trust: what the configuration, or a reviewer, allows by name.
    """

    def __init__(self, roots: Roots, trust: Trust) -> None:
        self._roots = roots
        self._trust = trust

    def module(self, path: str) -> ModuleType:
        """Import the module of an import path, where it is the project's own.

        Raises:
            Refused: it is not.
            PayloadError: there is none, or importing it raised.
        """
        name = payload.module_of(path)
        if self._roots.anywhere:
            loaded: ModuleType = payload.load(path)
            return loaded
        parts = name.split(".")
        module: Any = None
        for count in range(1, len(parts) + 1):
            dotted = ".".join(parts[:count])
            module = sys.modules.get(dotted)
            try:
                spec = importlib.util.find_spec(dotted) if module is None else module.__spec__
            except Exception as error:
                raise _unimportable(path, error) from None
            if module is None and spec is None:
                raise _unimportable(path, ModuleNotFoundError(f"No module named {dotted!r}"))
            self._check_file(dotted, module, spec)
            try:
                module = importlib.import_module(dotted)
            except Exception as error:
                raise _unimportable(path, error) from error
        assert module is not None
        return module  # type: ignore[no-any-return]

    def _check_file(self, name: str, module: Any, spec: Any) -> None:
        """Refuse a module whose file is not the project's own; a bare folder runs nothing."""
        file = _file(module, spec)
        if file is None:
            if spec is not None and spec.submodule_search_locations is not None:
                return
            raise Refused(f"the module {name} belongs to Python. {_ROOTS_REMEDY}")
        if objection := self._roots.objection(file):
            raise Refused(
                f"the module {name} is not the project's own: {objection}. {_ROOTS_REMEDY}"
            )

    def target(self, path: str, remembered: Callable[..., Any] | None) -> tuple[Any, Any]:
        """Find a target: what carries our decorator, or stands where such a function was defined.

        Args:
            path: its import path; the module is loaded.
            remembered: what was decorated as this target in this process.

        Returns:
            The target, and what its module holds in its place, where that is something else.

        Raises:
            Refused: it, or something on the way, is not the project's own, or nothing there
                carries the decorator.
            PayloadError: there is no such name.
        """
        try:
            holder, name, raw = self._reach(path)
        except PayloadError:
            if remembered is None:
                raise
            return self._own(path, remembered), None
        if _spec_of(raw) is not None:
            return self._own(path, _read(holder, name, raw)), None
        if remembered is not None:
            return self._own(path, remembered), _read(holder, name, raw)
        if issubclass(type(raw), ModuleType):
            raise Refused(f"{path}: {name} is a module. {_ROOTS_REMEDY}")
        return None, None  # not decorated: it is not used

    def _own(self, path: str, target: Any) -> Any:
        """Return the target, if the function that it decorates is defined in the project."""
        spec = _spec_of(target)
        if spec is not None and spec.function is not None:
            self._check_home(path, underlying(inspect.unwrap(spec.function)))
        return target

    def maker(self, path: str, named: tuple[Any, ...]) -> Any:
        """Find a factory: marked, named by the decorator, or allowed by name.

        Args:
            path: its import path.
            named: what the target's decorator names.
        """
        if path in self._trust.factories or path in named:
            return payload.resolve(path)
        return self._marked(path, MARK_FACTORY, "factory", "factories")

    def postcondition(self, path: str) -> Any:
        """Find a postcondition: marked, or allowed by name."""
        if path in self._trust.postconditions:
            return payload.resolve(path)
        return self._marked(path, MARK_POSTCONDITION, "postcondition", "postconditions")

    def receiver(self, path: str) -> Any:
        """Find the class of a target that is a method."""
        self.module(path)
        holder, name, raw = self._reach(path)
        if not issubclass(type(raw), type):
            raise PayloadError(f"{path!r} is no class.")
        self._check_home(path, raw)
        return _read(holder, name, raw)

    def _marked(self, path: str, mark: str, kind: str, option: str) -> Any:
        try:
            self.module(path)
            holder, name, raw = self._reach(path)
            if not _carries(raw, mark):
                raise Refused(f"{name} is not marked with @genmon_otel.testing.{kind}")
            self._check_home(path, underlying(_function(raw)))
        except Refused as refused:
            remedy = f"Put @genmon_otel.testing.{kind} above a function of the project's own"
            if path.partition(":")[0].partition(".")[0] not in sys.stdlib_module_names:
                remedy += f", or {self._trust.where()}:\n{self._trust.lines(option, [path])}"
            why = str(refused).partition(". ")[0].rstrip(".")
            raise Refused(f"{path} may not be a {kind}: {why}. {remedy}") from None
        return _read(holder, name, raw)

    def _reach(self, path: str) -> tuple[Any, str, Any]:
        """Follow an import path; return the holder, the name, and the raw attribute."""
        module_name, names = payload.parts_of(path)
        holder: Any = sys.modules[module_name]
        *way, last = names
        for name in way:
            raw = _held(path, holder, name)
            if issubclass(type(raw), ModuleType):  # isinstance() would ask it for its __class__
                raise Refused(f"{path}: {name} is another module. {_ROOTS_REMEDY}")
            is_class = issubclass(type(raw), type)
            if not is_class and hasattr(type(raw), "__get__"):
                raise Refused(
                    f"{path}: {name} is neither a class nor an object of the project's own."
                )
            self._check_home(path, raw if is_class else type(raw))
            holder = raw
        return holder, last, _held(path, holder, last)

    def _check_home(self, path: str, thing: Any) -> None:
        """Refuse a class or function that no module of the project's own defines."""
        if self._roots.anywhere:
            return
        classes = thing.__mro__[:-1] if isinstance(thing, type) else (thing,)
        objection = ""
        for each in classes:
            name = str(getattr(each, "__module__", ""))
            module = sys.modules.get(name)
            file = _file(module, getattr(module, "__spec__", None))
            found = self._roots.objection(file) if file else f"{name} belongs to Python"
            if not found:
                return
            objection = objection or found
        raise Refused(
            f"{path}: {getattr(thing, '__qualname__', thing)!s:.100} is not defined in the "
            f"project's own modules: {objection}. {_ROOTS_REMEDY}"
        )


def _file(module: Any, spec: Any) -> str | None:
    """Return the file of a module's code; None if it has none."""
    for file in (getattr(spec, "origin", None), getattr(module, "__file__", None)):
        if isinstance(file, str) and file not in ("built-in", "frozen", "namespace"):
            return file
    return None


def _unimportable(path: str, error: Exception) -> PayloadError:
    return PayloadError(f"{path!r} cannot be imported: {type(error).__name__}: {str(error)[:200]}")


def _held(path: str, holder: Any, name: str) -> Any:
    """Return a raw attribute of a holder, without running properties or ``__getattr__``."""
    found = (
        vars(holder).get(name, _MISSING)
        if isinstance(holder, ModuleType)
        else inspect.getattr_static(holder, name, _MISSING)
    )
    if found is _MISSING:
        module, _, whole = path.partition(":")
        raise PayloadError(f"{path!r}: {module} has no {whole!r}.")
    return found


def _read(holder: Any, name: str, raw: Any) -> Any:
    """Return the attribute as reading gives it: for a function in a class the method."""
    return raw if isinstance(holder, ModuleType) else getattr(holder, name)


def _spec_of(raw: Any) -> Spec | None:
    """Return the Spec that our decorator put on a callable, also below ``staticmethod`` and ``classmethod``."""
    for each in (raw, _function(raw)):
        found = inspect.getattr_static(each, ATTRIBUTE, None)
        if type(found) is Spec:
            return found
    return None


def _function(raw: Any) -> Any:
    """Return the function of a static or class method; anything else unchanged."""
    return raw.__func__ if issubclass(type(raw), (staticmethod, classmethod)) else raw


def _carries(raw: Any, mark: str) -> bool:
    """Return whether a mark was put on this object itself, not on a base class."""
    kinds = (FunctionType, type)  # other types may invent attributes in __getattr__
    return any(
        issubclass(type(each), kinds) and mark in vars(each) for each in (raw, _function(raw))
    )


def where_it_went(target: str) -> str:
    """Say why a target is not there, or what to do if it was renamed."""
    name = target.rpartition(":")[2]
    if "<locals>" in name:
        return (
            f"It is made by calling {name.partition('.<locals>')[0]}, which importing the module "
            "does not do. Define it at the top of its module, or keep one in a variable there."
        )
    module = sys.modules.get(target.partition(":")[0])
    if module is None or name.partition(".")[0] in vars(module):
        return REBIND
    try:
        tree = ast.parse(Path(vars(module)["__file__"]).read_bytes())
    except Exception:  # no source, or none that this Python reads
        return REBIND
    guarded = (
        inner
        for node in tree.body
        if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test)
        for inner in ast.walk(node)
    )
    if any(getattr(inner, "name", None) == name.partition(".")[0] for inner in guarded):
        return (
            "It is defined below if __name__ == '__main__': and so only where the file runs "
            "as a program. Define it above that line."
        )
    return REBIND
