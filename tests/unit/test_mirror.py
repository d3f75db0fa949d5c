"""The folder of a replay is put back by a process without restrictions: it must touch nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from genmon_otel.regression.processes.mirror import Mirror


def state_of(folder: Path) -> list[tuple[str, int]]:
    """The names and modes of a folder and all in it."""
    return [(str(path), path.lstat().st_mode) for path in sorted([folder, *folder.rglob("*")])]


@pytest.mark.parametrize("replaced", ["made", "made/deep", "package", "package/inner", "made/file"])
@pytest.mark.parametrize("again", [False, True], ids=["as it was", "source changed"])
def test_a_link_in_place_of_a_folder_is_not_followed(
    tmp_path: Path, replaced: str, again: bool
) -> None:
    """Whatever a replay replaced by a link, nothing that it leads to is changed or removed."""
    source, copy, outside = tmp_path / "source", tmp_path / "copy", tmp_path / "outside"
    (source / "package" / "inner").mkdir(parents=True)
    (source / "package" / "inner" / "a.py").touch()
    (outside / "deep").mkdir(parents=True)
    (outside / "kept").touch(0o600)
    outside.chmod(0o700)
    copy.mkdir()
    mirror = Mirror(source, copy)
    mirror.make()
    (copy / "made" / "deep").mkdir(parents=True)
    (copy / "made" / "file").write_text("written by an import")
    mirror.keep()
    before = state_of(outside)

    place = copy / replaced
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()
    place.symlink_to(outside / "kept" if replaced == "made/file" else outside)
    if again:
        (source / "made").mkdir()
        os.utime(source, ns=(1, 1))
    if replaced in ("made", "made/deep"):
        with pytest.raises(OSError, match="has replaced the folder"):
            mirror.restore()
    else:
        mirror.restore()
        assert not place.is_symlink()
    assert state_of(outside) == before
