"""Tables as this project draws them: what is particular to each column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.models import dashboard as models

from grafana.source.panels import GREEN, RED, YELLOW, Prom, Query, dress, thresholds, value_texts

#: What a cell shows for a value that is not there.
ABSENT: Final = "–"
#: Pixels that a column without a width has at least; Grafana's own 150 push the last ones out.
LEAST_WIDTH: Final = 90
#: Colours of words that can be read on white as well as on black: Grafana's yellow cannot.
READABLE: Final = {YELLOW: "#b8860b"}


@dataclass(frozen=True)
class Column:
    """How one column of a table looks: its header, unit, width, link and colours."""

    name: str
    header: str | None = None
    unit: str | None = None
    width: int | None = None
    #: Pixels that it keeps where the screen is narrow, when those to its right must be scrolled to.
    least: int | None = None
    link: tuple[str, str] | None = None
    texts: dict[str, tuple[str, str]] | None = None
    #: Draw a share as a bar in the cell, red from here on.
    share_red_from: float | None = None
    #: Show all lines of a long text.
    wrap: bool = False
    #: What stands for a value that is not there.
    absent: str | None = None
    #: A beginning that all values share, and that a narrow column leaves out.
    without: str | None = None


def rows(
    title: str,
    says: str,
    unit: str,
    queries: Sequence[Query],
    *,
    columns: Sequence[Column] = (),
    order: Sequence[str] = (),
    without: Sequence[str] = (),
    sort: str | None = None,
    descending: bool = True,
    w: int = 24,
    h: int = 9,
    empty: str = "nothing here",
) -> table.Panel:
    """A table; several instant queries are joined by their labels."""
    panel = dress(table.Panel(), title, says, unit, queries, w, h).no_value(empty)
    panel = panel.min_width(LEAST_WIDTH)
    if isinstance(queries[0], Prom):
        if len(queries) > 1:
            panel = panel.with_transformation(
                models.DataTransformerConfig(id_val="merge", options={})
            )
        panel = panel.with_transformation(
            models.DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": {"Time": True, **dict.fromkeys(without, True)},
                    "indexByName": {name: index for index, name in enumerate(order)},
                    "renameByName": {c.name: c.header for c in columns if c.header},
                },
            )
        )
    # A panel's own text for an empty answer would stand in every empty cell too.
    panel = panel.override_by_regexp(
        "/.*/", [models.DynamicConfigValue(id_val="noValue", value=ABSENT)]
    )
    for column in columns:
        shown = column.header if column.header and isinstance(queries[0], Prom) else column.name
        properties = list(_properties(column, header=shown == column.name))
        if properties:
            panel = panel.override_by_name(
                shown,
                [models.DynamicConfigValue(id_val=key, value=value) for key, value in properties],
            )
    if sort:
        panel = panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(descending)])
    return panel


def _properties(column: Column, *, header: bool) -> Iterator[tuple[str, Any]]:
    """What is particular to one column; ``header`` unless a transformation renamed it."""
    if header and column.header:
        yield "displayName", column.header
    if column.unit:
        yield "unit", column.unit
    if column.width:
        yield "custom.width", column.width
    if column.least:
        yield "custom.minWidth", column.least
    if column.absent:
        yield "noValue", column.absent
    if column.link:
        yield "links", [{"title": column.link[0], "url": column.link[1]}]
    if column.texts:
        words = {
            value: (text, READABLE.get(colour, colour))
            for value, (text, colour) in column.texts.items()
        }
        yield "mappings", value_texts(words)
        yield "custom.cellOptions", {"type": "color-text"}
    if column.without:
        rest = models.ValueMappingResult(text="$1")
        pattern = f"/^{column.without}(.*)$/"
        options = models.DashboardRegexMapOptions(pattern=pattern, result=rest)
        yield "mappings", [models.RegexMap(options=options)]
    if column.share_red_from is not None:
        limits = thresholds((None, GREEN), (column.share_red_from, RED)).build()
        yield "min", 0
        yield "max", 1
        yield "thresholds", limits.to_json()
        yield "custom.cellOptions", {"type": "gauge", "mode": "basic"}
    if column.wrap:
        # Grafana 12.2 moved the switch from the cell's options to the field.
        yield "custom.cellOptions", {"type": "auto", "wrapText": True}
        yield "custom.wrapText", True
