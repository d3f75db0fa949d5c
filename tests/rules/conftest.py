"""The real programs: Debian stable's, and newer ones where they can be had."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "servers" / "newer_prometheus.sh"


@dataclass(frozen=True)
class Programs:
    """Paths of one generation of servers and their tools."""

    prometheus: str
    promtool: str
    alertmanager: str
    amtool: str


def _newer() -> Programs | str:
    """The newer programs, or why there are none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "genmon-otel" / "newer_prometheus"
    if not (folder / "bin" / "promtool").exists():
        if not os.environ.get("CI"):
            return f"no newer Prometheus: run tests/servers/newer_prometheus.sh {folder}"
        try:
            subprocess.run([SCRIPT, folder], check=True, capture_output=True, timeout=180)
        except (OSError, subprocess.SubprocessError) as error:
            return f"a newer Prometheus could not be fetched: {error}"
    names = ("prometheus", "promtool", "alertmanager", "amtool")
    return Programs(*(str(folder / "bin" / name) for name in names))


@pytest.fixture(scope="session", params=["stable", "newer"])
def programs(request: pytest.FixtureRequest) -> Programs:
    """Each generation of the programs in turn; skips the one that is not there."""
    if request.param == "newer":
        newer = _newer()
        if isinstance(newer, str):
            pytest.skip(newer)
        return newer
    found = {
        "prometheus": shutil.which("prometheus"),
        "promtool": shutil.which("promtool"),
        "alertmanager": shutil.which("prometheus-alertmanager") or shutil.which("alertmanager"),
        "amtool": shutil.which("amtool"),
    }
    missing = sorted(name for name, path in found.items() if path is None)
    if missing:
        pytest.skip(
            f"{', '.join(missing)} not installed: apt-get install prometheus prometheus-alertmanager"
        )
    return Programs(**{name: str(path) for name, path in found.items()})
