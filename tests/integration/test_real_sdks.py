"""The real SDKs, driven over real HTTP against a server that fails as providers do."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from genmon_otel.classification import classify
from genmon_otel.payload import decode_exception, encode_exception
from tests.integration.fault_server import Fault, FaultServer, serving
from tests.port_kit import free_port
from tests.table_kit import go_through

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
MESSAGES: Any = [{"role": "user", "content": "hi"}]
CHAT = {"messages": MESSAGES, "model": "m"}
_names = itertools.count()


#: Seconds that each SDK waits: few only for a server that never answers, since a busy one takes its time.
patience_s = 60.0


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    """One server for the whole table."""
    with serving() as running:
        yield running


def openai(url: str) -> object:
    """Call through the openai SDK."""
    from openai import OpenAI

    client = OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0, timeout=patience_s)
    return client.chat.completions.create(**CHAT).choices[0]


def openai_async(url: str) -> object:
    """Call through the asynchronous openai SDK."""
    from openai import AsyncOpenAI

    async def call() -> object:
        client = AsyncOpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0, timeout=patience_s)
        return (await client.chat.completions.create(**CHAT)).choices[0]

    return asyncio.run(call())


def openai_stream(url: str) -> object:
    """Stream through the openai SDK to the end."""
    from openai import OpenAI

    client = OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0, timeout=patience_s)
    return list(client.chat.completions.create(**CHAT, stream=True))


def anthropic(url: str) -> object:
    """Call through the anthropic SDK."""
    from anthropic import Anthropic

    client = Anthropic(api_key="k", base_url=url, max_retries=0, timeout=patience_s)
    return client.messages.create(**CHAT, max_tokens=9)


def anthropic_stream(url: str) -> object:
    """Stream through the anthropic SDK to the end."""
    from anthropic import Anthropic

    client = Anthropic(api_key="k", base_url=url, max_retries=0, timeout=patience_s)
    return list(client.messages.create(**CHAT, max_tokens=9, stream=True))


def google(url: str) -> object:
    """Call through google-genai."""
    from google import genai

    options = genai.types.HttpOptions(base_url=url, timeout=int(patience_s * 1000))
    client = genai.Client(api_key="k", http_options=options)
    return client.models.generate_content(model="gemini-2.5-flash", contents="hi")


def mistral(url: str) -> object:
    """Call through mistralai."""
    from mistralai.client import Mistral

    return Mistral(api_key="k", server_url=url, timeout_ms=int(patience_s * 1000)).chat.complete(
        **CHAT
    )


def cohere(url: str) -> object:
    """Call through cohere."""
    import cohere as sdk

    client = sdk.ClientV2(api_key="k", base_url=url, timeout=patience_s)
    return client.chat(**CHAT, request_options={"max_retries": 0})


def bedrock(url: str) -> object:
    """Call Bedrock's Converse through botocore."""
    import botocore.config
    import botocore.session

    client = botocore.session.get_session().create_client(
        "bedrock-runtime",
        region_name="eu-west-1",
        endpoint_url=url,
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=botocore.config.Config(
            retries={"total_max_attempts": 1}, read_timeout=patience_s, connect_timeout=patience_s
        ),
    )
    return client.converse(modelId="m", messages=[{"role": "user", "content": [{"text": "hi"}]}])


def litellm_openai(url: str) -> object:
    """Call through litellm's mapping of OpenAI."""
    import litellm

    return litellm.completion(
        "openai/gpt-4o",
        MESSAGES,
        api_base=f"{url}/v1",
        api_key="k",
        num_retries=0,
        timeout=patience_s,
    )


def litellm_anthropic(url: str) -> object:
    """Call through litellm's mapping of Anthropic."""
    import litellm

    return litellm.completion(
        "anthropic/claude-sonnet-4-5",
        MESSAGES,
        api_base=url,
        api_key="k",
        num_retries=0,
        timeout=patience_s,
    )


def instructor(url: str) -> object:
    """Ask for a model of a schema through instructor over openai."""
    import instructor as sdk
    import pydantic
    from openai import OpenAI

    class Plan(pydantic.BaseModel):
        title: str
        pages: int

    client = sdk.from_openai(
        OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0, timeout=patience_s),
        mode=sdk.Mode.JSON,
    )
    return client.chat.completions.create(response_model=Plan, max_retries=2, **CHAT)


