"""The page in a real browser: a newcomer's way by mouse and by keys, and what axe finds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from genmon_otel.policy import CaseState
from genmon_otel.records import StepRecord
from genmon_otel.regression.propose import propose
from genmon_otel.store import SqlStore
from tests.store_records import Producer, a_failure, failing, recording_of, sample_of, success
from tests.ui_kit import PATIENCE_MS, chromium, page_of, serving

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = chromium()
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: scripts/servers"),
    pytest.mark.xdist_group("browser"),
]
#: Colour scheme and width of each look at a page.
LOOKS = (("light", 1280), ("dark", 360), ("light", 2560))
#: Widths at which words must be whole, beside those: a tablet's, and where cards become tables.
WIDTHS = (768, 870, 1024)
#: What each page must say in one piece: no word is cut, broken over lines, or outside its place.
WORDS = (
    ".handle, .severity, .state, .run-verdict, button, label, th, dt, td.nowrap, td .good, td .bad"
)
#: An operation and a user as long as applications have them.
LONG = "summarise_a_very_long_document_of_a_customer"
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
        operation = LONG if name == "f" else "build_app"
        records = [
            failing(name, now - 60 * n, failure=failure, user_id=f"{n}{LONG}", operation=operation,
                    trace_id=f"{n}" * 32, code_version=f"{n}" * 40)
            for n in range(3)
        ]  # fmt: skip
        recordings = tuple(
            recording_of(each, steps=(step, step), operation=operation) for each in records
        )
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
    with serving(store, Path.cwd()) as (address, _):
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Chromium without a window."""
    playwright.expect.set_options(timeout=PATIENCE_MS)
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE_MS
        )
        yield opened
        opened.close()


#: Texts of elements that do not show one of their words whole: it goes on in another line, or outside.
_BROKEN = """selector => [...document.querySelectorAll(selector)].filter(each => {
  const walker = document.createTreeWalker(each, NodeFilter.SHOW_TEXT), range = document.createRange();
  if (!each.checkVisibility() || each.closest("thead, .wrap, .long") && innerWidth < 864) return false;
  for (let node; node = walker.nextNode();)
    for (const word of node.data.matchAll(/\\S+/g)) {
      range.setStart(node, word.index); range.setEnd(node, word.index + word[0].length);
      const places = [...range.getClientRects()], place = range.getBoundingClientRect();
      if (new Set(places.map(one => Math.round(one.top))).size > 1) return true;
      if (place.right > innerWidth || place.left < 0) return true;
    }
  return false;
}).map(each => each.textContent.trim().slice(0, 60))"""


def test_axe_finds_nothing(browser, base: str, store: SqlStore) -> None:  # type: ignore[no-untyped-def]
    """Every page meets WCAG 2.2 AA by axe, light and dark, from 360 px on; nothing overflows."""
    from axe_playwright_python.base import AXE_SCRIPT

    handle = store.failure("v2:fingerprint-a").row.handle
    paths = ["/", "/failures", f"/failures/{handle}", "/review", "/guarding", "/alerts", f"/cases/{handle}",
             f"/cases/{handle}/steps/0", "/nothing"]  # fmt: skip
    # Nothing is asked of what passes: naming each such element took most of the time.
    rules = {
        "runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"],
        "resultTypes": ["violations"],
    }
    found = []
    page = page_of(browser, base)
    for path in paths:
        page.goto(base + path)
        page.evaluate(AXE_SCRIPT)
        for scheme, width in LOOKS:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 800})
            for each in page.evaluate("rules => axe.run(rules)", rules)["violations"]:
                found.append((scheme, width, path, each["id"], each["nodes"][0]["html"][:120]))
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append((scheme, width, path, "wider than the window", ""))
            found += [
                (width, path, "broken or cut", each) for each in page.evaluate(_BROKEN, WORDS)
            ]
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append((width, path, "wider than the window"))
            found += [
                (width, path, "broken or cut", each) for each in page.evaluate(_BROKEN, WORDS)
            ]
    assert [each for each in page.problems if "404" not in each] == []
    assert found == []


def test_a_case_is_approved_by_keys_alone(browser, base: str, store: SqlStore) -> None:  # type: ignore[no-untyped-def]
    """From the first page to an approved case: j, Enter, a, Enter."""
    page = page_of(browser, base)
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    playwright.expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("3")
    page.wait_for_url("**/review")
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
    page.wait_for_url("**q=value*")
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
    page.wait_for_selector("[data-job=over]")
    assert "unreproducible" in page.locator("[data-job=over]").inner_text()
    assert page.problems == []


