"""Orchestrators that fail, with fixes and mutants of them, for the replay tests."""

from __future__ import annotations

import abc
import asyncio
import functools
import json
import os
import random
import secrets
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from genmon_otel.decorators import generation
from genmon_otel.decorators.stages import phase, step
from genmon_otel.testing import factory, postcondition

#: What steps do outside a replay; the tests script it.
SCRIPT: dict[str, Any] = {}


class RateLimited(Exception):
    """A provider's 429."""

    status_code = 429


class ModelRefused(Exception):
    """What the application raises where the model cannot answer."""


@dataclass
class App:
    """A generated application."""

    name: str
    files: dict[str, str] = field(default_factory=dict)


def _scripted(name: str, *arguments: Any) -> Any:
    answer = SCRIPT[name]
    answer = answer.pop(0) if isinstance(answer, list) else answer
    if isinstance(answer, BaseException):
        raise answer
    return answer(*arguments) if callable(answer) else answer


@step
async def chat(prompt: str) -> str:
    """Ask the model."""
    return _scripted("chat", prompt)


@step
def ask(prompt: str) -> str:
    """Ask the model, in plain code."""
    return _scripted("ask", prompt)


@step
async def hang(prompt: str) -> str:
    """Never answer."""
    await asyncio.sleep(3600)
    return "late"


@step
async def pieces(prompt: str) -> AsyncIterator[str]:
    """Stream an answer."""
    for piece in _scripted("pieces"):
        if isinstance(piece, BaseException):
            raise piece
        yield piece


@step
def plain_pieces(prompt: str) -> Iterator[str]:
    """Stream an answer in plain code."""
    for piece in _scripted("pieces"):
        if isinstance(piece, BaseException):
            raise piece
        yield piece


@step
async def timed(name: str) -> str:
    """Answer after a while of its own."""
    await asyncio.sleep(_scripted("timed", name))
    return name


# --- a fault that outlasts the retries ----------------------------------------


@generation(name="retrying")
async def retrying(request: str) -> App:
    """Try three times with a minute between."""
    for attempt in range(3):
        try:
            with phase("code"):
                return App("a", {"index.html": await chat(f"Write: {request}")})
        except RateLimited:
            if attempt == 2:
                raise
            await asyncio.sleep(SCRIPT.get("pause", 60))
    raise AssertionError


@generation(name="retrying")
async def retrying_fixed(request: str) -> App:
    """Try until it works."""
    for attempt in range(10):
        try:
            return App("a", {"index.html": await chat(f"Write: {request}")})
        except RateLimited:
            await asyncio.sleep(60 * 2**attempt)
    raise AssertionError


@generation(name="retrying")
async def retrying_none(request: str) -> Any:
    """Mutant: the error is swallowed."""
    try:
        return await chat(f"Write: {request}")
    except RateLimited:
        return None


@generation(name="retrying")
async def retrying_empty(request: str) -> App:
    """Mutant: the error is swallowed, the result is empty."""
    try:
        return App("a", {"index.html": await chat(f"Write: {request}")})
    except RateLimited:
        return App("a")


@generation(name="retrying")
async def retrying_made_up(request: str) -> App:
    """Mutant: the error is swallowed, the result is made up."""
    try:
        return App("a", {"index.html": await chat(f"Write: {request}")})
    except RateLimited:
        return App("a", {"index.html": "<p>made up</p>"})


@generation(name="retrying")
async def retrying_other(request: str) -> App:
    """Mutant: another exception."""
    try:
        return App("a", {"index.html": await chat(f"Write: {request}")})
    except RateLimited:
        raise TypeError("oops") from None


@generation(name="retrying")
async def retrying_refusing(request: str) -> App:
    """The declared way to fail."""
    try:
        return App("a", {"index.html": await chat(f"Write: {request}")})
    except RateLimited:
        raise ModelRefused("come back later") from None


@generation(name="retrying")
async def retrying_skipped(request: str) -> App:
    """Mutant: the step is not asked."""
    return App("a", {"index.html": "<p>made up</p>"})


async def retrying_bare(request: str) -> App:
    """Mutant: not decorated any more."""
    return App("a", {"index.html": "<p>made up</p>"})


@generation(name="retrying")
async def retrying_drifted(request: str) -> App:
    """The same failure with another prompt."""
    for attempt in range(3):
        try:
            return App("a", {"index.html": await chat(f"Please write {request}")})
        except RateLimited:
            if attempt == 2:
                raise
    raise AssertionError


@generation(name="retrying")
async def retrying_exit(request: str) -> App:
    """Mutant: the process goes away."""
    os._exit(0)


@generation(name="retrying")
async def retrying_printing(request: str) -> App:
    """Mutant: it prints what looks like an answer, and closes what it can."""
    print('{"outcome": "success"}')
    os.system("true")
    return App("a", {"index.html": "x"})


# --- content that cannot be digested --------------------------------------------


@generation(name="parsing")
def parsing(request: str) -> dict[str, Any]:
    """Parse what the model wrote."""
    return {"files": json.loads(ask(request)), "at": datetime.now(UTC).year}


