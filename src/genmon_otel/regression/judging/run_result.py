"""The result of one replay: its verdict, and what it showed on the way there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from genmon_otel.policy import Verdict
from genmon_otel.records import Outcome
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.judging.observation import Observation, Reason
from genmon_otel.regression.judging.verdict import judge
from genmon_otel.text import clean

#: Characters of why a run was judged as it was.
_MAX_DETAIL: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """The result of one run of a case."""

    verdict: Verdict
    #: Why, in a sentence.
    detail: str
    #: Why it is inconclusive, in a word; empty otherwise.
    reason: Reason = ""
    #: What a pass counts for in the confidence: 1, or a quarter where less was seen.
    weight: float = 1.0
    #: A step was asked with another request than recorded, and served all the same.
    drifted: bool = False
    #: The first step that was asked otherwise, and how its request differs; empty without drift.
    drift: str = ""
    #: Seconds of wall time, process included.
    duration_s: float = 0.0
    #: Of the replayed failure; None when it did not fail.
    signature: str | None = None
    fingerprint: str | None = None
    #: Of the fault that the trigger's step met; None where it met none.
    trigger_signature: str | None = None
    category: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    outcome: Outcome | None = None
    trigger_consumed: bool = False
    #: Environment variables that the application asked for and the replay did not have.
    missing: tuple[str, ...] = ()
    #: Names of the steps asked for, in order.
    steps: tuple[str, ...] = ()
    #: What was served, in order: a step's name, and its index in the recording; -1 for what is beyond.
    served: tuple[tuple[str, int], ...] = ()
    #: What left the target, as Python prints it; empty where nothing did.
    traceback: str = ""
    #: Seconds of virtual time.
    virtual_s: float = 0.0
    #: What was refused, served beyond the recording, or odd, without deciding the verdict.
    notes: tuple[str, ...] = ()
    #: Version of the replayed sources, for where neither a setting nor a commit names one.
    code_version: str | None = None
    #: Why its process was started anew; empty where it was forked from a template.
    fresh_because: str = ""
    #: By the index of a recorded step: the request that came in the place of its own, where asked for.
    requests: Mapping[str, Any] = field(default_factory=dict)


def result_of(case: Case, seen: Observation, duration_s: float) -> RunResult:
    """Judge what a run showed.

    Args:
        case: what was replayed.
        seen: what its process reported.
        duration_s: seconds of wall time that it took.
    """
    judgement = judge(case, seen)
    failed = seen.failed
    return RunResult(
        verdict=judgement.verdict,
        detail=clean(judgement.detail, _MAX_DETAIL),
        reason=judgement.reason,
        weight=judgement.weight,
        drifted=seen.drifted,
        drift=seen.drift,
        duration_s=duration_s,
        signature=failed.signature if failed else None,
        fingerprint=failed.fingerprint if failed else None,
        trigger_signature=seen.trigger_signature,
        category=failed.category if failed else None,
        error_type=failed.error_type if failed else None,
        error_message=failed.error_message if failed else None,
        outcome=seen.outcome,
        trigger_consumed=seen.trigger_consumed,
        missing=seen.missing,
        steps=seen.steps,
        served=seen.served,
        traceback=seen.traceback,
        virtual_s=seen.virtual_s,
        notes=seen.notes,
        code_version=seen.code_version,
        requests=seen.requests,
    )
