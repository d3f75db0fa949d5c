"""Walk tracebacks cheaply: frames for fingerprints, a bounded text for people.

Raw ``tb_next`` links are followed rather than :mod:`traceback`'s summaries, which cost
forty times as much and format chains without end.
"""

from __future__ import annotations

import dis
import linecache
import re
import sys
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from types import CodeType, TracebackType
from typing import Final

from genmon_otel.conventions import PACKAGE
from genmon_otel.interruption import is_interruption
from genmon_otel.records import Frame
from genmon_otel.slots import (
    cause_of,
    context_of,
    hides_context,
    members_of,
    module_of,
    traceback_of,
)
from genmon_otel.text import cut, cut_between_words, safe_str, type_name

#: Characters kept of a stack as text.
MAX_STACK: Final = 4096
#: Distinct frames returned for a fingerprint, at most.
MAX_FRAMES: Final = 64
#: Attribute by which a recorded error of a missing program is known again without its frames.
PROGRAM_MARK: Final = "_genmon_missing_program"
#: Links of one traceback that are followed.
_MAX_LINKS: Final = 10_000
#: What a statement ``raise error`` compiles to; a frame that stands there called no other.
_RAISE: Final = dis.opmap["RAISE_VARARGS"]
#: Frames shown of one exception: so many where it began and so many where it broke.
_SHOWN: Final = (4, 12)
#: Exceptions shown of a chain: the last ones, and the first if it lies within this many.
_CHAIN_SHOWN: Final = 3
_CHAIN_WALKED: Final = 100
#: Members shown of an exception group; notes shown of an exception; characters of a message.
_MEMBERS_SHOWN: Final = 3
_MAX_NOTES: Final = 3
_MAX_MESSAGE: Final = 512
_MAX_LINE: Final = 160


def _posix(path: str) -> str:
    return path.replace("\\", "/")


_OWN: Final = _posix(str(Path(__file__).parent)) + "/"
#: The part of this package that is an application itself: its folder and its name.
_DEMO_FOLDER: Final = f"{_OWN}demo/"
_DEMO: Final = f"{PACKAGE}.demo"
_STDLIB: Final = tuple(
    {
        _posix(path).rstrip("/") + "/"
        for path in map(sysconfig.get_path, ("stdlib", "platstdlib"))
        if path
    }
)
#: Where installed code lies, in any environment, also one inside the project's folder.
_INSTALLED: Final = re.compile(
    r"/(?:site|dist)-packages/|/lib(?:64)?/python3\.[0-9]+/|/\.pex/|/__pypackages__/"
    r"|^/var/runtime/|^/opt/python/"
)
#: Names in angle brackets that stand for generated or frozen code of libraries.
_GENERATED: Final = (
    "<frozen", "<__array_function__", "<attrs generated", "<decorator-gen", "<makefun",
)  # fmt: skip


@lru_cache(maxsize=8192)
def is_in_app(filename: str, module: str) -> bool:
    """Whether code is the application's own: not the standard library, not installed, not ours.

    Args:
        filename: the code's file, or a name in angle brackets: ``<string>``, ``<stdin>`` and notebook
            cells are the application's, ``<frozen …>`` is not.
        module: name of the code's module, by which names in angle brackets are decided.
    """
    path = _posix(filename)
    if path.startswith("<"):
        if path.startswith(_GENERATED):
            return False
        return module.partition(".")[0] not in sys.stdlib_module_names - {"__main__"} and (
            module.partition(".")[0] != PACKAGE or module.startswith(_DEMO)
        )
    if path.startswith(_OWN):
        return path.startswith(_DEMO_FOLDER)
    return not (_INSTALLED.search(path) or path.startswith(_STDLIB))


@lru_cache(maxsize=8192)
def _frame(filename: str, module: str, function: str) -> Frame:
    return Frame(module, function, is_in_app(filename, module))


@lru_cache(maxsize=8192)
def _is_own(filename: str) -> bool:
    path = _posix(filename)
    return path.startswith(_OWN) and not path.startswith(_DEMO_FOLDER)


def frames(error: BaseException) -> tuple[Frame, ...]:
    """Return the frames that identify where one exception was raised, innermost first.

    A function that called itself, or whose callees called it again, is there once, at its
    outermost place: the depth at which a recursion breaks says nothing. An exception object
    that is raised again has the frames of where it was raised now.
    """
    found: dict[tuple[str, str, str], None] = {}
    last: CodeType | None = None
    for link in _of_this_raise(list(_links(traceback_of(error)))):
        frame = link.tb_frame
        code = frame.f_code
        if code is not last:
            found.setdefault((code.co_filename, _module(frame.f_globals), code.co_qualname))
            last = code
    return tuple(_frame(*key) for key in list(found)[: -MAX_FRAMES - 1 : -1])


