"""Outbound calls as data: what an automatic step keeps of a request and of its answer.

A *request* is a tree with ``method``, ``host``, ``path``, ``query`` and ``body``. An *answer* is
``{"status", "headers", "body"}``; of a stream a list: first the same with ``at`` in place of
``body``, the seconds that its head took, then ``[seconds since the beginning, text]`` of each chunk. A body is
text; a binary or too large one is opaque, with its ``length`` and ``sha256``. The body of a long
request that repeats an earlier one of the same recording is ``{"$": "part", "of": its index, "head", "tail", "text"}``:
the bytes of UTF-8 in common at both ends, and what is between (:func:`compacted`, :func:`expanded`).

Two requests are compared by three keys (:class:`Keys`), from narrow to wide.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qsl

from genmon_otel.histories import Histories, Shared
from genmon_otel.payload import decode
from genmon_otel.records import StepRecord, Tree
from genmon_otel.redaction import Redactor
from genmon_otel.redaction.bodies import redact_body, redact_chunks
from genmon_otel.redaction.credentials import redact_query

#: The lowest status of an answer that is a fault.
FIRST_FAULT: Final = 400
#: Characters at an answer's end that are searched for a stream event that reports an error.
_EVENTS: Final = 1 << 16

#: Names of a Python interpreter.
_PYTHON: Final = re.compile(r"python(?:[0-9]+(?:\.[0-9]+)*)?(?:\.exe)?")

#: Ids, numbers, dates and times: what differs between two runs of one code.
_VARIES: Final = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|\b[A-Za-z]{2,12}[-_](?=[A-Za-z0-9]*[0-9])[A-Za-z0-9]{8,64}\b"
    r"|\b(?=[a-fA-F]*[0-9])[0-9a-fA-F]{12,128}\b"
    r"|[0-9]+(?:[.,:TZ/-]+[0-9]+)*"
)
#: The model in a path of Google's APIs and Replicate's (its name may have slashes), Bedrock's and Azure's.
_MODEL: Final = re.compile(
    r"(?<=/models/)[^:]{1,200}(?=:\w+$|/predictions$)|(?:(?<=/model/)|(?<=/openai/deployments/))[^/]{1,200}(?=/)"
)
_ERROR_EVENT: Final = re.compile(
    r'^event: ?error\b|^data: ?\{"(?:error"|type": ?"error")'
    r'|^\{"headers":\{[^{}]*":(?:exception-type|error-code)"',  # a frame of an AWS event stream
    re.M,
)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys by which requests are compared."""

    #: Digest of the redacted request, canonical; the host does not count.
    exact: str
    #: The same with ids, numbers and times masked.
    masked: str
    #: Method and path, ids masked, and the model that a model API has there: others have it in the body.
    endpoint: str


def keys_of(request: Mapping[str, Any]) -> Keys:
    """Return the keys of a redacted request."""
    canonical = _canonical(request)
    renamed = _any_python(request)
    masked = _mask(canonical if renamed is request else _canonical(renamed))
    return Keys(_digest(canonical), _digest(masked), endpoint_of(renamed))


def keys_of_arguments(name: str, arguments: Tree, exact: str) -> Keys:
    """Return the keys of a decorated step's redacted arguments.

    Args:
        name: of the step; it takes the place of the endpoint.
        arguments: redacted.
        exact: their digest.
    """
    canonical = json.dumps([name, arguments], sort_keys=True, separators=(",", ":"), default=str)
    return Keys(exact, _digest(_mask(canonical)), name)


def endpoint_of(request: Mapping[str, Any]) -> str:
    """Return the endpoint of a request without its content and model: method and path, or a program's name."""
    path = _MODEL.sub("*", str(request.get("path", "")))
    return f"{request.get('method', '')} {_mask(path)}"


