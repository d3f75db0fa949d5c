"""Folders that other users of the machine can change are named, with what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

from genmon_otel import generation, recorder, setup, shutdown
from genmon_otel.cli.checks import check_journal
from genmon_otel.errors import GenmonError
from genmon_otel.settings import Settings
from genmon_otel.wiring import folder_check
from genmon_otel.wiring.folder_check import exposure

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
SOMEBODY = 54_321


@generation("build")
def build() -> str:
    return "fine"


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What each setup() here is given, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield {"registry": CollectorRegistry(), "tracer_provider": TracerProvider()}
    shutdown()


def made(path: Path, mode: int = 0o700, owner: int | None = None) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    if owner is not None:
        os.chown(path, owner, -1)
    path.chmod(mode)
    return path


def test_a_folder_of_ones_own_is_not_exposed(tmp_path: Path) -> None:
    """Nor is one that is not there yet, or one below a folder like /tmp."""
    sticky = made(tmp_path / "tmp", 0o1777)
    for folder in (made(tmp_path / "own"), tmp_path / "new" / "one", made(sticky / "own")):
        assert exposure(folder) == ("", "")


def test_a_folder_that_everybody_may_write_to_is(tmp_path: Path) -> None:
    """The folder itself, also a sticky one; one above it that lets others rename it; through a link."""
    opened = made(tmp_path / "open", 0o777)
    link = tmp_path / "link"
    link.symlink_to(opened)
    for folder, named in (
        (opened, opened),
        (made(tmp_path / "sticky", 0o1777), tmp_path / "sticky"),
        (made(opened / "below"), opened),
        (opened / "new", opened),
        (link, opened),
    ):
        says, remedy = exposure(folder)
        assert says.startswith(f"everybody may write to {named} (mode "), folder
        assert remedy == f"Take that away (chmod o-w {named})"
        assert "everybody" in says


@needs_root
def test_a_folder_of_another_user_is(tmp_path: Path) -> None:
    """Whoever owns it may do with it what they like."""
    says, remedy = exposure(made(tmp_path / "theirs", owner=SOMEBODY))
    assert f"belongs to another user (uid {SOMEBODY})" in says
    assert "chown 0" in remedy


def test_a_containers_volume_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An emptyDir is 0777 and nobody else's."""
    volume = made(tmp_path / "volume", 0o777)
    monkeypatch.setattr(folder_check, "in_container", lambda: True)
    assert exposure(volume)[0]
    monkeypatch.setattr(os.path, "ismount", lambda place: place == volume)
    assert exposure(volume) == ("", "")


def test_setup_says_it_aloud_and_goes_on(
    tmp_path: Path, parts: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A journal folder that others can write to is a warning with a remedy; doctor's, too."""
    folder = made(tmp_path / "journal", 0o777)
    setup(journal_dir=folder, **parts)
    (said,) = [each.getMessage() for each in caplog.records if "others can" in each.getMessage()]
    assert f"chmod o-w {folder}" in said
    assert "GENMON_JOURNAL_DIR" in said
    assert build() == "fine"
    settings = Settings.resolve({}, cwd=tmp_path, journal_dir=folder)
    found = [each for each in check_journal(settings) if each.level == "warning"]
    assert [f"chmod o-w {folder}" in each.remedy for each in found] == [True]


@needs_root
@pytest.mark.parametrize("what", ["folder", "file", "link"])
def test_a_link_to_somebody_elses_is_not_followed(
    tmp_path: Path, parts: dict[str, Any], what: str
) -> None:
    """A planted .genmon is refused with what to do; nothing is written there."""
    theirs = made(tmp_path / "theirs", owner=None if what == "link" else SOMEBODY)
    place = tmp_path / ".genmon"
    if what == "file":
        made(place)
        (theirs / "genmon.db").touch()
        os.chown(theirs / "genmon.db", SOMEBODY, -1)
        place /= "genmon.db"
        place.symlink_to(theirs / "genmon.db")
    else:
        place.symlink_to(theirs)
        if what == "link":
            os.chown(place, SOMEBODY, -1, follow_symlinks=False)
    with pytest.raises(GenmonError, match=r"is a link to .*GENMON_STORE"):
        setup(**parts)
    assert recorder.active_runtime() is recorder.runtime._default
    assert [each for each in theirs.iterdir() if each.stat().st_size] == []


def test_a_link_to_ones_own_folder_is_followed(tmp_path: Path, parts: dict[str, Any]) -> None:
    """Keeping the store on another disk is anybody's right."""
    (tmp_path / ".genmon").symlink_to(made(tmp_path / "disk"))
    setup(**parts)
    build()
    shutdown()
    assert (tmp_path / "disk" / "genmon.db").stat().st_size


def test_a_journal_that_holds_something_says_when_it_is_stored(tmp_path: Path) -> None:
    """Who misses failures of a process that was stopped learns where they are; an empty one says nothing."""
    folder = made(tmp_path / "journal")
    settings = Settings.resolve({}, cwd=tmp_path, journal_dir=folder)
    assert "next start" not in list(check_journal(settings))[-1].says
    (folder / "a.journal").write_bytes(b"x" * 2_048)
    says = list(check_journal(settings))[-1].says
    assert "2 KiB in it" in says
    assert "stored while the application runs, or at its next start" in says
