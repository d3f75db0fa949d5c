"""Draw the pictures of the page for README and docs, by the browser tests' code, from the demo's data.

Run by hand when the page changes, where Chromium is installed: ``python -m scripts.page_pictures``.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console

from genmon_otel.cli.demo import Show
from genmon_otel.cli.terminal import DEMO_FOLDER
from genmon_otel.demo.stage import Stage
from genmon_otel.regression import review
from genmon_otel.regression.propose import propose
from genmon_otel.store import SqlStore
from tests.ui_kit import chromium, page_of, serving

IMAGES = Path(__file__).parents[1] / "docs" / "images"
#: What is drawn, by the picture's name; ``{case}`` is the demo's case.
PAGES = {"page-now": "/", "page-case": "/cases/{case}"}
WIDTH, HEIGHTS = 1180, {"page-now": 640, "page-case": 1120}


def main() -> None:
    """Run the demo up to the review, and write each page, light and dark."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        out = Console(file=(Path(folder) / "out").open("w"))
        show = Show(out, lambda: Stage(DEMO_FOLDER.resolve()), leaves_review=True)
        assert show.on_shipped_answers(), "a part of the demo failed"
        store = SqlStore(show.stage.store, propose=propose)
        store.open()
        case = store.cases()[0].handle
        review.verify(store, case, cwd=show.stage.folder)
        with serving(store, show.stage.folder) as (base, _), sync_playwright() as started:
            browser = started.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            for scheme in ("light", "dark"):
                for name, path in PAGES.items():
                    size = {"width": WIDTH, "height": HEIGHTS[name]}
                    page = page_of(browser, base, color_scheme=scheme, viewport=size)
                    page.goto(base + path.format(case=case))
                    page.screenshot(path=IMAGES / f"{name}-{scheme}.png")
            browser.close()
        store.close()


if __name__ == "__main__":
    main()
