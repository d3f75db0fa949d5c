"""What pytest's configuration of a folder allows to case files, read without pytest."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from genmon_otel.errors import ConfigurationError
from genmon_otel.regression.cases.trust import OPTIONS, PREFIX, Trust

#: Files in the order in which pytest looks for them, and where its options are in each. The
#: first that has such a section decides; pytest's own files decide even without one.
_FILES: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("pytest.toml", ("pytest",)),
    (".pytest.toml", ("pytest",)),
    ("pytest.ini", ("pytest",)),
    (".pytest.ini", ("pytest",)),
    ("pyproject.toml", ("tool", "pytest", "ini_options")),
    ("tox.ini", ("pytest",)),
    ("setup.cfg", ("tool:pytest",)),
)


def trust_in(folder: Path) -> Trust:
    """Read what the configuration in a folder allows; nothing where there is none.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    for name, section in _FILES:
        path = folder / name
        if not path.is_file():
            continue
        values = _section(path, section)
        if values is not None or name.lstrip(".").startswith("pytest."):
            return Trust.configured(values or {}, folder, name)
    return Trust()


def _section(path: Path, section: tuple[str, ...]) -> Mapping[str, Any] | None:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".toml":
            return _table(tomllib.loads(text), section)
        parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
        parser.read_string(text)
    except (OSError, ValueError, configparser.Error) as error:
        raise ConfigurationError(f"{path} cannot be read: {str(error)[:300]}") from None
    if not parser.has_section(section[0]):
        return None
    return {
        PREFIX + option: parser.get(section[0], PREFIX + option, fallback=None)
        for option in OPTIONS
    }


def _table(data: Any, section: tuple[str, ...]) -> Mapping[str, Any] | None:
    """A table of a TOML file; of ``tool.pytest.ini_options`` also the newer ``tool.pytest``."""
    found: Any = data
    for part in section:
        outer, found = found, found.get(part) if isinstance(found, Mapping) else None
    if found is None and section[-1] == "ini_options" and isinstance(outer, Mapping):
        found = outer
    return found if isinstance(found, Mapping) else None
