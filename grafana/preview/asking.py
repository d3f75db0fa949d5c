"""Ask a panel's queries as Grafana would: variables and macros filled in, real servers asked.

Source: Grafana's documentation of the Prometheus and PostgreSQL data sources. A variable
with All becomes its ``allValue`` untouched, several values become ``(a|b)`` for PromQL
and ``:regex``; ``$__rate_interval`` is ``max(4 × scrape interval, step + scrape interval)``.
"""

from __future__ import annotations

import json
import math
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

ALL = "$__all"
#: Points that a panel of a usual width asks for.
POINTS = 240


@dataclass(frozen=True)
class Frame:
    """One result: column names and rows; a series has the columns ``time`` and ``value``."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def values(self) -> list[Any]:
        """The last column, without gaps."""
        return [row[-1] for row in self.rows if not missing(row[-1])]


def missing(value: Any) -> bool:
    """Whether a value shows as nothing."""
    return value is None or (isinstance(value, float) and math.isnan(value))


@dataclass(frozen=True)
class Servers:
    """Where to ask: Prometheus' address, an open PostgreSQL connection, and the time range."""

    prometheus: str
    database: Any
    start: float
    end: float
    scrape_s: int = 30
    chosen: Mapping[str, Sequence[str]] = field(default_factory=dict)

    points: int = POINTS
    least_s: int = 0

    @property
    def step_s(self) -> int:
        """``$__interval``."""
        step = math.ceil((self.end - self.start) / self.points)
        return max(self.scrape_s, self.least_s, step)

    def of(self, panel: dict[str, Any]) -> Servers:
        """The same, asked for as many points, as far apart, as a panel wants."""
        least = panel.get("interval", "0s")
        return replace(
            self,
            points=panel.get("maxDataPoints", POINTS),
            least_s=int(least[:-1]) * {"s": 1, "m": 60}[least[-1]],
        )

    def ask(self, dashboard: dict[str, Any], target: dict[str, Any]) -> list[Frame]:
        """The frames of one query of a panel."""
        if "rawSql" in target:
            return list(self._sql(dashboard, target))
        return list(self._promql(dashboard, target))

    # --- filling in ---------------------------------------------------------

    def filled(self, dashboard: dict[str, Any], text: str, escape: str = r"\\\\") -> str:
        """A query with variables and built-in variables replaced.

        Args:
            escape: replacement that escapes a character: two backslashes in PromQL's strings.
        """
        step = self.step_s
        rate = max(4 * self.scrape_s, step + self.scrape_s)
        values = {
            "__rate_interval": f"{rate}s",
            "__interval": f"{step}s",
            "__range": f"{math.ceil(self.end - self.start)}s",
            **{v["name"]: self._value(v, escape) for v in dashboard["templating"]["list"]},
        }
        return re.sub(
            r"\$\{(\w+)(?::\w+)?\}|\$(\w+)",
            # What is left are the macros, which are functions.
            lambda found: values.get(found[1] or found[2], found[0]),
            text,
        )

    def _value(self, variable: dict[str, Any], escape: str) -> str:
        if variable["type"] == "constant":
            return f"{self.scrape_s}s"
        chosen = self.chosen.get(variable["name"], [ALL])
        if list(chosen) == [ALL]:
            return str(variable.get("allValue", ""))
        escaped = [re.sub(r"[\\^$.|?*+()\[\]{}]", rf"{escape}\g<0>", value) for value in chosen]
        return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"

    # --- Prometheus ---------------------------------------------------------

    def _promql(self, dashboard: dict[str, Any], target: dict[str, Any]) -> Iterator[Frame]:
        query = self.filled(dashboard, target["expr"])
        if target.get("instant"):
            result = self.prometheus_api("query", query=query, time=self.end)["result"]
            if target.get("format") == "table":
                yield _table(result)
                return
            for series in result:
                moment, value = series["value"]
                yield _series(target, series["metric"], [(moment, value)])
            return
        answer = self.prometheus_api(
            "query_range", query=query, start=self.start, end=self.end, step=self.step_s
        )
        for series in answer["result"]:
            yield _series(target, series["metric"], series["values"])

    def prometheus_api(self, path: str, **parameters: Any) -> Any:
        """Ask Prometheus.

        Raises:
            ValueError: it refused the query; its reason.
        """
        body = urllib.parse.urlencode(parameters, doseq=True).encode() or None
        try:
            with urllib.request.urlopen(
                f"{self.prometheus}/api/v1/{path}", body, timeout=60
            ) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(f"{parameters}: {error.read().decode()}") from None

    # --- PostgreSQL ---------------------------------------------------------

    def sql(self, dashboard: dict[str, Any], text: str) -> str:
        """A statement with variables and macros replaced."""
        start, end = (
            f"'{datetime.fromtimestamp(moment, UTC).isoformat()}'"
            for moment in (self.start, self.end)
        )
        query = self.filled(dashboard, text, r"\\")
        query = re.sub(
            r"\$__timeGroup\(([\w.]+), *(\d+)s(?:, *0)?\)",
            r"floor(extract(epoch from \1) / \2) * \2",
            query,
        )
        query = re.sub(r"\$__timeFilter\(([\w.]+)\)", rf"\1 BETWEEN {start} AND {end}", query)
        return query.replace("$__timeFrom()", start).replace("$__timeTo()", end)

    def _sql(self, dashboard: dict[str, Any], target: dict[str, Any]) -> Iterator[Frame]:
        cursor = self.database.execute(self.sql(dashboard, target["rawSql"]))
        columns = tuple(column.name for column in cursor.description)
        fetched = [tuple(_plain(value) for value in row) for row in cursor.fetchall()]
        if target["format"] == "table":
            yield Frame("", columns, tuple(fetched))
            return
        assert columns == ("time", "metric", "value"), columns
        step = self.step_s
        every = range(int(self.start) // step * step, math.ceil(self.end), step)
        # The macro's third argument is what stands where a group has no row.
        empty = dict.fromkeys(map(float, every), 0.0) if ", 0)" in target["rawSql"] else {}
        for name in dict.fromkeys(row[1] for row in fetched):
            points = empty | {float(row[0]): row[2] for row in fetched if row[1] == name}
            yield Frame(name, ("time", "value"), tuple(sorted(points.items())))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    return float(value) if type(value).__name__ == "Decimal" else value


def _series(
    target: dict[str, Any], labels: Mapping[str, str], points: Sequence[tuple[float, str]]
) -> Frame:
    legend = target.get("legendFormat") or str(dict(labels))
    name = re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), legend)
    rows = tuple((float(moment), float(value)) for moment, value in points)
    return Frame(name.strip(), ("time", "value"), rows, labels)


def _table(result: Sequence[dict[str, Any]]) -> Frame:
    columns = tuple(dict.fromkeys(label for series in result for label in series["metric"]))
    rows = tuple(
        (*(series["metric"].get(label, "") for label in columns), float(series["value"][1]))
        for series in result
    )
    return Frame("", (*columns, "Value"), rows)


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel that asks something, those in rows too."""
    for panel in dashboard["panels"]:
        yield from (each for each in panel.get("panels", []) if each.get("targets"))
        if panel.get("targets"):
            yield panel
