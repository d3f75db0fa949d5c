"""What is kept of steps, and how the step that a failure came from is found."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from typing import Any

import pytest

from genmon_otel.decorators import generation, phase, step
from genmon_otel.payload import decode, decode_exception
from genmon_otel.testing import Captured, capture
from tests.work_kit import instructions


class Boom(Exception):
    """What decorated code raises here."""


@step
def ask(prompt: str) -> str:
    """Answer, or break."""
    if prompt.startswith("break"):
        raise Boom(prompt)
    return f"answer to {prompt}"


@step
async def ask_async(prompt: str) -> str:
    """Answer, break, or never answer."""
    if prompt == "hang":
        await asyncio.sleep(3600)
    await asyncio.sleep(0)
    return ask.__wrapped__(prompt)  # type: ignore[attr-defined,no-any-return]


def failing(body: Any, *args: Any) -> Captured:
    """Run a body that fails as a generation; what it left behind."""
    decorated = generation("failing")(body)
    with capture() as seen, pytest.raises(BaseException):
        result = decorated(*args)
        if asyncio.iscoroutine(result):
            asyncio.run(result)
    return seen


def test_steps_are_recorded_in_order() -> None:
    """Names, arguments by name, outcomes and offsets of all steps, in the order of their begin."""

    def body(request: str) -> None:
        ask("one")
        ask(prompt="two")
        ask("break it")

    seen = failing(body, "r")
    recording = seen.recordings[0]
    assert recording.inputs == {"request": "r"}
    assert [(s.name, s.arguments, s.kind) for s in recording.steps] == [
        ("ask", {"prompt": "one"}, "value"),
        ("ask", {"prompt": "two"}, "value"),
        ("ask", {"prompt": "break it"}, "exception"),
    ]
    assert decode(recording.steps[0].outcome) == "answer to one"
    assert str(decode_exception(recording.steps[2].outcome)) == "break it"
    offsets = [moment for s in recording.steps for moment in (s.started_s, s.ended_s)]
    assert offsets == sorted(offsets)


def test_a_bug_where_an_answer_was_read_says_whose_answer_it_was() -> None:
    """It stays ``unknown``, since it may be an ordinary bug; the step that answered last is named."""
    for read in (lambda answer: {}[answer], lambda answer: answer + 1):
        failure = failing(lambda read=read: read(ask("one"))).record.failure
        assert failure is not None
        assert (failure.category, failure.rule) == ("unknown", "")
        assert failure.answer_of == "ask"
        assert not failure.answer_quoted
    failure = failing(lambda: (ask("fine"), ask("break"))).record.failure
    assert failure is not None
    assert failure.answer_of == ""


def test_the_answer_that_an_error_quotes_is_the_one_that_was_read() -> None:
    """Not the last one: both were answered before the first was parsed."""

    @step
    def review(prompt: str) -> str:
        return f'{{"verdict": "{prompt}"}}'

    def body() -> None:
        plan, _ = ask("the plan"), review("fine")
        json.loads(plan)

    seen = failing(body)
    failure = seen.record.failure
    assert failure is not None
    assert (failure.answer_of, failure.answer_quoted, failure.trigger) == ("ask", True, "content")
    assert seen.recordings[0].trigger_step == 0


def test_one_object_that_two_operations_raise_is_a_failure_of_each() -> None:
    """A module raises the same object everywhere: what counts is where it was raised now."""
    closed = Boom("the shop is closed")

    @step
    def pay() -> None:
        raise closed

    def lay_out() -> None:
        raise closed

    def build_app() -> None:
        with phase("code"):
            lay_out()

    def build_page() -> None:
        pay()

    def shown(body: Any) -> tuple[str, ...]:
        failure = failing(body).record.failure
        assert failure is not None
        return failure.fingerprint, *(
            each.rpartition(".")[2] for each in (failure.stage, failure.function)
        )

    app, page = shown(build_app), shown(build_page)
    assert app[1:] == ("code", "lay_out")
    assert page[1:] == ("pay", "pay")
    assert [shown(build_page), shown(build_app), shown(build_app)] == [page, app, app]


def test_a_raising_step_is_the_trigger() -> None:
    """The escaping exception is the step's own object: a fault."""
    seen = failing(lambda: (ask("fine"), ask("break")))
    failure = seen.record.failure
    assert failure is not None
    assert (failure.trigger, failure.stage) == ("fault", "ask")
    assert failure.trigger_signature == failure.signature
    assert seen.recordings[0].trigger_step == 1
    (fault,) = seen.record.step_faults
    assert (fault.step, fault.trigger_signature) == ("ask", failure.trigger_signature)


