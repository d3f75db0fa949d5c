"""The built wheel in an empty environment, with each extra alone: it works, and says what else is needed."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
#: Minor versions of Python 3 that the tests were seen to pass on. 3.14 joins them once it was tried.
TRIED = {"11", "12", "13"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKED = str(ROOT / "requirements" / "dev.txt")
#: Decorates, fails and reads the store; all that the bare package promises.
USE = """
import sys
from genmon_otel import check_health, generation, setup, shutdown
setup(sys.argv[1])

@generation
def build(request):
    return {"ok": len(request)}

build("a clock")
assert check_health() is not None
assert shutdown()
"""
POSTGRESQL = "postgresql://genmon@127.0.0.1:1/genmon"
#: By extra: commands that work with it, by their exit status, and what the output must hold.
WORKS: dict[str, list[tuple[Sequence[str], int, str]]] = {
    "": [],
    "ui": [(["python", "-c", "import genmon_otel.ui.app"], 0, "")],
    "demo": [(["python", "-c", "import genmon_otel.demo.app_builder"], 0, "")],
    "postgres": [(["genmon", "health", "--store", POSTGRESQL], 3, "127.0.0.1")],
    "pytest": [(["pytest", "-p", "no:cacheprovider", "--help"], 0, "--genmon-accept")],
    "assets": [(["python", "-c", "import grafana_foundation_sdk"], 0, "")],
}
#: By extra: a command that needs it says how to install it.
LACKS: dict[str, Sequence[str]] = {
    "ui": ["genmon", "ui"],
    "demo": ["genmon", "demo"],
    "postgres": ["genmon", "health", "--store", POSTGRESQL],
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    call(
        [
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "--outdir",
            str(folder),
            str(ROOT),
        ]
    )
    return next(folder.glob("*.whl"))


def call(command: Sequence[str], status: int = 0, **options: object) -> str:
    """Run a command; its whole output."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=250, check=False, **options
    )  # type: ignore[call-overload]
    output = str(done.stdout + done.stderr)
    assert done.returncode == status, output[-3000:]
    return output


def test_the_list_of_extras_is_whole() -> None:
    """Each extra of the project is tried here."""
    assert set(WORKS) == {"", *PROJECT["optional-dependencies"]}


@pytest.mark.long("installs the package and its needs into six environments, from the network")
@pytest.mark.parametrize("extra", WORKS, ids=lambda extra: extra or "none")
def test_each_extra_alone(extra: str, wheel: Path, tmp_path: Path) -> None:
    """The package works with this extra alone, and names the others where they are needed."""
    venv = tmp_path / "venv"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GENMON_", "OTEL_", "PYTHON"))}
    environment = {**kept, "PATH": f"{venv / 'bin'}:{os.environ['PATH']}", "VIRTUAL_ENV": str(venv)}
    uv = str(Path(sys.executable).parent / "uv")
    call([uv, "venv", "-q", "--python", sys.executable, str(venv)])
    wanted = f"genmon-otel[{extra}] @ file://{wheel}" if extra else f"genmon-otel @ file://{wheel}"
    call([uv, "pip", "install", "-q", "--python", str(venv), "-c", LOCKED, wanted])
    call([uv, "pip", "check", "--python", str(venv)])

    def run(command: Sequence[str], status: int = 0) -> str:
        program = str(venv / "bin" / command[0])
        return call([program, *command[1:]], status, cwd=tmp_path, env=environment)

    assert "genmon" in run(["genmon", "--version"])
    run(["python", "-c", USE, str(tmp_path / "genmon.db")])
    run(["genmon", "assets", "export", "monitoring"])
    for command, status, holds in WORKS[extra]:
        assert holds in run(command, status)
    for other, command in LACKS.items():
        if other != extra:
            assert f'pip install "genmon-otel[{other}]"' in run(command, 2)


def interpreter(version: str) -> str | None:
    """A Python of this version that starts: on the path, or pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for program in (f"python{version}", *sorted(pyenv.glob(f"{version}*/bin/python"))):
        try:
            done = subprocess.run(
                [program, "--version"], capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            continue
        if done.stdout.startswith(f"Python {version}."):
            return str(program)
    return None


@pytest.mark.long(
    "installs the package and its needs for each Python that is there, from the network"
)
@pytest.mark.parametrize("version", ["3.12", "3.13", "3.14"])
def test_each_python(version: str, wheel: Path, tmp_path: Path) -> None:
    """The bare package works on each newer Python that this machine has."""
    python = interpreter(version)
    if python is None:
        pytest.skip(f"needs Python {version}")
    uv = str(Path(sys.executable).parent / "uv")
    venv = tmp_path / "venv"
    call([uv, "venv", "-q", "--python", python, str(venv)])
    call([uv, "pip", "install", "-q", "--python", str(venv), "-c", LOCKED, str(wheel)])
    call([str(venv / "bin" / "python"), "-c", USE, str(tmp_path / "genmon.db")], cwd=tmp_path)


def test_the_wheel_describes_itself(wheel: Path) -> None:
    """Metadata: summary, README, licence, extras, classifiers for each Python; schema and marker are in it."""
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        path = next(name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(path).decode())
    assert metadata["Summary"] == PROJECT["description"]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().startswith("# genmon-otel")
    assert set(metadata.get_all("Provides-Extra") or ()) == set(PROJECT["optional-dependencies"])
    classifiers = metadata.get_all("Classifier") or []
    python = "Programming Language :: Python :: 3."
    assert {name.removeprefix(python) for name in classifiers if name.startswith(python)} == TRIED
    assert [name for name in classifiers if "Operating System" in name] == [
        "Operating System :: POSIX :: Linux"  # nobody tried another
    ]
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "genmon_otel/py.typed" in names
    assert "genmon_otel/regression/cases/case.schema.json" in names
