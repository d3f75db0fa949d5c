"""The door of an application: ``setup()``, ``shutdown()``, ``check_health()``."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from genmon_otel import conventions as names
from genmon_otel.errors import ConfigurationError, GenmonError
from genmon_otel.forks import forkable_lock
from genmon_otel.policy import HEALTH_WINDOW_S
from genmon_otel.records import Health
from genmon_otel.settings import Settings
from genmon_otel.wiring.zero_code import GenmonInstrumentor, sampler

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider
    from prometheus_client import CollectorRegistry

    from genmon_otel.wiring.installation import Installation

__all__ = ["GenmonInstrumentor", "check_health", "sampler", "setup", "shutdown"]

_log = logging.getLogger(names.LOGGER)

#: Seconds that ``shutdown()`` and the interpreter's exit may take.
SHUTDOWN_S: Final = 5.0

_installed: Installation | None = None
_lock = forkable_lock()


def setup(
    store: str | os.PathLike[str] | None = None,
    *,
    service_name: str | None = None,
    tracer_provider: TracerProvider | None = None,
    registry: CollectorRegistry | None = None,
    metrics: str | None = None,
    metrics_port: int | None = None,
    metrics_host: str | None = None,
    capture: str | None = None,
    frameworks: Iterable[str] | None = None,
    redact: Callable[[str], str] | None = None,
    code_version: str | None = None,
    journal_dir: str | os.PathLike[str] | None = None,
    pseudonym_key: str | None = None,
    resources: bool | None = None,
) -> None:
    """Start to count, trace and keep generations.

    An argument left out (None) is read from its variable, named in brackets; an
    argument wins over its variable, except that ``GENMON_CAPTURE=off`` beats everything.
    Called again with the same settings it does nothing; with others it warns, and the
    first stay until :func:`shutdown`. In the process of a replay it does nothing at all.

    A server that cannot be reached is no error, nor is a store whose schema is of another
    version of genmon: what happens is journalled, and written when the store can be used.

    Args:
        store: connection string or path of a SQLite file [``GENMON_STORE``, or a file that
            holds it: ``GENMON_STORE_FILE``]. Default: ``.genmon/genmon.db``.
        service_name: ``service.name`` of the TracerProvider that is made if the application
            configured none [``GENMON_SERVICE_NAME``; else ``OTEL_SERVICE_NAME``].
        tracer_provider: the provider to trace with. Default: the global one.
        registry: prometheus_client registry. Default: the one that every endpoint serves.
        metrics: ``prometheus``, ``otlp`` or ``none`` [``GENMON_METRICS``].
        metrics_port: port that serves the metrics; 0 for any free one. Default: none is
            opened [``GENMON_METRICS_PORT``].
        metrics_host: address of that port, ``127.0.0.1`` [``GENMON_METRICS_HOST``].
        capture: what is recorded for replays: ``off``, ``failures`` or ``all``
            [``GENMON_CAPTURE``]. Default: ``failures``.
        frameworks: frameworks that may become label values when a parameter names them
            [``GENMON_FRAMEWORKS``, separated by commas].
        redact: applied to every text that is kept, after genmon's own redaction.
        code_version: names the running code [``GENMON_CODE_VERSION``]. Default: the commit
            with a hash of uncommitted changes, else a hash of the sources.
        journal_dir: folder of the journal [``GENMON_JOURNAL_DIR``]. Default: beside the
            SQLite store, else the user's state directory.
        pseudonym_key: key of the HMAC that makes ``enduser.pseudo.id``
            [``GENMON_PSEUDONYM_KEY``]. Default: that attribute is not written.
        resources: whether CPU time and peak memory are measured [``GENMON_RESOURCES``].

    Raises:
        GenmonError: a setting is not allowed, or the store's file or folder cannot be used.
            Nothing is left half set up; decorated code runs on.
    """
    global _installed
    if os.environ.get(names.ENV_REPLAY) == "1":
        return
    # Here, because a replay imports the application and must not wait for the database's library.
    from genmon_otel.wiring.installation import Installation

    _check_objects(registry, redact)
    settings = Settings.resolve(
        os.environ,
        cwd=Path.cwd(),
        store=store,
        service_name=service_name,
        metrics=metrics,
        metrics_port=metrics_port,
        metrics_host=metrics_host,
        capture=capture,
        frameworks=frameworks,
        code_version=code_version,
        journal_dir=journal_dir,
        pseudonym_key=pseudonym_key,
        resources=resources,
    )
    given: dict[str, Any] = {
        "tracer_provider": tracer_provider,
        "registry": registry,
        "redact": redact,
    }
    with _lock:
        if _installed is None:
            _installed = Installation(settings, exit_s=SHUTDOWN_S, **given)
        elif differing := _installed.differing(settings, given):
            _log.warning(
                "setup() was called again with another %s; the first stays. "
                "Call shutdown() before to change it.",
                ", ".join(differing),
            )


def _check_objects(registry: object, redact: object) -> None:
    """Refuse what is no registry and no function, by name."""
    if registry is not None and not hasattr(registry, "register"):
        raise ConfigurationError(
            f"registry={registry!r} is not allowed. Give a prometheus_client.CollectorRegistry, "
            "or leave it out for the default one."
        )
    if redact is not None and not callable(redact):
        raise ConfigurationError(
            f"redact={redact!r} is not allowed. Give a function from text to text."
        )


def shutdown(timeout_s: float = SHUTDOWN_S) -> bool:
    """Write what is left and undo :func:`setup`; decorated code runs on, and keeps nothing.

    Args:
        timeout_s: seconds to take at most, the exporters of spans and metrics included.

    Returns:
        Whether everything was written in time. What was not is in the journal, or counted
        as dropped. True when there was nothing to undo.
    """
    global _installed
    with _lock:
        installed, _installed = _installed, None
    return installed is None or installed.close(timeout_s)


def check_health(window_s: float = HEALTH_WINDOW_S) -> Health:
    """Judge the last hour as the page does: unhealthy iff 5 or more attempts, over half failed.

    What this process has not written yet is written first, for up to a second.

    Args:
        window_s: seconds to look back.

    Raises:
        GenmonError: ``setup()`` has not been called, or the store cannot be read.
    """
    installed = _installed
    if installed is None:
        raise GenmonError(
            "check_health() needs a store, and there is none. Call setup() first, or ask "
            "'genmon health --store URL'."
        )
    return installed.health(window_s)
