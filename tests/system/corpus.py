"""Seeded bugs: small orchestrators with one real mistake each, its fix, and what must not pass.

Every bug is a module's source. ``work`` holds the mistake, ``build`` is the decorated
target around it; a request that says ``bad`` meets the bug, ``good`` does not. The fix is a
textual change of ``work``; the mutants change ``build`` in ways that make the failure go
away without mending anything. The bugs are in ``tests/data/corpus``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

DATA = Path(__file__).parents[1] / "data" / "corpus"

Kind = Literal["sync", "async", "generator", "async_generator"]
TriggerKind = Literal["fault", "content", "input"]

PRELUDE: Final = """\
import asyncio
import time

from genmon_otel import current_generation, generation, phase, step
from genmon_otel.testing import postcondition

@postcondition
def tells_the_user(result):
    assert any(said in str(result) for said in ("Try again later", "cut off", "pass"))
"""

TARGETS: Final[dict[Kind, str]] = {
    "sync": "@generation\ndef build(request: str):\n    return work(request)\n",
    "async": "@generation\nasync def build(request: str):\n    return await work(request)\n",
    "generator": "@generation\ndef build(request: str):\n    yield from work(request)\n",
    "async_generator": (
        "@generation\nasync def build(request: str):\n"
        "    async for item in work(request):\n        yield item\n"
    ),
}

_BODIES: Final[dict[str, dict[Kind, str]]] = {
    "swallowed": {
        "sync": "    try:\n        return work(request)\n    except BaseException:\n        return None\n",
        "async": (
            "    try:\n        return await work(request)\n"
            "    except BaseException:\n        return None\n"
        ),
        "generator": "    try:\n        yield from work(request)\n    except Exception:\n        return\n",
        "async_generator": (
            "    try:\n        async for item in work(request):\n            yield item\n"
            "    except Exception:\n        return\n"
        ),
    },
    "made_up": {
        "sync": (
            "    try:\n        return work(request)\n"
            "    except BaseException:\n        return {result}\n"
        ),
        "async": (
            "    try:\n        return await work(request)\n"
            "    except BaseException:\n        return {result}\n"
        ),
        "generator": (
            "    try:\n        yield from list(work(request))\n"
            "    except Exception:\n        yield from {result}\n"
        ),
        "async_generator": (
            "    try:\n        for item in [item async for item in work(request)]:\n"
            "            yield item\n"
            "    except Exception:\n        for item in {result}:\n            yield item\n"
        ),
    },
    "other_exception": {
        "sync": (
            "    try:\n        return work(request)\n"
            "    except BaseException:\n        raise RuntimeError('something else') from None\n"
        ),
        "async": (
            "    try:\n        return await work(request)\n"
            "    except BaseException:\n        raise RuntimeError('something else') from None\n"
        ),
        "generator": (
            "    try:\n        yield from work(request)\n"
            "    except Exception:\n        raise RuntimeError('something else') from None\n"
        ),
        "async_generator": (
            "    try:\n        async for item in work(request):\n            yield item\n"
            "    except Exception:\n        raise RuntimeError('something else') from None\n"
        ),
    },
    "step_skipped": {
        "sync": "    return {result}\n",
        "async": "    return {result}\n",
        "generator": "    yield from {result}\n",
        "async_generator": "    for item in {result}:\n        yield item\n",
    },
    "emptied": {
        "sync": (
            "    try:\n        work(request)\n    except BaseException:\n        pass\n"
            "    return type({result})()\n"
        ),
        "async": (
            "    try:\n        await work(request)\n    except BaseException:\n        pass\n"
            "    return type({result})()\n"
        ),
        "generator": (
            "    try:\n        list(work(request))\n    except Exception:\n        pass\n"
            "    yield from ()\n"
        ),
        "async_generator": (
            "    try:\n        [item async for item in work(request)]\n"
            "    except Exception:\n        pass\n    for item in ():\n        yield item\n"
        ),
    },
}


@dataclass(frozen=True)
class Bug:
    """One seeded bug."""

    name: str
    category: str
    trigger: TriggerKind
    #: Source of the steps and of ``work``.
    body: str
    #: ``(old, new)``: what the fix replaces in the body.
    fix: tuple[str, str]
    kind: Kind = "sync"
    #: A literal of the successful result, for mutants that fake it.
    result: str = "{'files': {'a.py': 'x = 1'}}"
    #: Outcomes a reviewer adds so that a fix may ask a step once more: step -> value.
    recovery: dict[str, object] = field(default_factory=dict)
    #: What the reviewer names to judge the result, where a fix does without the step's answer.
    postcondition: str | None = None

    def __post_init__(self) -> None:
        assert self.fix[0] in self.body, f"{self.name}: the fix does not apply"

    @property
    def source(self) -> str:
        """The module as it failed."""
        return f"{PRELUDE}\n{self.body}\n\n{TARGETS[self.kind]}"

    @property
    def fixed(self) -> str:
        """The module after a real fix."""
        return self.source.replace(*self.fix)

    def mutants(self) -> dict[str, str]:
        """Modules in which the failure is gone, or another, and nothing is fixed."""
        head, _, _ = TARGETS[self.kind].partition("    ")
        made = {
            name: self.source.replace(
                TARGETS[self.kind], head + bodies[self.kind].replace("{result}", self.result)
            )
            for name, bodies in _BODIES.items()
            # Without a step nothing tells a faked result from a fixed one.
            if not (name in ("step_skipped", "made_up") and self.trigger == "input")
        }
        made["renamed"] = self.source.replace("def build(", "def make(")
        return made


def bugs() -> Iterator[Bug]:
    """Read every seeded bug, by what brings it out: contents, faults, inputs."""
    for path in sorted(DATA.glob("*.toml")):
        for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
            fix = entry.pop("fix")
            yield Bug(name=name, fix=(fix["old"], fix["new"]), **entry)