def httpx(url: str) -> object:
    """Call with bare httpx."""
    import httpx as sdk

    return sdk.post(f"{url}/v1", json=CHAT, timeout=patience_s).raise_for_status()


def requests(url: str) -> object:
    """Call with bare requests."""
    import requests as sdk

    answer = sdk.post(f"{url}/v1", json=CHAT, timeout=patience_s)
    answer.raise_for_status()
    return answer.text


def aiohttp(url: str) -> object:
    """Call with bare aiohttp."""
    import aiohttp as sdk

    async def call() -> object:
        limit = sdk.ClientTimeout(total=patience_s)
        async with (
            sdk.ClientSession(timeout=limit, raise_for_status=True) as session,
            session.post(f"{url}/v1", json=CHAT) as answer,
        ):
            return await answer.read()

    return asyncio.run(call())


def urllib3(url: str) -> object:
    """Call with bare urllib3, retries on, statuses forced."""
    import urllib3 as sdk

    retries = sdk.Retry(1, backoff_factor=0, status_forcelist=(429, 500, 502, 503))
    return sdk.PoolManager(retries=retries, timeout=patience_s).request("GET", f"{url}/v1")


def urllib(url: str) -> object:
    """Call with the standard library."""
    import urllib.request

    with urllib.request.urlopen(f"{url}/v1", timeout=patience_s) as answer:
        return answer.read()


TIMEOUT = ("ai_timeout", "high")
RATE = ("rate_limit", "medium")
BROKEN = ("provider_error", "high")
SHUT_OUT = ("provider_error", "critical")
VALIDATION = ("validation_error", "high")
SYNTAX = ("syntax_error", "medium")

Call = Callable[[str], object]
HTTP: tuple[Call, ...] = (httpx, requests, aiohttp, urllib)
OPENAI: tuple[Call, ...] = (openai, openai_async, litellm_openai, instructor)
EVERYONE: tuple[Call, ...] = (
    *OPENAI, openai_stream, anthropic, anthropic_stream, google, mistral, cohere, bedrock,
    litellm_anthropic, *HTTP,
)  # fmt: skip


def oai(message: str, kind: str | None, code: str | None = None) -> object:
    """OpenAI's error body."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def ant(kind: str, message: str) -> object:
    """Anthropic's error body."""
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011"}


def goo(code: int, status: str, message: str, **details: Any) -> object:
    """Google's error body."""
    listed = [details] if details else []
    return {"error": {"code": code, "message": message, "status": status, "details": listed}}


def aws(status: int, kind: str, message: str) -> Fault:
    """Bedrock's answer."""
    return Fault(status, {"message": message}, {"x-amzn-ErrorType": f"{kind}:http://internal/"})


