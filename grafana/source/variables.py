"""What a reader can choose at the top of a dashboard, and the matchers that follow from it."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

from genmon_otel import conventions as names
from genmon_otel.rules.options import SCOPE
from grafana.source.panels import DATABASE, PROMETHEUS

#: Labels that series may lack: everything, the absent label too, is ``.*``.
_MAY_BE_ABSENT: Final = ".*"
#: What every scraped series has.
_ALWAYS_THERE: Final = ".+"


def matchers(*labels: str, more: str = "") -> str:
    """``cluster=~"$cluster",…`` for the chosen labels."""
    chosen = [f'{label}=~"${label}"' for label in labels]
    return ",".join([*chosen, *([more] if more else [])])


#: Matchers of the scope alone, of an operation in it, of an operation and framework in it.
IN_SCOPE: Final = matchers(*SCOPE)
OF_OPERATION: Final = matchers(*SCOPE, "operation")
OF_PAIR: Final = matchers(*SCOPE, "operation", "framework")


def source(label: str, name: str, plugin: str) -> builders.DatasourceVariable:
    """Which data source of a kind the dashboard reads."""
    return builders.DatasourceVariable(name).label(label).type(plugin)


def metrics_source() -> builders.DatasourceVariable:
    """Which Prometheus."""
    return source("Prometheus", "datasource", "prometheus")


def database_source() -> builders.DatasourceVariable:
    """Which PostgreSQL."""
    return source("Database", "database", "grafana-postgresql-datasource")


def _many(
    name: str, where: common.DataSourceRef, query: str, all_value: str
) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(name)
        .datasource(where)
        .query(query)
        .definition(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(all_value)
        .current(models.VariableOption(selected=True, text="All", value="$__all"))
    )


def of_label(label: str, metric: str, earlier: tuple[str, ...] = ()) -> builders.QueryVariable:
    """Values of one label, among what the variables before it leave."""
    selected = f"{metric}{{{matchers(*earlier)}}}" if earlier else metric
    return _many(
        label,
        PROMETHEUS,
        f"label_values({selected}, {label})",
        _ALWAYS_THERE if label in ("job", "instance") else _MAY_BE_ABSENT,
    )


def of_column(name: str, column: str, table: str) -> builders.QueryVariable:
    """Values of one column of the database."""
    return _many(name, DATABASE, f"SELECT DISTINCT {column} FROM {table} ORDER BY 1", ".*")


def scope(metric: str) -> list[builders.QueryVariable]:
    """Cluster, namespace and job, each among what the one before leaves."""
    return [of_label(label, metric, SCOPE[:position]) for position, label in enumerate(SCOPE)]


def scrape_interval() -> builders.ConstantVariable:
    """The scrape interval that exact counts step by; ``genmon assets export`` sets it."""
    return builders.ConstantVariable("scrape").label("scrape interval").value("30s")


def chosen(column: str, variable: str) -> str:
    """An SQL condition for a variable with All; a regular expression as in PromQL."""
    return f"{column} ~ '^(${{{variable}:regex}})$'"


def links(*uids: str) -> list[builders.DashboardLink]:
    """Links to the sibling dashboards, which keep time range and variables."""
    titles = {
        names.DASHBOARD_GENERATIONS: "Generations",
        names.DASHBOARD_FAILURES: "Failures and cases",
        names.DASHBOARD_SELF: "genmon itself",
    }
    return [
        builders.DashboardLink(titles[uid])
        .type(models.DashboardLinkType.LINK)
        .url(f"/d/{uid}")
        .keep_time(True)
        .include_vars(True)
        for uid in uids
    ]
