"""Find sensitive names in text, in linear time: plain searches for their parts come first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from genmon_otel.redaction.near import lowered, places
from genmon_otel.redaction.placeholders import leading
from genmon_otel.redaction.sensitive import is_sensitive

#: Parts of sensitive names in lower case, by a letter that one search finds them all by; those
#: that begin with it come first.
_BY_LETTER: Final = {
    "k": "key|kode|kennwort|token|webhook",
    "c": "cookie|cred|cv|conn|card|contrase|clave|secret|mnemonic|hmac|factor|facode|fa_code|fa code|ery code|ion code",
    "p": "pass|pw|pin|psk|phrase|parola|otp|mdp|pepper",
    "s": "ssn|srf|sessid|salasana|senha|sifre|sandi|dsn|haslo|heslo",
    "w": "wachtwoord|jwt",
}
#: Those that are looked for by themselves.
_HINTS: Final = ("auth", "geheim", "bearer")
#: Those that are also parts of everyday words: what must stand right behind them.
_EVERYDAY: Final = {
    "cv": "[vc](?![a-z])",
    "pw": "d|(?![a-z])",
    "pin": "(?![a-z])",
    "conn": "(?:ection[ _-]?)?str",
}
#: The same in other writing; asked for only where a text is not ASCII.
_FOREIGN: Final = (
    "contrase", "lösenord", "hasło", "jelszó", "parolă", "şifre", "khẩu", "clé", "chave", "chiave", "schlüssel",
    "dostępu", "парол", "секрет", "токен", "ключ", "гасло", "κωδικό", "סיסמ", "كلمة", "पासवर्ड", "密码", "密碼", "口令",
    "密钥", "密鑰", "令牌", "パスワード", "暗証番号", "秘密鍵", "トークン", "비밀번호", "암호", "토큰", "รหัสผ่าน",
)  # fmt: skip


def _expression(letter: str, hints: list[str]) -> re.Pattern[str]:
    """Return what finds hints from one of their letters on."""
    parts = []
    for hint in hints:
        before, _, after = hint.partition(letter)
        behind = f"(?={_EVERYDAY[hint]})" if hint in _EVERYDAY else ""
        parts.append(f"{f'(?<={before}{letter})' if before else ''}{after}{behind}")
    return re.compile(f"{letter}(?:{'|'.join(parts)})")


#: Expressions, and what each matches of a hint -> where that stands in it, and the hint's length.
_EXPRESSIONS: Final = [
    (
        _expression(letter, hints.split("|")),
        {hint[hint.index(letter) :]: (hint.index(letter), len(hint)) for hint in hints.split("|")},
    )
    for letter, hints in _BY_LETTER.items()
]
#: Each with a letter of it that is none of ASCII's, where it has one: without that it is nowhere.
_FOREIGN_BY_CHAR: Final = [
    (next((char for char in hint if not char.isascii()), hint[0]), hint) for hint in _FOREIGN
]
_NAME_CHARS: Final = re.compile(r"[\w.$-]*")
#: What follows in a name, also of several words.
_NAME_RIGHT: Final = re.compile(
    r"[\w-]{0,48}(?:\.(?:prod|production|dev|development|staging|test|default|primary|live|local|[0-9]{1,3})\b)?(?:[ ](?:[Kk]ey|[Nn]umber|(?<=ection )[Ss]tring|(?<=[Pp]ass )[Ww]ord|d['’](?:accesso|ordine)|[Cc]ode|[Pp]hrase|secreta|secret|api|API|segreta|secrète|de acceso|المرور|السر)\b)?"
)
#: What precedes a part in a name of several words, backwards.
_WORDS_LEFT: Final = re.compile(
    r" (?:ipa|etavirp|sseccA|ssecca|terces|tnuocca|gningis|noitpyrcne|retsam|yreviled|derahs|drac|noitcennoc|yrevocer"
    r"|pukcab|noitacifirev|dees|ed tom|ed etom|ed toM|atak|ataK|Иpa|IPA|-IPA|tậm|tậM)(?!\w)"
)
_MARGIN: Final = 64
#: From here on (Japanese, Chinese, Korean) no space ends a word.
_NO_SPACES: Final = "\u3040"


@dataclass(frozen=True, slots=True)
class Name:
    """A sensitive name in a text."""

    begin: int
    end: int
    text: str
    #: Of all names of a text together: where tables begin with how many columns are hidden of
    #: them; at -1 where the last one ends. Not to look through one table for every name in it.
    regions: dict[int, int]


def sensitive_names(text: str) -> Iterator[Name]:
    """Yield the sensitive names of a text, in order, each once."""
    done = 0
    regions: dict[int, int] = {}
    for found, length in _hinted(text):
        if found < done:
            continue
        window = text[max(done, found - _MARGIN) : found][::-1]
        left = len(leading(_NAME_CHARS, window))
        if window[:9].lower().startswith((" arbalap", " sarbalap")):  # Spanish for a keyword
            continue
        words = _WORDS_LEFT.match(window, left)
        begin = found - (words.end() if words else left)
        end = found + length
        if text[end - 1] < _NO_SPACES:
            end += len(leading(_NAME_RIGHT, text, end))
        name = text[begin:end]
        if is_sensitive(
            name.lstrip("-.$").replace("'", "").replace(" ", "_") if name.isascii() else name
        ):
            done = end
            yield Name(begin, end, name, regions)
        elif words and is_sensitive(text[found - left : end]):
            done = end
            yield Name(found - left, end, text[found - left : end], regions)


def holds_hint(text: str) -> bool:
    """Tell whether a text holds a part of a sensitive name."""
    lower = lowered(text)
    if any(hint in lower for hint in _HINTS):
        return True
    if any(pattern.search(lower) for pattern, _ in _EXPRESSIONS):
        return True
    return not text.isascii() and any(hint in lower for hint in _FOREIGN)


def _hinted(text: str) -> list[tuple[int, int]]:
    """Return where parts of sensitive names stand, in order, with their lengths."""
    lower = lowered(text)
    found = [(at, len(hint)) for hint in _HINTS for at in places(lower, hint)]
    for pattern, hints in _EXPRESSIONS:
        for match in pattern.finditer(lower):
            offset, length = hints[match[0]]
            found.append((match.start() - offset, length))
    if not text.isascii():
        for char, hint in _FOREIGN_BY_CHAR:
            if char in lower:
                found += [(at, len(hint)) for at in places(lower, hint)]
    found.sort()
    return found
