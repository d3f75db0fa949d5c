"""``genmon exporter``: the store-wide metrics, served once for all applications."""

from __future__ import annotations

import signal
import threading

import click

from genmon_otel.cli.terminal import open_store, store_option
from genmon_otel.wiring.exporter import serve
from genmon_otel.wiring.host_check import bound_address


@click.command()
@store_option
@click.option("--port", type=click.IntRange(0, 65535), default=9464, show_default=True,
              help="Port to serve /metrics on; 0 for any free one.")  # fmt: skip
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; behind commas, other names under which it is asked.",
)
def exporter(store: str | None, port: int, host: str) -> None:
    """Serve the store-wide metrics: cases by state, runs by verdict, failures by status.

    Run one for each store, in a process of its own; applications never serve these.
    """
    # A container's first process ignores SIGTERM unless it says otherwise.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with open_store(store) as opened:
        server = serve(opened, port, host)
        address = bound_address(host)
        shown = f"[{address}]" if ":" in address else address
        click.echo(f"serving http://{shown}:{server.port}/metrics until interrupted")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass
        finally:
            server.close()
