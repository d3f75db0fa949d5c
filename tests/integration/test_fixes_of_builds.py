"""Fixes and their mutants where a build tool is started by one command, whatever it builds."""

from __future__ import annotations

from pathlib import Path

import pytest

from genmon_otel import capture as automatic
from tests.fix_kit import recorded_bug, rerun_here

SOURCE = """
import asyncio, pathlib, subprocess, sys, tempfile
from genmon_otel import generation, step

class BuildFailed(Exception): ...

MADE_UP = "size = 1"

@step
def ask(prompt, told):
    return f"name = '{prompt}'" if told > 1 or "shop" not in prompt else "name = ("

def in_a_folder(code):
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "page.py").write_text(code)
        command = [sys.executable, "-m", "compileall", "-q", "page.py"]
        return subprocess.run(command, cwd=folder, capture_output=True).returncode == 0

def by_name(code):
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "page.py").write_text(code)
        command = [sys.executable, "-m", "compileall", "-q", folder]
        return subprocess.run(command, capture_output=True).returncode == 0

def by_pipe(code):
    command = [sys.executable, "-c", "import sys; compile(sys.stdin.read(), 'page', 'exec')"]
    return subprocess.run(command, input=code, text=True, capture_output=True).returncode == 0

async def asked_of_a_loop(code):
    command = [sys.executable, "-c", "import sys; compile(sys.stdin.read(), 'page', 'exec')"]
    process = await asyncio.create_subprocess_exec(*command, stdin=-1, stdout=-1, stderr=-1)
    await process.communicate(code.encode())
    return process.returncode == 0

def by_a_loop(code):
    return asyncio.run(asked_of_a_loop(code))

builds = WAY
attempt = generation(name="build", capture="all")

@attempt
def build(request):
    for told in range(2):
        if builds(code := ask(request, told)):
            return {"code": code}
    raise BuildFailed("it does not build")

@attempt
def again(request):
    for told in range(3):
        if builds(code := ask(request, told)):
            return {"code": code}
    raise BuildFailed("it does not build")

@attempt
def the_same_again(request):
    for told in range(2):
        code = ask(request, told)
        for _ in range(2):
            if builds(code):
                return {"code": code}
    raise BuildFailed("it does not build")

@attempt
def made_up(request):
    for told in range(2):
        if builds(code := ask(request, told)):
            return {"code": code}
    if builds(MADE_UP):
        return {"code": MADE_UP}
    raise BuildFailed("it does not build")

@attempt
def ignored(request):
    for told in range(2):
        if builds(code := ask(request, told)):
            return {"code": code}
    ask(request, 2)
    if builds(MADE_UP):
        return {"code": MADE_UP}
    raise BuildFailed("it does not build")

@attempt
def built_but_ignored(request):
    for told in range(2):
        if builds(code := ask(request, told)):
            return {"code": code}
    if builds(ask(request, 2)):
        return {"code": MADE_UP}
    raise BuildFailed("it does not build")

@attempt
def old_one_built(request):
    for told in range(2):
        if builds(code := ask(request, told)):
            return {"code": code}
    new = ask(request, 2)
    if builds(code):
        return {"code": new}
    raise BuildFailed("it does not build")

@attempt
def unbuilt(request):
    for told in range(2):
        if builds(code := ask(request, told)):
            return {"code": code}
    return {"code": ask(request, 2)}
"""

#: Of a program that is written to while it runs nothing is known when it starts but whether something new was
#: answered before. So a pass counts a quarter there.
WAYS = {"in_a_folder": "fail_same", "by_name": "fail_same", "by_pipe": "pass", "by_a_loop": "pass"}


@pytest.mark.parametrize(("way", "old_one_built"), WAYS.items())
@pytest.mark.parametrize("cwd", ["empty", "with a file of its own"])
def test_what_turns_a_failed_build_green(
    way: str, old_one_built: str, cwd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other files are another question to the same command; what the code makes up turns nothing green."""
    expected = {
        "build": "fail_same", "again": "pass", "the_same_again": "fail_same",
        "ignored": "inconclusive", "built_but_ignored": "inconclusive",
        "old_one_built": old_one_built, "unbuilt": "fail_other",
    }  # fmt: skip
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    if cwd != "empty":
        (folder / "log.txt").write_text("began")
    automatic.install()
    try:
        case, module = recorded_bug(
            tmp_path, SOURCE.replace("WAY", way), good=("a page", "a list"), bad="a shop"
        )
        runs = {name: rerun_here(case, module, name) for name in expected}
        made_up = rerun_here(case, module, "made_up").verdict
    finally:
        automatic.uninstall()
    assert {name: run.verdict for name, run in runs.items()} == expected
    assert (runs["again"].weight < 1) is (old_one_built == "pass")
    assert "genmon cases run F-3KQ2 --live 1" in runs["build"].detail
    assert made_up in ("inconclusive", "fail_same")