def test_a_wrapped_error_of_a_step_is_the_trigger() -> None:
    """Also when the application wraps it, in a cause, a context or a group."""

    def cause() -> None:
        try:
            ask("break")
        except Boom as error:
            raise RuntimeError("wrapped") from error

    def context() -> None:
        try:
            ask("break")
        except Boom:
            raise RuntimeError("wrapped")  # noqa: B904

    async def group() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ask_async("break"))

    for body in (cause, context, group):
        seen = failing(body)
        assert seen.record.failure is not None
        assert seen.record.failure.trigger == "fault"
        assert seen.recordings[0].trigger_step == 0


def test_a_swallowed_error_is_not_the_trigger() -> None:
    """A step's error that was handled is not to blame for a later failure; its fault is kept."""

    def body() -> None:
        for _ in range(3):
            try:
                ask("break")
            except Boom:
                pass
        json.loads(ask("something"))

    seen = failing(body)
    failure = seen.record.failure
    assert failure is not None
    assert (failure.trigger, failure.trigger_signature) == ("content", None)
    assert seen.recordings[0].trigger_step == 3
    (fault,) = seen.record.step_faults
    assert fault.consecutive == 3


def test_an_error_in_words_of_its_own_comes_from_the_fault_it_tells_of() -> None:
    """After retries that gave up nothing links the error to the step; its kind does, and nothing else."""

    class Limited(Exception):
        def __init__(self, said: str) -> None:
            super().__init__(said)
            self.status_code = 429

    @step(name="limited")
    def limited() -> str:
        raise Limited("Rate limit reached")

    def gave_up(error: BaseException, then: str = "") -> None:
        ask("plan")
        for _ in range(3):
            try:
                limited()
            except Limited:
                pass
        if then:
            ask(then)
        raise error

    failure = failing(gave_up, Limited("gave up: rate limit")).record.failure
    assert failure is not None
    assert (failure.trigger, failure.stage) == ("fault", "limited")
    assert failure.trigger_signature
    for error, then in ((Boom("no plan"), ""), (Limited("rate limit"), "again")):
        failure = failing(gave_up, error, then).record.failure
        assert failure is not None
        assert (failure.trigger, failure.trigger_signature) == ("content", None)


def test_retried_faults_are_kept_on_success() -> None:
    """The live channel needs to know what a successful generation met, and how often in a row."""

    @generation("retried")
    def retried() -> str:
        for number in (1, 2, 3, 4):
            try:
                ask("break" if number != 2 else "fine")
            except Boom:
                pass
        return "ok"

    with capture() as seen:
        retried()
    (fault,) = seen.record.step_faults
    assert (seen.record.outcome, fault.step, fault.consecutive) == ("success", "ask", 2)


def test_without_a_step_the_input_is_the_trigger() -> None:
    """A failure before any step answered came from the input."""

    def body(size: int) -> None:
        with phase("plan"):
            raise Boom

    seen = failing(body, 3)
    failure = seen.record.failure
    assert failure is not None
    assert (failure.trigger, failure.stage) == ("input", "plan")
    assert seen.recordings[0].trigger_step is None


def test_of_nested_steps_the_outermost_is_the_trigger() -> None:
    """A replay serves the outer step, so the inner one is never asked."""

    @step
    def outer() -> None:
        ask("break")

    seen = failing(lambda: outer())  # noqa: PLW0108
    assert seen.record.failure is not None
    assert seen.record.failure.stage.endswith("outer")
    assert [s.name for s in seen.recordings[0].steps][
        seen.recordings[0].trigger_step or 0
    ].endswith("outer")


def test_an_inner_timeout_is_the_hung_steps_fault() -> None:
    """Under ``wait_for`` a step sees only its cancellation: a hang, and the trigger."""

    async def body() -> None:
        await ask_async("fine")
        await asyncio.wait_for(ask_async("hang"), 0.01)

    seen = failing(body)
    failure = seen.record.failure
    assert failure is not None
    assert (failure.category, failure.trigger) == ("ai_timeout", "fault")
    assert failure.stage == "ask_async"
    hung = seen.recordings[0].steps[1]
    assert (hung.kind, hung.outcome, hung.ended_s, hung.is_async) == ("hang", None, None, True)
    assert seen.recordings[0].trigger_step == 1
    assert [f.trigger_signature for f in seen.record.step_faults] == [failure.trigger_signature]