def chat(content: str) -> Fault:
    """A successful chat completion with this content."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content},
        "finish_reason": "stop",
    }
    return Fault(
        200,
        {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]},
    )


def sse(*events: str) -> Fault:
    """A stream of server-sent events."""
    body = "".join(f"{event}\n\n" for event in events)
    return Fault(200, body, {"Content-Type": "text/event-stream"})


QUOTA = "You exceeded your current quota, please check your plan and billing details."
PER_MINUTE = goo(
    429, "RESOURCE_EXHAUSTED",
    f"{QUOTA} For more information on this error, head to the documentation.\n* Quota exceeded for metric: "
    "generate_content_free_tier_requests, limit: 10\nPlease retry in 36.9s.",
    **{"@type": "type.googleapis.com/google.rpc.QuotaFailure",
       "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]},
)  # fmt: skip
PER_DAY = goo(
    429, "RESOURCE_EXHAUSTED", QUOTA,
    **{"@type": "type.googleapis.com/google.rpc.QuotaFailure",
       "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},
)  # fmt: skip

#: (who calls, what the server does, what it must be)
TABLE: tuple[tuple[tuple[Call, ...], Fault, tuple[str, str]], ...] = (
    # --- whoever calls
    (EVERYONE, Fault(mode="stall"), TIMEOUT),
    (EVERYONE, Fault(mode="reset"), BROKEN),
    (EVERYONE, Fault(mode="close"), BROKEN),
    (EVERYONE, Fault(mode="garbage"), BROKEN),
    (EVERYONE, Fault(429, {"message": "slow"}), RATE),
    (EVERYONE, Fault(401, {"message": "who are you"}), SHUT_OUT),
    (EVERYONE, Fault(403, {"message": "no"}), SHUT_OUT),
    (EVERYONE, Fault(402, {"message": "pay"}), SHUT_OUT),
    (EVERYONE, Fault(404, {"message": "no such thing"}), BROKEN),
    (EVERYONE, Fault(413, {"message": "large"}), BROKEN),
    (EVERYONE, Fault(500, {"message": "oh"}), BROKEN),
    (EVERYONE, Fault(502, "<html><h1>502 Bad Gateway</h1></html>", {"Content-Type": "text/html"}), BROKEN),
    (EVERYONE, Fault(503, "upstream connect error or disconnect/reset before headers", {"Content-Type": "text/plain"}), BROKEN),
    (EVERYONE, Fault(529, {"message": "busy"}), BROKEN),
    (EVERYONE, Fault(504, "stream timeout", {"Content-Type": "text/plain"}), TIMEOUT),
    (EVERYONE, Fault(408, {"message": "slow client"}), TIMEOUT),
    (EVERYONE, Fault(524, "error code: 524", {"Content-Type": "text/plain"}), TIMEOUT),
    ((urllib3,), Fault(mode="stall"), TIMEOUT),
    ((urllib3,), Fault(mode="reset"), BROKEN),
    ((urllib3,), Fault(503, ""), BROKEN),
    ((urllib3,), Fault(429, ""), RATE),
    (HTTP, Fault(200, "{", mode="cut"), BROKEN),
    # --- OpenAI and its likes
    (OPENAI, Fault(429, oai("Rate limit reached for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Used 30000, Requested 1. Please try again in 2ms.", "tokens", "rate_limit_exceeded")), RATE),
    (OPENAI, Fault(429, oai(QUOTA, "insufficient_quota", "insufficient_quota")), SHUT_OUT),
    (HTTP[:2], Fault(429, oai(QUOTA, "insufficient_quota", "insufficient_quota")), SHUT_OUT),
    (OPENAI, Fault(429, oai("Requests to the ChatCompletions_Create Operation have exceeded call rate limit of your current AIServices S0 pricing tier. Please retry after 26 seconds.", None, "429")), RATE),
    (OPENAI, Fault(401, oai("Incorrect API key provided: k.", "invalid_request_error", "invalid_api_key")), SHUT_OUT),
    (OPENAI, Fault(403, oai("Country, region, or territory not supported", "request_forbidden", "unsupported_country_region_territory")), SHUT_OUT),
    (OPENAI, Fault(404, oai("The model `gpt-9` does not exist or you do not have access to it.", "invalid_request_error", "model_not_found")), BROKEN),
    (OPENAI, Fault(400, oai("This model's maximum context length is 128000 tokens. However, your messages resulted in 200001 tokens.", "invalid_request_error", "context_length_exceeded")), BROKEN),
    (OPENAI, Fault(400, oai("The response was filtered due to the prompt triggering Azure OpenAI's content management policy.", None, "content_filter")), BROKEN),
    (OPENAI, Fault(400, oai("Your request was rejected by the safety system.", "image_generation_user_error", "moderation_blocked")), BROKEN),
    (OPENAI, Fault(400, oai("Invalid value: 'usr'. Supported values are: 'user'.", "invalid_request_error", "invalid_value")), BROKEN),
    (OPENAI, Fault(400, oai("Billing hard limit has been reached", "invalid_request_error", "billing_hard_limit_reached")), SHUT_OUT),
    ((openai, openai_async), Fault(400, oai("Failed to generate JSON. Please adjust your prompt. See 'failed_generation' for more details.", "invalid_request_error", "json_validate_failed")), VALIDATION),
    (OPENAI, Fault(500, oai("The server had an error while processing your request. Sorry about that!", "server_error")), BROKEN),
    (OPENAI, Fault(503, oai("That model is currently overloaded with other requests.", "server_error", "model_overloaded")), BROKEN),
    (OPENAI, Fault(402, oai("Insufficient Balance", "unknown_error", "invalid_request_error")), SHUT_OUT),
    ((openai_stream,), sse('data: {"error": {"message": "The server had an error", "type": "server_error", "code": null}}'), BROKEN),
    ((openai_stream,), sse('data: {"error": {"message": "Rate limit reached for requests", "type": "requests", "code": "rate_limit_exceeded"}}'), RATE),
    ((openai_stream,), sse('data: {"choices": [{"delta": '), SYNTAX),
    ((instructor,), chat('{"title": "x"}'), VALIDATION),
    # --- Anthropic
    ((anthropic, litellm_anthropic), Fault(429, ant("rate_limit_error", "This request would exceed the rate limit for your organization of 40,000 input tokens per minute.")), RATE),
    ((anthropic, litellm_anthropic), Fault(529, ant("overloaded_error", "Overloaded")), BROKEN),
    ((anthropic, litellm_anthropic), Fault(401, ant("authentication_error", "invalid x-api-key")), SHUT_OUT),
    ((anthropic, litellm_anthropic), Fault(403, ant("permission_error", "Your API key does not have permission to use the specified resource.")), SHUT_OUT),
    ((anthropic, litellm_anthropic), Fault(400, ant("invalid_request_error", "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.")), SHUT_OUT),
    ((anthropic, litellm_anthropic), Fault(400, ant("invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum")), BROKEN),
    ((anthropic, litellm_anthropic), Fault(404, ant("not_found_error", "model: claude-nine")), BROKEN),
    ((anthropic, litellm_anthropic), Fault(500, ant("api_error", "Internal server error")), BROKEN),
    ((anthropic, litellm_anthropic), Fault(504, ant("timeout_error", "Request timed out")), TIMEOUT),
    ((anthropic,), Fault(413, ant("request_too_large", "Request exceeds the maximum size")), BROKEN),
    ((anthropic_stream,), sse('event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}'), BROKEN),
    ((anthropic_stream,), sse('event: error\ndata: {"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}'), RATE),
    # --- Google
    ((google,), Fault(429, goo(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")), RATE),
    ((google,), Fault(429, PER_MINUTE), RATE),
    ((google,), Fault(429, PER_DAY), SHUT_OUT),
    ((google,), Fault(400, goo(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", reason="API_KEY_INVALID")), SHUT_OUT),
    ((google,), Fault(403, goo(403, "PERMISSION_DENIED", "Permission denied: Consumer 'api_key:k' has been suspended.")), SHUT_OUT),
    ((google,), Fault(400, goo(400, "INVALID_ARGUMENT", "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).")), BROKEN),
    ((google,), Fault(404, goo(404, "NOT_FOUND", "models/gemini-9 is not found for API version v1beta")), BROKEN),
    ((google,), Fault(503, goo(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")), BROKEN),
    ((google,), Fault(500, goo(500, "INTERNAL", "An internal error has occurred.")), BROKEN),
    ((google,), Fault(504, goo(504, "DEADLINE_EXCEEDED", "The request timed out. Please try again.")), TIMEOUT),
    # --- Mistral, Cohere
    ((mistral,), Fault(429, {"object": "error", "message": "Requests rate limit exceeded", "type": "rate_limited", "param": None, "code": "1300"}), RATE),
    ((mistral,), Fault(401, {"detail": "Unauthorized"}), SHUT_OUT),
    ((mistral,), Fault(422, {"detail": [{"type": "missing", "loc": ["body", "model"], "msg": "Field required", "input": None}]}), BROKEN),
    ((mistral,), Fault(400, {"object": "error", "message": "Invalid model: mistral-huge", "type": "invalid_model", "code": "1500"}), BROKEN),
    ((mistral,), Fault(200, {"unexpected": True}), BROKEN),
    ((cohere,), Fault(429, {"message": "You are using a Trial key, which is limited to 10 API calls / minute."}), RATE),
    ((cohere,), Fault(429, {"message": "You are using a Trial key, which is limited to 1000 API calls / month."}), SHUT_OUT),
    ((cohere,), Fault(401, {"message": "invalid api token"}), SHUT_OUT),
    ((cohere,), Fault(400, {"message": "too many tokens: total number of tokens in the prompt exceeds the limit of 4081."}), BROKEN),
    ((cohere,), Fault(498, {"message": "token"}), SHUT_OUT),
    # --- Bedrock
    ((bedrock,), aws(429, "ThrottlingException", "Too many requests, please wait before trying again."), RATE),
    ((bedrock,), aws(400, "ServiceQuotaExceededException", "Your request exceeds the service quota for your account."), SHUT_OUT),
    ((bedrock,), aws(408, "ModelTimeoutException", "The model took too long."), TIMEOUT),
    ((bedrock,), aws(400, "ValidationException", "Input is too long for requested model."), BROKEN),
    ((bedrock,), aws(400, "ValidationException", "The provided model identifier is invalid."), BROKEN),
    ((bedrock,), aws(403, "AccessDeniedException", "You don't have access to the model with the specified model ID."), SHUT_OUT),
    ((bedrock,), aws(403, "ExpiredTokenException", "The security token included in the request is expired"), SHUT_OUT),
    ((bedrock,), aws(403, "UnrecognizedClientException", "The security token included in the request is invalid."), SHUT_OUT),
    ((bedrock,), aws(429, "ModelNotReadyException", "The model is not ready for inference."), BROKEN),
    ((bedrock,), aws(424, "ModelErrorException", "The model returned an error."), BROKEN),
    ((bedrock,), aws(503, "ServiceUnavailableException", "Bedrock is unable to process your request."), BROKEN),
    ((bedrock,), aws(404, "ResourceNotFoundException", "Could not resolve the foundation model from the provided model identifier."), BROKEN),
)  # fmt: skip


#: The faults of each SDK, and what is made of each.
FAULTS = {
    call: [(fault, expected) for calls, fault, expected in TABLE if call in calls]
    for calls, _, _ in TABLE
    for call in calls
}


def escaped(call: Callable[[], object]) -> BaseException:
    """The exception that leaves a call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            answer = call()
        except BaseException as error:
            return error
    pytest.fail(f"nothing was raised, but {answer!r:.200} returned")


