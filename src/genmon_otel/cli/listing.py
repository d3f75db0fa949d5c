"""Print lists: each entry is one aligned line, with a second line of text below it.

A narrow terminal cuts the second line off rather than wrapping it; where nobody
looks at a terminal nothing is cut.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from genmon_otel.cli.output import marked, one_line

#: Between two columns.
_GAP = "  "


class Listing:
    """Columns, and below each entry a line of its own.

    Args:
        columns: the heads; one that begins with ``>`` is aligned to the right.
    """

    def __init__(self, *columns: str) -> None:
        self._heads = [column.removeprefix(">") for column in columns]
        self._right = [column.startswith(">") for column in columns]
        self._entries: list[tuple[list[Text], Text]] = []

    def add(self, *cells: str | Text, below: str = "") -> None:
        """Add an entry: cells of plain or of styled text, and the plain text below them."""
        texts = [cell if isinstance(cell, Text) else Text(one_line(cell)) for cell in cells]
        self._entries.append((texts, marked("[dim]{}[/]", below)))

    def print(self, out: Console) -> None:
        """Print it."""
        heads = [Text(head, style="dim") for head in self._heads]
        rows = [heads, *(cells for cells, _ in self._entries)]
        widths = [max(cell_len(row[at].plain) for row in rows) for at in range(len(heads))]
        self._line(out, heads, widths)
        for cells, below in self._entries:
            self._line(out, cells, widths)
            if below.plain:
                _print(out, Text("    ").append_text(below))

    def _line(self, out: Console, cells: Sequence[Text], widths: Sequence[int]) -> None:
        line = Text()
        for cell, width, right in zip(cells, widths, self._right, strict=True):
            space = " " * (width - cell_len(cell.plain))
            parts = (space, cell) if right else (cell, space)
            line = Text.assemble(line, _GAP if line.plain else "", *parts)
        line.rstrip()
        _print(out, line)


def _print(out: Console, line: Text) -> None:
    if out.is_terminal:
        out.print(line, no_wrap=True, overflow="ellipsis")
    else:
        out.print(line, soft_wrap=True)
