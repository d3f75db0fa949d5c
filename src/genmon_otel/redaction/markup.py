"""Sensitive names that are values themselves: in objects of name and value, XML, forms, tables, validation errors."""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.redaction.assignments import BARE
from genmon_otel.redaction.edits import Edit, closing, hidden
from genmon_otel.redaction.hints import Name
from genmon_otel.redaction.placeholders import leading
from genmon_otel.redaction.values import is_evident_non_secret

_LINE_END: Final = r"(?:\r?\n|(?:\\+r)?\\+n)"
#: The keys of objects whose value is a name, and those that hold the value.
_NAME_LEFT: Final = re.compile(
    r"(?i)(?:\b|_|(?<=parameter)|(?<=option)|(?<=setting)|(?<=env)|(?<=header)|(?<=variable))(?:name|key|k|header|field|param|parameter|property|variable|var|id|env|label|attribute|setting|option|type|for)"
    r"(?:\\*[\"'])?\s{0,4}(?:[:=]|=>)\s{0,4}(?:\\*[\"'])?(?:[\w./-]{0,40}[\[/.]){0,2}\Z"
)
_VALUE_KEY: Final = (
    r"(?<![\w-])(?:\\*[\"'])?(?:(?:[Pp]arameter|[Oo]ption|[Ss]etting|[Ee]nv|[Hh]eader|[Vv]ariable)?_?[vV]alue|VALUE|val|v|data|content|secret|default|plaintext|stringValue|string_value|text|wert|valeur|valor)"
    r"(?:\\*[\"'])?\s{0,4}(?:[:=]|=>)\s{0,8}"
)
#: From the name to the value in the same object or element, other fields between them.
_TO_VALUE: Final = re.compile(rf"[^{{}}<>|]{{0,240}}?{_VALUE_KEY}")
#: From the value to the name, where the value stands first.
_FROM_VALUE: Final = re.compile(
    rf"{_VALUE_KEY}(?P<open>\\*[\"'])(?P<value>[^\"'\\\r\n]{{1,240}})\\*[\"'][^{{}}<>]{{0,120}}\Z"
)
_QUOTED: Final = re.compile(r"[bBrRuUfF]?(\\*[\"'`])")
_REST: Final = re.compile(r"[^\r\n]{1,1000}")

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
    r"<[\w:.-]{1,40}(?:\s[^<>]{0,240})?>\s{0,40}(?:<(?:b|strong|code|em|span|p)(?:\s[^<>]{0,120})?>\s{0,8}){0,3}(?P<text>[^<>]{1,2000})<"
)

_CELL_START: Final = re.compile(r"<t[hd][\s>]")
_HTML_CELL: Final = re.compile(
    r"<t[hd](?:\s[^<>]{0,240})?>\s{0,40}(?:<(?:b|code|span|p)>)?(?P<text>[^<>]{0,2000})<"
)
_MAX_TABLE: Final = 8_000
_VALUES: Final = re.compile(r"[^()]{0,600}\)\s{0,8}(?i:values)\s{0,8}\(")
_VALUES_ROW: Final = re.compile(r"\((?:[^()']|'(?:[^'\\]|\\.|'')*'|\([^()]*\)){0,2000}\)")
_SQL_CELL: Final = re.compile(
    r"\s*+(?:[NEnB]?'(?P<text>(?:[^'\\]|\\.|'')*)'|[^,']++)(?:,|\Z|(?=\)))"
)
_PART_LEFT: Final = re.compile(r"name=\\*[\"']?\Z")
_PART: Final = re.compile(
    rf"\\*[\"']?(?:;[^\r\n\\]{{0,200}})?(?:{_LINE_END}[\w-]{{1,60}}:[^\r\n\\]{{0,200}}){{0,4}}{_LINE_END}{_LINE_END}"
    rf"(?P<text>(?:(?!{_LINE_END}--|\\*[\"'](?:\Z|[,\]}}\s])).){{1,4000}})",
    re.DOTALL,
)

_BAR: Final = "|│┃"
_CELL_END: Final = re.compile(r"[*`_~]{0,3}[ \t]{0,80}[|│┃]")
_CELL: Final = re.compile(
    r"[ \t]{0,80}[*`_~]{0,3}(?P<text>[^|│┃\r\n]{1,1000}?)[*`_~]{0,3}[ \t]{0,80}(?=[|│┃\r\n]|\\n|\Z)"
)
_RULER: Final = re.compile(r"[\s|│┃:+=┼╪├┤╞╡┡┩╇-]*[-─━═=]{3}[\s|│┃:+─━═┼╪├┤╞╡┡┩╇=-]*\Z")
_MAX_ROWS: Final = 200
_CSV_HEADER: Final = re.compile(
    r"(?:\"?[A-Za-z_][\w .-]{0,40}\"?)(?:([,;\t])\"?[A-Za-z_][\w .-]{0,40}\"?)(?:\1\"?[A-Za-z_][\w .-]{0,40}\"?){0,40}"
)
_CSV_CELL: Final = re.compile(r'"(?:[^"\r\n]|"")*"|[^,;\t\r\n]*')

