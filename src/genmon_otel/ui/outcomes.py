"""Lay out recorded values for the page: chat messages, JSON, code, tool output.

Everything that comes from a record is escaped here or by the templates; the markup is ours alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Final

from markupsafe import Markup, escape
from pygments import highlight as colour
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import (
    CssLexer,
    DiffLexer,
    HtmlLexer,
    JavascriptLexer,
    JsonLexer,
    PythonLexer,
    TextLexer,
    get_lexer_by_name,
)
from pygments.util import ClassNotFound
from rich.text import Text

from genmon_otel.records import Tree
from genmon_otel.wording.printable import printable
from genmon_otel.wording.values import plain

#: Characters of one text that the page shows, and of those that are coloured.
SHOWN: Final = 60_000
COLOURED: Final = 30_000
#: Values of a JSON document that are shown, and levels that are open at first.
VALUES: Final = 1_500
OPEN_LEVELS: Final = 2
#: Lines of each side that a difference is made of.
DIFF_LINES: Final = 2_000

_FENCE: Final = re.compile(r"^```([\w+#.-]*)[^\n]*\n(.*?)^```[ \t]*$", re.M | re.S)
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;]*m")
_FORMAT: Final = HtmlFormatter(nowrap=True, classprefix="h-")
_LEXERS: Final[Mapping[str, type[Lexer]]] = {
    "py": PythonLexer, "python": PythonLexer, "json": JsonLexer, "html": HtmlLexer,
    "js": JavascriptLexer, "jsx": JavascriptLexer, "css": CssLexer, "diff": DiffLexer,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a recorded value, as the page shows it."""

    #: ``message``, ``json``, ``code``, ``text`` or ``output``.
    kind: str
    html: Markup
    #: Who wrote a message, or the language of code; may be empty.
    label: str = ""
    #: Characters that are left out in the middle.
    left_out: int = 0


def blocks(tree: Tree) -> list[Block]:
    """Lay out a recorded value."""
    value = plain(tree)
    if isinstance(value, Mapping):
        messages = list(_messages(value))
        if messages:
            return [*messages, Block("json", fold(value), "all of it")]
        body = value.get("body")
        if isinstance(body, str) and body:
            head = {name: each for name, each in value.items() if name != "body"}
            return [*text_blocks(body), Block("json", fold(head), "answer")]
    if isinstance(value, str):
        return text_blocks(value)
    return [Block("json", fold(value))]


def text_blocks(text: str) -> list[Block]:
    """Lay out a text: a JSON document, fenced code among prose, tool output with colours, or prose."""
    if _ESCAPES.search(text):
        return [_cut_block("output", text, "", _from_ansi)]
    stripped = text.strip()
    if stripped[:1] in ("{", "["):
        try:
            value = json.loads(stripped)
        except ValueError:
            return [_cut_block("code", text, "json")]
        messages = list(_messages(value)) if isinstance(value, Mapping) else []
        return [*messages, Block("json", fold(value), "all of it" if messages else "")]
    found: list[Block] = []
    end = 0
    for fence in _FENCE.finditer(text[: 4 * SHOWN]):
        if before := text[end : fence.start()].strip("\n"):
            found.append(_cut_block("text", before, ""))
        found.append(_cut_block("code", fence[2], fence[1].lower()))
        end = fence.end()
    rest = text[end:]
    if rest.strip("\n") or not found:
        language = _guess(stripped) if not found else ""
        found.append(_cut_block("code" if language else "text", rest, language))
    return found


def difference(before: str, after: str) -> list[tuple[str, str]]:
    """Return the lines of a unified difference, each with its kind: ``+``, ``-``, ``@`` or a space."""
    lines = unified_diff(
        before.splitlines()[:DIFF_LINES], after.splitlines()[:DIFF_LINES], n=3, lineterm=""
    )
    shown = []
    for line in lines:
        if line.startswith(("---", "+++")):
            continue
        kind = line[:1] if line[:1] in "+-@" else " "
        shown.append((kind, printable(line)))
    return shown


def fold(value: Any) -> Markup:
    """Return JSON data as nested foldable lists; at most ``VALUES`` values."""
    budget = [VALUES]
    html = Markup("").join(_folded(value, 0, budget))
    if budget[0] <= 0:
        html += Markup('<p class="dim">… more values are not shown here</p>')
    return html


def coloured(text: str, language: str) -> Markup:
    """Return code with classes for its colours; a language that is not known is plain text."""
    if len(text) > COLOURED:
        return marked_text(text)
    try:
        lexer = _LEXERS[language]() if language in _LEXERS else get_lexer_by_name(language)
    except ClassNotFound:
        lexer = TextLexer()
    return _mark_redacted(Markup(colour(printable(text), lexer, _FORMAT)))


def marked_text(text: str) -> Markup:
    """Return plain text in which what was redacted is marked."""
    return _mark_redacted(escape(printable(text)))


def _mark_redacted(html: Markup) -> Markup:
    return Markup(_PLACEHOLDER.sub(lambda m: f'<mark class="redacted">{m[0]}</mark>', str(html)))


#: Placeholders of redaction in escaped text; see :mod:`genmon_otel.redaction.placeholders`.
_PLACEHOLDER: Final = re.compile(r"[\w-]{0,16}redacted(?:@example\.invalid|[0-9a-fx]+)")


