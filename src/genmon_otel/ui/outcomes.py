"""Render recorded values for the page: chat messages, JSON, code, tool output.

Everything that comes from a record is escaped here or by the templates; the markup is ours alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from genmon_otel.text import clean
from genmon_otel.wording.printable import printable
from genmon_otel.wording.streamed import streamed_answer
from genmon_otel.wording.values import plain, said_or_plain

#: Characters of one text that the page shows, and of those that are coloured.
SHOWN: Final = 60_000
COLOURED: Final = 30_000
#: Values of a JSON document that are shown, and levels that are open at first.
VALUES: Final = 1_500
OPEN_LEVELS: Final = 2
#: Frames of libraries and of Python itself; frames of the application that are listed.
_LIBRARY: Final = re.compile(r"[/\\](?:site-packages|dist-packages|lib[/\\]python\d|Lib[/\\])|\"<")
_FRAMES: Final = 8
#: Characters of a gist.
_GIST: Final = 180
#: Lines of each side that a difference is made of.
DIFF_LINES: Final = 2_000

_FENCE: Final = re.compile(r"^```([\w+#.-]*)[^\n]*\n(.*?)^```[ \t]*$", re.M | re.S)
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;]*m")
#: The same inside a JSON string.
_JSON_ESCAPES: Final = re.compile(r"\\u001b\[[0-9;]*m")
_FORMAT: Final = HtmlFormatter(nowrap=True, classprefix="h-")
_LEXERS: Final[Mapping[str, type[Lexer]]] = {
    "py": PythonLexer, "python": PythonLexer, "json": JsonLexer, "html": HtmlLexer,
    "js": JavascriptLexer, "jsx": JavascriptLexer, "css": CssLexer, "diff": DiffLexer,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a recorded value, as the page shows it."""

    #: ``json``, ``code``, ``text`` or ``output``.
    kind: str
    html: Markup
    #: Who wrote a message, or the language of code; may be empty.
    label: str = ""
    #: Whether it is part of a chat message, and whether it is folded at first.
    is_message: bool = False
    is_folded: bool = False
    #: Characters that are left out in the middle.
    left_out: int = 0


def blocks(tree: Tree) -> list[Block]:
    """Render a recorded value."""
    value = plain(tree)
    if (streamed := streamed_answer(value)) is not None:
        stream = Block("json", fold(value), "the stream, as recorded", is_folded=True)
        return [*(replace(block, is_message=True) for block in text_blocks(streamed[0])), stream]
    if isinstance(value, Mapping):
        messages = list(_messages(value))
        if messages:
            return [
                *messages,
                Block("json", fold(value), "the whole value, as recorded", is_folded=True),
            ]
        body = value.get("body")
        if isinstance(body, str) and body:
            head = {name: each for name, each in value.items() if name != "body"}
            return [
                *text_blocks(body),
                Block("json", fold(head), _head_label(head), is_folded=True),
            ]
    if isinstance(value, str):
        return text_blocks(value)
    return [Block("json", fold(value))]


def text_blocks(text: str) -> list[Block]:
    """Render a text: a JSON document, fenced code among prose, tool output with colours, or prose."""
    if _ESCAPES.search(text):
        return [_cut_block("output", text, "", _from_ansi)]
    stripped = text.strip()
    if stripped[:1] in ("{", "["):
        try:
            value = json.loads(stripped)
        except ValueError:
            return [_cut_block("code", text, "json")]
        messages = list(_messages(value)) if isinstance(value, Mapping) else []
        label = "the whole value, as recorded" if messages else ""
        return [*messages, Block("json", fold(value), label, is_folded=bool(messages))]
    found: list[Block] = []
    end = 0
    for fence in _FENCE.finditer(text[: 4 * SHOWN]):
        if before := text[end : fence.start()].strip("\n"):
            found.append(_cut_block("text", before, ""))
        found.append(_fenced(fence[2], fence[1].lower()))
        end = fence.end()
    rest = text[end:]
    if rest.strip("\n") or not found:
        language = _guess(stripped) if not found else ""
        found.append(_cut_block("code" if language else "text", rest, language))
    return found


def _fenced(code: str, language: str) -> Block:
    """Render fenced code; a JSON document as data, so that it can be compared with one that is not fenced."""
    if language in ("", "json") and code.lstrip()[:1] in ("{", "["):
        try:
            return Block("json", fold(json.loads(code)), language or "json")
        except (ValueError, RecursionError):
            pass
    return _cut_block("code", code, language)


