"""The dashboards as code; ``make generate`` writes their JSON."""

from __future__ import annotations

import json
from typing import Final

from grafana.source import failures, generations, itself
from grafana.source.panels import Builder, finished

#: File name -> what makes it.
SOURCES: Final[dict[str, Builder]] = {
    "generations.json": generations.dashboard,
    "failures.json": failures.dashboard,
    "itself.json": itself.dashboard,
}


def rendered() -> dict[str, str]:
    """Every dashboard as the text of its file."""
    return {
        name: json.dumps(finished(build), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        for name, build in SOURCES.items()
    }
