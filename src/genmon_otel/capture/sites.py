"""Where in the application's code a call is made."""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache
from types import FrameType
from typing import Final

from genmon_otel.stacks import is_in_app

#: The role of a message, by its first letter: system, developer, user, assistant, tool, model, function.
_ROLE: Final = re.compile(rb'"role"\s*:\s*"([sduatmf])[a-z]{2,12}"')
#: Frames that are looked at, from the library outwards.
_FRAMES: Final = range(80)
#: Frames of the application that are kept.
_MAX_KEPT: Final = 8
#: The module whose functions call the decorated ones.
_WRAPPERS: Final = "genmon_otel.decorators.wrappers"
#: Files that are none of the application's; most frames are of one.
_foreign: Final[set[str]] = set()
_MAX_FOREIGN: Final = 4096
#: Frames between a module of the standard library and the program that it starts.
_NEAR_FRAMES: Final = 16


def call_site(skipped: int = 1, *, is_innermost: bool = False) -> tuple[str, tuple[int, ...]]:
    """Return ``file.py:function`` of the innermost frame of the application, and which frames of it there are.

    The file's name rather than the module's, which is ``__main__`` in one process of two. Of frames their identities, innermost
    first: a frame lives as long as its function runs, so one that an exception's traceback has is the same.

    Args:
        skipped: frames of ours, the caller's included.
        is_innermost: whether the innermost decorated function here is the generation's: no exception that leaves
            it has frames beyond.
    """
    site = ""
    frames: list[int] = []
    foreign = _foreign
    frame: FrameType | None = sys._getframe(skipped)
    for _ in _FRAMES:
        if frame is None:
            break
        if frame.f_code.co_filename not in foreign:
            code = frame.f_code  # by its strings: what hashes a code object reads all its constants
            module = str(frame.f_globals.get("__name__", ""))
            if module == _WRAPPERS:
                if is_innermost and site:
                    break
            elif found := _site(code.co_filename, code.co_qualname, module):
                site = site or found
                frames.append(id(frame))
                if len(frames) >= _MAX_KEPT:
                    break
        frame = frame.f_back
    return site, tuple(frames)


def site_of_messages(body: bytes | None) -> str:
    """Return roles and number of a request's messages, for a call that no frame of the application made.

    ``messages sua×3``: system, user, assistant, three of them. Empty where there are none. Prebuilt agents run where the
    application's frames are not: in tasks and threads of their own.
    """
    roles = [role.decode() for role in _ROLE.findall(body or b"")]
    if not roles:
        return ""
    return f"messages {''.join(dict.fromkeys(roles))}×{len(roles)}"


def is_asked_by(*modules: str) -> bool:
    """Whether code of one of these modules is about to start a program: a few frames outwards."""
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_NEAR_FRAMES):
        if frame is None:
            return False
        if frame.f_globals.get("__name__") in modules:
            return True
        frame = frame.f_back
    return False


@lru_cache(maxsize=4096)
def _site(file: str, function: str, module: str) -> str:
    if not is_in_app(file, module):
        if len(_foreign) < _MAX_FOREIGN and not file.startswith("<"):
            _foreign.add(file)
        return ""
    return f"{os.path.basename(file)}:{function}"
