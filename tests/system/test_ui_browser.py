"""The page in a real browser: a newcomer's way by mouse and by keys, and what axe finds."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn

from genmon_otel.policy import CaseState
from genmon_otel.records import StepRecord
from genmon_otel.regression.propose import propose
from genmon_otel.store import SqlStore
from genmon_otel.ui.app import create_app
from genmon_otel.ui.gate import Access
from genmon_otel.ui.server import link
from genmon_otel.ui.session import Sessions
from tests.store_records import Producer, a_failure, failing, recording_of, sample_of, success
from tests.ui_kit import KEY

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: scripts/servers"),
    pytest.mark.xdist_group("browser"),
]
ANSWER = 'Here is it:\n```json\n{"files": {}}\n```\n\x1b[31mred\x1b[0m <b>bold</b>'


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    """A store with six failures; one has a reproduced case, one a guarding one."""
    opened = SqlStore(f"sqlite:///{tmp_path_factory.mktemp('ui') / 'genmon.db'}", propose=propose)
    opened.open()
    producer, now = Producer(opened), time.time()
    step = StepRecord("call_model", {"prompt": "a page"}, "value", ANSWER, digest="d")
    for name in "abcdef":
        failure = a_failure(name, error_message=f"Expecting value ({name})")
        records = [failing(name, now - 60 * n, failure=failure, user_id=f"u{n}") for n in range(3)]
        recordings = tuple(recording_of(each, steps=(step, step)) for each in records)
        producer.write(*records, recordings=recordings)
    good = success(now)
    producer.write(good, samples=(replace(sample_of(good), steps=(step,)),))
    for name in "ab":
        opened.set_case_state(
            f"{opened.failure(f'v2:fingerprint-{name}').row.handle}", CaseState.REPRODUCED,
            reason="reproduced 3 of 3",
        )  # fmt: skip
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def base(store: SqlStore) -> Iterator[str]:
    """The address of a server of that store."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = create_app(store, Access(port), Sessions(KEY), code=Path.cwd())
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Chromium without a window."""
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def page_of(browser, base: str, **options):  # type: ignore[no-untyped-def]
    """Open a session in a fresh context; what the console says fails the test at its end."""
    page = browser.new_context(**options).new_page()
    page.problems = []
    page.on(
        "console", lambda told: page.problems.append(told.text) if told.type == "error" else None
    )
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(link(base, KEY, "ada"))
    return page


def test_axe_finds_nothing(browser, base: str, store: SqlStore) -> None:  # type: ignore[no-untyped-def]
    """Every page meets WCAG 2.2 AA by axe, light and dark, from 360 px on; nothing overflows."""
    from axe_playwright_python.sync_playwright import Axe

    handle = store.failure("v2:fingerprint-a").row.handle
    paths = ["/", "/failures", f"/failures/{handle}", "/review", "/guarding", f"/cases/{handle}",
             f"/cases/{handle}/steps/0", "/nothing"]  # fmt: skip
    found = []
    for scheme, width in (("light", 1280), ("dark", 360)):
        page = page_of(browser, base, color_scheme=scheme, viewport={"width": width, "height": 800})
        for path in paths:
            page.goto(base + path)
            rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}
            for each in Axe().run(page, options=rules).response["violations"]:
                found.append((scheme, path, each["id"], each["nodes"][0]["html"][:120]))
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append((scheme, path, "wider than the window", ""))
        assert [each for each in page.problems if "404" not in each] == []
    assert found == []


def test_a_case_is_approved_by_keys_alone(browser, base: str, store: SqlStore) -> None:  # type: ignore[no-untyped-def]
    """From the first page to an approved case: j, Enter, a, Enter."""
    page = page_of(browser, base)
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    page.goto(f"{base}/review")
    page.keyboard.press("j")
    handle = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/cases/{handle}")
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    page.wait_for_url("**said=*")
    assert (
        "It is expected to fail until the fix is in" in page.locator("[role=status]").inner_text()
    )
    assert (store.case(handle).state, store.case(handle).reviewer) == (CaseState.OPEN, "ada")
    assert page.problems == []


def test_failures_are_searched_as_one_types(browser, base: str, store: SqlStore) -> None:  # type: ignore[no-untyped-def]
    """Typing narrows the list without a new page, and the address can be shared."""
    page = page_of(browser, base)
    page.goto(f"{base}/failures")
    page.keyboard.press("/")
    page.keyboard.type("value (d)")
    page.wait_for_url("**q=value*")
    playwright.expect(page.locator("#rows tbody tr")).to_have_count(1)
    shared = page_of(browser, base)
    shared.goto(page.url)
    assert shared.locator("#rows tbody tr").count() == 1
    assert page.problems == []


def test_it_works_without_scripts(browser, base: str, store: SqlStore) -> None:  # type: ignore[no-untyped-def]
    """With JavaScript off a search, a decision and its undo are forms."""
    page = page_of(browser, base, java_script_enabled=False)
    page.goto(f"{base}/failures")
    page.fill("[name=q]", "value (e)")
    page.click("text=Show")
    assert page.locator("#rows tbody tr").count() == 1
    page.click("#rows a.handle")
    page.click("text=Resolve")
    assert "is resolved" in page.locator("[role=status]").inner_text()
    page.click("text=Undo")
    assert "is open" in page.locator("[role=status]").inner_text()


def test_a_check_is_followed_as_it_runs(browser, base: str, store: SqlStore) -> None:  # type: ignore[no-untyped-def]
    """Verify shows progress and then the result, without a reload by hand."""
    handle = store.failure("v2:fingerprint-c").row.handle
    page = page_of(browser, base)
    page.goto(f"{base}/cases/{handle}")
    page.keyboard.press("v")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-job=over]", timeout=60_000)
    assert "unreproducible" in page.locator("[data-job=over]").inner_text()
    assert page.problems == []
