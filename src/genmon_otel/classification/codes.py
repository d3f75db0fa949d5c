"""Rules over what an error carries: HTTP and gRPC statuses, providers' codes, errno.

Sources: the error pages of the OpenAI, Anthropic, Google (google.rpc.Code), Bedrock
Runtime, Azure OpenAI, Mistral, DashScope, Volcengine Ark and Tencent Hunyuan API references; RFC 9110 and Cloudflare for statuses.
"""

from __future__ import annotations

import errno
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from functools import cache
from typing import Final

from genmon_otel.classification.verdict import (
    DEPENDENCY,
    MACHINE,
    PROVIDER,
    RATE,
    SHUT_OUT,
    SYNTAX,
    TIMEOUT,
    UNKNOWN,
    VALIDATION,
    Label,
    Verdict,
    Weight,
)

#: Statuses that mean the same from every server.
STATUSES: Final[Mapping[int, Label]] = {
    **dict.fromkeys((408, 504, 522, 524, 598), TIMEOUT),
    429: RATE,
    **dict.fromkeys((401, 402, 403, 407, 498), SHUT_OUT),
}

#: Codes in lower case, ``exception`` at the end left out.
CODES: Final[Mapping[str, Label]] = {
    code: label
    for label, codes in (
        (
            TIMEOUT,
            "timeout timeout_error request_timeout deadline_exceeded modeltimeout "
            "requesttimeout gateway_timeout request_timed_out etimedout esockettimedout "
            "econnaborted und_err_headers_timeout und_err_connect_timeout und_err_body_timeout "
            "enginerequesttimeout upstream_timeout",
        ),
        (
            RATE,
            "rate_limit_exceeded rate_limit_error rate_limit rate_limited rate_limit_reached "
            "too_many_requests requests tokens throttling throttled toomanyrequests "
            "ratelimitreached requestlimitexceeded slowdown resource_exhausted "
            "provisionedthroughputexceeded tokens_per_minute_limit_exceeded "
            "service_tier_capacity_exceeded priorrequestnotcomplete rate_limit_reached_error "
            "throttling.ratequota throttling.burstrate throttling.allocationquota "
            "ratelimitexceeded requests_limit_exceeded engine_overloaded_error queue_exceeded "
            "userbymodelbyminute engineserverlimitexceeded endpointrpmexceeded endpointtpmexceeded "
            "modelaccountrpmratelimitexceeded modelaccounttpmratelimitexceeded "
            "modelaccountipmratelimitexceeded accountratelimitexceeded inflightbatchsizeexceeded "
            "requestbursttoofast limit_requests limit_burst_rate rpm_rate_limit_exceeded "
            "tpm_rate_limit_exceeded rate_limit_reached_requests model_rate_limit "
            "too_many_concurrent_requests concurrent_limit_exceeded",
        ),
        (
            SHUT_OUT,
            "insufficient_quota billing_hard_limit_reached billing_not_active billing_error "
            "quota_exceeded quotaexceeded servicequotaexceeded insufficient_credits "
            "credit_balance_too_low payment_required invalid_api_key api_key_invalid "
            "incorrect_api_key missing_api_key authentication_error authenticationerror "
            "unauthenticated unauthorized permission_error permission_denied permissiondenied "
            "access_denied accessdenied access_terminated account_deactivated forbidden "
            "invalid_authentication expiredtoken unrecognizedclient invalidsignature "
            "signaturedoesnotmatch invalidclienttokenid missingauthenticationtoken "
            "incompletesignature optinrequired requestexpired notauthorized "
            "unsupported_country_region_territory organization_restricted consumer_suspended "
            "accountproblem invalid_organization mismatched_organization ip_not_authorized "
            "exceeded_current_quota_error arrearage allocationquota.freetieronly accountoverdue "
            "token_quota_exceeded userbymodelbyday accesstokenexpired "
            "credential_error api_key_expired subscription_required spending_limit_reached "
            "freeresourcepackexhausted resourcepackexhausted servicestoparrears servicestop "
            "servicenotactivated authfailure unauthorizedoperation nonwhitelistaccount userunautherror "
            "serviceoverdue servicenotopen setlimitexceeded invalidaccountstatus modelnotopen "
            "invalidsubscription invalidapikey billing_disabled service_disabled consumer_invalid "
            "access_token_expired access_token_scope_insufficient api_key_service_blocked "
            "user_project_denied consumption_limit_reached token_quota_reached "
            "authentication_token_expired authentication_token_not_valid model_authentication "
            "tokens_per_day_limit_exceeded daily_limit_exceeded credits_exhausted out_of_credits "
            "insufficient_funds insufficient_balance account_suspended usage_limit_exceeded "
            "usage_limit_reached monthly_limit_reached coding_plan_hour_quota_exceeded",
        ),
        (
            PROVIDER,
            "overloaded_error overloaded api_error server_error internal_error internal_server_error "
            "internalserver internalfailure service_unavailable serviceunavailable unavailable "
            "engine_overloaded model_overloaded context_length_exceeded string_above_max_length "
            "context_window_exceeded content_filter content_policy_violation "
            "responsibleaipolicyviolation moderation_blocked safety model_not_found "
            "model_not_available model_decommissioned deploymentnotfound modelnotready "
            "modelerror modelstreamerror resourcenotfound not_found_error notfound_error "
            "request_too_large conflict data_loss data_inspection_failed econnrefused "
            "econnreset enotfound eai_again epipe ehostunreach enetunreach und_err_socket "
            "engineservererror internalerror internalserviceerror serveroverloaded modelnotfound "
            "datainspectionfailed sensitivecontentdetected inputtextsensitivecontentdetected "
            "outputtextsensitivecontentdetected inputimagesensitivecontentdetected "
            "outputimagesensitivecontentdetected outputvideosensitivecontentdetected "
            "textillegaldetected imageillegaldetected invalidendpointormodel tokens_limit_reached "
            "exceed_context_size_error model_not_supported unavailable_error flagged_content "
            "image_generation_user_error moderation_error content_moderation server_overloaded "
            "unsupported_value model_overloaded_error",
        ),
        (VALIDATION, "json_validate_failed tool_use_failed output_parsing_failure"),
        (
            DEPENDENCY,
            "module_not_found err_module_not_found err_package_path_not_exported "
            "err_unsupported_dir_import err_unknown_file_extension",
        ),
        (SYNTAX, "ejsonparse"),
        (MACHINE, "enospc edquot enomem"),
        (UNKNOWN, "nosuchkey nosuchbucket conditionalcheckfailed"),
    )
    for code in codes.split()
}

