"""A table of figures: printed for people, kept as JSON."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("opentelemetry-sdk", "prometheus-client", "sqlalchemy", "psycopg")


@dataclass
class Table:
    """One table; every row has the same keys, which are its columns."""

    name: str
    title: str
    #: What was compared with what, in a sentence.
    note: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, **row: Any) -> None:
        """Add a row, and show it at once: a measurement may take minutes."""
        if not self.rows:
            print(f"\n{self.title}\n{self.note}".rstrip(), flush=True)
            print("  ".join(_cell(key, key) for key in row))
        self.rows.append(row)
        print("  ".join(_cell(key, value) for key, value in row.items()), flush=True)


def _cell(key: str, value: Any) -> str:
    """A value under its heading; the first column of a table holds text."""
    if isinstance(value, float):
        value = f"{value:,.2f}"
    elif isinstance(value, int) and not isinstance(value, bool):
        value = f"{value:,}"
    elif value is None:
        value = ""
    width = 30 if key in ("what", "call") else max(11, len(key))
    return f"{value:<{width}}" if key in ("what", "call", "database") else f"{value:>{width}}"


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "processors": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "sqlite": sqlite3.sqlite_version,
        **{name: version(name) for name in LIBRARIES},
    }


def write(path: Path, tables: Iterable[Table], found: Mapping[str, Any]) -> None:
    """Write tables and the machine they come from as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"machine": dict(found), "tables": [asdict(table) for table in tables]}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
