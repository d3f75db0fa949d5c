"""A server for the cells, and what became of them in one report."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from frameworks import model_server
from frameworks.model_server import Server
from frameworks.table import OUTCOMES, WORDS, outcomes


@pytest.fixture(scope="session")
def model() -> Iterator[Server]:
    """A model that speaks every wire format, on loopback."""
    with model_server.running() as server:
        yield server


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what keeps what was found, for docs/frameworks.md, and what bounds the replays."""
    parser.addoption("--keep-outcomes", action="store_true", help="write outcomes.json anew")
    parser.addoption("--replays", type=int, default=100, help="of a case, at most so many")


def pytest_configure(config: pytest.Config) -> None:
    """Keep outcomes where that is asked for; with xdist its workers leave it to their master."""
    if config.getoption("--keep-outcomes") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Keeper())


class Keeper:
    """Keeps each cell's outcome as soon as it is known: the table takes hours, and may be stopped."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            keep(
                {(o["app"], o["fault"]): o for name, o in report.user_properties if name == "cell"}
            )


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter,
) -> None:
    """List every cell's outcome, then how many pass the check and how many close."""
    reports = [report for kind in terminalreporter.stats.values() for report in kind]
    found = {
        (outcome["app"], outcome["fault"]): outcome
        for report in reports
        for name, outcome in getattr(report, "user_properties", ())
        if name == "cell"
    }
    if not found:
        return
    terminalreporter.section("frameworks")
    for (app, fault), outcome in sorted(found.items()):
        why = " ".join((outcome["why"] or outcome["fix"]).split())[:300]
        line = f"{app:24} {fault:8} {outcome['word']:7} {outcome['category']:17} {why}"
        terminalreporter.write_line(line)
    for word in ("check", "closes"):
        many = sum(WORDS.index(each["word"]) >= WORDS.index(word) for each in found.values())
        terminalreporter.write_line(f"{word}: {many} of {len(found)} ({many / len(found):.0%})")


def keep(found: dict[tuple[str, str], dict[str, str]]) -> None:
    """Write what became of these cells; a reason that a person wrote down for one stays."""
    kept = outcomes()
    for (app, fault), outcome in found.items():
        word, reason = kept.get(app, {}).get(fault, ("", ""))
        if word != outcome["word"]:
            reason = " ".join((outcome["why"] or outcome["fix"]).split())[:120]
        kept.setdefault(app, {})[fault] = (outcome["word"], reason)
    ordered = {app: dict(sorted(of.items())) for app, of in sorted(kept.items())}
    OUTCOMES.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
