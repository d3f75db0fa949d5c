"""``@generation`` on every kind of callable: counted once, and otherwise as if it were not there."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import functools
import inspect
import sys
import traceback
import types
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Literal

import pytest
from prometheus_client import CollectorRegistry

from genmon_otel.decorators import current_generation, generation, phase, step
from genmon_otel.errors import GenmonError
from genmon_otel.instruments import PrometheusMetrics
from genmon_otel.records import Category
from genmon_otel.testing import capture


class Boom(Exception):
    """What decorated code raises here."""


def plain(request: str, /, fail: bool = False, *, n: int = 1) -> str:
    """Doc."""
    if fail:
        raise Boom(request)
    return request * n


async def coroutine(request: str, /, fail: bool = False, *, n: int = 1) -> str:
    """Doc."""
    await asyncio.sleep(0)
    return plain(request, fail, n=n)


def generator(request: str, /, fail: bool = False, *, n: int = 1) -> Any:
    """Doc."""
    for _ in range(n):
        yield request
    plain(request, fail)


async def async_generator(request: str, /, fail: bool = False, *, n: int = 1) -> Any:
    """Doc."""
    for _ in range(n):
        yield request
    plain(request, fail)


class Plain:
    """A callable object."""

    def __call__(self, request: str, /, fail: bool = False, *, n: int = 1) -> str:
        return plain(request, fail, n=n)


KINDS = {
    "function": plain,
    "coroutine": coroutine,
    "generator": generator,
    "async generator": async_generator,
    "partial": functools.partial(plain, n=1),
    "partial coroutine": functools.partial(coroutine, n=1),
    "object": Plain(),
    "lambda": lambda request, fail=False: plain(request, fail),
}
each_kind = pytest.mark.parametrize("function", KINDS.values(), ids=KINDS)


def run(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a callable of any kind to its end."""
    result = function(*args, **kwargs)
    if inspect.isawaitable(result):
        return asyncio.run(_await(result))
    if inspect.isgenerator(result):
        return "".join(result)
    if inspect.isasyncgen(result):
        return asyncio.run(_join(result))
    return result


async def _await(awaitable: Any) -> Any:
    return await awaitable


async def _join(items: Any) -> str:
    return "".join([item async for item in items])


@each_kind
@pytest.mark.parametrize("called", [False, True])
def test_success_is_counted_once(function: Any, called: bool) -> None:
    """Bare and called, a call gives the same result and leaves one success."""
    decorated = generation()(function) if called else generation(function)
    with capture() as seen:
        assert run(decorated, "a") == "a"
    assert seen.record.outcome == "success"
    assert list(seen.in_flight()) == []


@each_kind
def test_failure_is_counted_once_and_comes_out_unchanged(function: Any) -> None:
    """The caller gets the very exception, without context, under its own frames."""
    with pytest.raises(Boom) as undecorated:
        run(function, "a", True)
    with capture() as seen, pytest.raises(Boom) as caught:
        run(generation(function), "a", True)
    assert seen.record.outcome == "failure"
    assert seen.record.failure is not None
    assert seen.record.failure.error_message == "a"
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    assert not hasattr(caught.value, "__notes__")
    assert _frames(caught.value) == _frames(undecorated.value)


def _frames(error: BaseException) -> list[str]:
    return [
        frame.name
        for frame in traceback.extract_tb(error.__traceback__)
        if "/genmon_otel/" not in frame.filename and not frame.name.startswith("test_")
    ]


@each_kind
def test_inspect_says_the_same(function: Any) -> None:
    """Kind, signature, name, doc and ``__wrapped__`` are those of the function."""
    decorated = generation(function)
    call = function if not isinstance(function, Plain) else function.__call__
    for question in (
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
    ):
        assert question(decorated) == question(call)
    assert inspect.signature(decorated) == inspect.signature(function)
    assert decorated.__wrapped__ is function
    assert decorated.__doc__ == function.__doc__
    if inspect.isfunction(function):
        assert decorated.__qualname__ == function.__qualname__
        assert decorated.__module__ == function.__module__


def test_same_exception_object() -> None:
    """The exception that arrives is the object that was raised, re-raised by nobody."""
    error = Boom("it")

    @generation
    def fails() -> None:
        raise error

    with capture(), pytest.raises(Boom) as caught:
        fails()
    assert caught.value is error


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), SystemExit(0), asyncio.CancelledError(), GeneratorExit()]
)
def test_base_exceptions_pass_and_count_as_cancelled(error: BaseException) -> None:
    """What means "stop" stops, unchanged, and is no attempt."""

    @generation
    def stops() -> None:
        raise error

    with capture() as seen, pytest.raises(BaseException) as caught:
        stops()
    assert caught.value is error
    assert seen.record.outcome == "cancelled"


