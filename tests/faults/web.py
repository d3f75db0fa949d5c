"""A WSGI application that a preforking server runs; set up before the fork, as with --preload."""

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
