"""What the pages show works: Python blocks run, commands parse, options and make targets exist."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from genmon_otel.cli import genmon
from genmon_otel.regression.cases.trust import OPTIONS, PREFIX
from tests.documented import ROOT, Block, blocks, commands, pages, prose

#: Programs that pages call beside genmon; what is none of them is a slip.
PROGRAMS = frozenset(
    "cat cp curl docker export gh git kubectl make opentelemetry-instrument pip promtool psql pytest python sqlite3".split()
)
#: By language: the test that tries its blocks, or why none does.
TRIED = {
    "python": "tests/system/test_documented_python.py",
    "console": "tests/system/test_documented_commands.py",
    "diff": "tests/system/test_examples.py",  # the tutorial's: test_documented_commands
    "mermaid": "tests/system/test_documented_diagrams.py",
    "toml": "tests/unit/test_documented_code.py",
    "yaml": "tests/unit/test_documented_code.py",
    "text": "tests/unit/test_documented_code.py",
    "nginx": "needs nginx, which no machine of this project's tests has",
}
#: What the program prints of the output that a page shows: a fragment of the page that the source holds.
PRINTED = {
    "docs/alerting.md": (" in 1 h, last 10 min ", "if nothing more fails."),
    "docs/cases.md": (
        "asked otherwise than recorded (counts a quarter):",
        "replayed in a process started anew, which is slower:",
        "the import leaves threads running",
    ),
    "docs/classification.md": ("because", "reading", "as printed by", "unconfirmed"),
    "docs/cli.md": (),  # generated: test_generated_pages_are_current
    "docs/operating.md": (),  # a formula; its terms are metrics, which a test knows by name
}
CODE = [block for page in pages() for block in blocks(page)]


def of(*languages: str) -> list[Any]:
    """The blocks in these languages, as parameters."""
    return [pytest.param(block, id=block.place) for block in CODE if block.language in languages]


def test_every_block_says_its_language() -> None:
    """A block without one is neither highlighted nor checked."""
    assert [block.place for block in CODE if not block.language] == []


def test_what_is_not_run_says_why() -> None:
    """The mark that leaves a block out carries a reason of some words."""
    for block in CODE:
        assert block.not_run is None or len(block.not_run.split()) >= 3, block.place


def test_every_language_is_tried() -> None:
    """Each kind of block has a test that exists, or a reason."""
    assert {block.language for block in CODE} == set(TRIED)
    assert all((ROOT / why).exists() or len(why.split()) >= 3 for why in TRIED.values())


def test_what_pages_show_is_printed() -> None:
    """Each page with output is in the table, and its fragments are the page's and the source's."""
    shown: dict[str, str] = {}
    for block in CODE:
        if block.language == "text":
            name = str(block.page.relative_to(ROOT))
            shown[name] = shown.get(name, "") + block.text
    assert set(shown) == set(PRINTED)
    source = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "src" / "genmon_otel").rglob("*.py")
    )
    for name, fragments in PRINTED.items():
        assert [each for each in fragments if each not in shown[name]] == [], name
        assert [each for each in fragments if each not in source] == [], name


@pytest.mark.parametrize("block", of("yaml"))
def test_yaml_blocks_lead_somewhere(block: Block) -> None:
    """Each is YAML; the components that an overlay may add are in the folder that is exported."""
    overlay = ROOT / "deploy" / "kubernetes" / "overlays" / "example"
    for component in yaml.safe_load(block.text)["components"]:
        assert (overlay / component / "kustomization.yaml").exists()


@pytest.mark.parametrize("block", of("python"))
def test_python_blocks_are_python(block: Block) -> None:
    """Each block can be parsed; what a function holds may stand without it."""
    body = "\n".join(f"    {line}" for line in block.text.splitlines())
    ast.parse(f"async def page():\n{body}\n")


@pytest.mark.parametrize("block", of("toml"))
def test_toml_blocks_are_read(block: Block) -> None:
    """Each is TOML, and names no option of pytest's that the plugin does not know."""
    tool = tomllib.loads(block.text)["tool"]
    named = {
        name for name in tool.get("pytest", {}).get("ini_options", {}) if name.startswith(PREFIX)
    }
    assert named <= {PREFIX + name for name in OPTIONS}


@pytest.mark.parametrize("block", of("console", "bash", "sh"))
def test_commands_exist(block: Block) -> None:
    """Each command is one of genmon's with options it has, a target of make's, or a known program."""
    for command in commands(block):
        check(command.line)


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in pages()])
def test_commands_in_the_text_exist(page: Path) -> None:
    """`genmon …` and `make …` between words are commands, too; those of a runbook are whole."""
    for code in re.findall(r"`((?:genmon|make) [^`\n]*)`", prose(page)):
        if code.startswith("make ") or re.match(r"genmon [a-z]", code):
            check(code, is_whole=page.parent.name == "runbooks")


def check(line: str, *, is_whole: bool = True) -> None:
    """Check one command line; of one within a sentence its arguments may be left out."""
    for part in split(line):
        while part and re.fullmatch(r"[A-Z_]+=.*", part[0]):
            part.pop(0)
        if not part or part[0] == "export":
            continue
        program = part[0].rpartition("/")[2]
        if part[0].startswith("./"):
            continue  # a file of the reader's folder
        if program == "genmon":
            check_genmon(part[1:], is_whole)
        elif program == "make":
            check_make(part[1:])
        else:
            assert program in PROGRAMS, f"{program} in {line!r}"
        if program == "pytest":
            known = {"--genmon-accept", "--genmon-results"}
            assert {word for word in part if word.startswith("--genmon")} <= known, line


def split(line: str) -> Iterator[list[str]]:
    """Yield the words of each command of a line with pipes and `&&`."""
    words = shlex.split(line, comments=True)
    part: list[str] = []
    for word in words:
        if word in ("|", "&&", "&", ";"):
            yield part
            part = []
        else:
            part.append(word)
    yield part


def check_genmon(words: list[str], is_whole: bool) -> None:
    """Walk the groups, then have the command parse what is left."""
    command: click.Command = genmon
    parent = click.Context(genmon, info_name="genmon")
    words = [word for word in words if word not in ("…", "...", "|")]
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        names = words.pop(0).split("|")  # `genmon failures list|show`
        found = [command.get_command(parent, name) for name in names]
        assert None not in found, f"no command {names} in {parent.command_path}"
        command = found[0]  # type: ignore[assignment]
        parent = click.Context(command, info_name=names[0], parent=parent)
    options = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    options |= {"--help", "--version"}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert given <= options, f"{parent.command_path} has no {sorted(given - options)}"
    if not is_whole or isinstance(command, click.Group):
        return
    try:
        command.make_context(parent.info_name, list(words), parent=parent.parent)
    except click.exceptions.Exit:
        pass  # --help
    except click.BadParameter as error:
        if "does not exist" not in error.message:  # the reader has that file, this test does not
            raise


def check_make(words: list[str]) -> None:
    """Each word is a target, or sets a variable."""
    targets = set(re.findall(r"^([a-z$()A-Z/.-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    for word in words:
        assert "=" in word or word in targets, f"make has no target {word}"