ERRNOS: Final[Mapping[int, Label]] = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.ENOMEM), MACHINE),
    errno.ETIMEDOUT: TIMEOUT,
    **dict.fromkeys(
        (
            errno.ECONNREFUSED,
            errno.ECONNRESET,
            errno.ECONNABORTED,
            errno.EHOSTUNREACH,
            errno.ENETUNREACH,
            errno.ENETDOWN,
            errno.EHOSTDOWN,
        ),
        PROVIDER,
    ),
}

#: JSON-RPC codes that an MCP client raises with; others are a tool's or the protocol's own.
#: Source: JSON-RPC 2.0, and the error codes of the MCP SDKs (408 and 32600: version 1's for Python).
MCP_CODES: Final[Mapping[int, Label]] = {
    **dict.fromkeys((-32001, 408), TIMEOUT),
    **dict.fromkeys((-32603, -32000, 32600), PROVIDER),
    -32700: SYNTAX,
}


#: Codes that are ordinary words: they count where a provider's client, or a response, has them.
_WORDS: Final = frozenset(
    "timeout requests tokens throttling throttled slowdown overloaded unavailable conflict safety "
    "unauthenticated unauthorized forbidden requestexpired requesttimeout accessdenied "
    "permission_denied access_denied not_found_error notfound_error internal_error server_error "
    "internal_server_error data_loss api_error payment_required request_timeout notauthorized optinrequired "
    "resourcenotfound internalfailure internalserver quota_exceeded quotaexceeded rate_limit "
    "request_timed_out service_unavailable serviceunavailable internalerror servicestop "
    "authfailure modelnotfound insufficient_funds insufficient_balance account_suspended "
    "usage_limit_exceeded usage_limit_reached daily_limit_exceeded monthly_limit_reached "
    "moderation_error unsupported_value flagged_content invalidsubscription modelnotopen "
    "credits_exhausted out_of_credits access_token_expired service_disabled billing_disabled "
    "consumer_invalid model_not_supported authentication_token_expired unavailable_error "
    "authentication_token_not_valid concurrent_limit_exceeded too_many_concurrent_requests "
    "server_overloaded upstream_timeout content_moderation unauthorizedoperation serveroverloaded "
    "invalidaccountstatus servicenotactivated serviceoverdue servicenotopen nonwhitelistaccount "
    "internalserviceerror internalservice userunautherror consumption_limit_reached".split()
)
#: Codes that only a provider writes, and so count anywhere in a text.
_DISTINCTIVE: Final = frozenset(
    code for code in CODES if ("_" in code or len(code) > 14) and code not in _WORDS
)

