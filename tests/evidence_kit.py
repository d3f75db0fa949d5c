"""Make exceptions of classes that need not be installed, from the lines of tests/data/classification."""

from __future__ import annotations

import builtins
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

DATA = Path(__file__).parent / "data" / "classification"


def entries(path: Path) -> Iterator[dict[str, Any]]:
    """Yield one entry for each line."""
    for line in path.read_text().splitlines():
        if line.strip():
            yield json.loads(line)


def class_named(dotted: str, bases: list[str]) -> type[BaseException]:
    """Make a class of this name in its module, derived from classes of these names.

    Args:
        dotted: ``package.module.Class``, or the bare name of a built-in one.
        bases: names along the MRO, nearest first; empty for ``Exception`` alone.
    """
    made: type[BaseException] = Exception
    for name in (*reversed(bases), dotted):
        module, _, bare = name.rpartition(".")
        built_in = getattr(builtins, bare, None)
        if module in ("", "builtins") and isinstance(built_in, type):
            if not issubclass(made, built_in):
                made = built_in
            continue
        if bare == made.__name__ and module == made.__module__:
            continue
        made = type(bare, (made,), {"__module__": module or "shop.errors"})
    return made


def error_of(entry: Mapping[str, Any]) -> BaseException:
    """Make the exception that an entry describes.

    ``output`` makes a ``CalledProcessError``; anything else is an instance of ``type`` that
    says ``message`` and carries ``status_code``, ``code``, ``body``, ``response``, ``attrs``.
    """
    if "output" in entry:
        return subprocess.CalledProcessError(
            entry.get("returncode", 1), entry["command"], stderr=entry["output"]
        )
    if entry.get("exceptions") or entry["type"].endswith("ExceptionGroup"):
        members = entry.get("exceptions") or [{"type": "ValueError", "message": "one"}]
        return ExceptionGroup(entry["message"], [error_of(each) for each in members])  # type: ignore[list-item]
    cause = entry.get("cause")
    kind = class_named(entry["type"], entry.get("mro") or entry.get("bases") or [])
    if issubclass(kind, BaseExceptionGroup):  # cattrs' groups
        return kind(entry["message"], [ValueError("one")])
    error = kind.__new__(kind, entry["message"])
    error.args = (entry["message"],)
    if type(error).__str__ not in (BaseException.__str__, KeyError.__str__):
        plain = type(kind.__name__, (kind,), {"__module__": kind.__module__, "__str__": _first})
        error = plain.__new__(plain)
        error.args = (entry["message"],)
    held = {name: entry.get(name) for name in ("status_code", "code", "body", "errno")}
    response = entry.get("response")
    where = entry.get("status_at", "status_code")  # where the library keeps the status
    if where != "status_code" and (status := held.pop("status_code")):
        if where.startswith("response["):
            response = {"ResponseMetadata": {"HTTPStatusCode": status}, **(response or {})}
        elif where.startswith("response."):
            response = {**(response or {}), where.removeprefix("response."): status}
        else:
            held[where] = status
    if (
        isinstance(response, dict)
        and "ResponseMetadata" not in response
        and "Error" not in response
    ):
        response = SimpleNamespace(**response)
    if kind.__module__.startswith("botocore") and isinstance(held["body"], dict):
        response = held.pop("body") | (response if isinstance(response, dict) else {})
    if isinstance(error, OSError) and isinstance(held["code"], int):
        held["errno"] = held.pop("code")
    held |= {"response": response, **entry.get("attrs", {})}
    if kind.__module__.startswith("google.genai"):
        held["details"] = held.pop("body")
    for name, value in held.items():
        if value is not None:
            try:
                setattr(error, name, value)
            except (AttributeError, TypeError):
                error.__dict__[name] = value
    error.__cause__ = error_of({"message": "", **cause}) if cause else None
    if context := entry.get("context"):
        error.__context__ = error_of({"message": "", **context})
    return error


def _first(error: BaseException) -> str:
    return str(error.args[0])
