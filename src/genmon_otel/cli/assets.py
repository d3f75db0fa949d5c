"""``genmon assets``: rules, dashboards and deployment files."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Final, get_args

import click

from genmon_otel.assets import Choices, as_files
from genmon_otel.cli.output import marked
from genmon_otel.cli.terminal import console, json_option, print_json
from genmon_otel.conventions import ENV_UI_URL
from genmon_otel.errors import ConfigurationError
from genmon_otel.rules.alertmanager import Pager, Tickets

#: What is applied to a cluster, within the folder.
OVERLAY: Final = "deploy/kubernetes/overlays/example"


@click.group()
def assets() -> None:
    """Write rules, dashboards and deployment files."""


@assets.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--scrape-interval", type=click.Choice(["15", "30", "60"]), default="30",
              show_default=True, help="Seconds between scrapes; the rules count exactly for it.")  # fmt: skip
@click.option("--grafana-url", metavar="URL", help="Where Grafana is, for links in alerts.")
@click.option("--runbook-url", metavar="URL", help="Folder of the runbooks, or an address with "
              "{alert} in it, for links in alerts.")  # fmt: skip
@click.option("--ui-url", metavar="URL", envvar=ENV_UI_URL,
              help="Where the page of genmon ui is reached, for links in dashboards and alerts. "
              f"Default: ${ENV_UI_URL}.")  # fmt: skip
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Put on every alert. "
              "May be given more than once.")  # fmt: skip
@click.option("--pager", type=click.Choice(get_args(Pager), case_sensitive=False), default="pagerduty",
              show_default=True, help="Who is woken.")  # fmt: skip
@click.option("--tickets", type=click.Choice(get_args(Tickets), case_sensitive=False), default="slack",
              show_default=True, help="Who gets the rest.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace files that differ.")
@json_option
def export(  # noqa: PLR0917 (one parameter an option)
    folder: Path,
    scrape_interval: str,
    grafana_url: str | None,
    runbook_url: str | None,
    ui_url: str | None,
    labels: tuple[str, ...],
    pager: Pager,
    tickets: Tickets,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write all of it into DIR: rules, Alertmanager, dashboards, and what runs them.

    Nothing is contacted or applied. Files that differ from what would be written are kept,
    and named, unless --overwrite is given.
    """
    choices = Choices(
        scrape_interval_s=int(scrape_interval),
        grafana_url=grafana_url,
        runbook_url=runbook_url,
        ui_url=ui_url,
        labels=dict(_pair(label) for label in labels),
        pager=pager,
        tickets=tickets,
    )
    rendered = as_files(choices)
    if not overwrite:
        _keep(folder, rendered)
    for name, text in rendered.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if text.startswith("#!"):
            path.chmod(0o755)
    if as_json:
        print_json({"folder": str(folder), "files": sorted(rendered)})
        return
    out = console()
    out.print(marked("{} files written to {}", len(rendered), folder))
    stack, overlay = folder / "deploy" / "README.md", folder / OVERLAY
    ci = folder / "deploy" / "ci"
    out.print(marked("[dim]Cases on GitHub and GitLab: copy what suits from {}[/]", ci))
    out.print(marked("[dim]The whole stack on one machine: see {}[/]", stack))
    out.print(
        marked(
            "[dim]Kubernetes: edit {} and what it names, then[/]", overlay / "kustomization.yaml"
        )
    )
    out.print(marked("[dim]{}[/]", f"kubectl apply -k {quote(str(overlay))}"))


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigurationError(f"--label {text!r} is not allowed. Write KEY=VALUE.")
    return key, value


def _keep(folder: Path, rendered: dict[str, str]) -> None:
    """Refuse to replace files that differ from what would be written.

    Raises:
        ConfigurationError: naming the files.
    """
    differing = [
        name
        for name, text in rendered.items()
        if (folder / name).exists() and (folder / name).read_text(encoding="utf-8") != text
    ]
    if differing:
        raise ConfigurationError(
            f"{len(differing)} files in {str(folder)!r} differ from what would be written: "
            f"{', '.join(sorted(differing)[:5])}{', …' if len(differing) > 5 else ''}. Nothing was "
            "written. Choose another folder, or give --overwrite."
        )
