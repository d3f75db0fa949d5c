"""What stands in the place of a secret.

A placeholder keeps the shape: the provider's prefix and the length of a key, an address for an
e-mail, digits for a card. A long random key carries 32 bits of its SHA-256: equal keys stay
equal and different ones different, in every process, and of 128 random bits that tells nothing.
Whatever a person could have chosen or guessed (passwords, e-mails, cards, numbers) has one
constant placeholder for each length class: a digest of it could be checked against a dictionary.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

#: The mark of every placeholder; patterns pass over what begins with it.
MARK: Final = "redacted"
EMAIL_PLACEHOLDER: Final = f"{MARK}@example.invalid"

_DIGIT: Final = re.compile(r"[0-9]")
_CAPITAL: Final = re.compile(r"[A-Z]")


def constant(length: int) -> str:
    """Return the placeholder of a secret that could be guessed: it tells its length class only."""
    size = 8
    while size * 2 <= length and size < 4096:
        size *= 2
    return MARK + "x" * (size - len(MARK))


def is_placeholder(text: str) -> bool:
    """Tell whether a value is one of :func:`constant`'s."""
    return text.startswith(MARK) and not text[len(MARK) :].strip("x")


def keyed(prefix: str, secret: str) -> str:
    """Return the placeholder of a random key: prefix, mark, 32 bits of its digest, its length."""
    digest = hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{prefix}{MARK}{digest}".ljust(len(prefix) + len(secret), "x")


def zeros(text: str) -> str:
    """Return a number with every digit replaced by 0."""
    return _DIGIT.sub("0", text)


def zeros_and_x(text: str) -> str:
    """Return an account number with digits replaced by 0 and capital letters by X."""
    return _CAPITAL.sub("X", zeros(text))


def leading(pattern: re.Pattern[str], text: str, start: int = 0) -> str:
    """Return what a pattern matches right at ``start``; empty for nothing."""
    match = pattern.match(text, start)
    return match[0] if match else ""
