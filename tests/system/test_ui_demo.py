"""From the demo to a guarding case in a real browser: by mouse, by keys alone, and without scripts; then drift."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from genmon_otel.cli.demo import Show
from genmon_otel.cli.terminal import DEMO_FOLDER
from genmon_otel.demo.stage import Stage
from genmon_otel.policy import CaseState
from genmon_otel.regression.propose import propose
from genmon_otel.store import SqlStore
from tests.ui_kit import PATIENCE_MS, chromium, page_of, serving

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = chromium()
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: scripts/servers"),
    pytest.mark.xdist_group("browser"),
]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """What ``genmon demo --ui`` leaves to the reviewer."""
    folder = tmp_path_factory.mktemp("demo")
    with contextlib.chdir(folder), (folder / "out").open("w") as out:
        show = Show(Console(file=out), lambda: Stage(DEMO_FOLDER.resolve()), leaves_review=True)
        assert show.on_shipped_answers(), (folder / "out").read_text()
    for name in (show.stage.database.name, show.stage.source.name):
        shutil.copy(show.stage.folder / name, folder / name)
    return show.stage


@pytest.fixture
def stage(shown: Stage) -> Stage:
    """The demo's folder, as the demo left it."""
    for path in (shown.database, shown.source):
        shutil.copy(shown.folder.parent.parent / path.name, path)
    shutil.rmtree(shown.folder / "tests", ignore_errors=True)
    return shown


@pytest.fixture
def store(stage: Stage) -> Iterator[SqlStore]:
    """The demo's store."""
    opened = SqlStore(stage.store, propose=propose)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE_MS
        )
        yield opened
        opened.close()


def wait(page: Any, scripts: bool = True) -> str:
    """Wait until the work that was asked for is over; return how it ended."""
    page.wait_for_selector("[data-job]")  # of the page that the click led to
    while not scripts and page.locator("[data-job=running]").count():
        page.wait_for_timeout(500)
        page.reload()
    page.wait_for_selector("[data-job=over]")
    return str(page.locator("[data-job=over]").inner_text())


def state_of(page: Any) -> str:
    """Return the case's state, as the page has it."""
    return str(page.locator("h1 .state").inner_text())


def fix(stage: Stage) -> None:
    """Fix the app builder as the demo says."""
    patch = stage.folder / "fix.patch"
    subprocess.run(["patch", "-s", "-d", stage.folder], stdin=patch.open(), check=True)


def by_mouse(page: Any, stage: Stage) -> None:
    """Click through the page."""
    page.click("text=1 case not yet checked")
    page.click("main a.handle")
    page.click("button:text-is('Verify')")
    assert "reproduced: 3 of 3" in wait(page)
    page.click("button:text-is('Approve')")
    page.wait_for_url("**said=*")
    assert state_of(page) == "open"
    fix(stage)
    page.click("button:text-is('Replay now')")
    assert "pass" in wait(page)
    assert state_of(page) == "guarding"
    page.click("button:text-is('Export')")
    page.wait_for_url("**said=*")


def by_keys(page: Any, stage: Stage) -> None:
    """Do it without a pointer."""

    def press(*keys: str) -> None:
        for key in keys:
            page.keyboard.press(key)

    press("3")
    page.wait_for_url("**/review")
    press("j", "Enter")
    page.wait_for_url("**/cases/*")
    press("v", "Enter")
    assert "reproduced: 3 of 3" in wait(page)
    press("a", "Enter")
    page.wait_for_url("**said=*")
    assert state_of(page) == "open"
    fix(stage)
    press("p", "Enter")
    assert "pass" in wait(page)
    assert state_of(page) == "guarding"
    page.keyboard.press("p")
    for _ in range(6):  # from "Replay now" on
        press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Export":
            break
    press("Enter")
    page.wait_for_url("**said=*")


def without_scripts(page: Any, stage: Stage) -> None:
    """Click through the page, loading it again by hand."""
    page.click("text=1 case not yet checked")
    page.click("main a.handle")
    page.click("button:text-is('Verify')")
    assert "reproduced: 3 of 3" in wait(page, scripts=False)
    page.click("button:text-is('Approve')")
    assert state_of(page) == "open"
    fix(stage)
    page.click("button:text-is('Replay now')")
    assert "pass" in wait(page, scripts=False)
    assert state_of(page) == "guarding"
    page.click("button:text-is('Export')")


#: One way goes with each change; the others take as long again.
OTHER_WAY = pytest.mark.long("a whole demo for each way")


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(by_mouse, id="by_mouse"),
        pytest.param(by_keys, id="by_keys", marks=OTHER_WAY),
        pytest.param(without_scripts, id="without_scripts", marks=OTHER_WAY),
    ],
)
def test_a_newcomer_gets_from_the_demo_to_a_guarding_case(
    browser: Any, stage: Stage, store: SqlStore, way: Any
) -> None:
    """Verify, approve, fix, replay, export: the case guards, its file is written, who did it is kept."""
    (handle,) = (row.handle for row in store.cases(limit=10))
    with serving(store, stage.folder) as (base, _):
        page = page_of(browser, base, java_script_enabled=way is not without_scripts)
        way(page, stage)
        assert page.problems == []
    assert store.case(handle).state is CaseState.GUARDING
    (file,) = (stage.folder / "tests" / "genmon").glob("*.genmon.json")
    assert handle.lower() in file.name
    decided = {
        each.decision: each.reviewer for each in store.decisions(store.case(handle).failure_id)
    }
    assert (decided["open"], decided["exported"]) == ("ada", "ada")


@pytest.mark.long("follows three changes of a prompt")
def test_a_changed_prompt_is_followed_to_the_page(
    browser: Any, stage: Stage, store: SqlStore
) -> None:
    """Real replays of a prompt that changed thrice: drifted, the difference, stale, refreshed, and undone before that."""
    (handle,) = (row.handle for row in store.cases(limit=10))
    with serving(store, stage.folder) as (base, _):
        page = page_of(browser, base)
        page.goto(f"{base}/cases/{handle}")
        page.click("button:text-is('Verify')")
        wait(page)
        undo = page.locator("button:text-is('Undo: as recorded')")
        assert undo.count() == 1  # the check shrank it
        undo.click()
        assert "case as recorded" in wait(page)
        assert undo.count() == 0
        assert "made anew as recorded" in page.locator("table").last.inner_text()
        page.click("button:text-is('Approve')")
        page.wait_for_url("**said=*")
        fix(stage)
        fixed = stage.source.read_text("utf-8")
        for number in (1, 2, 3):
            changed = f"You plan small {{framework}} apps, version {number}."
            stage.source.write_text(fixed.replace("You plan small {framework} apps.", changed))
            page.goto(f"{base}/cases/{handle}")
            page.click("button:text-is('Replay now')")
            assert "pass" in wait(page)
            page.goto(f"{base}/guarding")
            word = "drifted" if number < 3 else "stale"
            assert page.locator("td", has_text=word).count() == 1, number
        page.goto(f"{base}/cases/{handle}")
        newest = page.locator("details[open] .diff")
        assert "-" in newest.locator(".d-del").first.inner_text()
        assert "version 3" in newest.locator(".d-add").first.inner_text()
        assert "Stale" in page.locator(".waits").inner_text()
        page.click("button:text-is('Refresh')")
        assert "requests taken anew" in wait(page)
        page.click("button:text-is('Replay now')")
        wait(page)
        page.goto(f"{base}/guarding")
        assert page.locator("td:text-is('as recorded')").count() == 1
        assert page.problems == []
