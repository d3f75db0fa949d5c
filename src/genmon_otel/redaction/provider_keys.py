"""Keys of providers, told by their prefix, which :mod:`provider_prefixes` lists, or otherwise by their looks."""

from __future__ import annotations

import re
import string
from typing import Final

from genmon_otel.redaction.near import at_places, classed, outline, places, replaced, within
from genmon_otel.redaction.placeholders import MARK, keyed, leading
from genmon_otel.redaction.provider_prefixes import PREFIXES

#: Secrets whose prefix is part of ordinary names: what follows must mix digits and letters.
_COMMON: Final = frozenset(
    "sk- sk_ fw_ ek_ pa- al- nk- app- rnd_ re_ secret_ luma- fc- key- pul- oy2 ak- as- sdk- mob- api-".split()
)
#: Prefixes by their last character; those that end in a separator are looked for behind one.
_SEPARATORS: Final = "-_"
_SEPARATED: Final = {row[0]: row for row in PREFIXES if row[0][-1] in _SEPARATORS}
#: By their last three characters: one look-up tells that most separators end none.
_BY_TAIL: Final = {
    tail: sorted(
        (row for row in _SEPARATED.values() if row[0][-3:] == tail), key=lambda row: -len(row[0])
    )
    for tail in {prefix[-3:] for prefix in _SEPARATED}
}
#: Of prefixes that begin others: the longer ones, the longest first.
_EXTENDED: Final = {
    short: longer
    for short in _SEPARATED
    if (
        longer := sorted(
            (row for row in _SEPARATED.values() if row[0].startswith(short) and row[0] != short),
            key=lambda row: -len(row[0]),
        )
    )
}
_JOINED: Final = tuple(row for row in PREFIXES if row[0][-1] not in _SEPARATORS)

#: A separator with the beginning of a secret behind it.
_BEGINNING: Final = re.compile(r"[-_](?=[A-Za-z0-9_+/-]{10})")
_BODIES: Final = {
    alphabet: re.compile(rf"[{alphabet}]*") for alphabet in {row[1] for row in PREFIXES}
}
_JOINED_PATTERNS: Final = tuple(
    (
        prefix,
        re.compile(rf"(?<![A-Za-z0-9]){re.escape(prefix)}(?!{MARK})([{alphabet}]{{{least},}})"),
    )
    for prefix, alphabet, least, _ in _JOINED
)
#: Characters of a secret that are looked at to tell whether it is one.
_ENOUGH: Final = 200
_DIGITS: Final = re.compile(r"[0-9]")
_CAPITALS: Final = re.compile(r"[A-Z]")
#: Words joined by separators, of which some may end in a small number: a name, not a secret.
_WORDS: Final = re.compile(
    r"[0-9]{0,2}[A-Z]?[a-z]*[0-9]{0,2}(?:[-_][0-9]{0,2}[A-Z]?[a-z]*[0-9]{0,2})*|[A-Z0-9]{1,8}(?:[-_][A-Z]{1,12})+"
)

