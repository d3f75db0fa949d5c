"""What users ask of the application: three of them for what fails."""

from __future__ import annotations

from app.builder import build_app

from genmon_otel import setup, shutdown

setup()
for thing in ("clock", "tea shop", "book shop", "bike shop", "timer"):
    request = (
        f"a {thing} that shows one thing a page, with a search and a list of what is new today"
    )
    try:
        build_app(request, user_id=thing)
    except SyntaxError:
        continue
shutdown()
