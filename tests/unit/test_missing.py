"""What a tool did not find tells one failure from the next, wherever in its output that stands."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from genmon_otel.fingerprint import normalise
from genmon_otel.fingerprint.missing import missing
from genmon_otel.recorder.messages import said_by
from tests.work_kit import growth

OUTPUTS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "data" / "alike" / "missing.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]


def said(output: str) -> str:
    """What counts of a program's failure that printed this."""
    return normalise(said_by(subprocess.CalledProcessError(1, ["tool", "install"], stderr=output)))


def test_names_what_each_tool_did_not_find() -> None:
    """Each line of the table is what a tool prints, and the names without versions."""
    found = [(missing(each["output"]), each) for each in OUTPUTS]
    assert [
        each["output"] for names, each in found if not names or list(names.names) != each["names"]
    ] == []


def test_two_missing_packages_are_two_failures_wherever_they_stand() -> None:
    """Another name is another failure, alone, or thousands of lines into an output."""
    wrong = []
    for each in OUTPUTS:
        names = each["names"][0].split()
        other = each["output"].replace(names[-1].rpartition("/")[2], "vue-fancy-table")
        noise = "".join(f"resolved package {n} of 1200 in {n}ms\n" for n in range(1_200))
        for one, two in (
            (each["output"], other),
            (f"{noise}\n{each['output']}\n{noise}", f"{noise}\n{other}\n{noise}"),
        ):
            if said(one) == said(two):
                wrong.append(one[:200])
    assert wrong == []


def test_what_stands_around_does_not_count() -> None:
    """Versions, log files, timings and how much was printed leave a failure the same."""
    lines = "npm warn deprecated inflight@1.0.{n}: leaks memory\n"
    printed = (
        "npm error code E404\nnpm error 404 Not Found - GET https://registry.example/react-easy-popup - Not found\n"
        "npm error 404\nnpm error 404  'react-easy-popup@^{n}.0.0' is not in this registry.\nnpm error 404\n"
        "npm error A complete log of this run can be found in: /root/.npm/_logs/2026-01-0{n}T08_00_00_{n}Z-debug-0.log\n"
    )
    assert (
        len(
            {said((lines * many + printed).format(n=n)) for n, many in ((1, 0), (2, 9), (3, 3_000))}
        )
        == 1
    )


@given(st.text(max_size=300), st.sampled_from(OUTPUTS))
@settings(max_examples=200)
def test_any_text_has_an_answer(text: str, each: dict[str, str]) -> None:
    """Nothing that programs print breaks it."""
    missing(text, each["output"], each["output"].encode(), None, 3)


def test_is_bounded() -> None:
    """A hundred times more output costs no more."""
    for each in OUTPUTS:
        long, longer = ((each["output"] + "y" * 300) * many for many in (800, 8_000))
        assert growth(lambda: missing(long), lambda: missing(longer)) < 10  # noqa: B023
