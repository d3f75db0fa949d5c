"""A dashboard's grid with its queries' results, as a picture by a headless Chromium."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from grafana.preview.asking import Servers
from grafana.preview.shapes import SHAPES

DASHBOARDS = Path(__file__).parents[1] / "dashboards"
#: Pixels: Grafana's grid of 24 columns on a usual screen, 30 a row and 8 between.
WIDTH, ROW, GAP, MARGIN = 1600, 30, 8, 12
TOP = 56

STYLE = """
* { box-sizing: border-box }
body { margin: 0; background: #111217; color: #ccccdc; font: 13px Inter, "DejaVu Sans", sans-serif; position: relative }
header { height: 48px; padding: 14px 16px; font-size: 15px; color: #ccccdc }
header span { margin-left: 12px; font-size: 12px; color: #8e8e9a; border: 1px solid #2c2e36; padding: 3px 8px; border-radius: 2px }
.panel { position: absolute; background: #181b1f; border: 1px solid #24262c; border-radius: 3px; overflow: hidden; padding: 6px 8px }
.panel h2 { font-size: 13px; font-weight: 600; margin: 0 0 4px; height: 18px; white-space: nowrap }
.row { position: absolute; font-weight: 600; font-size: 15px; padding: 6px 4px }
.stats { display: flex; gap: 6px; height: calc(100% - 22px) }
.stat { flex: 1; display: flex; flex-direction: column; align-items: center; justify-content: center; font-weight: 600; border-radius: 3px; text-align: center }
.stat small { font-size: 12px; font-weight: 400; color: #ccccdc }
.listed { flex-direction: column; gap: 0 }
.listed .stat { flex-direction: row; justify-content: space-between; padding: 0 8px }
.bars, .rows { width: 100%; border-collapse: collapse; table-layout: auto }
.rows { table-layout: fixed }
.bars td { padding: 4px; white-space: nowrap }
.name { width: 1%; color: #ccccdc; text-align: right }
.bar i { display: inline-block; height: 16px; vertical-align: middle; border-radius: 2px }
.rows th { text-align: left; font-weight: 500; color: #6e9fff; padding: 3px 6px; border-bottom: 1px solid #2c2e36; overflow: hidden; white-space: nowrap }
.rows td { padding: 4px 6px; border-bottom: 1px solid #202227; white-space: nowrap; overflow: hidden; text-overflow: ellipsis }
.rows td.wrap { white-space: pre-wrap; font: 11px monospace }
.rows a { color: #6e9fff }
.none { text-align: center; color: #8e8e9a; padding-top: 8% }
svg text { fill: #8e8e9a; font-size: 11px }
.grid { stroke: #2c2e36 }
.limit { stroke: #f2495c; stroke-dasharray: 6 5; stroke-width: 1.5 }
polyline { fill: none; stroke-width: 2 }
.legend { display: flex; font-size: 12px; height: 22px; gap: 8px; align-items: center }
.legend span { flex: 1; overflow: hidden; white-space: nowrap }
.legend b { font-weight: 400; color: #9a9ba3; min-width: 90px; text-align: right }
.legend i, .key i { width: 14px; height: 4px; display: inline-block; margin-right: 4px; border-radius: 2px; vertical-align: middle }
.key { margin-left: 16px; font-size: 12px }
.mark { position: absolute; width: 0; border-left: 1px dashed }
"""


def draw(servers: Servers, folder: Path) -> Iterator[Path]:
    """Draw every dashboard into ``folder``; yields each picture's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(DASHBOARDS.glob("*.json")):
        dashboard = json.loads(source.read_text(encoding="utf-8"))
        html, height = page(dashboard, servers)
        target = folder / f"dashboard-{source.stem}.png"
        photograph(html, height, target)
        yield target


def page(dashboard: dict[str, Any], servers: Servers) -> tuple[str, int]:
    """The dashboard as HTML, and its height in pixels."""
    column = (WIDTH - 2 * MARGIN) / 24
    parts, bottom = [], 0
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        x, y = MARGIN + place["x"] * column, TOP + place["y"] * (ROW + GAP)
        width, height = place["w"] * column - GAP, place["h"] * (ROW + GAP) - GAP
        bottom = max(bottom, int(y + height))
        box = f"left:{x:.0f}px;top:{y:.0f}px;width:{width:.0f}px;height:{height:.0f}px"
        if panel["type"] == "row":
            parts.append(f'<div class="row" style="{box}">⌄ {escape(panel["title"])}</div>')
            continue
        asked = servers.of(panel)
        frames = [f for target in panel["targets"] for f in asked.ask(dashboard, target)]
        shape = SHAPES[panel["type"]](panel, frames, asked, (int(width) - 18, int(height) - 36))
        parts.append(
            f'<div class="panel" style="{box}"><h2>{escape(panel["title"])}</h2>{shape}</div>'
        )
    variables = "".join(
        f"<span>{escape(v['name'])}: {'All' if v['type'] == 'query' else 'genmon'}</span>"
        for v in dashboard["templating"]["list"]
        if v["type"] in ("query", "datasource")
    )
    title = f"<header>genmon / {escape(dashboard['title'])} {variables}</header>"
    html = f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><body>{title}{''.join(parts)}"
    return html, bottom + MARGIN


def photograph(html: str, height: int, target: Path) -> None:
    """Write a picture of a page."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "needs chromium: apt-get install chromium"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "page.html"
        source.write_text(html, encoding="utf-8")
        subprocess.run(
            [
                chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--hide-scrollbars", f"--user-data-dir={folder}/profile",
                f"--window-size={WIDTH},{height}", f"--screenshot={target}", source.as_uri(),
            ],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
