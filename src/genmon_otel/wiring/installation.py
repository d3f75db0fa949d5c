"""Create the parts that ``setup()`` installs, and close them in reverse order."""

from __future__ import annotations

import errno
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor
from prometheus_client import CollectorRegistry

from genmon_otel import capture, recorder
from genmon_otel import conventions as names
from genmon_otel._version import __version__
from genmon_otel.code_version import code_version
from genmon_otel.errors import ConfigurationError, SchemaMismatch, StoreUnavailable
from genmon_otel.instruments import Instruments, NullMetrics, PrometheusMetrics
from genmon_otel.instruments.otlp import OtlpMetrics
from genmon_otel.journal import default_journal_dir
from genmon_otel.ports import Metrics, Sink
from genmon_otel.records import Health
from genmon_otel.redaction import (
    Redactor,
    plain,  # noqa: F401 - its expressions are compiled now rather than at the first failure
)
from genmon_otel.regression.propose import propose
from genmon_otel.settings import Settings
from genmon_otel.store import SqlStore
from genmon_otel.store.sqlite import is_locked
from genmon_otel.wiring import metrics_server, providers
from genmon_otel.wiring.flushing import Flush
from genmon_otel.wiring.folder_check import exposure
from genmon_otel.wiring.provider_search import SearchingTracer, provider_of
from genmon_otel.wiring.pseudonyms import Pseudonymous
from genmon_otel.wiring.shutdown_hooks import AtExit
from genmon_otel.writer import Writer

_log = logging.getLogger(names.LOGGER)

#: Errors of a full disk: they end when space is freed, so they do not stop an application's start.
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_UWSGI_FORKS: Final = (
    "uWSGI forks its workers off this process without telling Python; threads that run here by then "
    "can leave a worker hanging. genmon starts none before; set lazy-apps = true for all others."
)
#: Seconds that ``check_health()`` waits for records that are not stored yet.
_FRESH_S: Final = 1.0


class Installation:
    """Everything that ``setup()`` installed; a failure half-way undoes the steps before.

    Args:
        settings: what was decided.
        exit_s: seconds that the interpreter's exit may wait for the flush.
        processor: the application's own, whose provider makes the spans; None: ``setup()``
            chooses the provider.
        tracer_provider: as given to ``setup()``.
        registry: as given to ``setup()``.
        redact: as given to ``setup()``.

    Raises:
        GenmonError: a setting is not supported.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        exit_s: float,
        processor: SpanProcessor | None = None,
        tracer_provider: Any = None,
        registry: CollectorRegistry | None = None,
        redact: Callable[[str], str] | None = None,
    ) -> None:
        self._settings = settings
        self._exit_s = exit_s
        self._processor = processor
        self._objects = {"tracer_provider": tracer_provider, "registry": registry, "redact": redact}
        self._stop_exports: list[Callable[[], Flush]] = []
        #: The provider that makes the spans; None: that of the application's processor.
        self.provider: Any = None
        self._made_provider = False
        with ExitStack() as undo:
            self._build(undo)
            self._undo = undo.pop_all()

    def differing(
        self, settings: Settings, given: Iterable[str], objects: Mapping[str, Any]
    ) -> list[str]:
        """Return the names of the options in which another request differs from this one.

        Args:
            settings: what the other request resolves to.
            given: names of the settings that it gave; those left out agree.
            objects: its provider, registry and redaction; None agrees.
        """
        return [
            name for name in given if getattr(settings, name) != getattr(self._settings, name)
        ] + [
            name
            for name, value in objects.items()
            if value is not None and value is not self._in_use(name)
        ]

    def _in_use(self, name: str) -> Any:
        if name == "tracer_provider" and self.provider is None and self._processor is not None:
            return provider_of(self._processor)
        return self._objects[name]

    def trace_with(self, processor: SpanProcessor) -> None:
        """Make spans with the provider of a processor that came later, where none was configured before."""
        if self._made_provider:
            self._runtime.tracer = self._searching(processor, self._runtime.tracer)

    def health(self, window_s: float) -> Health:
        """Judge the store, including this process's own generations."""
        self._writer.flush(_FRESH_S)
        return self._store.health(window_s, time.time())

    def close(self, timeout_s: float) -> bool:
        """Close everything; return whether all was written within so many seconds."""
        recorder.uninstall()
        written = self.leave(timeout_s)
        self._undo.close()
        return written

    def leave(self, timeout_s: float) -> bool:
        """Write what is left at the end of the process.

        The runtime stays installed: generations that still run in other threads go to the journal.
        """
        deadline = time.monotonic() + timeout_s
        flushes = [stop() for stop in self._stop_exports]
        written = self._writer.close(timeout_s)
        exported = [flush.wait(deadline - time.monotonic()) for flush in flushes]
        return written and all(exported)

    def _build(self, undo: ExitStack) -> None:
        """Create every part, and push the action that undoes it on ``undo``."""
        settings = self._settings
        known_error = _check_store(settings)
        _check_journal(settings)
        metrics = self._metrics(undo)
        redactor = Redactor(self._objects["redact"])
        self._store = SqlStore(settings.store, propose=propose)
        self._writer = Writer(
            self._store,
            settings=settings,
            metrics=metrics,
            redactor=redactor,
            known_error=known_error,
        )
        undo.callback(self._writer.close, 0)
        runtime = self._runtime = recorder.Runtime(
            tracer=self._tracer(),
            metrics=metrics,
            sink=self._sink(),
            capture=settings.capture,
            redactor=redactor,
            frameworks=frozenset(settings.frameworks),
            code_version=code_version(settings.code_version, Path.cwd()),
            pseudonym_key=settings.pseudonym_key,
            resources=settings.resources,
            content_on_spans=settings.content_on_spans,
            donors=settings.donors,
        )
        recorder.install(runtime)
        undo.callback(recorder.uninstall)
        if settings.steps == "auto" and settings.capture != "off":
            capture.install(settings.steps_ignore)
            undo.callback(capture.uninstall)
        if _forks_without_hooks():
            _log.warning(_UWSGI_FORKS)
        else:
            self._writer.start()
        if settings.metrics_port is not None and settings.metrics == "prometheus":
            server = metrics_server.serve(
                settings.metrics_port,
                settings.metrics_host,
                self._objects["registry"],
                on_damage=lambda: metrics.internal_error("metrics_file"),
            )
            undo.callback(server.close)
        undo.callback(AtExit(partial(self.leave, self._exit_s)).cancel)
        _log.info("genmon is set up: store %s, capture %s", settings.masked_store, settings.capture)

    def _sink(self) -> Sink:
        """Return the writer, wrapped if user ids are to be stored as pseudonyms."""
        settings = self._settings
        if settings.pseudonymize_store and settings.pseudonym_key is not None:
            return Pseudonymous(self._writer, settings.pseudonym_key)
        return self._writer

    def _metrics(self, undo: ExitStack) -> Metrics:
        """Create the instruments that the settings ask for."""
        settings = self._settings
        if settings.metrics == "none":
            return NullMetrics()
        if settings.metrics == "prometheus":
            made: Instruments = PrometheusMetrics(
                self._objects["registry"], resources=settings.resources
            )
        else:
            provider, stop = providers.meter_provider(settings.service_name)
            if stop is not None:
                self._stop_exports.append(stop)
            made = OtlpMetrics(provider, resources=settings.resources)
        undo.callback(made.close)
        return made

    def _tracer(self) -> trace.Tracer:
        """Return the tracer of the given provider, of the one that has the processor, or of the global one."""
        given = self._objects["tracer_provider"]
        if self._processor is not None and given is None:
            default_tracer = trace.get_tracer(names.TRACER, __version__)
            return self._searching(self._processor, default_tracer)
        self.provider, exports = providers.tracer_provider(given, self._settings.service_name)
        if exports is not None:
            self._made_provider = True
            self._stop_exports.append(exports.stop)
        tracer: trace.Tracer = self.provider.get_tracer(names.TRACER, __version__)
        return tracer

    def _searching(self, processor: SpanProcessor, otherwise: trace.Tracer) -> SearchingTracer:
        def on_found(tracer: trace.Tracer) -> None:
            self._runtime.tracer = tracer

        return SearchingTracer(processor, otherwise, on_found)


