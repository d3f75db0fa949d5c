"""Rules over prose: what providers, clients and people write into messages.

Read in order. A word alone decides nothing (``invalid timeout parameter``): each
expression wants the verb, the status' context or the phrase that a failure has.
"""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.classification.verdict import (
    PROVIDER,
    RATE,
    SHUT_OUT,
    SYNTAX,
    TIMEOUT,
    UNKNOWN,
    VALIDATION,
)
from genmon_otel.classification.wording import Wording, wording

#: Somebody talks about a setting, not about an event.
SETTING: Final = re.compile(
    r"(?:invalid|unknown|unsupported|unexpected|bad|unrecogni[sz]ed|missing|deprecated)"
    r" (?:\w+ ){0,2}['\"`]?\w{0,20}(?:time_?out|rate.?limit)"
    r"|(?:time_?out|rate.?limit(?:er|ing|s)?)['\"`]?(?: \w+)? (?:must|should|value|param|setting|option|argument"
    r"|cannot|has to|config|is (?:not )?(?:a|an|required|supported|negative)\b)"
    r"|(?:to (?:load|parse|read|set|configure)|missing|option|argument|parameter)\w* ['\"`]?(?:the )?\w{0,12}(?:time_?out|rate.?limit)"
)

QUOTA_RULES: Final[tuple[Wording, ...]] = (
    wording(
        RATE,
        "rate, not quota",
        "quota|per minute|retry|per-minute|perminute",
        r"quota exceeded.{0,120}(?:per[ _-]?minute|per[ _-]?second)|perminute|per_minute"
        r"|resource has been exhausted \(e\.g\. check quota\)",
    ),
    wording(
        SHUT_OUT,
        "quota exhausted",
        "quota|credit|balance|billing|payment|per day|perday|budget|spend|usage limit|month|limit reached|plan",
        r"insufficient_quota|(?:exceeded|exhausted|reached|over|out of|used up|no remaining|hit)[^.\n]{0,40}\bquota"
        r"|quota[^.\n]{0,40}(?:exceeded|exhausted|reached|depleted|used up|insufficient)|perday"
        r"|insufficient (?:\w+ )?(?:balance|credit|fund|quota)|(?:credit|account) balance|(?:out of|no|not enough|run out of) credits"
        r"|credits? (?:exhausted|depleted|are required)|billing[_ ](?:hard[_ ])?(?:limit|not[_ ]active|error|issue)|payment required"
        r"|billing details|(?:monthly|daily|weekly) (?:\w+ ){0,2}(?:limit|quota|budget|spend)"
        r"|usage limits? (?:\w+ ){0,4}(?:reached|exceeded)|reached (?:\w+ ){0,3}usage limit|api calls / month"
        r"|spend(?:ing)? (?:limit|cap)|budget (?:has been )?(?:exceeded|exhausted)|exceeded (?:\w+ ){0,3}budget"
        r"|plan (?:limit|does not)",
    ),
)
AUTH_RULES: Final[tuple[Wording, ...]] = (
    wording(
        SHUT_OUT,
        "authentication",
        "api key|api-key|api_key|apikey|authenticat|unauthorized|credential|token|access|deactivated|suspended"
        "|permission|forbidden|organization|subscription",
        r"(?:incorrect|invalid|missing|wrong|expired|bad|no|revoked|provide|malformed)(?: or \w+)?(?: x?-?\w+){0,2}[ -]?(?:x-)?api[ _-]?key"
        r"|api[ _-]?key (?:option )?(?:is |was |has been |must be |not )*(?:not |in)?(?:valid|set|found|provided|missing|required|expired|incorrect"
        r"|invalid|configured|supplied|revoked|disabled|suspended)|api_key client option|_api_key\b.{0,30}(?:not|missing|required|unset|empty)"
        r"|(?:missing|no|set|requires?) (?:the )?\w{0,20}_api_key|api_key_invalid|missing key inputs"
        r"|authentication (?:method|failed|failure|required|error|credentials|token)|authentication_error|failed to authenticate|not authenticated"
        r"|\bunauthorized\b(?! to modify)|invalid (?:authentication|bearer|access|auth|security) ?(?:credentials|token)?"
        r"|(?:security |access |bearer |auth |session |refresh )?token (?:\w+ ){0,5}(?:is|has) (?:expired|invalid|revoked)|(?:security|access|auth|bearer) token"
        r"|(?:locate|find|load|default|application default|no|aws) credentials|credentials (?:were|not|have|are)"
        r"|have access to (?:the|this) model(?! `)|access to model .{0,60}(?:denied|not allowed)|access (?:is )?denied due"
        r"|accessdenied|access denied.{0,40}(?:model|api|provider|subscription|inference)|not authorized to (?:perform|access|invoke|use)"
        r"|account (?:\w+ ){0,3}(?:deactivated|suspended|disabled|terminated|blocked)|has been suspended"
        r"|permission_denied|permission denied: consumer|does not have permission|insufficient permissions"
        r"|must be a member of an organization|organization has been disabled",
    ),
)

