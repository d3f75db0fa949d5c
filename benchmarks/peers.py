"""The same call under other products, each in an environment of its own under ``.work/peers``.

What cannot be installed or does not run is named and left out.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.table import Table

ROOT = Path(__file__).parents[1] / ".work" / "peers"
SCRIPT = Path(__file__).with_name("peer_call.py")
#: What pip installs beside the SDK, by product; unpinned, so that each is measured as it is today.
PEERS = {
    "hand_written": ("prometheus-client",),
    "langfuse": ("langfuse",),
    "langsmith": ("langsmith",),
    "logfire": ("logfire",),
    "mlflow": ("mlflow-tracing",),
    "openinference": ("openinference-instrumentation",),
    "openlit": ("openlit", "opentelemetry-sdk<1.38"),  # it imports what 1.39 dropped
    "sentry": ("sentry-sdk",),
    "traceloop": ("traceloop-sdk", "httpx"),  # which it imports without asking for it
}
OURS = "genmon"
ROUNDS, QUICK_ROUNDS = 30, 5
#: Seconds that pip, and one measurement, may take.
INSTALL_S, MEASURE_S = 900, 300


def run(names: Sequence[str] = (), *, quick: bool = False) -> list[Table]:
    """Measure ours and each peer (all, or those named), one after another."""
    unknown = sorted(set(names) - set(PEERS))
    if unknown:
        raise SystemExit(f"{', '.join(unknown)}: not known. Use: {', '.join(PEERS)}.")
    table = Table(
        "peers", "The same call under other products, CPU time in the caller's thread",
        "ratio: to a bare span with two attributes in the same process; a failing call to a "
        "bare span's failing call",
    )  # fmt: skip
    ROOT.mkdir(parents=True, exist_ok=True)
    for name in (OURS, *(names or PEERS)):
        try:
            python = Path(sys.executable) if name == OURS else environment(name)
            found = measure(python, name, QUICK_ROUNDS if quick else ROUNDS)
        except (subprocess.SubprocessError, OSError, ValueError) as error:
            print(f"{name}: left out: {_reason(error)}", flush=True)
            continue
        table.add(
            call=f"{name} {_version(python, name)}".strip(),
            success_us=round(found["success_us"], 1), success=round(found["success_ratio"], 2),
            failure_us=round(found["fail_us"], 1), failure=round(found["fail_ratio"], 2),
        )  # fmt: skip
    return [table]


def environment(name: str) -> Path:
    """Make a product's environment where there is none; its Python."""
    folder = ROOT / name
    python, done = folder / "bin" / "python", folder / ".installed"
    if not done.exists():
        print(f"{name}: installing into {folder} ...", flush=True)
        venv.create(folder, clear=True, with_pip=True)
        wanted = ("opentelemetry-sdk", *PEERS[name])
        uv = shutil.which("uv", path=str(Path(sys.executable).parent))
        # pip takes over half an hour to choose versions for some of them.
        pip = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
        subprocess.run(
            [*pip, "-q", *wanted], check=True, timeout=INSTALL_S, capture_output=True, text=True
        )
        done.write_text(" ".join(wanted) + "\n", encoding="utf-8")
    return python


def measure(python: Path, name: str, rounds: int) -> dict[str, float]:
    """Run the product's process; what it found."""
    done = subprocess.run(
        [python, SCRIPT, name, str(rounds)],
        check=True, timeout=MEASURE_S, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _version(python: Path, name: str) -> str:
    if name == OURS:
        return version("genmon-otel")
    script = f"from importlib.metadata import version; print(version({PEERS[name][0]!r}))"
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
    return "" if name == "hand_written" else done.stdout.strip()


def _reason(error: Exception) -> str:
    said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
    return said[-1] if said else type(error).__name__
