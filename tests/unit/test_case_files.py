"""Case files: never overwritten, never half written, and only ever data."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genmon_otel.errors import ConfigurationError, NotFound
from genmon_otel.records import StepRecord
from genmon_otel.regression.cases import files
from genmon_otel.regression.cases.case import Case, CaseTrigger, Expected
from genmon_otel.regression.cases.case_reading import CaseError

CASE = Case(
    slug="build-1",
    operation="build",
    target="app:build",
    inputs={"request": "bad"},
    steps=(StepRecord("ask", {"p": 1}, "value", "x", ended_s=1.0),),
    trigger=CaseTrigger("content", 0),
    expected=Expected("v2:s", "syntax_error", "JSONDecodeError"),
    postcondition="app:check",
    factories={"self": "app:make"},
)


def test_export_writes_once(tmp_path: Path) -> None:
    """A file that is there is the authority: it stays, whatever the store says now."""
    path, new = files.export(CASE, tmp_path / "deep" / "cases")
    assert (path.name, new) == ("build-1.genmon.json", True)
    assert files.read(path) == CASE
    assert path.stat().st_mode & 0o777 == 0o644
    assert files.export(replace(CASE, expect="passes"), path.parent) == (path, False)
    assert files.read(path).expect == "fails"


@pytest.mark.parametrize("target", ["existing", "nowhere"])
def test_export_follows_no_link(tmp_path: Path, target: str) -> None:
    """A link in the file's place, dangling too, is neither followed nor replaced."""
    outside = tmp_path / "outside"
    if target == "existing":
        outside.write_text("mine")
    link = tmp_path / "build-1.genmon.json"
    link.symlink_to(outside)
    assert files.export(CASE, tmp_path) == (link, False)
    assert link.is_symlink()
    assert (outside.read_text() if outside.exists() else None) == (
        "mine" if target == "existing" else None
    )


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a half-written export nor a damaged file is left when the disk is full."""
    path, _ = files.export(CASE, tmp_path)
    before = path.read_bytes()
    real = os.fdopen

    def full(descriptor: int, *args: Any, **kwargs: Any) -> Any:
        os.close(descriptor)
        limited = real(os.open("/dev/full", os.O_WRONLY), *args, **kwargs)
        return limited

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(CaseError, match="cannot be written"):
        files.export(replace(CASE, slug="build-2"), tmp_path)
    with pytest.raises(CaseError, match="cannot be written"):
        files.accept(path)
    assert os.listdir(tmp_path) == [path.name]
    assert path.read_bytes() == before


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    """What keeps an export from being written is said, not raised raw."""
    (tmp_path / "cases").write_text("")
    with pytest.raises(CaseError, match="cases"):
        files.export(CASE, tmp_path / "cases")
    with pytest.raises(CaseError, match="cases"):
        files.export(CASE, tmp_path / "cases" / "deeper")


def test_accept_changes_expect_alone(tmp_path: Path) -> None:
    """The flipped file differs in ``expect`` and nothing else."""
    path, _ = files.export(CASE, tmp_path)
    assert files.accept(path).expect == "passes"
    assert files.read(path) == replace(CASE, expect="passes")
    assert path.read_text().splitlines().count(' "expect": "passes",') == 1
    assert path.stat().st_mode & 0o777 == 0o644
    assert os.listdir(tmp_path) == [path.name]


def test_rebind_renames_where_it_is_named(tmp_path: Path) -> None:
    """Target, postcondition and factories follow a rename; other files stay byte for byte."""
    mine, _ = files.export(CASE, tmp_path / "a")
    other, _ = files.export(replace(CASE, slug="other", target="app:other"), tmp_path / "a")
    untouched = other.read_bytes()
    assert list(files.rebind([tmp_path], "app:build", "new.app:Maker.build")) == [mine]
    assert files.read(mine) == replace(CASE, target="new.app:Maker.build")
    assert other.read_bytes() == untouched
    assert list(files.rebind([other], "app:check", "app:verify")) == [other]
    assert files.read(other).postcondition == "app:verify"
    assert list(files.rebind([mine], "app:make", "app:made")) == [mine]
    assert files.read(mine).factories == {"self": "app:made"}
    assert list(files.rebind([tmp_path], "nobody:knows", "app:x")) == []


@pytest.mark.parametrize("new", ["", "app", "app.build", "app:", ":x", "a b:c", "../x:y", "1:2"])
def test_rebind_wants_an_import_path(tmp_path: Path, new: str) -> None:
    """What cannot name a function is refused before a file is touched."""
    path, _ = files.export(CASE, tmp_path)
    with pytest.raises(ConfigurationError, match=r"package\.module:name"):
        list(files.rebind([path], "app:build", new))
    assert files.read(path) == CASE


def test_finding_case_files(tmp_path: Path) -> None:
    """Folders are searched, other files left out, what is not there named."""
    mine, _ = files.export(CASE, tmp_path / "b")
    (tmp_path / "package.json").write_text("{}")
    assert list(files.find([tmp_path, mine])) == [mine, mine]
    with pytest.raises(NotFound, match="nowhere"):
        list(files.find([tmp_path / "nowhere"]))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_nothing_but_a_regular_file_is_read(tmp_path: Path, kind: str) -> None:
    """A committed link to a pipe would be waited for; it is named instead."""
    path, target = tmp_path / "x.genmon.json", tmp_path / "target"
    if kind == "pipe":
        os.mkfifo(target)
    elif kind == "folder":
        target.mkdir()
    path.symlink_to("/dev/zero" if kind == "device" else target)
    with pytest.raises(CaseError, match=r"x\.genmon\.json: "):
        files.read(path)


@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b"\xff\xfe"])
def test_what_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A missing or broken file is one error that begins with its name."""
    path = tmp_path / "x.genmon.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CaseError, match=r"x\.genmon\.json: "):
        files.read(path)


HOSTILE = st.text() | st.sampled_from(
    ['"""\nimport os', "'; DROP TABLE", "\r", "\0", "\ud800", "\u2028", "{}", "</script>", "%s"]
)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | HOSTILE
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(HOSTILE, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TREES, HOSTILE, HOSTILE, TREES)
def test_hostile_content_comes_back_as_it_was(
    tmp_path: Path, inputs: Any, name: str, message: str, outcome: Any
) -> None:
    """Whatever was recorded is ASCII JSON in one file, and is read back as the same case."""
    case = replace(
        CASE,
        inputs=inputs,
        steps=(StepRecord(name, inputs, "value", outcome, ended_s=1.0),),
        expected=replace(CASE.expected, error_message=message),
    )
    path, new = files.export(case, tmp_path)
    try:
        assert new
        assert path.read_bytes().isascii()
        assert files.read(path) == case
    finally:
        path.unlink()


def test_a_deeply_nested_case_and_an_odd_root_are_no_tracebacks() -> None:
    """A case that can be read can be laid out; a root with a NUL cannot be read."""
    nested: Any = "x"
    for _ in range(480):
        nested = [nested]
    data = CASE.to_dict() | {"inputs": {"a": nested}}
    assert Case.from_dict(data).to_dict()["inputs"] == {"a": nested}
    with pytest.raises(CaseError, match="root"):
        Case.from_dict(CASE.to_dict() | {"root": "a\0b"})
