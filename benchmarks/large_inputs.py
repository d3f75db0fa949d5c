"""What a failing call costs its caller where somebody hands it a megabyte.

Of every kind of text that a program, a model or a user can produce: in the message, the stack,
the arguments, the result. The bar is 5 ms of the caller's CPU time, beside what a small failing
call costs in the same run. Everything is on, as ``setup()`` makes it, so the journal's write is
part of it; no call is like an earlier one, so that nothing is remembered.
"""

from __future__ import annotations

import base64
import json
import logging
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from benchmarks.decorated_call import everything_on
from benchmarks.table import Table
from genmon_otel import current_generation, generation

SIZE = 1_000_000
#: Milliseconds.
BAR = 5.0
ROUNDS, QUICK_ROUNDS = 15, 3

_chance = random.Random(7)
_numbers = count()


def sized(unit: str) -> str:
    """Repeat a text up to a megabyte."""
    return (unit * (SIZE // len(unit) + 1))[:SIZE]


def _random(alphabet: str, size: int) -> str:
    return "".join(_chance.choices(alphabet, k=size))


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ALNUM = _LETTERS + _LETTERS.upper() + "0123456789"
_words = [_random(_LETTERS, _chance.randint(2, 11)) for _ in range(4_000)]
_BLOB = base64.b64encode(_chance.randbytes(750_000)).decode()


def _prose() -> str:
    return " ".join(_chance.choices(_words, k=160_000))


def _json(width: int) -> str:
    members = [{"id": at, "name": _words[at % 4_000], "score": at / 7} for at in range(width)]
    return json.dumps({"items": members})[:SIZE]


def _tokens() -> str:
    return " ".join(
        f"eyJ{_random(_ALNUM, 20)}.eyJ{_random(_ALNUM, 30)}.{_random(_ALNUM, 40)}"
        for _ in range(10_000)
    )


#: A megabyte of text each; what is not random is repeated.
TEXTS: dict[str, Callable[[], str]] = {
    "one line of prose": _prose,
    "many short lines": lambda: "\n".join(_chance.choices(_words, k=160_000)),
    "one long word": lambda: "a" * SIZE,
    "many long words": lambda: " ".join(_random(_ALNUM, 900) for _ in range(1_110)),
    "all digits": lambda: _random("0123456789", SIZE),
    "digits in groups": lambda: sized("4111 1111 1111 1112 +49 151 2345678 "),
    "base64": lambda: _BLOB,
    "JSON, wide": lambda: _json(20_000),
    "JSON, deep": lambda: '{"a": [' * (SIZE // 14) + "]}" * (SIZE // 14),
    "JSON with log probabilities": lambda: sized(
        '{"token": " the", "logprob": -0.31725, "bytes": [32, 116, 104], "top_logprobs": []}, '
    ),
    "JSON web tokens": _tokens,
    "name=value": lambda: " ".join(
        f"{name}={name[::-1]}" for name in _chance.choices(_words, k=70_000)
    ),
    "password=value": lambda: sized("password=hunter2 "),
    "secret names without a value": lambda: sized("password token api_key "),
    "flags": lambda: " ".join(f"--{name} {name}" for name in _chance.choices(_words, k=60_000)),
    "flags of programs": lambda: sized("curl -u joe:s3cr3t -p x mysql -psecret "),
    "repeated API keys": lambda: sized(f"sk-proj-{_random(_ALNUM, 40)} "),
    "e-mails": lambda: sized("somebody@example.com, "),
    "addresses with passwords": lambda: sized("postgresql://u:p@ss@host:5432/db "),
    "URL-encoded": lambda: sized("a%20b%3Dc+%41"),
    "Cyrillic": lambda: sized("пароль не подходит к этому ящику "),
    "emoji and Chinese": lambda: sized("生成失败🙂 请重试。 "),
    "ANSI colours": lambda: sized("\x1b[31merror\x1b[0m in file.ts(3,4)\r\n"),
    "backslashes": lambda: "\\" * SIZE,
    "quotation marks": lambda: sized("\"'`"),
    "XML": lambda: sized("<item><name>key</name><value>3</value></item>\n"),
    "a table": lambda: sized("| password | user | 3 |\n|---|---|---|\n"),
    "log lines": lambda: sized("2026-12-01T10:00:00Z ERROR app.main [req_81ab] took 31 ms\n"),
    "frames of another language": lambda: sized("    at build (/srv/app/src/index.ts:31:12)\n"),
    "compiler output": lambda: sized("src/a.ts(3,4): error TS2307: Cannot find module 'x-y'.\n"),
    "PEM beginnings": lambda: sized("-----BEGIN "),
}


@dataclass
class Call:
    """One failing call, made anew each time it is run."""

    message: Callable[[str], str] = lambda number: f"failed {number}"
    arguments: Callable[[str], Any] = lambda number: f"build {number}"
    context: Callable[[str], dict[str, Any]] = lambda number: {}
    user: Callable[[str], str] = lambda number: f"user-{number}"
    result: Callable[[str], Any] | None = None
    error: Callable[[str], BaseException] | None = None
    depth: int = 1
    numbers: Iterator[int] = field(default_factory=lambda: _numbers)


def _raise(error: BaseException, depth: int) -> None:
    if depth > 1:
        _raise(error, depth - 1)
    raise error


@generation("large_input", framework="react", failure_if=lambda result: result is not None)
def failing(request: Any, user_id: str, call: Callable[[], Any]) -> Any:
    """What is measured."""
    return call()


def milliseconds(call: Call) -> float:
    """What one call costs its caller in CPU time, what is made for it left out."""
    number = str(next(call.numbers))
    request, user, context = call.arguments(number), call.user(number), call.context(number)
    result = None if call.result is None else call.result(number)
    error = ValueError(call.message(number)) if call.error is None else call.error(number)

    def body() -> Any:
        if context:
            current_generation().set(**context)
        if result is not None:
            return result
        _raise(error, call.depth)
        return None

    began = time.thread_time()
    try:
        failing(request, user, body)
    except BaseException:
        pass
    return (time.thread_time() - began) * 1_000


def _number_in(text: str) -> Callable[[str], str]:
    return lambda number: f"{number} {text[len(number) + 1 :]}"


def _group(text: str) -> Callable[[str], BaseException]:
    return lambda number: ExceptionGroup(
        f"{number} of many", [ValueError(f"{at} {number} {text[:100_000]}") for at in range(1_000)]
    )


def _chained(text: str) -> Callable[[str], BaseException]:
    def made(number: str) -> BaseException:
        error: BaseException = ValueError(f"{number} {text}")
        for at in range(500):
            outer = ValueError(f"{at} {number} {text}")
            outer.__cause__ = error
            error = outer
        return error

    return made


def _noted(text: str) -> Callable[[str], BaseException]:
    def made(number: str) -> BaseException:
        error = ValueError(number)
        for at in range(100):
            error.add_note(f"{at} {number} {text}")
        return error

    return made


def calls() -> dict[str, Call]:
    """Every kind of input; each text in the message, and those that are hardest elsewhere, too."""
    made = {name: text() for name, text in TEXTS.items()}
    prose, wide = made["one line of prose"], made["JSON, wide"]
    lines, keys = made["many short lines"], made["repeated API keys"]
    found: dict[str, Call] = {
        f"message: {name}": Call(message=_number_in(text)) for name, text in made.items()
    }
    found |= {
        f"message repeats the request: {name}": Call(
            message=_number_in(text), arguments=_number_in(text)
        )
        for name, text in made.items()
    }
    members = json.loads(wide[: wide.rindex("}, ") + 1] + "]}")["items"]
    found |= {
        "argument: prose": Call(arguments=_number_in(prose)),
        "argument: API keys": Call(arguments=_number_in(keys)),
        "argument: bytes": Call(arguments=lambda number: number.encode() + _BLOB.encode()),
        "argument: list of 80,000 numbers": Call(
            arguments=lambda number: [int(number), *range(80_000)]
        ),
        "argument: wide objects": Call(arguments=lambda number: [number, *members]),
        "user id": Call(user=_number_in(prose)),
        "context: one text": Call(context=lambda number: {"text": f"{number} {prose}"}),
        "context: 32 texts": Call(
            context=lambda number: {f"text_{at}": f"{number} {keys}" for at in range(32)}
        ),
        "context: 32 objects": Call(
            context=lambda number: {f"object_{at}": {"n": number, "i": members} for at in range(32)}
        ),
        "context: a thousand names": Call(
            context=lambda number: {
                "headers": [{"name": f"token_{at}", "value": number} for at in range(1_000)]
            }
        ),
        "result: a text": Call(result=lambda number: {"ok": False, "error": f"{number} {lines}"}),
        "result: an object": Call(result=lambda number: {"number": number, "items": members}),
        "stack of 1,000 frames": Call(depth=900, message=_number_in(prose)),
        "group of 1,000 errors": Call(error=_group(prose)),
        "chain of 500 causes": Call(error=_chained(prose)),
        "100 notes": Call(error=_noted(prose)),
        "KeyError": Call(error=lambda number: KeyError(f"{number} {prose}")),
        "ten arguments of an error": Call(
            error=lambda number: ValueError(*(f"{number} {at} {prose}" for at in range(10)))
        ),
    }
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("genmon_otel")
    level, logger.level = logger.level, logging.CRITICAL
    try:
        yield
    finally:
        logger.setLevel(level)


def run(quick: bool) -> list[Table]:
    """Print a table of milliseconds a call."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    table = Table(
        "large_inputs",
        "A failing call that is handed a megabyte",
        f"Caller's CPU time, median of {rounds} calls in turns with a small one, ms. Bar: {BAR}.",
    )
    small = Call()
    with everything_on(), _quiet():
        for _ in range(10):
            milliseconds(small)
        for name, call in calls().items():
            milliseconds(call)
            pairs = [(milliseconds(small), milliseconds(call)) for _ in range(rounds)]
            ours = statistics.median(pair[1] for pair in pairs)
            beside = statistics.median(pair[0] for pair in pairs)
            table.add(call=name, small=beside, large=ours, over=ours > BAR)
    return [table]