def test_values_are_kept_as_they_were() -> None:
    """What a step was given and gave is kept as it was then, whatever becomes of it later."""
    messages = [{"role": "user", "content": "hi"}]

    @step
    def chat(messages: list[Any]) -> dict[str, Any]:
        return {"choices": ["a"]}

    def body() -> None:
        answer = chat(messages)
        messages.append({"role": "assistant", "content": "a"})
        answer["choices"].clear()
        raise Boom

    (kept,) = failing(body).recordings[0].steps
    assert decode(kept.arguments) == {"messages": [{"role": "user", "content": "hi"}]}
    assert decode(kept.outcome) == {"choices": ["a"]}


def test_streams_are_recorded_chunk_by_chunk() -> None:
    """Generators, async generators and foreign iterators; the error that ended one too."""

    @step
    def chunks() -> Any:
        yield "a"
        yield {"b": 1}

    @step
    async def async_chunks() -> Any:
        yield "c"
        raise Boom("mid-stream")

    class Stream:
        """An SDK's stream: no generator, and with attributes of its own."""

        response = "200"

        def __init__(self) -> None:
            self._left = iter("xyz")

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> str:
            return next(self._left)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: Any) -> None:
            self.closed = True

    sdk = step(lambda: Stream(), name="sdk")  # noqa: PLW0108

    async def body() -> None:
        assert list(chunks()) == ["a", {"b": 1}]
        with sdk() as stream:
            assert isinstance(stream, Stream)
            assert stream.response == "200"
            assert next(stream) == "x"
        async for chunk in async_chunks():
            assert chunk == "c"

    seen = failing(body)
    first, second, third = seen.recordings[0].steps
    assert (first.kind, decode(first.outcome)) == ("stream", ["a", {"b": 1}])
    assert first.stream_error is None
    assert (second.name, second.kind, decode(second.outcome)) == ("sdk", "stream", ["x"])
    assert str(decode_exception(third.stream_error)) == "mid-stream"
    assert third.is_async
    assert seen.record.failure is not None
    assert seen.record.failure.trigger == "fault"


def test_wrapping_what_is_not_yours() -> None:
    """Bound methods of an SDK, also plain functions that hand out coroutines."""

    class Completions:
        def create(self, *, model: str, messages: list[Any]) -> str:
            return "sync"

        def create_async(self, *, model: str) -> Any:
            async def later() -> str:
                return "async"

            return later()

    client = Completions()
    create = step(client.create, name="chat")
    create_async = step(client.create_async, name="chat_async")

    async def body() -> None:
        assert create(model="m", messages=[]) == "sync"
        assert await create_async(model="m") == "async"
        raise Boom

    sync, asynchronous = failing(body).recordings[0].steps
    assert (sync.name, decode(sync.arguments)) == ("chat", {"model": "m", "messages": []})
    assert (sync.is_async, asynchronous.is_async) == (False, True)
    assert decode(asynchronous.outcome) == "async"


def test_an_awaitable_that_is_also_a_context_manager_stays_both() -> None:
    """``async with session.get(...)`` and ``await session.get(...)`` both work through a step."""

    class Get:
        def __await__(self) -> Any:
            yield from asyncio.sleep(0).__await__()
            return "response"

        async def __aenter__(self) -> str:
            return "entered"

        async def __aexit__(self, *_: Any) -> None: ...

    get = step(lambda: Get(), name="get")  # noqa: PLW0108

    async def body() -> None:
        assert await get() == "response"
        async with get() as response:
            assert response == "entered"
        raise Boom

    first, second = failing(body).recordings[0].steps
    assert (decode(first.outcome), decode(second.outcome)) == ("response", "entered")


def test_files_are_not_taken_for_streams() -> None:
    """An open file is an iterator, and must come back as itself."""
    file = io.StringIO("x")

    @generation("opens")
    def opens() -> None:
        assert step(lambda: file, name="open")() is file

    with capture():
        opens()


class Player:
    """Serves what it was told, and notes what it was asked."""

    def __init__(self, **outcomes: Any) -> None:
        self.outcomes = outcomes
        self.asked: list[Any] = []

    def play(self, name: str, call: Any, arguments: Any) -> Any:
        self.asked.append((name, call is not None, dict(arguments)))
        outcome = self.outcomes[name]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def play_async(self, name: str, call: Any, arguments: Any) -> Any:
        return self.play(name, call, arguments)


