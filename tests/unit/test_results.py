"""Results on their way from CI to the store: one line each, read strictly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmon_otel.policy import Verdict
from genmon_otel.regression.cases import results
from genmon_otel.regression.cases.results import MAX_LINE, Result, ResultError

RESULT = Result(
    run_id="r1", fingerprint="v2:f", slug="build-1", verdict=Verdict.FAIL_SAME,
    detail="again", channel="ci", code_version="v7", at=1_700_000_000.5,
)  # fmt: skip
WORDS = st.text(min_size=1, max_size=80)
RESULTS = st.builds(
    Result, run_id=WORDS, fingerprint=WORDS, slug=WORDS, verdict=st.sampled_from(Verdict),
    detail=st.text(max_size=300), channel=st.sampled_from(["ci", "replay"]),
    code_version=st.none() | WORDS, at=st.floats(0, 4e9),
)  # fmt: skip


@given(RESULTS)
def test_a_line_round_trips(result: Result) -> None:
    """A result is one ASCII line, and comes back as it was."""
    line = result.to_line()
    assert line.isascii()
    assert line.count("\n") == 1
    assert "\r" not in line
    assert Result.from_data(json.loads(line)) == result


@given(st.lists(RESULTS, max_size=5))
def test_files_are_appended_to(
    tmp_path_factory: pytest.TempPathFactory, many: list[Result]
) -> None:
    """What several runs append is read in order."""
    path = tmp_path_factory.mktemp("results") / "deep" / "results.jsonl"
    results.append(path, many)
    results.append(path, [RESULT])
    assert list(results.read(path)) == [*many, RESULT]


def spoiled(**changes: Any) -> dict[str, Any]:
    """A result's data with a change."""
    return {**json.loads(RESULT.to_line()), **changes}


@pytest.mark.parametrize(
    "data",
    [
        None, [], "x", 1, {},
        spoiled(genmon_result=2),
        spoiled(genmon_result=True),
        spoiled(genmon_result="1"),
        spoiled(run_id=""),
        spoiled(run_id="x" * 121),
        spoiled(run_id=5),
        spoiled(fingerprint=None),
        spoiled(slug=[]),
        spoiled(verdict="passed"),
        spoiled(verdict=[]),
        spoiled(detail=7),
        spoiled(channel="live"),
        spoiled(channel={}),
        spoiled(code_version=3),
        spoiled(code_version=""),
        spoiled(at="1"),
        spoiled(at=True),
        spoiled(at=float("nan")),
        spoiled(at=float("inf")),
        spoiled(at=-1),
        spoiled(at=10**400),
        {key: value for key, value in spoiled().items() if key != "at"},
    ],
)  # fmt: skip
def test_what_is_no_result_is_refused(data: Any) -> None:
    """Each fault is a ResultError that says what is wrong."""
    with pytest.raises(ResultError, match=r"genmon-results|missing or wrong"):
        Result.from_data(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.sampled_from(sorted(spoiled())), JSON)
def test_any_member_may_be_anything(member: str, value: Any) -> None:
    """The parser gives a result that can be written again, or a ResultError."""
    try:
        read = Result.from_data(spoiled(**{member: value}))
    except ResultError:
        return
    assert Result.from_data(json.loads(read.to_line())) == read


@pytest.mark.parametrize(
    "line",
    ["{", "nonsense", "[" * 50_000, "1" * 10_000, '{"genmon_result": 1}', "\ufffd", '"' + "x" * MAX_LINE],
    ids=range(7),
)  # fmt: skip
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    """The error names file and line; what came before was read; blank lines are nothing."""
    path = tmp_path / "r.jsonl"
    path.write_text(f"{RESULT.to_line()}\n{line}\n{RESULT.to_line()}", encoding="utf-8")
    read = results.read(path)
    assert next(read) == RESULT
    with pytest.raises(ResultError, match=r"r\.jsonl, line 3: "):
        list(read)


@given(st.binary(max_size=200))
def test_any_bytes_are_results_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """Arbitrary bytes never get further than a ResultError."""
    path = tmp_path_factory.mktemp("results") / "r.jsonl"
    path.write_bytes(content)
    try:
        assert list(results.read(path)) == []
    except ResultError:
        pass


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is one clear error."""
    with pytest.raises(ResultError, match=r"gone\.jsonl cannot be read"):
        list(results.read(tmp_path / "gone.jsonl"))