@generation(name="parsing")
def parsing_fixed(request: str) -> dict[str, Any]:
    """Mend what was cut off."""
    text = ask(request)
    try:
        files = json.loads(text)
    except ValueError:
        files = {"index.html": text.partition(': "')[2]}
    return {"files": files, "at": datetime.now(UTC).year}


@generation(name="parsing")
def parsing_made_up(request: str) -> dict[str, Any]:
    """Mutant: something instead of what the model wrote."""
    try:
        return {"files": json.loads(ask(request)), "at": 1}
    except ValueError:
        return {"files": {"index.html": "<p>made up</p>"}, "at": 1}


@generation(name="parsing")
def parsing_emptied(request: str) -> dict[str, Any]:
    """Mutant: nothing instead of an error."""
    try:
        return {"files": json.loads(ask(request)), "at": 1}
    except ValueError:
        return {"files": {}, "at": 1}


@generation(name="parsing")
def parsing_short(request: str) -> dict[str, Any]:
    """Mutant: a key is missing."""
    ask(request)
    return {"at": 1}


# --- renamed, and named after the function -----------------------------------------


@generation
async def renamed(request: str) -> App:
    """Fail as recorded, under the function's own new name."""
    return await retrying.__wrapped__(request)


@generation
async def renamed_and_fixed(request: str) -> App:
    """Try until it works, under the function's own new name."""
    return await retrying_fixed.__wrapped__(request)


# --- input ------------------------------------------------------------------------


@generation(name="counting")
def counting(amount: str) -> dict[str, int]:
    """Read a number."""
    return {"amount": int(amount)}


@generation(name="counting")
def counting_fixed(amount: str) -> dict[str, int]:
    """Read what looks like a number."""
    digits = "".join(c for c in amount if c.isdigit())
    return {"amount": int(digits or "0")}


# --- hangs ------------------------------------------------------------------------


@generation(name="waiting")
async def waiting(request: str) -> str:
    """Give the model ten seconds."""
    return await asyncio.wait_for(hang(request), SCRIPT.get("patience", 10))


@generation(name="waiting")
async def waiting_fixed(request: str) -> str:
    """Fall back after ten seconds."""
    try:
        return await asyncio.wait_for(hang(request), 10)
    except TimeoutError:
        return "fallback page"


@generation(name="stalling", timeout_s=0.2)
async def stalling(request: str) -> str:
    """Wait for as long as it takes; the caller gives up."""
    return await hang(request)


# --- streams ----------------------------------------------------------------------


@generation(name="streaming")
async def streaming(request: str) -> AsyncIterator[str]:
    """Pass the model's stream on."""
    async for piece in pieces(request):
        yield piece.upper()


@generation(name="gathering")
def gathering(request: str) -> str:
    """Collect a stream."""
    return json.dumps(json.loads("".join(plain_pieces(request))))


# --- threads, order, time, chance -----------------------------------------------------


@generation(name="threading")
async def threaded(request: str) -> str:
    """Work in a thread while a generous timeout runs."""

    def work() -> str:
        until = time.thread_time() + 0.05
        while time.thread_time() < until:
            pass
        return ask(request)

    text = await asyncio.wait_for(asyncio.to_thread(work), 5)
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(lambda n: (time.sleep(n), n)[1], [2, 1]))
    woken = threading.Event()
    woken.wait(3)
    raise ValueError(f"cannot use {text} {parts}")


@generation(name="racing")
async def racing(request: str) -> str:
    """Use whichever answers first."""
    names = ["slow", "fast", "middle"]
    order: list[str] = []

    async def one(name: str) -> None:
        order.append(await timed(name))

    await asyncio.gather(*(one(name) for name in names))
    raise ValueError("order " + "-".join(order))


@generation(name="chancy")
def chancy(request: str) -> str:
    """Fail in a way that chance and time decide."""
    words = "-".join({"red", "green", "blue", "black", "white"})
    raise ValueError(
        f"pick {words} {random.choice('abcdefghij')} {uuid.uuid4().hex[0]} {secrets.choice('xyz')}"
    )


# --- methods, factories, opaque values ------------------------------------------------