def _cut_block(kind: str, text: str, label: str, render: Any = None) -> Block:
    left_out = max(0, len(text) - SHOWN)
    if left_out:
        text = f"{text[: SHOWN * 2 // 3]}\n… {left_out} characters …\n{text[-(SHOWN // 3) :]}"
    if render is not None:
        html = render(text)
    elif kind == "code":
        html = coloured(text, label)
    else:
        html = marked_text(text)
    return Block(kind, html, label, left_out)


def _guess(text: str) -> str:
    """Return the language of a text that is nothing but code; empty where that is not certain."""
    head = text[:200].lower()
    if head.startswith(("<!doctype html", "<html", "<svg", "<?xml", "<div", "<body")):
        return "html"
    if re.match(r"(?:from \w[\w.]* import |import \w|def \w+\(|class \w+[(:]|async def )", text):
        return "python"
    if re.match(r"(?:import .{1,200} from ['\"]|export (?:default|const)|const \w+ =)", text):
        return "js"
    return ""


def _from_ansi(text: str) -> Markup:
    """Return tool output with classes for its colours; other escape sequences are dropped."""
    parts = []
    for line in text.splitlines(keepends=True):
        read = Text.from_ansi(line.rstrip("\r\n"))
        for segment in read.divide(
            [edge for span in read.spans for edge in (span.start, span.end)]
        ):
            classes = " ".join(sorted({name for span in segment.spans for name in _classes(span)}))
            shown = escape(printable(segment.plain))
            parts.append(
                Markup('<span class="{}">{}</span>').format(classes, shown) if classes else shown
            )
        parts.append(Markup("\n"))
    return Markup("").join(parts)


def _classes(span: Any) -> Iterable[str]:
    style = span.style
    if isinstance(style, str):
        return
    if style.bold:
        yield "a-bold"
    if style.dim:
        yield "a-dim"
    if style.color is not None and style.color.number is not None and style.color.number < 16:
        yield f"a-{style.color.number % 8}"


def _messages(value: Mapping[str, Any]) -> Iterable[Block]:
    """Yield the chat messages of a model API's request or answer, in the order they were said."""
    given = value.get("messages")
    if isinstance(given, Sequence) and not isinstance(given, str):
        if isinstance(system := value.get("system"), str):
            yield _cut_block("message", system, "system")
        for message in given:
            if isinstance(message, Mapping):
                yield from _parts(message.get("content"), str(message.get("role", "")))
                yield from _tool_calls(message)
    for choice in _maps(value.get("choices")):
        message = choice.get("message")
        if isinstance(message, Mapping):
            yield from _parts(message.get("content"), str(message.get("role") or "assistant"))
            yield from _tool_calls(message)
    if value.get("type") == "message" or (value.get("role") and "content" in value):
        yield from _parts(value.get("content"), str(value.get("role") or "assistant"))
    for candidate in _maps(value.get("candidates")):
        content = candidate.get("content")
        if isinstance(content, Mapping):
            yield from _parts(content.get("parts"), "assistant")
    for item in _maps(value.get("output")):
        if "content" in item:
            yield from _parts(item["content"], str(item.get("role") or "assistant"))


def _parts(content: Any, role: str) -> Iterable[Block]:
    if isinstance(content, str):
        yield _cut_block("message", content, role)
    for part in _maps(content):
        if isinstance(text := part.get("text"), str):
            yield _cut_block("message", text, role)
        elif part:
            yield Block("message", fold(part), f"{role}: {part.get('type', 'part')}")


def _tool_calls(message: Mapping[str, Any]) -> Iterable[Block]:
    for call in _maps(message.get("tool_calls")):
        function = call.get("function")
        named = function if isinstance(function, Mapping) else call
        yield Block("message", fold(named.get("arguments")), f"calls {named.get('name')}")


def _maps(value: Any) -> Iterable[Mapping[str, Any]]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        yield from (each for each in value if isinstance(each, Mapping))


def _folded(value: Any, level: int, budget: list[int]) -> Iterable[Markup]:
    budget[0] -= 1
    if budget[0] <= 0:
        return
    if isinstance(value, str) and len(value) > 2_000:
        value = f"{value[:1_400]} … {len(value) - 2_000} characters … {value[-600:]}"
    if not isinstance(value, (Mapping, list)) or not value or level > 40:
        text = json.dumps(value, ensure_ascii=False, default=str)
        kind = {str: "s", bool: "b", type(None): "b"}.get(type(value), "n")
        yield Markup('<span class="v-{}">{}</span>').format(kind, marked_text(text))
        return
    pairs = list(value.items() if isinstance(value, Mapping) else enumerate(value))
    word = "{…}" if isinstance(value, Mapping) else "[…]"
    state = Markup(" open") if level < OPEN_LEVELS else Markup("")
    yield Markup('<details{}><summary>{} <span class="dim">{}</span></summary><dl>').format(
        state, word, len(pairs)
    )
    for name, each in pairs:
        if budget[0] <= 0:
            break
        yield Markup("<dt>{}</dt><dd>").format(printable(name))
        yield from _folded(each, level + 1, budget)
        yield Markup("</dd>")
    yield Markup("</dl></details>")
