"""Settings: priorities, refused values, and no password in any output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genmon_otel.errors import ConfigurationError, GenmonError
from genmon_otel.settings import Settings

CWD = Path("/srv/app")


def resolve(environ: dict[str, str] | None = None, **arguments: Any) -> Settings:
    """Resolve settings as ``setup()`` does in /srv/app."""
    return Settings.resolve(environ or {}, cwd=CWD, **arguments)


def test_without_anything_the_store_is_a_file_below_the_working_directory() -> None:
    """The default store is .genmon/genmon.db, and no port is opened."""
    settings = resolve()
    assert settings.sqlite_path == CWD / ".genmon" / "genmon.db"
    assert settings.metrics_port is None
    assert settings.capture == "failures"


def test_an_argument_wins_over_its_variable() -> None:
    """Each argument has priority over its variable."""
    environ = {
        "GENMON_STORE": "sqlite:////a.db",
        "GENMON_METRICS_PORT": "1",
        "GENMON_FRAMEWORKS": "vue",
        "GENMON_CODE_VERSION": "a",
    }
    settings = resolve(
        environ, store="/b.db", metrics_port=2, frameworks=("react",), code_version="b"
    )
    assert settings.sqlite_path == Path("/b.db")
    assert (settings.metrics_port, settings.frameworks) == (2, ("react",))
    assert settings.code_version == "b"
    assert resolve(environ).frameworks == ("vue",)


def test_capture_off_in_the_environment_beats_everything() -> None:
    """GENMON_CAPTURE=off has priority over the argument; other values do not."""
    assert resolve({"GENMON_CAPTURE": "off"}, capture="all").capture == "off"
    assert resolve({"GENMON_CAPTURE": "failures"}, capture="all").capture == "all"


def test_a_secret_file_holds_the_store() -> None:
    """GENMON_STORE_FILE is read; unreadable and empty ones are refused by name."""
    kept = {"/run/store": "postgresql://u:p@h/d\n", "/run/empty": ""}

    def read(path: str) -> str:
        if path not in kept:
            raise FileNotFoundError(path)
        return kept[path]

    environ = {"GENMON_STORE_FILE": "/run/store"}
    assert Settings.resolve(environ, cwd=CWD, read_file=read).store == "postgresql://u:p@h/d"
    for path in ("/run/empty", "/run/none"):
        with pytest.raises(ConfigurationError, match="GENMON_STORE_FILE"):
            Settings.resolve({"GENMON_STORE_FILE": path}, cwd=CWD, read_file=read)
    with pytest.raises(ConfigurationError, match="itself goes into GENMON_STORE"):
        Settings.resolve({"GENMON_STORE_FILE": "genmon.db"}, cwd=CWD, read_file=read)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("genmon.db", "/srv/app/genmon.db"),
        ("sqlite:///rel.db", "/srv/app/rel.db"),
        ("sqlite:////abs.db", "/abs.db"),
        (Path("x") / "y.db", "/srv/app/x/y.db"),
        ("~/x.db", str(Path.home() / "x.db")),
    ],
)
def test_a_file_is_known_by_its_absolute_path(given: Any, path: str) -> None:
    """Every form of a SQLite file's path becomes absolute, so that a later chdir does not change it."""
    assert str(resolve(store=given).sqlite_path) == path


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"store": "mysql://u:hunter2@h/d"}, "postgresql://"),
        ({"store": "host=db user=x password=hunter2"}, "postgresql://"),
        ({"store": ":memory:"}, "Name a file"),
        ({"store": "sqlite://"}, "Name a file"),
        ({"store": "sqlite:///"}, "Name a file"),
        ({"store": "sqlite:///:memory:"}, "Name a file"),
        ({"store": 5}, "store=5"),
        ({"store": b"abc"}, "store="),
        ({"capture": "some"}, "failures"),
        ({"metrics": "statsd"}, "prometheus"),
        ({"metrics_port": 70_000}, "65535"),
        ({"metrics_port": True}, "65535"),
        ({"metrics_port": "http"}, "65535"),
        ({"metrics_host": 5}, "metrics_host"),
        ({"frameworks": 5}, "frameworks"),
        ({"frameworks": [1]}, "frameworks"),
        ({"journal_dir": 5}, "journal_dir"),
        ({"service_name": 5}, "service_name"),
        ({"code_version": 5}, "code_version"),
        ({"pseudonym_key": 5}, "pseudonym_key"),
        ({"resources": "maybe"}, "1 or 0"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_not_allowed_is_refused_at_once(arguments: dict[str, Any], word: str) -> None:
    """A wrong value raises GenmonError that says what is allowed, without any password."""
    with pytest.raises(GenmonError, match=word) as raised:
        resolve(**arguments)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GENMON_STORE", "postgres:/host"),
        ("GENMON_CAPTURE", "some"),
        ("GENMON_METRICS", "statsd"),
        ("GENMON_METRICS_PORT", "abc"),
        ("GENMON_RESOURCES", "maybe"),
    ],
)
def test_a_refused_variable_is_named(variable: str, value: str) -> None:
    """The error names the variable that gave the value, not the argument."""
    with pytest.raises(ConfigurationError, match=f"^{variable}="):
        resolve({variable: value})


@pytest.mark.parametrize(
    "variable",
    [
        "GENMON_STORE_FILE",
        "GENMON_CAPTURE",
        "GENMON_METRICS",
        "GENMON_METRICS_PORT",
        "GENMON_PSEUDONYMIZE",
        "GENMON_STEPS",
        "GENMON_DONORS",
        "GENMON_RESOURCES",
    ],
)
def test_a_connection_string_in_the_wrong_variable_is_not_quoted(variable: str) -> None:
    """The error that refuses it shows no password, nor a key that stands for ``store``."""
    with pytest.raises(ConfigurationError, match=f"^{variable}") as raised:
        resolve({variable: "postgresql://u:hunter2@h/d"})
    assert "hunter2" not in str(raised.value)
    with pytest.raises(ConfigurationError) as raised:
        resolve({"GENMON_PSEUDONYMIZE": "hunter2hunter2"})
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("argument", ["store", "frameworks", "journal_dir", "metrics_port"])
def test_bytes_that_are_refused_are_not_quoted(argument: str) -> None:
    """Of what is neither text nor a number the error shows the type alone."""
    given: Any = [b"hunter2"] if argument == "frameworks" else b"hunter2"
    with pytest.raises(ConfigurationError, match=f"^{argument}=<") as raised:
        resolve(**{argument: given})
    assert "hunter2" not in str(raised.value)


def test_pseudonyms_in_the_store_need_a_key() -> None:
    """GENMON_PSEUDONYMIZE=store is refused without a key and accepted with one."""
    with pytest.raises(ConfigurationError, match="GENMON_PSEUDONYM_KEY"):
        resolve({"GENMON_PSEUDONYMIZE": "store"})
    settings = resolve({"GENMON_PSEUDONYMIZE": "store", "GENMON_PSEUDONYM_KEY": "k"})
    assert settings.pseudonymize_store


def test_neither_key_nor_store_is_in_the_repr() -> None:
    """Printing settings shows no secret."""
    shown = repr(resolve(store="postgresql://u:hunter2@h/d", pseudonym_key="hunter3"))
    assert "hunter" not in shown