_VALIDATION: Final = re.compile(
    r"[^\n]{0,200}(?:\r?\n|\\n)[^\n]{0,600}?\binput_value=(?P<text>[^\n]*?)(?=, input_type=|\](?:\s|\Z)|\n|\Z)"
)
_LOCATION_LEFT: Final = re.compile(r"(?:^|\n|\\n)[\w.\[\] -]{0,120}\Z")
#: jsonschema names the place behind what it quotes.
_INSTANCE_LEFT: Final = re.compile(r"On instance(?:\[[^\]]{1,80}\]){0,6}\[\\*[\"']\Z")
_FIRST_QUOTED: Final = re.compile(
    r"\s{0,8}(?P<quote>[\"'])(?P<text>[^\"'\n]{1,400})[\"'] (?:is|does|was|has)\b"
)


def beside_its_value(text: str, name: Name) -> list[Edit]:
    """``{"name": "API_KEY", "value": …}``, ``<input name="password" value=…>``, also the other way round."""
    left = text[max(0, name.begin - 48) : name.begin]
    if not _NAME_LEFT.search(left):
        return []
    to_value = _TO_VALUE.match(text, name.end, min(len(text), name.end + 400))
    if to_value is not None and "\n\n" not in to_value[0]:
        return _value(text, to_value.end(), name)
    content = _ATTRIBUTE_CONTENT.match(text, name.end)
    if content is not None and "=" in left[-12:] and "for=" not in left.lower():
        return _span(text, *content.span("text"), name)
    before = text[max(0, name.begin - 400) : name.begin]
    from_value = _last(_FROM_VALUE, before)
    if from_value is not None:
        offset = name.begin - len(before)
        return _span(
            text, offset + from_value.start("value"), offset + from_value.end("value"), name
        )
    return []


def in_element(text: str, name: Name) -> list[Edit]:
    """``<password>…</password>``, ``<td>password</td><td>…</td>``."""
    before = text[max(0, name.begin - 48) : name.begin]
    if _ELEMENT_LEFT.search(before):
        content = _CONTENT.match(text, name.end)
        if content is None:
            return []
        return _span(text, *content.span("data" if content["data"] else "text"), name)
    if before.rstrip()[-1:] != ">":
        return []
    if beside := _NEXT_ELEMENT.match(text, name.end):
        return (
            _span(text, *beside.span("text"), name)
            if "<th" not in text[beside.start() : beside.start("text")]
            else _below_heading(text, name)
        )
    return _below_heading(text, name)


def _below_heading(text: str, name: Name) -> list[Edit]:
    """The cells below a heading of an HTML table."""
    row = text.rfind("<tr", max(0, name.begin - 4_000), name.begin)
    if row < 0 or text.rfind("</tr", row, name.begin) >= 0:
        return []
    column = len(_CELL_START.findall(text, row, name.begin)) - 1
    end = text.find("</table", name.end, name.end + _MAX_TABLE)
    end = min(len(text), name.end + _MAX_TABLE) if end < 0 else end
    edits: list[Edit] = []
    at = text.find("<tr", name.end, end)
    while at >= 0:
        next_row = text.find("<tr", at + 3, end)
        cells = list(_HTML_CELL.finditer(text, at, next_row if next_row >= 0 else end))
        if 0 <= column < len(cells):
            edits += _span(text, *cells[column].span("text"), name)
        at = next_row
    return edits


def in_insert(text: str, name: Name) -> list[Edit]:
    """``INSERT INTO users (name, password) VALUES ('joe', '…')``."""
    opening = text.rfind("(", max(0, name.begin - 1_000), name.begin)
    values = _VALUES.match(text, name.end)
    if opening < 0 or values is None or ")" in text[opening : name.begin]:
        return []
    column = text.count(",", opening, name.begin)
    edits: list[Edit] = []
    for row in _VALUES_ROW.finditer(text, values.end() - 1, values.end() + _MAX_TABLE):
        cells = list(_SQL_CELL.finditer(text, row.start() + 1, row.end() - 1))
        if column < len(cells) and cells[column]["text"]:
            edits += _span(text, *cells[column].span("text"), name)
    return edits


def in_form_part(text: str, name: Name) -> list[Edit]:
    """A field of a multipart form."""
    if not _PART_LEFT.search(text[max(0, name.begin - 16) : name.begin]):
        return []
    part = _PART.match(text, name.end)
    return [] if part is None else _span(text, *part.span("text"), name)


