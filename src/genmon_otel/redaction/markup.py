"""Sensitive names that are values themselves: in objects of name and value, XML, forms, tables, validation errors."""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.redaction.assignments import BARE
from genmon_otel.redaction.edits import Edit, closing, hidden, span
from genmon_otel.redaction.hints import Name
from genmon_otel.redaction.placeholders import leading
from genmon_otel.redaction.tables import below_heading
from genmon_otel.redaction.values import is_evident_non_secret

_LINE_END: Final = r"(?:\r?\n|(?:\\+r)?\\+n)"
#: The keys of objects whose value is a name, and those that hold the value.
_NAME_LEFT: Final = re.compile(
    r"(?i)(?:\b|_|(?<=parameter)|(?<=option)|(?<=setting)|(?<=env)|(?<=header)|(?<=variable))(?:name|key|k|header|field|param|parameter|property|variable|var|id|env|label|attribute|setting|option|type|for|question|prompt)"
    r"(?:\\*[\"'])?\s{0,4}(?:[:=]|=>)\s{0,4}(?:\\*[\"'])?(?:(?:[\w./-]{0,40}[\[/.]){0,2}|(?:[A-Za-z']{1,12} ){1,5})\Z"
)
_NAME_KEYS: Final = (
    "name", "key", "k", "header", "field", "param", "parameter", "property", "variable", "var", "id", "env", "label",
    "attribute", "setting", "option", "type", "for", "question", "prompt",
)  # fmt: skip
_BEFORE_NAME: Final = frozenset("\"'=: [/.")
_VALUE_KEY: Final = (
    r"(?<![\w-])(?:\\*[\"'])?(?:(?:[Pp]arameter|[Oo]ption|[Ss]etting|[Ee]nv|[Hh]eader|[Vv]ariable)?_?[vV]alue|VALUE|[dD]efault_?[vV]alue|val|v|data|content|secret|default|plaintext|stringValue|string_value|text|wert|valeur|valor|answer|response|reply)"
    r"(?:\\*[\"'])?\s{0,4}(?:[:=]|=>)\s{0,8}"
)
#: From the name to the value in the same object or element, other fields between them.
_TO_VALUE: Final = re.compile(rf"[^{{}}<>|]{{0,240}}?{_VALUE_KEY}")
#: From the value to the name, where the value stands first.
_FROM_VALUE: Final = re.compile(
    rf"{_VALUE_KEY}(?P<open>\\*[\"'])(?P<value>[^\"'\\\r\n]{{1,240}})(?P=open)[^{{}}<>]{{0,120}}\Z"
)
#: The same of a value without quotes, in YAML.
_FROM_VALUE_LINE: Final = re.compile(
    r"(?:\A|\n)[ \t]*(?:- )?value:[ \t]{1,8}(?P<value>[^\s\"'#{}&*!|>][^\n]{0,200}?)[ \t]*\r?\n[ \t]*(?:name|key):[ \t]*[\"']?\Z"
)
#: The way to the name in a JSON patch.
_PATCH_LEFT: Final = re.compile(r"path\\*[\"']\s{0,4}:\s{0,4}\\*[\"'](?:[\w~.-]{0,40}/){1,12}\Z")
_PATCH_OPERATION: Final = re.compile(r"[\"']op\\*[\"']\s{0,4}:")
#: What stands before a name in a question.
_WORDS_LEFT: Final = re.compile(r"(?<![A-Za-z'])(?:[A-Za-z']{1,12} ){1,5}\Z")
_QUOTED: Final = re.compile(r"[bBrRuUfF]?(\\*[\"'`])")
_REST: Final = re.compile(r"[^\r\n]{1,1000}")

_BEFORE_ELEMENT: Final = frozenset("<>: \n\r\t")
_ELEMENT_LEFT: Final = re.compile(r"<(?:[\w.-]{1,40}:)?\Z")
_CONTENT: Final = re.compile(
    r"(?:\s[^<>]{0,240})?>\s{0,40}(?:<!\[CDATA\[(?P<data>[^\]]{1,2000})\]\]>|(?P<text>[^<>]{1,2000}(?=<)|[^<>\"'\s]{3,2000}\Z))"
)
_ATTRIBUTE_CONTENT: Final = re.compile(
    r"\\*[\"'][^<>]{0,240}>\s{0,40}(?:<(?:value|string|val)>)?(?P<text>[^<>]{1,2000})<"
)
#: The next element beside the one that holds the name: cells, terms, plists.
_NEXT_ELEMENT: Final = re.compile(
    r"\s{0,8}[:：]?\s{0,8}(?:</(?:b|strong|code|em|span|label|p)>\s{0,8}){0,3}[:：]?</[\w:.-]{1,40}>\s{0,80}"
    r"<[\w:.-]{1,40}(?:\s[^<>]{0,240})?>\s{0,40}(?:<(?:b|strong|code|em|span|p|string|value|val)(?:\s[^<>]{0,120})?>\s{0,8}){0,3}(?P<text>[^<>]{1,2000})<"
)

_PART_LEFT: Final = re.compile(r"name=\\*[\"']?\Z")
_PART: Final = re.compile(
    rf"\\*[\"']?(?:;[^\r\n\\]{{0,200}})?(?:{_LINE_END}[\w-]{{1,60}}:[^\r\n\\]{{0,200}}){{0,4}}{_LINE_END}{_LINE_END}"
    rf"(?P<text>(?:(?!{_LINE_END}--|\\*[\"'](?:\Z|[,\]}}\s])).){{1,4000}})",
    re.DOTALL,
)