def _any_python(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the start of a Python interpreter under one name, any other request as it is.

    ``python`` and ``python3`` are one file in a virtual environment, and ``sys.executable`` is
    either, by how the process was started: the application as ``python app.py``, a replay by the
    first line of the command ``genmon``.
    """
    if request.get("method") != "RUN" or not _PYTHON.fullmatch(str(request.get("path", ""))):
        return request
    words = _parsed(str(request.get("body", "")), "")
    if not isinstance(words, list) or not words:
        return request
    first = str(words[0]).replace("\\", "/").rpartition("/")[2]
    if _PYTHON.fullmatch(first):
        words = ["python", *words[1:]]
    return {**request, "path": "python", "body": json.dumps(words)}


def _canonical(request: Mapping[str, Any]) -> str:
    parts = {name: value for name, value in request.items() if name != "host"}
    body = parts.get("body")
    if isinstance(body, str):
        parts["body"] = _parsed(body, str(parts.pop("type", "")))
    if isinstance(query := parts.get("query"), str):
        parts["query"] = sorted(parse_qsl(query, keep_blank_values=True))
    return json.dumps(parts, sort_keys=True, separators=(",", ":"))


def _parsed(body: str, content_type: str) -> Any:
    """Return a body in a canonical form: the order of members and white space do not count."""
    if "x-www-form-urlencoded" in content_type:
        return sorted(parse_qsl(body, keep_blank_values=True))
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body


def _mask(text: str) -> str:
    return _VARIES.sub("0", text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


# --- requests that repeat an earlier one -----------------------------------------

#: Kind of a body that refers to an earlier one.
PART: Final = "part"


def part_of(shared: Shared[int], between: Tree) -> Tree:
    """Return the body of a request that repeats that of the step with the index ``shared.of``."""
    return {
        "$": PART, "of": shared.of, "head": shared.head, "tail": shared.tail, "text": between
    }  # fmt: skip


def expanded(steps: Iterable[StepRecord]) -> Iterator[StepRecord]:
    """Return steps, each with its whole request; in order, and no more of them in memory than needed.

    Code that removes or changes steps of a recording or a case must work on whole requests.
    A part that does not fit what it refers to is opaque.
    """
    steps = list(steps)
    needed = Counter(part.of for step in steps if (part := _part(step)) is not None)
    bodies: dict[int, bytes] = {}
    for index, step in enumerate(steps):
        whole = step
        if (part := _part(step)) is not None:
            whole = _with_body(step, _rebuilt(part, step.arguments["body"], bodies.get(part.of)))
            needed[part.of] -= 1
            if not needed[part.of]:
                bodies.pop(part.of, None)
        if needed[index] and (text := _text(whole)) is not None:
            bodies[index] = text.encode("utf-8", "surrogatepass")
        yield whole


def _part(step: StepRecord) -> Shared[int] | None:
    """Return what a step's request shares with an earlier one, if its body refers to one; ``of`` is -1 where that is invalid."""
    body = step.arguments.get("body") if isinstance(step.arguments, Mapping) else None
    if not isinstance(body, Mapping) or body.get("$") != PART:
        return None
    numbers: list[Any] = [body.get(name) for name in ("of", "head", "tail")]
    return Shared(*numbers) if all(type(n) is int and n >= 0 for n in numbers) else Shared(-1, 0, 0)


def _rebuilt(shared: Shared[int], part: Mapping[str, Any], earlier: bytes | None) -> Tree:
    between = part.get("text")
    if (
        earlier is not None
        and isinstance(between, str)
        and shared.head + shared.tail <= len(earlier)
    ):
        whole = shared.whole(earlier, between.encode("utf-8", "surrogatepass"))
        try:
            return whole.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:  # a character is cut
            pass
    return {"$": "opaque", "type": "builtins:bytes", "why": "size"}


def _with_body(step: StepRecord, body: Tree) -> StepRecord:
    return replace(step, arguments={**step.arguments, "body": body})


def _text(step: StepRecord) -> str | None:
    body = step.arguments.get("body") if isinstance(step.arguments, Mapping) else None
    return body if isinstance(body, str) else None


def compacted(steps: Iterable[StepRecord]) -> Iterator[StepRecord]:
    """Return steps in which each long request is reduced to what it adds to an earlier one."""
    histories: Histories[int] = Histories()
    for index, step in enumerate(steps):
        text = _text(step) if step.adapter else None
        if text is not None:
            body = text.encode("utf-8", "surrogatepass")
            shared = histories.add(f"{step.adapter} {endpoint_of(step.arguments)}", index, body)
            if shared is not None:
                between = body[shared.head : len(body) - shared.tail]
                part = part_of(shared, between.decode("utf-8", "surrogatepass"))
                yield _with_body(step, part)
                continue
        yield step


# --- redaction ---------------------------------------------------------------


def redacted_request(request: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """Return a request without secrets; its body stays valid, and of the same shape."""
    redacted: dict[str, Any] = redactor.tree({k: v for k, v in request.items() if k != "body"})
    if isinstance(query := redacted.get("query"), str):
        redacted["query"] = redact_query(query)
    if "body" in request:
        body = request["body"]
        redacted["body"] = redact_body(body, redactor) if isinstance(body, str) else body
    return redacted


def prepare_exchange(step: StepRecord, redactor: Redactor) -> StepRecord:
    """Redact one automatic step and give it the digest of its redacted request."""
    request = redacted_request(step.arguments, redactor)
    return replace(
        step,
        arguments=request,
        outcome=_redacted_outcome(step, redactor),
        stream_error=redactor.tree(step.stream_error),
        digest=keys_of(request).exact,
    )


def _redacted_outcome(step: StepRecord, redactor: Redactor) -> Tree:
    outcome = step.outcome
    if step.kind == "value" and isinstance(outcome, dict) and isinstance(outcome.get("body"), str):
        head = {name: value for name, value in outcome.items() if name != "body"}
        return {**redactor.tree(head), "body": redact_body(outcome["body"], redactor)}
    if step.kind == "stream" and isinstance(outcome, list) and outcome:
        texts = [chunk[1] for chunk in outcome[1:]]
        if all(isinstance(text, str) for text in texts):
            redacted = redact_chunks(texts, redactor)
            pairs = zip(outcome[1:], redacted, strict=True)
            return [redactor.tree(outcome[0]), *([chunk[0], text] for chunk, text in pairs)]
    return redactor.tree(outcome)


# --- faults and texts of answers -------------------------------------------------


def status_of(step: StepRecord) -> int | None:
    """Return the status that an automatic step was answered with; None without a head."""
    head = step.outcome
    if step.kind == "stream" and isinstance(head, list) and head:
        head = head[0]
    status = head.get("status") if isinstance(head, Mapping) and "$" not in head else None
    return status if type(status) is int else None


def is_fault(step: StepRecord) -> bool:
    """Whether the answer itself reports a fault: by its status, or by an event of its stream."""
    if not step.adapter or step.kind not in ("value", "stream"):
        return False
    status = status_of(step)
    if status is not None and is_fault_status(step.adapter, status):
        return True
    return step.kind == "stream" and tells_error(texts_of(step))


def is_fault_status(adapter: str, status: int) -> bool:
    """Whether a status, or the exit code of a program, is one of a fault."""
    return status != 0 if adapter == "program" else status >= FIRST_FAULT


def tells_error(chunks: Iterator[str]) -> bool:
    """Whether the end of a stream of events reports an error."""
    return _ERROR_EVENT.search("".join(chunks)[-_EVENTS:]) is not None


def texts_of(step: StepRecord) -> Iterator[str]:
    """Return the texts of an automatic step's answer, in order."""
    outcome = step.outcome
    if step.kind == "stream" and isinstance(outcome, list):
        yield from (text for chunk in outcome[1:] if isinstance(text := decode(chunk[1]), str))
    elif step.kind == "value" and isinstance(outcome, Mapping):
        body = decode(outcome.get("body"))
        if isinstance(body, str):
            yield body
