"""Passwords in sentences: between the name and the password stands whose it is."""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.redaction.edits import Edit, span
from genmon_otel.redaction.hints import Name

_ENGLISH: Final = re.compile("(?i)pass|pw")
#: A name that means a password, in whatever language; a key or token may as well be something else.
IS_PASSWORD: Final = re.compile(
    "(?i)pass|pw|contrase|senha|[sş]ifre|has[lł]|heslo|wachtwoord|kennwort|lösenord|jelszó|salasana|adgangskode|parol[aă]"
    "|mật khẩu|парол|гасло|κωδικό|סיסמ|كلمة|पासवर्ड|密码|密碼|口令|パスワード|비밀번호|암호|รหัสผ่าน"
)
_VERB: Final = "(?:is|was|lautet|ist|war|est|était|es|era|è|é|jest|je|är|er|este|là|هي|हैं?|:|：|—|–)"
#: Verbs of languages that are prepositions in others.
_AMBIGUOUS: Final = {" to ": re.compile("(?i)has[lł]"), " on ": re.compile("(?i)salasana")}
_WORDS: Final = r"(?:(?: [^\s:=,;()]{1,40}){1,6}?)?"
_QUOTE: Final = "[\"'`“„«「]?[ ]?"
#: Whose it is, then a verb or a colon: ``of the staging server is``, ``für den Testserver lautet``.
_OWNER: Final = re.compile(
    r"(?:(?= (?:for|of|on|in|from|to|vom|für|zum|des|del?|della|d[uoa]s?|pour|para|per|van|do) )"
    rf"|(?= {_VERB} | ?[:：])){_WORDS}(?: {_VERB} | ?[:：] ?){_QUOTE}"
)
_FOREIGN_OWNER: Final = re.compile(rf"{_WORDS}(?: (?:{_VERB}|to|on) | ?[:：] ?){_QUOTE}")
_VALUE: Final = re.compile(
    r"(?=[^\s]{0,64}[0-9])(?=[^\s]{0,64}[^\W\d_])[^\s\"'`<>()\[\]{}=/,;”»」\\]{6,64}"
)
#: What has letters and digits as well: hosts, files, algorithms, addresses.
_OTHER: Final = re.compile(
    r"(?i)[\w-]+(?:\.[\w-]+)+|.*@.*\..*|(?:sha|md|aes|utf|base|argon|pbkdf|bcrypt|scrypt|oauth|rfc|v)-?[0-9].*|[0-9]+(?:[a-z]{1,10}|-[a-z-]+)"
)


def in_sentence(text: str, name: Name) -> list[Edit]:
    """``the password of the staging server is Hunter-42``, ``das Passwort für den Server lautet …``."""
    if not IS_PASSWORD.search(name.text):
        return []
    of_english = _ENGLISH.search(name.text)
    owner = (_OWNER if of_english else _FOREIGN_OWNER).match(text, name.end)
    if owner is None:
        return []
    needed = _AMBIGUOUS.get(owner[0][-4:])
    if needed is not None and not needed.search(name.text):
        return []
    found = _VALUE.match(text, owner.end())
    if found is None:
        return []
    value = found[0].rstrip(".:!?")
    if _OTHER.fullmatch(value):
        return []
    return span(text, found.start(), found.start() + len(value), name.text)
