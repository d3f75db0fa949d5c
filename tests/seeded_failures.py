"""Seeded failures of realistic sizes: prompts of 8 KB, answers of 40 KB, twelve steps, histories of 30 turns.

Each is an agent's source, a request that fails, and what a right fix replaces in it. Twenty have a known
smallest trigger (``tests/data/shrinking``); the others fail in a step, in an answer's data, or by the input.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).parent / "data" / "shrinking" / "breakages.toml"
WORDS: Final = (
    "shop page order basket colour button header footer image price customer delivery invoice search "
    "filter review rating menu banner contact address payment voucher stock colour size return"
).split()

#: Twelve steps: a plan, ten files, a summary, which the application digests.
AGENT: Final = """
import json
import re
from genmon_otel import generation, step

class BuildError(Exception): ...

class BusyError(Exception):
    status_code = 429

PLAN = {plan!r}
CODE = {code!r}
GOOD = {good!r}
BAD = {bad!r}

@step
def plan(prompt):
    return PLAN

@step
def write(prompt):
    return CODE

@step
def check(code):
    if {fails_in_step!r} == "check" and "bad" in code:
        raise BuildError("it does not build")

@step
def finish(prompt):
    if {fails_in_step!r} == "finish" and "bad" in prompt:
        raise BusyError("Error code: 429 - rate limit reached")
    return BAD if "bad" in prompt else GOOD

def digested(text):
    {digest}
    return text

def turns(history):
    return " ".join(turn["text"] for turn in history)

attempt = generation(name="build", capture="all")

@attempt
def build(request):
    planned = plan(request["text"] + turns(request["history"]))
    files = {{each["name"]: write(each["why"]) for each in planned["files"]}}
    {end}
    return {{"files": files, "title": planned["title"], "summary": summary}}

@attempt
def fixed(request):
    planned = plan(request["text"] + turns(request["history"]))
    files = {{each["name"]: write(each["why"]) for each in planned["files"]}}
    {fixed_end}
    return {{"files": files, "title": planned["title"], "summary": summary}}
"""

_END: Final = 'summary = digested(finish(request["text"] + " ".join(files.values())))'


@dataclass(frozen=True)
class Seeded:
    """One seeded failure."""

    name: str
    source: str
    good: Any
    bad: Any
    #: The smallest text of the triggering answer that shows it; None: not known.
    smallest: str | None = None


def seeded() -> Iterator[Seeded]:
    """Make all of them: 20 with a known smallest trigger, and 42 others."""
    for number, (name, row) in enumerate(tomllib.loads(DATA.read_text("utf-8")).items()):
        yield _of_content(name, row["marker"], row["digest"], number)
    for number in range(14):
        yield _of_data(number)
        yield _of_step(number)
        yield _of_input(number)


def prose(chance: random.Random, size: int) -> str:
    """Return words of about so many bytes, in lines."""
    lines = []
    while size > 0:
        line = " ".join(chance.choices(WORDS, k=chance.randint(5, 14)))
        lines.append(line)
        size -= len(line) + 1
    return "\n".join(lines)


def _requests(chance: random.Random) -> tuple[Any, Any]:
    history = [
        {"role": ("user", "assistant")[turn % 2], "text": prose(chance, 400)} for turn in range(30)
    ]
    text = prose(chance, 8_000)
    return (
        {"text": f"good {text}", "history": history[:2]},
        {"text": f"bad {text}", "history": history},
    )


def _agent(chance: random.Random, **parts: Any) -> str:
    plan = {
        "title": prose(chance, 2_000),
        "files": [{"name": f"file{n}.py", "why": prose(chance, 500)} for n in range(10)],
    }
    known = {
        "plan": plan, "code": prose(chance, 4_000), "good": prose(chance, 300), "bad": "", "digest": "pass",
        "fails_in_step": "", "end": _END, "fixed_end": _END,
    }  # fmt: skip
    return AGENT.format(**{**known, **parts})


def _of_content(name: str, marker: str, digest: str, number: int) -> Seeded:
    """An answer of 40 KB that holds somewhere what the application cannot digest."""
    chance = random.Random(number)
    before, after = prose(chance, chance.randint(1_000, 39_000)), prose(chance, 1_000)
    halves = {"<<<<>>>>": "<<<< ours >>>> theirs", "{{}}": "{{ name }}", "foobar": "foo and bar"}
    bad = f"{before}\n{halves.get(marker, marker)}\n{after}"
    good, failing = _requests(chance)
    cleaned = 'finish(request["text"] + " ".join(files.values()))'
    for part in {"<<<<>>>>": ("<<<<", ">>>>"), "{{}}": ("{{", "}}"), "foobar": ("foo", "bar")}.get(
        marker, (marker,)
    ):
        cleaned += f'.replace({part!r}, "")'
    source = _agent(chance, bad=bad, digest=digest, fixed_end=f"summary = digested({cleaned})")
    return Seeded(f"content {name}", source, good, failing, marker)


def _of_data(number: int) -> Seeded:
    """A plan of 40 KB in which one key is another one."""
    chance = random.Random(100 + number)
    files = [{"name": f"file{n}.py", "why": prose(chance, 3_500)} for n in range(10)]
    plan = {"title": prose(chance, 2_000), "files": files}
    good, failing = _requests(chance)
    read = 'data["summary"]["text"]'
    source = _agent(
        chance, plan=plan, good={"summary": {"text": "fine"}, "notes": prose(chance, 500)},
        bad={"summarised": {"text": prose(chance, 200)}, "notes": prose(chance, 40_000)},
        end=f'data = finish(request["text"])\n    summary = {read}',
        fixed_end=(
            'data = finish(request["text"])\n'
            '    summary = (data.get("summary") or data["summarised"])["text"]'
        ),
    )  # fmt: skip
    return Seeded(f"data {number}", source, good, failing)


def _of_step(number: int) -> Seeded:
    """A step that raises: a build that fails, or a rate limit."""
    chance = random.Random(200 + number)
    good, failing = _requests(chance)
    if number % 2:
        ask = 'finish(request["text"] + " ".join(files.values()))'
        fixed = f"try:\n        summary = {ask}\n    except BusyError:\n        summary = {ask}"
        source = _agent(chance, fails_in_step="finish", fixed_end=fixed)
    else:
        ask = 'text = finish(request["text"])\n    check(text)\n    summary = text'
        retry = (
            'text = finish(request["text"])\n    try:\n        check(text)\n    except BuildError:\n'
            '        text = finish(request["text"])\n        check(text)\n    summary = text'
        )
        source = _agent(
            chance,
            fails_in_step="check",
            bad=f"bad {prose(chance, 40_000)}",
            end=ask,
            fixed_end=retry,
        )
    return Seeded(f"step {number}", source, good, failing)


def _of_input(number: int) -> Seeded:
    """A turn of the history that lacks its text."""
    chance = random.Random(300 + number)
    good, failing = _requests(chance)
    broken = list(failing["history"])
    broken[chance.randrange(30)] = {"role": "tool", "content": prose(chance, 400)}
    source = _agent(chance)
    at = source.index("@attempt\ndef fixed")
    fixed = source[at:].replace("turns(", "all_turns(")
    source = (
        source[:at]
        + (
            'def all_turns(history):\n    return " ".join(turn.get("text", "") for turn in history)\n\n'
        )
        + fixed
    )
    return Seeded(f"input {number}", source, good, {**failing, "history": broken})
