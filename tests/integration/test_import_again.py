"""The package imported anew in a running process, as a notebook or a reloader does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
import prometheus_client

for _ in range(3):
    for name in [name for name in sys.modules if name.partition(".")[0] == "genmon_otel"]:
        del sys.modules[name]
    import genmon_otel
    genmon_otel.setup("genmon.db")

    @genmon_otel.generation
    def build():
        pass

    build()
text = prometheus_client.generate_latest().decode()
print(*(line for line in text.splitlines() if line.startswith("genmon_generations_total{")))
"""


def test_the_newest_copys_series_take_the_place_of_the_older(tmp_path: Path) -> None:
    """Each copy's ``setup()`` works; the registry shows each series once, of the newest copy."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('outcome="success"} 1.0') == 1
    assert done.stdout.count('outcome="success"') == 1
