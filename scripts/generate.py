"""Write every generated file from its source: ``make generate``.

A test compares each with what this would write, so that none can drift.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]


def cli_reference() -> Iterator[tuple[Path, str]]:
    """The help text of every command."""
    from genmon_otel.cli import genmon

    yield ROOT / "docs" / "cli.md", _reference(genmon)


def _reference(root: click.Command) -> str:
    lines = [
        "# Command reference",
        "",
        "<!-- Generated from the commands' help by `make generate`. DO NOT EDIT. -->",
        "",
    ]
    for path, command in _commands(root, ("genmon",)):
        context = click.Context(
            command,
            info_name=path[-1],
            parent=_parent(path[:-1]),
            terminal_width=88,
            max_content_width=88,
            # As in a shell: a command keeps the help option it was first asked for.
            help_option_names=root.context_settings["help_option_names"],
        )
        lines += [f"{'#' * min(len(path) + 1, 4)} {' '.join(path)}", "", "```text"]
        lines += [line.rstrip() for line in command.get_help(context).splitlines()]
        lines += ["```", ""]
    return "\n".join(lines).rstrip() + "\n"


def _parent(path: tuple[str, ...]) -> click.Context | None:
    context: click.Context | None = None
    for name in path:
        context = click.Context(click.Group(name), info_name=name, parent=context)
    return context


def _commands(
    command: click.Command, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path[-1])
        for name in command.list_commands(context):
            sub = command.get_command(context, name)
            if sub is not None:
                yield from _commands(sub, (*path, name))


def dashboards() -> Iterator[tuple[Path, str]]:
    """Grafana's dashboards."""
    from grafana.source import rendered

    for name, text in rendered().items():
        yield ROOT / "grafana" / "dashboards" / name, text


def rules() -> Iterator[tuple[Path, str]]:
    """Alerting rules and Alertmanager's configuration."""
    from genmon_otel.assets import Choices
    from genmon_otel.assets.kubernetes import PROMETHEUS_RULE, render_prometheus_rule
    from genmon_otel.rules.__main__ import committed

    yield ROOT / PROMETHEUS_RULE, render_prometheus_rule(Choices().rules)
    for name, text in committed().items():
        yield ROOT / "prometheus_rules" / name, text


def frameworks() -> Iterator[tuple[Path, str]]:
    """The table of frameworks and faults, in its page."""
    from tests.frameworks.table import markdown

    page = ROOT / "docs" / "frameworks.md"
    text = page.read_text(encoding="utf-8")
    begin, end = "by `make generate`. -->\n", "<!-- end of the table -->"
    before, _, rest = text.partition(begin)
    yield page, before + begin + markdown() + end + rest.partition(end)[2]


def reference() -> Iterator[tuple[Path, str]]:
    """Metrics, spans, tables, and the format of case files."""
    from scripts import case_schema
    from scripts import reference as pages

    yield ROOT / "docs" / "metrics.md", pages.metrics()
    yield ROOT / "docs" / "tables.md", pages.tables()
    yield ROOT / "docs" / "case-file.md", case_schema.page()
    yield ROOT / "src/genmon_otel/regression/cases/case.schema.json", case_schema.schema()


GENERATORS: tuple[Callable[[], Iterator[tuple[Path, str]]], ...] = (
    cli_reference,
    rules,
    dashboards,
    frameworks,
    reference,
)


def generated() -> Iterator[tuple[Path, str]]:
    """Every generated file with its content."""
    for generator in GENERATORS:
        yield from generator()


def main() -> None:
    """Write what changed; ``--check`` only says what would."""
    check = "--check" in sys.argv[1:]
    stale = []
    for path, content in generated():
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            stale.append(path)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content, encoding="utf-8")
    for path in stale:
        print(("stale: " if check else "wrote ") + str(path.relative_to(ROOT)))
    sys.exit(int(check and bool(stale)))


if __name__ == "__main__":
    main()
