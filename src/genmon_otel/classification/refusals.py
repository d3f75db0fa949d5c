"""Rules over prose: the provider shut the application out, by quota or by authentication.

They also refine what a status or a type said: a 429 may be a quota used up, a 400 an
API key that is not valid. Both are critical, since every next call fails too.
"""

from __future__ import annotations

from typing import Final

from genmon_otel.classification.subjects import MODEL, UNABLE
from genmon_otel.classification.verdict import RATE, SHUT_OUT
from genmon_otel.classification.wording import Wording, wording

QUOTA_RULES: Final[tuple[Wording, ...]] = (
    wording(
        RATE,
        "rate, not quota",
        r"quota exceeded.{0,120}(?:per[ _-]?minute|per[ _-]?second)",
        r"perminute",
        r"quota per (?:minute|second)",
        r"resource (?:has been |is )?exhausted",
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
        r"exceeded (?:(?!time|\d)\w+ ){0,3}budget",
        r"plan (?:limit|does not)",
        r"(?:requires|need|needs|purchase|add|buy|no) (?:more |remaining |any )?credits",
        r"can only afford",
        r"key limit exceeded",
        r"(?:not enough|insufficient|no (?:more |remaining )?|out of|low on|lacks?|zero|negative|empty) ?(?:\w+ )?(?:balance|funds|credits?|quota|budget)\b",
        r"(?:balance|funds|credits?|budget|allowance|spend(?:ing)?)\b[^\n.]{0,30}\b(?:too low|insufficient|empty|exhausted|depleted|negative|used up|spent|gone|ran out|run out|exceeded|reached|hit|zero|limit|cap)\b",
        r"(?:exceed\w*|reached|hit|over|used up|spent|exhausted|burn\w*)\b[^\n.]{0,30}\b(?:credit|spend\w*|dollar|monthly|daily|weekly|plan|subscription|usage|free[ -]tier)\b[^\n.]{0,20}(?:limit|cap\b|quota|budget|allowance|credits)?",
        r"quota\b[^\n]{0,30}\b(?:used|gone|ran out|run out|spent|over|hit|full|zero|empty)\b",
        r"(?:run|ran|running) out of (?:\w+ )?(?:credits?|quota|funds|balance|budget)",
        r"\bbilling\b[^\n]{0,30}\b(?:not|disabled|inactive|required|suspended|failed|problem|enable\w*|overdue)\b",
        r"(?:enable|activate|set up|update|check|add) (?:your )?(?:billing|payment)",
        r"\bpayments?\b[^\n]{0,20}\b(?:required|overdue|declined|method|failed|past due)\b",
        r"(?:account|subscription|billing|payment|invoice for)\b[^\n]{0,20}\b(?:past due|overdue|unpaid)",
        r"(?:charge|charging|declined) (?:your |the |our )?(?:\w+ )?card",
        r"(?:trial|subscription|plan|free tier|free period)\b[^\n]{0,20}\b(?:ended|expired|over|lapsed|inactive|cancell?ed|not active|has run out)\b",
        r"topping up|top up (?:your|the)",
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
        rf"{UNABLE} (?:authenticate|authori[sz]e|sign in|log in|login)\b",
        r"\bauthenticat(?:e|ion|ing)\b[^\n]{0,60}\b(?:failed|fails|error|rejected|refused|denied|required|missing|invalid|expired|problem)\b",
        r"\b(?:rejected|refused|revoked|denied|declined) (?:our|your|the|my|this|its|an?) (?:\w+ ){0,2}(?:key|token|credentials?)\b",
        r"\b(?:api|access|secret|openai|anthropic|provider|gemini|service|subscription|our|your) ?(?:\w+ )?(?:key|token|credential)s?\b[^\n.]{0,40}\b(?:wrong|revoked|rejected|refused|denied|expired|disabled|invalid|not valid|not allowed|not permitted|not recogni[sz]ed|not accepted|incorrect|missing|unset|empty|malformed|blocked|rotated|suspended|leaked|deactivated)\b",
        r"\bkey\b[^\n.]{0,30}\b(?:was|is|been|got) (?:rejected|refused|revoked|disabled|denied|not accepted)\b",
        r"\b(?:log ?in|sign[- ]?in|oauth|handshake with auth)\w* (?:to|at|with|for) (?:\w+ ){1,3}(?:failed|rejected|expired|refused)",
        r"signature\b[^\n]{0,40}\b(?:does not|doesn't|mismatch|invalid|not match|wrong|expired)\b",
        r"\btoken (?:is |has |was )?(?:expired|revoked|invalid|rejected|missing)\b",
        r"\bkey\b (?:\w+ ){0,2}(?:not allowed|not permitted|revoked|expired|disabled|rejected|deactivated|suspended)\b",
        r"(?:no|missing|invalid|bad|wrong|expired|incorrect|revoked|unknown) (?:\w+ ){0,2}credentials?\b",
        rf"\b(?:permission|access|request) (?:was |is |has been )?(?:denied|refused|forbidden|rejected|revoked|suspended|blocked)\b[^\n]{{0,60}}\b(?:{MODEL}|api|project|account|key|region)\b",
        rf"\b{MODEL}\b[^\n]{{0,40}}\b(?:unauthori[sz]ed|forbidden|access denied|permission denied|permission|not authenticated|not entitled)\b",
        r"\b(?:not|n't|no|without|lacks?|lacking) (?:have |the |been |have the |necessary |sufficient |required |granted )*(?:permissions?|access|permitted|entitled|entitlement|authori[sz]ation|authori[sz]ed|allowed) (?:to|for|on) (?:\w+ ){0,3}(?:model|api|endpoint|resource|deployment|project|key|perform|service)\b",
        r"not (?:have |been granted )?access to (?:\w+ )?(?:model|the model|this model|deployment)",
        r"api access\b[^\n]{0,30}(?:suspended|revoked|denied|disabled|blocked|terminated)",
        r"\b(?:organi[sz]ation|workspace|tenant|api account|openai account|project)\b[^\n.]{0,30}\b(?:restricted|suspended|disabled|deactivated|on hold|blocked|terminated|banned|not verified)\b",
        r"(?:must|needs? to) be verified to use",
    ),
)
