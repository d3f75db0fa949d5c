"""The documentation is true to the code."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_overloads

import pytest

import genmon_otel
from genmon_otel import conventions, testing
from genmon_otel.records import Category
from genmon_otel.regression.cases.trust import OPTIONS, PREFIX
from genmon_otel.settings import Settings
from scripts.reference import ATTRIBUTES

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def text_of(path: Path) -> str:
    """A page's text."""
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link and picture of a page exists."""
    for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", text_of(page)):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_public_names_are_twelve() -> None:
    """The package offers the twelve names of its contract, and no other."""
    assert sorted(genmon_otel.__all__) == sorted(
        ["setup", "shutdown", "generation", "phase", "step", "current_generation", "check_health",
         "register_rule", "Category", "Severity", "GenerationSpanProcessor", "GenmonError"]
    )  # fmt: skip


def test_every_variable_is_documented() -> None:
    """docs/configuration.md names every GENMON_ variable that conventions know."""
    page = text_of(ROOT / "docs" / "configuration.md")
    for name, value in vars(conventions).items():
        if name.startswith("ENV_") and value.startswith("GENMON_") and name != "ENV_REPLAY":
            assert value in page, f"{value} is not documented"


def test_every_setting_is_documented() -> None:
    """docs/configuration.md names every setting that setup() takes."""
    page = text_of(ROOT / "docs" / "configuration.md")
    derived = {"pseudonymize_store", "content_on_spans"}
    for field in fields(Settings):
        if field.name not in derived:
            assert f"`{field.name}`" in page, f"{field.name} is not documented"


def test_the_defaults_are_the_codes(tmp_path: Path) -> None:
    """The default that docs/configuration.md says of a setting is what it is without a word."""
    page = text_of(ROOT / "docs" / "configuration.md")
    settings = Settings.resolve({}, cwd=tmp_path)
    said = {
        name: default
        for names, default in re.findall(
            r"^\| (`\w+`(?:, `\w+`)*) \|[^|]*\| ([^|]*) \|", page, re.M
        )
        for name, default in zip(
            re.findall(r"`(\w+)`", names),
            default.split(", ") if "," in names else [default],
            strict=True,
        )
    }
    assert said.keys() >= {"capture", "steps", "donors", "metrics", "metrics_host", "frameworks"}
    for field in fields(Settings):
        value = getattr(settings, field.name)
        if literal := re.fullmatch(r"`([^`]+)`", said.get(field.name, "")):
            if field.name in ("store", "service_name"):  # a file below the folder; another variable
                assert field.name == "service_name" or literal[1] in value
                continue
            assert literal[1] == {True: "on", False: "off"}.get(value, value), field.name
        elif said.get(field.name) in ("none", "off"):
            assert not value, field.name


def test_every_category_is_documented() -> None:
    """docs/classification.md explains every built-in category."""
    page = text_of(ROOT / "docs" / "classification.md")
    for category in Category.known()[:7]:
        assert f"`{category}`" in page


def test_no_page_names_a_metric_that_does_not_exist() -> None:
    """Every genmon_ metric in the documentation is one of conventions' (or derived from one)."""
    known = {metric.name for metric in conventions.METRICS}
    tables = {value for name, value in vars(conventions).items() if name.startswith("TABLE_")}
    options = {PREFIX + name for name in OPTIONS}  # of pytest's configuration
    options.add("genmon_case")  # the version in a case file
    ending = re.compile(r"_(bucket|sum|count)$")
    for page in PAGES:
        for word in re.findall(r"\bgenmon_[a-z_]+\b", text_of(page)):
            if word.startswith(("genmon_otel", "genmon_app", "genmon_grafana", "genmon_selftest")):
                continue
            base = ending.sub("", word)
            close = any(name.startswith(word) for name in known)  # genmon_records_{a,b}_total
            assert base in known or word in tables | options or close, f"{page.name} names {word}"


