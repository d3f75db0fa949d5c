"""A web application for servers with workers, by WSGI and by ASGI; set up as it is imported."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from genmon_otel import generation, setup

setup()


@generation(framework="react")
def build(request: str) -> str:
    if request == "/bad":
        raise TimeoutError("the model did not answer in 30 s")
    return "fine"


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Build what the path says; the answer names the worker."""
    try:
        build(environ["PATH_INFO"])
        start("200 OK", [])
    except TimeoutError:
        start("500 Internal Server Error", [])
    return [str(os.getpid()).encode()]


async def asynchronous(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The same by ASGI."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    status = 200
    try:
        build(scope["path"])
    except TimeoutError:
        status = 500
    body = str(os.getpid()).encode()
    headers = [(b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
