"""Make a recording fit to be kept: redacted, matched by digest, checked to be replayable.

Runs on the writer's thread: it costs what the recording is large.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from genmon_otel.errors import PayloadError
from genmon_otel.exchanges import prepare_exchange
from genmon_otel.payload import decode, decode_exception, digest
from genmon_otel.records import Recording, StepRecord, Tree
from genmon_otel.redaction import Redactor

#: Bytes of one recording as JSON: thirty-two values of the largest size that is kept.
MAX_BYTES: Final = 8 * 1024 * 1024
#: Characters of the reason.
_MAX_REASON: Final = 300


def prepare(recording: Recording, redactor: Redactor) -> Recording:
    """Redact a recording, give its steps their digests, and find out whether it can be replayed.

    Idempotent. What speaks against a replay is named in ``unreplayable`` (``size``, ``redaction``,
    ``payload``, ``target``, then a colon and the detail); one that is too large as a whole keeps
    names and times of its steps only.

    Args:
        recording: as the recorder made it.
        redactor: what takes secrets out; the digests are those of the redacted arguments.
    """
    if recording.redacted:
        return recording
    redacted = replace(
        recording,
        inputs=redactor.tree(recording.inputs),
        steps=tuple(prepare_step(step, redactor) for step in recording.steps),
        redacted=True,
    )
    size = sum(len(json.dumps(tree)) for _, tree in _trees(redacted))
    if size > MAX_BYTES:
        return replace(
            redacted,
            inputs=_left_out("builtins:dict"),
            steps=tuple(_emptied(step) for step in redacted.steps),
            unreplayable=f"size: {size} bytes, at most {MAX_BYTES} are kept",
        )
    reason = recording.unreplayable or _objection(recording, redacted)
    return replace(redacted, unreplayable=reason[:_MAX_REASON])


def prepare_step(step: StepRecord, redactor: Redactor) -> StepRecord:
    """Redact one step and give it the digest of its redacted arguments."""
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


def _objection(raw: Recording, redacted: Recording) -> str:
    """Say why it cannot be replayed; empty when nothing speaks against it."""
    if not redacted.target:
        return "target: a block cannot be imported by another process"
    for (where, before), (_, after) in zip(_trees(raw), _trees(redacted), strict=True):
        if where.endswith("arguments"):
            continue  # only compared, never rebuilt
        if _is_too_large(after):
            return f"size: {where} is too large to be kept"
        if problem := _broken(after):
            return f"payload: {where}: {problem}" if _broken(before) else f"redaction: {where}"
    return ""


def _trees(recording: Recording) -> Iterator[tuple[str, Tree]]:
    yield "inputs", recording.inputs
    for index, step in enumerate(recording.steps):
        where = f"step {index} ({step.name[:60]})"
        yield f"{where} arguments", step.arguments
        yield f"{where} outcome", step.outcome
        yield f"{where} end", step.stream_error


def _is_too_large(tree: Tree) -> bool:
    """Whether something of it was left out for its size."""
    waiting: list[Any] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if node.get("$") == "opaque" and node.get("why") == "size":
                return True
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return False


def _broken(tree: Tree) -> str:
    """Say why a tree cannot be rebuilt here; empty when it can."""
    try:
        if isinstance(tree, dict) and tree.get("$") == "error":
            decode_exception(tree)
        else:
            decode(tree)
    except PayloadError as error:
        return str(error)
    return ""


def _emptied(step: StepRecord) -> StepRecord:
    return replace(
        step, arguments=_left_out("builtins:dict"), outcome=_left_out("?:?"), stream_error=None
    )


def _left_out(kind: str) -> Tree:
    return {"$": "opaque", "type": kind, "why": "size"}