def test_an_exit_with_a_status_fails_in_every_form() -> None:
    """sys.exit(1) is a failure, sys.exit(0) is not, wherever in the generation they are called."""

    @generation("form")
    def function(given: Any) -> None:
        sys.exit(given)

    @generation("form")
    async def coroutine(given: Any) -> None:
        await asyncio.sleep(0)
        sys.exit(given)

    @generation("form")
    def items(given: Any) -> Iterator[int]:
        yield 1
        sys.exit(given)

    @generation("form")
    async def async_items(given: Any) -> AsyncIterator[int]:
        yield 1
        sys.exit(given)

    async def drain(given: Any) -> None:
        async for _ in async_items(given):
            pass

    def block(given: Any) -> None:
        with generation("form"):
            sys.exit(given)

    async def async_block(given: Any) -> None:
        async with generation("form"):
            sys.exit(given)

    @generation("form")
    def inside(given: Any) -> None:
        with phase("outer"):
            step(sys.exit, name="leave")(given)

    forms: list[Callable[[Any], Any]] = [
        function, lambda given: list(items(given)), block, inside,
        lambda given: asyncio.run(coroutine(given)), lambda given: asyncio.run(drain(given)),
        lambda given: asyncio.run(async_block(given)),
    ]  # fmt: skip
    for at, form in enumerate(forms):
        for given, outcome in ((1, "failure"), ("no answer", "failure"), (0, "cancelled")):
            with capture() as seen, pytest.raises(SystemExit) as left:
                form(given)
            assert left.value.code == given
            assert (at, given, seen.record.outcome) == (at, given, outcome)
            if outcome == "failure":
                failure = seen.record.failure
                assert failure is not None
                assert (failure.category, failure.error_message) == ("unknown", str(given))
                assert failure.error_type == "SystemExit"


class App:
    """Methods of each kind, in either order of decorators."""

    @generation
    def method(self, request: str) -> str:
        return f"{type(self).__name__} {request}"

    @generation("outside")
    @staticmethod
    def static_outside(request: str) -> str:
        return request

    @staticmethod
    @generation("inside")
    def static_inside(request: str) -> str:
        return request

    @generation
    @classmethod
    def class_outside(cls, request: str) -> str:
        return f"{cls.__name__} {request}"

    @classmethod
    @generation
    def class_inside(cls, request: str) -> str:
        return f"{cls.__name__} {request}"

    @generation
    async def async_method(self, request: str) -> str:
        return request

    @generation
    def __call__(self, request: str) -> str:
        return request


@pytest.mark.parametrize(
    ("call", "result", "operation"),
    [
        (App().method, "App a", "App.method"),
        (App.static_outside, "a", "outside"),
        (App().static_inside, "a", "inside"),
        (App.class_outside, "App a", "App.class_outside"),
        (App().class_inside, "App a", "App.class_inside"),
        (App().async_method, "a", "App.async_method"),
        (App(), "a", "App.__call__"),
    ],
)
def test_methods(call: Any, result: str, operation: str) -> None:
    """Methods keep their receiver, and it is no input of the generation."""
    with capture() as seen:
        assert run(call, "a") == result
    assert seen.record.operation == operation
    assert seen.record.user_request == "a"


def test_receiver_is_left_out_of_the_inputs() -> None:
    """A recording of a method holds its arguments, not ``self``."""

    class Site:
        @generation
        def build(self, pages: int) -> None:
            raise Boom

    with capture() as seen, pytest.raises(Boom):
        Site().build(3)
    assert seen.recordings[0].inputs == {"pages": 3}
    assert seen.recordings[0].target.endswith(
        "test_receiver_is_left_out_of_the_inputs.<locals>.Site.build"
    )


def test_default_operation_is_the_qualified_name_without_locals() -> None:
    """``<locals>`` says nothing to people."""

    @generation
    def build() -> None: ...

    with capture() as seen:
        build()
    assert (
        seen.record.operation == "test_default_operation_is_the_qualified_name_without_locals.build"
    )


# --- options ------------------------------------------------------------------


class Framework(enum.Enum):
    """Declared by an Enum."""

    REACT = "react"


@pytest.mark.parametrize(
    ("value", "framework"),
    [("react", "react"), ("made up", "other"), (None, "none"), (3, "none"), ("", "none")],
)
def test_framework_parameter_is_a_label_only_if_declared(value: Any, framework: str) -> None:
    """A parameter named ``framework`` that nobody asked for cannot flood the label."""

    @generation
    def build(framework: Any = None) -> None: ...

    with capture(frameworks=["react"]) as seen:
        build(framework=value)
    assert seen.record.framework == framework


