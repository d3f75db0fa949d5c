"""Rules over prose: what providers, clients and people write into messages.

Read in order. A word alone decides nothing (``invalid timeout parameter``): each
expression wants the verb, the status' context or the phrase that a failure has.
"""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.classification.contents import CONTENT_RULES
from genmon_otel.classification.refusals import AUTH_RULES, QUOTA_RULES
from genmon_otel.classification.subjects import MODEL, PROVIDER_NAME, TIME_SPAN, UNABLE
from genmon_otel.classification.verdict import (
    PROVIDER,
    RATE,
    TIMEOUT,
    UNKNOWN,
)
from genmon_otel.classification.wording import Wording, wording

#: Somebody talks about a setting, not about an event.
SETTING: Final = re.compile(
    r"(?:invalid|unknown|unsupported|unexpected|bad|unrecogni[sz]ed|missing|deprecated)"
    r" (?:\w+ ){0,2}['\"`]?\w{0,20}(?:time_?out|rate.?limit)"
    r"|(?:time_?out|rate.?limit(?:er|ing|s)?)['\"`]?(?: \w+)? (?:must|should|value|param|setting|option|argument"
    r"|cannot|has to|config|is (?:not )?(?:a|an|required|supported|negative)\b)"
    r"|(?:(?:to|cannot|could not) (?:load|parse|read|set|configure)|missing|option|argument|parameter)\w* ['\"`]?(?:the )?\w{0,12}(?:time_?out|rate.?limit)"
)

