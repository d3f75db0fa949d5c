"""Record which environment variables the application reads that a replay does not have.

Replays have the declared environment only. Code that reads another variable takes
another way than it did, or breaks: the reviewer sees its name.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Final

from genmon_otel.stacks import is_in_app

#: Names that are kept.
_MAX_NAMES: Final = 20
_MAX_NAME: Final = 100
#: Modules through which a mapping is read.
_PASSED_THROUGH: Final = frozenset({"os", "_collections_abc", __name__})


def note_missing() -> list[str]:
    """Patch ``os.environ`` permanently; the list gets the names that the application reads."""
    missing: list[str] = []
    read: Any = os._Environ.__getitem__

    def get(environ: Any, key: Any) -> Any:
        try:
            return read(environ, key)
        except KeyError:
            if (
                isinstance(key, str)
                and key not in missing
                and len(missing) < _MAX_NAMES
                and _asked_by_the_application()
            ):
                missing.append(key[:_MAX_NAME])
            raise

    os._Environ.__getitem__ = get  # type: ignore[method-assign]
    return missing


def _asked_by_the_application() -> bool:
    frame: Any = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module not in _PASSED_THROUGH:
            return is_in_app(frame.f_code.co_filename, module)
        frame = frame.f_back
    return False
