"""The restrictions of a replay: every known way around them, tried for real."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import escaping_app
import pytest

from genmon_otel.payload import encode
from genmon_otel.policy import Verdict
from genmon_otel.regression.cases.case import Case, CaseTrigger, Expected
from genmon_otel.regression.cases.trust import Trust
from genmon_otel.regression.isolation import landlock
from genmon_otel.regression.judging.run_result import RunResult
from genmon_otel.regression.processes import forked, launch, working_folder
from genmon_otel.regression.runner import run_case
from tests.port_kit import free_port

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="replays need POSIX"),
]
HERE = Path(__file__).parent
#: How the process of a replay comes about; each must be as closed as the other.
forked_and_fresh = pytest.mark.parametrize("fresh", [False, True], ids=["forked", "fresh"])


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


def case_of(operation: str = "escaping", **inputs: Any) -> Case:
    """A case of the application that escapes."""
    return Case(
        slug="escaping",
        operation=operation,
        target=f"escaping_app:{operation}",
        inputs=encode(inputs),
        steps=(),
        trigger=CaseTrigger("input"),
        expected=Expected("v2:x", "unknown", "ValueError", "after all"),
    )


@pytest.fixture
def heard(outside: Path) -> Iterator[Callable[[], list[str]]]:
    """Listen outside, on sockets of each kind; what the fixture gives says which heard anything."""
    listening = {
        "file": socket.socket(socket.AF_UNIX),
        "datagrams": socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
        "tcp": socket.socket(),
        "udp": socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    }
    listening["file"].bind(str(outside / "listening"))
    listening["datagrams"].bind(str(outside / "datagrams"))
    for kind in ("tcp", "udp"):
        listening[kind].bind(("127.0.0.1", 0))
    for kind in ("file", "tcp"):
        listening[kind].listen()
    ports = [listening[kind].getsockname()[1] for kind in ("tcp", "udp")]
    ports.append(free_port())
    (outside / "ports").write_text("{} {} {}".format(*ports))
    with selectors.DefaultSelector() as waiting:
        for kind, it in listening.items():
            waiting.register(it, selectors.EVENT_READ, kind)
        yield lambda: [key.data for key, _ in waiting.select(0)]
    for it in listening.values():
        it.close()


Escape = Callable[..., RunResult]


@pytest.fixture(params=[False, True], ids=["forked", "fresh"])
def escape(outside: Path, victim: Any, heard: Any, monkeypatch: Any, request: Any) -> Escape:
    """Replay the escapes with some of the restrictions, and see that nothing came of them."""

    def run(kinds: str, *, hooked: bool, namespaces: bool, landlock: bool) -> RunResult:
        restrictions = {"namespaces": namespaces, "landlock": landlock}
        monkeypatch.setattr(launch, "KERNEL_RESTRICTIONS", restrictions)
        said: list[str] = []
        tail = launch.tail

        def listen(output: Any) -> str:
            output.seek(0)
            said.append(output.read().decode())
            return tail(output)

        monkeypatch.setattr(launch, "tail", listen)
        before = state_of(outside)
        case = case_of(out=str(outside), victim=victim.pid, kinds=kinds, hooked=hooked)
        result = run_case(case, cwd=HERE, fresh=request.param)
        assert bool(result.fresh_because) == request.param, result
        print(*said)
        assert state_of(outside) == before
        assert victim.poll() is None, "a signal reached a process outside"
        assert heard() == []
        assert not list(Path("/dev/shm").glob(f"*genmon-escape-{victim.pid}*"))
        assert "ESCAPED" not in said[0]
        assert said[0].count(": ") >= sum(len(escaping_app.ALL[kind]) for kind in kinds.split())
        return result

    return run


def test_what_python_does_is_seen(escape: Escape) -> None:
    """Without the kernel, as on other systems: nothing gets out, and a call that was not recorded is named."""
    result = escape(
        "writes modes sockets programs processes", hooked=True, namespaces=False, landlock=False
    )
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, "subprocess"), result
    assert "touch, and no such run was recorded" in result.detail


@pytest.mark.skipif(landlock.abi() < 6, reason="this kernel's Landlock does not hold signals")
def test_landlock_holds_alone(escape: Escape) -> None:
    """Nobody looks in Python, and namespaces are not to be had: as native code in a container."""
    escape("writes sockets programs processes", hooked=False, namespaces=False, landlock=True)


@pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
def test_the_kernel_holds(escape: Escape) -> None:
    """Nobody looks in Python: with namespaces not even a file's mode can be changed."""
    escape("writes modes sockets programs processes", hooked=False, namespaces=True, landlock=True)


@pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
@forked_and_fresh
@pytest.mark.parametrize(
    ("how", "verdict", "reason"),
    [
        ("native", Verdict.INCONCLUSIVE, "write"),
        ("own", Verdict.FAIL_OTHER, ""),
        ("", Verdict.FAIL_OTHER, ""),
    ],
)
def test_a_wall_is_no_failure_of_the_application(
    outside: Path, how: str, verdict: Verdict, reason: str, fresh: bool
) -> None:
    """What the kernel alone refuses proves nothing; an error that only sounds alike is judged."""
    case = case_of("going_native", how=how, path=str(outside / "x"))
    result = run_case(case, cwd=HERE, fresh=fresh)
    assert (result.verdict, result.reason) == (verdict, reason), result


def test_nothing_of_the_project_runs_before_the_restrictions(tmp_path: Path, outside: Path) -> None:
    """A sitecustomize of the project, or of its parts on PYTHONPATH, is not run."""
    project = tmp_path / "project"
    project.mkdir()
    for name in ("sitecustomize", "usercustomize"):
        (project / f"{name}.py").write_text(f"open({str(outside / name)!r}, 'w')")
    source = (HERE / "escaping_app.py").read_text()
    (project / "escaping_app.py").write_text(source)
    before = state_of(outside)
    path = {"PYTHONPATH": str(project), "PYTHONSTARTUP": str(project / "usercustomize.py")}
    case = tmp_path / "x.genmon.json"
    case.write_text(case_of("going_native", how="", path="").to_json())
    code = f"""
from pathlib import Path
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.runner import run_case
import os
os.environ.update({path!r})
shown = run_case(Case.from_json(Path({str(case)!r}).read_text()), cwd=Path({str(project)!r}))
assert "after all" in shown.detail, shown
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=project)
    assert state_of(outside) == before


OWNER = """
import sys
import tempfile
import time
from pathlib import Path
from genmon_otel.regression import runner
from genmon_otel.regression.processes import launch
from genmon_otel.regression.cases.case import Case
launch.KERNEL_RESTRICTIONS = {"namespaces": sys.argv[3] == "True", "landlock": True}
case = Case.from_json(Path(sys.argv[1]).read_text())
runner.run_case(
    case, cwd=Path(sys.argv[2]), deadline_s=float(sys.argv[4]), fresh=sys.argv[5] == "True"
)
"""


def processes_of(folder: Path) -> list[str]:
    """Processes whose command line names a folder: supervisors, replays, and what these forked."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            if str(folder).encode() in Path("/proc", process, "cmdline").read_bytes():
                found.append(process)
        except OSError:
            continue
    return found


def wait_until(holds: Callable[[], Any], seconds: float = 60) -> bool:
    """Wait for something to hold; whether it does in the end."""
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)
    return bool(holds())


