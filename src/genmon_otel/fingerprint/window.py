"""Take head and tail of a long message, so that a value which the cut divides goes altogether."""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from genmon_otel.fingerprint import quoted

#: Characters read of a longer message: so many of its head and of its tail.
_HEAD: Final = 1_024
_TAIL: Final = 384

#: What is neither a word nor between two: values, and what stands around them.
_VALUES: Final = re.compile(r"[0-9.]+|[^A-Za-z0-9.\s,;)!?\]}]{1,3}")
#: So many count of head and of tail: where there are more, the message is data.
_HEAD_VALUES: Final = 112
_TAIL_VALUES: Final = 40

_CLOSED: Final = re.compile(quoted.PATTERN)
_OPENING: Final = re.compile(r"(?:(?<=[\s:=(\[{,>])|^)[\"'`\u201c\u00ab\u300c]")
_CLOSING: Final = {"\u201c": "\u201d", "\u00ab": "\u00bb", "\u300c": "\u300d"}
_BRACKET: Final = re.compile(r"[\[{}\]]")
#: Beginnings of a literal that describes an error, rather than the unusable value.
_TELLS: Final = re.compile(
    r"[\[{\s]{1,8}[\"']?(?:errors?|code|type|status|status_?code|message|detail|fault|loc|object|success|ok)\b",
    re.IGNORECASE,
)
#: What a model said, unquoted, to the end of the message or to what LangChain adds.
_PROSE: Final = re.compile(
    r"\b(?:outputs?|completion|answer(?:ed)?|reply|replied|snippet|markdown|generated (?:code|text|page|file)|llm said)"
    r"(?: was| is)?:\s(?![\[{<'\"`])(?=.{120})(?:(?!\sFor troubleshooting).)+",
    re.DOTALL,
)
#: One of these is in whatever that matches.
_SPEAKS: Final = (
    "output",
    "completion",
    "answer",
    "repl",
    "snippet",
    "markdown",
    "generated",
    "said",
)
#: What LangChain says of an answer, which follows to the end.
_ANSWERED: Final = re.compile(
    r"\b(Invalid json output:|Could not parse LLM output:)\s(?!<str>)(?:(?!\sFor troubleshooting).)+",
    re.DOTALL,
)


def windows(message: str) -> tuple[str, ...]:
    """Return all of a message that counts in one piece, or its head and its tail."""
    if len(message) <= _HEAD + _TAIL:
        return (message,)
    head, tail = message[:_HEAD], message[-_TAIL:]
    ends = [match.end() for match in islice(_VALUES.finditer(head), _HEAD_VALUES)]
    if len(ends) == _HEAD_VALUES:
        head = head[: ends[-1]]
    begins = [match.start() for match in _VALUES.finditer(tail)]
    if len(begins) > _TAIL_VALUES:
        tail = tail[begins[-_TAIL_VALUES] :]
    blank = _CLOSED.sub(lambda match: "_" * len(match[0]), head)
    quote = _OPENING.search(blank)
    bracket = _open_bracket(blank if quote is None else blank[: quote.start()])
    if bracket is not None and not _TELLS.match(head, bracket):
        return (f"{head[:bracket]}<str>{_after_brackets(tail)}",)
    if quote is not None:
        rest = _after(tail, _CLOSING.get(quote[0], quote[0]))
        return (f"{head[: quote.start()]}<str>{rest}",)
    if (prose := _PROSE.search(head)) and prose.end() == len(head):
        return (head + tail,)
    return head, tail


def without_parameters(text: str) -> str:
    """Return a text without the values that SQLAlchemy says a statement was run with, and its link."""
    text = text.partition(" (Background on this error at: ")[0]
    before, opening, rest = text.partition("[parameters: ")
    if not opening:
        return text
    return before.rstrip() if rest.endswith("]") else text


def without_prose(text: str) -> str:
    """Return a text without what a model said at length where nothing quotes it."""
    if " output: " in text:
        text = _ANSWERED.sub(r"\1 <str> ", text)
    if not any(map(text.__contains__, _SPEAKS)):
        return text
    return _PROSE.sub(lambda match: f"{match[0].partition(':')[0]}: <str>", text)


def _open_bracket(text: str) -> int | None:
    """Where the outermost bracket opens that is not closed."""
    open_at: list[int] = []
    for match in _BRACKET.finditer(text):
        if match[0] in "[{":
            open_at.append(match.start())
        elif open_at:
            open_at.pop()
    return open_at[0] if open_at else None


def _after_brackets(text: str) -> str:
    """What follows brackets whose beginning was left out: where nesting is least deep for the first time."""
    depth = least = at = 0
    for match in _BRACKET.finditer(text):
        depth += 1 if match[0] in "[{" else -1
        if depth < least:
            least, at = depth, match.end()
    return text[at:]


def _after(text: str, closing: str) -> str:
    """What follows a quotation whose beginning was left out; nothing if it has no end."""
    at = text.find(closing)
    while at > 0 and text[at - 1] == "\\":
        at = text.find(closing, at + 1)
    return text[at + 1 :] if at >= 0 else ""
