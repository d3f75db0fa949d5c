"""Panels as this project draws them: a thin layer over the Grafana Foundation SDK.

One function a kind of panel, each asking for what every panel must have (title,
what it says, unit, queries). Ids, refIds and places are given out in order, so
that the same source always makes the same JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    heatmap,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus as prometheus_builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

PROMETHEUS: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
DATABASE: Final = models.DataSourceRef(type_val="grafana-postgresql-datasource", uid="${database}")

GREEN, YELLOW, RED, BLUE, GREY = "green", "yellow", "red", "blue", "text"
OUTCOME_COLOURS: Final = {
    "success": GREEN,
    "failure": RED,
    "cancelled": GREY,
    "rejected": BLUE,
}
CATEGORY_COLOURS: Final = {
    "ai_timeout": "orange",
    "rate_limit": YELLOW,
    "validation_error": "purple",
    "dependency_error": BLUE,
    "syntax_error": "#6ed0e0",
    "provider_error": RED,
    "unknown": GREY,
}
SEVERITY_COLOURS: Final = {
    "low": BLUE,
    "medium": YELLOW,
    "high": "orange",
    "critical": RED,
}


#: Bars that a plot has at most: enough to see when, and each wide enough to be seen.
BARS: Final = 120
#: What a plot says that has nothing to show.
NOTHING: Final = "nothing in this time range"
#: Columns of the grid from which a plot has room for its legend beside it.
BESIDE: Final = 12


@dataclass(frozen=True)
class Prom:
    """A PromQL query: ``instant`` for one value a series, else a range.

    ``buckets`` asks for each bucket's own count, as a heatmap shows it: Prometheus' are cumulative.
    """

    expr: str
    legend: str = ""
    instant: bool = False
    exemplars: bool = False
    buckets: bool = False

    def build(self, ref: str) -> Dataquery:
        """Make the target."""
        query = (
            prometheus_builders.Dataquery()
            .ref_id(ref)
            .expr(self.expr)
            .datasource(PROMETHEUS)
            .exemplar(self.exemplars)
            .editor_mode("code")  # type: ignore[arg-type]
        )
        if self.legend:
            query = query.legend_format(self.legend)
        if self.instant:
            query = query.instant().format(
                PromQueryFormat.TABLE if not self.legend else PromQueryFormat.TIME_SERIES
            )
        else:
            query = query.range()
        if self.buckets:
            query = query.format(PromQueryFormat.HEATMAP)
        return query.build()


class _SqlQuery(Dataquery):
    """A query of the PostgreSQL data source, for which the SDK has no class."""

    def __init__(self, sql: str, ref: str, kind: str) -> None:
        self.ref_id = ref
        self._json = {
            "datasource": DATABASE.to_json(),
            "editorMode": "code",
            "format": kind,
            "rawQuery": True,
            "rawSql": sql,
            "refId": ref,
        }

    def to_json(self) -> dict[str, object]:
        return dict(self._json)


@dataclass(frozen=True)
class Sql:
    """A PostgreSQL query: ``table``, or ``time_series`` with a column ``time``."""

    sql: str
    kind: str = "table"

    def build(self, ref: str) -> Dataquery:
        """Make the target."""
        return _SqlQuery(" ".join(self.sql.split()), ref, self.kind)


class _Built:
    """Lets an already built query stand where the SDK wants a builder."""

    def __init__(self, query: Any) -> None:
        self._query = query

    def build(self) -> Any:
        return self._query


Query = Prom | Sql


def dress(  # noqa: PLR0917 (what all panels have, in one order)
    panel: Any, title: str, says: str, unit: str, queries: Sequence[Query], w: int, h: int
) -> Any:
    """Give a panel what all panels have."""
    panel = (
        panel.title(title)
        .description(says)
        .unit(unit)
        .datasource(PROMETHEUS if isinstance(queries[0], Prom) else DATABASE)
        .span(w)
        .height(h)
    )
    for position, query in enumerate(queries):
        panel = panel.with_target(_Built(query.build(chr(ord("A") + position))))
    return panel


def thresholds(*steps: tuple[float | None, str]) -> builders.ThresholdsConfig:
    """Colours from values on; the first step has None for its value."""
    return (
        builders.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=colour) for value, colour in steps])
    )


def value_texts(texts: dict[str, tuple[str, str]]) -> list[models.ValueMapping]:
    """Words and colours instead of values: ``{"1": ("unhealthy", "red")}``."""
    if not texts:
        return []
    return [
        models.ValueMap(
            options={
                value: models.ValueMappingResult(text=text, color=colour, index=index)
                for index, (value, (text, colour)) in enumerate(texts.items())
            }
        )
    ]


def nothing(text: str, colour: str) -> models.SpecialValueMap:
    """What stands for a value that is not there: the base threshold would call it well or ill."""
    return models.SpecialValueMap(
        options=models.DashboardSpecialValueMapOptions(
            match=models.SpecialValueMatch.NULL_AND_NAN,
            result=models.ValueMappingResult(text=text, color=colour, index=99),
        )
    )


def one_value(
    title: str,
    says: str,
    unit: str,
    queries: Sequence[Query],
    *,
    steps: Sequence[tuple[float | None, str]] = ((None, GREY),),
    texts: dict[str, tuple[str, str]] | None = None,
    empty: str = "no data",
    empty_colour: str = GREY,
    w: int = 4,
    h: int = 4,
    names: bool = False,
    listed: bool = False,
    decimals: int | None = None,
) -> stat.Panel:
    """One number that answers a question, coloured by what it means.

    Several numbers stand side by side, or, ``listed``, one below the other beside their names.
    """
    panel = dress(stat.Panel(), title, says, unit, queries, w, h)
    panel = (
        panel.thresholds(thresholds(*steps))
        .color_mode(
            common_models.BigValueColorMode.BACKGROUND
            if texts or len(steps) > 1
            else common_models.BigValueColorMode.VALUE
        )
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .text_mode(
            common_models.BigValueTextMode.VALUE_AND_NAME
            if names
            else common_models.BigValueTextMode.VALUE
        )
        .orientation(
            common_models.VizOrientation.HORIZONTAL if listed else common_models.VizOrientation.AUTO
        )
        .no_value(empty)
        .mappings([*value_texts(texts or {}), nothing(empty, empty_colour)])
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    if listed:
        # Left to itself the text shrinks with the width that a third of it would have.
        panel = panel.text(common.VizTextDisplayOptions().title_size(14).value_size(22))
    if decimals is not None:
        panel = panel.decimals(decimals)
    return panel


def bars(
    title: str,
    says: str,
    unit: str,
    queries: Sequence[Query],
    *,
    colours: dict[str, str] | None = None,
    empty: str = "none",
    w: int = 8,
    h: int = 7,
) -> bargauge.Panel:
    """How several things compare now, one bar each."""
    panel = (
        dress(bargauge.Panel(), title, says, unit, queries, w, h)
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .display_mode(common_models.BarGaugeDisplayMode.BASIC)
        .value_mode(common_models.BarGaugeValueMode.TEXT)
        .show_unfilled(False)
        .min(0)
        .no_value(empty)
        .thresholds(thresholds((None, BLUE)))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    return _coloured(panel, colours)


def _coloured(panel: Any, colours: dict[str, str] | None) -> Any:
    """Give series whose name ends in a word that word's colour."""
    for name, colour in (colours or {}).items():
        panel = panel.override_by_regexp(
            f"/(^| ){name}$/",
            [
                models.DynamicConfigValue(
                    id_val="color", value={"mode": "fixed", "fixedColor": colour}
                )
            ],
        )
    return panel


