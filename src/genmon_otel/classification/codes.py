"""Rules over what an error carries: HTTP and gRPC statuses, providers' codes, errno.

Sources: the error pages of the OpenAI, Anthropic, Google (google.rpc.Code), Bedrock
Runtime, Azure OpenAI and Mistral API references; RFC 9110 and Cloudflare for statuses.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
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

#: Statuses that mean the same whoever answers.
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
            "econnaborted und_err_headers_timeout und_err_connect_timeout und_err_body_timeout",
        ),
        (
            RATE,
            "rate_limit_exceeded rate_limit_error rate_limit rate_limited rate_limit_reached "
            "too_many_requests requests tokens throttling throttled toomanyrequests "
            "ratelimitreached requestlimitexceeded slowdown resource_exhausted "
            "provisionedthroughputexceeded tokens_per_minute_limit_exceeded "
            "service_tier_capacity_exceeded priorrequestnotcomplete",
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
            "accountproblem invalid_organization mismatched_organization ip_not_authorized",
        ),
        (
            PROVIDER,
            "overloaded_error overloaded server_error internal_error internal_server_error "
            "internalserver internalfailure service_unavailable serviceunavailable unavailable "
            "engine_overloaded model_overloaded context_length_exceeded string_above_max_length "
            "context_window_exceeded content_filter content_policy_violation "
            "responsibleaipolicyviolation moderation_blocked safety model_not_found "
            "model_not_available model_decommissioned deploymentnotfound modelnotready "
            "modelerror modelstreamerror resourcenotfound not_found_error notfound_error "
            "request_too_large conflict data_loss data_inspection_failed econnrefused "
            "econnreset enotfound eai_again epipe ehostunreach enetunreach und_err_socket",
        ),
        (VALIDATION, "json_validate_failed tool_use_failed"),
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


def by_status(status: int, *, of_client: bool) -> Verdict | None:
    """What an HTTP status says; other 4xx are certain only where a provider's client raised them."""
    label = STATUSES.get(status)
    if label is None and 400 <= status < 600:
        label = PROVIDER
    if label is None:
        return None
    certain = of_client or status in STATUSES or status >= 500
    return Verdict(*label, f"status {status}", Weight.EXACT if certain else Weight.FALLBACK)


def by_code(code: str) -> Verdict | None:
    """What a provider's code says; None for codes that are unknown or say nothing."""
    key = code.lower().removesuffix("exception").removesuffix("error_code")
    label = CODES.get(key) or CODES.get(key.removesuffix("error"))
    return Verdict(*label, f"code {code[:60]}", Weight.EXACT) if label else None


def by_errno(number: int) -> Verdict | None:
    """What an operating system's error number says."""
    label = ERRNOS.get(number)
    return Verdict(*label, f"errno {errno.errorcode[number]}", Weight.EXACT) if label else None
