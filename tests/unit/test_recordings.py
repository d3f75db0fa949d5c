"""A recording is redacted, gets its digests and is checked before it is stored."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any

from genmon_otel.payload import decode, digest, encode, encode_exception
from genmon_otel.recordings import MAX_BYTES, prepare
from genmon_otel.records import Recording, StepRecord
from genmon_otel.redaction import Redactor

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEF"


def step(arguments: Any = None, outcome: Any = "fine", **changes: Any) -> StepRecord:
    made = StepRecord(
        "chat", encode(arguments or {"prompt": "hi"}), "value", encode(outcome), ended_s=1.0
    )
    return dataclasses.replace(made, **changes)


def recording(*steps: StepRecord, inputs: Any = None, **changes: Any) -> Recording:
    given: dict[str, Any] = {
        "generation_id": "9f",
        "fingerprint": "v2:0",
        "operation": "build",
        "target": "app:build",
        "inputs": encode(inputs or {"request": "a shop"}),
        "steps": steps,
        "trigger_step": None,
        "duration_s": 1.0,
    }
    return Recording(**{**given, **changes})


def test_secrets_leave_every_tree() -> None:
    """A secret in inputs, arguments, outcomes, errors and stream ends is removed everywhere."""
    error = encode_exception(ValueError(f"bad key {KEY}"))
    prepared = prepare(
        recording(
            step({"prompt": f"use {KEY}"}, {"echo": KEY}),
            step(stream_error=error),
            step({"body": f"key={KEY}".encode(), "raw": f"\0{KEY}"}),
            inputs={"request": f"my key is {KEY}"},
        ),
        Redactor(),
    )
    assert KEY not in json.dumps(dataclasses.asdict(prepared))
    assert prepared.redacted
    assert not prepared.unreplayable


def test_digests_are_of_redacted_arguments() -> None:
    """A replay that is given the redacted argument finds the same digest."""
    redactor = Redactor()
    prepared = prepare(recording(step({"prompt": f"use {KEY}"})), redactor)
    arguments = decode(prepared.steps[0].arguments)
    assert KEY not in arguments["prompt"]
    assert digest(redactor.tree(encode(arguments))) == prepared.steps[0].digest


def test_it_is_idempotent() -> None:
    """Preparing twice changes nothing."""
    once = prepare(recording(step({"prompt": f"use {KEY}"})), Redactor())
    assert prepare(once, Redactor()) is once
    again = prepare(dataclasses.replace(once, redacted=False), Redactor())
    assert again == once


def test_too_large_a_value_is_named() -> None:
    """An input or outcome over the limit makes it unreplayable for its size; arguments do not."""
    large = "x" * 300_000
    assert prepare(recording(inputs={"a": large}), Redactor()).unreplayable.startswith(
        "size: inputs"
    )
    outcome = prepare(recording(step(), step(outcome=large)), Redactor()).unreplayable
    assert outcome.startswith("size: step 1 (chat)")
    assert not prepare(recording(step({"prompt": large})), Redactor()).unreplayable


def test_too_large_a_recording_keeps_names_only() -> None:
    """A recording over the limit is emptied, and ``unreplayable`` says so."""
    many = [step(outcome="y" * 250_000) for _ in range(MAX_BYTES // 250_000 + 1)]
    prepared = prepare(recording(*many), Redactor())
    assert prepared.unreplayable.startswith("size:")
    assert len(prepared.steps) == len(many)
    assert len(json.dumps(dataclasses.asdict(prepared))) < 100_000


def test_what_redaction_breaks_is_named() -> None:
    """A value that cannot be rebuilt after redaction makes it unreplayable: redaction."""

    def shout(text: str) -> str:
        return text.replace("2024-01-02", "someday")

    prepared = prepare(recording(step(outcome=datetime.date(2024, 1, 2))), Redactor(extra=shout))
    assert prepared.unreplayable.startswith("redaction: step 0")


def test_a_block_is_no_target() -> None:
    """A block cannot be called by another process."""
    assert prepare(recording(target=""), Redactor()).unreplayable.startswith("target:")


def test_an_earlier_reason_is_kept() -> None:
    """A reason that the recorder gave is kept."""
    prepared = prepare(recording(unreplayable="size: more than 500 steps"), Redactor())
    assert prepared.unreplayable == "size: more than 500 steps"
