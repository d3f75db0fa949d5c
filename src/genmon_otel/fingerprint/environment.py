"""Reduce the message of an environment failure: a timeout, a rate limit, a provider's error.

Different users, models, limits or retry hints are one failure; an
overloaded provider, an internal error and a content filter are three. So
of the normalised message only constant words count: placeholders are removed, and so
are names that such messages contain without quotation marks (``in organization org-abc``, ``for gpt-4o``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from genmon_otel.fingerprint.normalisation import normalise

#: Number of words that count. What follows them is detail, which is cut at varying places.
_MAX_WORDS: Final = 48

#: Names of models as they are in a normalised message.
_MODEL: Final = (
    r"\b(?:[a-z]+[./])?(?:gpt|chatgpt|o[134]|claude|gemini|gemma|llama|mistral|mixtral|ministral|magistral|codestral"
    r"|command|qwen|deepseek|phi|nova|titan|grok|sonar|glm|kimi|dall-e|whisper|text-embedding)[-:][\w.:@<>-]+|\bo[134]\b"
)
_VARIABLE: Final = re.compile(
    "|".join(
        (
            # what answered, not what it said
            r"\b(?:response )?headers['\"]?[:=] ?\{[^{}]*\}",
            # whom it concerns: 'request_id': None as well as 'request_id': <str>
            r"['\"]?\b\w*_?(?:id|ID|Id)['\"]?\s?[:=]\s?(?:<\w+>|None|null|'[^']*')",
            r"\b(?:org|proj|user|usr|req|acct|asst|run|thread|resp|msg|call|chatcmpl|cmpl|sk|conv|team|wrkspc|tenant|cus)[-_][\w<>-]+",
            r"\(for limit [^()]*\)",
            _MODEL,
            # for gpt-4o-eu, in organization acme_9, models/x: a name by its punctuation
            r"(?<=\bfor )(?:[\w<>]+[-_/:@.])+[\w<>]+|(?<=\bin )(?:[\w<>]+[-_/:@])+[\w<>]+|(?<=\bby )(?:[\w<>]+[-_/:@])+[\w<>]+"
            r"|\b(?:models?|deployment|engine|organi[sz]ation|project|user|account|tenant|customer|team|workspace|region"
            r"|location|host|endpoint|resource|consumer)[ :=/]+['`\"]?(?:[\w<>]+[-_/:@.])+[\w<>]+",
            r"\bv\d\w*\b",
            # when to come back, and where to read on
            r"(?i:\b(?:please )?(?:try(?:ing)? again|retry|retrying|wait(?:ing)?|visit|contact|for more information"
            r"|expected available|learn more|head to|see)\b[^.'}\]]*)",
            # every value that normalising has found
            r"<[a-z]{1,9}>(?:\.\w+)?",
        )
    )
)
_WORD: Final = re.compile(r"[\w]+(?:[._'-]\w+)*")
#: What is left of values that some responses have and others have not.
_EMPTY: Final = frozenset({"None", "null", "s"})


def essence(message: str) -> str:
    """Return the constant words of an environment failure's message.

    Equal for failures of the same cause, for every user; bounded for messages of any length.
    """
    return _constant_words(normalise(message))


@lru_cache(maxsize=512)  # messages never seen before normalise to what others did
def _constant_words(normalised: str) -> str:
    words = _WORD.findall(_VARIABLE.sub(" ", normalised))
    return " ".join([word for word in words if word not in _EMPTY][:_MAX_WORDS])
