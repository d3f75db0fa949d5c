"""Build apps for made-up users, for ever: something to watch.

Asks the model that ``OPENAI_BASE_URL`` names, else a loopback server with realistic
answers and faults. ``PAUSE_S`` is the time between two requests.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
import tempfile

from genmon_otel import setup, shutdown
from genmon_otel.demo.model_server import MODEL, model_server, projects
from genmon_otel.demo.traffic import Request, requests


async def one(request: Request) -> None:
    """Ask for one app; what fails has failed, and is counted."""
    import app_builder

    try:
        await app_builder.build_app(
            request.text,
            framework=request.framework,
            user_id=request.user_id,
            project_id=request.project_id,
        )
    except Exception as error:
        print(f"{request.text}: {type(error).__name__}", flush=True)


async def serve(pause_s: float) -> None:
    """One request after the other, a few at a time when the model is slow."""
    wanted = requests({text: p["framework"] for text, p in projects().items()}, None)
    running: set[asyncio.Task[None]] = set()
    for request in itertools.cycle(wanted):
        task = asyncio.create_task(one(request))
        running.add(task)
        task.add_done_callback(running.discard)
        await asyncio.sleep(pause_s)


def main() -> None:
    """Set up from the environment and run until told to stop."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    os.environ.setdefault("APP_BUILDER_TIMEOUT_S", "5")
    os.environ.setdefault("OPENAI_API_KEY", "not-needed")
    with model_server() as server, tempfile.TemporaryDirectory() as folder:
        if "OPENAI_BASE_URL" not in os.environ:
            os.environ.update(OPENAI_BASE_URL=server.url, OPENAI_MODEL=MODEL)
        setup()
        sys.path.insert(0, os.getcwd())
        os.chdir(folder)
        try:
            asyncio.run(serve(float(os.environ.get("PAUSE_S", "10"))))
        finally:
            os.chdir("/")
            shutdown()


if __name__ == "__main__":
    main()