def test_framework_declared_by_annotation() -> None:
    """A ``Literal`` or an Enum declares frameworks; so does asking for the parameter."""

    @generation
    def by_literal(framework: Literal["vue", "html"] | None) -> None: ...

    @generation
    def by_enum(framework: Framework) -> None: ...

    @generation(framework="target")
    def by_name(target: str) -> None: ...

    @generation(framework=lambda arguments: arguments["target"].lower())
    def by_callable(target: str = "SVELTE") -> None: ...

    with capture() as seen:
        by_literal("vue")
        by_literal("react")  # type: ignore[arg-type]
        by_enum(Framework.REACT)
        by_name("html")
        by_callable()
    assert [r.framework for r in seen.records] == ["vue", "other", "react", "html", "svelte"]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("u1", "u1"),
        (7, "7"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (True, None),
        (None, None),
        (object(), None),
        ("\0u\ud800", "u\ufffd"),
    ],
)
def test_ids(value: Any, kept: str | None) -> None:
    """Ids are strings, integers or UUIDs; nothing else is turned into one."""

    @generation
    def build(user_id: Any, project_id: Any = None) -> None: ...

    with capture() as seen:
        build(value, project_id=value)
    assert (seen.record.user_id, seen.record.project_id) == (kept, kept)


def test_options_by_constant_name_and_callable() -> None:
    """Each of the four takes a constant, a parameter's name, or a callable over the arguments."""

    @generation(
        framework="html",
        project_id="site-1",
        user_id=lambda arguments: arguments["session"].user,
        request="prompt",
    )
    def build(session: Any, *, prompt: str, **more: Any) -> None: ...

    with capture() as seen:
        build(types.SimpleNamespace(user="ann"), prompt="a page", extra=1)
    record = seen.record
    assert (record.framework, record.project_id) == ("html", "site-1")
    assert (record.user_id, record.user_request) == ("ann", "a page")


def test_request_is_never_a_web_request() -> None:
    """A parameter ``request`` that holds a web request is not what the user asked for."""
    from starlette.requests import Request

    web = Request({"type": "http", "headers": [(b"authorization", b"Bearer x")]})

    @generation
    def implicit(request: Any) -> None: ...

    @generation(request="request")
    def explicit(request: Any) -> None: ...

    with capture() as seen:
        implicit(web)
        explicit(web)
        implicit({"prompt": "x"})
    assert [record.user_request for record in seen.records] == [None, None, None]


def test_secrets_in_names_are_redacted() -> None:
    """A name that was made of a request keeps no secret, and a plain name stays as it is."""
    secret = "ghp_Rt6Yu8Io0Pa2Sd4Fg6Hj8Kl0Zx2Cv4Bn6Mq1"
    with (
        capture() as seen,
        generation(f"build {secret}", framework=secret),
        phase(f"plan {secret}"),
    ):
        step(lambda: None, name="ask 2.5-flash (retry #3)")()
        step(lambda: None, name=f"ask {secret}")()
    (record,) = seen.records
    names = [record.operation, record.framework, *(stage.name for stage in record.stages)]
    assert names[3] == "ask 2.5-flash (retry #3)"
    assert secret[4:20] not in str(names)


def test_a_secret_in_the_name_of_an_exception_is_redacted() -> None:
    """A class that was made of an answer, as clients make them, keeps no secret in the error's type."""
    secret = "ghp_Rt6Yu8Io0Pa2Sd4Fg6Hj8Kl0Zx2Cv4Bn6Mq1"
    made = type(f"Refused {secret}", (Exception,), {})
    with capture() as seen, contextlib.suppress(made), generation("build"):
        raise made("no")
    assert seen.record.failure is not None
    assert "Refused ghp_redacted" in seen.record.failure.error_type
    assert secret[4:20] not in str(seen.record)


def test_secrets_in_the_request_are_redacted() -> None:
    """What the record keeps of the request went through the redactor."""
    secret = "sk-proj-" + "a1B2" * 12

    @generation
    def build(request: str) -> None: ...

    with capture() as seen:
        build(f"use {secret} please")
    assert secret not in str(seen.record)


def test_an_option_that_breaks_is_contained() -> None:
    """A user's callable that raises costs its option, not the call."""

    @generation(user_id=lambda arguments: arguments["nobody"])
    def build(x: int) -> int:
        return x

    with capture() as seen:
        assert build(1) == 1
    assert seen.record.user_id is None
    assert seen.record.outcome == "success"


def test_an_option_that_breaks_costs_no_other() -> None:
    """Each option is read on its own."""

    def breaks(arguments: Any) -> str:
        raise Boom

    @generation(request=breaks, user_id="x", project_id=breaks, framework=lambda arguments: "vue")
    def build(x: int) -> int:
        return x

    with capture() as seen:
        build(7)
    assert (seen.record.user_id, seen.record.framework) == ("7", "vue")


def test_options_may_name_surplus_parameters() -> None:
    """``*args`` and ``**kwargs`` are parameters, too."""

    @generation(request="words", project_id="more")
    def build(*words: str, **more: str) -> None: ...

    with capture() as seen:
        build("a", "page", size="small")
    assert seen.record.user_request == "('a', 'page')"
    assert seen.record.project_id is None


def test_expected_is_rejected() -> None:
    """An expected exception is the request's own fault: no attempt, no failure."""

    @generation(expected=Boom)
    def build() -> None:
        raise Boom

    with capture() as seen, pytest.raises(Boom):
        build()
    assert seen.record.outcome == "rejected"
    assert seen.record.failure is None


