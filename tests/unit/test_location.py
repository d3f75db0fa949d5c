"""Where a decorated callable is found again by another process."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from genmon_otel.recorder.options import ATTRIBUTE
from genmon_otel.recorder.recording import locate
from genmon_otel.testing import capture

SOURCE = """
from genmon_otel import generation
@generation
def build(request): ...
def make():
    @generation
    def inner(request): ...
    return inner
held = make()
"""


def loaded(name: str, file: Path, monkeypatch: pytest.MonkeyPatch, source: str = SOURCE) -> Any:
    """Run the source as a module of that name and file."""
    module = ModuleType(name)
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(source, str(file), "exec"), module.__dict__)
    return module


@pytest.mark.parametrize(
    ("name", "file", "root"),
    [
        ("app", "app.py", ""),
        ("acme.gen.build", "src/acme/gen/build.py", "src"),
        ("acme.gen", "src/acme/gen/__init__.py", "src"),
        ("build-page", "scripts/build-page.py", "scripts"),
        ("elsewhere", "../elsewhere.py", ""),
        ("lib", ".venv/lib/python3.11/site-packages/lib.py", ""),
    ],
)
def test_the_folder_to_import_from_is_known(
    name: str, file: str, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the one above the module's packages, where that lies below the folder of the replay."""
    module = loaded(name, tmp_path / file, monkeypatch)
    assert locate(getattr(module.build, ATTRIBUTE), str(tmp_path)) == (f"{name}:build", root)


def test_what_a_function_made_is_known_by_its_module_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A callable made inside a function is named by the variable that holds it."""
    module = loaded("app", tmp_path / "app.py", monkeypatch)
    assert locate(getattr(module.held, ATTRIBUTE), str(tmp_path)) == ("app:held", "")


def test_a_generation_that_changes_the_working_directory_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Orchestrators work in folders of their own; a replay runs where the application was started."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "workspace").mkdir()
    source = """
import os
from genmon_otel import generation
@generation
def build(request):
    os.chdir("workspace")
    raise ValueError(request)
"""
    module = loaded("app", tmp_path / "src" / "app.py", monkeypatch, source)
    with capture() as seen, pytest.raises(ValueError):
        module.build("a page")
    assert [(kept.target, kept.root) for kept in seen.recordings] == [("app:build", "src")]


METHODS = """
from genmon_otel import generation
class Base:
    @generation
    def build(self): raise ValueError
    @classmethod
    @generation
    def make(cls): raise ValueError
class Web(Base): ...
kept = Web()
def here():
    class Local(Base): ...
    return Local()
"""


@pytest.mark.parametrize(
    ("call", "target"),
    [
        ("Base().build", "app:Base.build"),
        ("Web().build", "app:Web.build"),
        ("kept.build", "app:kept.build"),
        ("here().build", "app:Base.build"),
        ("Base.make", "app:Base.make"),
        ("Web.make", "app:Web.make"),
        ("kept.make", "app:Web.make"),
    ],
)
def test_a_method_is_found_where_it_was_called(
    call: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the object that a module keeps, else on the class of its object, where that has a name."""
    module = loaded("app", tmp_path / "app.py", monkeypatch, METHODS)
    bound = eval(call, module.__dict__)
    with pytest.raises(ValueError) as caught:
        bound()
    assert locate(getattr(bound, ATTRIBUTE), str(tmp_path), caught.value)[0] == target


HELD = """
from genmon_otel import generation

class Builder:
    def __init__(self, key):
        self.key = key

    @generation("held elsewhere")
    def build(self, request):
        raise ValueError(request)
"""


def test_an_object_that_a_worker_uses_is_found_in_the_module_that_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread of a pool is called by no module of the application, and a script keeps its own object."""
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "held_builders.py").write_text(HELD)
    (tmp_path / "held_by.py").write_text(
        "import held_builders\nshared = held_builders.Builder('k')\n"
    )
    held_by = importlib.import_module("held_by")
    with capture() as seen, ThreadPoolExecutor(1) as pool:
        with pytest.raises(ValueError):
            pool.submit(held_by.shared.build, "x").result()
        assert seen.recordings[-1].target == "held_by:shared.build"
        script = ModuleType("__main__")
        vars(script).update(
            own=sys.modules["held_builders"].Builder("k"), __file__=str(tmp_path / "script.py")
        )
        monkeypatch.setitem(sys.modules, "__main__", script)
        with pytest.raises(ValueError):
            pool.submit(vars(script)["own"].build, "x").result()
        assert seen.recordings[-1].target == "script:own.build"