#: Keys that are told by more than a prefix.
_TELEGRAM: Final = re.compile(
    rf"(?:(?<![A-Za-z0-9])|(?<=/bot))([0-9]{{8,10}}:AA)(?!{MARK})([A-Za-z0-9_-]{{30,}})"
)
_TWILIO: Final = re.compile(r"[AS](?<![A-Za-z0-9].)([CK])[0-9a-f]{32}(?![0-9a-f])")
_WEB_TOKEN: Final = re.compile(
    rf"(?<![A-Za-z0-9])eyJ(?!{MARK})([A-Za-z0-9_-]{{8,}}+(?:\.(?:\r?\n(?=eyJ|[A-Za-z0-9_-]{{40}}))?[A-Za-z0-9_-]*+){{1,4}}+)"
)
#: They begin with the full stop, so that the search is one for that character.
_BOT_TOKEN: Final = re.compile(
    rf"\.(?<=[A-Za-z0-9_-]{{24}}\.)(?!{MARK})([A-Za-z0-9_-]{{6}}\.[A-Za-z0-9_-]{{27,38}})(?![\w.-])"
)
_ZHIPU: Final = re.compile(rf"\.(?<=[0-9a-f]{{32}}\.)(?!{MARK})([A-Za-z0-9]{{16}})(?![\w.-])")
_AIRTABLE: Final = re.compile(r"\.(?<=pat[A-Za-z0-9]{14}\.)([0-9a-f]{64})(?![\w-])")
_SQUARE: Final = re.compile(rf"(?<![\w+/.-])EAAA(?!{MARK})([A-Za-z0-9_-]{{55,75}})(?![\w+/=-])")
_REFRESH: Final = re.compile(rf"(?<![\w/])1//0(?!{MARK})([A-Za-z0-9_-]{{30,}})")
_AWS_SECRET: Final = re.compile(
    r"(?<![A-Za-z0-9+/=_-])(?=[A-Za-z0-9+/]{0,39}[A-Z])(?=[A-Za-z0-9+/]{0,39}[a-z])(?=[A-Za-z0-9+/]{0,39}[0-9])"
    r"[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=_-])"
)  # fmt: skip
#: Keys that a part of theirs tells, which stands in them behind so many characters.
_MARKED: Final = tuple(
    (mark, offset, re.compile(rf"(?<![\w~.-])(?!{MARK}){pattern}(?![\w~-])"))
    for mark, offset, pattern in (
        ("Q~", 4, r"[\w~.-]{3}[0-9]Q~[\w~.-]{31,34}"),  # Microsoft Entra
        ("JQQJ99", 52, r"[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{26}"),  # Azure OpenAI
        ("NRAL", 36, r"[0-9a-f]{36}NRAL"),  # New Relic
        ("cio", 0, r"cio(?=[A-Za-z]{0,31}[0-9])[A-Za-z0-9]{32}"),  # crates.io
        ("-us", 32, r"[0-9a-f]{32}-us[0-9]{1,2}"),  # Mailchimp
    )
)
#: Webhook addresses without their host, which recorded requests and urllib3's messages keep separately. Whoever knows
#: such an address may post to it.
_ADDRESSES: Final = tuple(
    (begin, re.compile(rf"(?<![A-Za-z0-9]){begin}(?!{MARK}){pattern}(?![\w-])"))
    for begin, pattern in (
        ("services/T", r"([A-Z0-9]{8,14}/B[A-Z0-9]{8,14}/\w{20,40})"),  # Slack
        ("workflows/T", r"([A-Z0-9]{8,14}/A[A-Z0-9]{8,14}/[0-9]{10,24}/\w{20,40})"),
        ("triggers/T", r"([A-Z0-9]{8,14}/[0-9]{8,20}/[0-9a-f]{32})"),
        ("webhooks/", r"([0-9]{17,20}/[\w-]{60,80})"),  # Discord, of a version of its API
        ("hooks/catch/", r"([0-9]{4,10}/[0-9a-z]{6,12})"),  # Zapier
        ("hooks/", r"((?=[a-z]{0,25}[0-9])[a-z0-9]{26})"),  # Mattermost
        ("with/key/", r"([\w-]{16,60})"),  # IFTTT
    )
)
#: What precedes one; a search for this is five times as fast.
_BEFORE_AWS: Final = re.compile(r"[^A-Za-z0-9+/=_-](?=[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=_-]))")


#: Every key is one word of these characters, and has at least so many of them.
_OF_KEYS: Final = classed(" ", word=f"{string.ascii_letters}{string.digits}_.+/=:~-?")
_LONG_WORD: Final = re.compile(12 * "a" + "a*")
_AWS_LENGTH: Final = 40


def redact_keys(text: str) -> str:
    """Replace every key of a provider that is known by its looks; only long words can be one."""
    spans = [match.span() for match in _LONG_WORD.finditer(outline(text, _OF_KEYS))]
    if not spans:
        return text
    of_aws = max(end - begin for begin, end in spans) >= _AWS_LENGTH and (
        "AKIA" in text or "ASIA" in text or "aws" in text
    )
    return within(text, spans, lambda words: _keys(words, of_aws=of_aws))