def _check_journal(settings: Settings) -> None:
    """Refuse a journal folder that was asked for and cannot be written; warn of another."""
    folder = default_journal_dir(settings)
    _warn_of_exposure(settings, folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(
            dir=folder
        ).close()  # permission bits say nothing: root may write anywhere
    except OSError as error:
        if settings.journal_dir is not None and error.errno not in _FULL:
            raise ConfigurationError(
                f"journal_dir={str(folder)!r} is not a folder that can be written "
                f"({error.strerror}). Give another ({names.ENV_JOURNAL_DIR}), or make it writable "
                "for this user."
            ) from None
        _log.warning(
            "genmon cannot write its journal to %s (%s): failures wait in memory and are lost with "
            "the process. Set %s to a folder that can be written.",
            folder,
            error.strerror,
            names.ENV_JOURNAL_DIR,
        )


def _warn_of_exposure(settings: Settings, journal: Path) -> None:
    """Warn where others can change store or journal; once where the journal lies in the store's folder."""
    places = {names.ENV_JOURNAL_DIR: journal}
    if settings.sqlite_path is not None:
        places[names.ENV_STORE] = settings.sqlite_path.parent
    warned: set[str] = set()
    for variable, folder in sorted(places.items(), reverse=True):
        says, remedy = exposure(folder)
        if says and says not in warned:
            warned.add(says)
            _log.warning(
                "genmon: %s: others can delete, replace or add to what genmon keeps in %s. %s, or set %s to "
                "a place of this user's own.",
                says,
                folder,
                remedy,
                variable,
            )


def _forks_without_hooks() -> bool:
    """Return whether uWSGI will fork its workers off this process without calling Python's fork hooks.

    A thread that holds a lock at that moment leaves it locked for ever in each worker.
    """
    uwsgi: Any = sys.modules.get("uwsgi")
    try:
        return bool(uwsgi.worker_id() == 0 and (uwsgi.masterpid() or uwsgi.numproc > 1))
    except (AttributeError, TypeError):
        return False


def _check_store(settings: Settings) -> type[Exception] | None:
    """Open the store once and close it, so that a permanent error is raised at set-up.

    A server that does not answer is no permanent error, nor is a file that another process
    is writing to, nor a schema of another version: these are logged, and journalled for.

    Returns:
        The kind of error that was logged, so that the writer does not say it again; None:
        the store can be used.

    Raises:
        StoreUnavailable: the file of a SQLite store, or its folder, cannot be used.
    """
    if settings.sqlite_path is not None and os.environ.get("KUBERNETES_SERVICE_HOST"):
        _log.warning(
            "genmon keeps a SQLite store on Kubernetes: every pod has a database of its own and "
            "strikes do not add up. Set %s to a PostgreSQL server.",
            names.ENV_STORE,
        )
    store = SqlStore(settings.store)
    try:
        store.open()
    except SchemaMismatch as error:
        _log.warning("genmon: %s Until then everything is journalled.", error)
        return type(error)
    except StoreUnavailable as error:
        if settings.sqlite_path is not None and not is_locked(error):
            raise
        _log.warning("%s It is tried again; until then everything is journalled.", error)
        return type(error)
    finally:
        store.close()
    return None