def lines(
    title: str,
    says: str,
    unit: str,
    queries: Sequence[Query],
    *,
    colours: dict[str, str] | None = None,
    stacked: bool = False,
    line_at: float | None = None,
    w: int = 12,
    h: int = 8,
    top: float | None = None,
    sort: str = "Max",
    empty: str = NOTHING,
    apart: str | None = None,
) -> timeseries.Panel:
    """Values over time; ``stacked`` for parts of a whole, ``line_at`` for a limit.

    The legend's greatest come first, by ``sort``: it has room for a few. It stands beside
    a wide plot and below a narrow one. No two points are closer than ``apart``.
    """
    panel = dress(timeseries.Panel(), title, says, unit, queries, w, h)
    panel = (
        panel.min(0)
        .fill_opacity(70 if stacked else 8)
        .line_width(0 if stacked else 2)
        .show_points(common_models.VisibilityMode.AUTO)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.TABLE)
            .placement(
                common_models.LegendPlacement.RIGHT
                if w >= BESIDE
                else common_models.LegendPlacement.BOTTOM
            )
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
            .sort_by(sort)
            .sort_desc(True)
        )
        .no_value(empty)
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode.MULTI)
            .sort(common_models.SortOrder.DESCENDING)
        )
    )
    if stacked:
        panel = panel.stacking(
            common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A")
        ).draw_style(common_models.GraphDrawStyle.BARS)
        panel = panel.max_data_points(BARS)
    if apart is not None:
        panel = panel.interval(apart)
    if top is not None:
        panel = panel.max(top)
    if line_at is not None:
        panel = panel.thresholds(thresholds((None, GREEN), (line_at, RED))).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
        )
    return _coloured(panel, colours)


