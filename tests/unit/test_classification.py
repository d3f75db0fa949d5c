"""Category and severity of real exceptions, real tool output and people's own messages."""

from __future__ import annotations

import ast
import asyncio
import concurrent.futures
import errno
import importlib
import json
import os
import socket
import sqlite3
import ssl
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import marshmallow
import pydantic
import pytest
import sqlalchemy
import sqlalchemy.exc
import tenacity
import yaml
from hypothesis import given
from hypothesis import strategies as st

from genmon_otel.classification import classify, classify_text, explain
from genmon_otel.classification.logged import plain
from genmon_otel.records import Category, Severity
from tests.evidence_kit import class_named
from tests.table_kit import each, rows
from tests.work_kit import growth, instructions

TOOL_OUTPUT = sorted((Path(__file__).parents[1] / "data" / "tool_output").glob("*/*.txt"))


class GenerationError(Exception):
    """An application's own exception, which says nothing by its type."""


def escaped(call: Callable[[], object]) -> BaseException:
    """The exception that leaves a call."""
    try:
        call()
    except BaseException as error:
        return error
    pytest.fail("nothing was raised")


def answer(error: BaseException) -> tuple[str, str]:
    """Category and severity, as text."""
    found = classify(error)
    return str(found.category), str(found.severity)


# --- tool output -----------------------------------------------------------------------


@each("path", TOOL_OUTPUT)
def test_output_of_a_tool_is_told_however_it_is_carried(path: Path) -> None:
    """Genuine output decides, captured as bytes or text or pasted into a message."""
    text = path.read_text()
    category = path.parent.name.removesuffix("_critical")
    stamped = "".join(
        f"2026-01-02T03:04:05.678Z web-build | {line}\n" for line in text.splitlines()
    )
    carriers = [
        subprocess.CalledProcessError(1, ["tool"], output=text.encode()),
        subprocess.CalledProcessError(1, ["tool"], stderr=text),
        subprocess.CalledProcessError(1, ["tool"], output="", stderr=text.replace("\n", "\r\n")),
        RuntimeError(f"build failed:\n{text}"),
        RuntimeError(f"build failed: {text.encode()!r}"),
        RuntimeError(stamped),
    ]
    for carrier in carriers:
        found = classify(carrier)
        assert found.category == category, found
        if path.parent.name.endswith("critical"):
            assert found.severity is Severity.CRITICAL


def test_there_is_genuine_output_of_every_tool() -> None:
    """The captured files cover the tools the design names."""
    tools = {path.stem.partition("_")[0].rstrip("4") for path in TOOL_OUTPUT}
    named = "npm pnpm yarn pip uv tsc esbuild vite webpack babel node eslint"
    assert set(named.split()) <= tools


# --- real exceptions ----------------------------------------------------------------------


class Plan(pydantic.BaseModel):
    """A model's answer should look like this."""

    title: str
    pages: int


class PlanSchema(marshmallow.Schema):
    """The same for marshmallow."""

    pages = marshmallow.fields.Int(required=True)


def retry_for_ever() -> None:
    """Give up the tenacity way."""

    @tenacity.retry(stop=tenacity.stop_after_attempt(2))
    def call() -> None:
        raise TimeoutError("no answer")

    call()


async def too_slow() -> None:
    """Run into an asyncio deadline."""
    await asyncio.wait_for(asyncio.sleep(5), 0.001)


def no_database() -> None:
    """Ask a store that is not there."""
    sqlalchemy.create_engine("postgresql+psycopg://u:p@127.0.0.1:9/d").connect()


def refuse_twice() -> None:
    """Break a constraint."""
    with sqlalchemy.create_engine("sqlite://").connect() as connection:
        connection.execute(sqlalchemy.text("create table t (a int not null)"))
        connection.execute(sqlalchemy.text("insert into t values (null)"))


def locked() -> None:
    """Ask sqlite for a table it lacks."""
    sqlite3.connect(":memory:").execute("select * from nothing")


def parse_answer() -> None:
    """Let LangChain parse an answer that is none."""
    from langchain_core.output_parsers import JsonOutputParser

    JsonOutputParser().parse("I would rather not")