def test_what_is_expected_fails_no_phase_either() -> None:
    """A phase that refuses the request ends as its generation does; a step's error stays a fault."""

    @step
    def ask() -> None:
        raise Boom

    @generation(expected=Boom)
    def build(stage: str) -> None:
        with phase("check"):
            ask() if stage == "step" else plain("x", fail=True)

    with capture() as seen:
        for stage in ("phase", "step"):
            with pytest.raises(Boom):
                build(stage)
    assert [r.outcome for r in seen.records] == ["rejected", "rejected"]
    assert [[(s.kind, s.outcome) for s in r.stages] for r in seen.records] == [
        [("phase", "rejected")],
        [("phase", "rejected"), ("step", "failure")],
    ]


def test_failure_if() -> None:
    """A result that says it failed is a failure, and is returned all the same."""

    @generation(failure_if=lambda result: not result["ok"])
    def build(ok: bool) -> dict[str, Any]:
        return {"ok": ok, "error": "no files"}

    with capture() as seen:
        assert build(True)["ok"] is True
        assert build(False)["ok"] is False
    good, bad = seen.records
    assert (good.outcome, bad.outcome) == ("success", "failure")
    assert bad.failure is not None
    assert bad.failure.error_message == "no files"


def test_failure_if_that_raises_is_an_internal_error() -> None:
    """A broken predicate does not make failures."""
    from prometheus_client import CollectorRegistry

    from genmon_otel.instruments import PrometheusMetrics

    @generation(failure_if=lambda result: result["nothing"])
    def build() -> dict[str, Any]:
        return {}

    registry = CollectorRegistry()
    with capture(metrics=PrometheusMetrics(registry)) as seen:
        build()
    assert seen.record.outcome == "success"
    labels = {"where": "failure_if"}
    assert registry.get_sample_value("genmon_internal_errors_total", labels) == 1


def test_severity_of_the_decorator_wins() -> None:
    """``severity=`` overrides what classification says."""

    @generation(severity="critical")
    def build() -> None:
        raise Boom

    with capture() as seen, pytest.raises(Boom):
        build()
    assert seen.record.failure is not None
    assert seen.record.failure.severity == "critical"


def test_capture_off_keeps_neither_inputs_nor_request() -> None:
    """With capture off a failure is counted and classified, and nothing of its content kept."""

    @generation(capture="off")
    def build(request: str) -> None:
        raise Boom

    @generation(capture="all")
    def other(request: str) -> None:
        raise Boom

    with capture() as seen, pytest.raises(Boom):
        build("secret plan")
    assert seen.record.user_request is None
    assert seen.recordings == []
    with capture(capture="off") as seen, pytest.raises(Boom):
        other("secret plan")
    assert seen.recordings == [], "the runtime's off beats the decorator"


@pytest.mark.parametrize(
    ("misuse", "words"),
    [
        (lambda: generation(timeout_s=0), "timeout_s=0"),
        (lambda: generation(timeout_s="5"), "timeout_s='5'"),
        (lambda: generation(stall_s=-1), "stall_s=-1"),
        (lambda: generation(stall_s=True), "stall_s=True"),
        (lambda: generation(failure_if=3), "failure_if=3"),
        (lambda: generation(expected="ValueError"), "expected='ValueError'"),
        (lambda: generation(expected=(ValueError, 3)), "exception classes"),
        (lambda: generation(severity="fatal"), "low, medium, high, critical"),
        (lambda: generation(capture="some"), "off, failures, all"),
        (lambda: generation(nested="span"), "phase, attempt"),
        (lambda: generation(factories={"self": "no path at all"}), "import path"),
        (lambda: generation(factories={"self": 3}), "factories['self']=3 is not allowed"),
        (lambda: generation(factory="shop:make"), "Write factories={'self': 'shop:make'}"),
        (lambda: generation(framwork="react"), "There are: name, framework"),
        (lambda: generation("  "), "name"),
        (lambda: generation(framework="")(plain), "empty"),
        (lambda: generation(framework=3)(plain), "framework=3"),
        (lambda: generation(user_id=3.5)(plain), "user_id=3.5"),
        (lambda: generation(request=7)(plain), "request=7"),
        (lambda: generation(App), "class App"),
        (lambda: generation()(7), "cannot be called"),
        (lambda: generation(7), "cannot be called"),
        (lambda: phase("")(plain), "name"),
        (lambda: step(name=3), "name"),
        (lambda: step(7), "cannot be called"),
        (lambda: phase(App), "class App"),
        (lambda: generation(failure_if=coroutine), "Give a plain function"),
        (lambda: generation(user_id=coroutine)(plain), "asynchronous"),
        (lambda: generation(framework=Framework)(plain), "framework="),
        (lambda: generation(user_id="user_id")(plain), "There are: fail, n, request"),
    ],
)
def test_misuse_is_refused_at_decoration(misuse: Any, words: str) -> None:
    """Misuse says at once what was given and what is allowed."""
    with pytest.raises(GenmonError) as refused:
        misuse()
    assert words in str(refused.value)


