"""What an application calls: ``setup()``, ``shutdown()``, ``check_health()``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from genmon_otel.errors import GenmonError
from genmon_otel.policy import HEALTH_WINDOW_S
from genmon_otel.records import Health
from genmon_otel.wiring import in_force
from genmon_otel.wiring.in_force import SHUTDOWN_S
from genmon_otel.wiring.span_processor import GenerationSpanProcessor, add_once
from genmon_otel.wiring.zero_code import GenmonInstrumentor, sampler

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider
    from prometheus_client import CollectorRegistry

__all__ = [
    "GenerationSpanProcessor",
    "GenmonInstrumentor",
    "check_health",
    "sampler",
    "setup",
    "shutdown",
]


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
    steps: str | None = None,
    steps_ignore: Iterable[str] | None = None,
    donors: str | None = None,
) -> None:
    """Start to count, trace and keep generations.

    An argument left out (None) is read from its variable, named in brackets; an
    argument wins over its variable, except that ``GENMON_CAPTURE=off`` beats everything.
    Called again it does nothing; arguments that differ from what is in force are named in a
    warning, and the first stay until :func:`shutdown`. It adds a
    :class:`GenerationSpanProcessor` to the provider, and is the same as one that the application
    added itself. In the process of a replay it does nothing at all.

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
        journal_dir: folder of the journal [``GENMON_JOURNAL_DIR``]. Default: next to the
            SQLite store, else the user's state directory.
        pseudonym_key: key of the HMAC that makes ``enduser.pseudo.id``
            [``GENMON_PSEUDONYM_KEY``]. Default: that attribute is not written.
        resources: whether CPU time and peak memory are measured [``GENMON_RESOURCES``].
        steps: ``auto`` records outbound calls that no decorated step surrounds as steps of
            their own, at the client library; ``decorated`` does not [``GENMON_STEPS``].
        steps_ignore: hosts (``api.example.com``, ``.example.com`` for all below) and paths
            (``/health``) that are never automatic steps [``GENMON_STEPS_IGNORE``, separated by
            commas].
        donors: ``on`` keeps, from an operation's first failure on, the step outcomes of a few
            successful generations, which answer what fixed code asks beyond the recording; ``off``
            keeps none [``GENMON_DONORS``].

    Raises:
        GenmonError: a setting is not allowed, or the store's file or folder cannot be used.
            Nothing is left half set up; decorated code runs on.
    """
    installation = in_force.install(
        {
            "store": store,
            "service_name": service_name,
            "tracer_provider": tracer_provider,
            "registry": registry,
            "metrics": metrics,
            "metrics_port": metrics_port,
            "metrics_host": metrics_host,
            "capture": capture,
            "frameworks": frameworks,
            "redact": redact,
            "code_version": code_version,
            "journal_dir": journal_dir,
            "pseudonym_key": pseudonym_key,
            "resources": resources,
            "steps": steps,
            "steps_ignore": steps_ignore,
            "donors": donors,
        }
    )
    if installation is not None:
        add_once(installation.provider)


def shutdown(timeout_s: float = SHUTDOWN_S) -> bool:
    """Write what is left and undo :func:`setup`; decorated code runs on, and keeps nothing.

    It undoes a :class:`GenerationSpanProcessor` too, which stays in its provider and does nothing.

    Args:
        timeout_s: seconds to take at most, the exporters of spans and metrics included.

    Returns:
        Whether everything was written in time. What was not is in the journal, or counted
        as dropped. True when there was nothing to undo.
    """
    return in_force.uninstall(timeout_s)


def check_health(window_s: float = HEALTH_WINDOW_S) -> Health:
    """Judge the last hour as the page does: unhealthy iff 5 or more attempts, over half failed.

    What this process has not written yet is written first, for up to a second.

    Args:
        window_s: seconds to look back.

    Raises:
        GenmonError: genmon is not set up, or the store cannot be read.
    """
    installed = in_force.current()
    if installed is None:
        raise GenmonError(
            "check_health() needs a store, and there is none. Call setup() first, or ask "
            "'genmon health --store URL'."
        )
    return installed.health(window_s)
