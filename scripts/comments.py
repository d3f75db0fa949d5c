"""The ``#:`` comments of a module's source, by the line of code that they stand above."""

from __future__ import annotations

import re
from pathlib import Path

_CODE = re.compile(
    r"\s*(?:Column\(\s*\"(?P<column>\w+)\"|_count\(\"(?P<count>\w+)\"|(?P<name>\w+)\s*[:=])"
)


def comments(path: Path) -> dict[tuple[str, str], str]:
    """Return each comment, by the class or variable that it belongs to and the name below it.

    A comment above a class's or table's own line has the name twice.
    """
    found: dict[tuple[str, str], str] = {}
    owner, said = "", []
    for line in path.read_text(encoding="utf-8").splitlines():
        stripped = line.strip()
        if stripped.startswith("#:"):
            said.append(stripped.removeprefix("#:").strip())
            continue
        if stripped.startswith("#") and said:
            said.append(stripped.removeprefix("#").strip())
            continue
        if start := re.match(r"(?:class )?(\w+)(?:: Final)?(?: =|[(:])", line):
            owner = start[1]
        if said and (code := _CODE.match(line)):
            name = code["column"] or code["count"] or code["name"]
            found[(owner, name)] = " ".join(said)
        said = []
    return found
