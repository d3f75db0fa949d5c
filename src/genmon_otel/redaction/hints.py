"""Find sensitive names in text, in linear time: plain searches for their parts come first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from genmon_otel.redaction.near import lowered
from genmon_otel.redaction.placeholders import leading
from genmon_otel.redaction.sensitive import is_sensitive

#: Parts of sensitive names in lower case.
_HINTS: Final = (
    "pass", "secret", "token", "key", "auth", "cookie", "cred", "pw", "dsn", "jwt", "otp", "cv",
    "ssn", "srf", "conn", "card", "sessid", "webhook", "hmac", "pin", "psk", "phrase", "mnemonic",
    "kennwort", "wachtwoord", "salasana", "contrase", "senha", "clave", "mdp", "haslo", "heslo", "parola", "sifre",
    "sandi", "kode", "geheim", "bearer",
)  # fmt: skip
#: Those that are also parts of everyday words: what must stand right behind them.
_EVERYDAY: Final = {
    "cv": re.compile("[vc](?![a-z])"),
    "pw": re.compile("d|(?![a-z])"),
    "pin": re.compile("(?![a-z])"),
    "conn": re.compile("(?:ection[ _-]?)?str"),
}
#: The same in other writing; asked for only where a text is not ASCII.
_FOREIGN: Final = (
    "contrase", "lösenord", "hasło", "jelszó", "parolă", "şifre", "khẩu", "clé", "chave", "chiave", "schlüssel",
    "dostępu", "парол", "секрет", "токен", "ключ", "гасло", "κωδικό", "סיסמ", "كلمة", "पासवर्ड", "密码", "密碼", "口令",
    "密钥", "密鑰", "令牌", "パスワード", "暗証番号", "秘密鍵", "トークン", "비밀번호", "암호", "토큰", "รหัสผ่าน",
)  # fmt: skip
_NAME_CHARS: Final = re.compile(r"[\w.$-]*")
#: What follows in a name, also of several words.
_NAME_RIGHT: Final = re.compile(
    r"[\w-]{0,48}(?:[ ](?:[Kk]ey|[Nn]umber|(?<=ection )[Ss]tring|d['’](?:accesso|ordine)|[Cc]ode|[Pp]hrase|secreta|secret|api|API|segreta|secrète|de acceso|المرور|السر)\b)?"
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


def _hinted(text: str) -> list[tuple[int, int]]:
    """Return where parts of sensitive names stand, in order, with their lengths."""
    lower = lowered(text)
    places: list[tuple[int, int]] = []
    for hint in _HINTS if text.isascii() else (*_HINTS, *_FOREIGN):
        at = lower.find(hint)
        if at < 0:
            continue
        behind = _EVERYDAY.get(hint)
        while at >= 0:
            end = at + len(hint)
            if behind is None or behind.match(lower, end):
                places.append((at, len(hint)))
            at = lower.find(hint, end)
    places.sort()
    return places
