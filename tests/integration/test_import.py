"""What importing costs: the public names are there, the heavy libraries are not."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import genmon_otel

#: What only setup, the command line or the tests of users need.
HEAVY = ("sqlalchemy", "alembic", "rich", "click", "psycopg", "grpc", "pytest", "multiprocessing")

#: DESIGN's twelve.
PUBLIC = {
    "setup", "shutdown", "generation", "phase", "step", "current_generation", "check_health",
    "register_rule", "Category", "Severity", "GenerationSpanProcessor", "GenmonError",
}  # fmt: skip


def imported(statement: str) -> set[str]:
    """Top-level packages loaded by a statement in a process of its own."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_there_are_twelve_public_names() -> None:
    """The twelve names are there, each of its own home, and no other is public."""
    assert set(genmon_otel.__all__) == PUBLIC
    for name in PUBLIC:
        found = getattr(genmon_otel, name)
        assert callable(found), f"{name} is {found!r}"
        assert found.__module__.startswith("genmon_otel.")
    assert set(dir(genmon_otel)) >= PUBLIC


def test_every_order_of_importing_gives_the_same_names() -> None:
    """No submodule takes a public name's place, whichever is imported first."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import pkgutil, genmon_otel, importlib\n"
            "for module in pkgutil.iter_modules(genmon_otel.__path__):\n"
            "    assert module.name not in genmon_otel.__all__, module.name\n",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_name_that_is_not_there_says_so() -> None:
    """A misspelt name is an AttributeError that names it."""
    with pytest.raises(AttributeError, match="generatoin"):
        genmon_otel.generatoin  # noqa: B018


@pytest.mark.parametrize(
    "statement",
    [
        "import genmon_otel",
        "from genmon_otel import generation, phase, step, current_generation",
        "from genmon_otel import Category, Severity, GenmonError, register_rule",
        "from genmon_otel import setup, shutdown, check_health",
        "import genmon_otel.pytest_plugin",
    ],
)
def test_decorating_needs_no_heavy_library(statement: str) -> None:
    """Only what is used is imported: no database, no command line, no exporter."""
    loaded = imported(statement) - imported("")
    unwanted = loaded & set(HEAVY)
    if "pytest_plugin" in statement:
        unwanted -= {"pytest"}
    assert unwanted == set()


def test_decorating_imports_no_sdk() -> None:
    """Libraries may decorate: OpenTelemetry's API is all it takes."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys\nfrom genmon_otel import generation, step\n"
            "print([m for m in sys.modules if m.startswith('opentelemetry.sdk')])",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_dir_names_each_thing_once() -> None:
    """``dir(genmon_otel)`` has the public names, used already or not, once each."""
    assert callable(genmon_otel.generation)
    listed = genmon_otel.__dir__()
    assert len(listed) == len(set(listed))
    assert set(genmon_otel.__all__) <= set(listed)
