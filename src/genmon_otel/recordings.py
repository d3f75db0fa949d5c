"""Prepares a recording for the store: redacts it, computes digests, checks that it can be replayed.

Runs on the writer's thread, because its time grows with the size of the recording.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from genmon_otel.errors import PayloadError
from genmon_otel.exchanges import compacted, expanded, prepare_exchange
from genmon_otel.payload import decode, decode_exception, digest
from genmon_otel.payload.opaque import opaque_nodes
from genmon_otel.records import Recording, StepRecord, Tree
from genmon_otel.redaction import Redactor

#: Bytes of one recording as JSON: thirty-two values of the largest size.
MAX_BYTES: Final = 8 * 1024 * 1024
#: Characters of the reason.
_MAX_REASON: Final = 300


def prepare(recording: Recording, redactor: Redactor) -> Recording:
    """Redact a recording, compute its steps' digests, and check whether it can be replayed.

    Idempotent. The reason against a replay is put in ``unreplayable``: ``size``, ``redaction``,
    ``payload`` or ``target``, a colon and the detail. A recording that is too large as a whole keeps
    only names and times of its steps.

    Args:
        recording: as the recorder built it.
        redactor: removes secrets. Digests are computed from the redacted arguments.
    """
    if recording.redacted:
        return recording
    redacted = replace(
        recording,
        inputs=redactor.tree(recording.inputs),
        steps=tuple(compacted(prepare_step(step, redactor) for step in expanded(recording.steps))),
        redacted=True,
    )
    size = sum(len(json.dumps(tree)) for _, tree in _trees(redacted))
    if size > MAX_BYTES:
        return replace(
            redacted,
            inputs=_opaque_for_size("builtins:dict"),
            steps=tuple(_without_values(step) for step in redacted.steps),
            unreplayable=f"size: {size} bytes, at most {MAX_BYTES} are kept",
        )
    reason = recording.unreplayable or _reason_against_replay(recording, redacted)
    return replace(redacted, unreplayable=reason[:_MAX_REASON])


def prepare_step(step: StepRecord, redactor: Redactor) -> StepRecord:
    """Redact one step and compute the digest of its redacted arguments."""
    if step.adapter:
        return prepare_exchange(step, redactor)
    arguments = redactor.tree(step.arguments)
    return replace(
        step,
        arguments=arguments,
        outcome=redactor.tree(step.outcome),
        stream_error=redactor.tree(step.stream_error),
        digest=digest(arguments),
    )


def _reason_against_replay(raw: Recording, redacted: Recording) -> str:
    """Return why a recording cannot be replayed; empty where it can."""
    if not redacted.target:
        return "target: a block cannot be imported by another process"
    for (where, before), (_, after) in zip(_trees(raw), _trees(redacted), strict=True):
        if where.endswith("arguments"):
            continue  # arguments are compared by digest, never rebuilt
        if _is_too_large(after):
            return f"size: {where} is too large to be kept"
        if problem := _decoding_error(after):
            return (
                f"payload: {where}: {problem}" if _decoding_error(before) else f"redaction: {where}"
            )
    return ""


def _trees(recording: Recording) -> Iterator[tuple[str, Tree]]:
    yield "inputs", recording.inputs
    for index, step in enumerate(recording.steps):
        where = f"step {index} ({step.name[:60]})"
        yield f"{where} arguments", step.arguments
        yield f"{where} outcome", step.outcome
        yield f"{where} end", step.stream_error


def _is_too_large(tree: Tree) -> bool:
    """Whether a part of a tree was left out because of its size."""
    return any(node.get("why") == "size" for node in opaque_nodes(tree))


def _decoding_error(tree: Tree) -> str:
    """Return why a tree cannot be rebuilt in this process; empty where it can."""
    try:
        if isinstance(tree, dict) and tree.get("$") == "error":
            decode_exception(tree)
        else:
            decode(tree)
    except PayloadError as error:
        return str(error)
    return ""


def _without_values(step: StepRecord) -> StepRecord:
    return replace(
        step,
        arguments=_opaque_for_size("builtins:dict"),
        outcome=_opaque_for_size("?:?"),
        stream_error=None,
    )


def _opaque_for_size(kind: str) -> Tree:
    return {"$": "opaque", "type": kind, "why": "size"}