# --- generators -----------------------------------------------------------------


def test_send_throw_close_and_return_values_pass_through() -> None:
    """A generator's whole protocol reaches the body."""
    log: list[Any] = []

    @generation
    def talk() -> Any:
        try:
            log.append((yield 1))
            try:
                yield 2
            except Boom as error:
                log.append(error)
            yield 3
        finally:
            log.append("closed")
        return "end"

    error = Boom()
    with capture() as seen:
        talking = talk()
        assert next(talking) == 1
        assert talking.send("sent") == 2
        assert talking.throw(error) == 3
        with pytest.raises(StopIteration) as stop:
            next(talking)
        assert stop.value.value == "end"
        closing = talk()
        next(closing)
        closing.close()
    assert log == ["sent", error, "closed", "closed"]
    assert [r.outcome for r in seen.records] == ["success", "cancelled"]


def test_asend_athrow_aclose_pass_through() -> None:
    """So does an asynchronous generator's."""
    log: list[Any] = []

    @generation
    async def talk() -> Any:
        try:
            log.append((yield 1))
            try:
                yield 2
            except Boom as error:
                log.append(error)
            yield 3
        finally:
            await asyncio.sleep(0)
            log.append("closed")

    error = Boom()

    async def main() -> None:
        talking = talk()
        assert await talking.asend(None) == 1
        assert await talking.asend("sent") == 2
        assert await talking.athrow(error) == 3
        with pytest.raises(StopAsyncIteration):
            await talking.asend(None)
        closing = talk()
        await anext(closing)
        await closing.aclose()

    with capture() as seen:
        asyncio.run(main())
    assert log == ["sent", error, "closed", "closed"]
    assert [r.outcome for r in seen.records] == ["success", "cancelled"]


def test_closing_after_complete_is_success() -> None:
    """A consumer that stops at the sentinel has got everything."""

    @generation
    def stream() -> Any:
        yield "chunk"
        current_generation().complete()
        yield "[DONE]"

    with capture() as seen:
        for chunk in stream():
            if chunk == "[DONE]":
                break
    assert seen.record.outcome == "success"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_generator_that_ignores_close_behaves_as_undecorated() -> None:
    """Yielding after GeneratorExit is the RuntimeError that Python makes of it."""

    @generation
    def stubborn() -> Any:
        while True:
            try:
                yield 1
            except GeneratorExit:
                pass

    with capture() as seen:
        stream = stubborn()
        next(stream)
        with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
            stream.close()
        assert next(stream) == 1
        del stream
    assert seen.record.outcome == "cancelled"


def _answers(seen: list[str]) -> Any:
    try:
        yield 1
    except GeneratorExit:
        seen.append("closed")
    return "answer"


def _breaks_after(seen: list[str]) -> Any:
    try:
        yield 1
    except GeneratorExit:
        seen.append("closed")
    raise Boom


@pytest.mark.parametrize(
    ("body", "left"), [(_answers, StopIteration), (_breaks_after, Boom)], ids=lambda v: v.__name__
)
def test_a_generator_may_answer_being_closed(body: Any, left: type[BaseException]) -> None:
    """What it does about GeneratorExit is what happens, and no error gets a context by it."""
    told = []
    for function in (body, generation(body)):
        log: list[str] = []
        with capture() as seen:
            stream = function(log)
            next(stream)
            with pytest.raises(left) as caught:
                stream.throw(GeneratorExit)
        told.append((log, type(caught.value), caught.value.args, caught.value.__context__))
        assert [r.outcome for r in seen.records] == (
            [] if function is body else ["failure" if left is Boom else "cancelled"]
        )
    assert told[0] == told[1]


def test_a_loop_that_ends_closes_an_async_generator_once() -> None:
    """The event loop knows one generator, as without us, and complains of nothing."""
    kept: list[Any] = []
    complaints: list[Any] = []
    ended: list[str] = []

    @generation
    @phase
    async def stream() -> Any:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            ended.append("closed")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, about: complaints.append(about))
        for _ in range(5):
            kept.append(stream())
            await anext(kept[-1])

    with capture() as seen:
        asyncio.run(main())
    assert complaints == []
    assert ended == ["closed"] * 5
    assert [r.outcome for r in seen.records] == ["cancelled"] * 5


def test_abandoned_generators_end_at_finalisation() -> None:
    """A generator that nobody finishes ends when it is freed, counted once."""

    @generation
    def stream() -> Any:
        yield 1
        yield 2

    @generation
    async def async_stream() -> Any:
        yield 1
        yield 2

    async def main() -> None:
        async for _ in async_stream():
            break

    with capture() as seen:
        next(stream())
        asyncio.run(main())
        loop = asyncio.new_event_loop()
        orphan = async_stream()
        loop.run_until_complete(anext(orphan))
        loop.close()
        del orphan
    assert [r.outcome for r in seen.records] == ["cancelled"] * 3


