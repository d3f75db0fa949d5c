"""Draw the dashboards for the docs: an outage of the provider, told by real servers.

``python -m tests.prometheus_kit.draw_dashboards [MINUTES]`` runs the demo's app builder against a
model that is fine at first and then refuses, scraped by a real Prometheus, stored in a
real PostgreSQL, and writes ``docs/images/dashboard-*.png``.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]

from genmon_otel.demo.model_server import projects
from genmon_otel.demo.traffic import USERS, Request, send
from grafana.preview.drawing import draw
from tests.prometheus_kit.dashboard_world import world
from tests.prometheus_kit.programs import Programs
from tests.servers import postgresql

#: Seconds between two requests.
PACE_S = 2.0
#: When in the story the provider begins to refuse, as a share of its length.
OUTAGE_FROM = 0.62


def story(minutes: float) -> Callable[[ModuleType], int]:
    """Traffic: mostly fine, then the provider refuses four of five."""

    def tell(app_builder: ModuleType) -> int:
        known = projects()
        refused = [t for t, p in known.items() if p.get("fault") and not p["fault"].get("stall")]
        spoilt = [t for t, p in known.items() if t not in refused and "syntax" in str(p)]
        fine = [t for t, p in known.items() if t not in refused]
        choice = random.Random(7)
        begin, sent = time.monotonic(), 0
        while (share := (time.monotonic() - begin) / (60 * minutes)) < 1:
            failing = share > OUTAGE_FROM and choice.random() < 0.85
            text = choice.choice(refused if failing else fine + spoilt[:1])
            user = choice.choice(USERS)
            request = Request(text, known[text]["framework"], user, f"project-{sent}")
            asyncio.run(send(app_builder, [request], lambda _: None))
            app_builder.model.cache_clear()
            sent += 1
            time.sleep(PACE_S)
        return sent

    return tell


def main() -> None:
    """Tell the story and draw it."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 9
    names = ("prometheus", "promtool", "alertmanager", "amtool")
    programs = Programs(*(shutil.which(name) or name for name in names))
    with (
        tempfile.TemporaryDirectory() as folder,
        postgresql.running() as server,
        world(programs, server, Path(folder), story(minutes)) as there,
    ):
        for path in draw(there.servers, ROOT / "docs" / "images"):
            print(path)


if __name__ == "__main__":
    main()
