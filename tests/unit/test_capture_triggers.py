"""Which of a generation's automatic steps a failure came from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from genmon_otel import capture as automatic
from genmon_otel.capture import patches
from genmon_otel.capture.calls import begin, recording
from genmon_otel.capture.wire import Sent
from genmon_otel.decorators import generation, step
from genmon_otel.store.grouping import trigger_count
from genmon_otel.testing import capture

GOOD = '{"title": "fine"}'
BAD = 'Sorry, I would say: {"title"'


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    automatic.install()
    assert patches.is_active
    yield
    automatic.uninstall()


class Status(Exception):
    """As SDKs have it: an exception that carries the status of an answer."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status_code = status


def ask(prompt: str, answer: str = GOOD, status: int = 200) -> str:
    """Ask a model, as an adapter tells of it."""
    running = recording()
    assert running is not None
    sent = Sent("POST", "h", "/v1/chat/completions", "", "application/json", prompt.encode())
    call = begin(running, "httpx", sent, is_async=False)
    assert call is not None
    call.enter()
    call.answered(status, {"content-type": "application/json"})
    call.given(json.dumps({"choices": [{"message": {"content": answer}}]}).encode())
    call.finished()
    if status >= 400:
        raise Status(status)
    return answer


def trigger_of(body: Callable[[], Any]) -> tuple[str, str]:
    """How a generation failed: the kind of its trigger, and the prompt of the step it came from."""

    @generation(name="tried")
    async def tried() -> None:
        await body()

    with capture() as seen, pytest.raises(Exception):
        asyncio.run(tried())
    (recording_,) = seen.recordings
    failure = seen.record.failure
    assert failure is not None
    if recording_.trigger_step is None:
        return failure.trigger, ""
    arguments: Any = recording_.steps[recording_.trigger_step].arguments
    return failure.trigger, arguments.get("body", "")


def digest(answer: str) -> Any:
    """What an application does with an answer; its error quotes it."""
    return json.loads(answer)


def refuse(answer: str) -> None:
    """The same, but the error says nothing of the answer."""
    if answer != GOOD:
        raise ValueError("not acceptable")


def test_a_bad_answer_among_good_ones_is_quoted() -> None:
    """Of ten answers the one whose text the exception carries, though others came later."""

    async def body() -> None:
        answers = [ask(str(n), BAD if n == 3 else GOOD) for n in range(10)]
        for answer in answers:
            digest(answer)

    assert trigger_of(body) == ("content", "3")


def test_answers_that_begin_alike() -> None:
    """All of a quotation is compared: answers may share a long preamble."""

    async def body() -> None:
        preamble = "Here is what you asked for. " * 20
        answers = [ask(str(n), preamble + f"{{ {n}") for n in range(5)]
        digest(answers[1])

    assert trigger_of(body) == ("content", "1")


def test_a_part_of_an_answer_is_quoted() -> None:
    """What the application cut out of an answer, and what it joined of two."""

    async def cut() -> None:
        first = ask("1", "```json\n{'a': 1}\n```")
        ask("2")
        digest(first.split("```json")[1].strip("`\n"))

    async def joined() -> None:
        one, two = ask("1", "[1, 2,"), ask("2", " 3 oops")
        ask("3", "{}")
        digest(one + two)

    assert trigger_of(cut) == ("content", "1")
    assert trigger_of(joined)[1] in ("1", "2")


def test_parallel_nodes_are_told_apart() -> None:
    """The last answer of the task that raised, though another task was answered later."""

    async def node(name: str, answer: str, wait: float) -> None:
        text = ask(name, answer)
        await asyncio.sleep(wait)
        refuse(text)
        ask(f"{name} again")

    async def gathered() -> None:
        await asyncio.gather(node("a", GOOD, 0), node("b", BAD, 0.05), node("c", GOOD, 0.01))

    async def grouped() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(node("a", BAD, 0.05))
            group.create_task(node("b", GOOD, 0.01))

    assert trigger_of(gathered) == ("content", "b")
    assert trigger_of(grouped) == ("content", "a")


def test_nodes_in_threads_are_told_apart() -> None:
    """The same of a pool's threads, and of an error that another one was raised from."""

    def node(name: str, answer: str) -> None:
        try:
            refuse(ask(name, answer))
        except ValueError as error:
            raise RuntimeError("node failed") from error

    async def body() -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(2) as pool:
            failing = loop.run_in_executor(pool, node, "a", BAD)
            await loop.run_in_executor(pool, node, "b", GOOD)
            await failing

    assert trigger_of(body) == ("content", "a")


def test_a_fault_that_the_sdk_retried() -> None:
    """A 429 met three times, and beside it one of another task: the last attempt of the call that gave up."""

    async def patient(name: str, statuses: list[int], wait: float) -> None:
        for left, status in enumerate(reversed(statuses)):
            try:
                ask(name, status=status)
            except Status:
                await asyncio.sleep(wait)
                if left == len(statuses) - 1:
                    raise

    async def body() -> None:
        await asyncio.gather(
            patient("a", [429, 429, 429], 0.01), patient("b", [200, 429, 429, 429, 429, 429], 0.005)
        )

    assert trigger_of(body) == ("fault", "a")


def test_a_fault_that_was_swallowed() -> None:
    """What broke on nothing came from the call that failed before it, by its status or without an answer."""

    def unreachable() -> None:
        running = recording()
        assert running is not None
        call = begin(running, "httpx", Sent("GET", "h", "/", "", "", b"2"), is_async=False)
        assert call is not None
        call.enter()
        call.failed(ConnectionError("refused"))

    def limited() -> None:
        for _ in range(2):
            with pytest.raises(Status):
                ask("2", status=429)

    for fails, status in ((unreachable, None), (limited, 429)):

        @generation(name="tried")
        def tried(fails: Callable[[], None] = fails) -> None:
            fails()
            refuse("")

        with capture() as seen, pytest.raises(ValueError, match="not acceptable"):
            tried()
        failure = seen.record.failure
        assert failure is not None
        assert (failure.trigger, failure.failed_status) == ("fault", status)
        assert failure.failed_step == ("GET h" if status is None else "openai chat")
        assert trigger_count(seen.record) == (1 if status is None else 2)

    async def body(*calls: Callable[[], Any]) -> None:
        for call in calls:
            call()
        refuse("")

    def answered() -> str:
        return ask("3", BAD)

    assert trigger_of(lambda: body(answered, limited)) == ("fault", "2")
    assert trigger_of(lambda: body(limited, answered)) == ("content", "3")
    # Whether the code missed what it could not reach, or only reported there, is not known.
    assert trigger_of(lambda: body(answered, unreachable)) == ("content", "3")


def test_steps_of_the_application_stay_candidates() -> None:
    """A decorated step that answered last is the trigger, as without automatic steps."""

    @step
    def check(text: str) -> str:
        return text + " checked"

    async def body() -> None:
        refuse(check(ask("1")))

    kind, prompt = trigger_of(body)
    assert (kind, prompt) == ("content", "")


def test_without_answers_the_input_is_it() -> None:
    """Nothing was asked: the request itself."""

    async def body() -> None:
        refuse("")

    assert trigger_of(body) == ("input", "")