def through(error: BaseException) -> BaseException:
    """Encode, store as JSON, decode."""
    return decode_exception(json.loads(json.dumps(encode_exception(error), allow_nan=False)))


def same_class(one: BaseException, other: BaseException) -> bool:
    """Whether their classes are one, or, where made at run time (botocore does), of one name."""
    if type(other).__module__ == "botocore.errorfactory":
        return type(one).__qualname__ == type(other).__qualname__
    return type(one) is type(other)


@pytest.mark.parametrize("call", FAULTS, ids=lambda call: call.__name__)
def test_a_provider_that_fails_is_told_and_recorded(
    server: FaultServer, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An SDK's exception gets its category and severity, and is the same after a recording."""

    def check(fault: Fault, expected: tuple[str, str]) -> None:
        monkeypatch.setitem(globals(), "patience_s", 0.4 if fault.mode == "stall" else 60.0)
        url = server.add(f"f{next(_names)}", fault)
        error = escaped(lambda: call(url))
        answer = classify(error)
        assert (answer.category, answer.severity) == expected, (error, type(error).__mro__, answer)
        assert answer.decided_by is not None
        again = through(error)
        assert same_class(again, error)
        assert str(again) == str(error)
        after = classify(again)
        assert (after.category, after.severity) == (answer.category, answer.severity)
        assert after.error_type == answer.error_type
        for name in ("status_code", "code", "type", "request_id"):
            if isinstance(getattr(error, name, None), (str, int)):
                assert getattr(again, name) == getattr(error, name)

    go_through(FAULTS[call], check)


@pytest.mark.parametrize("call", [*EVERYONE, urllib3], ids=lambda call: call.__name__)
@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_a_provider_that_is_not_there_is_told(call: Call, host: str) -> None:
    """Connection refused and a name that does not resolve are the provider's."""
    answer = classify(escaped(lambda: call(f"http://{host}:{free_port()}")))
    assert (answer.category, answer.severity) == BROKEN


@pytest.mark.parametrize("call", [httpx, requests, openai, aiohttp], ids=lambda call: call.__name__)
def test_a_provider_without_tls_is_told(server: FaultServer, call: Call) -> None:
    """A failed TLS handshake is the provider's."""
    url = server.add("tls", Fault()).replace("http:", "https:")
    answer = classify(escaped(lambda: call(url)))
    assert (answer.category, answer.severity) == BROKEN
