"""The real programs: Debian stable's, and newer ones where they can be had."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.prometheus_kit.programs import Programs

if TYPE_CHECKING:
    from tests.prometheus_kit.loopback import Receiver

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "genmon-otel"


def _newer() -> Programs | str:
    """The newer programs, or why there are none."""
    folder = CACHE / "newer_prometheus"
    if not (folder / "bin" / "alertmanager").exists():
        return f"no newer Prometheus: run `tests/servers/newer_prometheus.sh {folder}`"
    names = ("prometheus", "promtool", "alertmanager", "amtool")
    return Programs(*(str(folder / "bin" / name) for name in names), newer=True)


def _stable() -> Programs | str:
    """The programs that the machine has installed, or which are missing."""
    found = {
        "prometheus": shutil.which("prometheus"),
        "promtool": shutil.which("promtool"),
        "alertmanager": shutil.which("prometheus-alertmanager") or shutil.which("alertmanager"),
        "amtool": shutil.which("amtool"),
    }
    missing = sorted(name for name, path in found.items() if path is None)
    if missing:
        return f"{', '.join(missing)} not installed: apt-get install prometheus prometheus-alertmanager"
    return Programs(**{name: str(path) for name, path in found.items()})


def _newest() -> Programs | str:
    """What `make servers-go` built, with an Alertmanager from the others."""
    folder = CACHE / "go_programs"
    if not (folder / "bin" / "otelcol").exists():
        return "no Prometheus with an OTLP receiver and no Collector: run `make servers-go`"
    others = _newer()
    if isinstance(others, str):
        others = _stable()
    if isinstance(others, str):
        return others
    names = ("prometheus", "promtool", "otelcol", "jaeger")
    built = {name: str(path) for name in names if (path := folder / "bin" / name).exists()}
    return dataclasses.replace(others, **built, newer=True)


def _or_skip(found: Programs | str) -> Programs:
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture(scope="session")
def stable() -> Programs:
    """The installed programs."""
    return _or_skip(_stable())


@pytest.fixture(scope="session")
def newer() -> Programs:
    """Prometheus 3 and a recent Alertmanager."""
    return _or_skip(_newer())


@pytest.fixture(scope="session")
def newest() -> Programs:
    """The newest Prometheus, with all of its receivers, and a Collector."""
    return _or_skip(_newest())


_GENERATIONS = {"stable": _stable, "newer": _newer, "newest": _newest}


_AGAIN = pytest.mark.long("what the installed programs showed, once more on newer ones")


@pytest.fixture(
    scope="session",
    params=[pytest.param(name, marks=() if name == "stable" else _AGAIN) for name in _GENERATIONS],
)
def programs(request: pytest.FixtureRequest) -> Programs:
    """Each generation of the programs in turn; skips the one that is not there."""
    return _or_skip(_GENERATIONS[request.param]())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook of our own."""
    from tests.prometheus_kit.loopback import Receiver

    server = Receiver()
    yield server
    server.close()
