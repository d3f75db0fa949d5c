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


def resolve(path: Any) -> Any:
    """Find what an import path names, importing its module if need be. Nothing is called.

    Raises:
        PayloadError: the path is malformed, its module cannot be imported, or the name is gone.
    """
    if not isinstance(path, str) or len(path) > MAX_PATH or not _PATH.match(path):
        raise PayloadError(
            f"{str(path)[:MAX_PATH]!r} is no import path. Write 'package.module:name'."
        )
    module_name, _, name = path.partition(":")
    found: Any = load(path)
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise PayloadError(f"{path!r}: {module_name} has no {name!r}.") from None
    return found


def load(path: str) -> Any:
    """Import the module of an import path, whatever it names there.

    Raises:
        PayloadError: there is none, or it cannot be imported.
    """
    module_name = path.partition(":")[0]
    if not _MODULE.match(module_name):
        raise PayloadError(f"{path[:MAX_PATH]!r} names no module. Write 'package.module:name'.")
    main = sys.modules.get("__main__")
    module: Any = sys.modules.get(module_name)
    if module is None and main is not None and module_name == _main_module():
        module = main
    if module is None:
        try:
            module = importlib.import_module(module_name)
        except Exception as error:
            raise PayloadError(
                f"{path!r} cannot be imported: {type(error).__name__}: {str(error)[:200]}"
            ) from error
    return module
