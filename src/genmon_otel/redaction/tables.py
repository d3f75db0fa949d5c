"""Sensitive names that head a column or row: Markdown and drawn tables, HTML tables, CSV, SQL inserts."""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.redaction.edits import Edit, is_plain_word, span
from genmon_otel.redaction.hints import Name
from genmon_otel.redaction.placeholders import leading

#: Characters of a line that are looked at, and of a table in HTML or SQL.
_MAX_LINE: Final = 600
_BAR: Final = "|│┃"
_BARS: Final = re.compile(f"[{_BAR}]")
_CELL_END: Final = re.compile(r"[*`_~]{0,3}[ \t]{0,80}[|│┃]")
_CELL: Final = re.compile(
    r"[ \t]{0,80}[*`_~]{0,3}(?P<text>[^|│┃\r\n]{1,1000}?)[*`_~]{0,3}[ \t]{0,80}(?=[|│┃\r\n]|\\n|\Z)"
)
_RULER: Final = re.compile(r"[\s|│┃:+=┼╪├┤╞╡┡┩╇-]*[-─━═=]{2}[\s|│┃:+─━═┼╪├┤╞╡┡┩╇=-]*\Z")
#: A cell's beginning, with a word or two of a longer label.
_LABEL_LEFT: Final = re.compile(r"(?:^|[|│┃])[ \t*`_~]{0,40}(?:[\w-]{1,20} ?){0,2}\Z")
_MAX_ROWS: Final = 200
#: Names in columns, two blanks or more between two of them, and what stands below.
_ALIGNED_HEAD: Final = re.compile(
    r"[ \t]*[A-Za-z_][\w.-]*(?: {2,}[A-Za-z_][\w.-]*)+[ \t\r]*|[ ]{2,}[A-Za-z_][\w.-]*(?: +[A-Za-z_][\w.-]*)*[ \r]*"
)
_ALIGNED_RULER: Final = re.compile(r"[-=─ \t]{3,}\r?")
_ALIGNED_CELL: Final = re.compile(r"\S+(?: \S+)*")
_CSV_HEADER: Final = re.compile(
    r"(?:\"?[A-Za-z_][\w .-]{0,40}\"?)(?:([,;\t])\"?[A-Za-z_][\w .-]{0,40}\"?)(?:\1\"?[A-Za-z_][\w .-]{0,40}\"?){0,40}"
)
_CSV_CELL: Final = re.compile(r'"(?:[^"\r\n]|"")*"|[^,;\t\r\n]*')

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
#: Of a name's regions: where the last table ends that blanks alone align.
_SEEN: Final = -3
#: Columns of one table that are hidden; what heads more is no table.
_MAX_COLUMNS: Final = 8
#: What may follow a name that stands in a cell.
_CELL_FOLLOWS: Final = re.compile(r"[*`_~\"]{0,3}[ \t]{0,40}(?:[|│┃,;\t\r\n]|\Z)")


def in_table(text: str, name: Name) -> list[Edit]:
    """A cell beside the name, or below it where the name heads a column."""
    is_aligned = text.startswith("  ", name.end)
    if not is_aligned and _CELL_FOLLOWS.match(text, name.end) is None:
        return []
    line_start = text.rfind("\n", max(0, name.begin - _MAX_LINE), name.begin) + 1
    line_end = text.find("\n", name.end, name.end + _MAX_LINE)
    if line_end < 0:
        line_end = min(len(text), name.end + _MAX_LINE)
    line = text[line_start:line_end]
    bar = next((char for char in _BAR if char in line), "")
    if bar and _CELL_FOLLOWS.match(text, name.end) is None:
        return []
    if bar:
        return _bar_table(text, name, line_start, line_end)
    if line_end < len(text) and (edits := _aligned(text, name, line_start, line_end)):
        return edits
    if (
        line_end < len(text)
        and _CSV_HEADER.fullmatch(line.strip("\r"))
        and _heads(name, line_start)
    ):
        return _csv(text, name, line_start, line_end)
    return []


def _bar_table(text: str, name: Name, line_start: int, line_end: int) -> list[Edit]:
    below_end = text.find("\n", line_end + 1, line_end + _MAX_LINE)
    ruler = text[line_end + 1 : below_end if below_end > 0 else line_end + _MAX_LINE]
    if _RULER.match(ruler):
        if not _heads(name, line_start):
            return []
        column = sum(text.count(bar, line_start, name.begin) for bar in _BAR)
        return _column(text, line_end + 1 + len(ruler), column, name)
    if _is_head(text[line_start:line_end].strip(), ruler.lstrip()):
        if not _heads(name, line_start):
            return []
        bars = ("||",) if text.startswith("||", line_start) else _BAR
        column = sum(text.count(bar, line_start, name.begin) for bar in bars)
        return _column(text, line_end, column, name)
    before = text[line_start : name.begin].rstrip(" \t*`_~")
    cell_end = _CELL_END.match(text, name.end)
    if cell_end is None or not _LABEL_LEFT.search(before):
        return []
    cell = _CELL.match(text, cell_end.end())
    return [] if cell is None else span(text, *cell.span("text"), name.text, prose=True)


def _is_head(line: str, below: str) -> bool:
    """Tell whether a line heads a table without a ruler: Jira's, or bars that are bolder than those below."""
    if line.startswith("||") and line.endswith("||"):
        return below.startswith("|") and not below.startswith("||")
    return line.startswith("┃") and below.startswith("│")


