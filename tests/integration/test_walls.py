"""The walls around a replay: every way out that we know, tried for real."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import escaping_app
import pytest

from genmon_otel.payload import encode
from genmon_otel.policy import Verdict
from genmon_otel.regression import landlock, runner
from genmon_otel.regression.case import Case, CaseTrigger, Expected
from genmon_otel.regression.runner import RunResult, run_case

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="replays need POSIX"),
]
HERE = Path(__file__).parent


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    """A process outside that ends when a signal reaches it."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
    )
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder outside, with a file and a folder in it."""
    folder = tmp_path / "outside"
    (folder / "empty").mkdir(parents=True)
    (folder / "kept").write_text("kept")
    (folder / "kept").chmod(0o600)
    os.utime(folder / "kept", (1_000_000, 1_000_000))
    return folder


def state_of(folder: Path) -> dict[str, Any]:
    """Everything that an escape could have changed."""
    kept = folder / "kept"
    return {
        "names": sorted(os.listdir(folder)),
        "text": kept.read_text() if kept.exists() else None,
        "mode": oct(kept.stat().st_mode) if kept.exists() else None,
        "changed": kept.stat().st_mtime if kept.exists() else None,
        "attributes": os.listxattr(kept) if kept.exists() and hasattr(os, "listxattr") else [],
        "links": kept.stat().st_nlink if kept.exists() else None,
    }


def case_of(**inputs: Any) -> Case:
    """A case of the application that escapes."""
    return Case(
        slug="escaping",
        operation="escaping",
        target="escaping_app:escaping",
        inputs=encode(inputs),
        steps=(),
        trigger=CaseTrigger("input"),
        expected=Expected("v2:x", "unknown", "ValueError", "after all"),
    )


Escape = Callable[..., RunResult]


@pytest.fixture
def escape(outside: Path, victim: Any, monkeypatch: Any) -> Escape:
    """Replay the escapes with some of the walls, and see that nothing came of them."""

    def run(kinds: str, *, hooked: bool, namespaces: bool, landlock: bool) -> RunResult:
        walls = {"namespaces": namespaces, "landlock": landlock}
        monkeypatch.setattr(runner, "_WALLS", walls)
        said: list[str] = []
        tail = runner._tail

        def listen(output: Any) -> str:
            output.seek(0)
            said.append(output.read().decode())
            return tail(output)

        monkeypatch.setattr(runner, "_tail", listen)
        before = state_of(outside)
        case = case_of(out=str(outside), victim=victim.pid, kinds=kinds, hooked=hooked)
        result = run_case(case, cwd=HERE)
        print(*said)
        assert state_of(outside) == before
        assert victim.poll() is None, "a signal reached a process outside"
        assert "ESCAPED" not in said[0]
        assert said[0].count(": ") >= sum(len(escaping_app.ALL[kind]) for kind in kinds.split())
        return result

    return run


def test_what_python_does_is_seen(escape: Escape) -> None:
    """Without the kernel, as on other systems: nothing gets out, and the first try is named."""
    result = escape(
        "writes modes programs processes", hooked=True, namespaces=False, landlock=False
    )
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, "write"), result


@pytest.mark.skipif(landlock.abi() < 6, reason="this kernel's Landlock does not hold signals")
def test_landlock_holds_alone(escape: Escape) -> None:
    """Nobody looks in Python, and namespaces are not to be had: as native code in a container."""
    escape("writes programs processes", hooked=False, namespaces=False, landlock=True)


@pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
def test_the_kernel_holds(escape: Escape) -> None:
    """Nobody looks in Python: with namespaces not even a file's mode can be changed."""
    escape("writes modes programs processes", hooked=False, namespaces=True, landlock=True)