PROSE_RULES: Final[tuple[Wording, ...]] = (
    # --- the application's own stores, before their sockets look like a provider's
    wording(
        UNKNOWN,
        "database",
        "database|postgres|port 5432|port 3306|redis|mysql|sqlite|mongo|:5432|:6379|:3306|deadlock",
        r"port (?:5432|3306|6379|27017)\b|:(?:5432|3306|6379|27017)\b"
        r"|(?:database|postgres(?:ql)?|mysql|redis|mongo(?:db)?|sqlite)[^\n]{0,60}"
        r"(?:connect|locked|refused|timed out|timeout|unavailable|deadlock|gone away|lost|closed|error)"
        r"|(?:connect\w*|lost|timed out|timeout) (?:\w+ ){0,4}(?:database|postgres(?:ql)?|mysql|redis|mongo(?:db)?)",
    ),
    *QUOTA_RULES,
    wording(
        RATE,
        "rate limit",
        "rate|too many|thrott|per min|per second|rpm|tpm|429|slow down|too quickly|resource_exhausted|too fast",
        r"rate[ _-]?limit(?:ed|ing)?(?:error|_error|_exceeded)?\b|ratelimit|rate (?:was |is )?exceeded|too many (?:\w+ ){0,2}(?:requests|tokens|connections|calls)\b"
        r"|\bthrottl(?:ed|ing)|(?:requests|tokens|calls)[ /]per[ -](?:min|sec|hour)|(?:max|limit|exceed\w*|reached|hit) (?:\w+ ){0,3}[rt]pm\b|\b[rt]pm (?:limit|exceeded|reached)"
        r"|per-minute (?:rate )?limit|requests? too (?:quickly|fast|often)|slow down|resource_exhausted|concurrency limit",
    ),
    *AUTH_RULES,
    wording(
        PROVIDER,
        "context length or content filter",
        "context|too long|token|length|filter|safety|content|blocked|refus|moderation|policy|recitation|flagged",
        r"(?:maximum|max|model'?s|exceeds?(?: the)?|exceeded(?: the)?) (?:\w+ )?context (?:length|window|size)|context[ _](?:length|window|size|limit)[ _](?:\w+ )?(?:is |was )?(?:exceed|overflow|too)"
        r"|context_length_exceeded|context overflow|(?:prompt|input|request|message|conversation)s? (?:is |are |was )?too (?:long|large)|too many (?:input |prompt )?tokens in"
        r"|(?:input )?token(?:s| count| limit)? (?:\(\d+\) )?(?:exceed|is too|count exceeds|limit exceeded)|exceeds? (?:the )?(?:model'?s? )?(?:maximum|max|limit) (?:\w+ ){0,4}tokens"
        r"|reduce the length of|longer than the (?:model'?s )?(?:maximum|context)|max_tokens .{0,40}(?:too large|exceed)"
        r"|content[ _](?:management|filter\w*|policy|moderation)|safety (?:system|filter|setting|reason|polic|check)|finish[ _]?reason\W{1,5}(?:safety|recitation|content_filter|prohibited|blocklist|spii)"
        r"|(?:blocked|rejected|refused|flagged|filtered) (?:by|due to|as a result|because|for) (?:\w+ ){0,4}(?:content|safety|policy|filter|moderation|provider|guardrail|prompt)"
        r"|(?:prompt|response|output|candidate|content) (?:was |is |has been )?(?:blocked|flagged|filtered)|usage polic(?:y|ies)|prohibited_content|model refus|refused to (?:answer|generate|respond)",
    ),
    # --- what does not parse
    wording(
        SYNTAX,
        "does not parse",
        "json|parse|parsing|syntax|expecting|unexpected|unterminated|never closed|indent|unclosed|malformed|extra data"
        "|invalid control|escape|eof |expected <|line 1 column|found character|could not find expected|mapping values|unmatched",
        r"unexpected (?:token|end of (?:json|input|file|stream)|eof|indent|identifier|character|non-whitespace)|(?:invalid|malformed|broken|bad|unparsable|unparseable|incomplete|truncated) (?:\w+ ){0,2}?(?:json|yaml|toml|xml|html|python|javascript|typescript|jsx|tsx|css|sql|syntax|markup|code)\b"
        r"|(?:not|isn't|n't) (?:\w+ )?(?:valid|parse|decode) ?(?:as )?(?:json|yaml|toml|xml|html|python)\b|json ?(?:parse|parsing|decode|decoding|syntax|parser)(?:r|d)? ?(?:error|failed|failure)|jsondecodeerror"
        r"|(?:could not|cannot|can't|failed to|unable to|error) (?:\w+ )?(?:pars|decod|deserializ|load)(?:e|ing)? (?:\w+ ){0,4}?(?:json|yaml|toml|xml|html|code|python|javascript|typescript|source|file|module|component|markup|ast)\b"
        r"|(?:error|failed|failure) (?:while )?parsing|(?:json|yaml|toml|xml|html|code|python) (?:could not be|cannot be|failed to) (?:parse|decode)|expecting (?:value|property name|',' delimiter|':' delimiter)|expecting .{1,20} delimiter"
        r"|unterminated (?:string|f-string|triple|template|comment|regex|json)|was never closed|(?:unexpected|unindent|expected an) indent|unindent does not match|extra data: line|invalid control character|invalid \\+(?:escape|u)"
        r"|(?:eof|expected|invalid|trailing|key must|control character|lone).{0,60}at line \d+ column \d+|trailing (?:comma|characters|data)|expected <block end>|mapping values are not allowed|found character .{0,12}that cannot start"
        r"|could not find expected ':'|invalid syntax|\bsyntax ?error|unclosed (?:tag|block|bracket|string|element|brace|jsx|quote|fence|code)|mismatched (?:tag|bracket)|unmatched ['\"`]?[)\]}]|unbalanced (?:tag|bracket|brace|paren)|not well-formed|malformed node or string|json input|object literal",
    ),
    # --- what breaks a schema or is not there
    wording(
        VALIDATION,
        "validation",
        "valid|schema|required|zod|llm output|output|response|empty|no files|missing|is not of type|not allowed|does not match|expected|constraint",
        r"validation errors?\b|(?:failed|fails|failing) (?:\w+ ){0,3}validation|validation (?:has )?(?:failed|failure)|(?:did|does|do) not (?:pass|validate|conform|comply|match|satisfy|adhere)|failed to (?:validate|satisfy|conform)"
        r"|zoderror|(?:schema|type) (?:mismatch|violation|validation)|is a required property|required (?:property|field|key|section|attribute)|field required|missing (?:the )?(?:required|mandatory|expected|field|key|property|section)"
        r"|is not of type|is not one of \[|is not valid under|additional properties|(?:could not|cannot|unable to|failed to) parse (?:\w+ )?(?:llm|model|agent|output|response|tool|function|completion|answer)"
        r"|output.?pars|(?:invalid|bad|unexpected|malformed|wrong|unusable|incomplete) (?:\w+ ){0,2}(?:response|output|completion|answer|structure|format|shape|plan|tool call|function call|arguments|project)\b"
        r"|(?:empty|blank|null) (?:\w+ )?(?:response|output|completion|content|result|answer|project|file|string returned)|(?:response|output|completion|content|answer|result|project|file)s? (?:was |is |were |are |came back |from model )?empty"
        r"|no (?:files?|content|output|choices|code(?: blocks?)?|text|tool calls?|valid \w+|json) (?:were |was |is |in |returned|generated|found|produced)|(?:no|not contain any|without(?: a)?|missing) (?:code|file|content|tool)[ -]?(?:block|call)?s?"
        r"|(?:project|output|response|plan|app|bundle|result) (?:\w+ )?(?:is missing|lacks|has no|misses|contains no|without)|expected (?:a |an )?(?:list|dict|object|array|string|json)\b.{0,40}(?:got|received|but|in model)"
        r"|must (?:have|contain) (?:required|a|at least|the)\b|invalid_type|constraint (?:failed|violation)|guardrail|assertion failed.{0,40}output",
    ),
    wording(
        TIMEOUT,
        "timed out",
        "time|deadline|too long|respon|within|no tokens|stall|hung",
        r"timed? ?out(?:error)? (?:after|while|waiting|exceeded|expired|reached|error|in|during|occurred|on|at|:|of|for)|\btimed[ -]out\b|time(?:d)?out(?:error|exception)\b|\btimeout(?: of)? \d|timeout(?:: |\.|!|$|\n| \()"
        r"|due to (?:a )?time ?out|exceeded [\w. ]{0,30}time(?:out|limit)?\b|(?:a )?timeout occurred|(?:request|read|connect|connection|gateway|response|model|upstream|socket|headers|client|ai|llm|generation|call|stream|idle|inactivity|execution|server|api|query|operation)[ _-]time-?_?out\b"
        r"|deadline[ _]?(?:was )?exceeded|(?:took|taking|takes) too long|time limit|(?:exceeded|over) (?:the )?(?:max(?:imum)? )?(?:execution|run|wall|processing|response|generation|allowed|allotted) ?time"
        r"|(?:no (?:response|answer|tokens?|output|data|reply|completion|progress)|(?:did not|didn't|never|has not|not) (?:\w+ )?(?:respond|complete|finish|answer|reply|return|receive|produce)\w*)[^.\n]{0,60}(?:within|after|for|in) (?:\w+ )?\d"
        r"|etimedout|esockettimedout|max_execution_time|stalled for|(?:hung|hanging) for|gateway time-?out|(?:\d+ ?(?:s|ms|sec|seconds?|minutes?|min)) (?:timeout|deadline|time limit)",
    ),
    wording(
        PROVIDER,
        "provider unavailable",
        "overload|unavailable|server error|server had|bad gateway|upstream|capacity|loading|temporarily|unhealthy|overcapacity|internal error|provider returned",
        r"overload(?:ed|_error)?\b|service (?:is )?(?:temporarily )?unavailable|temporarily unavailable|currently unavailable|model (?:is )?(?:\w+ )?(?:unavailable|loading|not ready|busy)|internal (?:server )?error"
        r"|server had an error|bad gateway|no healthy upstream|upstream (?:connect )?error|(?:at|over|exceeded) capacity|provider returned error|server error\b|high demand|model .{0,40} is currently loading",
    ),
    wording(
        PROVIDER,
        "model not found",
        "model|deployment",
        r"model[ :]+[`'\"]?[\w./:@-]{1,80}[`'\"]? (?:was |is |does |has been )?(?:not (?:found|exist|supported|available)|deprecated|decommissioned|retired)|(?:unknown|no such|unsupported) model|model_not_found|(?:model|deployment) (?:\w+ ){0,4}(?:does not exist|not found|has been deprecated)|invalid model (?:name|id)|models/[\w.-]{1,60} is not found",
    ),
    wording(
        PROVIDER,
        "connection",
        "connect|disconnect|getaddrinfo|name or service|name resolution|socket|ssl|certificate|fetch failed|network|host|nodename|broken pipe|incomplete|closed|eof occurred|stream|max retries",
        r"connection ?(?:error|refused|reset|aborted|closed|failed|lost|failure|was (?:reset|closed|refused|lost)|terminated|dropped|broken|attempts failed)|connectionerror|(?:could not|cannot|failed to|unable to|couldn't|can't) (?:connect|reach|establish)|remote (?:end|host) closed|server disconnected|peer closed|disconnected (?:without|before|unexpectedly)"
        r"|getaddrinfo|enotfound|econn(?:refused|reset|aborted)|eai_again|name or service not known|(?:name|dns)[ -]?resolution|nodename nor servname|no address associated|socket hang up|fetch failed|network (?:error|is unreachable|unreachable|failure)|no route to host|host (?:is )?unreachable"
        r"|certificate[ _]verify[ _]failed|certificate (?:has expired|is not trusted)|self[- ]signed certificate|\[ssl[:\]]|ssl(?:error|: |v3|_error)|tls handshake|eof occurred in violation|broken pipe|incomplete(?:read| chunked read| read)|other side closed|premature(?:ly)? close|connection pool is full|stream (?:\w+ )?(?:interrupted|closed unexpectedly|ended (?:unexpectedly|prematurely|before)|disconnected|error)|max retries exceeded with url",
    ),
)

