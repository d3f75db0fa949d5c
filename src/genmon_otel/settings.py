"""Settings: one frozen object from the arguments of ``setup()`` and the environment, validated at once.

An argument has priority over its variable. ``GENMON_CAPTURE=off`` has priority over everything, so
that an operator can always switch recording off.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

from genmon_otel import conventions as names
from genmon_otel.addresses import POSTGRESQL, SQLITE, is_parseable, mask_url
from genmon_otel.errors import ConfigurationError
from genmon_otel.records import Capture

MetricsBackend = Literal["prometheus", "otlp", "none"]
Steps = Literal["auto", "decorated"]

#: Folder of the default store in the working directory.
DEFAULT_FOLDER: Final = ".genmon"
DEFAULT_FILE: Final = "genmon.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The resolved configuration. Created by :meth:`resolve`."""

    #: Connection string; by default a SQLite file in the working directory.
    store: str = field(repr=False)
    service_name: str | None = None
    capture: Capture = "failures"
    frameworks: tuple[str, ...] = ()
    metrics: MetricsBackend = "prometheus"
    #: None opens no port.
    metrics_port: int | None = None
    metrics_host: str = "127.0.0.1"
    #: None: next to the SQLite file, else in the user's state directory.
    journal_dir: Path | None = None
    #: None: derived from the git commit or the loaded sources.
    code_version: str | None = None
    #: Key of the HMAC for pseudonyms; None: no span has ``enduser.pseudo.id``.
    pseudonym_key: str | None = field(default=None, repr=False)
    #: Whether user ids are stored as pseudonyms.
    pseudonymize_store: bool = False
    #: Whether CPU time and peak memory of each generation are measured, which takes time.
    resources: bool = False
    #: Whether spans may contain the request and results.
    content_on_spans: bool = False
    #: ``auto``: outbound calls that no decorated step surrounds are steps, too.
    steps: Steps = "auto"
    #: Hosts, and paths that begin with ``/``, that are never automatic steps.
    steps_ignore: tuple[str, ...] = ()
    #: Whether step outcomes of successes are kept, from an operation's first failure on.
    donors: bool = True

    @property
    def masked_store(self) -> str:
        """The store's connection string, safe to print."""
        return mask_url(self.store)

    @property
    def sqlite_path(self) -> Path | None:
        """File of a SQLite store; None for PostgreSQL and for a database in memory."""
        scheme, _, rest = self.store.partition("://")
        if scheme.split("+")[0] != SQLITE:
            return None
        path = rest.partition("?")[0].removeprefix("/")
        return None if path in ("", ":memory:") else Path(path)

    @classmethod
    def resolve(
        cls,
        environ: Mapping[str, str],
        *,
        cwd: Path,
        read_file: Callable[[str], str] = lambda path: Path(path).read_text(encoding="utf-8"),
        **given: Any,
    ) -> Settings:
        """Merge arguments (None means unset) with the environment and validate every value.

        Args:
            environ: usually ``os.environ``.
            cwd: folder that relative paths and the default store are in.
            read_file: returns the text of the file that ``GENMON_STORE_FILE`` names.
            given: arguments of ``setup()``, by the names of this class's fields.

        Raises:
            ConfigurationError: a value is not allowed.
        """

        def pick(argument: str, variable: str, default: Any = None) -> tuple[str, Any]:
            """Return the name of the argument or variable that gave the value, and the value."""
            value = given.get(argument)
            if value is None and environ.get(variable):
                return variable, environ[variable]
            return argument, default if value is None else value

        capture = _choice(*pick("capture", names.ENV_CAPTURE, "failures"), get_args(Capture))
        if environ.get(names.ENV_CAPTURE, "").strip().lower() == "off":
            capture = "off"
        return cls(
            store=_store(*pick("store", names.ENV_STORE), environ, cwd, read_file),
            service_name=_text(*pick("service_name", names.ENV_SERVICE_NAME)),
            capture=cast(Capture, capture),
            frameworks=_words(*pick("frameworks", names.ENV_FRAMEWORKS, ())),
            metrics=cast(
                MetricsBackend,
                _choice(
                    *pick("metrics", names.ENV_METRICS, "prometheus"), get_args(MetricsBackend)
                ),
            ),
            metrics_port=_port(*pick("metrics_port", names.ENV_METRICS_PORT)),
            metrics_host=_text(*pick("metrics_host", names.ENV_METRICS_HOST)) or "127.0.0.1",
            journal_dir=_path(*pick("journal_dir", names.ENV_JOURNAL_DIR)),
            code_version=_text(*pick("code_version", names.ENV_CODE_VERSION)),
            pseudonym_key=_text(*pick("pseudonym_key", names.ENV_PSEUDONYM_KEY)),
            pseudonymize_store=_pseudonymize(environ),
            resources=parse_flag(*pick("resources", names.ENV_RESOURCES)),
            content_on_spans=environ.get(names.ENV_CAPTURE_CONTENT, "").strip().upper()
            in ("SPAN_ONLY", "SPAN_AND_EVENT", "TRUE"),
            steps=cast(Steps, _choice(*pick("steps", names.ENV_STEPS, "auto"), get_args(Steps))),
            steps_ignore=_words(*pick("steps_ignore", names.ENV_STEPS_IGNORE, ())),
            donors=_choice(*pick("donors", names.ENV_DONORS, "on"), ("on", "off")) == "on",
        )


def parse_flag(name: str, value: Any) -> bool:
    """Parse an on/off value; unset and empty are off.

    Raises:
        ConfigurationError: the value is neither on nor off.
    """
    if isinstance(value, bool):
        return value
    text = str(value or "").strip().lower()
    if text in ("", "0", "false", "no", "off"):
        return False
    if text in ("1", "true", "yes", "on"):
        return True
    raise ConfigurationError(f"{name}={_shown(value)} is not allowed. Use 1 or 0.")