_VALIDATION: Final = re.compile(
    r"[^\n]{0,200}(?:\r?\n|\\n)[^\n]{0,600}?\binput_value=(?P<text>[^\n]*?)(?=, input_type=|\](?:\s|\Z)|\n|\Z)"
)
_LOCATION_LEFT: Final = re.compile(r"(?:^|\n|\\n)[\w.\[\] -]{0,120}\Z")
#: jsonschema names the place behind what it quotes.
_INSTANCE_LEFT: Final = re.compile(r"On instance(?:\[[^\]]{1,80}\]){0,6}\[\\*[\"']\Z")
_INSTANCE: Final = re.compile(r"\\*[\"']\]:\s{1,12}([\"'])([^\n]{1,400})\1")
_FIRST_QUOTED: Final = re.compile(
    r"\s{0,8}(?P<quote>[\"'])(?P<text>[^\"'\n]{1,400})[\"'] (?:is|does|was|has)\b"
)


def _may_name(left: str) -> bool:
    """Tell whether what stands before a name may end in ``name:``: a cheap test before the expression."""
    if left[-1] == " " and ("question" in left or "prompt" in left):
        left = _WORDS_LEFT.sub("", left)
    key = left.rstrip("\"'\\ ")
    if key[-1:] in ("[", "/", "."):
        return True
    if key[-1:] not in (":", "=", ">"):
        return False
    key = key.rstrip("=:> ").rstrip("\"'\\ ")
    return key.lower().endswith(_NAME_KEYS)


def beside_its_value(text: str, name: Name) -> list[Edit]:
    """``{"name": "API_KEY", "value": …}``, ``<input name="password" value=…>``, also the other way round."""
    left = text[max(0, name.begin - 96) : name.begin]
    if left[-1:] not in _BEFORE_NAME or not _may_name(left):
        return []
    if not _NAME_LEFT.search(left):
        if left[-1] != "/" or not _PATCH_LEFT.search(left):
            return []
        if not _PATCH_OPERATION.search(text, max(0, name.begin - 400), name.end + 400):
            return []
    to_value = _TO_VALUE.match(text, name.end, min(len(text), name.end + 400))
    if to_value is not None and "\n\n" not in to_value[0]:
        return _value(text, to_value.end(), name)
    content = _ATTRIBUTE_CONTENT.match(text, name.end)
    if content is not None and "=" in left[-12:] and "for=" not in left.lower():
        return span(text, *content.span("text"), name.text)
    before = text[max(0, name.begin - 400) : name.begin]
    from_value = _FROM_VALUE.search(before) or _FROM_VALUE_LINE.search(before)
    if from_value is not None:
        offset = name.begin - len(before)
        return span(
            text, offset + from_value.start("value"), offset + from_value.end("value"), name.text
        )
    return []


def in_element(text: str, name: Name) -> list[Edit]:
    """``<password>…</password>``, ``<td>password</td><td>…</td>``."""
    before = text[max(0, name.begin - 48) : name.begin]
    if before[-1:] not in _BEFORE_ELEMENT or ("<" not in before and ">" not in before):
        return []
    if _ELEMENT_LEFT.search(before):
        content = _CONTENT.match(text, name.end)
        if content is None:
            return []
        return span(text, *content.span("data" if content["data"] else "text"), name.text)
    if before.rstrip()[-1:] != ">":
        return []
    if beside := _NEXT_ELEMENT.match(text, name.end):
        return (
            span(text, *beside.span("text"), name.text)
            if "<th" not in text[beside.start() : beside.start("text")]
            else below_heading(text, name)
        )
    return below_heading(text, name)


def in_form_part(text: str, name: Name) -> list[Edit]:
    """A field of a multipart form."""
    if "name=" not in text[max(0, name.begin - 8) : name.begin] or not _PART_LEFT.search(
        text[max(0, name.begin - 16) : name.begin]
    ):
        return []
    part = _PART.match(text, name.end)
    return [] if part is None else span(text, *part.span("text"), name.text)


def refused_by_validation(text: str, name: Name) -> list[Edit]:
    """Pydantic's ``input_value=`` and what jsonschema quotes, behind a sensitive field."""
    if text.find("input_value=", name.end, name.end + 820) >= 0 and _LOCATION_LEFT.search(
        text[max(0, name.begin - 124) : name.begin]
    ):
        found = _VALIDATION.match(text, name.end)
        if found is not None:
            start, stop = found.span("text")
            if (
                text[start : start + 1] in ("'", '"')
                and text[stop - 1 : stop] == text[start]
                and stop - start > 1
            ):
                start, stop = start + 1, stop - 1
            return span(text, start, stop, name.text)
    left = text[max(0, name.begin - 600) : name.begin]
    if left.endswith(("['", '["')) and _INSTANCE_LEFT.search(left):
        quoted = _FIRST_QUOTED.match(text)
        edits = [] if quoted is None else hidden(text, *quoted.span("text"))
        below = _INSTANCE.match(text, name.end)
        return edits + ([] if below is None else hidden(text, *below.span(2)))
    return []


def _value(text: str, start: int, name: Name) -> list[Edit]:
    if quoted := _QUOTED.match(text, start):
        return span(text, quoted.end(), closing(text, quoted.end(), quoted[1]), name.text)
    value = leading(
        _REST if text[start - 1] == " " and "\n" in text[name.end : start] else BARE, text, start
    ).strip()
    if is_evident_non_secret(value, name.text, quoted=False, code=True, shell=False):
        return []
    return hidden(text, start, start + len(value))