def timeout_accept() -> None:
    """Wait on a socket for nobody."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.01)
        server.accept()


def connect_tls() -> None:
    """Refuse a certificate."""
    raise ssl.SSLCertVerificationError(1, "certificate verify failed")


TIMEOUT = ("ai_timeout", "high")
BROKEN = ("provider_error", "high")
VALIDATION = ("validation_error", "high")
DEPENDENCY = ("dependency_error", "high")
SYNTAX = ("syntax_error", "medium")
UNKNOWN = ("unknown", "medium")
MACHINE = ("unknown", "critical")

REAL: tuple[tuple[tuple[str, str], Callable[[], object]], ...] = (
    (TIMEOUT, lambda: asyncio.run(too_slow())),
    (TIMEOUT, lambda: concurrent.futures.Future[None]().result(timeout=0)),
    (TIMEOUT, timeout_accept),
    (TIMEOUT, retry_for_ever),
    (TIMEOUT, lambda: os_error(errno.ETIMEDOUT)),
    (BROKEN, lambda: socket.create_connection(("127.0.0.1", 9), 1)),
    (BROKEN, lambda: socket.getaddrinfo("no-such-host.invalid", 443)),
    (BROKEN, connect_tls),
    (BROKEN, lambda: os_error(errno.EHOSTUNREACH)),
    (VALIDATION, lambda: Plan.model_validate({"title": 1})),
    (SYNTAX, lambda: Plan.model_validate_json("{")),
    (VALIDATION, lambda: jsonschema.validate({}, {"required": ["a"]})),
    (VALIDATION, lambda: PlanSchema().load({})),
    (SYNTAX, parse_answer),
    (VALIDATION, refuse_twice),
    (DEPENDENCY, lambda: importlib.import_module("no_such_package_here")),
    (DEPENDENCY, lambda: importlib.metadata.version("no-such-package-here")),
    (DEPENDENCY, lambda: exec("from json import nothing")),
    (DEPENDENCY, lambda: subprocess.run(["pnpm"], check=True, env={"PATH": "/nowhere"})),
    (SYNTAX, lambda: json.loads("{")),
    (SYNTAX, lambda: yaml.safe_load("a: [")),
    (SYNTAX, lambda: tomllib.loads("a =")),
    (SYNTAX, lambda: ast.parse("def f(:")),
    (SYNTAX, lambda: compile("if True:\nx", "x", "exec")),
    (SYNTAX, lambda: ast.literal_eval("f(x)")),
    (SYNTAX, lambda: ET.fromstring("<a>")),
    (UNKNOWN, no_database),
    (UNKNOWN, locked),
    (UNKNOWN, lambda: {}["timeout"]),
    (UNKNOWN, lambda: None.rate_limit),  # type: ignore[attr-defined]
    (UNKNOWN, lambda: Path("/no/such/file/here").read_text()),
    (UNKNOWN, lambda: 1 / 0),
    (MACHINE, lambda: os_error(errno.ENOSPC)),
    (MACHINE, lambda: os_error(errno.EDQUOT)),
    (MACHINE, lambda: bytearray(sys.maxsize)),
    (DEPENDENCY, lambda: sqlalchemy.create_engine("nosuchdialect://x")),
)  # fmt: skip


def os_error(number: int) -> None:
    """Fail as the operating system does."""
    raise OSError(number, os.strerror(number), "/tmp/x")


@each("expected, call", REAL)
def test_a_real_exception_is_told(expected: tuple[str, str], call: Callable[[], object]) -> None:
    """Whatever raised it, and however an application wraps it."""
    check_told(expected, call)


def check_told(expected: tuple[str, str], call: Callable[[], object]) -> None:
    """Check what is made of the exception that leaves a call, bare and wrapped."""
    error = escaped(call)
    assert answer(error) == expected, repr(error)
    wrapped = escaped(lambda: wrap(error))
    assert answer(wrapped) == expected
    if expected != UNKNOWN:
        assert classify(wrapped).decided_by is not wrapped


def wrap(error: BaseException) -> None:
    """Raise an exception of the application's own from another."""
    raise GenerationError("could not build the app") from error


# --- chains --------------------------------------------------------------------------------


