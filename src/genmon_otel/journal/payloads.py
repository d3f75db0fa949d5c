"""Payloads of journal frames: records, recordings and notes as ASCII JSON, and back.

Keys are the names of the records' own fields; what equals a field's default is left
out. A reader ignores keys that it does not know and returns that it did, so that a record
of a newer version is neither lost nor silently shortened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from inspect import Parameter, signature
from itertools import compress
from operator import ne
from typing import Any, Final

from genmon_otel._version import __version__
from genmon_otel.errors import ConfigurationError
from genmon_otel.records import (
    Category,
    Failure,
    GenerationRecord,
    InFlight,
    Outcome,
    Recording,
    Severity,
    Stage,
    StepFault,
    StepRecord,
)
from genmon_otel.text import cut, safe_str

#: Bytes of one journalled record.
MAX_RECORD: Final = 2048

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=True).encode
_encode_lossy = json.JSONEncoder(
    separators=(",", ":"), default=lambda value: safe_str(value, 200), skipkeys=True
).encode


def _defaults(kind: type[Any]) -> dict[str, Any]:
    """Return the fields of a record with their defaults, a fresh object for those without one."""
    return {
        name: object() if field.default is Parameter.empty else field.default
        for name, field in signature(kind).parameters.items()
    }


_RECORD: Final = _defaults(GenerationRecord)
_FAILURE: Final = _defaults(Failure)
_RECORDING: Final = _defaults(Recording)
_STEP: Final = _defaults(StepRecord)
_RUNNING: Final = _defaults(InFlight)
#: Key of the position of a batch that may have stored this record already.
POSITION: Final = "position"


def _tree(record: Any, defaults: Mapping[str, Any]) -> dict[str, Any]:
    values = record if isinstance(record, tuple) else [getattr(record, name) for name in defaults]
    return dict(compress(zip(defaults, values, strict=True), map(ne, values, defaults.values())))


def _dump(tree: Mapping[str, Any]) -> bytes:
    try:
        return _encode(tree).encode("ascii")
    except (TypeError, ValueError, RecursionError):
        # Not JSON after all: what cannot be encoded becomes its text.
        return _encode_lossy({**tree, "context": {}, "tokens": {}}).encode("ascii")


def encode_record(
    record: GenerationRecord, *, position: int | None = None, limit: int = MAX_RECORD
) -> bytes:
    """Return the payload of a record, at most ``limit`` bytes.

    What does not fit is shortened: the stack first, then context, stages, message;
    identity, times, category and fingerprint never.

    Args:
        record: what ended. Its request is left out: it is not redacted yet.
        position: of the batch that may have stored it, where the store did not answer (see
            :mod:`genmon_otel.writer.adoption`).
        limit: bytes.
    """
    tree = _tree(record, _RECORD)
    tree["stages"] = [[s.name, s.kind, s.duration_s, s.outcome] for s in record.stages]
    if record.step_faults:
        tree["step_faults"] = [
            [f.step, f.trigger_signature, f.consecutive] for f in record.step_faults
        ]
    stack = ""
    if record.failure is not None:
        stack = record.failure.stack_trace
        tree["failure"] = _tree(record.failure, _FAILURE)
        tree["failure"]["stack_trace"] = ""
        tree["failure"].pop("corrected", None)
    tree.pop("user_request", None)
    if position is not None:
        tree[POSITION] = position
    data = _dump(tree)
    if not stack and len(data) <= limit:
        return data
    end = _STACK + _encode(stack).encode("ascii") if stack else b""
    if len(data) + len(end) > limit:
        data = _shortened(tree, data, limit - min(len(end), _MIN_STACK))
        end = _STACK + _fitting(stack, limit - len(data) - len(_STACK)) if stack else b""
    return data[:-1] + end + b"}"


#: What stands before the stack, which comes last.
_STACK: Final = b',"stack":'
#: Bytes of the stack that are worth more than context or request.
_MIN_STACK: Final = 500


def _shortened(tree: dict[str, Any], data: bytes, limit: int) -> bytes:
    """Shorten a tree, what is needed least first, until it fits; return it encoded, as ``data`` is before."""
    for shorten in _SHORTEN:
        if len(data) <= limit:
            break
        shorten(tree)
        data = _dump(tree)
    while len(data) > limit and _halve_the_longest(tree):
        data = _dump(tree)
    return data


def _halve_the_longest(tree: dict[str, Any]) -> bool:
    """Cut the longest text to its half: one of 80 emoji takes 960 bytes. Return whether there was one."""
    parts = [tree, tree.get("failure") or {}]
    texts = [
        (len(_encode(value)), name, part)
        for part in parts
        for name, value in part.items()
        if isinstance(value, str) and name not in _WHOLE
    ]
    length, name, part = max(texts, key=lambda text: text[0], default=(0, "", tree))
    if length <= _SHORT:
        return False
    part[name] = cut(part[name], len(part[name]) // 2)
    return True


#: What names a record: never cut.
_WHOLE: Final = frozenset(
    {"generation_id", "outcome", "trace_id", "span_id"}
    | {"category", "severity", "fingerprint", "signature", "trigger", "origin"}
)
#: Bytes of a text that is not worth cutting.
_SHORT: Final = 40


def _fitting(text: str, limit: int) -> bytes:
    """Return the text as JSON, its middle left out so that it fits."""
    data = _encode(text).encode("ascii")
    while len(data) > max(limit, 2) and text:
        size = min(len(text) - 1, int(len(text) * limit / len(data) * 0.95))
        text = cut(text, max(0, size))
        data = _encode(text).encode("ascii")
    return data


def _drop(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda tree: tree.pop(name, None)


def _cut(name: str, limit: int, inside: str | None = None) -> Callable[[dict[str, Any]], None]:
    def shorten(tree: dict[str, Any]) -> None:
        part = tree.get(inside) if inside else tree
        if part and isinstance(part.get(name), str):
            part[name] = cut(part[name], limit)

    return shorten


def _few_stages(tree: dict[str, Any]) -> None:
    """Keep the last stages, and the last step if it is not among them."""
    stages = tree["stages"]
    last_step = next((stage for stage in reversed(stages) if stage[1] == "step"), None)
    kept = stages[-6:]
    if last_step is not None and last_step not in kept:
        kept = [last_step, *kept]
    tree["stages"] = [[cut(stage[0], 60), *stage[1:]] for stage in kept]


def _few_faults(tree: dict[str, Any]) -> None:
    tree["step_faults"] = tree.get("step_faults", [])[:3]


#: Tried in this order until a record fits. 200 characters keep a message recognisable.
_SHORTEN: Final[tuple[Callable[[dict[str, Any]], None], ...]] = (
    _drop("context"),
    _few_stages,
    _few_faults,
    _drop("tokens"),
    _cut("error_message", 200, "failure"),
    _cut("user_id", 64),
    _cut("project_id", 64),
    _cut("file", 80, "failure"),
    _cut("function", 80, "failure"),
    _cut("error_type", 80, "failure"),
    _cut("stage", 80, "failure"),
    _cut("code_version", 80),
    _cut("strike_key", 80),
    _cut("error_message", 20, "failure"),
    _drop("step_faults"),
    lambda tree: tree.update(stages=tree["stages"][:1]),
    _cut("operation", 100),
    _cut("framework", 40),
)


def _load(payload: bytes) -> dict[str, Any]:
    tree = json.loads(payload)
    if not isinstance(tree, dict):
        raise ValueError("a frame's payload is not an object")
    return tree


def _known(tree: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return the keys that this version knows, and whether there were others."""
    known = {key: value for key, value in tree.items() if key in defaults}
    return known, len(known) != len(tree)


