"""The pages of the documentation, and the code blocks in them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

_FENCE = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]+) -->\s*\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)\n(?P=indent)```",
    re.M | re.S,
)


@dataclass(frozen=True)
class Block:
    """One code block of a page."""

    page: Path
    line: int
    language: str
    text: str
    #: Why it is not run, as the comment above it says: ``<!-- not run: reason -->``.
    not_run: str | None

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Every page that people write."""
    return sorted(
        [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md"),
         ROOT / "deploy" / "README.md"]
    )  # fmt: skip


def blocks(page: Path) -> Iterator[Block]:
    """Yield the code blocks of a page."""
    text = page.read_text(encoding="utf-8")
    for fence in _FENCE.finditer(text):
        line = text.count("\n", 0, fence.start("language")) + 1
        body = textwrap.dedent(fence["text"])
        yield Block(page, line, fence["language"], body, fence["reason"])


def prose(page: Path) -> str:
    """Return a page without its code blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Command:
    """One command line of a console block, and the output that the page shows for it."""

    block: Block
    line: str
    shown: str = ""


def commands(block: Block) -> Iterator[Command]:
    """Yield the command lines of a console block, without prompts and comments."""
    lines = block.text.replace("\\\n", " ").splitlines()
    with_prompt = any(line.startswith("$ ") for line in lines)
    line, shown = "", []
    quoted = False  # a quotation that goes over several lines
    for each in lines:
        begins = each.startswith("$ ") or (each.strip() != "" and not with_prompt)
        if quoted:
            line += "\n" + each
            quoted = not each.startswith('"')
        elif begins and not each.startswith("#"):
            if line:
                yield Command(block, line, "\n".join(shown))
            line, shown = _without_comment(each.removeprefix("$ ")), []
            quoted = line.endswith(' -c "')
        elif with_prompt:
            shown.append(each)
    if line:
        yield Command(block, line, "\n".join(shown))


def _without_comment(line: str) -> str:
    return re.sub(r"\s+# .*$", "", line).strip()


def fixed(source: str, diff: str) -> str:
    """Apply a page's diff: the lines with ``-`` become those with ``+``."""
    old, new = (
        "".join(line[1:] + "\n" for line in diff.splitlines() if line[0] == sign) for sign in "-+"
    )
    assert source.count(old) == 1
    return source.replace(old, new)
