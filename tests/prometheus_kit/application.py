"""A decorated application to be watched: as a WSGI app, or driven line by line on stdin.

``ok`` and ``fail`` run one generation each, ``health`` prints what ``check_health()`` says.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from genmon_otel import check_health, generation, setup


@generation(name="build_app", framework="react")
def build_app(good: bool) -> str:
    if not good:
        raise TimeoutError("the model took too long")
    return "an app"


def run(command: str) -> str:
    """Do what one line says; the answer."""
    if command == "health":
        health = check_health()
        return json.dumps([health.attempts, health.failures, health.healthy])
    try:
        build_app(command == "ok")
    except TimeoutError:
        return "failed"
    return "done"


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """``/ok`` and ``/fail``, answered with the worker's process id."""
    run(environ["PATH_INFO"].strip("/"))
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]


if __name__ == "__main__":
    setup()
    print("ready", flush=True)
    for line in sys.stdin:
        print(run(line.strip()), flush=True)
