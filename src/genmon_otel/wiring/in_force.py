"""Hold the one installation of this process, which ``setup()`` or a span processor asked for."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import SpanProcessor

from genmon_otel import conventions as names
from genmon_otel.errors import ConfigurationError
from genmon_otel.forks import forkable_lock
from genmon_otel.settings import Settings

if TYPE_CHECKING:
    from genmon_otel.wiring.installation import Installation

_log = logging.getLogger(names.LOGGER)

#: Seconds that ``shutdown()`` and the interpreter's exit may take.
SHUTDOWN_S: Final = 5.0
#: Options that are objects of the application's, and no settings.
_OBJECTS: Final = ("tracer_provider", "registry", "redact")

_installed: Installation | None = None
_lock = forkable_lock()


def is_replay() -> bool:
    """Whether this process replays a case: nothing is installed in it."""
    return os.environ.get(names.ENV_REPLAY) == "1"


def install(
    options: Mapping[str, Any], processor: SpanProcessor | None = None
) -> Installation | None:
    """Put an installation in force, or check that the one in force is the same.

    Args:
        options: arguments of ``setup()`` by name; None means left out, and agrees with everything.
        processor: the application's processor that asks for it; None: ``setup()`` asks.

    Returns:
        What is in force; None in the process of a replay.

    Raises:
        GenmonError: an option is not allowed, or the store's file or folder cannot be used.
    """
    global _installed
    if is_replay():
        return None
    # Imported here: a replay imports the application and must not load the database's library.
    from genmon_otel.wiring.installation import Installation

    objects = {name: options.get(name) for name in _OBJECTS}
    given = {
        name: value for name, value in options.items() if name not in objects and value is not None
    }
    _check_objects(objects["registry"], objects["redact"])
    settings = Settings.resolve(os.environ, cwd=Path.cwd(), **given)
    with _lock:
        if _installed is None:
            _installed = Installation(settings, exit_s=SHUTDOWN_S, processor=processor, **objects)
            return _installed
        if differing := _installed.differing(settings, given, objects):
            _log.warning(
                "genmon is set up already, with another %s; the first stays. "
                "Call shutdown() before to change it.",
                ", ".join(differing),
            )
        if processor is not None:
            _installed.trace_with(processor)
        return _installed


def current() -> Installation | None:
    """Return the installation in force; None: there is none."""
    return _installed


def uninstall(timeout_s: float) -> bool:
    """Close the installation in force; return whether everything was written in time."""
    global _installed
    with _lock:
        installed, _installed = _installed, None
    return installed is None or installed.close(timeout_s)


def _check_objects(registry: object, redact: object) -> None:
    """Raise ConfigurationError for a registry or redaction of the wrong type."""
    if registry is not None and not hasattr(registry, "register"):
        raise ConfigurationError(
            f"registry={registry!r} is not allowed. Give a prometheus_client.CollectorRegistry, "
            "or leave it out for the default one."
        )
    if redact is not None and not callable(redact):
        raise ConfigurationError(
            f"redact={redact!r} is not allowed. Give a function from text to text."
        )