#: Callables that pages name with arguments, and what else may stand there.
CALLABLES: dict[str, object] = {
    "setup": genmon_otel.setup,
    "generation": genmon_otel.generation,
    "step": genmon_otel.step,
    "phase": genmon_otel.phase,
    "register_rule": genmon_otel.register_rule,
    "shutdown": genmon_otel.shutdown,
    "GenerationSpanProcessor": genmon_otel.GenerationSpanProcessor,
    "capture": testing.capture,
}
CALL = re.compile(r"(?<![\w.])@?(" + "|".join(CALLABLES) + r")\(((?:[^()]|\([^()]*\))*)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_an_option_that_does_not_exist(page: Path) -> None:
    """Each keyword that a page gives to setup(), @generation and their like is a parameter of it."""
    for name, arguments in CALL.findall(text_of(page)):
        known = parameters(CALLABLES[name])
        outside = re.sub(r"\([^()]*\)|\"[^\"]*\"", "", arguments)
        for keyword in re.findall(r"(?:^|,)\s*(\w+)=", outside):
            assert keyword in known, f"{name}({keyword}=…)"


def test_the_table_of_options_is_the_decorators() -> None:
    """docs/decorating.md has a row for every option of @generation, and for none that it lacks."""
    table = text_of(ROOT / "docs" / "decorating.md").partition("| option |")[2].partition("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines()[2:]]
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert named == parameters(genmon_otel.generation) - {"function"}


def parameters(target: object) -> set[str]:
    """The names of a callable's parameters, of all its overloads."""
    forms = get_overloads(target) if inspect.isfunction(target) else []
    forms = forms or [target]
    return {name for form in forms for name in inspect.signature(form).parameters}


def test_no_page_names_a_variable_that_does_not_exist() -> None:
    """Every GENMON_ name of a page is a variable of conventions."""
    known = {value for name, value in vars(conventions).items() if name.startswith("ENV_")}
    for page in PAGES:
        for word in re.findall(r"\bGENMON_[A-Z_]+\b", text_of(page)):
            assert word in known, f"{page.name} names {word}"


def test_every_page_is_in_the_navigation() -> None:
    """A page that the site does not list is found by nobody."""
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    for page in (ROOT / "docs").rglob("*.md"):
        path = page.relative_to(ROOT / "docs").as_posix()
        if not path.startswith(("assets/", "runbooks/Genmon")):
            assert path in site, f"{path} is not in mkdocs.yml"


def test_generated_pages_are_current() -> None:
    """The reference is what the code says now: `make generate` has nothing to write."""
    # In a process of its own: other tests declare categories, and click keeps help options once made.
    said = subprocess.run(
        [sys.executable, "-m", "scripts.generate", "--check"],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert said.returncode == 0, f"make generate\n{said.stdout}{said.stderr}"


def test_every_attribute_is_explained() -> None:
    """The reference explains each span attribute of conventions."""
    kinds = ("GEN_AI_", "ATTR_", "ERROR_", "EXCEPTION_", "CODE_", "ENDUSER_", "SERVER_")
    names = {name for name in vars(conventions) if name.startswith(kinds)}
    assert names - {"GEN_AI_USAGE", "EXCEPTION_EVENT"} == set(ATTRIBUTES)


def test_the_readme_is_short() -> None:
    """README has under 120 lines."""
    assert text_of(ROOT / "README.md").count("\n") < 120


def test_the_newest_servers_are_those_that_tests_build() -> None:
    """docs/alerting.md says the versions of Prometheus and the Collector that `make servers-go` builds."""
    servers = ROOT / "tests" / "servers"
    release = re.search(r"^release=(\d+\.\d+)", text_of(servers / "go_programs.sh"), re.M)
    collector = re.search(r"collector/otelcol v(\d+\.\d+)", text_of(servers / "go" / "go.mod"))
    assert release is not None
    assert collector is not None
    tried = text_of(ROOT / "docs" / "alerting.md").partition("tested with ")[2].partition("\n\n")[0]
    assert f" and {release[1]}, an OpenTelemetry Collector {collector[1]} " in " ".join(
        tried.split()
    )
