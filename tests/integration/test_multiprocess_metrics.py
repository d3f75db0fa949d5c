"""Metrics of several processes: PROMETHEUS_MULTIPROC_DIR, forks, prefork servers."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from genmon_otel.wiring.shared_metrics import AllProcesses
from tests.port_kit import free_port

COUNT = """
    import os, sys, time
    from genmon_otel.instruments import PrometheusMetrics
    from genmon_otel.records import GenerationRecord, Outcome

    def ended(framework="react"):
        return GenerationRecord("0" * 32, "build_app", framework, Outcome.SUCCESS, 1.0, 2.0, 1.0)
"""


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder), **more}


def run(folder: Path, script: str) -> str:
    """Run a script in a process of its own; what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(COUNT) + textwrap.dedent(script)],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def parse(text: str, metric: str) -> dict[tuple[str, ...], float]:
    """Values of one sample name by label values, in order of label name."""
    return {
        tuple(sample.labels[label] for label in sorted(sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == metric
    }


SHOW = """
    from prometheus_client import CollectorRegistry, generate_latest
    from genmon_otel.wiring.shared_metrics import AllProcesses
    registry = CollectorRegistry(); AllProcesses(registry)
    print(generate_latest(registry).decode())
"""


def shown(folder: Path) -> str:
    """What an endpoint in yet another process serves of the folder."""
    return run(folder, SHOW)


def test_processes_add_up_and_the_earliest_birth_stays(tmp_path: Path) -> None:
    """Counters of two processes are summed; the birth is the first one's."""
    for at in (1000.0, 2000.0):
        run(
            tmp_path,
            f"""
            metrics = PrometheusMetrics(now=lambda: {at})
            metrics.declare("build_app", ["react"])
            metrics.started("build_app")
            metrics.ended(ended())
            """,
        )
    text = shown(tmp_path)
    total = parse(text, "genmon_generations_total")
    births = parse(text, "genmon_series_start_timestamp_seconds")
    assert total[("react", "build_app", "success")] == 2
    assert births == dict.fromkeys(total, 1000.0)
    assert parse(text, "genmon_records_started_total") == {(): 2}
    assert "pid=" not in text


def test_a_forked_child_neither_resets_a_birth_nor_counts_twice(tmp_path: Path) -> None:
    """After a fork every series has the parent's birth, and both processes' counts."""
    run(
        tmp_path,
        """
        clock = [1000.0]
        metrics = PrometheusMetrics(now=lambda: clock[0])
        metrics.declare("build_app", ["react"])
        metrics.started("build_app")
        metrics.ended(ended())
        child = os.fork()
        clock[0] = 2000.0
        metrics.started("build_app")
        metrics.ended(ended())
        if child == 0:
            metrics.ended(ended("late"))
            os._exit(0)
        os.waitpid(child, 0)
        """,
    )
    text = shown(tmp_path)
    births = parse(text, "genmon_series_start_timestamp_seconds")
    assert births.pop(("late", "build_app", "success")) == 2000.0
    assert set(births.values()) == {1000.0}
    assert parse(text, "genmon_generations_total")[("react", "build_app", "success")] == 3
    assert parse(text, "genmon_records_started_total") == {(): 3}


def test_a_birth_is_never_seen_as_0(tmp_path: Path) -> None:
    """While processes come, fork and bear series, no reader ever sees a birth of 0."""
    readings = run(
        tmp_path,
        """
        import subprocess
        from prometheus_client import CollectorRegistry
        from genmon_otel.wiring.shared_metrics import AllProcesses
        registry = CollectorRegistry(); AllProcesses(registry)
        children = []
        for number in range(6):
            pid = os.fork()
            if pid == 0:
                metrics = PrometheusMetrics()
                for framework in range(60):
                    metrics.ended(ended(f"f{framework}"))
                os._exit(0)
            children.append(pid)
        readings = 0
        while children:
            for family in registry.collect():
                if family.name == "genmon_series_start_timestamp_seconds":
                    for sample in family.samples:
                        assert sample.value > 1e9, sample
                        readings += 1
            children = [pid for pid in children if os.waitpid(pid, os.WNOHANG) == (0, 0)]
        print(readings)
        """,
    )
    assert int(readings) > 0


def test_a_counter_is_never_seen_without_its_birth(tmp_path: Path) -> None:
    """A reader that sees a counter of a new series sees its start time too."""
    run(
        tmp_path,
        """
        from prometheus_client import CollectorRegistry
        from genmon_otel.wiring.shared_metrics import AllProcesses
        import time
        registry = CollectorRegistry(); AllProcesses(registry)
        child = os.fork()
        if child == 0:
            metrics = PrometheusMetrics()
            set_start_time = metrics._backend.set_start_time
            def set_late(*args):  # so that a counter made first would be seen alone
                time.sleep(0.002)
                set_start_time(*args)
            metrics._backend.set_start_time = set_late
            for framework in range(90):
                metrics.ended(ended(f"f{framework}"))
            os._exit(0)
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            seen = {"genmon_generations": set(), "genmon_series_start_timestamp_seconds": set()}
            for family in registry.collect():
                if family.name in seen:
                    seen[family.name] = {tuple(sorted(s.labels.items())) for s in family.samples}
            missing = seen["genmon_generations"] - seen["genmon_series_start_timestamp_seconds"]
            assert not missing, missing
        """,
    )


def test_births_are_looked_for_after_the_counters_were_read(tmp_path: Path) -> None:
    """A process that appears while counters are read has its births read too; empty files wait."""
    (tmp_path / "counter_1.db").write_bytes(b"read first")
    (tmp_path / "counter_2.db").write_bytes(b"")
    (tmp_path / "histogram_1.db").write_bytes(b"read last")
    files = AllProcesses(None, str(tmp_path))._files()
    assert Path(next(files)).name == "counter_1.db"
    (tmp_path / "gauge_min_genmon-1.db").write_bytes(b"written meanwhile")
    assert [Path(file).name for file in files] == ["gauge_min_genmon-1.db", "histogram_1.db"]


def test_a_restart_with_the_same_process_id_keeps_the_birth(tmp_path: Path) -> None:
    """In a container every start is process 1: counters go on, so does their birth."""
    script = """
        import sys
        real = os.getpid
        os.getpid = lambda: 4242
        metrics = PrometheusMetrics(now=lambda: {at})
        metrics.declare("build_app", ["react"])
    """
    run(tmp_path, script.format(at=1000.0))
    run(tmp_path, script.format(at=2000.0))
    births = parse(shown(tmp_path), "genmon_series_start_timestamp_seconds")
    assert set(births.values()) == {1000.0}
    assert len(list(tmp_path.glob("gauge_min_genmon*"))) == 1


def test_gauges_of_a_killed_process_are_forgotten(tmp_path: Path) -> None:
    """What a killed worker had in progress and in its queue does not stay for ever."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(COUNT)
            + textwrap.dedent(
                """
                metrics = PrometheusMetrics()
                metrics.store_up(True)
                metrics.started("build_app"); metrics.queue_depth(7)
                print("ready", flush=True); time.sleep(60)
                """
            ),
        ],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    text = shown(tmp_path)
    assert parse(text, "genmon_generations_in_progress") == {("build_app",): 1}
    assert parse(text, "genmon_queue_depth") == {(): 7}
    process.send_signal(signal.SIGKILL)
    process.wait()
    text = shown(tmp_path)
    assert parse(text, "genmon_generations_in_progress") == {}
    assert parse(text, "genmon_queue_depth") == {}
    assert parse(text, "genmon_records_started_total") == {(): 1}


def test_exemplars_are_left_out(tmp_path: Path) -> None:
    """Multiprocess files cannot hold exemplars; asking for them breaks nothing."""
    run(
        tmp_path,
        """
        metrics = PrometheusMetrics()
        assert metrics._backend.exemplars is False
        metrics.ended(ended())
        """,
    )
    assert "trace_id" not in shown(tmp_path)


# --- one endpoint serves all ---------------------------------------------------------


def scraped(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def until(what: str, check: object, timeout_s: float = 120.0) -> None:
    """Wait for a condition."""
    assert callable(check)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if check():
                return
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {timeout_s} s")


APPLICATION = """
import os
from genmon_otel import generation, setup

setup()

@generation(name="build_app", framework="react")
def build_app():
    return {"files": 1}

def application(environ, start_response):
    build_app()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


@contextlib.contextmanager
def gunicorn(folder: Path, *options: str) -> Iterator[tuple[int, int]]:
    """A prefork server of two workers: its port and the port of its metrics."""
    (folder / "application.py").write_text(APPLICATION)
    (folder / "multiproc").mkdir()
    port, metrics_port = free_port(), free_port()
    log = (folder / "gunicorn.log").open("w")
    process = subprocess.Popen(
        [
            sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}",
            *options, "application:application",
        ],
        cwd=folder,
        env=environment(
            folder / "multiproc",
            GENMON_STORE="store/genmon.db",
            GENMON_METRICS_PORT=str(metrics_port),
        ),
        stdout=log,
        stderr=log,
    )  # fmt: skip
    try:
        until("an answer", lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5))
        yield port, metrics_port
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        log.close()
        print((folder / "gunicorn.log").read_text())