def in_table(text: str, name: Name) -> list[Edit]:
    """A cell beside the name, or below it where the name heads a column."""
    line_start = text.rfind("\n", max(0, name.begin - 2_000), name.begin) + 1
    line_end = text.find("\n", name.end, name.end + 2_000)
    if line_end < 0:
        line_end = min(len(text), name.end + 2_000)
    line = text[line_start:line_end]
    bar = next((char for char in _BAR if char in line), "")
    if bar:
        return _bar_table(text, name, line_start, line_end)
    if _CSV_HEADER.fullmatch(line.strip("\r")) and line_end < len(text):
        return _csv(text, name, line_start, line_end)
    return []


def _bar_table(text: str, name: Name, line_start: int, line_end: int) -> list[Edit]:
    below_end = text.find("\n", line_end + 1, line_end + 2_000)
    ruler = text[line_end + 1 : below_end if below_end > 0 else line_end + 2_000]
    if _RULER.match(ruler):
        column = sum(text.count(bar, line_start, name.begin) for bar in _BAR)
        return _column(text, line_end + 1 + len(ruler), column, name)
    before = text[line_start : name.begin].rstrip(" \t*`_~")
    cell_end = _CELL_END.match(text, name.end)
    if cell_end is None or (before and before[-1] not in _BAR):
        return []
    cell = _CELL.match(text, cell_end.end())
    return [] if cell is None else _span(text, *cell.span("text"), name, prose=True)


def _column(text: str, at: int, column: int, name: Name) -> list[Edit]:
    edits: list[Edit] = []
    for _ in range(_MAX_ROWS):
        start = at + 1
        end = text.find("\n", start, start + 4_000)
        end = min(len(text), start + 4_000) if end < 0 else end
        row = text[start:end]
        bars = [place for place, char in enumerate(row) if char in _BAR]
        if len(bars) < max(1, column):
            if not row.strip() or _RULER.match(row) is None:
                break
        elif not _RULER.match(row):
            left = bars[column - 1] + 1 if column else 0
            right = bars[column] if column < len(bars) else len(row)
            cell = row[left:right]
            value = cell.strip(" \t*`_~\r")
            if value:
                begin = start + left + cell.find(value)
                edits += _span(text, begin, begin + len(value), name)
        at = end
        if end >= len(text):
            break
    return edits


def _csv(text: str, name: Name, line_start: int, line_end: int) -> list[Edit]:
    header = text[line_start:line_end]
    delimiter = next(char for char in ",;\t" if char in header)
    column = header.count(delimiter, 0, name.begin - line_start)
    cells, edits, at = header.count(delimiter), [], line_end
    for _ in range(_MAX_ROWS):
        start = at + 1
        end = text.find("\n", start, start + 4_000)
        end = min(len(text), start + 4_000) if end < 0 else end
        row = text[start:end]
        if row.count(delimiter) < cells or not row.strip():
            break
        place = 0
        for number in range(cells + 1):
            cell = leading(_CSV_CELL, row, place)
            if number == column:
                value = cell.strip(' "\r')
                if value:
                    begin = start + place + cell.find(value)
                    edits += _span(text, begin, begin + len(value), name)
                break
            place += len(cell) + 1
        at = end
        if end >= len(text):
            break
    return edits


def refused_by_validation(text: str, name: Name) -> list[Edit]:
    """Pydantic's ``input_value=`` and what jsonschema quotes, behind a sensitive field."""
    if "input_value=" in text and _LOCATION_LEFT.search(
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
            return _span(text, start, stop, name)
    if _INSTANCE_LEFT.search(text[max(0, name.begin - 600) : name.begin]):
        quoted = _FIRST_QUOTED.match(text)
        edits = [] if quoted is None else hidden(text, *quoted.span("text"))
        below = re.compile(r"\\*[\"']\]:\s{1,12}([\"'])([^\n]{1,400})\1").match(text, name.end)
        return edits + ([] if below is None else hidden(text, *below.span(2)))
    return []


def _value(text: str, start: int, name: Name) -> list[Edit]:
    if quoted := _QUOTED.match(text, start):
        return _span(text, quoted.end(), closing(text, quoted.end(), quoted[1]), name)
    value = leading(
        _REST if text[start - 1] == " " and "\n" in text[name.end : start] else BARE, text, start
    ).strip()
    if is_evident_non_secret(value, name.text, quoted=False, code=True, shell=False):
        return []
    return hidden(text, start, start + len(value))


def _span(text: str, start: int, stop: int, name: Name, *, prose: bool = False) -> list[Edit]:
    """Hide a span without the spaces around it, unless it evidently is no secret."""
    value = text[start:stop]
    start += len(value) - len(value.lstrip())
    value = value.strip()
    if not value or (prose and " " in value):
        return []
    if is_evident_non_secret(value, name.text, quoted=True, code=False, shell=False):
        return []
    return hidden(text, start, start + len(value))


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """Return the match that ends the text."""
    return pattern.search(text)