#: The words of each code, by the longest: some client libraries glue a suffix to those of one word.
_BY_WORD: Final[Mapping[str, list[Set[str]]]] = defaultdict(list)
for _code in CODES:
    _parts = frozenset(re.findall(r"[a-z]+", _code))
    for _suffix in ("", "error", "exception") if len(_parts) == 1 else ("",):
        _BY_WORD[max(_parts, key=len) + _suffix].append(_parts if not _suffix else frozenset())


def may_stand_in(words: Set[str]) -> bool:
    """Whether a text with these words (lower case) may quote a code."""
    return any(parts <= words for word in _BY_WORD.keys() & words for parts in _BY_WORD[word])


#: How client libraries write a status into a message: the library, words that are in each match,
#: the expression, and whether only a provider's client writes so, whose other 4xx are a
#: provider's refusal.
_WRITTEN: Final[tuple[tuple[str, str, str, bool], ...]] = (
    ("openai, anthropic", "error code: ", r"\berror code: ([45]\d\d) - ", True),
    ("openai, anthropic", "error code: ", r"\berror code: ([45]\d\d)(?:$|[.,;)\n])", False),
    ("google-genai", "", r"\b([45]\d\d) (?:invalid_argument|failed_precondition|unauthenticated|permission_denied|not_found|resource_exhausted|cancelled|internal|unavailable|deadline_exceeded)(?:$|[.:,;)\n{]| \{| error encountered)", True),
    ("openai, anthropic for Node", "error: ", r"(?:^|\n)\w*error: ([45]\d\d) \{", True),
    ("google for Node", "googlegenerativeai error", r"googlegenerativeai error\]: [^\n]{0,200}\[([45]\d\d) ", True),
    ("openai, anthropic for Node", "error: ", r"(?:^|\n|uncaught )(?:ratelimit|authentication|badrequest|notfound|permissiondenied|internalserver|unprocessableentity|conflict|api)error: ([45]\d\d) ", True),
    ("websockets", "rejected websocket", r"\bserver rejected websocket connection: http ([45]\d\d)\b", True),
    ("websocket-client", "handshake status", r"\bhandshake status ([45]\d\d) ", True),
    ("ws for Node", "unexpected server response", r"\bunexpected server response: ([45]\d\d)\b", False),
    ("got", "response code", r"\bresponse code ([45]\d\d) \([a-z]", False),
    ("reqwest", "http status ", r"\bhttp status (?:client|server) error \(([45]\d\d) ", False),
    ("faraday", "responded with status", r"\bthe server responded with status ([45]\d\d)\b", False),
    ("guzzle", "resulted in a", r"\bresulted in a [`']([45]\d\d) ", False),
    (".NET", "indicate success", r"\bstatus code does not indicate success: ([45]\d\d)\b", False),
    ("PowerShell", "remote server returned", r"\bthe remote server returned an error: \(([45]\d\d)\)", False),
    ("Java", "http response code", r"\bserver returned http response code: ([45]\d\d) for url\b", False),
    ("fetch", "http error!", r"\bhttp error! ?\(?status: ?([45]\d\d)\b", False),
    ("curl", "curl: (22)", r"\bcurl: \(22\) the requested url returned error: ([45]\d\d)", False),
    ("requests", " error: ", r"\b([45]\d\d) (?:client|server) error: [^\n]{0,200} for url\b", False),
    ("httpx", " error '", r"\b(?:client|server) error '([45]\d\d) [^'\n]{0,60}' for url\b", False),
    ("urllib", "http error ", r"\bhttp error ([45]\d\d): ", False),
    ("axios, undici", "with status", r"\b(?:failed|error) with status(?: code)?:? ([45]\d\d)\b", False),
    ("aiohttp", ", message='", r"^([45]\d\d), message='", False),
    ("Go, gRPC", "status", r"\bstatus[ _]?code[:=]? ?([45]\d\d)\b", False),
    ("clients of APIs", "{", r"\b(?:api|http|request|status)\b[^\n{]{0,30}\b([45]\d\d)\b[):, -]{0,4}(?:[a-z][a-z -]{2,24}[:-])? ?\{ ?[\"'](?:error|errors|message|detail|code|type)[\"'] ?:", False),
    ("Node's fetch", " while fetching http", r"\b(?:error|response|status) ([45]\d\d) while fetching https?://", False),
    ("HTTP", "http/", r"\bhttp/[12](?:\.\d)? ([45]\d\d)\b", False),
)  # fmt: skip


