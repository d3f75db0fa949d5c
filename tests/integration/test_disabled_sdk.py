"""An application whose environment takes OpenTelemetry's SDK away."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_exactly_once_with_the_sdk_disabled() -> None:
    """``OTEL_SDK_DISABLED=true`` takes the spans away and nothing else."""
    script = """
        from tests.unit import test_processor as t
        from genmon_otel.testing import capture
        with capture(tracer_provider=t.provider(t.ForeignFailureProcessor())) as seen:
            t.run()
        t.exactly(seen)
        assert seen.records[0].trace_id is None
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=ROOT,
        env={**os.environ, "OTEL_SDK_DISABLED": "true"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
