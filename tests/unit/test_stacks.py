"""Frames name the application's code; a formatted stack is short whatever was raised."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from genmon_otel.stacks import format_stack, frames, is_in_app, raise_site
from genmon_otel.text import safe_str
from tests.work_kit import growth, instructions


def caught(call: Callable[[], object]) -> BaseException:
    try:
        call()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def broken(depth: int) -> int:
    return broken(depth - 1) if depth else 1 // 0


@pytest.mark.parametrize(
    ("filename", "module", "expected"),
    [
        ("/srv/app/build.py", "app.build", True),
        ("app.pyz/app/build.py", "app.build", True),
        ("/srv/app/.venv/lib/python3.11/site-packages/openai/_client.py", "openai._client", False),
        ("/usr/lib/python3/dist-packages/yaml/__init__.py", "yaml", False),
        ("C:\\app\\venv\\Lib\\site-packages\\httpx\\_api.py", "httpx._api", False),
        ("C:\\app\\main.py", "main", True),
        (sys.modules["json"].__file__ or "", "json", False),
        ("<frozen importlib._bootstrap>", "importlib._bootstrap", False),
        ("<string>", "app.generated", True),
        ("<ipython-input-3-abc>", "__main__", True),
        ("/tmp/ipykernel_1/123.py", "__main__", True),
        (sys.modules["genmon_otel.text"].__file__ or "", "genmon_otel.text", False),
        ((sys.modules["genmon_otel.text"].__file__ or "").replace("text.py", "demo/app.py"), "genmon_otel.demo.app", True),
    ],
)  # fmt: skip
def test_whose_code_it_is(filename: str, module: str, expected: bool) -> None:
    """Installed, standard and our own code is not the application's; the demo is an application."""
    assert is_in_app(filename, module) is expected


def test_frames_come_innermost_first_and_recursion_once() -> None:
    """The depth of a recursion does not show."""
    shallow, deep = frames(caught(lambda: broken(3))), frames(caught(lambda: broken(300)))
    assert shallow == deep
    assert shallow[0].function == "broken"
    assert shallow[-1].function == "caught"


def inner() -> None:
    raise ValueError("x")


def work() -> None:
    inner()


def functions(call: Callable[[], object]) -> list[str]:
    """Where the application's code raised, innermost first."""
    return [frame.function.rpartition(".")[2] for frame in frames(caught(call)) if frame.in_app]


def test_an_error_that_is_raised_again_has_the_frames_of_the_first_time() -> None:
    """A future's result, an error that is kept, a retry: where it is raised again does not count."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)

    def build() -> None:
        future.result()

    def by_another_way() -> None:
        build()

    first = functions(build)
    assert first == ["inner", "work", "build", "caught"]
    assert functions(build) == first
    functions(by_another_way)
    assert functions(build) == first
    kept: list[ValueError] = []

    def keep() -> None:
        if kept:
            again()
        try:
            work()
        except ValueError as error:
            kept.append(error)
            raise

    def again() -> None:
        raise kept[0]

    first = functions(keep)
    assert first == ["inner", "work", "keep", "caught"]
    for _ in range(3):
        assert functions(keep) == first


def test_a_retry_and_a_task_keep_their_frames() -> None:
    """Frames of a coroutine that was awaited, of a task, and of an error raised after a loop stay."""

    async def ask() -> None:
        inner()

    async def build() -> None:
        await ask()

    async def with_a_task() -> None:
        await asyncio.create_task(ask())

    assert functions(lambda: asyncio.run(build()))[:3] == ["inner", "ask", "build"]
    assert functions(lambda: asyncio.run(with_a_task()))[:3] == ["inner", "ask", "with_a_task"]

    def retried() -> None:
        last = None
        for _ in range(3):
            try:
                work()
            except ValueError as error:
                last = error
        assert last is not None
        raise last

    assert functions(retried) == ["inner", "work", "retried", "caught"]


def test_raise_site_is_the_innermost_frame_of_the_application() -> None:
    """An error inside the standard library is placed where the application called it."""
    import json

    error = caught(lambda: json.loads("{"))
    function, file, line = raise_site(error)
    assert "lambda" in function
    assert file == __file__
    assert line > 0
    assert raise_site(ValueError("never raised")) == ("", "", 0)


def test_reads_like_python_and_leaves_our_frames_out() -> None:
    """File, line, function, source and message are there; genmon's own frames are not."""

    class Rude(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    text = format_stack(caught(lambda: broken(0)), 4096)
    assert text.startswith("Traceback (most recent call last):\n")
    assert "return broken(depth - 1) if depth else 1 // 0" in text
    assert text.endswith("ZeroDivisionError: integer division or modulo by zero")
    assert "__str__ raised RuntimeError" in format_stack(Rude(), 4096)


def chained(count: int) -> BaseException:
    error: BaseException = RuntimeError(0)
    for number in range(1, count):
        following = RuntimeError(number)
        following.__cause__ = error
        error = following
    return error


def cyclic() -> BaseException:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    return one


@pytest.mark.parametrize(
    "make",
    [
        lambda: chained(20_000),
        lambda: caught(lambda: broken(10**9)),
        lambda: ExceptionGroup("many", [ValueError(number) for number in range(10_000)]),
        lambda: ValueError("x" * 100_000_000),
        lambda: KeyError("x" * 100_000_000),
        cyclic,
    ],
    ids=["chain", "recursion", "group", "100 MB", "100 MB key", "cycle"],
)
def test_is_bounded_whatever_was_raised(make: Callable[[], BaseException]) -> None:
    """Chains, recursion, groups, huge messages and cycles: a short text, for little work."""
    error = make()
    assert 0 < len(format_stack(error, 4096)) <= 4096
    assert len(safe_str(error, 200)) <= 200
    assert instructions(lambda: format_stack(error, 4096)) < 15_000


@pytest.mark.parametrize("kind", [ValueError, KeyError])
def test_a_huge_message_costs_what_its_ends_cost(kind: type[Exception]) -> None:
    """A hundred times the message costs no more."""
    long, longer = (kind("x" * size) for size in (1_000_000, 100_000_000))
    assert growth(lambda: format_stack(long, 4096), lambda: format_stack(longer, 4096)) < 10


def secretive(how: str) -> BaseException:
    """An exception that fails whoever asks it, its class, or for its class."""

    class Sealed(Exception):
        def __getattribute__(self, name: str) -> object:
            raise SystemExit(name)

    class Meta(type):
        def __getattribute__(cls, name: str) -> object:
            raise RuntimeError(name)

    class Veiled(Exception, metaclass=Meta):
        pass

    class Disguised(Exception):
        @property
        def __class__(self) -> type:
            raise ZeroDivisionError

    kinds: dict[str, type[Exception]] = {"itself": Sealed, "class": Veiled, "disguise": Disguised}
    try:
        raise kinds[how]("x")
    except Exception as error:
        return error


@pytest.mark.parametrize("how", ["itself", "class", "disguise"])
def test_an_exception_that_cannot_be_asked_still_has_a_stack(how: str) -> None:
    """Its traceback is read past its own methods, in chains and groups as well."""
    error = secretive(how)
    assert frames(error)[0].function == "secretive"
    assert raise_site(error)[0] == "secretive"
    assert "in secretive" in format_stack(error)
    above = RuntimeError("above")
    above.__cause__ = error
    assert "in secretive" in format_stack(above)
    assert "1 of 1" in format_stack(BaseExceptionGroup("group", [error]))
