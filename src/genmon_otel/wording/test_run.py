"""Say in pytest's summary what the cases of a test run showed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

#: Tests that one line of the summary names.
_NAMED: Final = 5


def summary_sections(results: list[tuple[str, dict[str, Any]]]) -> Iterator[tuple[str, list[str]]]:
    """Yield the sections of the summary of a test run's cases; none where nothing is to be said.

    Args:
        results: the test's id, and its result as the pytest plugin reports it.

    Yields:
        A title, and a paragraph for each case.
    """

    def those(verdicts: tuple[str, ...], expect: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
        for node, value in results:
            if value["verdict"] in verdicts and expect in ("", value["shown"]["expect"]):
                yield node, value

    passing = [
        f"{node}: {value['detail']} Accept it: pytest --genmon-accept {value['shown']['file']}"
        for node, value in those(("pass",), "fails")
        if not value["shown"]["accepts"]
    ]
    accepted = [node for node, value in those(("pass",), "fails") if value["shown"]["accepts"]]
    other, nothing = (
        _by_text((value["shown"]["detail"], node) for node, value in found)
        for found in (those(("fail_other",), "fails"), those(("inconclusive",)))
    )
    drifted = _by_text(
        (str(value["drift"]).replace("\n", "\n    "), node)
        for node, value in results
        if value["drift"]
    )
    if drifted:
        drifted.append(
            "If that is meant, take it as recorded: genmon cases refresh CASE (cases.md, Drift)"
        )
    served = [
        f"{node}: {'; '.join(_counted(value['shown']['notes']))}"
        for node, value in those(("pass", "fail_other"))
        if value["shown"]["notes"]
    ]
    anew: dict[str, list[str]] = {}
    for node, value in results:
        if why := value["shown"]["fresh_because"]:
            anew.setdefault(why, []).append(f"{node} ({value['shown']['duration_s']:.1f} s)")
    slower = [f"{why}: {_few(nodes)}" for why, nodes in anew.items()]
    for title, lines in (
        ("no longer fails, and the file says that it does:", passing),
        ("accepted, the file guards from now on once it is committed:", accepted),
        ("no longer fails as recorded, but is judged wrong (still expected to fail):", other),
        ("proves nothing:", nothing),
        ("asked otherwise than recorded (counts a quarter):", drifted),
        ("answered beyond the recording:", served),
        ("replayed in a process started anew, which is slower:", slower),
    ):
        if lines:
            yield title, lines


def _by_text(said: Iterable[tuple[str, str]]) -> list[str]:
    """Return each text once, after the tests that it is said of."""
    nodes: dict[str, list[str]] = {}
    for text, node in said:
        nodes.setdefault(text, []).append(node)
    return [f"{_few(each)}: {text}" for text, each in nodes.items()]


def _counted(notes: Iterable[str]) -> Iterator[str]:
    """Yield each note once, and how often it was made."""
    for note, count in Counter(notes).items():
        yield f"{note} ({count} times)" if count > 1 else note


def _few(nodes: list[str]) -> str:
    more = f" and {len(nodes) - _NAMED} more" if len(nodes) > _NAMED else ""
    return ", ".join(nodes[:_NAMED]) + more