PROSE_RULES: Final[tuple[Wording, ...]] = (
    # --- the application's own stores, before their sockets look like a provider's
    wording(
        UNKNOWN,
        "database",
        r"port (?:5432|3306|6379|27017)\b",
        r":(?:5432|3306|6379|27017)\b",
        r"(?:database|postgres(?:ql)?|mysql|redis|mongo(?:db)?|sqlite)[^\n]{0,60}(?:connect|locked|refused|timed out|timeout|unavailable|deadlock|gone away|lost|closed|error)",
        r"(?:connect\w*|lost|timed out|timeout) (?:\w+ ){0,4}(?:database|postgres(?:ql)?|mysql|redis|mongo(?:db)?)",
    ),
    *QUOTA_RULES,
    wording(
        RATE,
        "rate limit",
        r"rate[ _-]?limit(?:ed|ing|s)?(?:error|_error|_exceeded)?\b",
        r"ratelimit",
        r"rate (?:was |is )?exceeded",
        r"too many (?:\w+ ){0,2}(?:requests|tokens(?! in)|connections|calls)\b",
        r"\bthrottl(?:ed|ing)",
        r"(?:requests?|tokens|calls)(?:[ /-]per[ -]| ?/ ?)(?:min|sec|hour|m\b|s\b)",
        r"\b[rt]pm (?:limit|exceeded|reached)",
        r"per-minute (?:rate )?limit",
        r"requests? too (?:quickly|fast|often)",
        r"slow down",
        r"\b(?:to|please|must|should|and) back ?off\b",
        r"\b(?:hitting|calling|querying|sending|asking|polling)\b[^\n]{0,30}\btoo (?:hard|fast|often|quickly|frequently)\b",
        r"\b(?:exceed\w*|over|above|beyond|past|hit|reached|at)\b[^\n]{0,20}\b[rt]pm\b",
        r"resource_exhausted",
        r"concurrency limit",
        r"(?:per-minute|request|token|concurrency|concurrent request)s? (?:\w+ )?(?:limit|cap|ceiling) (?:was |has been |is )?(?:exceeded|reached|hit)",
        r"\b(?:[rt]pm|requests? rate|call rate|token rate|rate of requests|quota per minute)\b[^\n]{0,30}\b(?:ceiling|limit|quota|exceeded|reached|hit|too high|threshold)",
        r"(?:hit|reached|exceeded|over|at) (?:the |our |your )?(?:[rt]pm|requests?-per-|tokens?-per-)[^\n]{0,20}\b(?:ceiling|limit|cap\b|threshold|maximum)",
        r"too many (?:[\w/-]+ ){0,4}(?:requests|calls|connections|generations|prompts|messages)\b",
        r"(?:max(?:imum)?|limit|number|concurren\w*|parallel|simultaneous|in-flight)\b[^\n]{0,30}\b(?:requests|calls|connections|generations|sessions)\b[^\n]{0,30}(?:exceed|reached|limit|\bhit\b|too many)",
        r"(?:exceed\w*|reached|hit) (?:the |your |our |its )?(?:max(?:imum)?|limit|number)[^\n]{0,20}\b(?:concurrent|parallel|simultaneous|in-flight|requests|calls)\b",
        r"(?:request|call|api)s?(?: \w+)? (?:limit|rate)[^\n]{0,15}(?:exceeded|reached|hit\b|exhausted|too high)",
        r"(?:requests?|calls?|traffic) (?:\w+ ){0,3}(?:throttled|too fast|too frequent\w*|too often|too quick\w*)",
        r"service[ _]tier[ _]capacity",
        r"(?:quota|limit)[^\n]{0,30}\bper[ _-](?:minute|second)",
        r"(?:exceeded|hit|reached|over) (?:the |your |our )?(?:per-minute|per-second|request|concurrency|concurrent)[ -](?:\w+ ){0,2}limit",
    ),
    *AUTH_RULES,
    wording(
        TIMEOUT,
        "timed out",
        r"timed? ?out(?:error)? (?:after|while|waiting|exceeded|expired|reached|error|in|during|occurred|on|at|:|of|for)",
        r"timed[ _-]out\b",
        r"time(?:d)?out(?:error|exception)\b",
        r"(?<![-\w])timeout(?: of)? \d",
        r"timeout(?:: |\.|!|$|\n| \()",
        r"due to (?:a )?time ?out",
        r"exceeded [\w. ]{0,30}time(?:out|limit)?\b",
        r"(?:a )?timeout occurred",
        r"(?:request|read|connect|connection|gateway|response|model|upstream|socket|headers|client|ai|llm|generation|call|stream|idle|inactivity|execution|server|api|query|operation)[ _-]time-?_?out\b",
        r"deadline[ _]?(?:was )?exceeded",
        r"(?:took|taking|takes) too long",
        r"\b(?:lost|losing|out of|ran out of) patience\b",
        r"(?:reached|hit|exceeded|exceeds|over|past) (?:the |its |our )?(?:max(?:imum)?|allowed|total) (?:duration|run ?time|time|wait)\b",
        r"\bwait(?:ing)?\b (?:\w+ ){0,2}(?:expired|timed out|too long|exceeded)\b",
        r"time limit",
        r"(?:exceeded|over) (?:the )?(?:max(?:imum)? )?(?:execution|run|wall|processing|response|generation|allowed|allotted) ?time",
        r"(?:no (?:response|answer|tokens?|output|data|reply|completion|progress)|(?:did not|didn't|never|has not|not) (?:\w+ )?(?:respond|complete|finish|answer|reply|return|receive|produce)\w*)[^.\n]{0,60}(?:within|after|for|in) (?:\w+ )?\d",
        r"etimedout",
        r"esockettimedout",
        r"max_execution_time",
        r"stalled for",
        r"(?:hung|hanging) for",
        r"gateway time-?out",
        r"(?:\d+ ?(?:s|ms|sec|seconds?|minutes?|min)) (?:timeout|deadline|time limit)",
        r"(?:did not|didn't|never|has not|not) (?:\w+ )?(?:respond|answer|finish|complete|reply|return)\w* (?:with)?in\b",
        r"exceeded (?:its |the |a )?(?:\w+ )?time (?:budget|limit|allowance)",
        r"(?:time|timing) out\b.{0,20}exceeded",
        r"exceeded (?:its |the )?(?:max(?:imum)? )?(?:run|execution|wall)[ -]?time",
        r"(?:hit the|reached|exceeded|over) (?:the |its |a )?\d+ ?(?:s|ms|sec|seconds?|m|min|minutes?) (?:limit|cap|budget|wall)",
        r"(?:exceeded|missed|past|over) (?:its|the) (?:\w+ )?deadline",
        r"exceeded (?:its|the) \d+ ?\w+ (?:limit|deadline)",
        r"too slow\b|timely (?:response|manner|fashion)|last (?:\w+ )?(?:token|chunk|byte|event|output|heartbeat|progress) (?:\w+ ){0,3}\d",
        # how long it waited, ran or was silent
        rf"\b(?:gave up|giving up|given up|waited|pending|blocked|stalled|silent|quiet|hung|hanging|stuck|unresponsive|idle|no sign of life|killed|aborted|abandoned|cancell?ed|interrupted|stopped)\b[^\n]{{0,60}}{TIME_SPAN}(?! ago)",
        rf"{TIME_SPAN}[^\n]{{0,20}}(?:without|with no|of silence|elapsed|passed|went by)",
        rf"\b(?:exceeded|exceeds|exceeding|ran (?:past|over)|beyond|longer than|more than|outlasted|overran|went over|past)\b[^\n]{{0,30}}{TIME_SPAN}",
        rf"(?:never|no|nothing|zero|not|n't)\b[^\n]{{0,40}}\b(?:within|after|for|in) (?:the |a |an )?(?:\w+ )?{TIME_SPAN}",
        r"(?:never|not|n't)\b[^\n]{0,40}\b(?:in time|on time|before the (?:\w+ )?(?:deadline|cut-?off|limit)|within (?:the |its )?(?:deadline|time|budget|limit|window))",
        r"(?:deadline|time (?:budget|allowance|box|window|slot)|wall[- ]?clock|timebox|timer)[^\n]{0,30}\b(?:passed|expired|exceeded|elapsed|missed|hit|reached|ran out|over|up|used up|limit)\b",
        r"(?:passed|expired|exceeded|missed|hit|reached|past|after|before) (?:its |the |our |a )?(?:\w+ )?(?:deadline|wall[- ]?clock|time budget)",
        r"(?:took|taking|takes|running|ran|lasted) (?:\w+ )?(?:too long|forever|longer than)",
        r"\bout of time\b",
        rf"{MODEL}\b[^\n]{{0,40}}\b(?:took|taking|takes|needed|ran for|running for|lasted)\b[^\n]{{0,20}}{TIME_SPAN}",
        rf"\b(?:took|taking|takes|needed|ran for|running for|lasted)\b[^\n]{{0,20}}{TIME_SPAN}[^\n]{{0,30}}\b(?:limit|max\w*|allowed|budget|allowance|deadline|instead|cap|without|and (?:was|then))\b",
        r"(?:overran|overrun|exhausted|used up|spent|blew|exceeded) (?:its |the |all )?(?:\w+ )?time\b",
        r"time(?:'s| is)? (?:ran out|run out|is up)",
        rf"{MODEL}\b[^\n]{{0,30}}\b(?:hangs|hung(?! up)|froze|frozen|stalled|stuck|never (?:came back|answered|responded|replied|returned|finished))\b",
        r"(?:latency|response time|duration|elapsed time)[^\n]{0,30}(?:exceed|above|over the|too high)",
    ),
    wording(
        PROVIDER,
        "context length or content filter",
        r"(?:maximum|max|model'?s|exceeds?(?: the)?|exceeded(?: the)?) (?:\w+ )?context (?:length|window|size)",
        r"context[ _](?:length|window|size|limit)[ _](?:\w+ )?(?:is |was )?(?:exceed|overflow|too)",
        r"context_length_exceeded",
        r"context overflow",
        r"(?:prompt|input|request|message|conversation|payload|context|history|transcript)s? (?:body )?(?:is |are |was )?too (?:long|large)",
        r"too many (?:input |prompt )?tokens in",
        r"(?:input )?token(?:s| count| limit)? (?:\(\d+\) )?(?:exceed|is too|count exceeds|limit exceeded)",
        r"exceeds? (?:the )?(?:model'?s? )?(?:maximum|max|limit) (?:\w+ ){0,4}tokens",
        r"reduce the length of",
        r"longer than the (?:model'?s )?(?:maximum|context)",
        r"max_tokens .{0,40}(?:too large|exceed)",
        r"content[ _](?:management|filter\w*|policy|moderation)",
        r"safety (?:system|filter|setting|reason|polic|check)",
        r"finish[ _]?reason\W{1,5}(?:safety|recitation|content_filter|prohibited|blocklist|spii)",
        r"(?:blocked|rejected|refused|flagged|filtered) (?:by|due to|as a result|because|for) (?:\w+ ){0,4}(?:content|safety|policy|filter|moderation|provider|guardrail|prompt)",
        r"(?:prompt|response|output|candidate|content) (?:was |is |has been )?(?:blocked|flagged|filtered|refused|declined|censored|withheld)",
        r"usage polic(?:y|ies)",
        r"prohibited_content",
        r"model refus",
        r"refused to (?:answer|generate|respond)",
        r"exceeds? (?:the )?(?:model'?s? )?(?:\w+ )?(?:token|context|input) limit",
        r"too many (?:\w+ )?tokens",
        r"(?:>|more than|larger than|above|beyond) (?:the )?(?:model'?s? )?context\b",
        r"too much (?:\w+ )?(?:input|context|prompt|text|history)\b",
        r"\btokens?\b[^\n]{0,60}\b(?:more than|exceeds?|exceeded|exceeding|over|above|beyond|greater than|larger than|surpass\w*)\b[^\n]{0,40}(?:context|limit|window|maximum|model|allowed|\d{4})",
        r"(?:more|greater|longer|larger|bigger) than the (?:\w+ )?(?:model|context|maximum|window|limit)",
        r"(?:prompt|input|message|conversation|history|context|request|transcript|document)s?\b[^\n]{0,40}\b(?:exceed\w*|overflow\w*|too (?:long|large|big|many)|(?:does|did|do)(?: not|n't) fit|won't fit|larger than|longer than)\b[^\n]{0,60}(?:context|token|model|window|length|maximum|limit)",
        r"context (?:length|window|size|limit)\b[^\n]{0,30}(?:exceed|overflow|too|full|reached|surpass)",
        r"\bexceed\w*[^\n]{0,40}\b(?:context|token limit|maximum number of tokens)\b",
        rf"{MODEL}\b(?! (?:output|answer|response|reply|plan|result))[^\n]{{0,30}}\b(?:refused|refuses|declined|declines|won't|would not|rejected|blocked|flagged|censored|filtered)\b(?! by (?:\w+ ){{0,2}}(?:schema|valid|guardrail|check|lint|review|pars))(?! (?:the |its |our |this )?(?:output|plan|draft|answer|result|proposal|code)s?\b)",
        r"(?:blocked|flagged|rejected|refused|filtered|censored|stopped|withheld|removed|moderated|suppressed)\b[^\n]{0,40}\b(?:prompt|safety|moderat\w+|polic(?:y|ies)|filter\w*|guidelines?|content|harm\w*|unsafe)\b",
        r"(?:prompt|request|content|input|output|response|text|image)s?\b[^\n]{0,40}\b(?:violat\w+|against|breach\w*|triggered|flagged|blocked|disallowed|not allowed)\b[^\n]{0,40}(?:polic|safety|guideline|terms|moderation|filter|content|blocked|harm)",
        r"\brefusal\b",
        r"invalid_request_error",
        r"safety[ _]ratings?",
        r"block_?reason",
        r"\d+k? ?tokens?\b[^\n]{0,30}\b(?:max(?:imum)?|limit|allowed|only|over)\b",
        r"context (?:window |size |length |limit )?(?:is |was )?(?:full|exhausted|overflow\w*|exceeded)",
        r"i(?:'m| am) (?:sorry|unable|not able)[^\n]{0,40}(?:can't|cannot|can not|unable|not able|help|assist)",
        r"i (?:can't|cannot|can not|won't) (?:help|assist|create|generate|provide|comply|fulfil+|do that)",
    ),
    wording(
        PROVIDER,
        "connection",
        r"connection ?(?:error|refused|reset|aborted|closed|failed|lost|failure|was (?:reset|closed|refused|lost)|terminated|dropped|broken|attempts failed)",
        r"connectionerror",
        r"(?:could not|cannot|failed to|unable to|couldn't|can't) (?:connect|reach|establish)",
        r"remote (?:end|host) closed",
        r"server disconnected",
        r"peer closed",
        r"disconnected (?:without|before|unexpectedly)",
        r"getaddrinfo",
        r"\benotfound\b",
        r"econn(?:refused|reset|aborted)",
        r"eai_again",
        r"name or service not known",
        r"(?:name|dns)[ -]?(?:resolution|lookup)",
        r"nodename nor servname",
        r"no address associated",
        r"socket hang up",
        r"fetch failed",
        r"network (?:error|is unreachable|unreachable|failure)",
        r"no route to host",
        r"host (?:is )?unreachable",
        r"certificate[ _]verify[ _]failed",
        r"certificate (?:has expired|is not trusted)",
        r"self[- ]signed certificate",
        r"\[ssl[:\]]",
        r"sslerror",
        r"ssl_error",
        r"sslv3",
        r"tls handshake",
        r"eof occurred in violation",
        r"broken pipe",
        r"incomplete(?:read| chunked read| read)",
        r"other side closed",
        r"premature(?:ly)? close",
        r"unexpected end of (?:the )?stream",
        r"\b(?:stream|response|connection|answer) (?:was )?(?:ended|closed|stopped|terminated) without\b",
        r"connection pool is full",
        r"stream (?:\w+ )?(?:interrupted|closed unexpectedly|ended (?:unexpectedly|prematurely|before)|disconnected|error)",
        r"(?:response|stream|connection|body) (?:was )?(?:ended|closed|terminated|aborted|interrupted|cut) (?:prematurely|unexpectedly|early|before)",
        r"\btls: ",
        r"(?:tls|ssl) (?:\w+ )?(?:handshake|failure|alert)",
        r"hostname .{0,80}doesn't match",
        r"certificate\b[^\n]{0,40}\b(?:expired|invalid|untrusted|not trusted|revoked|unknown)\b",
        rf"{UNABLE} (?:connect|reach|contact|resolve (?:host|hostname|address|the host|api)|establish|open a (?:connection|socket)|get through)\b",
        r"(?:connection|link|session|socket|stream|tunnel|websocket) (?:to|with|from) [\w./:-]{1,80}(?: \w+){0,3} (?:was |is |has been |got )?(?:refused|dropped|lost|closed|reset|failed|broken|broke|terminated|aborted|cut|interrupted|died|severed)\b",
        r"(?:lost|dropped|lose|losing|cut) (?:the |our |its )?(?:\w+ )?connection",
        r"(?:refused|dropped|closed|reset|cut|broke\w*|lost|aborted|terminated|ended) (?:the |our )?(?:\w+ )?(?:connection|stream|socket)\b",
        r"(?:stream|sse|connection)\b[^\n]{0,30}\b(?:broke|ended|stopped|died|dropped|cut|lost|closed|aborted|interrupted)\b[^\n]{0,30}\b(?:before|mid|midway|half|early|prematurely|unexpectedly|abruptly|\[done\])",
        r"(?:dns|hostname|host name|host|domain)\b[^\n]{0,30}\b(?:lookup|resolution|resolve|not found|unknown|unreachable|nxdomain)",
        r"nxdomain",
        r"network (?:is |was )?(?:down|unreachable|unavailable|lost|changed)",
        r"\b(?:closed|reset|dropped|aborted|terminated|ended|hung up|disconnected) by (?:the )?(?:remote|peer|server|upstream|host|provider|other side|proxy|load balancer)",
        r"\b(?:proxy|tunnel|vpn|firewall)\b[^\n]{0,20}\b(?:refused|failed|error|blocked|rejected|denied|closed)\b",
        r"wrong version number|ssl: |tls error|unknown ca\b|handshake (?:failed|failure|error|timed)",
    ),
    *CONTENT_RULES,
    wording(
        PROVIDER,
        "provider unavailable",
        r"overload(?:ed|_error)?\b",
        r"service (?:is )?(?:temporarily )?unavailable",
        r"temporarily unavailable",
        r"currently unavailable",
        r"model (?:is )?(?:\w+ )?(?:unavailable|loading|not ready|busy)",
        r"internal (?:server )?error",
        r"server had an error",
        r"\bbad gateway\b(?! name)",
        r"no healthy upstream",
        r"upstream (?:\w+ )?(?:error|failure|failed)\b",
        r"(?:at|over|exceeded) capacity",
        r"provider returned error",
        r"server error\b",
        r"high demand",
        r"\b(?:service|server|provider|gateway|backend|api|llm|model|upstream|endpoint)s? (?:is |are |was |were |seems |looks |went )?down\b",
        r"model .{0,40} is currently loading",
        r"(?:openai|anthropic|gemini|provider|ollama|bedrock|llm|model|endpoint|backend)(?: \w+)? (?:is|was|seems|appears) (?:\w+ )?(?:down|offline|unreachable|unhealthy|not available|not responding|busy)",
        r"(?:reach|contact|call|query) (?:the )?(?:\w+ )?(?:openai|anthropic|gemini|provider|ollama|bedrock|llm|model|endpoint)",
        r"(?:openai|anthropic|gemini|provider|ollama|bedrock|llm|model) (?:api )?(?:call |request |error|returned an error|invocation )(?:failed|error)?\b",
        rf"{MODEL}(?:'s)?\b[^\n]{{0,40}}\b(?:crashed|terminated|is down|went down|offline|unreachable|unavailable|unhealthy|overloaded|overwhelmed|outage|not responding|busy|degraded|dropped|disconnected|hung up|shut down|warming up|cold start\w*|starting up|not ready|restarting|exhausted|interrupted|out of service|under maintenance)\b",
        rf"(?:crash|outage|maintenance|incident|failure|error|problem|trouble)\w* (?:at|in|on|of|with|from|by) (?:the |our )?{PROVIDER_NAME}\b",
        r"\ball (?:\w+ )?(?:providers|models|endpoints|backends|fallbacks|upstreams|deployments)\b[^\n]{0,30}(?:fail|down|unavailable|exhausted|error)",
        rf"{PROVIDER_NAME}\b[^\n]{{0,30}}\b(?:failed|errored|returned an error|threw an error|gave an error|broke|error(?:ed)?:)",
        rf"{PROVIDER_NAME}\b[^\n]{{0,20}}\b(?:returned|answered|replied|responded|said|gave|sent)\b[^\n]{{0,12}}\b(?:internal|unavailable|aborted|unknown error|server[ _]error)\b",
        r"temporarily (?:unable|down|overloaded|disabled|out of|offline)",
        r"(?:unable|not able) to (?:handle|process|serve|complete|fulfil+) (?:the|your|this|that|our) request",
        r"(?:at|over|exceed\w*|insufficient|out of|no|lacks?|not enough) (?:\w+ )?capacity",
        r"(?:returned|responded with|answered with|got|received|saw) (?:an? |http )?5xx|5xx (?:error|response|from)",
        r"try again (?:later|in a (?:few|moment|while|bit))",
        r"no endpoints found",
        r"(?:error|problem|failure|failed|trouble|issue)s? (?:when |while |in |during )?(?:communicating|talking|speaking|connecting|calling|contacting|reaching|requesting)",
        r"error occurred (?:while|during|when) processing (?:your|the|this) request",
        rf"{MODEL}\b[^\n]{{0,20}}\b(?:not running|isn't running|not started|not up|not ready|not healthy|not reachable|not responding|not available|inaccessible|not loaded)\b",
        r"\b(?:engine|server|service|cluster|gpu|worker pool|replicas?)\b[^\n]{0,15}\b(?:not ready|not available|unavailable|overloaded|unhealthy|out of capacity|unreachable)\b",
    ),
    wording(
        PROVIDER,
        "model not found",
        r"""model[ :]+[`'\"]?[\w./:@-]{1,80}[`'\"]? (?:was |is |does |has been )?(?:not (?:found|exist|supported|available)|deprecated|decommissioned|retired)""",
        r"(?:unknown|no such|unsupported) model",
        r"model_not_found",
        r"(?:model|deployment) (?:\w+ ){0,4}(?:does not exist|not found|has been deprecated)",
        r"invalid model (?:name|id)",
        r"models/[\w.-]{1,60} is not found",
        r"(?:no such|unknown|unsupported|nonexistent|invalid) (?:\w+ )?(?:model|deployment|engine)\b",
        rf"(?:model|deployment|engine|{PROVIDER_NAME})\b[^\n]{{0,60}}\b(?:not found|does not exist|doesn't exist|not (?:available|supported|offered|served|deployed|recogni[sz]ed|known)|no longer|deprecated|retired|sunset|decommissioned|discontinued|removed|shut down|been withdrawn)\b",
        r"not (?:available|supported|offered) in (?:your|this|the|that) (?:\w+ )?(?:region|country|location)",
    ),
    # --- nothing else was said than when to come back
    wording(RATE, "retry after", r"\bretry[-_ ]after:? ?(?:\d|error)"),
)