def warm(
    title: str, says: str, unit: str, query: Prom, *, w: int = 12, h: int = 8
) -> heatmap.Panel:
    """A distribution over time, from a histogram's buckets."""
    panel = dress(heatmap.Panel(), title, says, unit, [query], w, h)
    return (
        panel.calculate(False)
        .no_value(NOTHING)
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .color(
            heatmap.HeatmapColorOptions()
            .mode(heatmap_models.HeatmapColorMode.SCHEME)
            .scheme("Oranges")
            .steps(64)
        )
    )


def states(
    title: str,
    says: str,
    queries: Sequence[Query],
    texts: dict[str, tuple[str, str]],
    *,
    w: int = 12,
    h: int = 6,
) -> statetimeline.Panel:
    """What state each thing was in, over time."""
    panel = dress(statetimeline.Panel(), title, says, "none", queries, w, h)
    return (
        panel.mappings(value_texts(texts))
        .no_value(NOTHING)
        .merge_values(True)
        .show_value(common_models.VisibilityMode.NEVER)
        .row_height(0.85)
        .fill_opacity(80)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )


def row(title: str) -> builders.Row:
    """A heading between panels."""
    return builders.Row(title)


Builder = Callable[[], builders.Dashboard]


def finished(build: Builder) -> dict[str, Any]:
    """Build a dashboard; its panels get ids in reading order, fixed as long as the source is."""
    tree: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(build().build()))
    for position, panel in enumerate(tree["panels"], start=1):
        panel["id"] = position
    for link in tree["links"]:
        # The SDK's only value would hide the links in a menu.
        del link["placement"]
    return tree


def board(uid: str, title: str, says: str, *, since: str) -> builders.Dashboard:
    """A dashboard with what all of ours have in common; the JSON is the source, not the UI."""
    return (
        builders.Dashboard(title)
        .uid(uid)
        .description(says)
        .tags(["genmon"])
        .editable()
        .readonly()
        .time(since, "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
    )


def alerts(matchers: str) -> builders.AnnotationQuery:
    """A mark wherever one of our alerts was firing."""
    expr = f'ALERTS{{alertname=~"Genmon.*",alertstate="firing",{matchers}}}'
    return (
        builders.AnnotationQuery()
        .name("Alerts")
        .datasource(PROMETHEUS)
        .enable(True)
        .icon_color(RED)
        .expr(expr)
        .title_format("{{alertname}}")
        .text_format("{{operation}} {{framework}} {{severity}}")
        .target(_Built(Prom(expr).build("Anno")))
    )


def deploys(sql: str) -> builders.AnnotationQuery:
    """A mark wherever a new code version was first seen."""
    return (
        builders.AnnotationQuery()
        .name("Deploys")
        .datasource(DATABASE)
        .enable(True)
        .icon_color(BLUE)
        .target(_Built(Sql(sql).build("Anno")))
    )