def test_the_most_telling_exception_decides() -> None:
    """A known type further down outweighs words further up, and is named."""
    cause = json.JSONDecodeError("Expecting value", "", 0)
    error = escaped(lambda: raise_from(GenerationError("Request timed out."), cause))
    found = classify(error)
    assert (found.category, found.decided_by) == (Category.SYNTAX_ERROR, cause)
    assert found.error_type == "json.decoder.JSONDecodeError"
    assert found.rule == "type:json.JSONDecodeError"


def raise_from(error: BaseException, cause: BaseException | None) -> None:
    """Chain and raise."""
    raise error from cause


def test_the_outermost_of_equals_decides() -> None:
    """A parser that says what it thinks of broken JSON is believed."""
    error = escaped(parse_answer)
    assert error.__cause__ is not None
    assert classify(error).decided_by is error


def test_members_of_groups_are_looked_at() -> None:
    """A task group's failure is what its tasks failed of."""
    inner = TimeoutError("x")
    group = ExceptionGroup("tasks", [GenerationError("x"), ExceptionGroup("more", [inner])])
    assert classify(group).decided_by is inner


def test_context_is_looked_at_only_when_all_else_is_silent() -> None:
    """What was being handled tells something only where nobody said anything."""

    def clumsy() -> None:
        try:
            raise TimeoutError
        except TimeoutError:
            raise GenerationError("oh no")  # noqa: B904

    def says_something() -> None:
        try:
            raise TimeoutError
        except TimeoutError:
            raise GenerationError("No module named 'x'")  # noqa: B904

    def says_not() -> None:
        try:
            raise TimeoutError
        except TimeoutError:
            raise GenerationError("oh no") from None

    assert answer(escaped(clumsy)) == TIMEOUT
    assert answer(escaped(says_something)) == DEPENDENCY
    assert answer(escaped(says_not)) == UNKNOWN


def test_the_own_store_hides_what_its_driver_met() -> None:
    """A refused connection under SQLAlchemy is not the model provider's."""
    error = escaped(no_database)
    assert isinstance(error, sqlalchemy.exc.OperationalError)
    assert classify(error).decided_by is error


def test_nothing_known_is_unknown() -> None:
    """The escaping exception names the type, and nobody decided."""
    found = classify(GenerationError("oh"))
    assert (found.category, found.severity, found.rule) == ("unknown", "medium", "")
    assert found.decided_by is None
    assert found.error_type.endswith("GenerationError")


# --- text alone ----------------------------------------------------------------------------


@each("row", rows("classification/texts.jsonl"))
def test_a_span_is_told_by_its_text(row: dict[str, str]) -> None:
    """Where only error.type and a description are left."""
    found = classify_text(row["type"], row["message"])
    assert (found.category, found.severity) == (row["category"], row["severity"])
    assert found.decided_by is None


# --- hostile input -------------------------------------------------------------------------


class Hostile(Exception):
    """Nothing of it can be read."""

    def __getattribute__(self, name: str) -> object:
        raise KeyboardInterrupt(name)

    def __str__(self) -> str:
        raise SystemExit

    __repr__ = __str__
    __eq__ = None  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


class Lying(Exception):
    """Its properties raise and its status is no number."""

    status_code = "NaN"
    response = property(lambda self: 1 / 0)
    body = property(lambda self: self.body)

    @property
    def code(self) -> int:
        """Raise what is no Exception."""
        raise GeneratorExit


@each("kind", [Hostile, Lying])
def test_a_hostile_exception_is_classified_by_what_can_be_read(kind: type[Exception]) -> None:
    """It neither raises nor takes its cause down with it."""
    error = kind("model timed out")
    assert classify(error).category in ("unknown", "ai_timeout")
    BaseException.__dict__["__cause__"].__set__(error, TimeoutError())
    assert answer(error) == TIMEOUT


