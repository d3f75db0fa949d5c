"""The documentation is true to the code."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

import genmon_otel
from genmon_otel import conventions
from genmon_otel.records import Category
from genmon_otel.regression.trust import OPTIONS, PREFIX
from genmon_otel.settings import Settings

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