def _of_this_raise(links: list[TracebackType]) -> list[TracebackType]:
    """Return the frames of the place where an exception was last raised.

    Python puts the frames of each raise before those of earlier ones (``Future.result()``, an
    error that is kept and raised elsewhere, one object that a module raises again and again).
    The newest stretch counts; in its place the oldest that passed through the function where
    the newest begins, which is the operation: an error that it keeps is one failure from the
    first time on. The stretch in which the exception was made belongs to it only where a library
    re-raised it or where it was caught in the same call; else another operation made it, which
    raises the same object.
    """
    begins = [0]
    for place, (before, link) in enumerate(pairwise(links), 1):
        frame = before.tb_frame
        if frame is not link.tb_frame and frame.f_code.co_code[before.tb_lasti] == _RAISE:
            begins.append(place)
    if len(begins) == 1:
        return links
    newest = links[: begins[1]]
    app = [link for link in newest if not _is_own(link.tb_frame.f_code.co_filename)] or newest
    here = app[0].tb_frame.f_code
    found, end = newest, begins[1]
    for begin, until in reversed(list(pairwise([*begins, len(links)]))):
        passed = [at for at in range(begin, until) if links[at].tb_frame.f_code is here]
        if begin and passed:
            found, end = links[passed[0] : until], until
            break
    made = links[begins[-1] :]
    if end < len(links) and _belongs(made, found):
        return [*found, *made]
    return found


def _of_app(link: TracebackType) -> bool:
    code = link.tb_frame.f_code
    return _frame(code.co_filename, _module(link.tb_frame.f_globals), code.co_qualname).in_app


def _belongs(made: list[TracebackType], found: list[TracebackType]) -> bool:
    """Return whether an exception that was made in one stretch was re-raised in another."""
    calls = {id(link.tb_frame) for link in found}
    return not _of_app(found[-1]) or id(made[0].tb_frame) in calls


def raise_site(error: BaseException) -> tuple[str, str, int]:
    """Return function, file and line of the innermost frame of the application.

    Of an exception that no frame of the application took part in: of the innermost frame
    that is not ours. ``("", "", 0)`` when there is none.
    """
    nearest: TracebackType | None = None
    for link in reversed(_of_this_raise(list(_links(traceback_of(error))))):
        code = link.tb_frame.f_code
        if _of_app(link):
            nearest = link
            break
        if nearest is None and not _is_own(code.co_filename):
            nearest = link
    if nearest is None:
        return ("", "", 0)
    code = nearest.tb_frame.f_code
    return (code.co_qualname, code.co_filename, nearest.tb_lineno or 0)


def is_of_missing_program(error: BaseException) -> bool:
    """Return whether an error says that a program which was to be started is not there.

    A ``FileNotFoundError`` alone does not say whether a program or a file is missing. The evidence is that
    ``subprocess``, which asyncio uses too, raised it of what it was to execute, by its bare name.
    """
    if type(error) is not FileNotFoundError:
        return False
    if error.__dict__.get(PROGRAM_MARK) is True:
        return True
    name = error.filename
    last = next(iter(list(_links(traceback_of(error)))[-1:]), None)
    if last is None or type(name) is not str or "/" in name or "\\" in name:
        return False
    frame = last.tb_frame
    if frame.f_code.co_name != "_execute_child" or _module(frame.f_globals) != "subprocess":
        return False
    held = frame.f_locals
    return held.get("orig_executable") == name and held.get("cwd") != name


def code_path(
    error: BaseException, limit: int
) -> tuple[tuple[int | str, ...] | None, tuple[CodeType, ...]]:
    """Return what decides everything that is said here of where an exception was raised.

    For each frame the identity of its code, which holds while the code objects that are
    returned as well are kept, the place in it, and the name of its module. ``None`` for more
    than ``limit`` frames.
    """
    path: list[int | str] = []
    codes: list[CodeType] = []
    link = traceback_of(error)
    while link is not None:
        if len(codes) == limit:
            return None, ()
        frame = link.tb_frame
        code = frame.f_code
        codes.append(code)
        path += id(code), link.tb_lasti, frame.f_globals.get("__name__", "")
        link = link.tb_next
    return tuple(path), tuple(codes)


def format_stack(error: BaseException, limit: int = MAX_STACK) -> str:
    """Format an exception with its causes as Python does, at most ``limit`` characters.

    Bounded in time as well: of a long chain the last exceptions and the first are shown,
    of a deep stack its ends, of a group its first members. Source lines are shown of the
    application's own files only. The caller redacts the result.
    """
    return cut_between_words("\n\n".join(_blocks(error)), limit)


def _links(traceback: TracebackType | None) -> Iterator[TracebackType]:
    for _ in range(_MAX_LINKS):
        if traceback is None:
            return
        yield traceback
        traceback = traceback.tb_next


def _module(namespace: dict[str, object]) -> str:
    name = namespace.get("__name__", "")
    return name if type(name) is str else ""


