"""Recorded values as the page lays them out."""

from __future__ import annotations

from genmon_otel.ui import outcomes

COLOURED = "\x1b[31mERROR\x1b[0m <b>redacted12ab34cd</b>\x1b]0;title\x07\x9b2J"


def test_tool_output_keeps_its_colours_wherever_it_stands() -> None:
    """Alone, in data and in a body: colours are classes, what was redacted is marked, the rest is text."""
    for value in (COLOURED, {"stderr": COLOURED}, {"out": [f"{COLOURED}\n{COLOURED}"]},
                  {"status": 200, "body": COLOURED}):  # fmt: skip
        html = "".join(str(block.html) for block in outcomes.blocks(value))
        assert '<span class="a-1">ERROR</span>' in html, value
        assert '<mark class="redacted">redacted12ab34cd</mark>' in html, value
        assert "<b>" not in html, value
        assert not {"\x1b", "\x9b", "\x07"} & set(html), value


def test_a_gist_has_no_escape_sequences() -> None:
    """On one line of a timeline a colour is left out, in a text and inside data."""
    for value in (COLOURED, {"code": 1, "stderr": COLOURED}, [COLOURED]):
        said = outcomes.gist(value)
        assert "ERROR <b>" in said, value
        assert "u001b[" not in said, value
