"""Case files of a stranger, run by pytest and by the command line: nothing they name runs."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import genmon_otel.cli.cases  # noqa: F401 - now: pytester forgets what is first imported in a test
from genmon_otel import pytest_plugin
from genmon_otel.cli import main
from genmon_otel.payload import encode
from genmon_otel.regression.cases import files
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.case_reading import CaseError
from tests.case_kit import SOURCE, recorded

pytest_plugins = ["pytester"]

#: Says that it ran in what every replay reports, whatever the isolation did about it.
STRIKE = """
import os, sys
def strike(*_):
    try:
        open(os.environ.get("CANARY", {canary!r}), "a").write(__name__)
    except BaseException as error:
        print("STRUCK", __name__, error)
    raise KeyError("STRUCK " + __name__)
"""
APP = """
import subprocess
import wave
from genmon_otel import generation
from genmon_otel.testing import postcondition
from strike import strike

def delete_all(request): strike()
@generation
def allowed_to_strike(request): strike()
def unmarked(result): strike()

@postcondition
def marked(result): return True
"""
RANGE: Any = {"$": "tuple", "v": {"$": "range", "v": [0, 10**10, 1]}}

#: By file: what it changes in an honest case, and what is said of it.
ATTACKS: dict[str, tuple[dict[str, Any], str]] = {
    "warnings": (
        {"env": {"PYTHONWARNINGS": "all:0:antigravity.x:0:0", "BROWSER": "/bin/sh -c 'id > x' %s"}},
        "PYTHONWARNINGS steers an interpreter",
    ),
    "preload": ({"env": {"LD_PRELOAD": "./evil.so"}}, "LD_PRELOAD steers the dynamic linker"),
    "path": ({"env": {"PYTHONPATH": "sites"}}, "PYTHONPATH steers an interpreter"),
    "variable": ({"env": {"MODE": "test"}}, 'genmon_env = ["ALLOWED", "MODE"]'),
    "sites": ({"root": "sites"}, ""),
    "decoy": ({"root": "decoy"}, ""),
    "user-sites": ({"root": ".local/lib/python3/site-packages"}, "is installed code"),
    "installed": ({"target": "shop_pip:main", "root": ".venv/lib/site-packages"}, "is installed code"),
    "link": ({"target": "shop_out:build", "root": "link"}, "is outside the project"),
    "python": ({"target": "json.tool:main"}, "belongs to Python"),
    "shell": ({"target": "subprocess:run", "programs": ["sh"]}, 'genmon_programs = ["sh"]'),
    "walk": ({"target": "app:subprocess.run"}, "subprocess is another module"),
    "undecorated": ({"target": "app:delete_all"}, "not decorated with @generation"),
    "exec": ({"postcondition": "builtins:exec"}, "builtins:exec may not be a postcondition"),
    "unmarked": ({"postcondition": "app:unmarked"}, "app:unmarked may not be a postcondition"),
    "system": ({"factories": {"request": "os:system"}}, "os:system may not be a factory"),
    "popen": ({"factories": {"request": "app:strike"}}, "app:strike may not be a factory"),
    "live": ({"live": ["ask"]}, 'genmon_live = ["ask"]'),
    "tuple": ({"inputs": {"request": RANGE}}, "A recorded range has more than 500000 items"),
    "range": ({"inputs": {"request": RANGE["v"]}}, "more than 500000 items"),
    "type": (
        {"inputs": {"request": {"$": "object", "type": "evil:Thing", "fields": {}}}}, "",
    ),
    "antigravity": (
        {"inputs": {"request": {"$": "error", "type": "antigravity:x", "args": None}}}, "",
    ),
}  # fmt: skip


@pytest.fixture
def home(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an honest application, and what an attacker would have committed."""
    for name in ("GENMON_STORE", "GENMON_STORE_FILE"):
        monkeypatch.delenv(name, raising=False)
    home = pytester.path
    strike = STRIKE.format(canary=str(home / "canary"))
    evil = strike + "strike()\n"
    outside = home.parent / f"{home.name}-outside"
    for path, source in {
        "strike.py": strike,
        "evil.py": evil,
        "sites/sitecustomize.py": evil,
        "sites/usercustomize.py": evil,
        "sites/httpx.py": evil,
        "sites/decimal.py": evil,
        "decoy/app.txt": "",
        "decoy/app/README": "",
        "decoy/wave.py": evil,
        ".local/lib/python3/site-packages/usercustomize.py": evil,
        ".venv/lib/site-packages/shop_pip.py": evil,
        str(outside / "shop_out.py"): evil,
    }.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(source, encoding="utf-8")
    (home / "link").symlink_to(outside)
    (home / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\ngenmon_env = ["ALLOWED"]\n', encoding="utf-8"
    )
    return home


