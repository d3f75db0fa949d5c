"""What an exception is called, what it quotes, and which of two equals decides."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from genmon_otel.classification import classify
from genmon_otel.payload import decode_exception, encode_exception


@pytest.mark.parametrize(
    "name",
    "RateLimitError TimeoutError ValidationError QuotaExceeded InvalidApiKey BadJson NpmError "
    "ModelTimeoutError PackageNotFoundError ServiceUnavailable OverloadedError".split(),
)
def test_a_name_alone_says_nothing(name: str) -> None:
    """An application's own class is told by what it derives from, never by what it is called."""
    assert classify(type(name, (Exception,), {"__module__": "shop.errors"})()).category == "unknown"
    derived = type(name, (TimeoutError,), {"__module__": "shop.errors"})
    assert classify(derived()).category == "ai_timeout"


def test_a_status_that_a_class_answers_with_says_nothing() -> None:
    """What the instance was given counts; what the class says is the application's own answer."""
    kind = type("OrderError", (Exception,), {"__module__": "shop.errors", "status_code": 503})
    error = kind("no such order")
    assert classify(error).category == "unknown"
    error.__dict__["status_code"] = 503
    assert classify(error).category == "provider_error"


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.EISDIR, errno.EMFILE])
def test_a_path_tells_nothing(number: int) -> None:
    """What a folder is called is no failure of the model."""
    path = "/srv/app/rate_limit/timed out/invalid api key.json"
    found = classify(OSError(number, os.strerror(number), path))
    assert (found.category, found.severity) == ("unknown", "medium")


@pytest.mark.parametrize(
    "program", ["playwright", "./node_modules/.bin/astro", "nope", "shop-tool"]
)
def test_a_program_that_is_not_there_is_a_dependency(program: str) -> None:
    """As ``subprocess`` and ``asyncio`` say it, and as a replay raises it again; a file is none."""
    with pytest.raises(FileNotFoundError) as caught:
        subprocess.run([program], check=True, env={"PATH": "/nowhere"})
    with pytest.raises(FileNotFoundError) as by_asyncio:
        asyncio.run(asyncio.create_subprocess_exec(program, env={"PATH": "/nowhere"}))
    again = decode_exception(encode_exception(caught.value))
    for error in (caught.value, by_asyncio.value, again):
        assert classify(error).category == "dependency_error"


def test_a_file_or_a_folder_that_is_not_there_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare name tells nothing where nobody was to execute it."""
    monkeypatch.chdir(tmp_path)
    for opened in (
        lambda: open("nope"),  # noqa: SIM115 - it is not there
        lambda: subprocess.run([sys.executable, "-V"], cwd="nope", check=True),
    ):
        with pytest.raises(FileNotFoundError) as caught:
            opened()
        assert classify(caught.value).category == "unknown"


def test_an_answer_that_breaks_off_is_the_providers() -> None:
    """asyncio's streams say it in a type of their own."""

    async def read() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(b"abc")
        reader.feed_eof()
        await reader.readexactly(10)

    with pytest.raises(asyncio.IncompleteReadError) as caught:
        asyncio.run(read())
    assert classify(caught.value).category == "provider_error"


def test_of_equals_the_one_that_knows_how_bad_it_is_decides() -> None:
    """A refused key stays critical under a bare ``ConnectionError``."""
    refused = type("AuthenticationError", (Exception,), {"__module__": "openai"})()
    error = ConnectionError("gateway call failed")
    error.__cause__ = refused
    found = classify(error)
    assert (found.category, found.severity) == ("provider_error", "critical")
    assert found.decided_by is refused


def test_what_is_not_found_is_no_refused_key() -> None:
    """Providers advise to check one's access when a model's name is wrong."""
    kind = type("NotFoundError", (Exception,), {"__module__": "openai", "status_code": 404})
    error = kind("model 'x' not found, make sure that you have access to the model")
    assert classify(error).severity == "high"


@pytest.mark.parametrize(
    ("error", "severity"),
    [
        (psycopg.errors.DiskFull('could not extend file "base/1/2": No space left'), "critical"),
        (psycopg.errors.OutOfMemory("out of memory"), "critical"),
        (psycopg.errors.DeadlockDetected("deadlock detected"), "medium"),
    ],
)
def test_the_stores_own_disk_and_memory_are_critical(error: Exception, severity: str) -> None:
    """A database that gave out is no less grave than the machine it runs on."""
    found = classify(error)
    assert (found.category, found.severity) == ("unknown", severity)


@pytest.mark.parametrize("message", ["exited with code -9", "exit status: 139"])
def test_a_program_that_was_killed_is_critical(message: str) -> None:
    """However its end is written into a message."""
    assert classify(RuntimeError(f"render subprocess {message}")).severity == "critical"