def test_a_player_serves_steps_instead() -> None:
    """In a replay no step is called: plain, async, streaming and blocks get what the player has."""
    called: list[str] = []

    @step
    def plain(x: int) -> Any:
        called.append("plain")

    @step
    async def asynchronous(x: int) -> Any:
        called.append("async")

    @step
    def stream(x: int) -> Any:
        called.append("stream")
        yield 0

    @step
    async def async_stream(x: int) -> Any:
        called.append("async stream")
        yield 0

    player = Player(
        **{
            plain.__genmon__.name: "p",  # type: ignore[attr-defined]
            asynchronous.__genmon__.name: "a",  # type: ignore[attr-defined]
            stream.__genmon__.name: [1, 2],  # type: ignore[attr-defined]
            async_stream.__genmon__.name: [3, 4],  # type: ignore[attr-defined]
            "block": Boom("replayed"),
        }
    )

    @generation("replayed")
    async def replayed() -> None:
        assert plain(1) == "p"
        assert await asynchronous(x=2) == "a"
        assert list(stream(3)) == [1, 2]
        assert [item async for item in async_stream(4)] == [3, 4]
        with step("block"):
            called.append("block")

    with capture(player=player) as seen, pytest.raises(Boom, match="replayed"):
        asyncio.run(replayed())
    assert called == []
    assert [asked[1:] for asked in player.asked] == [
        (True, {"x": 1}),
        (True, {"x": 2}),
        (True, {"x": 3}),
        (True, {"x": 4}),
        (False, {}),
    ]
    assert seen.record.failure is not None
    assert seen.record.failure.stage == "block"


def test_a_replayed_failure_has_the_recorded_signature() -> None:
    """The same outcome served again makes the same signature: what the reproduction check rests on."""

    def body() -> None:
        ask("break")

    recorded = failing(body).record.failure
    assert recorded is not None
    with capture(player=Player(ask=Boom("break"))) as seen, pytest.raises(Boom):
        generation("failing")(body)()
    assert seen.record.failure is not None
    assert seen.record.failure.signature == recorded.signature


def test_capture_off_keeps_no_step_content() -> None:
    """With capture off steps are timed and their faults signed, their content is not kept."""

    @generation("private", capture="off")
    def private() -> None:
        ask("secret")
        ask("break")

    with capture() as seen, pytest.raises(Boom):
        private()
    assert seen.recordings == []
    assert [s.name for s in seen.record.stages] == ["ask", "ask"]
    assert len(seen.record.step_faults) == 1


# --- hostile -------------------------------------------------------------------------------


class BadStr(Exception):
    """Cannot be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class BadEq(Exception):
    """Cannot be compared or hashed."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparing")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")


def _cyclic() -> BaseException:
    first, second = Boom("a"), Boom("b")
    first.__cause__, second.__cause__ = second, first
    return first


def _long_chain() -> BaseException:
    error: BaseException = Boom("0")
    for number in range(20_000):
        following = Boom(str(number))
        following.__cause__ = error
        error = following
    return error


def _cyclic_argument() -> BaseException:
    argument: list[Any] = []
    argument.append(argument)
    return Boom(argument)


def _raise_boom() -> None:
    raise Boom