def honest(home: Path) -> Case:
    """The case of an application beside which the attacks lie."""
    case = recorded(home)
    (home / "app.py").write_text(SOURCE + APP, encoding="utf-8")
    return case


def attack(case: Case, folder: Path) -> None:
    """Write a file for each attack."""
    folder.mkdir()
    for slug, (changes, _) in ATTACKS.items():
        data = replace(case, slug=slug).to_dict() | changes
        (folder / f"{slug}.genmon.json").write_text(json.dumps(data), encoding="ascii")


def test_no_attack_runs_code(pytester: pytest.Pytester, home: Path) -> None:
    """Each is skipped with its reason, beside an honest case that fails as recorded; nothing struck."""
    case = honest(home)
    attack(case, home / "cases")
    files.export(
        replace(case, slug="honest", postcondition="app:marked", env={"ALLOWED": "1"}),
        home / "cases",
    )
    ran = pytester.runpytest_subprocess("cases", "-rsx", "-n", "2")
    # A root that does not hold the target is left out; a type that is not loaded is opaque, and
    # nobody looks at it: these four fail as recorded, too.
    ran.assert_outcomes(skipped=len(ATTACKS) - 4, xfailed=5)
    text = ran.stdout.str()
    missing = [word for _, word in ATTACKS.values() if word not in text]
    assert missing == []
    assert "STRUCK" not in text
    assert "canary" not in text  # a replay that reaches strike() says what it tried to write
    assert not (home / "canary").exists()
    assert not (home / "x").exists()
    files.export(replace(case, slug="strikes", target="app:allowed_to_strike"), home / "struck")
    seen = pytester.runpytest_subprocess("struck", "-rA").stdout.str()
    assert "canary" in seen