def test_unstarted_coroutines_and_generators_are_no_attempts() -> None:
    """Nothing began, so nothing is counted."""
    with capture() as seen:
        generation(generator)("a")
        pending = generation(coroutine)("a")
        pending.close()
        assert seen.records == []
        list(generation(generator)("a"))
    assert len(seen.records) == 1


def test_items_are_yielded_outside_the_generation() -> None:
    """Between two items the consumer is not inside the generation; the body is, phases included."""

    @generation
    def stream() -> Any:
        with phase("code"):
            for _ in range(3):
                assert current_generation().id
                yield current_generation().id

    with capture() as seen:
        for inside in stream():
            assert inside
            assert current_generation().id == ""
    assert [stage.name for stage in seen.record.stages] == ["code"]


def test_async_generator_across_tasks() -> None:
    """Each item may be asked for by another task; no context leaks, no warning is logged."""
    from opentelemetry import trace

    @generation
    async def stream() -> Any:
        with phase("code"):
            for number in range(4):
                await asyncio.sleep(0)
                assert current_generation().id
                yield number

    async def main() -> list[int]:
        items = stream()
        found = []
        for _ in range(4):
            found.append(await asyncio.create_task(anext(items)))
            assert current_generation().id == ""
            assert trace.get_current_span() is trace.INVALID_SPAN
        assert await anext(items, None) is None
        return found

    with capture() as seen:
        assert asyncio.run(main()) == [0, 1, 2, 3]
    assert seen.record.outcome == "success"


def test_returned_iterators_only_with_stream() -> None:
    """A returned iterator belongs to the generation only when asked for."""

    class Chunks:
        """An SDK's stream."""

        headers = {"x": "1"}

        def __init__(self) -> None:
            self.left = iter("ab")

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> str:
            return next(self.left)

    with capture() as seen:
        kept = generation(lambda: Chunks())()  # noqa: PLW0108
        assert type(kept) is Chunks
        assert len(seen.records) == 1
        proxy = generation(stream=True)(lambda: Chunks())()  # noqa: PLW0108
        assert len(seen.records) == 1, "still open"
        assert isinstance(proxy, Chunks)
        assert proxy.headers == {"x": "1"}
        assert list(proxy) == ["a", "b"]
        assert len(seen.records) == 2
        assert list(generation(stream=True)(lambda: (n for n in "ab"))()) == ["a", "b"]
        abandoned = generation(stream=True)(lambda: Chunks())()  # noqa: PLW0108
        next(abandoned)
        del abandoned
    assert [r.outcome for r in seen.records] == ["success"] * 3 + ["cancelled"]


def test_a_function_that_returns_an_awaitable() -> None:
    """A plain function that hands out a coroutine is measured until that is done."""

    @generation
    def build() -> Any:
        async def later() -> str:
            await asyncio.sleep(0.01)
            assert current_generation().id
            return "done"

        return later()

    @generation
    def build_future() -> Any:
        return asyncio.ensure_future(asyncio.sleep(0.01, "future"))

    async def main() -> None:
        assert await build() == "done"
        assert await build_future() == "future"
        await asyncio.sleep(0)

    with capture() as seen:
        asyncio.run(main())
    assert [r.outcome for r in seen.records] == ["success"] * 2
    assert all(r.duration_s >= 0.009 for r in seen.records)


# --- nesting and blocks -----------------------------------------------------------


def test_a_decorated_call_inside_an_open_generation_is_a_phase() -> None:
    """One attempt, with the inner one as a phase; ``nested="attempt"`` makes two."""

    @generation("page")
    def page() -> None: ...

    @generation("page2", nested="attempt")
    def page_attempt() -> None: ...

    @generation("site")
    def site() -> None:
        page()
        page_attempt()

    with capture() as seen:
        site()
    assert [(r.operation, [s.name for s in r.stages]) for r in seen.records] == [
        ("page2", []),
        ("site", ["page"]),
    ]


def test_a_task_that_outlives_its_generation_is_not_nested() -> None:
    """A worker started lazily inside keeps that context for ever, and must not matter."""

    @generation("job")
    async def job() -> None: ...

    async def worker(queue: asyncio.Queue[None]) -> None:
        while True:
            await queue.get()
            await job()
            queue.task_done()

    @generation("site")
    async def site(queue: asyncio.Queue[None], tasks: list[Any]) -> None:
        tasks.append(asyncio.create_task(worker(queue)))

    async def main() -> None:
        queue: asyncio.Queue[None] = asyncio.Queue()
        tasks: list[Any] = []
        await site(queue, tasks)
        queue.put_nowait(None)
        await queue.join()
        tasks[0].cancel()

    with capture() as seen:
        asyncio.run(main())
    assert [r.operation for r in seen.records] == ["site", "job"]


