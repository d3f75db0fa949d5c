"""Sentences of providers that refuse a key, an account or a permission."""

from __future__ import annotations

from typing import Final

from genmon_otel.classification.phrases import ANSWERED, Entry, entry, form
from genmon_otel.classification.verdict import SHUT_OUT

#: The environment's names of providers' keys, as their clients ask for them.
_KEY: Final = (
    r"(?:ai21|aiml|anthropic|ark|assemblyai|azure(?:_openai|_ai)?|baseten|browserbase|cerebras|codestral|co|cohere"
    r"|dashscope|databricks|deepgram|deepinfra|deepseek|e2b|elevenlabs|exa|firecrawl|fireworks|gemini|google"
    r"|groq|hf|huggingface\w{0,10}|hyperbolic|jina|langsmith|luma|minimax|mistral|moonshot|nebius|novita|nvidia"
    r"|openai|openrouter|perplexity|pplx|replicate|runwayml|sambanova|stability|tavily|together(?:ai)?|upstage"
    r"|voyage|watsonx|writer|xai|zai|zhipuai)_(?:api_)?(?:key|token)\b"
)
_KEY_WORDS: Final = ("api key", "api token", "hf token", "hf key")

# One phrase a line.
# fmt: off
REFUSED: Final[tuple[Entry, ...]] = (
    entry(SHUT_OUT, "openai.key", "OpenAI and services that imitate its API with HTTP 401",
        "incorrect api key provided",
        "you didn't provide an api key",
        "invalid_api_key",
        "api_key client option must be set",
        "you must be a member of an organization to use the api",
        "missing scopes: model",
        "missing scopes: api",
        "request had invalid authentication credentials. expected",
        "no auth credentials found",
        "user not found., code: 401",
        "your organization must be verified to",
        "openai account associated with this api key has been deactivated",
        form(r"\bcountry, region, or territory not supported(?:$|['\".,}\n])", "territory"),
        "you have insufficient permissions for this operation. missing",
        "your access was terminated due to violation of our policies, please check your email",
        "(project|organization|team) … does not have access to model '",
    ),
    entry(SHUT_OUT, "anthropic.key", "Anthropic with HTTP 401 or 403, and its client without a key",
        "invalid x-api-key",
        "authentication_error",
        "could not resolve authentication method",
        form(r"\binvalid api key [∙·|] please run /login", "login"),
        form(r"\bthis organization has been disabled(?:$|['\".,}\n])", "organization disabled"),
        form(r"(?:^|['\":{\n] ?)invalid bearer token(?:$|['\".,}\n])", "bearer"),
    ),
    entry(SHUT_OUT, "google.key", "Google with HTTP 400, 401 or 403, and its client without credentials",
        "api key not valid. please pass a valid api key",
        "api_key_invalid",
        "api key expired. please renew",
        "api key not found. please pass",
        "missing key inputs argument",
        "your default credentials were not found",
        "could not automatically determine credentials",
        "request had invalid authentication credentials",
        "your api key was reported as leaked",
        "permission denied: consumer '",
        "consumer '…' has been suspended",
        "generative language api has not been used in project",
        "user location is not supported for the api use",
        "this api method requires billing to be enabled",
        "request had insufficient authentication scopes",
        "permission 'aiplatform.…' denied",
    ),
    entry(SHUT_OUT, "aws.key", "Bedrock and its client",
        "the security token included in the request is",
        form(r"\bunable to locate credentials(?:$|[.'\"\n,;)])", "locate credentials"),
        "is not authorized to perform: bedrock",
        "model use case details have not been submitted for this account",
        "model access is denied due to",
        form(r"\bsignature expired: \d{8}t\d{6}z is now earlier than", "signature"),
        "you don't have access to the model with the specified model id",
        "(accessdeniedexception) when calling",
        "(unrecognizedclientexception) when calling",
        "(expiredtokenexception) when calling",
    ),
    entry(SHUT_OUT, "azure.key", "Azure OpenAI with HTTP 401",
        "access denied due to invalid subscription key",
        "access denied due to virtual network",
        "the principal … lacks the required data action",
        "principal does not have access to api/operation",
        "public access is disabled. please configure private endpoint",
    ),
    entry(SHUT_OUT, "key", "clients of Mistral, Cohere, Groq, Hugging Face, litellm and others",
        form(r"(?:^|['\":{\n] ?)invalid api token(?:$|['\".,}\n])", "invalid api token"),
        form(r"\bno api key provided(?:$|['\".,}\n])", "api key provided"),
        "invalid api key provided",
        "access to (model|dataset) … is restricted and you are not in the authorized list",
        "login fail: please carry the api secret key",
        "provided api key could not be found",
        "the api key or ak/sk in the request is missing or invalid",
        "your account … has not activated the model",
        "sufficient permissions to call inference providers on behalf of",
        "organization has been restricted. please reach out to support",
        "令牌已过期或验证不正确",
        "请前往控制台申请试用",
        "you are trying to access a gated repo",
        "the api_key client option",
        form(rf"\b{_KEY}(?:[^\n]{{0,30}}\b(?:not|missing|required|unset|empty|environment)\b|$)", *_KEY_WORDS),
        form(rf"\b(?:set|provide|pass|define|export|missing)\b[^\n]{{0,60}}\b{_KEY}", *_KEY_WORDS),
        form(r"\bmissing \w{2,20} api key - a call is being made to\b", "made"),
        "no api key was provided. please pass a valid",
        "you must provide an api_key to work with",
        "ai_loadapikeyerror",
        form(r"\bcom\.(?:openai|anthropic)\.errors\.(?:unauthorized|permissiondenied)exception\b", "unauthorizedexception", "permissiondeniedexception"),
        form(r"\bcould not (?:load credentials to authenticate with|resolve) aws (?:client|credentials)", "aws"),
        form(r"\bunable to get aws credentials", "aws"),
        "failed to acquire token using defaultazurecredential",
        "defaultazurecredential failed to retrieve a token",
        form(ANSWERED + r"(?:401 unauthorized|403 forbidden)(?:$|[.,;:)'\"\n]| (?:for|from|error|\()\b)", "401", "403"),
        form(ANSWERED + r"402 payment required\b(?! (?:at|in|by|before)\b)", "402"),
    ),
)
#: What makes a provider's 4xx a refused key; tried only beside a status, a code or a type.
REFUSED_WORDS: Final[tuple[Entry, ...]] = (
    entry(SHUT_OUT, "key_refused", "model providers beside HTTP 400 or 403, for a key or an account that is refused",
        form(r"\b(?:incorrect|invalid|missing|wrong|expired|no|revoked|malformed)\b[^\n]{0,20}\b(?:x-)?api[ _-]?(?:key|token)\b"),
        form(r"\bapi[ _-]?(?:key|token)\b[^\n]{0,40}\b(?:not valid|invalid|not found|missing|required|expired|incorrect|revoked|disabled|suspended|leaked)\b"),
        form(r"\b(?:api_key_invalid|authentication_error|invalid_api_key|invalid authentication|unauthori[sz]ed)\b"),
        form(r"\bnot authorized to perform\b|\b(?:don't|do not) have access to the model\b"),
        form(r"\b(?:account|organization|project|team)\b[^\n]{0,60}\b(?:deactivated|suspended|disabled|terminated)\b"),
    ),
)
