"""What commands print: text of records is data at a terminal and in JSON."""

from __future__ import annotations

import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from genmon_otel.cli.output import OutputConsole, json_text, marked, one_line, printable

#: What a terminal would obey, be fooled by, or draw without showing it.
HOSTILE = {
    "OSC 52 writes the clipboard": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "OSC 52 ended by ST": "\x1b]52;c;cm0gLXJmIH4=\x1b\\",
    "OSC 8 is a link": "\x1b]8;;https://evil.example\x1b\\ok\x1b]8;;\x1b\\",
    "C1 OSC": "\x9d8;;https://evil.example\x9cok",
    "OSC without an end": "\x1b]0;title",
    "clears the screen": "\x1b[2J\x1b[1;1H",
    "C1 CSI": "\x9b2J",
    "resets the terminal": "\x1bc",
    "asks for an answer": "\x1b[6n\x1b[c",
    "device control": "\x1bP1;1|17/ab\x1b\\",
    "APC and PM": "\x1b_x\x1b\\\x1b^y\x1b\\",
    "bidirectional override": "abc\u202edcba\u202c",
    "bidirectional isolates": "\u2066a\u2067b\u2068c\u2069",
    "direction marks": "\u200ea\u200fb\u061c",
    "zero width": "a\u200bb\ufeff",
    "tag characters": "a\U000e0041\U000e0042",
    "carriage return": "good\rbad",
    "backspaces": "bad\b\b\bgood",
    "shift out": "\x0eabc\x0f",
    "NUL and DEL": "a\x00b\x7f",
    "line and paragraph separators": "a\u2028b\u2029c",
    "lone surrogates": "a\ud800b",
    "next line": "a\x85b",
}
#: None of these may reach a terminal inside a line.
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)


def printed(*things: object) -> str:
    """What a console prints where nobody looks at a terminal."""
    console = OutputConsole()
    console.file = io.StringIO()
    for thing in things:
        console.print(thing)
    return console.file.getvalue()


def test_nothing_hostile_reaches_the_terminal_by_any_way() -> None:
    """Plain text, styled text, panels, tables, templates and titles are clean alike."""
    reached = []
    for what, text in HOSTILE.items():
        table = Table()
        table.add_column(Text(text))
        table.add_row(Text(text))
        panel = Panel(Text(text), title=Text(text))
        for thing in (text, Text(text), panel, table, marked("[bold]{}[/]", text)):
            if FORBIDDEN.search(printed(thing)):
                reached.append((what, type(thing).__name__))
        if FORBIDDEN.search(printable(text)):
            reached.append((what, "printable"))
    assert not reached


def test_json_keeps_the_text_and_escapes_what_a_terminal_obeys() -> None:
    """What a program reads is the record's own text; what a terminal sees is harmless."""
    reached = {}
    for what, text in HOSTILE.items():
        shown = json_text({text: [text]}, 2)
        if FORBIDDEN.search(shown) or json.loads(shown) != {text: [text]}:
            reached[what] = shown
    assert not reached
    assert json_text("naïve 日本 👩‍💻") == '"naïve 日本 👩‍💻"'


@pytest.mark.parametrize(
    "value", ["[/]", "[bold", "\\", "\\\\", "[link=http://x]y[/link]", "{}", "{0}", "a\\[red]", ""]
)
def test_a_value_in_a_template_is_no_markup(value: str) -> None:
    """A value is drawn as it is, and the template's own styles end where they should."""
    text = marked("[cyan]{}[/] is [bold]open[/]", value)
    assert text.plain == f"{value} is open"
    assert [(span.start, span.end, span.style) for span in text.spans if span.end > span.start] == [
        *([(0, len(value), "cyan")] if value else []),
        (len(value) + 4, len(value) + 8, "bold"),
    ]


def test_a_value_in_a_template_takes_one_line() -> None:
    """A line end in a value does not begin a line that looks like another row."""
    assert marked("for {}", "bob\r\n✗ build_app F-9").plain == "for bob ✗ build_app F-9"


def test_a_template_and_its_values_fit() -> None:
    """A place too few or too many is a mistake of ours, seen at once."""
    for values in ((), ("a", "b")):
        with pytest.raises(ValueError, match="1 places"):
            marked("[bold]{}[/]", *values)


@given(st.text(max_size=200))
def test_one_line_is_one_line_and_idempotent(text: str) -> None:
    """Whatever the text, it stays on its line and nothing a terminal obeys is in it."""
    line = one_line(text)
    assert not FORBIDDEN.search(line)
    assert "\n" not in line
    assert one_line(line) == line
