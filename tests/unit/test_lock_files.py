"""The lock files: every version once, with hashes, and what pyproject.toml asks for is in them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
#: Each lock, and the requirements that it was made for.
LOCKS = {
    "requirements/dev.txt": [
        *PROJECT["project"]["dependencies"],
        *(line for extra in EXTRAS.values() for line in extra),
        *PROJECT["build-system"]["requires"],
    ],
    "requirements/demo.txt": [*PROJECT["project"]["dependencies"], *EXTRAS["demo"]],
    "requirements/frameworks.txt": [
        *PROJECT["project"]["dependencies"],
        *EXTRAS["pytest"],
        *PROJECT["build-system"]["requires"],
    ],
    "requirements/build.txt": [*PROJECT["build-system"]["requires"], "build"],
    "deploy/app/requirements.txt": [
        *PROJECT["project"]["dependencies"],
        *EXTRAS["demo"],
        *EXTRAS["postgres"],
    ],
}
LOCK_OF_TESTS = "requirements/dev.txt"
#: An environment of its own, with versions of its own where dev.txt has none.
LOCK_OF_FRAMEWORKS = "requirements/frameworks.txt"
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def entries(lock: str) -> list[str]:
    """The logical lines of a lock, each with its hashes."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def requirements(lock: str) -> dict[str, Requirement]:
    """What a lock pins, by normalised name."""
    found = [Requirement(line.split(" --hash", 1)[0].strip()) for line in entries(lock)]
    assert len({name(each) for each in found}) == len(found), lock
    return {name(each): each for each in found}


def name(requirement: Requirement) -> str:
    """The name as the locks spell it."""
    return re.sub(r"[-_.]+", "-", requirement.name).lower()


def version(requirement: Requirement) -> str:
    """The one version that a line of a lock allows."""
    (specifier,) = requirement.specifier
    assert specifier.operator == "==", requirement
    return specifier.version


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_one_version_with_hashes(lock: str) -> None:
    """pip accepts exactly the archives that were there when the lock was made, from any registry."""
    for line in entries(lock):
        _, *options = line.split(" --hash", 1)
        assert options, line
        for option in ("--hash" + options[0]).split():
            assert HASH.fullmatch(option), line
    for requirement in requirements(lock).values():
        assert version(requirement)
        assert requirement.url is None
    assert "://" not in (ROOT / lock).read_text(encoding="utf-8")


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_fit_the_project(lock: str) -> None:
    """Each direct dependency is in the lock, within its bounds, for every platform."""
    locked = requirements(lock)
    for line in LOCKS[lock]:
        wanted = Requirement(line)
        found = locked[name(wanted)]
        assert wanted.specifier.contains(version(found), prereleases=True), (lock, line, found)
        assert found.marker is None, found


@pytest.mark.parametrize("lock", sorted(LOCKS.keys() - {LOCK_OF_TESTS, LOCK_OF_FRAMEWORKS}))
def test_smaller_locks_are_parts_of_the_largest(lock: str) -> None:
    """The demo, the build and the image use the versions, and the archives, that the tests use."""
    tested = {line.split(" ", 1)[0]: set(HASH.findall(line)) for line in entries(LOCK_OF_TESTS)}
    for line in entries(lock):
        assert set(HASH.findall(line)) == tested[line.split(" ", 1)[0]], line


def test_the_frameworks_have_the_versions_of_the_tests() -> None:
    """What both locks name has one version, so that a difference is the framework's."""
    frameworks, tests = requirements(LOCK_OF_FRAMEWORKS), requirements(LOCK_OF_TESTS)
    assert {n: version(frameworks[n]) for n in frameworks.keys() & tests.keys()} == {
        n: version(tests[n]) for n in frameworks.keys() & tests.keys()
    }


def test_only_locks_are_installed() -> None:
    """The Makefile, CI and the image install by hash; the package itself brings nothing along."""
    for path in ("Makefile", ".ci/run", "deploy/app/Dockerfile"):
        text = (ROOT / path).read_text(encoding="utf-8").replace("\\\n", " ")
        installs = re.findall(r"pip\"? install[^\n&]*", text)
        assert installs, path
        for command in installs:
            assert "--require-hashes" in command or "--no-deps" in command, command
