"""Every diagram of the pages is one: the site's own Mermaid reads it."""

from __future__ import annotations

import pytest

from tests.documented import ROOT, blocks, pages
from tests.ui_kit import chromium

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = chromium()
MERMAID = ROOT / "docs" / "assets" / "vendor" / "mermaid.js"
pytestmark = [
    pytest.mark.chromium,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: scripts/servers"),
    pytest.mark.xdist_group("browser"),
]


def test_each_diagram_is_drawn() -> None:
    """Mermaid makes a picture of each; what it cannot read it says in the place of a picture."""
    diagrams = [block for page in pages() for block in blocks(page) if block.language == "mermaid"]
    assert len(diagrams) >= 5
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.add_script_tag(path=str(MERMAID))
        wrong = {}
        for number, diagram in enumerate(diagrams):
            drawn = page.evaluate(
                "async ([id, text]) => { try { await mermaid.parse(text); return (await mermaid.render(id, text)).svg } "
                "catch (error) { return String(error) } }",
                [f"diagram{number}", diagram.text],
            )
            if not drawn.startswith("<svg"):
                wrong[diagram.place] = drawn
        browser.close()
    assert wrong == {}
