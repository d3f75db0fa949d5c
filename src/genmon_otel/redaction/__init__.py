"""Take secrets and personal data out of text and trees before they leave the process.

Two nets: names (``password = …``, ``"api_key": "…"``, headers, in text and in trees) and
looks (provider keys, tokens, connection strings, private keys, cards, e-mails). Literal
``in`` tests decide which expressions run at all, so clean text costs little.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from genmon_otel.interruption import is_interruption
from genmon_otel.records import Tree
from genmon_otel.redaction.credentials import MARK, constant, is_placeholder, leading, scrub
from genmon_otel.redaction.sensitive import is_sensitive
from genmon_otel.text import GAP, clean, cut

#: Stands for the whole text where the application's own ``redact`` function failed.
EXTRA_FAILED: Final = f"[{MARK}: the application's redact function failed]"

#: Characters redacted beyond each side of a cut, so that a secret on the edge is seen whole.
_MARGIN: Final = 1_024
#: Rounds until nothing changes any more; two are the rule.
_MAX_ROUNDS: Final = 6

#: Parts of sensitive names in lower case: what to look for first, then what must stand around it.
_HINTS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("pass", ("passw", "passphrase", "passcode")),
    ("key", ("apikey", "api_key", "api-key", "api key", "_key", "-key", "accesskey", "access key", "accountkey",
             "privatekey", "private key", "secret key", "authkey", "subscriptionkey", "sharedkey", "masterkey",
             "signingkey", "encryptionkey", "sessionkey", "servicekey", "deploykey", "sshkey", "licensekey", "hmackey")),
    ("auth", ("authorization",)),
    ("connection", ("connectionstring", "connection_string", "connection-string", "connection string")),
    ("card", ("card number", "card_number", "card-number", "cardnumber", "creditcard", "credit_card", "credit-card")),
    *((hint, (hint,)) for hint in (
        "secret", "token", "cookie", "credential", "pwd", "dsn", "jwt", "otp", "cvv", "cvc", "ssn", "srf",
        "connstr", "sessid", "webhook")),
)  # fmt: skip
_NAME_LEFT: Final = re.compile(r"[\w.-]{0,64}$")
_NAME_RIGHT: Final = re.compile(r"[\w-]{0,48}(?:\s[Kk]ey|\s[Nn]umber|\s[Ss]tring)?")
#: After the name: closing quote or bracket, separator, perhaps an opening quote.
_SEPARATOR: Final = re.compile(
    r"(?P<close>\\*[\"'`]\]?|\]|)"
    r"(?P<sep>\s{0,8}(?::=|=>|=(?!=)|:)\s{0,8}|,\s{0,4}(?=b?[\"'])|[\s+](?:is|was|provided:)[\s+]{1,2}|\s(?=[\"'`]))"
)
_VALUE: Final = re.compile(
    r"(?P<open>[bBrRuUfF]{0,2}(?P<quote>\\*\"|\\*'|`))"
    r"|(?P<container>[(\[{])"
    r"|(?P<bare>[^\s,;&\"'<>(){}\[\]`\\]+)"
)
#: Bare values that are code or no value: types, literals, expressions, templates.
_NO_SECRET: Final = re.compile(
    r"(?i)(?:none|null|nil|undefined|true|false|yes|no|str|string|bytes|int|any|object|optional|secretstr|required|missing"
    r"|invalid|empty|expired|not|must|is|was|the|for|in|to|error|failed|\.\.\.|\*+|x{3,}|-|\|)[.:!?]?"
    r"|\$.*|%[sdr]|:[a-z_]\w*"
)
_CODE_AFTER: Final = ("(", "[", "{", "<")
#: What a literal begins with and a header's value never does.
_OPENING: Final = ("'", '"', "{", "[", "(", "\\", "b", "")
_ATTRIBUTE: Final = re.compile(r"[A-Za-z_]\w*(?:\??\.[A-Za-z_]\w*){1,6}")
_LABEL: Final = re.compile(r"[A-Za-z_][\w.-]{0,63}")
_STRING_IN: Final = re.compile(r"""(b?["'])((?:[^"'\\]|\\.)*)(["'])(?!\s*:)""")
_HEADER_LINE: Final = re.compile(r"[^\r\n\"']*")
_ENCODED: Final = re.compile(r"[\w.~%+&=;:/?@!*$,-]*%[0-9A-Fa-f]{2}[\w.~%+&=;:/?@!*$,-]*")
#: Where a secret ends for certain.
_SECRET_END: Final = re.compile(r"[\s\"'`]")
_SECRET_RUN: Final = re.compile(r"[\w+/=.~%:@\\-]*")


#: Texts that are remembered to hold no secret, and characters of each.
_REMEMBERED: Final = 256
_MAX_REMEMBERED: Final = 4_096


class Redactor:
    """Replaces secrets and personal data by stable placeholders of the same shape.

    Args:
        extra: the application's own, applied after the built-in ones to every text; when
            it raises or returns no ``str``, the whole text becomes :data:`EXTRA_FAILED`.
    """

    def __init__(self, extra: Callable[[str], str] | None = None) -> None:
        self._extra = extra
        #: Texts in which there was nothing to hide: one failure says the same again and again.
        self._harmless: set[str] = set()

    def text(self, text: str, limit: int) -> str:
        """Return ``text`` without secrets, at most ``limit`` characters. Idempotent.

        Of a longer text, head and tail are kept; nothing but their windows is scanned.
        """
        text = str.__str__(text)  # a subclass may have hostile methods
        if len(text) > limit:
            return self._settle(self._windows(text, limit), limit)
        if text in self._harmless:
            return text
        redacted = self._settle(clean(text, limit), limit)
        if redacted == text and len(text) <= _MAX_REMEMBERED and self._extra is None:
            if len(self._harmless) >= _REMEMBERED:
                self._harmless.clear()
            self._harmless.add(text)
        return redacted

    def tree(self, tree: Tree) -> Tree:
        """Return a copy of ``tree`` without secrets, of the same structure."""
        if isinstance(tree, str):
            return self._settle(tree, 2 * len(tree) + 64)
        if isinstance(tree, list):
            if len(tree) == 2 and _names_secret(tree[0]) and not _plain_word(tree[1]):
                return [self.tree(tree[0]), self._hide(tree[1])]
            return [self.tree(member) for member in tree]
        if isinstance(tree, dict):
            return {
                key if key[:1] == "$" else self.tree(key): value
                if key == "$"
                else self._hide(value)
                if is_sensitive(key)
                else self.tree(value)
                for key, value in tree.items()
            }
        return tree

    def _settle(self, text: str, limit: int) -> str:
        """Redact until nothing changes: what one placeholder leaves may complete another match."""
        for _ in range(_MAX_ROUNDS):
            redacted = cut(self._once(text), limit)
            if redacted == text:
                break
            text = redacted
        return text

    def _once(self, text: str) -> str:
        if "%" in text:
            text = _ENCODED.sub(_encoded, text)
        text = _named(scrub(text))
        if self._extra is None:
            return text
        try:
            given = self._extra(text)
            return str.__str__(given) if isinstance(given, str) else EXTRA_FAILED
        except BaseException as error:
            if is_interruption(error):
                raise
            return EXTRA_FAILED

    def _windows(self, text: str, limit: int) -> str:
        """Redact head and tail with a margin, then cut them back where no token is split."""
        if limit <= len(GAP) + 2:
            return ""
        half = (limit - len(GAP)) // 2
        head = self._once(clean(text[: half + _MARGIN], half + _MARGIN))[:half]
        tail = text[-(half + _MARGIN) :]
        # what it begins with may be the end of a secret, which nothing names any more
        edge = _SECRET_END.search(tail)
        tail = tail[edge.start() if edge else _MARGIN :]
        tail = self._once(clean(tail, half + _MARGIN))[-half:]
        head = head[: len(head) - len(leading(_SECRET_RUN, head[::-1]))]
        return f"{head}{GAP}{tail[len(leading(_SECRET_RUN, tail)) :]}"

    def _hide(self, tree: Tree) -> Tree:
        """Replace every leaf of what stands under a sensitive name."""
        if isinstance(tree, str):
            return tree if is_placeholder(tree) else constant(len(tree))
        if isinstance(tree, list):
            return [self._hide(member) for member in tree]
        if isinstance(tree, dict):
            zero = _ZEROS.get(tree.get("$", ""))
            if zero is not None and "v" in tree:
                return {**tree, "v": zero}
            if tree.get("$") in _INERT:
                return self.tree(tree)
            return {
                key: value
                if key in ("$", "type", "path", "library") and "$" in tree
                else self._hide(value)
                for key, value in tree.items()
            }
        if isinstance(tree, (int, float)) and not isinstance(tree, bool):
            return type(tree)(0)
        return tree


#: Tagged scalars (see :mod:`genmon_otel.payload`): what stands for them under a sensitive name ...
_ZEROS: Final = {"uuid": "00000000-0000-0000-0000-000000000000", "int": "0x0", "decimal": "0"}
#: ... and those that hold no secret and must stay what they are to be rebuilt.
_INERT: Final = frozenset(
    "datetime date time timedelta zone timezone enum type float complex range slice opaque ellipsis notimplemented".split()
)


def _names_secret(tree: Tree) -> bool:
    """Whether the first half of a pair, be it str or bytes, is a sensitive name."""
    if isinstance(tree, dict):
        tree = tree.get("utf8", "")
    return isinstance(tree, str) and bool(_LABEL.fullmatch(tree)) and is_sensitive(tree)


def _plain_word(tree: Tree) -> bool:
    """Whether the second half of a pair is itself a word, as in ``["password", "email"]``."""
    return isinstance(tree, str) and tree.isidentifier() and tree.islower() and len(tree) < 16


def _encoded(match: re.Match[str]) -> str:
    """Redact what is URL-encoded: decode, redact, encode again if there was anything."""
    plus = "+" in match[0]
    plain = unquote_plus(match[0]) if plus else unquote(match[0])
    redacted = _named(scrub(plain))
    if redacted == plain:
        return match[0]
    return (quote_plus if plus else quote)(
        redacted, safe=":/?&=;,!*$@" if ":/" in match[0] else "/?&=;,!*$"
    )


def _named(text: str) -> str:
    """Replace the values that stand behind a sensitive name."""
    parts: list[str] = []
    done = 0
    for found, length in _hinted(text):
        if found < done:
            continue
        left = _NAME_LEFT.search(text, max(done, found - 64), found)
        begin = left.start() if left else found
        right = _NAME_RIGHT.match(text, found + length)
        end = right.end() if right else found + length
        name = text[begin:end]
        separator = _SEPARATOR.match(text, end)
        if separator is None or not is_sensitive(name):
            continue
        span = _value(text, separator.end(), name, separator)
        if span is None:
            continue
        start, stop, value = span
        parts += [text[done:start], value]
        done = stop
    return "".join([*parts, text[done:]]) if parts else text


def _hinted(text: str) -> list[tuple[int, int]]:
    """Return where parts of sensitive names stand, in order, with their lengths."""
    lower = text.lower()
    if len(lower) != len(text):  # a few letters grow in lower case; positions must hold
        lower = "".join(char.lower() if char.isascii() else char for char in text)
    places: list[tuple[int, int]] = []
    for first, hints in _HINTS:
        if first not in lower:
            continue
        for hint in hints:
            at = lower.find(hint)
            while at >= 0:
                places.append((at, len(hint)))
                at = lower.find(hint, at + len(hint))
    places.sort()
    return places


def _value(
    text: str, start: int, name: str, separator: re.Match[str]
) -> tuple[int, int, str] | None:
    """Return where the value behind a sensitive name lies and what stands for it; None to keep it."""
    word = name.lower()
    header = "cookie" in word or "authorization" in word
    if header and ":" in separator["sep"] and text[start : start + 1] not in _OPENING:
        line = _HEADER_LINE.match(text, start)
        return _hidden(start, line[0].rstrip() if line else "")
    found = _VALUE.match(text, start)
    if found is None:
        return None
    if found["open"]:
        mark = found["quote"]
        begin = found.end()
        stop = _closing(text, begin, mark)
        value = text[begin:stop]
        if separator["sep"].lstrip().startswith(",") and _plain_word(value):
            return None
        if not separator["sep"].strip() and ("token" in word or value.isspace()):
            return None
        return _hidden(begin, value)
    if not separator["sep"].strip():
        return None
    if found["container"]:
        closing = {"(": ")", "[": "]", "{": "}"}[found[0]]
        stop = text.find(closing, start)
        stop = len(text) if stop < 0 else stop
        inner = text[start:stop]
        hidden = _STRING_IN.sub(
            lambda m: (
                m[0] if is_placeholder(m[2]) or not m[2] else f"{m[1]}{constant(len(m[2]))}{m[3]}"
            ),
            inner,
        )
        return None if hidden == inner else (start, stop, hidden)
    bare = found["bare"].rstrip(".,;:!?")
    if not bare or _NO_SECRET.fullmatch(bare):
        return None
    follows = text[found.end() : found.end() + 1]
    if follows in _CODE_AFTER and bare.replace(".", "").isidentifier():
        return None
    if _ATTRIBUTE.fullmatch(bare) and "=" in separator["sep"]:
        return None
    last = re.split(r"[\W_]+", word)[-1]
    if bare.isidentifier() and (
        bare.lower() == word or bare.lower().endswith("_" + last) or bare.lower() == last
    ):
        return None
    if bare.isdigit() and "token" in word:
        return None
    if separator["sep"].strip() in ("is", "was") and bare.isalpha() and bare.islower():
        return None
    return _hidden(start, bare)


def _hidden(start: int, value: str) -> tuple[int, int, str] | None:
    if not value.strip() or is_placeholder(value):
        return None
    return start, start + len(value), constant(len(value))


def _closing(text: str, begin: int, mark: str) -> int:
    """Return where a quoted value ends: its closing mark, or the end of the text."""
    at = begin
    while True:
        stop = text.find(mark, at)
        if stop < 0:
            return len(text)
        if (
            len(mark) == 1
            and text[stop - 1] == "\\"
            and stop > begin
            and text[stop - 2 : stop] != "\\\\"
        ):
            at = stop + 1
            continue
        return stop
