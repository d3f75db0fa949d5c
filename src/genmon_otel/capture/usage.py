"""Read model and token usage from the answers of known model APIs.

They are searched in the raw bytes, without parsing the answer: it may be long, and this runs on the caller's
thread. A quotation mark within a text is escaped, so a key in quotes is one of the answer's own.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

#: Usage objects that are read: the first ones (Anthropic's input) and the last ones.
_FIRST: Final = 2
_LAST: Final = 4
#: Bytes of one such object.
_LONGEST: Final = 8192
#: Largest count that is believed.
_MAX_COUNT: Final = 2**40
_MAX_MODEL: Final = 100

#: Keys, and the pattern of a value that is used. The key is searched first, which is faster.
_MODEL: Final = ((b'"model"', re.compile(rb'"model"\s*:\s*"([^"\\]{1,200})"')),)
_RESPONSE_MODEL: Final = (
    (b'"model', re.compile(rb'"model(?:Version|_version)?"\s*:\s*"([^"\\]{1,200})"')),
)
#: Replicate's have an owner.
_MODEL_IN_PATH: Final = re.compile(
    r"/(?:models?|deployments)/([^/:]{1,100}/[^/:]{1,100}(?=/predictions$)|[^/:]{1,200}(?=[:/]))"
)
_STREAMED: Final = ((b'"stream"', re.compile(rb'"stream"\s*:\s*true')),)
_STREAM_IN_PATH: Final = re.compile(r":stream|-stream$")
_USAGE: Final = (
    (b'"usage', re.compile(rb'"usage(?:Metadata|_metadata)?"\s*:\s*(?=\{)')),
    (b'"amazon-bedrock-inv', re.compile(rb'"amazon-bedrock-invocationMetrics"\s*:\s*(?=\{)')),
)
#: Such objects of APIs that have none of those: Cohere's of embeddings and of its first version, Replicate's.
_OTHER_USAGE: Final = (
    (b'"meta"', re.compile(rb'"meta"\s*:\s*(?=\{)')),
    (b'"metrics"', re.compile(rb'"metrics"\s*:\s*(?=\{)')),
)
#: Counts at the top level of the answer, without a usage object: Ollama's.
_BARE: Final = ((b'eval_count"', re.compile(rb'eval_count"\s*:\s*([0-9]{1,12})')),)
#: Part of a Bedrock stream that holds an event of the model's own API.
_PACKED: Final = ((b'"bytes"', re.compile(rb'"bytes"\s*:\s*"([A-Za-z0-9+/=]{1,65536})"')),)
_Keys = tuple[tuple[bytes, re.Pattern[bytes]], ...]
_decode: Final = json.JSONDecoder().raw_decode
#: The provider whose answers count in their headers.
COUNTS_IN_HEADERS: Final = "aws.bedrock"
#: Headers that count, and as which count of a usage object.
_HEADERS: Final = {
    "x-amzn-bedrock-input-token-count": "inputTokenCount",
    "x-amzn-bedrock-output-token-count": "outputTokenCount",
}
#: By the name of a count in a usage object: which kind it is.
#: Sources: API references of OpenAI (chat, responses, embeddings, images), Anthropic, Google, Mistral, Cohere,
#: Amazon Bedrock (Converse, InvokeModel), Ollama, Replicate.
_COUNTS: Final[Mapping[str, str]] = {
    "prompt_tokens": "input",
    "input_tokens": "input",
    "promptTokenCount": "input",
    "inputTokens": "input",
    "inputTokenCount": "input",
    "prompt_eval_count": "input",
    "input_token_count": "input",
    "completion_tokens": "output",
    "output_tokens": "output",
    "candidatesTokenCount": "output",
    "outputTokens": "output",
    "outputTokenCount": "output",
    "eval_count": "output",
    "output_token_count": "output",
    "cache_read_input_tokens": "cache_read",
    "cacheReadInputTokens": "cache_read",
    "cacheReadInputTokenCount": "cache_read",
    "cachedContentTokenCount": "cache_read",
    "cached_tokens": "cache_read",
    "cache_creation_input_tokens": "cache_write",
    "cacheWriteInputTokens": "cache_write",
    "cacheWriteInputTokenCount": "cache_write",
    "thoughtsTokenCount": "reasoning",
    "reasoning_tokens": "reasoning",
    "toolUsePromptTokenCount": "tool_input",
}
#: Objects within a usage object that hold counts of it.
_DETAILS: Final = (
    "prompt_tokens_details", "input_tokens_details", "completion_tokens_details",
    "output_tokens_details",
)  # fmt: skip
#: Objects within a usage object that stand for the whole of it: Cohere's.
_UNITS: Final = ("billed_units", "tokens")
#: Names of cache counts that are not included in the input count.
_BESIDE: Final = frozenset(
    ("cache_read_input_tokens", "cacheReadInputTokens", "cacheReadInputTokenCount",
     "cache_creation_input_tokens", "cacheWriteInputTokens", "cacheWriteInputTokenCount")
)  # fmt: skip


def requested_model(path: str, body: bytes | None) -> str:
    """Return the model that a request asks for; empty where it names none."""
    if (found := _MODEL_IN_PATH.search(path)) and found[1] != "-":
        from urllib.parse import unquote

        return unquote(found[1])[:_MAX_MODEL]
    return _model(_MODEL, body or b"")


def is_streamed(path: str, body: bytes | None) -> bool:
    """Whether a request asks for its answer as a stream."""
    return bool(_STREAM_IN_PATH.search(path) or _found(_STREAMED, body or b""))


def answering_model(body: bytes) -> str:
    """Return the model that an answer says it is from; empty where it says none."""
    return _model(_RESPONSE_MODEL, body)


def _model(keys: _Keys, body: bytes) -> str:
    for key, pattern in keys:
        at = body.find(key)
        while at >= 0:
            if found := pattern.match(body, at):
                return found[1].decode("utf-8", "replace")[:_MAX_MODEL]
            at = body.find(key, at + len(key))
    return ""


def _found(keys: _Keys, body: bytes) -> list[re.Match[bytes]]:
    """Find the first matching value in a body, in order of the keys."""
    every: list[re.Match[bytes]] = []
    for key, pattern in keys:
        at = body.find(key)
        while at >= 0:
            if found := pattern.match(body, at):
                every.append(found)
            at = body.find(key, at + len(key))
    return every


def _counted_in(headers: Any) -> dict[str, int]:
    """Return the counts in the headers of an answer, by the names of a usage object."""
    if type(headers) is list:
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers
        }
    found = ((name, str(headers.get(header) or "")) for header, name in _HEADERS.items())
    return {name: int(value) for name, value in found if value.isdecimal() and len(value) < 13}


def tokens_of(body: bytes, headers: Any) -> Mapping[str, int]:
    """Return the tokens that an answer counts, by kind as in ``conventions.GEN_AI_USAGE``.

    ``input`` holds what was read from and written to a cache, ``output`` the reasoning. Of a stream that counts
    as it goes, the last counts are taken.

    Args:
        body: unpacked; of a stream all of its chunks.
        headers: of the answer, as the library has them; empty where the API counts in the body alone.
    """
    counts: dict[str, int] = {}
    for usage in _usages(body):
        counts |= _named(usage)
    if not counts and headers:
        counts = _counted_in(headers)
    return _by_kind(counts) if counts else counts


def _usages(body: bytes) -> Iterator[Mapping[str, Any]]:
    """Return the usage objects in an answer, in order."""
    ends = [found.end() for found in _found(_USAGE, body) or _found(_OTHER_USAGE, body)]
    if not ends:
        if bare := _found(_BARE, body):
            named = [(body[f.start() - 7 : f.start()] == b"prompt_", int(f[1])) for f in bare]
            yield {"prompt_eval_count" if prompt else "eval_count": n for prompt, n in named}
        for found in _both_ends(_found(_PACKED, body)):
            try:
                yield from _usages(base64.b64decode(found[1]))
            except ValueError:
                continue
    for end in _both_ends(ends):
        try:
            value = _decode(body[end : end + _LONGEST].decode("utf-8", "replace"))[0]
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def _both_ends(found: list[Any]) -> list[Any]:
    return found if len(found) <= _FIRST + _LAST else found[:_FIRST] + found[-_LAST:]


def _named(usage: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts of a usage object by their own names; Cohere's billed ones, if it has both."""
    counts: dict[str, int] = {}
    for key in _known_keys(tuple(usage)):
        value = usage[key]
        if key in _COUNTS:
            if _is_count(value):
                counts[key] = value
        elif isinstance(value, dict):
            if key in _UNITS:
                return {k: int(v) for k, v in value.items() if k in _COUNTS and _is_count(v)}
            counts |= {k: v for k, v in value.items() if k in _COUNTS and _is_count(v)}
    return counts


@lru_cache(maxsize=256)
def _known_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return the relevant keys of a usage object, units first."""
    known = (*_UNITS, *(key for key in keys if key in _COUNTS), *_DETAILS)
    return tuple(key for key in known if key in keys)


def _is_count(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= _MAX_COUNT


def _by_kind(counts: Mapping[str, int]) -> dict[str, int]:
    kinds: dict[str, int] = {}
    beside = 0
    for name, count in counts.items():
        if count:
            kind = _COUNTS[name]
            kinds[kind] = max(kinds.get(kind, 0), count)
            if name in _BESIDE:
                beside += count
    if beside or "tool_input" in kinds:
        kinds["input"] = kinds.get("input", 0) + beside + kinds.pop("tool_input", 0)
    if thought := counts.get("thoughtsTokenCount"):  # Google counts them apart
        kinds["output"] = kinds.get("output", 0) + thought
    return kinds
