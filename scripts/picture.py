"""Draw the README's picture: what `genmon demo` shows, as it shows it.

Run by hand when the demo's output changes: ``python -m scripts.picture``.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from genmon_otel.cli.demo import Show
from genmon_otel.cli.terminal import DEMO_FOLDER
from genmon_otel.demo.stage import Stage

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "demo.svg"
#: Columns of the terminal that is drawn.
COLUMNS = 104


def main() -> None:
    """Run the demo and write what it printed as an SVG that needs no font from elsewhere."""
    out = Console(record=True, width=COLUMNS, color_system="truecolor", highlight=False)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        show = Show(out, lambda: Stage(DEMO_FOLDER.resolve()))
        assert show.on_shipped_answers(), "the loop did not close"
        svg = out.export_svg(title="genmon demo", theme=MONOKAI)
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.S)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(
        svg.replace("Fira Code", "Menlo, Consolas").replace(" https://www.textualize.io", ""),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
