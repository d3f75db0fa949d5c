"""Print recorded text as data: without escape sequences, markup or line breaks of its own.

Whatever a command prints to a terminal passes :class:`OutputConsole`, which removes what a
terminal would obey. Values of records are put into a template by :func:`marked`, so that
neither rich's markup nor a line end in them changes how the rest of the line is drawn.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final, NoReturn

from rich.console import (
    Console,
    ConsoleOptions,
    ConsoleRenderable,
    RenderableType,
    RenderHook,
)
from rich.segment import Segment
from rich.text import Text

from genmon_otel.wording.printable import INVISIBLE, one_line, printable

__all__ = ["OutputConsole", "indented", "json_text", "marked", "one_line", "printable"]

#: Characters that are valid in JSON but must not reach a terminal.
_UNSAFE_IN_JSON: Final = re.compile(
    f"[\x7f-\x9f\u2028-\u202e\ud800-\udfff{INVISIBLE}]",
)
_PLACE: Final = "{}"


def marked(template: str, *values: object) -> Text:
    """Put values into a template of rich's markup.

    Args:
        template: markup of our own with a ``{}`` for each value; other braces are not allowed.
        values: text from records; it is data, takes one line, and gets the style of its ``{}``.
            A :class:`rich.text.Text` keeps its own styles.

    Raises:
        ValueError: the template has another number of places than there are values.
    """
    text = Text.from_markup(template)
    found = list(re.finditer(re.escape(_PLACE), text.plain))
    if len(found) != len(values):
        raise ValueError(f"{template!r} has {len(found)} places for {len(values)} values")
    cuts = [offset for match in found for offset in match.span()]
    parts = list(text.divide(cuts))
    whole = Text()
    for index, part in enumerate(parts):
        if index % 2 == 0:
            whole.append_text(part)
            continue
        value = values[index // 2]
        inserted = value.copy() if isinstance(value, Text) else Text(one_line(value))
        for span in part.spans:
            inserted.stylize_before(span.style)
        whole.append_text(inserted)
    return whole


def indented(text: object, by: str = "  ") -> str:
    """Return printable text of which each line is indented: none looks like a line that genmon printed."""
    return "\n".join(by + line for line in printable(text).splitlines())


class OutputConsole(Console):
    """Print no control sequence but rich's own styles and cursor moves."""

    def __init__(self) -> None:
        super().__init__(highlight=False, soft_wrap=not sys.stdout.isatty())
        self.push_render_hook(_CleaningHook())

    def on_broken_pipe(self) -> NoReturn:
        """Leave it to the command line, which knows what to exit with."""
        raise BrokenPipeError


class _CleaningHook(RenderHook):
    """Clean the text of everything that a console renders."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Cleaned(each) for each in renderables]


class _Cleaned:
    """Wrap a renderable: its text becomes printable, rich's own controls pass."""

    def __init__(self, inner: RenderableType) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        return _cleaned(console.render(self._inner, options))


def _cleaned(segments: Iterable[Segment]) -> Iterator[Segment]:
    for segment in segments:
        if segment.control or (segment.text.isascii() and segment.text.isprintable()):
            yield segment
        else:
            yield Segment(printable(segment.text), segment.style)


def json_text(value: Any, indent: int | None = None, *, default: Any = None) -> str:
    r"""Return a value as JSON that any terminal and standard output's encoding can hold.

    Control characters and bidirectional marks are written as ``\uXXXX``, so that what a program
    reads is the very text of the record.
    """
    escaped = "utf" not in (getattr(sys.stdout, "encoding", None) or "utf").lower()
    text = json.dumps(value, indent=indent, ensure_ascii=escaped, default=default)
    return _UNSAFE_IN_JSON.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]
