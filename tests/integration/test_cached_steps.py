"""Steps behind a cache, which are asked once a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

APPLICATION = """
import functools
from genmon_otel import generation, setup, shutdown, step

@functools.lru_cache
@step
def fetch_template(name):
    return "<html>{}</html>"

@step
def ask(prompt):
    return "{broken"

@generation
def build(request):
    template = fetch_template("page")
    import json
    return template.format(json.loads(ask(request))["body"])

if __name__ == "__main__":
    import cached_app
    setup("genmon.db", code_version="v1", metrics="none")
    for number in range(3):
        try:
            cached_app.build(f"page {number}")
        except ValueError:
            pass
    shutdown()
"""


def test_a_case_behind_a_cache_is_reproducible(tmp_path: Path) -> None:
    """The first recording has what the cache kept from the later ones; the case is made of it."""
    (tmp_path / "cached_app.py").write_text(APPLICATION, encoding="utf-8")
    subprocess.run([sys.executable, "cached_app.py"], cwd=tmp_path, check=True, capture_output=True)
    genmon = [sys.executable, "-c", "from genmon_otel.cli import main; main()"]
    done = subprocess.run(
        [*genmon, "cases", "verify", "--store", "genmon.db"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "reproduced" in done.stdout
