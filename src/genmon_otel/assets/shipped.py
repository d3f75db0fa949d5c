"""The files that are shipped as they are: dashboards, provisioning, the example stack."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import genmon_otel
from genmon_otel.errors import ConfigurationError

#: Folders of the repository that a wheel carries under ``genmon_otel/assets/shipped``.
FOLDERS: Final = ("grafana/dashboards", "grafana/provisioning", "deploy")
#: Files that a working copy may contain and that are not exported.
_LEFT_OUT: Final = re.compile(r"(^|/)(__pycache__/|secrets/(?!README\.md)|\.env$)|\.whl$")


def root() -> Path:
    """Where those folders are: in the wheel, else in the checkout.

    Raises:
        ConfigurationError: in neither; the installation is damaged.
    """
    package = Path(genmon_otel.__file__).parent
    for place in (package / "assets" / "shipped", package.parents[1]):
        if all((place / folder).is_dir() for folder in FOLDERS):
            return place
    raise ConfigurationError(
        f"The dashboards are neither in {package} nor beside it. Install the wheel again: "
        "pip install --force-reinstall genmon-otel"
    )


def shipped() -> Iterator[tuple[str, str]]:
    """Path within the repository and text of every shipped file."""
    place = root()
    for folder in FOLDERS:
        for path in sorted((place / folder).rglob("*")):
            name = path.relative_to(place).as_posix()
            if path.is_file() and not _LEFT_OUT.search(name):
                yield name, path.read_text(encoding="utf-8")


def dashboards(scrape_interval_s: int, ui_url: str | None = None) -> Iterator[tuple[str, str]]:
    """File name and text of every dashboard, stepping exact counts by the scrape interval.

    Args:
        scrape_interval_s: seconds.
        ui_url: of the page of ``genmon ui``, to which they link; None for no link.
    """
    for path in sorted((root() / "grafana" / "dashboards").glob("*.json")):
        text = stepped(path.read_text(encoding="utf-8"), scrape_interval_s)
        yield path.name, text if ui_url is None else linked(text, ui_url.rstrip("/"))


def linked(text: str, ui_url: str) -> str:
    """A dashboard that links to the page: itself, and every failure that a table names."""
    tree: dict[str, Any] = json.loads(text)
    tree["links"].append({
        "asDropdown": False, "icon": "external link", "includeVars": False, "keepTime": False,
        "tags": [], "targetBlank": True, "title": "Review", "tooltip": "The page of genmon ui",
        "type": "link", "url": ui_url,
    })  # fmt: skip
    address = f"{ui_url}/failures/${{__value.text}}"
    for panel in tree["panels"]:
        for override in panel.get("fieldConfig", {}).get("overrides", []):
            if override["matcher"].get("options") != "failure":
                continue
            for found in override["properties"]:
                if found["id"] == "links":
                    found["value"].append(
                        {"title": "Review it", "url": address, "targetBlank": True}
                    )
    return json.dumps(tree, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def stepped(text: str, scrape_interval_s: int) -> str:
    """A dashboard with its constant ``scrape`` set; as it was for one that has none."""
    tree: dict[str, Any] = json.loads(text)
    for variable in tree["templating"]["list"]:
        if variable["name"] == "scrape":
            variable["query"] = f"{scrape_interval_s}s"
    return json.dumps(tree, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