def _blocks(error: BaseException) -> Iterator[str]:
    """Yield the chain's exceptions, first one first, each followed by how it led to the next."""
    chain: list[tuple[BaseException, str]] = [(error, "")]
    seen = {id(error)}
    while len(chain) < _CHAIN_WALKED:
        last = chain[-1][0]
        cause, how = (
            cause_of(last),
            "The above exception was the direct cause of the following exception:",
        )
        if cause is None and not hides_context(last):
            cause, how = (
                context_of(last),
                "During handling of the above exception, another exception occurred:",
            )
        if cause is None or id(cause) in seen:
            break
        seen.add(id(cause))
        chain.append((cause, how))
    left_out = len(chain) - _CHAIN_SHOWN - 1
    if left_out > 0:
        ends = len(chain) < _CHAIN_WALKED
        chain[_CHAIN_SHOWN : None if not ends else -1] = []
    for place, (link, how) in reversed(list(enumerate(chain))):
        if left_out > 0 and place == _CHAIN_SHOWN - 1:
            yield f"[{left_out} or more exceptions of the chain left out]"
        yield "\n".join(_lines(link))
        if how:
            yield how


def _lines(error: BaseException) -> Iterator[str]:
    links = list(_links(traceback_of(error)))
    if links:
        yield "Traceback (most recent call last):"
        yield from _stack(links)
    yield _headline(error)
    for note in _notes(error)[:_MAX_NOTES]:
        yield _said(note)
    if issubclass(type(error), BaseExceptionGroup):
        members = members_of(error)
        for number, member in enumerate(members[:_MEMBERS_SHOWN], 1):
            yield f"  {number} of {len(members)}: {_headline(member)}"
            function, file, line = raise_site(member)
            if file:
                yield f'    File "{file}", line {line}, in {function}'
        if len(members) > _MEMBERS_SHOWN:
            yield f"  [{len(members) - _MEMBERS_SHOWN} more members left out]"


def _notes(error: BaseException) -> list[object]:
    try:
        notes = object.__getattribute__(error, "__dict__").get("__notes__")
    except BaseException as broken:  # a __dict__ of the class's own making
        if is_interruption(broken):
            raise
        return []
    return notes if type(notes) is list else []


def _headline(error: BaseException) -> str:
    kind = type_name(error)
    module = module_of(type(error))
    if type(module) is str and module not in ("builtins", "__main__"):
        kind = f"{module}.{kind}"
    message = _said(error)
    return f"{kind}: {message}" if message else kind


def _said(obj: object) -> str:
    return cut_between_words(safe_str(obj, 2 * _MAX_MESSAGE), _MAX_MESSAGE)


def _stack(links: list[TracebackType]) -> Iterator[str]:
    """Yield the lines of one traceback without our frames; of a deep one, of its ends."""
    head, tail = _SHOWN
    if len(links) > 8 * (head + tail):
        ends = [*links[: 2 * head], None, *links[-4 * tail :]]
        hidden = len(links) - 2 * head - 4 * tail
    else:
        ends, hidden = [*links], 0
    calls: list[tuple[CodeType, int, dict[str, object], int] | None] = []
    for link in ends:
        if link is None:
            calls.append(None)
            continue
        code, line = link.tb_frame.f_code, link.tb_lineno or 0
        last = calls[-1] if calls else None
        if last is not None and last[0] is code and last[1] == line:
            calls[-1] = (code, line, last[2], last[3] + 1)
        elif not _is_own(code.co_filename):
            calls.append((code, line, link.tb_frame.f_globals, 0))
    if len(calls) > head + tail + 1:
        hidden += sum(1 + call[3] for call in calls[head:-tail] if call)
        calls[head:-tail] = [None]
    for call in calls:
        if call is None:
            yield f"  [{hidden} frames left out]"
            continue
        code, line, namespace, repeated = call
        yield _place(code, line, namespace)
        if repeated:
            yield f"  [Previous line repeated {repeated} more times]"


#: Lines of stacks as they are shown: the same few come again and again.
_places: Final[dict[tuple[str, int, str, str], str]] = {}
_MAX_PLACES: Final = 4096


def _place(code: CodeType, line: int, namespace: dict[str, object]) -> str:
    """Return one frame as Python shows it, with its source line if that is the application's."""
    module = _module(namespace)
    key = (code.co_filename, line, code.co_qualname, module)
    shown = _places.get(key)
    if shown is None:
        shown = f'  File "{code.co_filename}", line {line}, in {code.co_qualname}'
        source = _source(code.co_filename, line, namespace)
        if source:
            shown = f"{shown}\n    {source}"
        if len(_places) >= _MAX_PLACES:
            _places.clear()
        if not code.co_filename.startswith("<"):  # another cell or string may bear this name
            _places[key] = shown
    return shown


def _source(filename: str, line: int, namespace: dict[str, object]) -> str:
    if not is_in_app(filename, _module(namespace)):
        return ""
    try:
        linecache.lazycache(filename, namespace)
        return cut(linecache.getline(filename, line).strip(), _MAX_LINE)
    except Exception:  # a loader of the application's may do anything
        return ""