def workers_answering(port: int, wanted: int) -> tuple[int, set[bytes]]:
    """Ask until so many workers have answered: requests made, and who answered."""
    asked, who = 0, set()
    deadline = time.monotonic() + 120
    while len(who) < wanted and time.monotonic() < deadline:
        answers: list[bytes] = []

        def ask(answers: list[bytes] = answers) -> None:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                answers.append(answer.read())

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        asked += len(answers)
        who.update(answers)
    return asked, who


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["workers", "preload"])
def test_one_endpoint_serves_all_workers(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Two gunicorn workers answer; one port has the counts of both, exactly."""
    with gunicorn(tmp_path, *options) as (port, metrics_port):
        key = ("react", "build_app", "success")

        def count() -> float:
            return parse(scraped(metrics_port), "genmon_generations_total").get(key, 0)

        until("the first answers counted", lambda: count() >= 1)
        before = count()  # on a busy machine it took more than one until the first arrived
        asked, who = workers_answering(port, 2)
        assert len(who) == 2, who
        until("every request counted", lambda: count() >= before + asked)
        text = scraped(metrics_port)
        assert parse(text, "genmon_generations_total")[key] == before + asked
        assert parse(text, "genmon_series_start_timestamp_seconds")[key] > time.time() - 120
        # A new process has the store up once its writer has looked at it.
        until(
            "the store up in every process",
            lambda: parse(scraped(metrics_port), "genmon_store_up") == {(): 1},
        )


def test_a_sibling_takes_the_endpoint_over(tmp_path: Path) -> None:
    """When the worker that serves the metrics is killed, they are served again soon."""
    with gunicorn(tmp_path) as (port, metrics_port):
        asked, who = workers_answering(port, 2)
        key = ("react", "build_app", "success")
        for pid in who:
            os.kill(int(pid), signal.SIGKILL)

        def counted() -> bool:
            return parse(scraped(metrics_port), "genmon_generations_total").get(key, 0) >= asked

        until("the endpoint to be back with every count", counted)


def damaged(path: Path, how: str) -> None:
    """Damage a file of values in one of the ways in which disks and people do."""
    whole = path.read_bytes()
    used = int.from_bytes(whole[:4], "little")
    first = 8 + 4  # of the first key's text
    path.write_bytes(
        {
            "cut in the head": whole[:3],
            "cut in a value": whole[: used - 5],
            "cut in the middle": whole[: used // 2],
            "says too much": (10**9).to_bytes(4, "little") + whole[4:],
            "says less than nothing": b"\xff\xff\xff\xff" + whole[4:],
            "a key of no end": whole[:8] + (10**8).to_bytes(4, "little") + whole[12:],
            "a key that goes back": whole[:8]
            + (-28).to_bytes(4, "little", signed=True)
            + whole[12:],
            "no UTF-8": whole[:first] + b"\xff\xfe" + whole[first + 2 :],
            "no JSON": whole[:first] + b"{{" + whole[first + 2 :],
            "half a surrogate": whole.replace(b'"success"', rb'"\ud800x"'),
            "zeros": whole[:8] + bytes(len(whole) - 8),
            "noise": bytes(range(256)) * 20,
        }[how]
    )


DAMAGE = [
    "cut in the head", "cut in a value", "cut in the middle", "says too much", "says less than nothing",
    "a key of no end", "a key that goes back", "no UTF-8", "no JSON", "half a surrogate", "zeros", "noise",
]  # fmt: skip


def write_some(folder: Path) -> None:
    """One process counts, and ends."""
    run(
        folder,
        """
        metrics = PrometheusMetrics()
        metrics.declare("build_app", ["react"])
        metrics.started("build_app")
        metrics.ended(ended())
        """,
    )


def test_a_damaged_file_of_another_process_spoils_no_scrape(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a dead process left, the others are served; it is named and counted once."""
    write_some(tmp_path)
    write_some(tmp_path)
    first, second = sorted(tmp_path.glob("counter_*.db"))
    whole = first.read_bytes()
    for how in DAMAGE:
        first.write_bytes(whole)
        damaged(first, how)
        caplog.clear()
        damages: list[str] = []
        registry = CollectorRegistry()
        AllProcesses(registry, str(tmp_path), on_damage=lambda: damages.append(how))  # noqa: B023
        for _ in range(3):
            text = generate_latest(registry).decode()
        total = parse(text, "genmon_generations_total")
        assert total["react", "build_app", "success"] in (1, 2), how
        assert damages == [how]
        (said,) = [record.getMessage() for record in caplog.records]
        assert str(first) in said, how
    assert second.exists()


@pytest.mark.parametrize("kind", ["gauge", "histogram"])
def test_damage_is_met_in_files_of_every_kind(tmp_path: Path, kind: str) -> None:
    """Gauges and histograms of a damaged file are left out, the rest is served."""
    write_some(tmp_path)
    for file in tmp_path.glob(f"{kind}_*.db"):
        damaged(file, "noise")
    assert parse(shown(tmp_path), "genmon_records_started_total") == {(): 1}


def test_a_damaged_file_of_our_own_id_is_set_aside(tmp_path: Path) -> None:
    """What an earlier process of the same id left keeps nobody from setting up, nor a forked child."""
    write_some(tmp_path)
    (left,) = tmp_path.glob("counter_*.db")
    whole = left.read_bytes()
    for how in ("cut in the head", "a key that goes back", "no UTF-8"):
        left.write_bytes(whole)
        damaged(left, how)
        said = run(
            tmp_path,
            f"""
            import logging, shutil
            from pathlib import Path
            logging.basicConfig(stream=sys.stdout)
            left = Path({str(left)!r})
            for name in (f"counter_{{os.getpid()}}.db", f"gauge_min_genmon-{{os.getpid()}}.db"):
                shutil.copy(left, left.with_name(name))
            metrics = PrometheusMetrics()
            metrics.declare("build_app", ["react"])
            child = os.fork()  # its id is not known before: nothing is damaged there
            metrics.started("build_app")
            metrics.ended(ended())
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
            print("births", len(list(left.parent.glob(f"*{{os.getpid()}}.damaged"))))
            for file in left.parent.glob(f"*{{os.getpid()}}.*"):
                file.unlink()
            """,
        )
        assert "births 2" in said, (how, said)
        assert said.count("is set aside as") == 2, said


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    """A folder that is not there yet is made; one that cannot be is one clear error."""
    write_some(tmp_path / "run" / "metrics")
    assert parse(shown(tmp_path / "run" / "metrics"), "genmon_records_started_total") == {(): 1}
    (tmp_path / "file").write_text("no folder")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/none")):
        said = run(
            folder,
            """
            from genmon_otel import GenmonError
            try:
                PrometheusMetrics()
            except GenmonError as error:
                print(error)
            """,
        )
        assert f"PROMETHEUS_MULTIPROC_DIR='{folder}' cannot be used" in said
        assert "empty it at each start" in said


@pytest.mark.parametrize("after", [False, True])
def test_a_registry_of_all_processes_shows_each_series_once(tmp_path: Path, after: bool) -> None:
    """Where the application's registry serves the folder, ours are in it through the folder alone."""
    text = run(
        tmp_path,
        f"""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector
        registry = CollectorRegistry()
        if not {after}:
            MultiProcessCollector(registry)
        metrics = PrometheusMetrics(registry)
        metrics.declare("build_app", ["react"])
        metrics.started("build_app")
        metrics.ended(ended())
        if {after}:
            MultiProcessCollector(registry)
        print(generate_latest(registry).decode())
        metrics.close()
        """,
    )
    series = [line.rpartition(" ")[0] for line in text.splitlines() if line and line[0] != "#"]
    assert len(series) == len(set(series)) > 20
    heads = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads))
    assert parse(text, "genmon_records_started_total") == {(): 1}
