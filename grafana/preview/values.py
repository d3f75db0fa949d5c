"""Values as Grafana writes and colours them: units, mappings, thresholds, overrides."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from grafana.preview.asking import missing

COLOURS = {
    "green": "#73bf69", "yellow": "#fade2a", "red": "#f2495c", "blue": "#5794f2",
    "orange": "#ff9830", "text": "#9a9ba3", "purple": "#b877d9",
}  # fmt: skip
PALETTE = ("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0")


def written(value: Any, unit: str, now: float, decimals: int | None = None) -> str:
    """A value in its unit."""
    if missing(value):
        return ""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    match unit:
        case "percentunit":
            return f"{value * 100:.{1 if decimals is None and 0 < value < 0.1 else 0}f}%"
        case "s":
            return _duration(value)
        case "bytes":
            return _scaled(value, 1024, ("B", "KiB", "MiB", "GiB"))
        case "opm":
            return f"{value:.2g}/min"
        case "dateTimeFromNow":
            return f"{_duration(now - _seconds(value))} ago"
        case "dateTimeAsLocal":
            return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(_seconds(value)))
        case "dateTimeAsLocalNoDateIfToday":
            return time.strftime("%H:%M:%S", time.localtime(_seconds(value)))
    if float(value).is_integer():
        return f"{int(value)}"
    return f"{value:.{2 if decimals is None else decimals}f}"


def _seconds(moment: float) -> float:
    """Grafana's times are milliseconds; ours from the database are seconds."""
    return moment / 1000 if moment > 1e11 else moment


def _duration(seconds: float) -> str:
    seconds = max(0.0, seconds)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1000:.3g} ms"


def _scaled(value: float, base: int, units: tuple[str, ...]) -> str:
    for unit in units[:-1]:
        if value < base:
            return f"{value:.3g} {unit}"
        value /= base
    return f"{value:.3g} {units[-1]}"


def mapped(value: Any, config: Mapping[str, Any]) -> tuple[str, str] | None:
    """Text and colour that a value mapping gives."""
    key = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    for mapping in config.get("mappings", []):
        found, text = None, ""
        options = mapping["options"]
        match mapping["type"]:
            case "value" if key in options:
                found, text = options[key], options[key]["text"]
            case "special" if missing(value):
                found, text = options["result"], options["result"]["text"]
            case "regex" if hit := re.search(options["pattern"].strip("/"), str(value)):
                found, text = options["result"], hit[1]
        if found:
            colour = found.get("color", "text")
            return text, COLOURS.get(colour, colour)
    return None


def threshold_colour(value: Any, config: Mapping[str, Any]) -> str:
    """The colour of the last threshold that a value reaches."""
    colour = "text"
    for step in config.get("thresholds", {}).get("steps", []):
        if step["value"] is None or (not missing(value) and value >= step["value"]):
            colour = step["color"]
    return COLOURS.get(colour, colour)


def overridden(panel: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The properties that a panel overrides for one field."""
    found: dict[str, Any] = {}
    for override in panel["fieldConfig"].get("overrides", []):
        matcher = override["matcher"]
        options = matcher["options"]
        if matcher["id"] == "byName" and options == name:
            hit = True
        else:
            hit = matcher["id"] == "byRegexp" and re.search(options.strip("/"), name)
        if hit:
            found.update({each["id"]: each["value"] for each in override["properties"]})
    return found


def colour_of(panel: Mapping[str, Any], name: str, position: int) -> str:
    """The colour of a series: overridden, else from the palette."""
    chosen = overridden(panel, name).get("color", {}).get("fixedColor")
    return COLOURS.get(chosen, chosen) if chosen else PALETTE[position % len(PALETTE)]
