"""Two bars at once: real failures are told, ordinary bugs are blamed on nobody; and each entry is sound."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmon_otel.classification import classify, explain, phrases
from genmon_otel.classification.judgement import INDEX
from genmon_otel.classification.logged import plain
from genmon_otel.classification.verdict import RATE, TIMEOUT, Weight
from genmon_otel.fingerprint import identify, places
from genmon_otel.records import Frame
from genmon_otel.text import clean
from tests.evidence_kit import DATA, entries, error_of

REAL = list(entries(DATA / "real.jsonl"))
BUGS = list(entries(DATA / "bugs.jsonl"))
TOOL_OUTPUT = sorted((Path(__file__).parents[1] / "data" / "tool_output").glob("*/*.txt"))


def test_of_real_failures_at_least_95_percent_get_their_category() -> None:
    """Exceptions of SDKs, messages that quote them, output of tools; critical ones are critical."""
    wrong = [
        f"{entry['id']}: {found.category} {found.severity} by {found.rule!r}, not {entry['expected']}"
        for entry in REAL
        for found in [classify(error_of(entry))]
        if found.category != entry["expected"]
        or entry.get("severity", found.severity) != found.severity
    ]
    print(*wrong, sep="\n")
    assert len(wrong) <= 0.05 * len(REAL), wrong


def test_of_ordinary_bugs_at_most_5_percent_get_a_category() -> None:
    """Shops, hospitals, schools, games: words of the field decide nothing."""
    assert len(BUGS) >= 200
    wrong = [
        f"{entry['id']}: {found.category} by {found.rule!r}: {entry['message']}"
        for entry in BUGS
        for found in [classify(error_of(entry))]
        if found.category != "unknown"
    ]
    print(*wrong, sep="\n")
    assert len(wrong) <= 0.05 * len(BUGS), wrong


def named(entry: dict[str, Any], message: str) -> str:
    """The fingerprint of an exception, raised in one place unless the entry names frames."""
    found = classify(error_of(entry))
    frames = [Frame(*place.split(":"), in_app=True) for place in entry.get("frames", ["shop:run"])]
    return identify(
        operation="build", category=found.category, error_type=found.error_type, message=message,
        stage="", environment=found.is_environment, places=places(reversed(frames)),
    )[0]  # fmt: skip


def test_no_two_different_bugs_are_one_failure() -> None:
    """Even of one operation, and raised in one place."""
    of: dict[str, dict[str, Any]] = {}
    merged = []
    for entry in BUGS:
        other = of.setdefault(named(entry, entry["message"]), entry)
        if other is not entry:
            merged.append((other["id"], entry["id"]))
    assert merged == []


def test_pairs_are_one_failure_or_two() -> None:
    """As people who did not know the rules said of them."""
    wrong = [
        pair["id"]
        for pair in entries(DATA / "pairs.jsonl")
        for one, other in [(pair["a"], pair["b"])]
        if pair["same"] is not (named(one, one["message"]) == named(other, other["message"]))
    ]
    assert wrong == []


def test_each_rule_is_explained_in_words() -> None:
    """``genmon failures show`` never has to print a rule as it is."""
    rules = {classify(error_of(entry)).rule for entry in (*REAL, *BUGS)}
    rules |= {*INDEX.entries, "registered", "pending", "process_died", "errno:ENOSPC"}
    assert [rule for rule in rules if explain(rule).startswith("rule ")] == []
    assert "OpenAI with HTTP 429" in explain("provider:openai.quota")
    assert "contains 'npm error code e404', as printed by npm" in explain(
        "tool:npm", "Command failed\nnpm error code E404"
    )
    kept = explain("tool:npm", "Command 'npm ci' failed", "npm error code E404")
    assert "contains 'npm error code E404', as printed by npm" in kept
    for rule, entry in INDEX.entries.items():
        without = explain(rule, "")
        assert without == f"the text contains what is printed by {entry.seen}"
    assert explain("of another:version") == "rule of another:version"


def test_a_form_is_looked_for_within_600_characters_of_its_word() -> None:
    """What a regular expression may cost is bounded by that, however long the text."""
    long = phrases.entry(RATE, "long", "a test", phrases.form(r"alpha[^\n]{0,2000}omega", "alpha"))
    index = phrases.PhraseIndex({"tool": [long]})
    for between, found in ((590, True), (600 - len(" omega"), True), (601, False)):
        text = index.read(f"alpha {'x' * (between - 1)} omega", printed=False)
        assert (index.first(text, "tool", Weight.EXACT) is not None) is found, between


def test_the_line_that_decided_is_quoted_as_it_was_printed() -> None:
    """Of captured output, wherever in it that line stands; never a pattern."""
    wrong = []
    for path in TOOL_OUTPUT:
        output = path.read_text()
        error = subprocess.CalledProcessError(1, ["tool"], stderr=output)
        found = classify(error)
        if not INDEX.entries.get(found.rule):
            continue
        shown = clean(output, len(output)).translate(str.maketrans({"\x1b": None}))
        if len(found.words) > phrases.QUOTED or clean(found.words, 500) not in shown:
            wrong.append((path.name, found.rule, found.words))
    assert len(wrong) <= 0.01 * len(TOOL_OUTPUT), wrong


@given(st.text(max_size=600), st.text(max_size=60))
def test_a_line_is_a_piece_of_the_text(said: str, words: str) -> None:
    """Whatever was said and whatever decided."""
    line = phrases.line_of(said, words)
    assert line in said
    assert len(line) <= phrases.QUOTED


def test_the_index_names_every_phrase_that_a_text_holds() -> None:
    """Looking up words first changes no answer, for all texts there are."""
    texts = [entry.get("message") or entry.get("output", "") for entry in (*REAL, *BUGS)]
    texts += [path.read_text()[:6_000] for path in TOOL_OUTPUT[::12]]
    missed = []
    for text in texts:
        read = INDEX.read(plain(text), printed=True)
        flat = " ".join(phrases._alike(read.lines).split())
        for number, phrase in enumerate(INDEX._phrases):
            if number in read.candidates:
                continue
            if phrase.literal:
                held = phrase.literal in flat and re.search(
                    rf"(?<!\w){re.escape(phrase.literal)}(?!\w)", flat
                )
            else:
                held = phrases._compiled(phrase.expression).search(read.lines)
            if held:
                missed.append((phrase.entry.name, phrase.literal or phrase.expression, held[0]))
    assert missed == []


def test_a_phrase_is_written_as_it_is_printed() -> None:
    """White space, quotation marks, numbers and words between may be others."""
    index = phrases.PhraseIndex(
        {
            "one": [
                phrases.entry(TIMEOUT, "late", "x", "call to '…' took # (s|seconds)"),
                phrases.printed(RATE, "slow", "y", "slow down"),
            ]
        }
    )

    def rule(text: str, *, printed: bool = False) -> str | None:
        found = index.first(index.read(text, printed=printed), "one", Weight.MESSAGE)
        return found and found.rule

    assert rule('call to "a b"\n  took 3.5 seconds') == "one:late"
    assert rule("call to `x` took 12 s") == "one:late"
    assert rule("call to x took 12 s") is None
    assert rule("slow down") is None
    assert rule("slow\n down", printed=True) == "one:slow"


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: phrases.entry(RATE, "x", "y", "(a|b)…#"), "No whole word"),
        (lambda: phrases.entry(RATE, "x", "y", phrases.form("x", "two-words")), "not words"),
    ],
)
def test_a_phrase_that_cannot_be_looked_up_is_refused(made: object, message: str) -> None:
    """It would be tried on every text."""
    assert callable(made)
    with pytest.raises(ValueError, match=message):
        phrases.PhraseIndex({"one": [made()]})
