"""Import paths: how a class is named in data, and found again."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any, Final

from genmon_otel.errors import PayloadError

_MODULE: Final = re.compile(r"[\w-]+(\.[\w-]+)*\Z")
_PATH: Final = re.compile(r"[\w-]+(\.[\w-]+)*:[^\W\d]\w*(\.[^\W\d]\w*)*\Z")
#: Characters of an import path; real ones are far shorter.
MAX_PATH: Final = 300


def import_path(thing: Any) -> str:
    """Name a class or function ``package.module:Outer.name``.

    ``__main__`` becomes the name under which another process can import the same file.
    Not necessarily importable: ``<locals>`` stays in the name (see :func:`is_importable`).
    """
    module = getattr(thing, "__module__", None)
    name = getattr(thing, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return "?:?"
    if module == "__main__":
        module = _main_module()
    return f"{module}:{name}".encode("ascii", "backslashreplace").decode()[:MAX_PATH]


def _main_module() -> str:
    main = sys.modules.get("__main__")
    if (spec := getattr(main, "__spec__", None)) is not None:
        return str(spec.name)
    file = getattr(main, "__file__", None)
    return Path(file).stem if isinstance(file, str) else "__main__"


def is_importable(thing: type) -> bool:
    """Whether its import path leads back to it, in the modules that are loaded."""
    module = sys.modules.get(thing.__module__)
    found: Any = module
    for part in thing.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is thing and _PATH.match(import_path(thing)) is not None


def module_of(path: Any) -> str:
    """The module of an import path, whatever it names there.

    Raises:
        PayloadError: it is malformed.
    """
    name = path.partition(":")[0] if isinstance(path, str) else ""
    if len(name) > MAX_PATH or not _MODULE.match(name):
        raise PayloadError(
            f"{str(path)[:MAX_PATH]!r} names no module. Write 'package.module:name'."
        )
    return str(name)


def parts_of(path: Any) -> tuple[str, list[str]]:
    """The module of an import path, and the names that lead to the thing in it.

    Raises:
        PayloadError: it is malformed.
    """
    if not isinstance(path, str) or len(path) > MAX_PATH or not _PATH.match(path):
        raise PayloadError(
            f"{str(path)[:MAX_PATH]!r} is no import path. Write 'package.module:name'."
        )
    module_name, _, name = path.partition(":")
    return module_name, name.split(".")


def loaded(name: str) -> Any:
    """A library's module, where the application has loaded it: nothing is imported for a value.

    Raises:
        PayloadError: it has not.
    """
    module = sys.modules.get(name)
    if module is None:
        raise PayloadError(
            f"A recorded value needs {name}, which is not loaded. Import it at the top of the "
            "target's module."
        )
    return module


def find_class(path: Any) -> type:
    """Find a class that data names, in the modules that are loaded. Nothing is imported or called.

    Each name on the way is a class that its module defines: no other module's, and nothing
    that a module or class makes up when it is asked.

    Raises:
        PayloadError: the path is malformed, or there is no such class.
    """
    module_name, names = parts_of(path)
    module = _loaded(module_name)
    if module is None:
        raise PayloadError(
            f"{path!r} is of a module that is not loaded. Import {module_name} at the top of the "
            "target's module."
        )
    found: Any = module
    for name in names:
        found = vars(found).get(name)
        if not issubclass(type(found), type):  # isinstance() would ask it for its __class__
            raise PayloadError(f"{path!r}: {module_name} defines no class {'.'.join(names)!r}.")
        if _speaks_for_itself(found):
            raise PayloadError(f"{path!r} has a metaclass with a say in how it is read: it is not.")
    if found.__module__ != module.__name__ or found.__qualname__ != ".".join(names):
        raise PayloadError(f"{path!r}: {module_name} does not define it, it has it from elsewhere.")
    return found  # type: ignore[no-any-return]


#: What is read of a class; a metaclass that defines one of these would run for it.
_READ_OF_CLASSES: Final = frozenset(
    "__getattribute__ __getattr__ __hash__ __eq__ __dict__ __mro__ __module__ __name__ __qualname__ "
    "__subclasscheck__ _fields _member_map_ _value2member_map_ _missing_ __private_attributes__".split()
)
#: Whose metaclasses may: reading a class of theirs runs none of the application's code.
_METACLASSES: Final = frozenset(
    {"enum", "abc", "typing", "typing_extensions", "pydantic", "sqlmodel"}
)
_spaces_of: Final = vars(type)["__dict__"].__get__
_bases_of: Final = vars(type)["__mro__"].__get__


def _speaks_for_itself(kind: type) -> bool:
    """Whether a class's metaclass has code of its own that runs when the class is looked at."""
    for each in _bases_of(type(kind)):
        if each is type:
            return False
        space = _spaces_of(each)
        said = _READ_OF_CLASSES & space.keys()
        if str(space.get("__module__")).partition(".")[0] not in _METACLASSES and any(
            callable(space[name]) or hasattr(type(space[name]), "__get__") for name in said
        ):
            return True
    return False


def resolve(path: Any) -> Any:
    """Find what an import path of the project's own code names, importing its module if need be.

    Only for what the code or a person wrote, never for a path out of recorded data (see
    :func:`find_class`). What is found is not called.

    Raises:
        PayloadError: the path is malformed, its module cannot be imported, or the name is gone.
    """
    module_name, names = parts_of(path)
    found: Any = load(path)
    for name in names:
        try:
            found = getattr(found, name)
        except AttributeError:
            raise PayloadError(f"{path!r}: {module_name} has no {'.'.join(names)!r}.") from None
    return found


def load(path: str) -> Any:
    """Import the module of an import path, whatever it names there.

    Raises:
        PayloadError: there is none, or it cannot be imported.
    """
    module_name = module_of(path)
    module = _loaded(module_name)
    if module is None:
        try:
            module = importlib.import_module(module_name)
        except Exception as error:
            raise PayloadError(
                f"{path!r} cannot be imported: {type(error).__name__}: {str(error)[:200]}"
            ) from error
    return module


def _loaded(name: str) -> Any:
    """A module that is loaded; the main one also by the name that others import it by."""
    module = sys.modules.get(name)
    if module is None and (main := sys.modules.get("__main__")) is not None:
        return main if name == _main_module() else None
    return module
