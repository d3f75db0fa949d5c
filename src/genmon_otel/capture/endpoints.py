"""What an endpoint is called, and which ones are never steps."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import ClassVar, Final, NamedTuple

from genmon_otel import conventions as names
from genmon_otel.text import clean

#: Characters of a step's name.
_MAX_NAME: Final = 100

#: Hosts of model providers that speak their own or another's API: (end of the host, provider).
_PROVIDERS: Final = (
    ("openai.com", "openai"),
    ("openai.azure.com", "azure.ai.openai"),
    ("services.ai.azure.com", "azure.ai.inference"),
    ("anthropic.com", "anthropic"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("googleapis.com", "gcp.gemini"),
    ("mistral.ai", "mistral_ai"),
    ("cohere.com", "cohere"),
    ("cohere.ai", "cohere"),
    ("amazonaws.com", "aws.bedrock"),
    ("groq.com", "groq"),
    ("deepseek.com", "deepseek"),
    ("perplexity.ai", "perplexity"),
    ("x.ai", "x_ai"),
    ("openrouter.ai", "openrouter"),
    ("together.xyz", "together"),
    ("fireworks.ai", "fireworks"),
    ("huggingface.co", "hugging_face"),
    ("replicate.com", "replicate"),
    ("voyageai.com", "voyage_ai"),
    ("cerebras.ai", "cerebras"),
    ("sambanova.ai", "sambanova"),
    ("deepinfra.com", "deepinfra"),
    ("integrate.api.nvidia.com", "nvidia"),
)
#: (end of host and path, operation, provider whose API it is), by which a known model API is recognised.
#: Sources: the providers' API references.
_APIS: Final = tuple(
    (re.compile(pattern), operation, provider)
    for pattern, operation, provider in (
        (r"/api/(?:chat|generate)$", "chat", "ollama"),
        (r"/api/embed(?:dings)?$", "embeddings", "ollama"),
        (r"/chat/completions$", "chat", "openai"),
        (r"/responses$", "responses", "openai"),
        (r"/embeddings$", "embeddings", "openai"),
        (r"/images/generations$", "images", "openai"),
        (r"/audio/(?:speech|transcriptions)$", "audio", "openai"),
        (r"/v1/completions$", "completions", "openai"),
        (r"/v1/messages$", "chat", "anthropic"),
        (r":(?:stream)?[gG]enerateContent$", "chat", "gcp.gemini"),
        (r":(?:batchE|e)mbedContents?$", "embeddings", "gcp.gemini"),
        (r"/model/[^/]+/converse(?:-stream)?$", "chat", "aws.bedrock"),
        (r"/model/[^/]+/invoke(?:-with-response-stream)?$", "invoke", "aws.bedrock"),
        (r"/v2/chat$|cohere\.(?:com|ai)/v1/chat$", "chat", "cohere"),
        (r"/v2/embed$|cohere\.(?:com|ai)/v1/embed$", "embeddings", "cohere"),
        (r"/v1/(?:models/.+/|deployments/.+/)?predictions$", "predictions", "replicate"),
    )
)
#: Clients that speak an API of others to their own provider, by what their user agent holds: behind a gateway
#: the host does not identify it.
_AGENTS: Final = (
    ("mistral-client-python", "mistral_ai"),
    ("AzureOpenAI/", "azure.ai.openai"),
    ("Groq/", "groq"),
    ("Together/", "together"),
    ("Fireworks/", "fireworks"),
    ("hf_hub/", "hugging_face"),
)
#: What the GenAI conventions call an operation; others generate content.
_OPERATIONS: Final = {
    "chat": "chat", "responses": "chat", "invoke": "chat", "completions": "text_completion",
    "embeddings": "embeddings",
}  # fmt: skip
#: Names of automatic steps that become labels: half of what one label may have.
_MAX_LABELS: Final = names.MAX_LABEL_VALUES // 2
_labels: Final[set[str]] = set()
#: Where credentials are given out: hosts, and paths anywhere. Never recorded.
_CREDENTIAL_HOSTS: Final = re.compile(
    r"(?:^|\.)(?:sts(?:\.[a-z0-9-]+)?\.amazonaws\.com|oauth2\.googleapis\.com|accounts\.google\.com"
    r"|iamcredentials\.googleapis\.com|login\.microsoftonline\.com|login\.windows\.net"
    r"|metadata\.google\.internal|oidc\.[a-z0-9-]+\.amazonaws\.com)$"
    r"|^169\.254\.(?:169\.254|170\.2|170\.23)$|^\[?fd00:ec2::(?:254|23)\]?$"
)
_CREDENTIAL_PATHS: Final = re.compile(
    r"(?:^|/)(?:oauth2?(?:/v[0-9.]+)?/(?:token|access_token|device|authorize)|openid-connect/token"
    r"|connect/token|o/token|token|access_token|oauth2|\.well-known/[^/]+"
    r"|latest/(?:api/token|meta-data/iam/.*)|computeMetadata/.*|v1/auth/[^/]+/login(?:/.*)?)/?$"
)
#: Where telemetry is sent: (end of the host; empty: any, the path). Their clients send it from threads of their own, whenever
#: a batch is full; the generation that started such a thread asks for nothing there. Sources: OTLP/HTTP, the vendors' clients.
_TELEMETRY: Final = tuple(
    (host, re.compile(path))
    for host, path in (
        ("", r"(?:^|/)v1/traces(?:/ingest)?$"),
        ("", r"^/api/[0-9]+/(?:envelope|store)/$"),
        ("", r"^/api/public/ingestion$"),
        ("smith.langchain.com", r"/runs(?:/batch|/multipart)?$"),
        ("posthog.com", r"^/(?:batch|capture|e|i/v0/e)/?$"),
        ("telemetry.crewai.com", r""),
        ("api.agno.com", r"/telemetry/"),
        # a list of agents, from which Hugging Face's client tells its server which one runs it
        ("", r"^/api/agent-harnesses$"),
    )
)


class IgnoredEndpoints:
    """Hosts and paths that the application does not want to be steps."""

    rules: ClassVar[tuple[str, ...]] = ()


@lru_cache(maxsize=2048)
def is_credentials(host: str, path: str) -> bool:
    """Whether an endpoint gives out credentials."""
    return bool(_CREDENTIAL_HOSTS.search(host.lower()) or _CREDENTIAL_PATHS.search(path))


@lru_cache(maxsize=2048)
def is_telemetry(host: str, path: str) -> bool:
    """Whether an endpoint only takes what observes the application, so that no result depends on it."""
    name = f".{host.lower()}"
    return any((not end or name.endswith(f".{end}")) and at.search(path) for end, at in _TELEMETRY)


def _operation_of(api: tuple[str, str], path: str) -> str:
    """What the GenAI conventions call an operation of :func:`_api_of`."""
    provider, operation = api
    if operation == "chat" and provider.startswith("gcp."):
        return "generate_content"
    if operation == "invoke" and "embed" in path:
        return "embeddings"
    return _OPERATIONS.get(operation, "generate_content")


def label_of(name: str) -> str:
    """Return a step's name as a label of metrics: ``other`` for the fifty-first and later ones.

    So that a generation which asks many hosts leaves decorated steps their labels.
    """
    if name not in _labels:
        if len(_labels) >= _MAX_LABELS:
            return names.OTHER
        _labels.add(name)
    return name


def is_ignored(host: str, path: str) -> bool:
    """Whether the application wants no step of an endpoint."""
    for rule in IgnoredEndpoints.rules:
        if rule.startswith("/"):
            if path.startswith(rule):
                return True
        elif host == rule or (host.endswith(rule) and rule.startswith(".")):
            return True
    return False


class Endpoint(NamedTuple):
    """The endpoint of a request, as far as its address identifies it."""

    #: What a step is called: ``openai chat`` for a known model API, else ``GET host``.
    name: str
    #: Provider and operation of a known model API; None for any other endpoint.
    api: tuple[str, str] | None
    #: What the GenAI conventions call the operation; empty for another endpoint.
    operation: str


@lru_cache(maxsize=2048)
def endpoint_of(method: str, host: str, path: str, agent: str = "") -> Endpoint:
    """Return what a request asks."""
    api = _api_of(method, host, path, agent)
    if api is None:
        return Endpoint(clean(f"{method} {host}", _MAX_NAME), None, "")
    return Endpoint(" ".join(api), api, _operation_of(api, path))


def _api_of(method: str, host: str, path: str, agent: str = "") -> tuple[str, str] | None:
    """Return provider and operation of a known model API; None for any other endpoint.

    The provider is whose host it is, else whose client asks (by its user agent), else whose API it is.
    """
    if method != "POST":
        return None
    for pattern, operation, api in _APIS:
        if pattern.search(f"{host}{path}"):
            return _provider_of(host) or _provider_by(agent) or api, operation
    return None


@lru_cache(maxsize=2048)
def needs_user_agent(method: str, host: str, path: str) -> bool:
    """Whether only the client's user agent identifies the model API."""
    return not _provider_of(host) and _api_of(method, host, path) is not None


def _provider_of(host: str) -> str:
    name = host.lower()
    ends = (provider for end, provider in _PROVIDERS if name == end or name.endswith(f".{end}"))
    return next(ends, "")


def _provider_by(agent: str) -> str:
    return next((provider for part, provider in _AGENTS if part in agent), "")