#: Whether the next one is worth trying.
A_STATUS: Final = re.compile(r"[45]\d\d")
#: A status in the context of a status: ``HTTP 429``, ``status code: 503``, ``401 Unauthorized``.
STATUS_IN_TEXT: Final = re.compile(
    r"\b(?:https?(?:/[\d.]{1,3})?|status(?:[ _]?code)?|error[ _]code|errorcode|http[ _]?error|api error|response(?: code)?|returned|(?<!exit )(?<!line )\bcode|error)"
    r"[\s:=#(\[\"'/-]{1,4}([45]\d\d)\b(?! (?:files|pages|items|lines|rows|projects|tokens|ms|s|bytes|kb|users|records)\b)"
    r"|\b([45]\d\d)\b[\s,:(-]{1,3}(?:too many|unauthori|forbidden|bad (?:gateway|request)|service (?:temporarily )?unavail|gateway time|internal server|payment req|client error|server error"
    r"|request entity|payload|not found|request time|deadline|resource_exhausted|unavailable|permission_denied|unauthenticated|internal|invalid_argument|overloaded|unprocessable|conflict)"
    r"|^\(?([45]\d\d)[) ]? ?(?:error)?\W{0,3}$|too many ([45]\d\d) error responses|(?:got|getting|received|saw|hit|gave|gives|returned|returns|sent|threw|threw us|said|says|answered|responded|replied|with|upstream|openai|anthropic|gemini|bedrock|mistral|cohere|groq|claude|provider|model|api|server) (?:an? |with |http |error )*(4(?:0[0-9]|13|22|29|51)|5(?:0[0-4]|2[0-9]))s?\b(?! \w+s\b)|\b(4(?:0[0-9]|13|22|29|51)|5(?:0[0-4]|2[0-9]))s? (?:from|by|error|response|status|returned|after|while)\b|^(4(?:0[0-9]|13|22|29)|5(?:0[0-4]|2[0-9])): |(?:retries|attempts|failed|request|upstream|provider|api): ([45]\d\d)\W?$"
)
#: Codes as they are written into messages: ``overloaded_error``, ``RESOURCE_EXHAUSTED``, ``ThrottlingException``.
CODE_IN_TEXT: Final = re.compile(
    r"\b(?:[a-zA-Z]{2,20}(?:_[a-zA-Z]{2,20}){1,6}|[a-zA-Z]{5,41}(?:Exception|Error))\b"
)
#: Classes of exceptions as they are printed: ``SoftTimeLimitExceeded()``.
CLASS_IN_TEXT: Final = re.compile(
    r"\b[A-Z][a-z]+(?:[A-Z][A-Za-z]{2,40})?(?:Error|Exception|Exceeded|Failure|Timeout)\b"
)
#: The package registry answered, not a model.
REGISTRY: Final = re.compile(r"\bregistry\.|/simple/|pypi\.|npmjs|unpkg\.|jsdelivr|cdnjs")