def test_cycles_and_endless_chains_end() -> None:
    """Bounded whatever points at what."""
    one, two = GenerationError("one"), GenerationError("two")
    one.__cause__, two.__cause__ = two, one
    one.args = (one, two)
    assert answer(one) == UNKNOWN
    error: BaseException = TimeoutError()
    work = {}
    for length in range(1, 20_001):
        outer = GenerationError("again")
        outer.__cause__ = error
        error = outer
        if length in (200, 20_000):
            work[length] = instructions(partial(classify, error))
    assert classify(error).category in ("unknown", "ai_timeout")
    assert work[20_000] < 2 * work[200]
    while error.__cause__ is not None:  # unlink, lest the interpreter's own recursion does
        error.__cause__, error = None, error.__cause__


def test_of_a_long_chain_a_bounded_part_is_read() -> None:
    """However many causes, contexts and members: so many messages, and few of them as a whole."""
    read: list[int] = []

    class Read(Exception):
        def __str__(self) -> str:
            read.append(1)
            return "x y " * 1_000

    def chained(count: int, *, explicit: bool) -> BaseException:
        error: BaseException = Read()
        for _ in range(count):
            outer = Read()
            outer.__context__ = error
            if explicit:
                outer.__cause__ = error
            error = outer
        return error

    group = ExceptionGroup("many", [Read(number) for number in range(1_000)])
    for error in (chained(500, explicit=True), chained(500, explicit=False), group):
        read.clear()
        assert classify(error).category is Category.UNKNOWN
        assert len(read) <= 200
    outermost = innermost = chained(20, explicit=False)
    while innermost.__context__ is not None:
        innermost = innermost.__context__
    innermost.__cause__ = TimeoutError("Request timed out.")
    assert classify(outermost).category is Category.AI_TIMEOUT


@each("unit", ["x", "model ", "api key ", "error: expected ", "timed out ", "429 ", "_a"])
def test_twenty_megabytes_cost_no_more_than_their_ends(unit: str) -> None:
    """Text is cut before anything is searched for."""
    long, longer = (unit * (size // len(unit)) for size in (200_000, 20_000_000))
    for made in (
        GenerationError,
        lambda text: subprocess.CalledProcessError(1, ["npm"], stderr=text.encode()),
    ):
        assert growth(partial(classify, made(long)), partial(classify, made(longer))) < 10
    classify_text(longer, longer)


@given(st.text(), st.text())
def test_any_text_gets_a_known_category_every_time(error_type: str, message: str) -> None:
    """Total and deterministic."""
    first = classify_text(error_type, message)
    assert first.category in Category.known()
    assert first == classify_text(error_type, message)
    assert classify(GenerationError(message)).category in Category.known()


@given(
    st.dictionaries(
        st.sampled_from(
            ["status_code", "code", "type", "body", "response", "stderr", "args", "reason"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        ),
    )
)
def test_any_attributes_get_a_known_category(attributes: dict[str, object]) -> None:
    """What an exception carries may be anything."""
    error = GenerationError("x")
    vars(error).update(attributes)
    assert classify(error).category in Category.known()


def test_it_takes_about_a_thousand_instructions() -> None:
    """The hot path of a failing call: microseconds."""
    errors = [TimeoutError("x"), GenerationError("Request timed out."), KeyError("x")]
    for error in errors:
        classify(error)
    for error in errors:
        assert instructions(partial(classify, error)) < 1_800


@each("logged, printed", rows("classification/logged.jsonl"))
def test_what_a_log_did_to_output_is_undone(logged: str, printed: str) -> None:
    """Quoting and stamps go, Windows' paths stay."""
    assert plain(logged) == printed


def test_the_code_of_an_mcp_client_decides() -> None:
    """A server that is too slow, broken or gone is the environment's; a tool's own error is not."""
    kind = class_named("mcp.shared.exceptions.McpError", ["Exception"])
    wanted = {
        -32001: "ai_timeout",
        -32603: "provider_error",
        -32000: "provider_error",
        32600: "provider_error",
        408: "ai_timeout",
        -32700: "syntax_error",
        -32602: "unknown",
    }
    got = {}
    for code in wanted:
        plain, nested = kind("no"), kind("no")
        plain.code, nested.error = code, SimpleNamespace(code=code)  # type: ignore[attr-defined]
        found = {str(classify(error).category) for error in (plain, nested)}
        got[code] = found.pop() if len(found) == 1 else found
    assert got == wanted
    assert "JSON-RPC code -32001" in explain("mcp:-32001")