def test_blocks() -> None:
    """``with`` and ``async with`` are generations too, reusable and safe to share."""
    block = generation("build", framework="react", user_id=7)

    async def one(number: int) -> None:
        async with block as running:
            await asyncio.sleep(0.01 * (3 - number))
            running.set(file_count=number)

    async def main() -> None:
        await asyncio.gather(*(one(number) for number in range(3)))

    with capture() as seen:
        with block as running:
            assert running.id == current_generation().id != ""
        with pytest.raises(Boom), block:
            raise Boom
        asyncio.run(main())
    assert [r.outcome for r in seen.records] == ["success", "failure"] + ["success"] * 3
    assert {r.user_id for r in seen.records} == {"7"}
    assert [r.file_count for r in seen.records[2:]] == [2, 1, 0]
    assert seen.recordings[0].unreplayable


def test_a_block_needs_a_name() -> None:
    """There is no function to name it after."""
    with pytest.raises(GenmonError, match="name"):
        generation(framework="react").__enter__()


def test_current_generation_keeps_what_it_is_told() -> None:
    """``set`` and ``add_tokens`` end up in the record, bounded."""

    @generation
    def build() -> None:
        here = current_generation()
        here.set(file_count=3, framework="vue", model="m", **{f"k{n}": n for n in range(100)})
        here.add_tokens(input=5, output=7)
        here.add_tokens(input=1, cached=2)

    with capture() as seen:
        build()
    assert seen.record.file_count == 3
    assert seen.record.framework == "vue"
    assert seen.record.tokens == {"input": 6, "output": 7, "cached": 2}
    assert seen.record.context["model"] == "m"
    assert len(seen.record.context) == 32


def test_outside_a_generation_everything_is_harmless() -> None:
    """Without a generation, steps and phases just run and there is nothing to tell."""

    @step
    def call(x: int) -> int:
        return x

    with capture() as seen:
        here = current_generation()
        here.set(file_count=1, a=2)
        here.add_tokens(1, 2)
        here.complete()
        assert (here.id, here.trace_id) == ("", None)
        with phase("p"), step("s"):
            assert call(3) == 3
    assert seen.records == []


class HostileMeta(type):
    """A class that breaks whoever asks whether something is of it."""

    def __instancecheck__(cls, instance: object) -> bool:
        raise RuntimeError("not yours to ask")


class Hostile(Exception, metaclass=HostileMeta):
    """An expected exception of that class."""


def test_an_expected_class_that_breaks_loses_no_record() -> None:
    """Where nobody can say whether an exception is expected, it is a failure, and it has ended."""

    @generation(expected=Hostile)
    def build() -> None:
        raise Boom("no plan")

    with capture() as seen, pytest.raises(Boom):
        build()
    assert seen.record.outcome == "failure"
    assert seen.record.failure is not None
    assert list(seen.in_flight()) == []


@pytest.mark.parametrize(
    ("members", "outcome"),
    [
        ((Boom("a"), Boom("b")), "rejected"),
        ((Boom("a"), ExceptionGroup("inner", [Boom("b")])), "rejected"),
        ((Boom("a"), ValueError("b")), "failure"),
    ],
    ids=["all", "nested", "not all"],
)
def test_a_group_is_rejected_if_each_of_its_members_is_expected(
    members: tuple[Exception, ...], outcome: str
) -> None:
    """What is expected is so inside an ExceptionGroup, too, unless something else is in it."""

    @generation(expected=Boom)
    def build() -> None:
        raise ExceptionGroup("tasks", members)

    with capture() as seen, pytest.raises(ExceptionGroup):
        build()
    assert seen.record.outcome == outcome


@pytest.mark.parametrize("value", [10**400, 2**63, 2**53 + 1, -1, True, "7", 7.0])
def test_counts_that_nothing_can_carry_are_ignored_and_noted(value: Any) -> None:
    """Files and tokens are whole numbers from 0 to 2**53; whatever else came with them is kept."""
    registry = CollectorRegistry()

    @generation("countless")
    def build() -> None:
        current_generation().set(file_count=3)
        current_generation().set(file_count=value, note="kept")
        current_generation().add_tokens(input=5)
        current_generation().add_tokens(value)

    with capture(metrics=PrometheusMetrics(registry)) as seen:
        build()
    assert seen.record.file_count == 3
    assert seen.record.context["note"] == "kept"
    assert seen.record.tokens == {"input": 5}
    for where in ("set", "add_tokens"):
        assert registry.get_sample_value("genmon_internal_errors_total", {"where": where}) == 1


def test_tokens_add_up_within_bounds() -> None:
    """However much and however many kinds are added, the record stays what a store can hold."""

    @generation
    def build() -> None:
        for kind in range(100):
            current_generation().add_tokens(2**53, **{f"kind{kind}": 1})

    with capture() as seen:
        build()
    assert seen.record.tokens["input"] == 2**53
    assert len(seen.record.tokens) <= 32