@pytest.fixture
def start_hanging(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a process that replays a case which never ends, and wait until it hangs."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    started = []

    def start(*command: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "TMPDIR": str(temporary)}
        process = subprocess.Popen([sys.executable, *command], env=environment, cwd=HERE)
        started.append(process)
        assert wait_until(lambda: list(temporary.glob("genmon-replay-*/workspace/ready")))
        assert wait_until(lambda: list(temporary.glob("genmon-replay-*/workspace/orphan")))
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc")


@needs_proc
@forked_and_fresh
@pytest.mark.parametrize("namespaces", [True, False])
def test_nothing_outlives_an_owner_that_was_killed(
    start_hanging: Any, tmp_path: Path, namespaces: bool, fresh: bool
) -> None:
    """After SIGKILL the supervisor ends the replay, what that forked, and removes its folder."""
    file = tmp_path / "hanging.genmon.json"
    file.write_text(case_of("hanging").to_json())
    owner = start_hanging("-c", OWNER, str(file), str(HERE), str(namespaces), "500", str(fresh))
    temporary = tmp_path / "temporary"
    assert len(processes_of(temporary)) >= 3
    owner.kill()
    owner.wait()
    assert wait_until(lambda: not processes_of(temporary))
    assert wait_until(lambda: not list(temporary.glob("genmon-replay-*")))


@needs_proc
@forked_and_fresh
def test_nothing_outlives_a_supervisor_that_was_killed(
    start_hanging: Any, tmp_path: Path, fresh: bool
) -> None:
    """The replay ends with its supervisor, and the owner goes on and removes the folder."""
    file = tmp_path / "hanging.genmon.json"
    file.write_text(case_of("hanging").to_json())
    owner = start_hanging("-c", OWNER, str(file), str(HERE), "True", "100", str(fresh))
    temporary = tmp_path / "temporary"
    os.kill(min(map(int, processes_of(temporary))), signal.SIGKILL)
    assert owner.wait() == 0
    assert not list(temporary.glob("genmon-replay-*"))
    assert wait_until(lambda: not processes_of(temporary))


@pytest.mark.long("waits a minute for a deadline")
@needs_proc
@forked_and_fresh
def test_a_stopped_owner_does_not_keep_a_replay(
    start_hanging: Any, tmp_path: Path, fresh: bool
) -> None:
    """The supervisor has a deadline of its own: nothing has to tell it that time is over."""
    file = tmp_path / "hanging.genmon.json"
    file.write_text(case_of("hanging").to_json())
    owner = start_hanging("-c", OWNER, str(file), str(HERE), "True", "3", str(fresh))
    os.kill(owner.pid, signal.SIGSTOP)
    assert wait_until(lambda: not processes_of(tmp_path / "temporary"), 120)


@needs_proc
def test_nothing_outlives_a_pytest_that_was_killed(start_hanging: Any, tmp_path: Path) -> None:
    """A killed test run leaves neither a process nor a folder."""
    (tmp_path / "hanging.genmon.json").write_text(case_of("hanging").to_json())
    run = start_hanging("-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={HERE}",
                        str(tmp_path / "hanging.genmon.json"))  # fmt: skip
    run.kill()
    run.wait()
    temporary = tmp_path / "temporary"
    assert wait_until(lambda: not processes_of(temporary))
    assert wait_until(lambda: not list(temporary.glob("genmon-replay-*")))


def test_what_nobody_owns_is_removed(tmp_path: Path, monkeypatch: Any) -> None:
    """A folder whose owner and supervisor are gone goes; one in use, and a young one, stay."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with working_folder.working_folder(HERE) as (mirror, _):
        old = time.time() - 3600
        abandoned, unlocked = tmp_path / "genmon-replay-a", tmp_path / "genmon-replay-b"
        young, other = tmp_path / "genmon-replay-c", tmp_path / "other"
        for folder in (abandoned, unlocked, young, other):
            (folder / "locked").mkdir(parents=True)
            (folder / "locked" / "x").touch()
            (folder / "locked").chmod(0o500)
        (abandoned / "owner.lock").touch()
        for folder in (abandoned, unlocked, other, mirror.copy.parent):
            os.utime(folder, (old, old))
        working_folder.remove_abandoned()
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
            [young.name, other.name, mirror.copy.parent.name]
        )


def test_a_folder_is_removed_however_deep_it_is(tmp_path: Path) -> None:
    """Deeper than paths may be long and calls be nested, and closed to its owner."""
    home = tmp_path / "home"
    home.mkdir()
    opened = os.open(home, os.O_RDONLY)
    try:
        for _ in range(2_500):
            os.mkdir("deeper", dir_fd=opened)
            below = os.open("deeper", os.O_RDONLY, dir_fd=opened)
            os.close(opened)
            opened = below
        os.fchmod(opened, 0)
    finally:
        os.close(opened)
    working_folder.remove(home)
    assert not home.exists()


@needs_proc
@forked_and_fresh
@pytest.mark.parametrize("namespaces", [True, False])
@pytest.mark.parametrize("how", ["program", "native"])
def test_processes_that_start_processes_are_bounded_and_ended(
    how: str, namespaces: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: bool
) -> None:
    """A bomb of a declared program, or of native code, ends the replay; nothing of it is left."""
    monkeypatch.setattr(launch, "MAX_PROCESSES", 60)
    monkeypatch.setattr(launch, "KERNEL_RESTRICTIONS", {"namespaces": namespaces, "landlock": True})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    mark = str(tmp_path)  # other workers may run it meanwhile
    case = replace(case_of("bombing", how=how, mark=mark), programs=("sh",))
    result = run_case(case, cwd=HERE, trust=Trust(programs=("sh",)), fresh=fresh)
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, "subprocess"), result
    assert how == "program" or "at a time" in result.detail
    assert not [name for name in commands() if f"{escaping_app.BOMB} # {mark}" in name]
    forked.end_templates()
    assert not processes_of(tmp_path)
    assert not list(tmp_path.glob("genmon-replay-*"))


@needs_proc
@forked_and_fresh
def test_processes_are_counted_though_others_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: bool
) -> None:
    """A bomb is seen where the machine, all in all, has fewer processes than when the replay began."""
    monkeypatch.setattr(launch, "MAX_PROCESSES", 60)
    monkeypatch.setattr(launch, "KERNEL_RESTRICTIONS", {"namespaces": False, "landlock": True})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    over = threading.Event()
    others = [threading.Thread(target=over.wait) for _ in range(400)]
    for other in others:
        other.start()

    def end_others() -> None:
        wait_until(lambda: len(processes_of(tmp_path)) >= 2)  # the supervisor has counted
        over.set()

    ending = threading.Thread(target=end_others)
    ending.start()
    result = run_case(case_of("bombing", how="native"), cwd=HERE, fresh=fresh)
    for thread in (ending, *others):
        thread.join()
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, "subprocess"), result
    forked.end_templates()
    assert not processes_of(tmp_path)


def commands() -> list[str]:
    """The command lines of all processes."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            found.append(Path("/proc", process, "cmdline").read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return found


@forked_and_fresh
@pytest.mark.parametrize("how", ["plain", "with what is known", "read"])
def test_an_answer_of_the_code_itself_is_none(how: str, fresh: bool) -> None:
    """Code that writes a pass to the descriptors it finds open proves nothing, and is told so."""
    result = run_case(case_of("forging", how=how), cwd=HERE, fresh=fresh)
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, "crash"), result
    assert "descriptor" in result.detail