#: A status in the context of a status: ``HTTP 429``, ``status code: 503``, ``401 Unauthorized``.
STATUS_IN_TEXT: Final = re.compile(
    r"\b(?:https?(?:/[\d.]{1,3})?|status(?:[ _]?code)?|error[ _]code|errorcode|http[ _]?error|api error|response(?: code)?|returned|(?<!exit )(?<!line )\bcode|error)"
    r"[\s:=#(\[\"'/-]{1,4}([45]\d\d)\b(?! (?:files|pages|items|lines|rows|projects|tokens|ms|s|bytes|kb|users|records)\b)"
    r"|\b([45]\d\d)\b[\s,:(-]{1,3}(?:too many|unauthori|forbidden|bad (?:gateway|request)|service (?:temporarily )?unavail|gateway time|internal server|payment req|client error|server error"
    r"|request entity|payload|not found|request time|deadline|resource_exhausted|unavailable|permission_denied|unauthenticated|internal|invalid_argument|overloaded|unprocessable|conflict)"
    r"|^\(?([45]\d\d)[) ]? ?(?:error)?\W{0,3}$"
)
#: Codes as they are written into messages: ``overloaded_error``, ``RESOURCE_EXHAUSTED``, ``ThrottlingException``.
CODE_IN_TEXT: Final = re.compile(r"\b(?:[a-zA-Z]{2,20}(?:_[a-zA-Z]{2,20}){1,6}|[A-Z][A-Za-z]{4,40}Exception)\b")
#: The package registry answered, not a model.
REGISTRY: Final = re.compile(r"\bregistry\.|/simple/|pypi\.|npmjs|unpkg\.|jsdelivr|cdnjs")
