"""Import paths: name a class or function in data, and find it again."""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from genmon_otel.errors import PayloadError

_MODULE: Final = re.compile(r"[\w-]+(\.[\w-]+)*\Z")
_PATH: Final = re.compile(r"[\w-]+(\.[\w-]+)*:[^\W\d]\w*(\.[^\W\d]\w*)*\Z")
#: Characters of an import path; real ones are far shorter.
MAX_PATH: Final = 300

#: Modules that data names no class in, though they are loaded.
_hidden: Collection[str] = ()


def import_path(thing: Any) -> str:
    """Return the import path of a class or function, ``package.module:Outer.name``.

    ``__main__`` is replaced by the name under which another process can import the same file. The
    path of a local class contains ``<locals>`` and cannot be imported (see :func:`is_importable`).
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


def module_name(module: ModuleType) -> str:
    """Return the name under which another process can import a module, ``__main__`` too."""
    return _main_module() if module.__name__ == "__main__" else module.__name__


def is_importable(thing: type) -> bool:
    """Whether a class is found by its import path in the loaded modules."""
    module = sys.modules.get(thing.__module__)
    found: Any = module
    for part in thing.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is thing and _PATH.match(import_path(thing)) is not None


def module_of(path: Any) -> str:
    """Return the module's name in an import path; the part after the colon is not checked.

    Raises:
        PayloadError: the path is malformed.
    """
    name = path.partition(":")[0] if isinstance(path, str) else ""
    if len(name) > MAX_PATH or not _MODULE.match(name):
        raise PayloadError(
            f"{str(path)[:MAX_PATH]!r} does not name a module. Write 'package.module:name'."
        )
    return str(name)


def parts_of(path: Any) -> tuple[str, list[str]]:
    """Split an import path into the module's name and the attribute names after the colon.

    Raises:
        PayloadError: the path is malformed.
    """
    if not isinstance(path, str) or len(path) > MAX_PATH or not _PATH.match(path):
        raise PayloadError(
            f"{str(path)[:MAX_PATH]!r} is not an import path. Write 'package.module:name'."
        )
    module_name, _, name = path.partition(":")
    return module_name, name.split(".")


@contextlib.contextmanager
def without_modules(names: Collection[str]) -> Iterator[None]:
    """Take modules for not loaded inside the block, where data names a class in them."""
    global _hidden
    before, _hidden = _hidden, names
    try:
        yield
    finally:
        _hidden = before


def loaded_module(name: str) -> Any:
    """Return a module that the application has imported; data never causes an import.

    Raises:
        PayloadError: the module is not loaded.
    """
    module = None if name in _hidden else sys.modules.get(name)
    if module is None:
        raise PayloadError(
            f"A recorded value needs {name}, which is not loaded. Import it at the top of the "
            "target's module."
        )
    return module


def find_class(path: Any) -> type:
    """Find a class that data names, in the loaded modules. Nothing is imported or called.

    Each name in the path must be a class that this module defines, not one that it imported and
    not one that ``__getattr__`` would create.

    Raises:
        PayloadError: the path is malformed, or there is no such class.
    """
    module_name, names = parts_of(path)
    module = _find_loaded(module_name)
    if module is None:
        raise PayloadError(
            f"{path!r} is in a module that is not loaded. Import {module_name} at the top of the "
            "target's module."
        )
    found: Any = module
    for name in names:
        found = vars(found).get(name)
        if not issubclass(type(found), type):  # isinstance() would ask it for its __class__
            raise PayloadError(f"{path!r}: {module_name} defines no class {'.'.join(names)!r}.")
        if _has_metaclass_code(found):
            raise PayloadError(
                f"{path!r} has a metaclass that runs code when the class is read: it is not used."
            )
    if found.__module__ != module.__name__ or found.__qualname__ != ".".join(names):
        raise PayloadError(f"{path!r}: {module_name} does not define it, it imported it.")
    return found  # type: ignore[no-any-return]


#: Attributes of a class that decoding reads. A metaclass that defines one could run code.
_ATTRIBUTES_READ: Final = frozenset(
    "__getattribute__ __getattr__ __hash__ __eq__ __dict__ __mro__ __module__ __name__ __qualname__ "
    "__subclasscheck__ _fields _member_map_ _value2member_map_ _missing_ __private_attributes__".split()
)
#: Packages whose metaclasses are allowed: reading their classes runs no code of the application.
_TRUSTED_METACLASSES: Final = frozenset(
    {"enum", "abc", "typing", "typing_extensions", "pydantic", "sqlmodel"}
)
_dict_of: Final = vars(type)["__dict__"].__get__
_mro_of: Final = vars(type)["__mro__"].__get__


def _has_metaclass_code(kind: type) -> bool:
    """Whether a class's metaclass runs code of its own when the class is read."""
    for each in _mro_of(type(kind)):
        if each is type:
            return False
        members = _dict_of(each)
        defined = _ATTRIBUTES_READ & members.keys()
        if str(members.get("__module__")).partition(".")[0] not in _TRUSTED_METACLASSES and any(
            callable(members[name]) or hasattr(type(members[name]), "__get__") for name in defined
        ):
            return True
    return False


def resolve(path: Any) -> Any:
    """Return the object that an import path names, importing its module if necessary.

    Only for paths that the application's code or its developers wrote, never for a path in recorded
    data (see :func:`find_class`). The object is not called.

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
    """Import the module of an import path; the part after the colon is not checked.

    Raises:
        PayloadError: the path is malformed, or the module cannot be imported.
    """
    module_name = module_of(path)
    module = _find_loaded(module_name)
    if module is None:
        try:
            module = importlib.import_module(module_name)
        except Exception as error:
            raise PayloadError(
                f"{path!r} cannot be imported: {type(error).__name__}: {str(error)[:200]}"
            ) from error
    return module


def _find_loaded(name: str) -> Any:
    """Return a loaded module, the main one also by its import name; None when it is not loaded."""
    module = None if name in _hidden else sys.modules.get(name)
    if module is None and (main := sys.modules.get("__main__")) is not None:
        return main if name == _main_module() else None
    return module