def test_two_windows_tell_each_other(browser, base: str, store: SqlStore) -> None:  # type: ignore[no-untyped-def]
    """The second of two reviewers is told who decided; what was typed stays."""
    handle = store.failure("v2:fingerprint-d").row.handle
    store.set_case_state(handle, CaseState.REPRODUCED, reason="reproduced 3 of 3")
    ada, bob = page_of(browser, base), page_of(browser, base, "bob")
    for page in (ada, bob):
        page.goto(f"{base}/cases/{handle}")
    ada.click("button[data-key=a]")
    ada.wait_for_url("**said=*")
    bob.fill("[name=reason]", "it is slow")
    bob.click("button[data-key=r]")
    assert "is open by now, not reproduced" in bob.locator("[role=alert]").inner_text()
    assert "ada" in bob.locator("table").last.inner_text()
    assert (store.case(handle).state, store.case(handle).reviewer) == (CaseState.OPEN, "ada")


def test_on_a_phone_under_a_plain_name(browser, store: SqlStore) -> None:  # type: ignore[no-untyped-def]
    """By touch from the first screen to an approved case, without HTTPS; another site's form changes nothing."""
    handle = store.failure("v2:fingerprint-f").row.handle
    store.set_case_state(handle, CaseState.REPRODUCED, reason="reproduced 3 of 3")
    mapped = "--host-resolver-rules=MAP page.example 127.0.0.1, MAP evil.example 127.0.0.1"
    with serving(store, Path.cwd(), names=frozenset({"page.example"})) as (address, _):
        port = address.rpartition(":")[2]
        chrome = browser.browser_type.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", mapped], timeout=PATIENCE_MS
        )
        page = page_of(
            chrome, f"http://page.example:{port}", viewport={"width": 360, "height": 740},
            has_touch=True, is_mobile=True,
        )  # fmt: skip
        page.tap("text=to review")
        page.tap(f"main a.handle:text-is('{handle}')")
        page.tap("button[data-key=a]")
        page.wait_for_url("**said=*")
        assert store.case(handle).state is CaseState.OPEN
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        other = page.context.new_page()
        target = f"http://page.example:{port}"
        other.route(
            "http://evil.example/**",
            lambda route: route.fulfill(
                content_type="text/html",
                body=f"<iframe src='{target}/'></iframe><form id=f method=post "
                f"action='{target}/failures/{handle}/ignore'></form>",
            ),
        )
        other.goto("http://evil.example/")
        assert [each.url for each in other.frames[1:]] == ["chrome-error://chromewebdata/"]
        other.evaluate("document.getElementById('f').submit()")
        other.wait_for_url(f"{target}/failures/**")
        assert "only accepted from the page itself" in other.inner_text("body")
        assert store.failure(handle).row.status == "open"
        chrome.close()


def test_a_server_that_stops_amid_a_check_is_told(browser, store: SqlStore) -> None:  # type: ignore[no-untyped-def]
    """The page says that the server is gone; the next one shows the case as it was, to be verified."""
    handle = store.failure("v2:fingerprint-e").row.handle
    state = store.case(handle).state
    blocked = threading.Event()
    with serving(store, Path.cwd()) as (address, app):
        app.state.site.jobs.start(
            "reproduction check", handle, 3, lambda step: str(blocked.wait(250)), "ada"
        )
        page = page_of(browser, address)
        page.goto(f"{address}/cases/{handle}")
        page.wait_for_selector("progress")
    page.wait_for_selector("text=The server does not answer")
    blocked.set()
    with serving(store, Path.cwd(), int(address.rpartition(":")[2])) as (again, _):
        page = page_of(browser, again)
        page.goto(f"{again}/cases/{handle}")
        assert page.locator("[data-key=v]").count() == 1
        assert page.locator("[data-job]").count() == 0
    assert store.case(handle).state is state


def test_a_large_answer_stays_quick(browser, base: str, store: SqlStore) -> None:  # type: ignore[no-untyped-def]
    """Of an answer of 256 KB the page shows head and tail, in few elements; what is left out is said."""
    large = "x = [1, 2, 3]  # a line of code\n" * 8_000
    failure = a_failure("large", error_message="too long")
    records = [failing("large", time.time() - n, failure=failure) for n in range(3)]
    step = StepRecord(
        "call_model", {"prompt": large}, "value", f"```python\n{large}```", digest="d"
    )
    Producer(store).write(
        *records, recordings=tuple(recording_of(each, steps=(step,)) for each in records)
    )
    page = page_of(browser, base)
    page.goto(f"{base}/cases/{store.failure('v2:fingerprint-large').row.handle}")
    assert page.evaluate("document.querySelectorAll('*').length") < 5_000
    assert len(page.content()) < 500_000
    assert "characters …" in page.locator("pre").first.inner_text()
