"""Forked replays: they judge as processes that are started anew, and leave nothing to the next one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from test_replay import FAILING, capture

from genmon_otel.payload import encode
from genmon_otel.policy import Verdict
from genmon_otel.regression.cases.case import Case, CaseTrigger, Expected, Provenance
from genmon_otel.regression.isolation import landlock
from genmon_otel.regression.judging.run_result import RunResult
from genmon_otel.regression.processes import forked, fresh_process, template_process
from genmon_otel.regression.runner import run_case

__all__ = ["capture"]
pytestmark = pytest.mark.skipif(not landlock.abi(), reason="replays are forked under Landlock")
HERE = Path(__file__).parent
HEAD = "from genmon_otel import generation\n"


@pytest.fixture(autouse=True)
def no_templates() -> Iterator[None]:
    """Begin and end without a template."""
    forked.end_templates()
    yield
    forked.end_templates()


class Shop:
    """A module of one target, ``build``, whose error says what a replay is to show."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, source: str, module: str = "shop") -> None:
        """Write the module; ``build`` raises what ``shown()`` returns."""
        end = '\n@generation(name="build")\ndef build():\n    raise ValueError(shown())\n'
        (self.folder / f"{module}.py").write_text(HEAD + source + end, encoding="utf-8")

    def run(
        self,
        module: str = "shop",
        *,
        at: float | None = None,
        inputs: Any = None,
        **options: Any,
    ) -> RunResult:
        """Replay it."""
        case = Case(
            slug="shop",
            operation="build",
            target=f"{module}:build",
            inputs=encode({}) if inputs is None else inputs,
            steps=(),
            trigger=CaseTrigger("input"),
            expected=Expected("v2:x", "unknown", "ValueError"),
            provenance=Provenance(last_seen_at=at),
        )
        return run_case(case, cwd=self.folder, **options)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A module in a folder of its own."""
    return Shop(tmp_path)


def compared(result: RunResult) -> dict[str, Any]:
    """What must be the same however the process came about."""
    return {
        name: value
        for name, value in asdict(result).items()
        if name not in ("duration_s", "fresh_because")
    }


#: Targets of the same cases that were changed since.
CHANGED = ("renamed", "retrying_fixed", "retrying_other")


@pytest.mark.timeout(900)
def test_verdicts_are_those_of_fresh_processes(capture: Any) -> None:
    """Twenty cases show the same in two forks, one after the other, as in a process started anew."""
    cases = {
        name: capture(call, *args, script=script) for name, (call, args, script) in FAILING.items()
    }
    for name in CHANGED:
        cases[name] = replace(cases["retrying"], target=f"replayed_app:{name}")
    assert len(cases) == 20
    wrong = []
    for name, case in cases.items():
        results = [run_case(case, cwd=HERE, fresh=fresh) for fresh in (False, False, True)]
        if [bool(each.fresh_because) for each in results] != [False, False, True]:
            wrong.append(f"{name}: {[each.fresh_because for each in results]}")
        if any(compared(each) != compared(results[-1]) for each in results):
            wrong.append(f"{name}: {results}")
    assert not wrong, "\n".join(wrong)


LEAKS = {
    "module state": "seen = []\ndef shown():\n    seen.append(1)\n    return str(seen)\n",
    "a cache": (
        "import functools, itertools\nnext_one = itertools.count().__next__\n"
        "@functools.cache\ndef cached():\n    return next_one()\n"
        "def shown():\n    return str((cached(), next_one()))\n"
    ),
    "a variable": (
        "import os\ndef shown():\n    before = os.environ.get('LEAKED')\n"
        "    os.environ['LEAKED'] = 'x'\n    return str(before)\n"
    ),
    "an open file": (
        "import pathlib\npathlib.Path('lines').write_text('first\\nsecond\\n')\nfile = open('lines')\n"
        "def shown():\n    return file.readline()\n"
    ),
    "a file that it writes": (
        "import pathlib\ndef shown():\n    before = sorted(p.name for p in pathlib.Path().iterdir())\n"
        "    pathlib.Path('new').mkdir()\n    pathlib.Path('new/x').write_text('x')\n"
        "    return str(before)\n"
    ),
    "a file that it changes": (
        "import pathlib\npathlib.Path('kept').write_text('a')\ndef shown():\n"
        "    text = pathlib.Path('kept').read_text()\n"
        "    pathlib.Path('kept').write_text(text + 'a')\n    return text\n"
    ),
    "a file of the project": (
        "import pathlib\ndef shown():\n    text = pathlib.Path('data.txt').read_text()\n"
        "    pathlib.Path('data.txt').write_text(text + 'a')\n    return text\n"
    ),
    "a removed file of the project": (
        "import pathlib\ndef shown():\n    there = pathlib.Path('data.txt').exists()\n"
        "    pathlib.Path('data.txt').unlink()\n    return str(there)\n"
    ),
    "shared memory": (
        "import os\ndef shown():\n    before = os.listdir('/dev/shm')\n"
        "    try:\n        open('/dev/shm/leaked', 'w').close()\n    except OSError:\n        pass\n"
        "    return str(before)\n"
    ),
    "the policy of event loops": (
        "import asyncio\ndef shown():\n    before = type(asyncio.get_event_loop_policy()).__name__\n"
        "    class Other(asyncio.DefaultEventLoopPolicy): pass\n"
        "    asyncio.set_event_loop_policy(Other())\n    return before\n"
    ),
    "filters of warnings": (
        "import warnings\ndef shown():\n    before = len(warnings.filters)\n"
        "    warnings.simplefilter('ignore', ResourceWarning, append=True)\n"
        "    return str(len(warnings.filters) - before) + str(before)\n"
    ),
    "the working folder": (
        "import os\ndef shown():\n    before = os.path.basename(os.getcwd())\n"
        "    os.chdir('/')\n    return before\n"
    ),
    "chance": (
        "import random, uuid, os\nat_import = random.random()\ndef shown():\n"
        "    return str((at_import, random.random(), uuid.uuid4(), os.urandom(4)))\n"
    ),
    "a thread": (
        "import threading, time\ndef shown():\n    before = threading.active_count()\n"
        "    threading.Thread(target=time.sleep, args=(9e9,), daemon=True).start()\n"
        "    return str(before)\n"
    ),
}


@pytest.mark.parametrize("name", LEAKS)
def test_nothing_leaks_from_one_replay_to_the_next(shop: Shop, name: str) -> None:
    """Each of three forks finds what a process that is started anew finds."""
    (shop.folder / "data.txt").write_text("text")
    shop.write(LEAKS[name])
    results = [shop.run() for _ in range(3)]
    assert {each.fresh_because for each in results} == {""}
    assert [each.detail for each in results] == [shop.run(fresh=True).detail] * 3
    assert (shop.folder / "data.txt").read_text() == "text"


def test_an_input_names_no_class_that_only_the_template_has_loaded(tmp_path: Path) -> None:
    """A fork imports beforehand what the one before it imported late; its inputs are as they were."""
    (tmp_path / "shop.py").write_text(
        f"{HEAD}\n@generation(name='build')\ndef build(request):\n    import wave\n"
        "    raise ValueError(type(request).__name__ + wave.Error.__name__)\n",
        encoding="utf-8",
    )
    shop = Shop(tmp_path)
    inputs = {"request": {"$": "error", "type": "wave:Error", "args": {"$": "tuple", "v": ["x"]}}}
    results = [shop.run(inputs=inputs, fresh=fresh) for fresh in (False, False, False, True)]
    assert {each.fresh_because for each in results[:3]} == {""}
    assert {each.detail for each in results} == {"failure: ValueError: OpaqueError"}


LEFT = {
    "threads running: Thread-1": (
        "import threading, queue\nthreading.Thread(target=queue.Queue().get, daemon=False).start()\n"
    ),
    "socket": "import socket\nkept = socket.socketpair()\n",
    "lines open": "kept = open('lines', 'w')\n",
    "timer running": "import signal\nsignal.setitimer(signal.ITIMER_VIRTUAL, 900)\n",
    "cannot be imported beforehand (Obstacle)": "import no_such_module\n",
    "not decorated": "def generation(**_):\n    return lambda function: function\n",
}


@pytest.mark.parametrize("why", LEFT)
def test_where_no_fork_is_possible_the_result_says_why(shop: Shop, why: str) -> None:
    """What an import leaves running or open leads to a process started anew, each time."""
    shop.write(LEFT[why] + "def shown():\n    return 'shown'\n")
    first, second = shop.run(), shop.run()
    assert first.fresh_because, first
    assert (why in first.fresh_because) or why == "not decorated", first.fresh_because
    assert compared(first) == compared(second)
    assert compared(first) == compared(shop.run(fresh=True))


def test_daemon_threads_of_an_import_run_in_each_replay(shop: Shop) -> None:
    """They are held back in the template, and started where they are needed."""
    shop.write(
        "import queue, threading\nasked, answered = queue.Queue(), queue.Queue()\n"
        "def work():\n    while True:\n        answered.put(asked.get() + 1)\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        "def shown():\n    asked.put(1)\n    return str(answered.get(timeout=5))\n"
    )
    results = [shop.run() for _ in range(3)]
    assert {(each.detail, each.fresh_because) for each in results} == {
        (shop.run(fresh=True).detail, "")
    }
    assert "2" in results[0].detail


def test_a_relative_folder_is_that_of_the_caller(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``cwd=Path(".")`` shows the same as the whole path, forked as fresh."""
    shop.write("def shown():\n    return 'shown'\n")
    monkeypatch.chdir(shop.folder)
    for folder in (Path("."), Path("")):
        relative = Shop(folder)
        for fresh in (False, True):
            result = relative.run(fresh=fresh)
            assert "shown" in result.detail, result
            assert bool(result.fresh_because) is fresh