def _aligned(text: str, name: Name, line_start: int, line_end: int) -> list[Edit]:
    """Cells below a heading that blanks alone put there, as pandas and RST do."""
    line = text[line_start:line_end]
    if line_start < name.regions.get(_SEEN, 0) and not name.regions.get(line_start):
        return []  # a row of one that was looked through
    if "  " not in line or not _ALIGNED_HEAD.fullmatch(line) or not _heads(name, line_start):
        return []
    begin, end = name.begin - line_start, name.end - line_start
    is_first = not line[:begin].strip()
    size, edits, at = len(line.split()), [], line_end
    for _ in range(_MAX_ROWS):
        stop = text.find("\n", at + 1, at + 1_000)
        stop = min(len(text), at + 1_000) if stop < 0 else stop
        row = text[at + 1 : stop]
        if not _ALIGNED_RULER.fullmatch(row):
            cells = list(_ALIGNED_CELL.finditer(row))
            has_index = len(cells) == size + 1 and cells[0][0].isdigit()
            if not (has_index or (len(cells) == size and not is_first)):
                break
            for cell in cells[has_index:]:
                if (cell.end() == end or cell.start() == begin) and not _is_word(cell[0], name):
                    found = (at + 1 + cell.start(), at + 1 + cell.end())
                    edits += span(text, *found, name.text)
        at = stop
        if at >= len(text):
            break
    name.regions[_SEEN] = at
    return edits


def _is_word(cell: str, name: Name) -> bool:
    """Tell whether a cell is a word or a name of the same kind as its heading: ``token32``."""
    return is_plain_word(cell) or cell.lower().startswith(name.text.lower())


def _column(text: str, at: int, column: int, name: Name) -> list[Edit]:
    edits: list[Edit] = []
    harmless: set[str] = set()  # columns hold the same again and again
    for _ in range(_MAX_ROWS):
        start = at + 1
        end = text.find("\n", start, start + 4_000)
        end = min(len(text), start + 4_000) if end < 0 else end
        row = text[start:end]
        bars = [found.start() for found in _BARS.finditer(row)]
        is_ruler = _RULER.match(row) is not None
        if len(bars) < max(1, column):
            if not is_ruler:
                break
        elif not is_ruler:
            left = bars[column - 1] + 1 if column else 0
            right = bars[column] if column < len(bars) else len(row)
            cell = row[left:right]
            value = cell.strip(" \t*`_~\r")
            if value and value not in harmless:
                begin = start + left + cell.find(value)
                found = span(text, begin, begin + len(value), name.text)
                edits += found
                if not found:
                    harmless.add(value)
        at = end
        if end >= len(text):
            break
    name.regions[-1] = max(at, name.regions.get(-1, 0))
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
                    edits += span(text, begin, begin + len(value), name.text)
                break
            place += len(cell) + 1
        at = end
        if end >= len(text):
            break
    name.regions[-1] = max(at, name.regions.get(-1, 0))
    return edits


def in_insert(text: str, name: Name) -> list[Edit]:
    """``INSERT INTO users (name, password) VALUES ('joe', '…')``."""
    if text[name.end : name.end + 1] not in (",", ")", " ", "`", '"', "]"):
        return []
    opening = text.rfind("(", max(0, name.begin - 1_000), name.begin)
    if opening < 0 or ")" in text[opening : name.begin]:
        return []
    values = _VALUES.match(text, name.end)
    if values is None or not _heads(name, opening):
        return []
    name.regions[-1] = values.end() + _MAX_TABLE
    column = text.count(",", opening, name.begin)
    edits: list[Edit] = []
    for row in _VALUES_ROW.finditer(text, values.end() - 1, values.end() + _MAX_TABLE):
        cells = list(_SQL_CELL.finditer(text, row.start() + 1, row.end() - 1))
        if column < len(cells) and cells[column]["text"]:
            edits += span(text, *cells[column].span("text"), name.text)
    return edits


def below_heading(text: str, name: Name) -> list[Edit]:
    """The cells below a heading of an HTML table."""
    row = text.rfind("<tr", max(0, name.begin - 4_000), name.begin)
    if row < 0 or text.rfind("</tr", row, name.begin) >= 0 or not _heads(name, row):
        return []
    column = len(_CELL_START.findall(text, row, name.begin)) - 1
    end = text.find("</table", name.end, name.end + _MAX_TABLE)
    end = min(len(text), name.end + _MAX_TABLE) if end < 0 else end
    name.regions[-1] = end
    edits: list[Edit] = []
    at = text.find("<tr", name.end, end)
    while at >= 0:
        next_row = text.find("<tr", at + 3, end)
        cells = list(_HTML_CELL.finditer(text, at, next_row if next_row >= 0 else end))
        if 0 <= column < len(cells):
            edits += span(text, *cells[column].span("text"), name.text)
        at = next_row
    return edits


def _heads(name: Name, start: int) -> bool:
    """Tell whether a name may head a column: not inside a table already seen, not too many of one."""
    regions = name.regions
    columns = regions.get(start, 0)
    if (start < regions.get(-1, 0) and not columns) or columns >= _MAX_COLUMNS:
        return False
    regions[start] = columns + 1
    return True