def statuses_written(text: str) -> Iterator[tuple[re.Pattern[str], bool]]:
    """Yield the expressions for a status in a message, and whether a provider's client writes so."""
    if _A_STATUS.search(text):
        for _, words, expression, of_provider in _WRITTEN:
            if words in text:
                yield _compiled(expression), of_provider


_A_STATUS: Final = re.compile(r"[45]\d\d")


@cache
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression)


def by_status(status: int, *, of_client: bool) -> Verdict | None:
    """What an HTTP status says.

    Args:
        status: from 400 to 599.
        of_client: whether a provider's client or an HTTP client raised it, so that other 4xx
            are a provider's refusal; elsewhere they are the application's own.
    """
    label = STATUSES.get(status)
    if label is None and (of_client or status >= 500):
        label = PROVIDER
    return Verdict(*label, f"status:{status}", Weight.EXACT) if label else None


def by_code(code: str, *, of_client: bool = True) -> Verdict | None:
    """What a provider's code says; None for codes that are unknown or say nothing.

    Args:
        code: in any case.
        of_client: whether a client or a response carries it; elsewhere ordinary words say nothing.
    """
    key = code.lower().removesuffix("exception").removesuffix("error_code")
    label = CODES.get(key)
    if label is None:
        key = key.removesuffix("error")
        label = CODES.get(key)
    if label is None and "." in key:  # FailedOperation.ServiceStop, Throttling.User
        first, _, rest = key.partition(".")
        key = rest if rest in CODES else first
        label = CODES.get(key)
    if label is None or (not of_client and key in _WORDS):
        return None
    return Verdict(*label, f"code:{key}", Weight.EXACT)


def is_distinctive(verdict: Verdict) -> bool:
    """Whether the code of a verdict is one that only a provider writes."""
    return verdict.rule.removeprefix("code:") in _DISTINCTIVE


def by_mcp_code(code: object) -> Verdict | None:
    """What the JSON-RPC code of an MCP client's error says."""
    label = MCP_CODES.get(code) if type(code) is int else None
    return Verdict(*label, f"mcp:{code}", Weight.EXACT) if label else None


def by_errno(number: int) -> Verdict | None:
    """What an operating system's error number says."""
    label = ERRNOS.get(number)
    return Verdict(*label, f"errno:{errno.errorcode[number]}", Weight.EXACT) if label else None
