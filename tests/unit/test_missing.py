"""What a tool did not find tells one failure from the next, wherever in its output that stands."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from genmon_otel.classification import Classification, classify
from genmon_otel.fingerprint import normalise
from genmon_otel.fingerprint.missing import missing, names_alone
from genmon_otel.recorder.diagnosis.messages import said_by
from genmon_otel.records import Category, Severity
from tests.work_kit import growth

DATA = Path(__file__).parents[1] / "data" / "alike"
OUTPUTS = [
    json.loads(line) for line in (DATA / "missing.jsonl").read_text(encoding="utf-8").splitlines()
]


def said(output: str) -> str:
    """What counts of a program's failure that printed this."""
    return counted(subprocess.CalledProcessError(1, ["tool", "install"], stderr=output))


def counted(error: Exception) -> str:
    """What counts of an error whose category is that of a missing dependency."""
    found = Classification(Category.DEPENDENCY_ERROR, Severity.HIGH, error, "", "")
    return normalise(names_alone(said_by(error, found)))


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


def test_the_missing_modules_name_counts_and_not_who_imports_it() -> None:
    """Of each tool, in captured output and in a plain message: another name is another failure."""
    templates = [
        json.loads(line)
        for line in (DATA / "modules.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    wrong = []
    for each in templates:
        for kind in (RuntimeError, lambda text: subprocess.CalledProcessError(1, ["x"], text)):
            names = ("./Header", "../Header", "./Footer", "@/components/card", "@/lib/card", "zod")
            shown = [
                {
                    counted(error)
                    for ext, n in (("tsx", 3), ("ts", 19), ("vue", 120))
                    for error in [kind(each["output"].format(ext=ext, n=n, m=name))]
                    if classify(error).category == "dependency_error"
                }
                for name in names
            ]
            if [len(said) for said in shown] != [1] * len(names) or len(set().union(*shown)) != 5:
                wrong.append((each["tool"], shown))
    assert wrong == []


def test_versions_and_other_output_do_not_count() -> None:
    """Operators of versions, order of a list, what was printed before; an error's code does."""
    alike = [
        ["No matching distribution found for foo" + spec for spec in ("==1.2", ">=2", "~=3", "", "<3,>=2")],
        [
            f"Solving environment: failed{more}\n\nPackagesNotFoundError: The following packages are not "
            f"available from current channels:\n\n  - {one}\n  - {two}\n\nCurrent channels:\n\n  - https://x/y\n"
            for more, one, two in (("", "foo=1.2", "bar"), (" with x\nSolving environment: failed", "bar>2", "c::foo"))
        ],
        [
            f"Encountered problems while solving:\n  - nothing provides requested {one}\n  - nothing provides requested {two}"
            for one, two in (("foo 2.1.0**", "bar 1"), ("bar", "foo >=3"))
        ],
        ["npm error code E404\nnpm error 404  'a@^1' is not in this registry.", "npm warn x\nnpm error code E404\nnpm error 404  'a@~2.3' is not in this registry."],
        ["Cannot find module '/tmp/build-1/src/Hero' imported from /tmp/build-1/a.js", "Cannot find module '/home/u/Hero' imported from /b.mjs"],
        ["Cannot find module './chunk-4f3a2b1c.js' from 'a'", "Cannot find module './chunk-99aa01be.js' from 'a'"],
    ]  # fmt: skip
    assert [
        texts for texts in alike if len({counted(RuntimeError(text)) for text in texts}) != 1
    ] == []
    codes = ("E404", "ETARGET")
    text = "npm error code {}\nnpm error No matching version found for a@9."
    assert len({counted(RuntimeError(text.format(code))) for code in codes}) == 2


@given(st.text(max_size=300), st.sampled_from(OUTPUTS))
def test_any_text_has_an_answer(text: str, each: dict[str, str]) -> None:
    """Nothing that programs print breaks it."""
    missing(text, each["output"], each["output"].encode(), None, 3)


def test_is_bounded() -> None:
    """A hundred times more output costs no more."""
    for each in OUTPUTS:
        long, longer = ((each["output"] + "y" * 300) * many for many in (800, 8_000))
        assert growth(lambda: missing(long), lambda: missing(longer)) < 10  # noqa: B023