HOSTILE = {
    "str raises": BadStr,
    "eq raises": BadEq,
    "cyclic causes": _cyclic,
    "20,000 causes": _long_chain,
    "cyclic argument": _cyclic_argument,
    "NUL and surrogate": lambda: Boom("\0 \ud800"),
    "20 MB message": lambda: Boom("x" * 20_000_000),
    "group of groups": lambda: ExceptionGroup("g", [ExceptionGroup("h", [Boom("m")]), BadStr()]),
    "deep group": lambda: ExceptionGroup("g", [Boom(str(n)) for n in range(5_000)]),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("where", ["body", "step"])
def test_hostile_exceptions(make: Any, where: str) -> None:
    """The caller gets its exception, the record is there, in bounded time and size."""
    error = make()

    def body() -> None:
        raise error

    call = step(body, name="call") if where == "step" else body
    decorated = generation("hostile")(lambda: call())  # noqa: PLW0108
    raised: list[BaseException] = []

    def call_it() -> None:
        try:
            decorated()
        except BaseException as escaped:
            raised.append(escaped)

    with capture(), contextlib.suppress(Boom):  # what a process does once is not counted
        generation("hostile")(step(_raise_boom, name="call"))()
    with capture() as seen:
        work = instructions(call_it)
    assert raised[0] is error
    failure = seen.record.failure
    assert failure is not None
    assert failure.category
    assert len(failure.error_message) + len(failure.stack_trace) < 8_192
    assert work < 5_000_000


class BadArgument:
    """Everything that can be asked of it raises."""

    def __getattribute__(self, name: str) -> Any:
        if name in ("__class__", "__dict__", "__reduce_ex__"):
            raise RuntimeError(name)
        return object.__getattribute__(self, name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    __hash__ = None  # type: ignore[assignment]


def test_hostile_arguments_and_results() -> None:
    """Arguments and results that break whatever touches them come out as they went in."""
    hostile = BadArgument()

    @generation("arguments", user_id="request", failure_if=lambda result: False)
    def arguments(request: Any, framework: Any, *rest: Any, **more: Any) -> Any:
        return step(lambda value: value, name="echo")(request)

    with capture() as seen:
        assert arguments(hostile, hostile, hostile, more=hostile) is hostile
        huge = "x" * 50_000_000
        assert arguments(huge, huge) is huge
    assert [r.outcome for r in seen.records] == ["success", "success"]
    assert len(seen.records[1].user_request or "") <= 1_000


def test_errors_do_not_keep_frames_alive() -> None:
    """When a generation has ended, nothing of ours holds its errors or their frames."""
    import gc
    import weakref

    class Big:
        """Something in a frame."""

    kept: list[Any] = []

    @step
    def fails() -> None:
        big = Big()
        kept.append(weakref.ref(big))
        raise Boom

    @generation("frames")
    def frames() -> None:
        try:
            fails()
        except Boom:
            pass

    with capture() as seen:
        frames()
        assert seen.record.step_faults
        gc.collect()
        assert kept[0]() is None


def test_a_closed_stream_can_still_be_asked() -> None:
    """What an SDK's stream does after its end is its own affair; our context stays out of it."""
    from opentelemetry import context

    class Stream:
        def __iter__(self) -> Any:
            return self

        def __next__(self) -> str:
            return "again"

        def close(self) -> None: ...

    sdk = step(lambda: Stream(), name="sdk")  # noqa: PLW0108

    @generation("asked")
    def asked() -> None:
        stream = sdk()
        assert next(stream) == "again"
        stream.close()
        before = context.get_current()
        assert next(stream) == "again"
        assert context.get_current() is before

    with capture() as seen:
        asked()
    assert [s.outcome for s in seen.record.stages] == ["cancelled"]


@step("lines")
def lines(*given: str) -> Any:
    """Give lines; after ``hang`` nothing comes."""
    yield from given


@step("lines_async")
async def lines_async(*given: str) -> Any:
    """As lines; ``hang`` waits for ever."""
    for line in given:
        if line == "hang":
            await asyncio.sleep(3600)
        yield line


def broken_off(read: Any) -> None:
    """Read lines, and stop at one that is no JSON."""
    for line in lines("1", "{"):
        read(line)


async def broken_off_async(read: Any) -> None:
    """The same, asynchronously."""
    async for line in lines_async("1", "{"):
        read(line)


def stopped(read: Any) -> None:
    """Read the lines up to a sentinel, then what they hold."""
    kept = []
    for line in lines("{", "[DONE]", "more"):
        if line == "[DONE]":
            break
        kept.append(line)
    read("".join(kept))


@pytest.mark.parametrize("body", [broken_off, broken_off_async, stopped])
def test_a_chunk_that_cannot_be_digested_is_the_trigger(body: Any) -> None:
    """A stream whose consumer broke on it, or had enough of it, answered; it did not hang."""
    seen = failing(body, json.loads)
    failure, (recording,) = seen.record.failure, seen.recordings
    assert failure is not None
    assert (failure.trigger, recording.trigger_step) == ("content", 0)
    assert len(recording.steps[0].outcome) == 2
    assert recording.steps[0].ended_s is not None


def test_a_stream_that_hangs_after_a_chunk_hangs() -> None:
    """A stream that was asked for more and never gave it did not answer."""

    async def body() -> None:
        async def read() -> None:
            async for _ in lines_async("1", "hang"):
                pass

        await asyncio.wait_for(read(), 0.01)

    seen = failing(body)
    failure, (recording,) = seen.record.failure, seen.recordings
    assert failure is not None
    assert (failure.trigger, recording.trigger_step) == ("fault", 0)
    step = recording.steps[0]
    assert (step.kind, step.outcome) == ("stream", ["1"])
    assert (step.stream_error, step.ended_s) == (None, None)  # a replay waits for ever, too
