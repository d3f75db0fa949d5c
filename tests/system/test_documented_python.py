"""Every Python block of the pages runs, in the order of its page."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.documented import ROOT, blocks, pages

#: What pages presuppose, in their words: an application's own names, and imports they leave out.
GIVEN = """
import contextvars, json, types
from concurrent.futures import ThreadPoolExecutor
import openai
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from tenacity import retry, stop_after_attempt
from genmon_otel import Category, Severity, current_generation, generation, phase, register_rule, setup, step
App, MODEL, parse, files, prompt, error = dict, "gpt-5", dict, [], "a clock", ValueError("no JSON")
app, client = FastAPI(), openai.OpenAI()
subprocess = types.SimpleNamespace(run=lambda *_, **__: types.SimpleNamespace(returncode=0))
"""
#: Runs in a process of its own: pages call ``setup()`` and declare categories.
RUN = f"""
import json, sys, genmon_otel
for page, code in json.load(sys.stdin):
    names = {{"__name__": page}}
    exec({GIVEN!r}, names)
    for place, text in code:
        try:
            exec(compile(text, place, "exec"), names)
        except BaseException as error:
            print(f"{{place}}: {{type(error).__name__}}: {{error}}", file=sys.stderr)
    genmon_otel.shutdown(0.1)
"""


def test_python_blocks_run(tmp_path: Path) -> None:
    """No block of any page raises; what is not run says why above it."""
    code = [
        (str(page.relative_to(ROOT)),
         [(b.place, b.text) for b in blocks(page) if b.language == "python" and b.not_run is None])
        for page in pages()
    ]  # fmt: skip
    assert sum(len(found) for _, found in code) >= 18
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GENMON_", "OTEL_"))}
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(code), cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False,
        env={**kept, "OPENAI_API_KEY": "none", "GENMON_JOURNAL_DIR": str(tmp_path / "journal")},
    )  # fmt: skip
    raised = [line for line in done.stderr.splitlines() if re.match(r"[\w/.-]+\.md:\d+: ", line)]
    assert raised == []
    assert done.returncode == 0, done.stderr[-2000:]