def decode_record(payload: bytes) -> tuple[GenerationRecord, int | None, bool]:
    """Rebuild a record.

    Returns:
        The record, its ``position`` (see :func:`encode_record`) and whether a newer
        version wrote more than this one understands.

    Raises:
        ValueError, TypeError, KeyError: the payload is no record.
    """
    tree = _load(payload)
    position = tree.pop(POSITION, None)
    stack = tree.pop("stack", "")
    known, newer = _known(tree, _RECORD)
    known["outcome"] = Outcome(known["outcome"])
    stages, faults = known.get("stages", ()), known.get("step_faults", ())
    newer = newer or any(len(row) > 4 for row in stages) or any(len(row) > 3 for row in faults)
    known["stages"] = tuple(
        Stage(name, kind, duration_s, Outcome(outcome))
        for name, kind, duration_s, outcome, *_ in stages
    )
    known["step_faults"] = tuple(StepFault(*fault[:3]) for fault in faults)
    if known.get("failure") is not None:
        failure, newer_failure = _known(dict(known["failure"]), _FAILURE)
        category = failure["category"] = Category(failure["category"])
        known_severity = failure["severity"] in list(Severity)
        newer = newer or newer_failure or not known_severity
        failure["severity"] = (
            Severity(failure["severity"]) if known_severity else category.default_severity
        )
        known["failure"] = Failure(**{**failure, "stack_trace": stack})
    return GenerationRecord(**known), position, newer


def encode_recording(recording: Recording) -> bytes:
    """Return the payload of a redacted recording. The caller checks its size."""
    tree = _tree(recording, _RECORDING)
    tree["steps"] = [_tree(step, _STEP) for step in recording.steps]
    return _dump(tree)


def decode_recording(payload: bytes) -> tuple[Recording, bool]:
    """Rebuild a recording; also return whether a newer version wrote more.

    Raises:
        ValueError, TypeError, KeyError: the payload is no recording.
    """
    known, newer = _known(_load(payload), _RECORDING)
    steps = []
    for tree in known["steps"]:
        step, newer_step = _known(dict(tree), _STEP)
        newer = newer or newer_step
        steps.append(StepRecord(**step))
    return Recording(**{**known, "steps": tuple(steps)}), newer


def encode_running(note: InFlight) -> bytes:
    """Return the payload of a note that a generation is running."""
    return _dump(_tree(note, _RUNNING))


def decode_running(payload: bytes) -> InFlight:
    """Rebuild a note.

    Raises:
        ValueError, TypeError, KeyError: the payload is no note.
    """
    return InFlight.from_dict(_load(payload))


def encode_ended(generation_id: str) -> bytes:
    """Return the payload that says that a noted generation ended."""
    return _dump({"generation_id": generation_id})


def generation_of(payload: bytes) -> str:
    """Return the id of the generation that a frame is about; empty when it says none."""
    return str(_load(payload).get("generation_id", ""))


#: Format of the journal that this version writes and reads.
FORMAT: Final = 1


def encode_header(*, store: str, producer: str, segment: int) -> bytes:
    """Return the payload of a segment's first frame."""
    return _dump(
        {
            "format": FORMAT,
            "package": __version__,
            "store": store,
            "producer": producer,
            "segment": segment,
        }
    )


def check_format(payload: bytes) -> None:
    """Refuse a segment of a format that is newer than ours.

    Raises:
        ConfigurationError: it is newer, or no header at all.
    """
    header = _load(payload)
    if header.get("format", 0) > FORMAT:
        raise ConfigurationError(
            f"The journal was written by genmon {header.get('package')} in format "
            f"{header.get('format')}; this is {__version__}, which reads format {FORMAT}. "
            "A process of the newer version will take it over."
        )
