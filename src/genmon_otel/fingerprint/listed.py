"""Leave out how many items a message lists: the same error of one item or of four is one failure."""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.text import GAP, without_digits

#: Characters of a longer message that are not looked at: its ends are cut out of it as it is.
LIMIT: Final = 32 * 1024
#: Lines of a message that has more than these are not compared with each other.
_MAX_LINES: Final = 1_000
#: Characters of a line that is too short to be compared.
_SHORTEST: Final = 3

_PYDANTIC: Final = " validation error"
_INDEX: Final = re.compile(r"(?<![\w-])[0-9]+(?![\w-])")
#: A value that a statement is run with, as drivers write it.
_BOUND: Final = r"(?:\?|%s|\$[0-9]+|[:@]\w+|%\(\w+\)s)(?:::[A-Za-z ]+(?:\[\])?)?"
_BOUND_AGAIN: Final = re.compile(rf"({_BOUND})(?:,\s?{_BOUND})+")
_ROW_AGAIN: Final = re.compile(rf"(\(\s?{_BOUND}\s?\))(?:,\s*\(\s?{_BOUND}\s?\))+")

_PIECE: Final = re.compile(r"'[^']*'|[\[({]|[\])}]|,|[^'\[\](){},]+|'")
#: ``3 sections failed: hero, menu, footer``
_ENUMERATED: Final = re.compile(r"(?<=: )[\w.'<>-]{1,64}(?:, [\w.'<>-]{1,64})+(?=[.;)\]]?$)")
_CLOSING: Final = {"[": "]", "(": ")", "{": "}"}


def distinct(text: str) -> str:
    """Return a text of several lines without those that report the same error of another item.

    Pydantic's errors come in the order of their fields; of other lines each stays that is
    new but for its digits, and for the file that it begins with.
    """
    if len(text) > LIMIT or not 0 < text.count("\n") <= _MAX_LINES:
        return text
    lines = text.split("\n")
    if _PYDANTIC in text:
        for place, line in enumerate(lines):
            before, found, _ = line.partition(_PYDANTIC)
            if found and before[-1:].isdigit():
                return "\n".join([*lines[: place + 1], *_pydantic(lines[place + 1 :])])
    known: set[str] = set()
    kept: list[str] = []
    for line, digitless in zip(lines, without_digits(text).split("\n"), strict=True):
        bare = digitless.strip()
        if bare in known and len(bare) > _SHORTEST:
            continue
        known.add(bare)
        first, _, rest = line.strip().partition(" ")
        if rest and first[-1] in "0123456789:)" and ("." in first or "/" in first):
            said = bare.partition(" ")[2].strip()
            if len(said) > _SHORTEST and said in known:
                continue
            known.add(said)
        kept.append(line)
    return text if len(kept) == len(lines) else "\n".join(kept)


def _pydantic(lines: list[str]) -> list[str]:
    """Its errors, each once: a line that says where, and indented ones that say what."""
    blocks: dict[str, list[str]] = {}
    rest: list[str] = []
    place = 0
    while place < len(lines):
        if GAP in lines[place]:  # what was cut out of a text that is too long
            place += 1
            continue
        end = place + 1
        while end < len(lines) and lines[end].startswith("  "):
            end += 1
        if end == place + 1:  # not followed by what is wrong there
            rest = lines[place:]
            break
        where = _INDEX.sub("0", lines[place])
        what, _, more = lines[place + 1].partition(" [type=")
        said = f"{where}\n{without_digits(what)}\n{more.partition(',')[0]}"
        if not any(GAP in line for line in lines[place:end]):
            blocks.setdefault(said, [where, *lines[place + 1 : end]])
        place = end
    return [line for said in sorted(blocks) for line in blocks[said]] + rest


def bound_once(statement: str) -> str:
    """Return a statement of SQL with each list of bound values as one: ``IN (?)``."""
    statement = statement[:LIMIT]
    for bound in ("?", "%s"):  # the usual ones first, which an expression takes far longer for
        while f"{bound}, {bound}, {bound}, {bound}" in statement:
            statement = statement.replace(f"{bound}, {bound}", bound)
        row = f"({bound})"
        for several in (f"({bound}, {bound}, {bound})", f"({bound}, {bound})"):
            statement = statement.replace(several, row)
        while f"{row}, {row}, {row}, {row}" in statement:
            statement = statement.replace(f"{row}, {row}", row)
    return _ROW_AGAIN.sub(r"\1", _BOUND_AGAIN.sub(r"\1", statement))


def members_once(text: str) -> str:
    """Return a text in which lists hold each member once, and those without an order are sorted.

    In round brackets, which also hold paths and arguments, only equal neighbours are merged.
    """
    opened: list[tuple[str, list[str]]] = [("", [""])]
    for piece in _PIECE.findall(text):
        mark, members = opened[-1]
        if piece in _CLOSING:
            opened.append((piece, [""]))
        elif mark and piece == ",":
            members.append("")
        elif mark and piece == _CLOSING[mark]:
            opened.pop()
            opened[-1][1][-1] += f"{mark}{_joined(mark, members)}{piece}"
        else:
            members[-1] += piece
    text = "".join(mark + ",".join(members) for mark, members in opened)
    return _ENUMERATED.sub(_in_order, text)


def _in_order(match: re.Match[str]) -> str:
    return ", ".join(sorted(set(match[0].split(", "))))


def _joined(mark: str, members: list[str]) -> str:
    if len(members) == 1:
        return members[0]
    if mark == "(":
        bare = [each.strip() for each in members]
        kept = [each for at, each in enumerate(members) if not at or bare[at] != bare[at - 1]]
        return ",".join(kept)
    known = dict.fromkeys(each.strip() for each in members)
    if len(known) > 1:
        known.pop("...", None)  # there are more that say the same
    if all(each.startswith("'") and each.endswith("'") for each in known):
        return ", ".join(sorted(known))
    return ", ".join(known) if len(known) < len(members) else ",".join(members)
