"""Walk tracebacks cheaply: frames for fingerprints, a bounded text for people."""

from __future__ import annotations

import linecache
import sysconfig
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Final

from genmon_otel.conventions import PACKAGE
from genmon_otel.records import Frame
from genmon_otel.text import cut, safe_str, type_name

MAX_FRAMES: Final = 64
_MAX_WALK: Final = 2_000
_MAX_CHAIN: Final = 4

_OWN: Final = str(Path(__file__).parent)
_OWN_APPLICATIONS: Final = ("demo",)
_STDLIB: Final = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")} - {None})


def is_in_app(filename: str, module: str) -> bool:
    """Whether code at ``filename`` is the application's own."""
    return _is_in_app(filename, module.split(".", 2)[1] if module.startswith(f"{PACKAGE}.") else "")


@lru_cache(maxsize=4096)
def _is_in_app(filename: str, own_part: str) -> bool:
    path = filename.replace("\\", "/")
    if "/site-packages/" in path or "/dist-packages/" in path or path.startswith("<frozen"):
        return False
    if filename.startswith(_OWN):
        return own_part in _OWN_APPLICATIONS
    return not any(filename.startswith(f"{root}/") for root in _STDLIB)


def _walk(traceback: TracebackType | None) -> Iterator[TracebackType]:
    for _ in range(_MAX_WALK):
        if traceback is None:
            return
        yield traceback
        traceback = traceback.tb_next


def frames(error: BaseException) -> tuple[Frame, ...]:
    """Return the frames that decide which failure an error is, outermost first."""
    found: list[Frame] = []
    for link in _walk(error.__traceback__):
        code = link.tb_frame.f_code
        module = str(link.tb_frame.f_globals.get("__name__", ""))
        found.append(Frame(module, code.co_qualname, is_in_app(code.co_filename, module)))
    found.reverse()
    return tuple(found[:MAX_FRAMES])


def raise_site(error: BaseException) -> tuple[str, str, int]:
    """Return function, file and line of the innermost frame of the application."""
    site = ("", "", 0)
    for link in _walk(error.__traceback__):
        code = link.tb_frame.f_code
        module = str(link.tb_frame.f_globals.get("__name__", ""))
        if is_in_app(code.co_filename, module):
            site = (code.co_qualname, code.co_filename, link.tb_lineno or 0)
    return site


def format_stack(error: BaseException, limit: int = 4096) -> str:
    """Format an error and its causes, at most ``limit`` characters."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(seen) < _MAX_CHAIN:
        seen.add(id(current))
        parts.append("\n".join(_lines(current)))
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )
    return cut("\n\nThe above exception led to this one:\n\n".join(reversed(parts)), limit)


def _lines(error: BaseException) -> Iterable[str]:
    yield "Traceback (most recent call last):"
    links = list(_walk(error.__traceback__))
    if len(links) > 30:
        links = links[:10] + links[-20:]
    for link in links:
        code = link.tb_frame.f_code
        yield f'  File "{code.co_filename}", line {link.tb_lineno}, in {code.co_name}'
        line = linecache.getline(code.co_filename, link.tb_lineno or 0).strip()
        if line:
            yield f"    {line}"
    yield f"{type_name(error)}: {safe_str(error, 1000)}"
