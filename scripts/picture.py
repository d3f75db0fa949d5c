"""Draw the README's picture: what `genmon demo` shows, as it shows it, from what failed to the fix.

Run by hand when the demo's output changes, on a quiet machine: ``python -m scripts.picture``.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from genmon_otel.cli.demo import Show
from genmon_otel.cli.terminal import DEMO_FOLDER
from genmon_otel.demo.stage import Stage

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "demo.svg"
#: Columns of the terminal that is drawn.
COLUMNS = 104
#: Parts of the demo that are left out: the progress bar, and where files lie.
LEFT_OUT = frozenset("16")
#: Failures that are listed before an ellipsis takes the place of the rest.
LISTED = 4


def main() -> None:
    """Run the demo and write what it printed as an SVG that needs no font from elsewhere."""
    out = _console()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        show = Show(out, lambda: Stage(DEMO_FOLDER.resolve()))
        assert show.on_shipped_answers(), "a part of the demo failed"
    drawn = _console()
    shown = Text.from_ansi(out.export_text(styles=True)).split()
    drawn.print(Text("\n").join(_excerpt(shown)), no_wrap=True, overflow="ellipsis")
    svg = drawn.export_svg(title="genmon demo", theme=MONOKAI)
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.S)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(
        svg.replace("Fira Code", "Menlo, Consolas").replace(" https://www.textualize.io", ""),
        encoding="utf-8",
    )


def _console() -> Console:
    return Console(record=True, width=COLUMNS, color_system="truecolor", highlight=False)


def _excerpt(lines: Iterable[Text]) -> Iterator[Text]:
    act, failures, blank = "", 0, True
    for line in lines:
        if title := re.match(r"(\d)  \S.* ─", line.plain):
            act = title[1]
        failures += act == "3" and line.plain.startswith("F-")
        empty = not line.plain.strip()
        if act in LEFT_OUT or not act or (failures > LISTED and act == "3" and not empty):
            if failures == LISTED + 1 and line.plain.startswith("F-"):
                yield Text("…", style="dim")
                blank = False
            continue
        if not (empty and blank):
            yield line
        blank = empty


if __name__ == "__main__":
    main()
