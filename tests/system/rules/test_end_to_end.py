"""A decorated application, a real Prometheus, a real Alertmanager, and who was paged."""

from __future__ import annotations

import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.port_kit import free_port
from tests.prometheus_kit.loopback import Receiver, get, running, until
from tests.prometheus_kit.programs import Programs
from tests.prometheus_kit.watched import HERE, alerts, application, monitoring, pages_three_of_five

pytestmark = [pytest.mark.prometheus, pytest.mark.alertmanager]


def test_pages_within_seconds_and_resolves(
    programs: Programs, tmp_path: Path, receiver: Receiver
) -> None:
    """3 of 5 pages at once with its sentence; 4 of 4 and 3 of 6 do not; recovery resolves."""
    jobs = {"three-of-five": free_port(), "four-of-four": free_port(), "three-of-six": free_port()}
    with ExitStack() as stack:
        paged, few, half = (
            stack.enter_context(application(tmp_path / job, GENMON_METRICS_PORT=str(port)))
            for job, port in jobs.items()
        )
        url = stack.enter_context(monitoring(programs, tmp_path, receiver, jobs))
        until(lambda: len(get(f"{url}/api/v1/query?query=up==1")["data"]["result"]) == 3, "scraped")
        few.do("fail", "fail", "fail", "fail")
        half.do("ok", "ok", "ok", "fail", "fail", "fail")
        paged.do("ok", "ok", "fail", "fail", "fail")
        page = receiver.wait("/page")
        pages_three_of_five(page, url)
        # check_health() and `genmon health` judge the same traffic the same way.
        assert paged.health() == [5, 3, False]
        assert few.health() == [4, 4, True]
        assert half.health() == [6, 3, True]
        paged.do("ok")  # 3 of 6
        until(lambda: alerts(receiver, "resolved"), "resolved")
        assert paged.health() == [6, 3, True]
        time.sleep(2)
        paged_jobs = {alert["labels"]["job"] for alert in alerts(receiver, "firing")}
        assert paged_jobs == {"three-of-five"}


def test_gunicorn_workers_count_together(
    programs: Programs, tmp_path: Path, receiver: Receiver
) -> None:
    """Five attempts spread over two workers, served by one endpoint, page."""
    port, metrics_port = free_port(), free_port()
    (tmp_path / "multiproc").mkdir()
    (tmp_path / "gunicorn.conf.py").write_text(
        "def post_worker_init(worker):\n    from genmon_otel import setup\n    setup()\n"
    )
    command = [
        sys.executable, "-m", "gunicorn", "-c", str(tmp_path / "gunicorn.conf.py"), "-w", "2",
        "-b", f"127.0.0.1:{port}", "--chdir", str(HERE), "application:wsgi",
    ]  # fmt: skip
    env = {
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "multiproc"),
        "GENMON_STORE": str(tmp_path / "genmon.db"),
        "GENMON_METRICS_PORT": str(metrics_port),
    }
    ready = f"http://127.0.0.1:{metrics_port}/metrics"
    with (
        running(command, tmp_path / "gunicorn.log", ready, env),
        monitoring(programs, tmp_path, receiver, {"web": metrics_port}) as url,
    ):
        until(lambda: get(f"{url}/api/v1/query?query=up==1")["data"]["result"], "scraped")
        workers: dict[str, int] = {}

        def ask(path: str) -> None:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
                worker = answer.read().decode()
                workers[worker] = workers.get(worker, 0) + 1

        def both() -> bool:
            ask("health")  # which is no generation
            return len(workers) == 2

        until(both, "both workers are up")
        workers.clear()
        # Successes until both have worked, then one failure more than successes.
        for _ in range(200):
            ask("ok")
            if len(workers) == 2:
                break
        assert len(workers) == 2
        successes = sum(workers.values())
        failures = max(successes + 1, 5 - successes)
        for _ in range(failures):
            ask("fail")
        page = receiver.wait("/page")
        assert page["alerts"][0]["annotations"]["description"].startswith(
            f"build_app/react prod: {failures} of {successes + failures} failed"
        )