def _keys(text: str, *, of_aws: bool) -> str:
    """Replace the keys in a text; those that only AWS has only where the whole text names it."""
    text = _separated(text)
    for prefix, pattern in _JOINED_PATTERNS:
        if found := places(text, prefix):
            text = replaced(
                text,
                at_places(pattern, text, found),
                lambda match: keyed(prefix, match[1]),  # noqa: B023 - called at once
            )
    if found := places(text, "eyJ"):
        text = replaced(text, at_places(_WEB_TOKEN, text, found), _web_token)
    for mark, offset, pattern in _MARKED:
        if found := places(text, mark):
            text = replaced(
                text,
                at_places(pattern, text, [at for at in found if at >= offset], offset),
                lambda match: keyed("", match[0]),
            )
    if ":AA" in text:
        text = _TELEGRAM.sub(lambda match: keyed(match[1], match[2]), text)
    if of_aws:
        found = [0, *(match.end() for match in _BEFORE_AWS.finditer(text))]
        text = replaced(
            text, at_places(_AWS_SECRET, text, found), lambda match: keyed("", match[0])
        )
    if "AC" in text or "SK" in text:
        text = _TWILIO.sub(lambda match: keyed(match[0][:2], match[0][2:]), text)
    if "." in text:
        text = _BOT_TOKEN.sub(_behind_a_stop, text)
        text = _ZHIPU.sub(_behind_a_stop, text)
        text = _AIRTABLE.sub(_behind_a_stop, text)
    for prefix, pattern in (("EAAA", _SQUARE), ("1//0", _REFRESH), *_ADDRESSES):
        if found := places(text, prefix):
            text = replaced(
                text,
                at_places(pattern, text, found),
                lambda match: keyed(prefix, match[1]),  # noqa: B023 - called at once
            )
    return text


def _separated(text: str) -> str:
    """Replace keys whose prefix ends in a separator: a look-up a separator, not a search a prefix."""
    parts: list[str] = []
    done = rejected = 0
    for match in _BEGINNING.finditer(text):
        end = match.end()
        if end <= max(done, rejected) or text[end - 3 : end] not in _BY_TAIL:
            continue
        for row in _BY_TAIL[text[end - 3 : end]]:
            begin = end - len(row[0])
            if begin < done or not text.startswith(row[0], begin):
                continue
            if begin and text[begin - 1].isascii() and text[begin - 1].isalnum():
                continue
            prefix, alphabet, least, _ = _longest(text, begin, row)
            end = begin + len(prefix)
            if text.startswith(MARK, end):
                break
            secret = leading(_BODIES[alphabet], text[end : end + _ENOUGH])
            if len(secret) >= least and _is_random(secret, prefix in _COMMON):
                secret = leading(_BODIES[alphabet], text, end)
                parts += [text[done:begin], keyed(prefix, secret)]
                done = end + len(secret)
                break
            if len(secret) >= least:
                rejected = end + len(secret)
    return "".join([*parts, text[done:]]) if parts else text


def _longest(text: str, begin: int, row: tuple[str, str, int, str]) -> tuple[str, str, int, str]:
    """Return the row of the longest prefix: ``sk-proj-`` rather than ``sk-``."""
    for longer in _EXTENDED.get(row[0], ()):
        if text.startswith(longer[0], begin):
            return longer
    return row


def _is_random(secret: str, common: bool) -> bool:
    """Tell whether what stands behind a prefix is a key rather than words."""
    digits, capitals = len(_DIGITS.findall(secret)), len(_CAPITALS.findall(secret))
    if not common and len(secret) >= 20:
        return digits + capitals > 0
    mixed = (0 < digits < len(secret)) or (4 <= capitals <= len(secret) - 4 and len(secret) >= 20)
    return mixed and not _WORDS.fullmatch(secret)


def _behind_a_stop(match: re.Match[str]) -> str:
    secret = match[1]
    return keyed(".", secret) if _is_random(secret, common=True) else match[0]


def _web_token(match: re.Match[str]) -> str:
    breaks = "".join(char for char in match[1] if char in "\r\n")  # lines stay as many
    secret = "".join(match[1].split()).replace(".", "")
    return f"{keyed('eyJ', secret)}.eyJ{MARK}.{MARK}{breaks}"
