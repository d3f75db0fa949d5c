"""The observation of a run, as its process reports it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from genmon_otel.records import GenerationRecord, Outcome, Tree
from genmon_otel.regression.cases.case import Case

#: Reasons of inconclusive runs, one word each, for tools to count.
Reason = Literal[
    "", "import", "size", "opaque", "unrecorded", "network", "write", "subprocess", "process",
    "deadline",
    "factory", "crash", "payload", "trigger", "postcondition", "outcome", "not_called",
    "superseded", "trust", "prompt", "donor",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failed:
    """How the replayed generation failed, or was rejected or cancelled."""

    signature: str
    category: str
    error_type: str
    error_message: str = ""
    stage: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that was observed in a run."""

    #: What made the run inconclusive, as (reason, detail); None if nothing did.
    obstacle: tuple[Reason, str] | None = None
    #: Generations of the case's operation that ended in the run.
    generations: int = 0
    #: Outcome of the last of them, or of the first that did not succeed where steps were asked
    #: for after it; None without one.
    outcome: Outcome | None = None
    failed: Failed | None = None
    #: Other failures in the run: generations within, as "type: message".
    other_failures: tuple[str, ...] = ()
    #: An exception left the target although its generation did not fail, or none began.
    escaped: str = ""
    trigger_consumed: bool = False
    #: Signature of the fault that the trigger's step met; None where it met none.
    trigger_signature: str | None = None
    #: A step was asked with another request than recorded.
    drifted: bool = False
    #: The first step that was asked otherwise, and how its request differs; empty without drift.
    drift: str = ""
    #: Name of the step whose answer broke it, where it was asked something else; empty where not.
    prompt_changed: str = ""
    #: A donor answered the very request that was answered badly or not at all.
    donor_for_trigger: bool = False
    #: Name of the first step that a donor answered which had been asked something else.
    foreign_donor: str = ""
    #: What left the target, as Python prints it, without genmon's frames; empty where nothing did.
    traceback: str = ""
    #: What was served, in order: a step's name, and its index in the recording; -1 for what is beyond.
    served: tuple[tuple[str, int], ...] = ()
    #: Names of the steps served after the trigger was asked for, in order, as recorded ones are named.
    served_after: tuple[str, ...] = ()
    #: Names of the steps that answered after the trigger was met.
    answered_after: tuple[str, ...] = ()
    #: Names of the steps that gave substitutes for the trigger's answer (see ``substitutes.py``).
    substitutes: tuple[str, ...] = ()
    #: Step and donor (-1: recovery) of these answers, and of those that were served before them.
    relied_on: tuple[tuple[str, int], ...] = ()
    #: Digest of what the run asked for and of its result; empty where there is none.
    effect: str = ""
    #: The same without ids, numbers and times in its requests and their count: threads change these in each run.
    masked_effect: str = ""
    #: The request that met the trigger: its step's name and its digest; empty where none did.
    trigger_request: str = ""
    #: Digest of the requests that substitutes answered; empty where there are none.
    substitute_requests: str = ""
    #: Whether that follows what it must rest on, where other replays have shown it; else None.
    depends: bool | None = None
    #: Whether the result holds the answer that broke it, whole.
    hands_on: bool = False
    #: What further replays show against the result where it does not follow what it must rest on.
    objection: str = ""
    #: A stream was read beyond what is known of it: how many items are right is not known either.
    read_on: bool = False
    #: Shape of the result; None when none was returned.
    result_shape: Tree = None
    #: What the postcondition said: None when none ran, "" when it held, else what it found.
    postcondition: str | None = None
    #: Steps asked for, in order.
    steps: tuple[str, ...] = ()
    #: Seconds of virtual time that the run took.
    virtual_s: float = 0.0
    notes: tuple[str, ...] = ()
    #: Environment variables that the application asked for and the replay did not have.
    missing: tuple[str, ...] = ()
    #: Version of the replayed sources, for where nothing else names one.
    code_version: str | None = None
    #: By the index of the recorded step that was served: the request that was another one.
    requests: Mapping[str, Any] = field(default_factory=dict)


def trigger_signature(case: Case, record: GenerationRecord | None) -> str | None:
    """Return the signature of the fault that a case's trigger met in a replay; None for none."""
    if record is None or case.trigger.step is None or case.trigger.kind != "fault":
        return None
    if record.failure is not None:
        return record.failure.trigger_signature
    name = case.steps[case.trigger.step].name
    return next((f.trigger_signature for f in record.step_faults if f.step == name), None)