def _store(
    source: str,
    value: Any,
    environ: Mapping[str, str],
    cwd: Path,
    read_file: Callable[[str], str],
) -> str:
    if value is None and (path := environ.get(names.ENV_STORE_FILE)):
        source = names.ENV_STORE_FILE
        try:
            value = read_file(path).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"{names.ENV_STORE_FILE}={_shown(path)} cannot be read ({error.__class__.__name__}). "
                "It must name a text file that holds the connection string; the path of a SQLite file "
                f"itself goes into {names.ENV_STORE}."
            ) from None
        if not value:
            raise ConfigurationError(
                f"{names.ENV_STORE_FILE}={_shown(path)} is empty. It must hold the connection string."
            )
    if value is None:
        return f"{SQLITE}:///{cwd / DEFAULT_FOLDER / DEFAULT_FILE}"
    if not isinstance(value, (str, os.PathLike)):
        raise _error(source, value, "a path, 'sqlite:///path' or 'postgresql://user@host/db'")
    text = os.fspath(value).strip()
    if "://" not in text:
        if not text or not is_parseable(text) or "\n" in text or "\0" in text:
            raise ConfigurationError(
                f"{source}={mask_url(text)[:60]!r} is not allowed. Give a path, 'sqlite:///path' or "
                "'postgresql://user@host/database'."
            )
        return f"{SQLITE}:///{_absolute_database(text, cwd)}"
    scheme = text.partition("://")[0].lower()
    dialect, _, driver = scheme.partition("+")
    if dialect == "postgres":
        dialect = POSTGRESQL
    if dialect not in (SQLITE, POSTGRESQL) or driver not in ("", "psycopg", "pysqlite"):
        raise ConfigurationError(
            f"The store {mask_url(text)!r} is of a kind that genmon does not know ({scheme}). "
            "Use 'sqlite:///path' or 'postgresql://user@host/database' "
            '(with pip install "genmon-otel[postgres]").'
        )
    if not is_parseable(text):
        raise ConfigurationError(
            f"{source}={mask_url(text)!r} cannot be read as a connection string. Use "
            "'sqlite:///path' or 'postgresql://user:password@host:5432/database', with %40 for an @, "
            "%3A for a : and %2F for a / in user, password or database."
        )
    rest = text.partition("://")[2]
    if dialect == SQLITE:
        path, mark, query = rest.removeprefix("/").partition("?")
        rest = f"/{_absolute_database(path, cwd)}{mark}{query}"
    return f"{dialect}://{rest}"


def _absolute_database(path: str, cwd: Path) -> str:
    """Return the absolute path of a SQLite file, so that a later ``chdir`` does not change it."""
    if path in ("", ":memory:"):
        raise ConfigurationError(
            "A store in memory is not allowed: no other process could read it. "
            "Name a file, for example 'genmon.db'."
        )
    return os.path.realpath(cwd / Path(path).expanduser())  # no error for a link to itself


def _choice(argument: str, value: Any, allowed: Iterable[str]) -> str:
    text = str(value).strip().lower()
    options = tuple(allowed)
    if text not in options:
        raise ConfigurationError(
            f"{argument}={_shown(value)} is not allowed. Use one of: {', '.join(options)}."
        )
    return text


def _error(argument: str, value: Any, allowed: str) -> ConfigurationError:
    return ConfigurationError(f"{argument}={_shown(value)} is not allowed. Give {allowed}.")


def _shown(value: Any) -> str:
    """Return a refused value for a message: a connection string in the wrong place without its secrets.

    Only the type of what is neither text nor a number: it may be a secret as bytes.
    """
    if isinstance(value, str):
        return repr(mask_url(value))
    return repr(value) if isinstance(value, (int, float)) else f"<{type(value).__name__}>"


def _text(argument: str, value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value):
        return value
    raise _error(argument, value, "text, or leave it out")


def _words(argument: str, value: Any) -> tuple[str, ...]:
    words = value.split(",") if isinstance(value, str) else value
    if not (isinstance(words, Iterable) and all(isinstance(word, str) for word in words)):
        raise _error(argument, value, "a sequence of names, for example ('react', 'vue')")
    return tuple(word.strip() for word in words if word.strip())


def _port(argument: str, value: Any) -> int | None:
    if value is None:
        return None
    try:
        port = -1 if isinstance(value, (bool, float)) else int(value)
    except (TypeError, ValueError):
        port = -1
    if not 0 <= port <= 65535:
        raise ConfigurationError(
            f"{argument}={_shown(value)} is not allowed. Give a port from 1 to 65535, "
            "0 for any free one, or leave it out to open none."
        )
    return port


def _path(argument: str, value: Any) -> Path | None:
    if value is None or isinstance(value, (str, os.PathLike)):
        return None if value is None else Path(os.fspath(value)).expanduser().absolute()
    raise _error(argument, value, "a folder's path, or leave it out")


def _pseudonymize(environ: Mapping[str, str]) -> bool:
    value = environ.get(names.ENV_PSEUDONYMIZE, "").strip().lower()
    if value not in ("", "store", "off", "0"):
        raise ConfigurationError(
            f"{names.ENV_PSEUDONYMIZE} has a value that is not allowed. Use 'store' or leave it out; "
            f"the key goes into {names.ENV_PSEUDONYM_KEY}."
        )
    if value == "store" and not environ.get(names.ENV_PSEUDONYM_KEY):
        raise ConfigurationError(
            f"{names.ENV_PSEUDONYMIZE}=store needs a key. Set {names.ENV_PSEUDONYM_KEY} to a "
            "long random secret; the same one in every process."
        )
    return value == "store"
