"""Rules over prose: the provider shut the application out, by quota or by authentication.

They also refine what a status or a type said: a 429 may be a quota used up, a 400 an
API key that is not valid. Both are critical, since every next call fails too.
"""

from __future__ import annotations

from typing import Final

from genmon_otel.classification.verdict import RATE, SHUT_OUT
from genmon_otel.classification.wording import Wording, wording

QUOTA_RULES: Final[tuple[Wording, ...]] = (
    wording(
        RATE,
        "rate, not quota",
        r"quota exceeded.{0,120}(?:per[ _-]?minute|per[ _-]?second)",
        r"perminute",
        r"per_minute",
        r"resource has been exhausted \(e\.g\. check quota\)",
    ),
    wording(
        SHUT_OUT,
        "quota exhausted",
        r"insufficient_quota",
        r"(?:exceeded|exhausted|reached|over|out of|used up|no remaining|hit)[^.\n]{0,40}\bquota",
        r"quota[^.\n]{0,40}(?:exceeded|exhausted|reached|depleted|used up|insufficient)",
        r"perday",
        r"insufficient (?:\w+ )?(?:balance|credit|fund|quota)",
        r"(?:credit|account) balance",
        r"(?:out of|no|not enough|run out of) credits",
        r"credits? (?:exhausted|depleted|are required)",
        r"billing[_ ](?:hard[_ ])?(?:limit|not[_ ]active|error|issue)",
        r"payment required",
        r"billing details",
        r"(?:monthly|daily|weekly) (?:\w+ ){0,2}(?:limit|quota|budget|spend)",
        r"usage limits? (?:\w+ ){0,4}(?:reached|exceeded)",
        r"reached (?:\w+ ){0,3}usage limit",
        r"api calls / month",
        r"spend(?:ing)? (?:limit|cap)",
        r"(?<!time )budget (?:has been )?(?:exceeded|exhausted)",
        r"exceeded (?:(?!time)\w+ ){0,3}budget",
        r"plan (?:limit|does not)",
        r"(?:requires|need|needs|purchase|add|buy|no) (?:more |remaining |any )?credits",
        r"can only afford",
        r"key limit exceeded",
    ),
)
AUTH_RULES: Final[tuple[Wording, ...]] = (
    wording(
        SHUT_OUT,
        "authentication",
        *(
            r"\b(?:incorrect|invalid|missing|wrong|expired|bad|no|revoked|provide|malformed)(?: or \w+)?"
            rf"(?: x?-?\w+){{0,2}}[ -](?:x-)?{key}"
            for key in ("api key", "api_key", "api-key", "apikey")
        ),
        r"api[ _-]?key (?:option )?(?:is |was |has been |must be |not )*(?:not |in)?(?:valid|set|found|provided|missing|required|expired|incorrect|invalid|configured|supplied|revoked|disabled|suspended)",
        r"api_key client option",
        r"_api_key\b.{0,30}(?:not|missing|required|unset|empty)",
        r"(?:missing|no|set|requires?) (?:the )?\w{0,20}_api_key",
        r"api_key_invalid",
        r"missing key inputs",
        r"(?:missing|no|invalid) credentials",
        r"authentication ?(?:method|failed|failure|required|error|credentials|token|exception)",
        r"authentication_error",
        r"failed to authenticate",
        r"not authenticated",
        r"\bunauthorized\b(?! to modify)",
        r"invalid (?:\w+ )?(?:authentication|bearer|access|auth|security|api|credential)s? ?(?:credentials|token|key)",
        r"no (?:auth\w*|valid) (?:credentials|token)",
        r"(?:security |access |bearer |auth |session |refresh )?token (?:\w+ ){0,5}(?:is|has) (?:expired|invalid|revoked)",
        r"(?:security|access|auth|bearer) token",
        r"(?:locate|find|load|default|application default|no|aws) credentials",
        r"credentials (?:were|not|have|are)",
        r"have access to (?:the|this) model(?! `)",
        r"access to model .{0,60}(?:denied|not allowed)",
        r"access (?:is )?denied due",
        r"accessdenied",
        r"access denied.{0,40}(?:model|api|provider|subscription|inference)",
        r"not authorized to (?:perform|access|invoke|use)",
        r"account (?:\w+ ){0,3}(?:deactivated|suspended|disabled|terminated|blocked)",
        r"has been suspended",
        r"permission_denied",
        r"permission denied: consumer",
        r"does not have permission",
        r"insufficient permissions",
        r"must be a member of an organization",
        r"organization has been disabled",
        r"invalid authentication",
        r"not authorized (?:for|to use) (?:this|the) (?:model|api|endpoint|organization)",
        r"^forbidden\b",
        r"^unauthori[sz]ed\b",
    ),
)