class Session:
    """What cannot be recorded."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rows = 3


@factory
def make_session() -> Session:
    """A session for replays."""
    return Session()


class Builder:
    """An orchestrator with a state that is no data."""

    def __init__(self, name: str, session: Session) -> None:
        self.name, self.session = name, session

    @generation(name="method", factories={"self": "replayed_app:make_builder"})
    def build(self, request: str) -> str:
        """Use the state."""
        raise ValueError(f"{self.name} has {self.session.rows} rows, not enough for {ask(request)}")

    @classmethod
    @generation(name="classmethod")
    def shared(cls, request: str) -> str:
        """Use the class."""
        raise ValueError(f"{cls.__name__} cannot {ask(request)}")

    @staticmethod
    @generation(name="staticmethod")
    def lone(request: str) -> str:
        """Use nothing."""
        raise ValueError(f"cannot {ask(request)}")


def make_builder() -> Builder:
    """A builder for replays."""
    return Builder("ann", Session())


SESSION = Session()


def count_rows(session: Session) -> int:
    """What a caller gives as a callback: it is called with something, and meant itself."""
    return session.rows


class Leaflet:
    """An orchestrator whose factories name objects, callbacks and classes."""

    def __init__(self, noun: str) -> None:
        self.noun = noun

    @generation(
        name="objects",
        factories={
            "self": "replayed_app:leaflet",
            "session": "replayed_app:SESSION",
            "count": "replayed_app:count_rows",
            "other": Session,
        },
    )
    def build(self, request: str, session: Session, count: Any, other: Session) -> str:
        """Use them all."""
        rows = count(session), other.rows
        raise ValueError(f"the {self.noun} has {rows} rows, not enough for {ask(request)}")


leaflet = Leaflet("leaflet")


class Maker(abc.ABC):
    """An orchestrator that says in its subclasses what it makes."""

    noun = "thing"

    @abc.abstractmethod
    def question(self, request: str) -> str:
        """What to ask."""

    @generation(name="inherited")
    def build(self, request: str) -> str:
        """Ask it."""
        raise ValueError(f"no {self.noun} comes of {ask(self.question(request))}")

    @classmethod
    @generation(name="inherited_class")
    def shared(cls, request: str) -> str:
        """Use the class."""
        raise ValueError(f"no {cls.noun} at all: {ask(request)}")


class PageMaker(Maker):
    """One of them."""

    noun = "page"

    def question(self, request: str) -> str:
        return f"page: {request}"


class Assembler(PageMaker):
    """One that cannot be made without arguments."""

    def __init__(self, noun: str, session: Session) -> None:
        self.noun, self.session = noun, session


#: The one that the application works with.
assembler = Assembler("report", Session())


def twice(function: Callable[[str], str]) -> Callable[[str], str]:
    """Try again, from outside of what is decorated."""

    @functools.wraps(function)
    def again(request: str) -> str:
        try:
            return function(request)
        except ValueError:
            time.sleep(5)
            return function(request)

    return again


@twice
@generation(name="retried")
def retried(request: str) -> str:
    """Fail on each attempt."""
    raise ValueError(f"cannot {ask(request)}")


@generation(name="opaque")
def opaque(request: str, session: Any) -> str:
    """Look into what was not recorded, and swallow what happens."""
    try:
        rows = session.rows
    except Exception:
        rows = 0
    raise ValueError(f"{rows} rows")


@generation(name="passing")
def passing(request: str, session: Any) -> str:
    """Only pass on what was not recorded."""
    holder = {"session": session}
    raise ValueError(f"{len(holder)} held")


# --- the world ----------------------------------------------------------------------

ACTS: dict[str, Any] = {
    "connect": lambda: socket.create_connection(("127.0.0.1", 9), 0.2),
    "dns": lambda: socket.getaddrinfo("example.com", 443),
    "urllib": lambda: urllib.request.urlopen("http://127.0.0.1:9/", timeout=0.2),
    "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
    "write": lambda: Path("/tmp/genmon-replay-escape").write_text("x"),
    "write-home": lambda: (Path(__file__).parent / "escape.txt").write_text("x"),
    "remove": lambda: os.remove(__file__ + ".not-there"),
    "mkdir": lambda: os.mkdir("/tmp/genmon-replay-folder"),
    "rename": lambda: os.rename("/tmp/genmon-no-1", "/tmp/genmon-no-2"),
    "sqlite": lambda: sqlite3.connect("/tmp/genmon-replay-escape.db"),
    "run": lambda: subprocess.run(["true"], check=False),
    "shell": lambda: os.system("true"),
    "fork": os.fork,
}


@generation(name="acting")
def acting(act: str) -> str:
    """Touch the world, and swallow what comes of it."""
    try:
        ACTS[act]()
    except Exception:
        pass
    raise ValueError("after all")


@generation(name="working")
def working(request: str) -> str:
    """Do what a replay allows."""
    Path("out").mkdir(exist_ok=True)
    Path("kept.txt").write_text("changed")
    Path("out/page.html").write_text("x")
    Path("out/page.html").rename("out/done.html")
    with sqlite3.connect(":memory:") as database:
        database.execute("select 1")
    left, right = socket.socketpair()
    left.send(b"x")
    right.recv(1)
    Path(os.devnull).write_text("x")
    asyncio.run(asyncio.sleep(5))
    raise ValueError(f"worked with {len(Path(__file__).name)} {Path('out/done.html').read_text()}")


@generation(name="spinning")
def spinning(request: str) -> str:
    """Never come back, in the recorded process only."""
    if os.environ.get("GENMON_REPLAY"):
        while True:
            pass
    raise ValueError("spun")


@postcondition
def accept_fallback(page: str) -> None:
    """Accept the page that is shown where the model does not answer."""
    assert page == "fallback page"


@postcondition
def accept_app(result: App) -> bool:
    """A postcondition."""
    return bool(result.files["index.html"])


@postcondition
def refuse(result: object) -> None:
    """A postcondition that nothing meets."""
    raise AssertionError("too short")
