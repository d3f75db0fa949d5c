"""``setup()`` and ``shutdown()``: what they put in force, refuse, leave alone and take back."""

from __future__ import annotations

import errno
import logging
import os
import socket
import sqlite3
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, Counter

from genmon_otel import (
    GenerationSpanProcessor,
    GenmonError,
    check_health,
    current_generation,
    generation,
    recorder,
    setup,
    shutdown,
    step,
)
from genmon_otel import conventions as names
from genmon_otel.instruments import NullMetrics
from genmon_otel.wiring import metrics_server
from tests.port_kit import free_port


@generation(name="build_app", framework="react")
def build_app(request: str = "fine") -> str:
    if request == "fail":
        raise ValueError("no closing bracket")
    return request


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No variable of ours or OpenTelemetry's, an empty working directory, nothing left set up."""
    for name in list(os.environ):
        if name.startswith(("GENMON_", "OTEL_", "KUBERNETES_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    yield
    shutdown()


@pytest.fixture
def parts() -> dict[str, Any]:
    """A provider and a registry of the test's own, so that nothing global is touched."""
    return {
        "tracer_provider": TracerProvider(shutdown_on_exit=False),
        "registry": CollectorRegistry(),
    }


def rows(path: Path) -> list[tuple[str, str]]:
    """Operation and outcome of every generation in a store."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        return connection.execute(
            f"SELECT operation, outcome FROM {names.TABLE_ANALYTICS} ORDER BY id"
        ).fetchall()


def processors(provider: TracerProvider) -> list[Any]:
    return [
        processor
        for processor in provider._active_span_processor._span_processors
        if isinstance(processor, GenerationSpanProcessor)
    ]


# --- what it puts in force -------------------------------------------------------------


def test_setup_needs_nothing(tmp_path: Path, parts: dict[str, Any]) -> None:
    """Without a setting there is a private folder with a store that keeps every generation."""
    setup(**parts)
    build_app()
    with pytest.raises(ValueError, match="no closing bracket"):
        build_app("fail")
    assert shutdown() is True
    folder = tmp_path / ".genmon"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / ".gitignore").read_text() == "*\n"
    assert sorted(rows(folder / "genmon.db")) == [
        ("build_app", "failure"),
        ("build_app", "success"),
    ]


def test_an_argument_wins_over_its_variable(
    tmp_path: Path, parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store that was given is used, not the one the environment names."""
    monkeypatch.setenv("GENMON_STORE", str(tmp_path / "environment.db"))
    setup(tmp_path / "argument.db", **parts)
    build_app()
    shutdown()
    assert len(rows(tmp_path / "argument.db")) == 1
    assert not (tmp_path / "environment.db").exists()


def test_the_environment_is_enough(
    tmp_path: Path, parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every setting can come from its variable."""
    monkeypatch.setenv("GENMON_STORE", str(tmp_path / "environment.db"))
    monkeypatch.setenv("GENMON_CODE_VERSION", "v7")
    monkeypatch.setenv("GENMON_FRAMEWORKS", "react, vue")
    monkeypatch.setenv("GENMON_JOURNAL_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GENMON_METRICS", "none")
    setup(**parts)
    runtime = recorder.active_runtime()
    assert runtime.code_version == "v7"
    assert runtime.frameworks == {"react", "vue"}
    assert isinstance(runtime.metrics, NullMetrics)
    assert (tmp_path / "elsewhere").is_dir()


def test_capture_off_in_the_environment_beats_the_argument(
    parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs the service can always switch recording off."""
    monkeypatch.setenv("GENMON_CAPTURE", "off")
    setup(capture="all", **parts)
    assert recorder.active_runtime().capture == "off"


def test_users_redaction_is_applied(tmp_path: Path, parts: dict[str, Any]) -> None:
    """What ``redact`` takes out is in no row."""

    @generation(name="told")
    def told(request: str) -> None:
        raise ValueError(f"cannot build {request}")

    setup("told.db", redact=lambda text: text.replace("codename", "[ours]"), **parts)
    with pytest.raises(ValueError, match="codename"):
        told("codename")
    shutdown()
    assert b"codename" not in (tmp_path / "told.db").read_bytes()
    assert b"[ours]" in (tmp_path / "told.db").read_bytes()


def test_user_ids_are_stored_as_pseudonyms_on_request(
    tmp_path: Path, parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With GENMON_PSEUDONYMIZE=store two users are two in the store, and neither is named."""
    monkeypatch.setenv("GENMON_PSEUDONYMIZE", "store")
    monkeypatch.setenv("GENMON_PSEUDONYM_KEY", "a long random secret")

    @generation(name="personal", capture="off")
    def personal(user_id: str) -> None:
        with generation("inner", nested="attempt", user_id=user_id):
            assert all("alice" not in str(note.user_id) for note in noted())

    def noted() -> list[Any]:
        return list(recorder.active_runtime().sink._sink._list_in_flight())  # type: ignore[attr-defined]

    setup("store.db", **parts)
    personal("alice@example.com")
    personal("bob@example.com")
    shutdown()
    with sqlite3.connect(tmp_path / "store.db") as connection:
        found = connection.execute(
            f"SELECT DISTINCT user_id FROM {names.TABLE_ANALYTICS}"
        ).fetchall()
    assert len(found) == 2
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"alice" not in kept


def test_recordings_hold_pseudonyms_too(
    tmp_path: Path, parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither inputs nor what steps were given and answered name the user, in whatever form."""
    monkeypatch.setenv("GENMON_PSEUDONYMIZE", "store")
    monkeypatch.setenv("GENMON_PSEUDONYM_KEY", "a long random secret")

    @step
    def look_up(user: dict[str, Any]) -> str:
        return f"projects for {user['id']}"

    @generation(name="recorded")
    def recorded(user_id: object, number: int = 3) -> None:
        look_up({"id": user_id, "note": f"user {user_id}, number {number}"})
        raise ValueError("broken")

    setup("store.db", capture="all", **parts)
    for known in ("cust_18374", 9918100273645, uuid.UUID(int=7**40)):
        with pytest.raises(ValueError, match="broken"):
            recorded(known, 3)
    shutdown()
    with sqlite3.connect(tmp_path / "store.db") as connection:
        kept = str(connection.execute("SELECT * FROM failure_recordings").fetchall())
    assert '"number":3' in kept.replace(" ", "")
    for known in ("cust_18374", "9918100273645", str(uuid.UUID(int=7**40))):
        assert known not in kept


def test_request_context_and_message_hold_pseudonyms_too(
    tmp_path: Path, parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is kept of a generation, failed or not, has the pseudonym where its user's id stood."""
    monkeypatch.setenv("GENMON_PSEUDONYMIZE", "store")
    monkeypatch.setenv("GENMON_PSEUDONYM_KEY", "a long random secret")

    @generation(name="spoken_of")
    def spoken_of(request: str, user_id: str, fails: bool) -> None:
        current_generation().set(asked_by={"who": user_id})
        if fails:
            raise LookupError(f"no project of {user_id} is left")

    setup("store.db", **parts)
    spoken_of("a page for cust_18374, in blue", "cust_18374", False)
    with pytest.raises(LookupError, match="cust_18374"):
        spoken_of("a page for cust_18374, in red", "cust_18374", True)
    shutdown()
    with sqlite3.connect(tmp_path / "store.db") as connection:
        rows = connection.execute(f"SELECT user_request, user_id FROM {names.TABLE_ANALYTICS}")
        asked = {request.partition(", ")[2]: request for request, _ in rows if request}
        (user_id,) = {
            user for (user,) in connection.execute(f"SELECT user_id FROM {names.TABLE_ANALYTICS}")
        }
    assert asked == {tint: f"a page for {user_id}, {tint}" for tint in ("in blue", "in red")}
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"no project of " + user_id.encode() in kept
    assert b"cust_18374" not in kept


def test_metrics_are_in_the_registry_with_what_was_decorated_before(
    parts: dict[str, Any],
) -> None:
    """Operations decorated before setup have their series at 0 at once."""

    @generation(name="decorated_before", framework="react")
    def build() -> None: ...

    setup(**parts)
    labels = {"operation": "decorated_before", "framework": "react", "outcome": "success"}
    assert parts["registry"].get_sample_value("genmon_generations_total", labels) == 0
    build()
    assert parts["registry"].get_sample_value("genmon_generations_total", labels) == 1


# --- twice, and undone -------------------------------------------------------------------


def test_twice_is_harmless(parts: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """The same call again changes nothing and says nothing."""
    setup(**parts)
    runtime = recorder.active_runtime()
    setup(**parts)
    setup()
    assert recorder.active_runtime() is runtime
    assert len(processors(parts["tracer_provider"])) == 1
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_twice_with_other_settings_warns_and_keeps_the_first(
    tmp_path: Path, parts: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A second opinion is named in a warning and ignored."""
    setup("first.db", **parts)
    setup("second.db", capture="off", redact=str.upper)
    assert "another store, capture, redact; the first stays" in caplog.text
    build_app()
    shutdown()
    assert len(rows(tmp_path / "first.db")) == 1
    assert not (tmp_path / "second.db").exists()


def test_shutdown_undoes_setup(parts: dict[str, Any]) -> None:
    """Afterwards nothing is counted, served or kept, and decorated code runs on."""
    setup(metrics_port=0, **parts)
    shutdown()
    assert recorder.active_runtime() is recorder.runtime._default
    assert list(parts["registry"].collect()) == []
    assert build_app() == "fine"
    assert shutdown() is True


def test_setup_after_shutdown_starts_anew(tmp_path: Path, parts: dict[str, Any]) -> None:
    """Setting up again works, with another store, and adds no second processor."""
    setup("first.db", **parts)
    shutdown()
    setup("second.db", **parts)
    build_app()
    shutdown()
    assert rows(tmp_path / "first.db") == []
    assert len(rows(tmp_path / "second.db")) == 1
    assert len(processors(parts["tracer_provider"])) == 1


def test_a_replay_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the process of a replay setup touches nothing, whatever its arguments."""
    monkeypatch.setenv(names.ENV_REPLAY, "1")
    setup("mysql://nonsense", metrics_port=-7)
    assert recorder.active_runtime() is recorder.runtime._default
    assert list(tmp_path.iterdir()) == []


# --- refused: one clear error, nothing left behind ------------------------------------------


def in_a_file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("not a folder")
    return tmp_path / "file" / "genmon.db"


def corrupt(tmp_path: Path) -> Path:
    path = tmp_path / "corrupt.db"
    path.write_bytes(b"SQLite format 3\0" + os.urandom(8192))
    return path


REFUSED: dict[str, Callable[[Path], dict[str, Any]]] = {
    "unknown kind of store": lambda folder: {"store": "mysql://root:hunter2@db/x"},
    "store in a file": lambda folder: {"store": in_a_file(folder)},
    "store is a folder": lambda folder: {"store": folder},
    "corrupt store": lambda folder: {"store": corrupt(folder)},
    "journal in a file": lambda folder: {"journal_dir": in_a_file(folder).parent},
    "journal below a file": lambda folder: {"journal_dir": in_a_file(folder)},
    "capture": lambda folder: {"capture": "sometimes"},
    "metrics": lambda folder: {"metrics": "statsd"},
    "port": lambda folder: {"metrics_port": 70_000},
    "host": lambda folder: {"metrics_port": 0, "metrics_host": "256.0.0.1"},
    "provider": lambda folder: {"tracer_provider": "global"},
    "frameworks": lambda folder: {"frameworks": (1, 2)},
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_honoured_is_refused_at_once(
    tmp_path: Path, parts: dict[str, Any], make: Callable[[Path], dict[str, Any]]
) -> None:
    """One GenmonError, without a password; nothing half set up; the application runs on."""
    arguments = make(tmp_path)
    with pytest.raises(GenmonError) as refused:
        setup(**{**parts, **arguments})
    assert len(str(refused.value)) > 30
    assert "hunter2" not in str(refused.value)
    assert recorder.active_runtime() is recorder.runtime._default
    assert list(parts["registry"].collect()) == []
    assert build_app() == "fine"
    setup(**parts)  # and can be set up properly afterwards
    assert recorder.active_runtime() is not recorder.runtime._default


def test_a_clash_in_the_registry_is_refused(parts: dict[str, Any]) -> None:
    """Somebody else's metric of our name is named in the error and left where it is."""
    Counter("genmon_generations_total", "somebody else's", registry=parts["registry"])
    with pytest.raises(GenmonError, match="genmon_generations_total"):
        setup(**parts)
    assert [family.name for family in parts["registry"].collect()] == ["genmon_generations"]


def test_a_taken_port_keeps_nobody_from_starting(
    parts: dict[str, Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an error in the log that names what to set; the port is taken over once it is free."""
    monkeypatch.setattr(metrics_server, "TAKEOVER_S", 0.05)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        setup(metrics_port=port, **parts)
        (said,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert f"metrics_port={port}" in said.message
    assert names.ENV_MULTIPROC_DIR in said.message
    assert build_app() == "fine"
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                assert b"genmon_generations_total" in answer.read()
            break
        except urllib.error.URLError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_folder_that_takes_no_files_is_told_by_trying(
    tmp_path: Path, parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write anywhere by its permissions; a full disk keeps no application from starting."""

    def fails(number: int) -> Callable[..., Any]:
        def make(**_: Any) -> Any:
            raise OSError(number, os.strerror(number))

        return make

    monkeypatch.setattr("tempfile.TemporaryFile", fails(errno.EROFS))
    with pytest.raises(GenmonError, match=r"Read-only file system.*GENMON_JOURNAL_DIR"):
        setup(journal_dir=tmp_path / "journal", **parts)
    monkeypatch.setattr("tempfile.TemporaryFile", fails(errno.ENOSPC))
    setup(journal_dir=tmp_path / "journal", **parts)
    assert build_app() == "fine"


def test_a_server_that_does_not_answer_is_no_error(
    tmp_path: Path, parts: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """An unreachable PostgreSQL is a warning; failures wait in the journal; nobody waits."""
    pytest.importorskip("psycopg")
    url = f"postgresql://genmon:hunter2@127.0.0.1:{free_port()}/genmon"
    setup(url, journal_dir=tmp_path / "journal", **parts)
    assert "genmon:***@127.0.0.1" in caplog.text
    with pytest.raises(ValueError, match="no closing bracket"):
        build_app("fail")
    with pytest.raises(GenmonError):
        check_health()
    assert shutdown(1.0) is False
    journalled = b"".join(f.read_bytes() for f in (tmp_path / "journal").rglob("*") if f.is_file())
    assert b"no closing bracket" in journalled
    assert "hunter2" not in caplog.text


def test_sqlite_on_kubernetes_is_a_warning(
    parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One database a pod: strikes do not add up, and the log says so."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    setup(**parts)
    assert "every pod has a database of its own" in caplog.text


# --- the metrics port -------------------------------------------------------------------------


def test_no_port_is_opened_unless_asked_for(parts: dict[str, Any]) -> None:
    """Without metrics_port this process listens nowhere."""
    before = listening()
    setup(**parts)
    assert listening() == before


def test_the_port_serves_the_registry_until_shutdown(parts: dict[str, Any]) -> None:
    """Metrics are served on loopback, OpenMetrics by negotiation, and no longer after shutdown."""
    before = listening()
    setup(metrics_port=0, **parts)
    ((host, port),) = listening() - before
    assert host == "127.0.0.1"
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/metrics", headers={"Accept": "application/openmetrics-text"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert "openmetrics" in answer.headers["Content-Type"]
        assert b"genmon_generations_total" in answer.read()
    shutdown()
    assert listening() == before
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(request, timeout=10)


def listening() -> set[tuple[str, int]]:
    """Addresses on which this process accepts connections."""
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            with socket.socket(fileno=os.dup(int(descriptor))) as sock:
                if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    found.add(sock.getsockname()[:2])
        except OSError:
            continue
    return found


# --- health --------------------------------------------------------------------------------------


def test_health_needs_setup() -> None:
    """Asked before setup, the error says what to do."""
    with pytest.raises(GenmonError, match=r"Call setup\(\) first"):
        check_health()


def test_health_is_the_pages_verdict(parts: dict[str, Any]) -> None:
    """Three of five is unhealthy, three of six is not; what was just counted is in it."""
    setup(**parts)
    for outcome in ("fine", "fine", "fail", "fail", "fail"):
        try:
            build_app(outcome)
        except ValueError:
            pass
    verdict = check_health()
    assert (verdict.attempts, verdict.failures, verdict.healthy) == (5, 3, False)
    assert sum(verdict.by_category.values()) == 3
    build_app()
    assert check_health().healthy is True


# --- the application's OpenTelemetry --------------------------------------------------------------


def test_the_providers_spans_carry_the_generation(parts: dict[str, Any]) -> None:
    """The given provider's own exporter gets the generation's span; the global one is untouched."""
    from opentelemetry import trace

    spans = InMemorySpanExporter()
    before = trace.get_tracer_provider()
    parts["tracer_provider"].add_span_processor(SimpleSpanProcessor(spans))
    setup(**parts)
    build_app()
    (span,) = spans.get_finished_spans()
    assert span.name == "invoke_workflow build_app"
    assert trace.get_tracer_provider() is before


def script(folder: Path, text: str, timeout_s: float = 60, **environ: str) -> str:
    """Run a script with the working directory and variables given; what it printed."""
    prelude = """
        import logging, os, sys, time
        from opentelemetry import trace
        from genmon_otel import generation, recorder, setup, shutdown

        @generation(name="build_app", framework="react")
        def build_app(request="fine"):
            if request == "fail":
                raise ValueError("no closing bracket")
            return request
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(prelude) + textwrap.dedent(text)],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_provider_is_made_only_where_there_is_none(tmp_path: Path) -> None:
    """Without one there is one with real ids and no exporter; it outlives shutdown and returns."""
    script(
        tmp_path,
        """
        from opentelemetry.sdk.trace import TracerProvider
        import threading

        setup(service_name="shop")
        provider = trace.get_tracer_provider()
        assert isinstance(provider, TracerProvider)
        assert provider.resource.attributes["service.name"] == "shop"
        assert not any("Batch" in thread.name for thread in threading.enumerate())
        shutdown(); setup(service_name="shop")
        assert trace.get_tracer_provider() is provider
        assert len(provider._active_span_processor._span_processors) == 2
        """,
    )


def test_the_applications_provider_stays(tmp_path: Path) -> None:
    """A configured provider keeps its place, sampler and processors; ours is added once."""
    script(
        tmp_path,
        """
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
        provider = TracerProvider(sampler=ALWAYS_OFF)
        trace.set_tracer_provider(provider)
        handlers = list(logging.getLogger().handlers), list(logging.getLogger("genmon_otel").handlers)
        setup(); setup(); shutdown(); setup()
        build_app()
        assert trace.get_tracer_provider() is provider
        assert provider.sampler is ALWAYS_OFF
        assert len(provider._active_span_processor._span_processors) == 1
        assert handlers == (logging.getLogger().handlers, logging.getLogger("genmon_otel").handlers)
        """,
    )
    assert len(rows(tmp_path / ".genmon" / "genmon.db")) == 1


def test_an_exporter_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A misspelt exporter is one clear error, and no provider is left behind."""
    said = script(
        tmp_path,
        """
        from genmon_otel import GenmonError
        try:
            setup()
        except GenmonError as error:
            print(error)
        assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
        """,
        OTEL_TRACES_EXPORTER="otpl",
    )
    assert "OTEL_TRACES_EXPORTER='otpl'" in said
    assert "Use otlp, console or none" in said


# --- leaving ----------------------------------------------------------------------------------------


def test_interpreter_exit_flushes(tmp_path: Path) -> None:
    """A success that ended right before the exit is in the store, a console span written."""
    said = script(tmp_path, "setup(); build_app()", OTEL_TRACES_EXPORTER="console")
    assert rows(tmp_path / ".genmon" / "genmon.db") == [("build_app", "success")]
    assert '"name": "invoke_workflow build_app"' in said


def test_exit_does_not_wait_for_an_exporter_that_never_answers(tmp_path: Path) -> None:
    """A receiver that accepts and is silent keeps nobody, however patient its exporter is."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        script(
            tmp_path,
            "setup(); build_app()",
            OTEL_TRACES_EXPORTER="otlp",
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
            OTEL_EXPORTER_OTLP_TIMEOUT="3600",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}",
        )
    assert rows(tmp_path / ".genmon" / "genmon.db") == [("build_app", "success")]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_flush(tmp_path: Path, method: str) -> None:
    """A child, which ends without atexit, keeps its last success; nothing is counted twice."""
    (tmp_path / "work.py").write_text(
        textwrap.dedent(
            """
            import multiprocessing, sys
            from genmon_otel import generation, setup

            @generation(name="build_app", framework="react")
            def build_app():
                return 1

            def child():
                setup()
                build_app()

            if __name__ == "__main__":
                setup()
                build_app()
                process = multiprocessing.get_context(sys.argv[1]).Process(target=child)
                process.start()
                process.join()
                assert process.exitcode == 0
            """
        )
    )
    done = subprocess.run(
        [sys.executable, "work.py", method],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert rows(tmp_path / ".genmon" / "genmon.db") == [("build_app", "success")] * 2


def test_a_forked_child_counts_for_itself(tmp_path: Path) -> None:
    """After os.fork both sides' generations are stored once each, the one in flight once."""
    script(
        tmp_path,
        """
        setup()
        build_app()
        assert recorder.active_runtime().sink.flush(20)  # no thread is inside SQLite while we fork
        child = os.fork()
        build_app()
        if child:
            os.waitpid(child, 0)
        """,
    )
    assert rows(tmp_path / ".genmon" / "genmon.db") == [("build_app", "success")] * 3


def test_a_forked_childs_writer_starts_with_its_first_generation(tmp_path: Path) -> None:
    """What a child has in flight is watched before anything of it ended."""
    said = script(
        tmp_path,
        """
        import threading
        setup()
        build_app()
        child = os.fork()
        if child == 0:
            assert "genmon" not in [thread.name for thread in threading.enumerate()]
            with generation("long", framework="react"):
                names = [thread.name for thread in threading.enumerate()]
            print(names, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        """,
    )
    assert "'genmon'" in said


@pytest.mark.parametrize(
    ("worker", "master", "processes", "waits"),
    [(0, 7, 2, True), (0, 0, 2, True), (0, 0, 1, False), (1, 7, 2, False)],
)
def test_nothing_runs_yet_where_uwsgi_will_fork(
    parts: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    worker: int,
    master: int,
    processes: int,
    waits: bool,
) -> None:
    """Its fork tells Python nothing, so no thread may be at work before; a worker starts its own."""
    uwsgi = SimpleNamespace(worker_id=lambda: worker, masterpid=lambda: master, numproc=processes)
    monkeypatch.setitem(sys.modules, "uwsgi", uwsgi)
    setup(**parts)
    sink = recorder.active_runtime().sink
    assert sink.is_started is not waits
    assert ("lazy-apps" in caplog.text) is waits
    with generation("build"):
        assert sink.is_started


def test_every_process_has_an_instance_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """With SDKs that name no instance too: else replicas' pushes overwrite each other."""
    from opentelemetry.sdk.resources import Resource

    from genmon_otel.wiring import providers

    monkeypatch.setattr(Resource, "create", Resource)
    attributes = providers._resource("shop").attributes
    assert attributes["service.name"] == "shop"
    assert uuid.UUID(str(attributes["service.instance.id"]))
    monkeypatch.setattr(
        Resource, "create", lambda attributes: Resource({"service.instance.id": "mine"})
    )
    assert providers._resource(None).attributes["service.instance.id"] == "mine"