def test_a_changed_project_is_seen(shop: Shop) -> None:
    """Its sources, a file that its import read, a new file beside them."""
    source = (
        "import pathlib\nprompt = pathlib.Path('prompt.txt').read_text()\n"
        "def shown():\n    return 'one ' + prompt + str(pathlib.Path('later').exists())\n"
    )
    (shop.folder / "prompt.txt").write_text("first")
    shop.write(source)
    assert "one firstFalse" in shop.run().detail
    (shop.folder / "prompt.txt").write_text("second")
    assert "one secondFalse" in shop.run().detail
    (shop.folder / "later").write_text("")
    assert "one secondTrue" in shop.run().detail
    shop.write(source.replace("one", "another"))
    changed = shop.run()
    assert "another secondTrue" in changed.detail
    assert not changed.fresh_because


def test_a_changed_installation_is_seen_after_a_while(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installed files, some thousand, are looked at again each two seconds, not for each replay."""
    installed = shop.folder / "site-packages"
    installed.mkdir()
    (installed / "price_list.py").write_text("price = 'first'\n")
    shop.write(
        "import sys\nsys.path.insert(0, 'site-packages')\nimport price_list\n"
        "def shown():\n    return price_list.price\n"
    )
    monkeypatch.setattr(template_process, "_INSTALLED_S", 3600.0)
    assert "first" in shop.run().detail
    assert "first" in shop.run().detail
    (installed / "price_list.py").write_text("price = 'another'\n")
    assert "first" in shop.run().detail
    (used,) = [each for several in forked._templates._templates.values() for each in several]
    used._installed_until = 0.0
    changed = shop.run()
    assert "another" in changed.detail
    assert not changed.fresh_because


def test_the_date_at_import_is_that_of_the_case(shop: Shop) -> None:
    """An application that keeps the date of its import finds the one of each case."""
    shop.write("import time\nbegan = time.time()\ndef shown():\n    return str(int(began))\n")
    for at in (1_700_000_000.0, 1_700_000_000.0, 1_800_000_000.0):
        result = shop.run(at=at)
        assert f"{at:.0f}" in result.detail
        assert not result.fresh_because


def test_what_an_import_changes_for_all_is_not_shared(shop: Shop) -> None:
    """Two modules: the one does not see what the import of the other did to the environment."""
    shop.write("def shown():\n    import os\n    return str(os.environ.get('MODE'))\n", "other")
    shop.write(
        "import os\nos.environ['MODE'] = 'x'\ndef shown():\n    return os.environ['MODE']\n",
        "first",
    )
    assert "x" in shop.run("first").detail
    other = shop.run("other")
    assert other.detail == shop.run("other", fresh=True).detail
    assert not other.fresh_because


ENDS = {
    "os._exit": ("import os\ndef shown():\n    os._exit(3)\n", "without an answer (exit 3)"),
    "os._exit(0)": (
        "import os\ndef shown():\n    os._exit(0)\n",
        "(exit 0, as code does that calls os._exit): no output",
    ),
    "an import that forks": (
        "import os\nos.fork()\ndef shown():\n    return 'on'\n",
        "os.fork. An import may not do that in a replay: put it into a function",
    ),
    "a signal": (
        "import ctypes\ndef shown():\n    return ctypes.string_at(0)\n",
        "without an answer (exit",
    ),
    "a recursion": ("def shown():\n    return shown()\n", "RecursionError"),
    "a fork at import": (
        "import os\ntry:\n    os.fork()\nexcept OSError:\n    pass\ndef shown():\n    return 'on'\n",
        "on",
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_replay_that_ends_badly_says_why(shop: Shop, name: str) -> None:
    """The next replay is judged as if nothing had been, and no process is left."""
    source, detail = ENDS[name]
    shop.write(source)
    first, second = shop.run(), shop.run()
    assert detail in first.detail, first
    assert second.detail == first.detail
    forked.end_templates()
    assert not _templates()


@pytest.mark.long("waits for two deadlines")
def test_endless_asking_ends(shop: Shop) -> None:
    """A million calls of a step end at the limit, forked as fresh."""
    shop.write(
        "from genmon_otel import step\n@step\ndef ask(n):\n    return n\n"
        "def shown():\n    for n in range(10**6):\n        try:\n            ask(n)\n"
        "        except BaseException:\n            pass\n"
    )
    first, fresh = shop.run(), shop.run(fresh=True)
    assert first.verdict is Verdict.INCONCLUSIVE, first
    # The time that it may take follows the machine's speed at the moment.
    assert compared(replace(first, detail="")) == compared(replace(fresh, detail=""))


AT_ITS_DEADLINE = {
    "an endless loop": ("def shown():\n    while True:\n        pass\n", 0),
    "endless sleep of no real time": (
        "import time\ndef shown():\n    while True:\n        time.sleep(1)\n",
        0,
    ),
    "waiting for what a fork may lack": (
        "import os\ndef shown():\n    return os.read(os.pipe()[0], 1)\n",
        1,
    ),
}


@pytest.mark.parametrize("name", AT_ITS_DEADLINE)
def test_a_deadline_is_waited_for_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A fork that computes to its end is the verdict; one that waits may be stuck for being a fork."""
    source, wanted = AT_ITS_DEADLINE[name]
    fresh: list[object] = []
    observe = fresh_process.observe

    def counted(job: Any) -> Any:
        fresh.append(job)
        return observe(job)

    monkeypatch.setattr(fresh_process, "observe", counted)
    shop.write("def shown():\n    return 'shown'\n")
    assert not shop.run().fresh_because
    shop.write(source)
    result = shop.run(deadline_s=2)
    assert (result.verdict, len(fresh)) == (Verdict.INCONCLUSIVE, wanted), result
    assert bool(result.fresh_because) is bool(wanted)


def test_a_template_outlives_the_thread_that_started_it(shop: Shop) -> None:
    """A pool of threads that is gone takes no template with it."""
    shop.write("def shown():\n    return 'shown'\n")
    results: list[RunResult] = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: results.append(shop.run()))
        thread.start()
        thread.join()
    assert [each.fresh_because for each in results] == ["", ""]
    assert len(_templates()) == 1


def test_templates_are_bounded(tmp_path: Path) -> None:
    """The templates that were not used for longest are ended."""
    for number in range(6):
        home = tmp_path / str(number)
        home.mkdir()
        shop = Shop(home)
        shop.write("def shown():\n    return 'shown'\n")
        assert not shop.run().fresh_because
    assert len(_templates()) == 4


def _templates() -> list[int]:
    """Supervisors that this process has started."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path("/proc", process, "cmdline").read_bytes()
            parent = Path("/proc", process, "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if b"supervisor.py" in command and int(parent) == os.getpid():
            found.append(int(process))
    return found
