"""One function a kind of panel: its frames as HTML or SVG."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from grafana.preview.asking import Frame, Servers, missing
from grafana.preview.values import (
    COLOURS,
    colour_of,
    mapped,
    overridden,
    threshold_colour,
    written,
)

Panel = dict[str, Any]


def stat(panel: Panel, frames: Sequence[Frame], servers: Servers, _size: tuple[int, int]) -> str:
    """Large values, coloured by what they mean."""
    defaults = panel["fieldConfig"]["defaults"]
    boxes = []
    listed = panel["options"]["orientation"] == "horizontal"
    shown = [(frame.name, frame.rows[-1][-1]) for frame in frames if frame.rows]
    for name, value in shown or [("", None)]:
        hit = mapped(value, defaults)
        if hit:
            text, colour = hit
        else:
            text = written(value, defaults["unit"], servers.end, defaults.get("decimals"))
            colour = threshold_colour(value, defaults)
        filled = panel["options"]["colorMode"] == "background"
        style = f"background:{colour}55;color:#fff" if filled else f"color:{colour}"
        label = panel["options"]["textMode"] == "value_and_name"
        small = f"<small>{escape(name)}</small>" if label else ""
        size = 34 if len(text) < 7 else 24 if len(text) < 14 else 16
        size = 22 if listed else size
        boxes.append(
            f'<div class="stat" style="{style};font-size:{size}px">{small}{escape(text)}</div>'
        )
    return f'<div class="stats{" listed" * listed}">{"".join(boxes)}</div>'


def bargauge(
    panel: Panel, frames: Sequence[Frame], servers: Servers, _size: tuple[int, int]
) -> str:
    """A bar for each value."""
    shown = [(frame.name, frame.rows[-1][-1]) for frame in frames if frame.rows]
    if not shown:
        return f'<p class="none">{escape(panel["fieldConfig"]["defaults"].get("noValue", ""))}</p>'
    top = max(value for _, value in shown) or 1
    bars = []
    for name, value in shown:
        colour = overridden(panel, name).get("color", {}).get("fixedColor", "blue")
        text = written(value, panel["fieldConfig"]["defaults"]["unit"], servers.end)
        bars.append(
            f'<tr><td class="name">{escape(name)}</td><td class="bar"><i style="width:'
            f'{value / top * 88:.1f}%;background:{COLOURS.get(colour, colour)}"></i> {text}</td></tr>'
        )
    return f'<table class="bars">{"".join(bars)}</table>'


def table(panel: Panel, frames: Sequence[Frame], servers: Servers, size: tuple[int, int]) -> str:
    """Rows; several frames are merged by the labels they share."""
    columns, rows = _merged(panel, frames)
    if not rows:
        return f'<p class="none">{escape(panel["fieldConfig"]["defaults"].get("noValue", ""))}</p>'
    looks = {name: overridden(panel, name) for name in columns}
    head = "".join(
        f'<th style="width:{looks[name].get("custom.width", "auto")}px">'
        f"{escape(looks[name].get('displayName', name))}</th>"
        for name in columns
    )
    body = []
    for row in rows[: max(1, (size[1] - 40) // 26)]:
        cells = "".join(_cell(row.get(name), looks[name], panel, servers) for name in columns)
        body.append(f"<tr>{cells}</tr>")
    return f'<table class="rows"><tr>{head}</tr>{"".join(body)}</table>'


def _merged(panel: Panel, frames: Sequence[Frame]) -> tuple[list[str], list[dict[str, Any]]]:
    kinds = {each["id"]: each["options"] for each in panel.get("transformations", [])}
    if "organize" not in kinds:
        rows = [dict(zip(f.columns, row, strict=True)) for f in frames for row in f.rows]
        return list(frames[0].columns) if frames else [], rows
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for position, frame in enumerate(frames):
        value = "Value" if len(frames) == 1 else f"Value #{chr(ord('A') + position)}"
        for row in frame.rows:
            labels = dict(zip(frame.columns[:-1], row[:-1], strict=True))
            merged.setdefault(tuple(sorted(labels.items())), dict(labels))[value] = row[-1]
    order = kinds["organize"]["indexByName"]
    renamed = kinds["organize"]["renameByName"]
    names = sorted(order, key=order.__getitem__)
    found = [{renamed.get(n, n): row.get(n) for n in names} for row in merged.values()]
    for sort in panel["options"].get("sortBy", []):
        found.sort(key=lambda row: row.get(sort["displayName"]) or 0, reverse=sort["desc"])
    return [renamed.get(name, name) for name in names], found


def _cell(value: Any, look: dict[str, Any], panel: Panel, servers: Servers) -> str:
    unit = look.get("unit", panel["fieldConfig"]["defaults"]["unit"])
    text = escape(written(value, unit, servers.end) or look.get("noValue", ""))
    kind = look.get("custom.cellOptions", {}).get("type")
    if kind == "gauge" and not missing(value):
        colour = threshold_colour(value, look)
        return f'<td class="bar"><i style="width:{value * 60:.0f}%;background:{colour}"></i> {text}</td>'
    if hit := mapped(value, look):
        colour = f' style="color:{hit[1]}"' if kind == "color-text" else ""
        return f"<td{colour}>{escape(hit[0])}</td>"
    if look.get("links"):
        return f"<td><a>{text}</a></td>"
    if look.get("custom.cellOptions", {}).get("wrapText"):
        return f'<td class="wrap">{text}</td>'
    return f"<td>{text}</td>"


def timeseries(
    panel: Panel, frames: Sequence[Frame], servers: Servers, size: tuple[int, int]
) -> str:
    """Lines or stacked bars over time, with a legend."""
    custom = panel["fieldConfig"]["defaults"]["custom"]
    stacked = custom.get("stacking", {}).get("mode") == "normal"
    unit = panel["fieldConfig"]["defaults"]["unit"]
    drawn = [f for f in frames if f.values]
    if not drawn:
        return f'<p class="none">{escape(panel["fieldConfig"]["defaults"]["noValue"])}</p>'
    legend = _legend(panel, drawn, unit, servers)
    height = size[1] - 22 * min(len(drawn), 4) - 26
    sums: dict[float, float] = {}
    for frame in drawn:
        for moment, value in frame.rows:
            if not missing(value):
                sums[moment] = sums.get(moment, 0) + value
    highest = (
        max(sums.values(), default=1)
        if stacked
        else max((v for f in drawn for v in f.values), default=1)
    )
    top = panel["fieldConfig"]["defaults"].get("max") or highest * 1.1 or 1
    plot = _Plot(size[0], height, servers, top, unit)
    parts = [plot.axes()]
    base: dict[float, float] = {}
    for position, frame in enumerate(drawn):
        colour = colour_of(panel, frame.name, position)
        points = [(t, v) for t, v in frame.rows if not missing(v)]
        if stacked:
            width = max(2.0, 0.6 * servers.step_s / (servers.end - servers.start) * plot.width)
            for moment, value in points:
                low = base.get(moment, 0)
                base[moment] = low + value
                y = plot.y(low + value)
                parts.append(
                    f'<rect x="{plot.x(moment) - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" '
                    f'height="{max(0.0, plot.y(low) - y):.1f}" fill="{colour}" opacity=".8"/>'
                )
        else:
            parts.append(plot.line(points, colour))
    steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    if custom.get("thresholdsStyle", {}).get("mode") == "dashed":
        for step in steps[1:]:
            y = plot.y(step["value"])
            parts.append(f'<line class="limit" x1="{plot.left}" x2="{size[0]}" y1="{y}" y2="{y}"/>')
    return f'<svg width="{size[0]}" height="{height}">{"".join(parts)}</svg>{legend}'


def _legend(panel: Panel, frames: Sequence[Frame], unit: str, servers: Servers) -> str:
    rows = []
    by_last = panel["options"]["legend"]["sortBy"] == "Last *"
    ranked = sorted(
        enumerate(frames),
        key=lambda each: each[1].values[-1] if by_last else max(each[1].values),
        reverse=True,
    )
    for position, frame in ranked[:4]:
        colour = colour_of(panel, frame.name, position)
        last, high = frame.values[-1], max(frame.values)
        rows.append(
            f'<div class="legend"><i style="background:{colour}"></i><span>{escape(frame.name)}</span>'
            f"<b>{written(last, unit, servers.end)}</b><b>max {written(high, unit, servers.end)}</b></div>"
        )
    return "".join(rows)


class _Plot:
    """Pixels for moments and values."""

    left = 58

    def __init__(self, width: int, height: int, servers: Servers, top: float, unit: str) -> None:
        self.width = width - self.left - 8
        self.height = height - 20
        self.servers, self.top, self.unit = servers, top, unit

    def x(self, moment: float) -> float:
        span = self.servers.end - self.servers.start
        return self.left + (moment - self.servers.start) / span * self.width

    def y(self, value: float) -> float:
        return 4 + (1 - min(1.0, value / self.top)) * (self.height - 4)

    def axes(self) -> str:
        parts = []
        for share in (0, 0.5, 1):
            y = self.y(share * self.top)
            text = escape(written(float(f"{share * self.top:.3g}"), self.unit, 0))
            parts.append(f'<line class="grid" x1="{self.left}" x2="{self.left + self.width}" '
                         f'y1="{y:.1f}" y2="{y:.1f}"/><text x="{self.left - 6}" y="{y + 4:.1f}" '
                         f'text-anchor="end">{text}</text>')  # fmt: skip
        start, end = self.servers.start, self.servers.end
        for share in (0.1, 0.35, 0.6, 0.85):
            moment = start + share * (end - start)
            text = time.strftime("%H:%M", time.localtime(moment))
            parts.append(f'<text x="{self.x(moment):.0f}" y="{self.height + 15}">{text}</text>')
        return "".join(parts)

    def line(self, points: Sequence[tuple[float, float]], colour: str) -> str:
        """A line, broken where points are missing; a lone point is a dot."""
        step = self.servers.step_s * 2.5
        runs: list[list[tuple[float, float]]] = []
        for point in points:
            if runs and point[0] - runs[-1][-1][0] <= step:
                runs[-1].append(point)
            else:
                runs.append([point])
        parts = []
        for run in runs:
            path = " ".join(f"{self.x(t):.1f},{self.y(v):.1f}" for t, v in run)
            if len(run) == 1:
                x, y = path.split(",")
                parts.append(f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>')
            parts.append(f'<polyline points="{path}" stroke="{colour}"/>')
        return "".join(parts)


def state_timeline(
    panel: Panel, frames: Sequence[Frame], servers: Servers, size: tuple[int, int]
) -> str:
    """A band for each thing, coloured by state."""
    defaults = panel["fieldConfig"]["defaults"]
    left, width = 190, size[0] - 200
    height = min(34, (size[1] - 30) // max(1, len(frames)))
    span = servers.end - servers.start
    parts = []
    for row, frame in enumerate(sorted(frames, key=lambda frame: frame.name)):
        parts.append(f'<text x="{left - 8}" y="{row * height + height * 0.6:.0f}" '
                     f'text-anchor="end">{escape(frame.name)}</text>')  # fmt: skip
        for (moment, value), after in itertools.zip_longest(frame.rows, frame.rows[1:]):
            end = after[0] if after else servers.end
            x = left + (moment - servers.start) / span * width
            colour = (mapped(value, defaults) or ("", "#333"))[1]
            parts.append(f'<rect x="{x:.1f}" y="{row * height + 3}" height="{height - 6}" width="'
                         f'{(end - moment) / span * width + 0.6:.1f}" fill="{colour}"/>')  # fmt: skip
    words = [each for mapping in defaults["mappings"] for each in mapping["options"].values()]
    legend = "".join(
        f'<span class="key"><i style="background:{COLOURS[each["color"]]}"></i>'
        f"{escape(each['text'])}</span>"
        for each in words
    )
    return f'<svg width="{size[0]}" height="{size[1] - 26}">{"".join(parts)}</svg>{legend}'


def heatmap(panel: Panel, frames: Sequence[Frame], servers: Servers, size: tuple[int, int]) -> str:
    """Buckets over time; asked as a heatmap, cumulative counts become counts of their own."""
    own = panel["targets"][0].get("format") == "heatmap"
    ordered = sorted(frames, key=lambda frame: float(frame.labels["le"].replace("+Inf", "inf")))
    grid: list[list[tuple[float, float]]] = []
    before: dict[float, float] = {}
    for frame in ordered:
        now = {t: 0 if missing(v) else v for t, v in frame.rows}
        grid.append([(t, max(0.0, v - before.get(t, 0) * own)) for t, v in now.items()])
        before = now
    top = max((v for row in grid for _, v in row), default=0) or 1
    left, width, height = 60, size[0] - 68, (size[1] - 24) / max(1, len(ordered))
    span = servers.end - servers.start
    unit = panel["options"]["yAxis"].get("unit", "s")
    parts = []
    for row, (frame, cells) in enumerate(zip(ordered, grid, strict=True)):
        y = (len(ordered) - 1 - row) * height
        le = frame.labels["le"]
        label = "more" if le == "+Inf" else written(float(le), unit, 0)
        parts.append(
            f'<text x="{left - 6}" y="{y + height * 0.7:.0f}" text-anchor="end">{label}</text>'
        )
        for moment, value in cells:
            if value > 0:
                x = left + (moment - servers.start) / span * width
                parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" height="{height - 1:.1f}" width="'
                             f'{servers.step_s / span * width + 0.5:.1f}" fill="#ff9830" '
                             f'opacity="{0.25 + 0.75 * value / top:.2f}"/>')  # fmt: skip
    return f'<svg width="{size[0]}" height="{size[1] - 8}">{"".join(parts)}</svg>'


SHAPES: dict[str, Callable[[Panel, Sequence[Frame], Servers, tuple[int, int]], str]] = {
    "stat": stat,
    "bargauge": bargauge,
    "table": table,
    "timeseries": timeseries,
    "state-timeline": state_timeline,
    "heatmap": heatmap,
}
