"""Choose the model that the demo asks: the shipped server, or the user's endpoint after a test.

A small model on a laptop answers a dozen tokens a second. It is probed before
users ask for apps: whether it answers at all, and how long an answer may be so that the
demo stays short.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from genmon_otel.addresses import mask_url
from genmon_otel.demo.model_server import MODEL
from genmon_otel.errors import ConfigurationError
from genmon_otel.redaction import Redactor

if TYPE_CHECKING:
    from openai import AsyncOpenAI

#: Seconds an endpoint has for its first answer: it may load its model for it.
FIRST_ANSWER_S: Final = 60.0
#: Seconds one answer should take; what the model can say in them is how long it may be.
ANSWER_S: Final = 4.0
#: Seconds one answer may take before the app builder gives up.
PATIENCE_S: Final = 30.0
#: Seconds after which no further app is begun.
BEGIN_WITHIN_S: Final = 75.0
#: Requests to an endpoint of the user's.
REQUESTS: Final = 16
#: Tokens of an answer: fewer hold no app, more hold any of the demo's.
SHORTEST, LONGEST = 64, 1200
#: Tokens a second from which an endpoint is asked several things at a time.
QUICK: Final = 60.0

_QUESTION: Final = "Write the numbers from 1 to 20."
_QUESTION_TOKENS: Final = 24
#: Characters of an endpoint's error message that are shown.
_SHOWN: Final = 300
#: What to do about a refusal, by its HTTP status.
_REMEDIES: Final[Mapping[int, str]] = {
    401: "Set OPENAI_API_KEY to a key it takes.",
    403: "Set OPENAI_API_KEY to a key that may use this model.",
    404: "Give the address up to and including /v1, and a model it has with --model-name.",
    429: "It is at its limit now: try again later, or use another model.",
}
_UNREACHED: Final = "Is the server running, and is this its address, up to and including /v1?"
_OTHERWISE: Final = "Look at the endpoint's log, or try another model with --model-name."


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the app builder's questions go, and what bounds them."""

    url: str
    model: str
    #: Seconds without a byte, and seconds in all, that one answer may take.
    silence_s: float
    patience_s: float
    #: What the app builder sends with each question.
    options: Mapping[str, Any] = field(default_factory=lambda: {"temperature": 0})
    #: Apps asked for at a time.
    at_once: int = 6
    #: Seconds after which no further app is begun; None where the user said how many.
    begin_within_s: float | None = None
    #: Description for the user.
    says: str = ""


def shipped(url: str) -> Endpoint:
    """The demo's own model server: it answers at once, or is stalled on purpose."""
    return Endpoint(url, MODEL, silence_s=3.0, patience_s=20.0)


def probe(url: str, name: str | None, *, bounded: bool) -> Endpoint:
    """Ask an endpoint of the user two questions; return it with its limits.

    Args:
        url: up to and including ``/v1``.
        name: the model to ask; None for the first it lists.
        bounded: whether the demo may stop asking when it takes too long.

    Raises:
        ConfigurationError: it does not answer; the message says what to do.
    """
    return asyncio.run(_probe(url, name, bounded))


async def _probe(url: str, name: str | None, bounded: bool) -> Endpoint:
    from openai import AsyncOpenAI, OpenAIError

    key = os.environ.get("OPENAI_API_KEY", "not-needed")
    try:
        async with (
            asyncio.timeout(FIRST_ANSWER_S),
            AsyncOpenAI(base_url=url, api_key=key, max_retries=0, timeout=FIRST_ANSWER_S) as client,
        ):
            name = name or await _first_model(client)
            options = await _options(client, name)
            pace = await _pace(client, name, options)
    except TimeoutError:
        raise _refused(url, name, f"no answer in {FIRST_ANSWER_S:.0f} s", None) from None
    except OpenAIError as error:
        status = getattr(error, "status_code", None)
        raise _refused(url, name, _reason(error), status) from None
    except (ValueError, LookupError, AttributeError, TypeError):
        raise _refused(url, name, "what came is no answer of OpenAI's API", 404) from None
    return _bounds(url, name, options, pace, bounded)


async def _first_model(client: AsyncOpenAI) -> str:
    listed = (await client.models.list()).data
    if not listed:
        raise LookupError("it lists no models")
    return listed[0].id


async def _options(client: AsyncOpenAI, name: str) -> dict[str, Any]:
    """Return the request parameters that the endpoint accepts; some models refuse limits and temperatures."""
    from openai import BadRequestError

    options: dict[str, Any] = {"temperature": 0, "max_tokens": 1}
    try:
        await _ask(client, name, options)
    except BadRequestError:
        options = {}
        await _ask(client, name, options)
    return options


async def _pace(client: AsyncOpenAI, name: str, options: dict[str, Any]) -> float:
    """Measure tokens a second."""
    if options:
        options = {**options, "max_tokens": _QUESTION_TOKENS}
    began = time.monotonic()
    tokens = await _ask(client, name, options)
    return tokens / max(0.001, time.monotonic() - began)


async def _ask(client: AsyncOpenAI, name: str, options: dict[str, Any]) -> int:
    """Ask a question; return the number of tokens in the answer."""
    reply = await client.chat.completions.create(
        model=name, messages=[{"role": "user", "content": _QUESTION}], **options
    )
    reply.choices[0].message.content  # noqa: B018 (what answers otherwise has no choices)
    return reply.usage.completion_tokens if reply.usage else _QUESTION_TOKENS


def _bounds(url: str, name: str, options: dict[str, Any], pace: float, bounded: bool) -> Endpoint:
    """Return the limits that keep the demo short at this speed."""
    limits = [f"a call may take {PATIENCE_S:.0f} s"]
    if options:
        longest = min(LONGEST, max(SHORTEST, int(pace * ANSWER_S)))
        options = {**options, "max_tokens": longest}
        limits.insert(0, f"an answer is cut off after {longest} tokens")
    if bounded:
        limits.append(f"no app is begun after {BEGIN_WITHIN_S:.0f} s")
    return Endpoint(
        url,
        name,
        silence_s=PATIENCE_S,
        patience_s=PATIENCE_S + 1,
        options=options,
        at_once=4 if pace >= QUICK else 1,
        begin_within_s=BEGIN_WITHIN_S if bounded else None,
        says=f"It says about {pace:.0f} tokens a second: {', '.join(limits)}.",
    )


def _reason(error: Exception) -> str:
    """Return the error message of the endpoint or of the connection."""
    body = getattr(error, "body", None)
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return f"{getattr(error, 'status_code', '')} {body['message']}".strip()
    below = error.__cause__
    return f"{error} {below}" if below is not None and str(below) else str(error)


def _refused(url: str, name: str | None, why: str, status: int | None) -> ConfigurationError:
    asked = f"asked for model {name!r}" if name else "asked for its models"
    said = Redactor().text(why, _SHOWN)
    remedy = _REMEDIES.get(status, _OTHERWISE) if status else _UNREACHED
    return ConfigurationError(f"--model {mask_url(url)}, {asked}: {said.rstrip('.')}. {remedy}")