async def stream_of_pages(request: str) -> Any:
    """An orchestrator that yields."""
    yield request


@pytest.mark.parametrize(
    ("misuse", "words"),
    [
        (lambda: generation("op", framework=lambda a: "x").__enter__(), "framework="),
        (lambda: generation("op", user_id=object()).__enter__(), "user_id="),
        (lambda: generation("op", failure_if=bool).__enter__(), "failure_if was given for a block"),
        (lambda: generation(failure_if=bool)(stream_of_pages), "yields its results one by one"),
        (lambda: generation(failure_if=bool)(generator), "yields its results one by one"),
        (lambda: generation(factories=[1])(plain), "factories=[1] is not allowed"),  # type: ignore[call-overload]
        (lambda: generation(factories="ab")(plain), "factories='ab' is not allowed"),  # type: ignore[call-overload]
        (lambda: generation(factories={"nope": "a:b"})(plain), "There are: fail, n, request"),
        (lambda: generation(stream="yes")(plain), "stream='yes' is not allowed"),  # type: ignore[call-overload]
        (lambda: generation("a", name="b"), "names the operation twice"),  # type: ignore[call-overload]
    ],
)
def test_an_option_that_could_only_be_ignored_is_refused(misuse: Any, words: str) -> None:
    """What can never take effect is a mistake, and is said to be one at once."""
    with pytest.raises(GenmonError) as caught:
        misuse()
    assert words in str(caught.value)


@pytest.mark.parametrize("function", [plain, coroutine, generator, async_generator])
@pytest.mark.parametrize("decorator", [generation, step])
def test_older_inspection_sees_no_difference_either(function: Any, decorator: Any) -> None:
    """Signature and defaults are those of the function, for whoever follows no ``__wrapped__``."""
    decorated = decorator(function)
    assert inspect.getfullargspec(decorated) == inspect.getfullargspec(function)
    assert inspect.signature(decorated, follow_wrapped=False) == inspect.signature(function)
    assert decorated.__defaults__ == function.__defaults__
    assert decorated.__kwdefaults__ == function.__kwdefaults__


def test_methods_of_a_decorated_object_stay() -> None:
    """What ``functools.lru_cache`` lends a function is there on the decorated one, too."""
    calls = []

    @generation
    @functools.lru_cache
    def build(request: str) -> str:
        calls.append(request)
        return request

    with capture():
        build("a"), build("a")
        assert calls == ["a"]
        assert build.cache_info().hits == 1  # type: ignore[attr-defined]
        build.cache_clear()  # type: ignore[attr-defined]
        build("a")
    assert calls == ["a", "a"]


def declared(label: str, metric: str, **under: Any) -> Any:
    """A function that decorates with options and gives one label's values at 0 before any call."""

    def values(function: Any, **options: Any) -> set[str]:
        registry = CollectorRegistry()
        generation("declared", **options)(function)
        with capture(metrics=PrometheusMetrics(registry), **under):
            pass
        return {
            sample.labels[label]
            for family in registry.collect()
            for sample in family.samples
            if sample.name == metric and sample.labels.get("operation") == "declared"
        }

    return values


def test_frameworks_that_are_possible_are_there_at_0() -> None:
    """Of a parameter: those of its annotation; else set-up's, ``other`` and ``none``."""
    values = declared("framework", "genmon_generations_total", frameworks=["vue"])

    def anything(framework: str) -> None: ...
    def one_of(framework: Literal["react", "html"]) -> None: ...
    def maybe(framework: Literal["react"] | None = None) -> None: ...
    def also(framework: Literal["react"] | str) -> None: ...

    assert values(plain) == {"none"}
    assert values(plain, framework="react") == {"react"}
    assert values(plain, framework=lambda a: a["request"]) == {"vue", "other", "none"}
    assert values(anything) == {"vue", "other", "none"}
    assert values(one_of) == {"react", "html"}
    assert values(maybe) == {"react", "none"}
    assert values(also) == {"react", "vue", "other", "none"}


def test_severities_that_are_possible_are_there_at_0() -> None:
    """The decorator's own for every category, or each category's and the fixed critical ones."""
    registry = CollectorRegistry()
    with capture(metrics=PrometheusMetrics(registry)):
        generation("as_classified")(plain)
        generation("always_low", severity="low")(plain)
    found: dict[str, set[tuple[str, str]]] = {"as_classified": set(), "always_low": set()}
    for family in registry.collect():
        for sample in family.samples:
            if sample.name == "genmon_generation_failures_total":
                operation = sample.labels["operation"]
                found.setdefault(operation, set()).add(
                    (sample.labels["category"], sample.labels["severity"])
                )
    died = ("unknown", "critical")
    assert found["as_classified"] == {
        *((category, category.default_severity) for category in Category.known()),
        ("provider_error", "critical"),
        died,
    }
    assert found["always_low"] == {*((category, "low") for category in Category.known()), died}
