"""`make pin-images`: digests are put in and renewed, and nothing else changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts import pin_images

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
COMPOSE = f"""\
x-app: &app
  image: built-here  # no tag
services:
  store:
    image: postgres:18.6-bookworm
    command: [echo, "image: postgres:1"]
  # image: commented:1.0
  traces:
    image: registry.example.org:5000/team/jaeger:2.20.0@{OLD}  # held
"""
#: Stand-ins: the last argument is the image; one image is not known to the registry.
PROGRAM = """\
#!/bin/sh
for last; do :; done
case $last in
  *unknown*) echo "manifest unknown" >&2; exit 1 ;;
  *odd*) echo "sha256:short" ;;
  *) echo "$@" >> "$ASKED"; echo DIGEST ;;
esac
"""


@pytest.fixture(params=["docker", "skopeo"])
def asked(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Only the stand-in program is there; the file that it writes its arguments into."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / request.param
    program.write_text(PROGRAM.replace("DIGEST", NEW))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    return tmp_path / "asked"


def test_digests_are_put_in_and_renewed(asked: Path, tmp_path: Path) -> None:
    """Each tag is asked for once, without its old digest; all other text stays."""
    compose, dockerfile = tmp_path / "compose.yml", tmp_path / "Dockerfile"
    compose.write_text(COMPOSE)
    dockerfile.write_text("FROM python:3.13.16-slim AS base\nRUN echo FROM python:1\n")
    pin_images.main([compose, dockerfile])
    assert compose.read_text() == COMPOSE.replace(OLD, NEW).replace(
        "postgres:18.6-bookworm\n", f"postgres:18.6-bookworm@{NEW}\n"
    )
    assert dockerfile.read_text() == (
        f"FROM python:3.13.16-slim@{NEW} AS base\nRUN echo FROM python:1\n"
    )
    questions = asked.read_text().splitlines()
    assert [line.split()[-1].removeprefix("docker://") for line in questions] == [
        "postgres:18.6-bookworm", "registry.example.org:5000/team/jaeger:2.20.0",
        "python:3.13.16-slim",
    ]  # fmt: skip


@pytest.mark.parametrize("image", ["unknown:1.0", "odd:1.0"])
def test_without_an_answer_no_file_changes(asked: Path, tmp_path: Path, image: str) -> None:
    """One image that the registry does not know: the error names it, and every file is as it was."""
    first, second = tmp_path / "compose.yml", tmp_path / "Dockerfile"
    first.write_text(COMPOSE)
    second.write_text(f"FROM {image}\n")
    with pytest.raises(SystemExit, match=image):
        pin_images.main([first, second])
    assert first.read_text() == COMPOSE
    assert second.read_text() == f"FROM {image}\n"


def test_without_a_program_to_ask_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the programs that would do."""
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(SystemExit, match="docker nor skopeo"):
        pin_images.ask("postgres:18.6")


def test_the_files_of_the_stack_are_found() -> None:
    """Every pinned image of deploy/ is one that the script would renew."""
    for path in pin_images.FILES:
        text = path.read_text(encoding="utf-8")
        assert text.count("@sha256:") == len(pin_images.IMAGE.findall(text)) > 0
