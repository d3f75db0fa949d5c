"""``genmon ui``: the page on which failures and cases are reviewed."""

from __future__ import annotations

import shlex
import socket
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

import click

from genmon_otel.cli.reviewer import reviewer_option
from genmon_otel.cli.terminal import console, open_store, settings_for, store_option
from genmon_otel.conventions import ENV_ALERTMANAGER_URL
from genmon_otel.errors import ConfigurationError
from genmon_otel.settings import DEFAULT_FOLDER


@click.command()
@store_option
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
              help="Address to serve on.")  # fmt: skip
@click.option("--port", default=8750, show_default=True, type=click.IntRange(0, 65_535),
              help="Port to serve on; 0 for a free one.")  # fmt: skip
@click.option("--allow-host", "names", multiple=True, metavar="NAME",
              help="Another name by which browsers reach the page.")  # fmt: skip
@click.option("--cwd", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder of the code under test. Default: the working directory.")  # fmt: skip
@click.option("--no-code", is_flag=True,
              help="The application's code is not here: nothing is replayed.")  # fmt: skip
@click.option("--link", "only_link", is_flag=True,
              help="Print a link for the next reviewer of the page that runs on --port, and end.")  # fmt: skip
@click.option("--trust-header", metavar="NAME",
              help="Header in which an authenticating proxy names the reviewer.")  # fmt: skip
@click.option("--trusted-proxy", metavar="ADDRESS", help="That proxy's address.")
@click.option("--alertmanager", metavar="URL", envvar=ENV_ALERTMANAGER_URL,
              help="Where Alertmanager is, to show its open alerts.")  # fmt: skip
@reviewer_option
def ui(
    store: str | None,
    *,
    host: str,
    port: int,
    names: tuple[str, ...],
    cwd: Path | None,
    no_code: bool,
    only_link: bool,
    trust_header: str | None,
    trusted_proxy: str | None,
    alertmanager: str | None,
    reviewer: str,
) -> None:
    """Serve the page on which failures and cases are reviewed.

    It prints a link that opens once, for whoever reviews; --link prints one for the next.
    """
    if (
        find_spec("starlette") is None
        or find_spec("uvicorn") is None
        or find_spec("jinja2") is None
    ):
        raise ConfigurationError('The page needs its extra. pip install "genmon-otel[ui]"')
    if (trust_header is None) != (trusted_proxy is None):
        raise click.UsageError("--trust-header and --trusted-proxy only work together: give both.")
    from genmon_otel.ui.app import create_app
    from genmon_otel.ui.gate import Access
    from genmon_otel.ui.server import announced, link, make_link, serve
    from genmon_otel.ui.session import Sessions

    path = settings_for(store).sqlite_path
    folder = path.parent if path is not None else Path(DEFAULT_FOLDER)
    if only_link:
        click.echo(make_link(folder, port, reviewer))
        return
    chosen = _bindable(host, port)
    hosts = frozenset({"127.0.0.1", "localhost", "::1", host.lower(), *(n.lower() for n in names)})
    access = Access(chosen, hosts, trust_header, trusted_proxy and str(_address(trusted_proxy)))
    named = next(iter(names), "localhost" if host in ("0.0.0.0", "::") else host)
    url = f"http://[{named}]:{chosen}" if ":" in named else f"http://{named}:{chosen}"
    code = None if no_code else (cwd or Path.cwd())
    with open_store(store, writes=True) as opened, announced(folder, chosen, url) as key:
        app = create_app(opened, access, Sessions(key), code=code, alertmanager=alertmanager)
        # The key of links is next to a SQLite store, so `--link` must name the same store.
        named_store = (
            f" --store {shlex.quote(store)}" if store is not None and path is not None else ""
        )

        def print_link() -> None:
            out = console()
            out.print("The page is served. This link opens it once:")
            out.print(link(url, key, reviewer), soft_wrap=True, style="bold")
            out.print(
                f"For the next reviewer: genmon ui{named_store} --port {chosen} --link",
                soft_wrap=True, style="dim",
            )  # fmt: skip

        serve(app, host, chosen, print_link)


def _address(text: str) -> object:
    try:
        return ip_address(text)
    except ValueError:
        raise click.UsageError(
            f"--trusted-proxy {text!r} is no address, such as 10.0.0.5."
        ) from None


def _bindable(host: str, port: int) -> int:
    """Return the port to serve on: the given one, or for 0 any free one.

    Raises:
        ConfigurationError: nothing can be served there; nothing was printed or written yet.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(
                f"The page cannot be served on {host} port {port}: {error.strerror}. If genmon ui runs there "
                f"already: genmon ui --port {port} --link. Else choose a port, or any free one: --port 0"
            ) from None
        return int(probe.getsockname()[1])