def gist(tree: Tree) -> str:
    """Return what a request or an outcome says, on one line: its last message, else its body."""
    value = said_or_plain(tree)
    if isinstance(value, Mapping) and isinstance(body := value.get("body"), str) and body:
        value = body
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            pass
    if isinstance(value, Mapping):
        said = [text for _, text in _said(value) if isinstance(text, str) and text.strip()]
        value = said[-1] if said else value.get("prompt", value.get("error", value))
    if not isinstance(value, str):
        value = _JSON_ESCAPES.sub("", json.dumps(value, ensure_ascii=False, default=str))
    return clean(" ".join(printable(value[:4_000]).split()), _GIST)


def as_lines(tree: Tree) -> str:
    """Return an outcome as text to be compared: what was said, else indented JSON."""
    value = said_or_plain(tree)
    if isinstance(value, Mapping) and isinstance(body := value.get("body"), str) and body:
        value = body
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.lstrip()[:1] in ("{", "[") else value
        except (ValueError, RecursionError):
            pass
    if isinstance(value, Mapping):
        value = "\n".join(text for _, text in _said(value) if isinstance(text, str)) or value
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False, default=str, indent=1)
    return value[:SHOWN]


def _head_label(head: Mapping[str, Any]) -> str:
    """Return a name for what surrounds a body: the status of an answer, or where a request went."""
    if "status" in head:
        return f"HTTP {head['status']}"
    parts = (head.get("method"), f"{head.get('host', '')}{head.get('path', '')}")
    return " ".join(str(each) for each in parts if each) or "the rest"


def application_frames(stack: str) -> list[str]:
    """Return the frames of a stack that are the application's own, the innermost first."""
    found = [line.strip() for line in stack.splitlines() if line.lstrip().startswith('File "')]
    own = [line for line in found if not _LIBRARY.search(line)]
    return list(dict.fromkeys(reversed(own)))[:_FRAMES]


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


def drifted(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return which step a run asked otherwise, and the lines of its request that differ, by kind."""
    head, *lines = text.splitlines() or [""]
    return printable(head), [
        (line[:1] if line[:1] in ("+", "-") else "@", printable(line)) for line in lines
    ]


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
    return Block(kind, html, label, left_out=left_out)


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
    return _mark_redacted(Markup("").join(parts))


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
    for who, what in _said(value):
        if isinstance(what, str):
            for at, block in enumerate(text_blocks(what)):
                label = " ".join(filter(None, (who if not at else "", block.label)))
                yield replace(block, label=label, is_message=True)
        else:
            yield Block("json", fold(what), who, is_message=True)


def _said(value: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Yield who said what: a text, or a value such as a tool call's arguments."""
    given = value.get("messages", value.get("input"))
    if isinstance(given, Sequence) and not isinstance(given, str):
        for name in ("system", "instructions"):
            if isinstance(system := value.get(name), str):
                yield "system", system
        for message in _maps(given):
            yield from _parts(message.get("content"), str(message.get("role", "")))
            yield from _tool_calls(message)
    for choice in _maps(value.get("choices")):
        answer = choice.get("message")
        if isinstance(answer, Mapping):
            yield from _parts(answer.get("content"), str(answer.get("role") or "assistant"))
            yield from _tool_calls(answer)
    if value.get("type") == "message" or (value.get("role") and "content" in value):
        yield from _parts(value.get("content"), str(value.get("role") or "assistant"))
    turns: list[Any] = [*_maps(value.get("contents"))]
    turns += [found.get("content") for found in _maps(value.get("candidates"))]
    for turn in turns:
        if isinstance(turn, Mapping):
            yield from _parts(turn.get("parts"), str(turn.get("role") or "assistant"))
    for item in _maps(value.get("output")):
        if "content" in item:
            yield from _parts(item["content"], str(item.get("role") or "assistant"))
        elif item.get("type") in ("function_call", "tool_call"):
            yield f"calls {item.get('name')}", _parsed(item.get("arguments"))


def _parts(content: Any, role: str) -> Iterable[tuple[str, Any]]:
    if isinstance(content, str) and content:
        yield role, content
    for part in _maps(content):
        if isinstance(text := part.get("text"), str):
            yield role, text
        elif part.get("type") == "tool_use":
            yield f"calls {part.get('name')}", part.get("input")
        elif part:
            yield f"{role}: {part.get('type', 'part')}", part


def _tool_calls(message: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for call in _maps(message.get("tool_calls")):
        function = call.get("function")
        named = function if isinstance(function, Mapping) else call
        yield f"calls {named.get('name')}", _parsed(named.get("arguments"))


def _parsed(arguments: Any) -> Any:
    """Return a tool call's arguments as data where they are JSON."""
    try:
        return json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        return arguments


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
        if isinstance(value, str) and ("\n" in value or _ESCAPES.search(value)):
            # A text of several lines is read as one, tool output with its colours.
            render = _from_ansi if _ESCAPES.search(value) else marked_text
            yield Markup('<div class="v-t">{}</div>').format(render(value))
            return
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
