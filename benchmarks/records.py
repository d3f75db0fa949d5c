"""Generations to store: about 900 bytes each, failing as often and as variously as asked."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from genmon_otel.records import Category, Failure, GenerationRecord, Outcome, Severity, Stage

START = 1_700_000_000.0
#: Seconds between the ends of two generations.
APART_S = 0.01


@dataclass(frozen=True)
class Load:
    """What a stream of generations is like."""

    name: str
    failing: float
    #: How many kinds of failure there are, each as likely.
    kinds: int = 1
    users: int = 2_000


CALM = Load("all succeed", failing=0.0)
USUAL = Load("20 % fail, 20 kinds", failing=0.2, kinds=20)
HARSH = Load("20 % fail, 1000 kinds", failing=0.2, kinds=1_000)


def record(chance: random.Random, number: int, load: Load = HARSH) -> GenerationRecord:
    """Make the generation with that number."""
    failure = None
    if chance.random() < load.failing:
        which = chance.randrange(load.kinds)
        failure = Failure(
            category=Category.RATE_LIMIT,
            severity=Severity.MEDIUM,
            error_type="openai.RateLimitError",
            error_message="Rate limit reached for requests " + "x" * 60,
            stack_trace="Traceback (most recent call last):\n" + "  File 'a.py', line 3\n" * 12,
            fingerprint=f"v1:{which:032x}",
            signature=f"v1:{which:032x}",
            stage="call_model",
        )
    at = START + number * APART_S
    return GenerationRecord(
        generation_id=f"{time.time_ns():016x}{chance.getrandbits(64):016x}",
        operation="build_app",
        framework=chance.choice(("react", "vue", "html")),
        outcome=Outcome.FAILURE if failure else Outcome.SUCCESS,
        started_at=at - 12,
        ended_at=at,
        duration_s=12.0,
        user_id=f"user-{chance.randrange(load.users)}",
        project_id=f"project-{chance.randrange(load.users)}",
        user_request="Build me a web application that " + "keeps a list of things " * 12,
        trace_id=f"{chance.getrandbits(128):032x}",
        span_id=f"{chance.getrandbits(64):016x}",
        code_version="3f2a9c1",
        file_count=12,
        tokens={"input": 1200, "output": 5300},
        stages=tuple(Stage(name, "phase", 3.0, Outcome.SUCCESS) for name in ("plan", "code")),
        failure=failure,
    )
