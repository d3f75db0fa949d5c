"""All rules, one after the other, for a text as it is."""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.redaction.bounds import Bounds
from genmon_otel.redaction.calls import redact_calls
from genmon_otel.redaction.credentials import redact_credentials
from genmon_otel.redaction.disguised import redact_disguised
from genmon_otel.redaction.hints import holds_hint
from genmon_otel.redaction.manifests import redact_manifests
from genmon_otel.redaction.named import redact_named
from genmon_otel.redaction.personal import redact_personal
from genmon_otel.redaction.provider_keys import redact_keys
from genmon_otel.redaction.url_encoded import redact_url_encoded

__all__ = ["redact_disguised", "redact_plain", "redact_url_encoded"]


#: Fewer letters and digits in a row than any secret has that is known by its looks.
_SHORT: Final = 15
#: A short text of words alone: only behind a sensitive name it could hold a secret.
_WORDS: Final = re.compile(r"[ ,.]{0,8}+(?:[A-Za-z]{1,11}+[ ,.]{1,8}+)*+[A-Za-z]{0,11}+")
_MAX_WORDS: Final = 64


def redact_plain(text: str, most: Bounds | None = None) -> str:
    """Replace what is known by its own looks, then what stands behind a sensitive name.

    Args:
        text: any text.
        most: how much is looked at; see :func:`redact_named`.
    """
    if len(text) < _SHORT and text.isalnum() and text.isascii():
        return text
    if is_words(text):
        return text
    text = redact_personal(redact_credentials(redact_keys(text)))
    return redact_named(redact_manifests(redact_calls(text)), most)


def is_words(text: str) -> bool:
    """Tell whether a text is a few words, none of which is a part of a sensitive name."""
    return len(text) <= _MAX_WORDS and bool(_WORDS.fullmatch(text)) and not holds_hint(text)