def test_a_guarding_attack_is_an_error_and_the_command_line_says_the_same(
    pytester: pytest.Pytester,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What proves nothing never passes: an error where a pass is expected, exit 1 of ``cases run``."""
    case = honest(home)
    for slug in ("exec", "variable", "live"):
        guarding = replace(case, slug=slug, expect="passes").to_dict() | ATTACKS[slug][0]
        (home / f"{slug}.genmon.json").write_text(json.dumps(guarding), encoding="ascii")
    pytester.runpytest_subprocess().assert_outcomes(errors=3)
    monkeypatch.chdir(home)
    monkeypatch.setattr(sys, "argv", ["genmon", "cases", "run", ".", "--json"])
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main()
    shown = {Path(each["case"]).name: each for each in json.loads(capsys.readouterr().out)}
    assert left.value.code == 1
    for slug in ("exec", "variable", "live"):
        each = shown[f"{slug}.genmon.json"]
        assert (each["verdict"], each["bad"]) == ("inconclusive", True)
        assert ATTACKS[slug][1] in each["detail"]
    assert not (home / "canary").exists()


SHOWING = """
import os
from genmon_otel import generation, step
from genmon_otel.testing import factory

@step
def ask(prompt):
    if "bad" in prompt:
        raise ConnectionResetError(104, "Connection reset by peer")
    return "x = 1"

def unmarked():
    return "bad"

@generation(name="build", factories={"other": "app:unmarked"})
def build(request, other=None):
    if os.environ.get("GENMON_REPLAY") and os.environ.get("MODE") != "test":
        raise RuntimeError("MODE is not set")
    return {"files": {"a.py": ask(other or request)}}
"""


def test_what_the_configuration_allows_works(pytester: pytest.Pytester, home: Path) -> None:
    """A variable that is allowed is set, and a factory works that the decorator names."""
    case = recorded(home, source=SHOWING)
    (home / "pyproject.toml").unlink()
    pytester.makeini("[pytest]\ngenmon_env = MODE OTHER\n")
    inputs = encode({"request": "bad"})
    files.export(
        replace(case, env={"MODE": "test"}, factories={"other": "app:unmarked"}, inputs=inputs),
        home,
    )
    ran = pytester.runpytest_subprocess("-rsx")
    ran.assert_outcomes(xfailed=1)
    assert "fail_same" in ran.stdout.str()


#: By the name of a file: what would allow the variable that a case asks for.
WIDENING = {
    "pytest.ini": "[pytest]\ngenmon_env = MODE\n",
    ".pytest.ini": "[pytest]\ngenmon_env = MODE\naddopts = -o genmon_env=MODE -p no:cacheprovider\n",
    "pyproject.toml": '[tool.pytest.ini_options]\ngenmon_env = ["MODE"]\n',
    "tox.ini": "[pytest]\ngenmon_env = MODE\n",
    "setup.cfg": "[tool:pytest]\ngenmon_env = MODE\n",
}


@pytest.mark.parametrize("name", WIDENING)
def test_a_configuration_beside_the_cases_allows_nothing(
    pytester: pytest.Pytester, home: Path, name: str
) -> None:
    """Though pytest takes it, where it is told that folder; naming it on the command line does."""
    pytester.mkdir("cases").joinpath(name).write_text(WIDENING[name], encoding="utf-8")
    config = pytester.parseconfig("cases")
    assert config.inipath == home / "cases" / name
    assert pytest_plugin._trust(config).env == ("ALLOWED",)
    named = pytester.parseconfig("-c", f"cases/{name}", "cases")
    assert pytest_plugin._trust(named).env == ("MODE",)
    (home / "pyproject.toml").unlink()
    assert pytest_plugin._trust(pytester.parseconfig("cases")).env == ()


def test_a_configuration_of_another_folder_allows_nothing(
    pytester: pytest.Pytester, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cases lie beside the folder in which pytest is started, or anywhere: so does what they bring."""
    pytester.mkdir("cases").joinpath("pytest.ini").write_text(WIDENING["pytest.ini"], "utf-8")
    monkeypatch.chdir(pytester.mkdir("sub"))
    config = pytester.parseconfig("../cases")
    assert config.inipath == home / "cases" / "pytest.ini"
    assert pytest_plugin._trust(config).env == ()
    monkeypatch.chdir(home / "cases")
    assert pytest_plugin._trust(pytester.parseconfig()).env == ("MODE",)


def test_pytest_started_beside_the_cases_follows_their_configuration(
    pytester: pytest.Pytester, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes that folder for the project, whose ``addopts`` and ``conftest.py`` run code anyway."""
    assert (home / "pyproject.toml").is_file()
    cases = pytester.mkdir("cases")
    (cases / "pytest.ini").write_text(WIDENING["pytest.ini"], encoding="utf-8")
    monkeypatch.chdir(cases)
    assert pytest_plugin._trust(pytester.parseconfig()).env == ("MODE",)


def test_workers_are_told_whether_a_configuration_was_named(
    pytester: pytest.Pytester, home: Path
) -> None:
    """Under xdist the command line is its controller's."""
    cases = pytester.mkdir("cases")
    (cases / "pytest.ini").write_text(WIDENING["pytest.ini"], encoding="utf-8")
    case = recorded(cases, source=SHOWING)
    inputs = encode({"request": "bad"})
    files.export(replace(case, env={"MODE": "test"}, inputs=inputs), cases)
    ran = pytester.runpytest_subprocess("cases", "-rsx", "-n", "1")
    ran.assert_outcomes(skipped=1)
    assert 'genmon_env = ["ALLOWED", "MODE"]' in ran.stdout.str()
    named = pytester.runpytest_subprocess("-c", "cases/pytest.ini", "cases", "-rsx", "-n", "1")
    named.assert_outcomes(xfailed=1)


RUNNING = """
import subprocess
from genmon_otel import generation

@generation(name="build")
def runs(request):
    raise RuntimeError(subprocess.check_output([request, "ran"], text=True))
"""


def test_an_allowed_program_is_the_one_on_the_path(pytester: pytest.Pytester, home: Path) -> None:
    """Its name allows no file of that name that was committed, however the inputs spell it."""
    case = recorded(home, source=SOURCE + RUNNING)
    (home / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\ngenmon_programs = ["echo"]\n', encoding="utf-8"
    )
    tool = home / "tools" / "echo"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\nprintf 'STR%s' UCK\n", encoding="ascii")
    tool.chmod(0o755)
    spelled = {"whole": str(tool), "relative": "tools/echo", "dotted": "./tools/echo"}
    for slug, request in {"bare": "echo", **spelled}.items():
        files.export(
            replace(
                case,
                slug=slug,
                target="app:runs",
                programs=("echo",),
                inputs=encode({"request": request}),
            ),
            home / "cases",
        )
    ran = pytester.runpytest_subprocess("cases", "-rsx")
    ran.assert_outcomes(xfailed=1, skipped=3)
    text = ran.stdout.str()
    assert "RuntimeError: ran" in text
    assert "STRUCK" not in text
    assert "canary" not in text  # a replay that reaches strike() says what it tried to write
    assert text.count("while the path finds") >= 3


#: Members of a case file that pytest prints.
PRINTED = ("provenance.failure", "expected.category", "expected.error_message", "target", "live")


def test_no_line_that_pytest_prints_of_a_file_is_a_command(
    pytester: pytest.Pytester, home: Path
) -> None:
    """GitHub, Azure and TeamCity obey ``::``, ``##vso[`` and ``##teamcity[`` in what a job prints."""
    case = honest(home)
    (home / "cases").mkdir()
    for expect in ("passes", "fails"):
        for member in PRINTED:
            data: dict[str, Any] = replace(
                case, slug=f"{expect}-{member.replace('.', '-')}", expect=expect
            ).to_dict()
            holder, _, name = member.rpartition(".")
            inside = data[holder] if holder else data
            words = "\n::stop-commands::x\n  ::error::x ##vso[x] ##[x] ##teamcity[x]\r::x\u200e"
            inside[name] = [words] if name == "live" else f"{inside[name]}{words}"
            (home / "cases" / f"{data['slug']}.genmon.json").write_text(json.dumps(data), "ascii")
    text = pytester.runpytest_subprocess("cases", "-rA").stdout.str()
    assert "stop-commands" in text
    assert [line for line in text.splitlines() if line.lstrip().startswith("::")] == []
    assert [mark for mark in ("##[", "##vso[", "##teamcity[", "\u200e") if mark in text] == []


#: Names of files and folders, as whoever commits a case may choose them.
NAMES = (
    "a\n::error::x",
    "b\x1b[2J",
    "c\u202e",
    "d\r::stop-commands::y",
    "f##vso[x]",
    "\n::error::g",
)


def test_no_name_of_a_file_is_a_command(pytester: pytest.Pytester, home: Path) -> None:
    """Pytest prints names as they are: those of cases, and of the folders that they are in, are cleaned."""
    text = json.dumps(honest(home).to_dict())
    for name in NAMES:
        folder = home / "cases" / name
        folder.mkdir(parents=True)
        (folder / f"{name}.genmon.json").write_text(text, "ascii")
    for ran in (
        pytester.runpytest_subprocess("cases", "-rA", "-v"),
        pytester.runpytest_subprocess("cases", "--collect-only", "-q"),
    ):
        printed = ran.stdout.str()
        assert "stop-commands" in printed
        assert [line for line in printed.splitlines() if line.lstrip().startswith("::")] == []
        assert [mark for mark in ("##vso[", "\x1b[2J", "\u202e") if mark in printed] == []
    pytester.runpytest_subprocess("cases", "-n", "2").assert_outcomes(xfailed=len(NAMES))


@pytest.mark.parametrize("place", ["case", "expected"])
def test_no_member_is_there_twice(tmp_path: Path, place: str) -> None:
    """What a reviewer reads first would not be what runs."""
    case = honest(tmp_path)
    data = case.to_dict()
    text = json.dumps(data)
    inside = json.dumps(data["expected"])
    twice = {
        "case": text[:-1] + ', "target": "app:mended"}',
        "expected": text.replace(inside, inside[:-1] + ', "category": "unknown"}'),
    }[place]
    with pytest.raises(CaseError, match=r"has the member '(target|category)' twice"):
        Case.from_json(twice)


def test_a_handle_in_a_command_is_a_handle(tmp_path: Path) -> None:
    """Commands are copied into a shell; a file may hold any text as its failure's handle."""
    case = honest(tmp_path)
    for text in ("F-1; touch PWNED #", "F-8A3B\n", "$(id)", ""):
        named = replace(case, provenance=replace(case.provenance, failure=text))
        assert named.ref == "CASE"
    assert case.ref == case.provenance.failure
