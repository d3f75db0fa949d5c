"""Secrets on command lines: behind flags, in lists of arguments, in ``.netrc`` and ``ENV NAME value``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from genmon_otel.redaction.edits import Edit, apply, closing, hidden, is_plain_word, rest
from genmon_otel.redaction.hints import Name
from genmon_otel.redaction.near import at_places, lowered, places, windows
from genmon_otel.redaction.placeholders import constant, is_placeholder, leading
from genmon_otel.redaction.sensitive import is_sensitive
from genmon_otel.redaction.sentences import IS_PASSWORD
from genmon_otel.redaction.values import is_evident_non_secret, is_random

_FLAG: Final = re.compile(r"--?[A-Za-z][\w.-]*")
_GAP: Final = re.compile(
    r"(?:[ \t]{1,8}(?:\\\r?\n[ \t]{0,16})?|[\"']?\r?\n[ \t]{0,40}- [\"']?)(?=[^\s\-])"
)
_ARGUMENT: Final = re.compile(r"(?:[^\s\"'`,;)\]}|<>]|[,;)\]}](?=[\w!@#$%^&*]))+")
_METAVAR: Final = re.compile(r"(?:id|type|src|source|env|file)=.*|[A-Z][A-Z_-]*|[\[<|(].*|=.*")
#: What precedes the word ``password`` in a ``.netrc``.
_NETRC_LEFT: Final = re.compile(
    r"\b(?:machine|login|default|account)\s+\S{1,200}\s+\Z|(?m:^)[ \t]{0,8}default\s+\Z"
)
_NETRC_WORDS: Final = ("machine", "login", "default", "account")
_SPACED: Final = re.compile(r"\s{1,8}")
#: Commands that take a name and a value.
_COMMAND_LEFT: Final = re.compile(
    r"(?i)(?:\b(?:env|setenv|setx|set|set -\w{1,4}|secret set|config set|secrets set|put|hset|setitem|add)\s{1,4}(?:\\*[\"'])?(?:\S{1,80}[:/])?"
    r"|\bidentified\s|\b(?:role|user)\s\S{1,80}\s(?:with\s)?(?:login\s)?(?:encrypted\s)?|\b(?:with|using|requirepass|masterauth)\s{1,2})\Z"
)
_CALL: Final = re.compile(r"\(\s{0,8}(\\*[\"'`])")
#: A further argument of the call, and the quote that it begins with, if it is a string.
_FURTHER: Final = re.compile(r"\s{0,8},\s{0,40}(?:[bru]{0,2}(\\*[\"'`])|(?=[^\s)]))")
_MAX_ARGUMENTS: Final = 4
#: What the name of a cookie that lets somebody in has in it.
_MAY_GRANT: Final = re.compile("(?i)ses|sid|auth|tok|pass|key|jwt|secret|srf|remember|login|user")
_SETTER: Final = re.compile(
    r"(?:.*\.)?(?:set|with|use|add|update|change|reset|put)_?[A-Z_]|(?:.*\.)?(?:set|with)_",
    re.DOTALL,
)
_MIXED: Final = re.compile(r"(?=\S*[0-9])(?=\S*[A-Za-z])[^\s()\[\]{}=/]{8,64}")
#: Small and capital letters, digits and a sign: somebody's own.
_CHOSEN: Final = re.compile(
    r"(?=\S*[0-9])(?=\S*[a-z])(?=\S*[A-Z])(?=\S*[!@#$%^&*?])[\w!@#$%^&*?-]{8,64}"
)
_ALGORITHM: Final = re.compile(
    r"(?i)(?:sha|md|aes|utf|base|argon|pbkdf|bcrypt|scrypt|oauth|rfc|v)-?[0-9]"
)
_COMMAND_WORDS: Final = frozenset(
    "env setenv setx set put hset setitem add identified role user with using requirepass masterauth".split()
)
_SEGMENT: Final = re.compile(r"[\w-]*")
_WORD: Final = re.compile(r"(?:[^\s\"'`,;<>()\\]|\\(?!u[0-9a-fA-F]{4}))+")

#: What the matches begin with of programs and places where they take a secret, which is the group.
_TOKEN: Final = r"(?:\\*[\"'])?[,]?\s{1,8}(?:\\*[\"'])?"
_PROGRAMS: Final[tuple[tuple[tuple[str, ...], re.Pattern[str]], ...]] = tuple(
    (literals, re.compile(pattern))
    for literals, pattern in (
        # user:password behind a flag, as text or as a list
        (
            ("-u", "--user", "--proxy-user", "-U", "--auth", "-a", "--creds"),
            rf"(?:(?<=[\s\"'(\[,])(?:-u|-U|-a|--user|--proxy-user|--auth|--creds))(?:=|{_TOKEN})(?:\\*[\"'])?[\w.@+-]{{1,80}}:(?!//)(?=[^\s\"'/\\])([^\s\"'\\]{{1,200}})",
        ),
        (("curl",), r"\bcurl\s(?:[^\n|;]{0,100}?\s)?-u[\w.@+-]{1,80}:([^\s\"'\\]{1,200})"),
        (("mysql", "maria"), r"(?:mysql|maria)[\w-]*\b[^\n|;]{0,60}?[\s\"']-p(?!assword|ort|rotocol|lugin)([^\s\"'\\,]{3,200})"),
        (("7z", "unrar", "rar"), r"\b(?:7za?|(?:un)?rar)\s\w\s(?:[^\n|;]{0,100}?\s)?-h?p([^\s\"'\\,]{3,200})"),
        (("/p:",), r"(?<=\s)/p:([^\s\"'\\,]{1,200})"),
        (("net ",), r"\bnet\s{1,4}use\s{1,4}\S{1,80}\s{1,4}\S{1,120}\s{1,4}([^\s/*\"'][^\s\"']{0,200})\s{1,4}/user"),
        (("net ",), r"\bnet\s{1,4}user\s{1,4}[\w.-]{1,80}\s{1,4}([^\s/*\"'][^\s\"']{0,200})"),
        (("rabbitmqctl",), r"\brabbitmqctl\s{1,4}(?:add_user|change_password|authenticate_user)\s{1,4}\S{1,80}\s{1,4}([^\s\"'\\,]{1,200})"),
        (("vercel", "netlify"), r"\b(?:vercel|netlify)\s[^\n|;]{0,100}?\s(?:-t|-a)\s{1,4}([^\s\"'\\,-][^\s\"'\\,]{7,200})"),
        (("openssl",), rf"\bopenssl\s[^\n|;]{{0,100}}?[\s\"']-k{_TOKEN}([^\s\"'\\,-][^\s\"'\\,]{{0,200}})"),
        (("snmp",), rf"\bsnmp\w{{2,12}}\b[^\n|;]{{0,100}}?[\s\"']-[AX]{_TOKEN}([^\s\"'\\,-][^\s\"'\\,]{{2,200}})"),
        (("sonar.login",), r"sonar\.login=([^\s\"'\\,]{1,200})"),
        (("sshpass",), rf"\bsshpass{_TOKEN}-p(?:{_TOKEN})?([^\s\"'\\,]{{1,200}})"),
        (("login",), rf"\blogin\b[^\n|;]{{0,100}}?[\s\"']-p(?:{_TOKEN}|=)([^\s\"'\\,-][^\s\"'\\,]{{0,200}})"),
        (("redis-cli",), rf"\bredis-cli\b[^\n|;]{{0,100}}?[\s\"']-a(?:{_TOKEN})([^\s\"'\\,]{{1,200}})"),
        (("ldap",), rf"\bldap\w{{3,12}}\b[^\n|;]{{0,100}}?[\s\"']-w(?:{_TOKEN})([^\s\"'\\,]{{1,200}})"),
        (("mongo", "clickhouse", "cqlsh", "influx", "sqlcmd", "bcp", "isql"), rf"\b(?:mongo\w*|clickhouse\S*|cqlsh|influx|sqlcmd|bcp|isql)\b[^\n|;]{{0,100}}?[\s\"']-[pP](?:{_TOKEN})?(?!assword)([^\s\"'\\,-][^\s\"'\\,]{{2,200}})"),
        (("zip", "unzip"), rf"\b(?:un)?zip\b[^\n|;]{{0,100}}?[\s\"']-P{_TOKEN}([^\s\"'\\,]{{1,200}})"),
        (("-pass",), r"-pass(?:in|out)?\s{1,4}pass:([^\s\"'\\,]{1,200})"),
        (("htpasswd",), r"\bhtpasswd\s(?:-\w{1,8}\s){0,4}[^\s-]{1,200}\s\S{1,80}\s([^\s\"'\\,|;]{1,200})"),
    )
)  # fmt: skip
#: The same of programs that mount shares.
_SHARES: Final = (
    (("-U", "user="), re.compile(r"(?:-U\s|user=)[\w.\\@+-]{1,80}%([^\s\"',\\]{1,200})")),
    (("username=",), re.compile(r"username=[\w.\\@+-]{1,80}%([^\s\"',\\]{1,200})")),
)
#: Characters of an argument that is looked at, and arguments before it.
_MAX_WORD: Final = 512
_MAX_BEFORE: Final = 12
#: Not a user and a password: ``docker run -u 1000:1000``.
_USER_AND_GROUP: Final = re.compile(r"\b([0-9]+):[0-9]+$|\b([\w-]+):\2$")
#: One of these is in every command line that :data:`_PROGRAMS` could match.
_HAS_FLAG: Final = re.compile(
    r"-(?<=[\s\"',(\[]-)(?:h?[uUapPwtkAX](?![a-z]{2,}\b)|-(?:user|proxy-user|auth|creds)\b|pass|Dsonar)"
)
_HAS_COMMAND: Final = (" /p:", "net us", "qctl", "htpasswd")
_HAS_OPTION: Final = re.compile(r"=(?:(?<=user=)|(?<=username=)|(?<=sonar\.login=))")
#: Characters from which on only what is near a flag is searched for programs, and how near.
_LONG: Final = 8_192
_BEFORE: Final = 500
_BEHIND: Final = 800
#: What is piped into a program that reads a password.
_PIPED: Final = re.compile(
    r"\b(?:echo|printf)\s(?:-n\s)?\\*[\"']?([^\s\"'|\\]{3,200})(?:\\n)?\\*[\"']?\s{0,4}\|"
    r"[^\n|]{0,100}?(-stdin|chpasswd|passwd|--passphrase-fd|sudo -S)"
)
_IDENTIFIED: Final = re.compile(
    r"(?i)\bidentified\s{1,4}(?:with\s{1,4}\S{1,60}\s{1,4})?(?:by|as)\s{1,4}\\*[\"'`]([^\"'`\\]{1,200})"
)


def flagged(text: str, name: Name) -> list[Edit]:
    """``--password value``; with ``=`` it is an assignment."""
    if not name.text.startswith("-") or not _FLAG.fullmatch(name.text):
        return []
    if name.begin and text[name.begin - 1] not in " \t\n\"'([`|,":
        return []
    gap = _GAP.match(text, name.end)
    if gap is None:
        return []
    start = gap.end()
    if text[start] in "\"'`":
        stop = closing(text, start + 1, text[start])
        if is_evident_non_secret(
            text[start + 1 : stop], name.text, quoted=True, code=False, shell=False
        ):
            return []
        return hidden(text, start + 1, stop)
    value = leading(_ARGUMENT, text, start)
    bare = value.rstrip(".:!?")
    if not bare or _METAVAR.fullmatch(bare):
        return []
    if is_evident_non_secret(bare, name.text, quoted=False, code=False, shell=True):
        return []
    return hidden(text, start, start + len(bare))


def in_netrc(text: str, name: Name) -> list[Edit]:
    """``machine host login me password value``."""
    left = text[max(0, name.begin - 240) : name.begin]
    if not text[name.end : name.end + 1].isspace() or not any(
        word in left for word in _NETRC_WORDS
    ):
        return []
    if not _NETRC_LEFT.search(left):
        return []
    return _unless_evident(text, name, *_word_behind(text, name))


def set_by_command(text: str, name: Name) -> list[Edit]:
    """``ENV API_KEY value``, ``setx API_KEY value``, ``using password value``."""
    if text[name.end : name.end + 1] not in (" ", "\t", "'", '"'):
        return []
    left = text[max(0, name.begin - 100) : name.begin]
    if _COMMAND_WORDS.isdisjoint(left[-80:].lower().split()):
        return []
    command = _COMMAND_LEFT.search(left)
    if command is None:
        return []
    start, value = _word_behind(text, name)
    if command[0].strip().lower() in ("with", "using", "add") and not re.search(
        r"[0-9!@#$%^&*]", value
    ):
        return []
    return _unless_evident(text, name, start, value)


def in_setter(text: str, name: Name) -> list[Edit]:
    """``setPassword("value")``, ``.password("value")``."""
    if text[name.end : name.end + 1] != "(":
        return []
    call = _CALL.match(text, name.end)
    if call is None or not (
        _SETTER.match(name.text)
        or name.text == "PASSWORD"
        or text[max(0, name.begin - 1) : name.begin] == "."
        or name.text[0] == "."
        or name.text.endswith(".cookie")
    ):
        return []
    literals = _literals(text, call.end(), call[1])
    first = slice(*literals[0])
    if "cookie" in name.text.lower():
        may_grant = False
        if _FURTHER.match(text, first.stop + len(call[1])) or name.text.endswith(".cookie"):
            del literals[0]  # it says which cookie
            may_grant = _MAY_GRANT.search(text[first]) is not None
        if not may_grant:
            literals = [each for each in literals if not is_plain_word(text[slice(*each)])]
    elif is_plain_word(text[first]) and (
        len(literals) > 1
        or (name.text.startswith("with") and _FURTHER.match(text, first.stop + len(call[1])))
    ):
        del literals[0]  # it says whose password
    edits: list[Edit] = []
    for start, stop in literals:
        value = text[start:stop]
        if not is_evident_non_secret(value, name.text, quoted=True, code=False, shell=False):
            edits += hidden(text, start, stop)
    return edits


def _literals(text: str, start: int, quote: str) -> list[tuple[int, int]]:
    """Return where the strings begin and end that a call's arguments begin with."""
    found = [(start, closing(text, start, quote))]
    while (more := _FURTHER.match(text, found[-1][1] + len(quote))) and more[1]:
        if len(found) == _MAX_ARGUMENTS:
            break
        quote = more[1]
        found.append((more.end(), closing(text, more.end(), quote)))
    return found


def in_prose(text: str, name: Name) -> list[Edit]:
    """``use the passphrase x7-bramble-9``, ``token 9f8e… expired``: a mixed word behind a name."""
    start, value = _word_behind(text, name)
    if not IS_PASSWORD.search(name.text):  # a token or key: only what is random
        is_value = is_random(value) or _CHOSEN.fullmatch(value) is not None
    else:
        is_value = _MIXED.fullmatch(value) is not None and not _ALGORITHM.match(value)
    return _unless_evident(text, name, start, value) if is_value else []


def in_path(text: str, name: Name) -> list[Edit]:
    """``/reset-password/Zk4Jw8…``: a random segment of a path behind a name."""
    if text[name.end : name.end + 1] != "/" or text[max(0, name.begin - 1) : name.begin] != "/":
        return []
    value = leading(_SEGMENT, text, name.end + 1)
    return hidden(text, name.end + 1, name.end + 1 + len(value)) if is_random(value) else []


def _word_behind(text: str, name: Name) -> tuple[int, str]:
    """Return the word behind a name and a space, and where it begins; empty where there is none."""
    gap = _SPACED.match(text, name.end)
    if gap is None:
        return name.end, ""
    value = leading(_WORD, text, gap.end()).rstrip(".:!?")
    return gap.end(), "" if value[:1] in "=:{[|-" else value


def _unless_evident(text: str, name: Name, start: int, value: str) -> list[Edit]:
    if not value or is_evident_non_secret(value, name.text, quoted=False, code=False, shell=True):
        return []
    return hidden(text, start, start + len(value))


def redact_commands(text: str, most: int | None = None) -> str:
    """Replace the secrets that programs take behind flags whose names say nothing.

    Args:
        text: any text.
        most: places of one program that are looked at; all that follows the last one is hidden.
            None for all.
    """
    edits: list[Edit] = []
    if "|" in text and ("echo" in text or "printf" in text):
        for found in at_places(_PIPED, text, places(text, "echo", "printf")):
            start = found.start(1) + (found[1].find(":") + 1 if found[2] == "chpasswd" else 0)
            edits += hidden(text, start, found.end(1))
    if "dentified" in text or "DENTIFIED" in text:
        for found in at_places(_IDENTIFIED, text, places(lowered(text), "identified")):
            edits += hidden(text, *found.span(1))
    if most is None and len(text) > _LONG:
        for begin, end in windows(_may_be_commands(text), _BEFORE, _BEHIND):
            near = _programs(text[begin:end], most)
            edits += [(begin + start, begin + stop, stand_in) for start, stop, stand_in in near]
    elif (
        _HAS_FLAG.search(text)
        or _HAS_OPTION.search(text)
        or any(literal in text for literal in _HAS_COMMAND)
    ):
        edits += _programs(text, most)
    return apply(text, edits) if edits else text


def _may_be_commands(text: str) -> list[int]:
    """Return where flags and commands stand that :data:`_PROGRAMS` may be about, in order."""
    found = [match.start() for match in _HAS_FLAG.finditer(text)]
    found += [match.start() for match in _HAS_OPTION.finditer(text)]
    return sorted(found + places(text, *_HAS_COMMAND))


def _programs(text: str, most: int | None) -> list[Edit]:
    edits: list[Edit] = []
    mounts = "smbclient" in text or "mount" in text
    for begins, pattern in (*_PROGRAMS, *(_SHARES if mounts else ())):
        for number, found in enumerate(at_places(pattern, text, places(text, *begins)), 1):
            if number == most:
                edits += rest(text, found.end())
                break
            if _USER_AND_GROUP.search(found[0]) and "curl" not in text:
                continue
            if not is_evident_non_secret(
                found[1], "password", quoted=False, code=False, shell=True
            ):
                edits += hidden(text, found.start(1), found.end(1))
    return edits


def redact_arguments(arguments: Sequence[object]) -> list[object] | None:
    """Return a list of arguments without the values behind flags; None if there are none."""
    words = [word if isinstance(word, str) else "" for word in arguments]
    if not any(word.startswith("-") for word in words):
        return None
    out = list(arguments)
    program = words[0] if len(words[0]) <= _MAX_WORD else ""
    changed = False
    for at, word in enumerate(words[:-1]):
        value = words[at + 1]
        if not word.startswith("-") or "=" in word or not value or value.startswith("-"):
            continue
        if _FLAG.fullmatch(word) and is_sensitive(word.lstrip("-")):
            if not is_placeholder(value) and not is_evident_non_secret(
                value, word, quoted=True, code=False, shell=True
            ):
                out[at + 1] = constant(len(value))
                changed = True
            continue
        if len(value) > _MAX_WORD or len(word) > _MAX_WORD or " " in value:
            continue
        before = [each for each in words[max(1, at - _MAX_BEFORE) : at] if len(each) <= _MAX_WORD]
        line = f" {' '.join([program, *before, word] if at else [word])} {value}"
        redacted = redact_commands(line)
        if redacted != line:
            is_value = redacted.startswith(line[: -len(value)])
            out[at + 1] = redacted[len(line) - len(value) :] if is_value else constant(len(value))
            changed = True
    for at, word in enumerate(words):
        if len(word) > _MAX_WORD:
            continue
        line = f" {program} {word}"
        if (
            word.startswith("-")
            and out[at] == word
            and len(line) < 4_096
            and " " not in word
            and at
        ):
            redacted = redact_commands(line)
            if redacted != line:
                out[at] = redacted[len(program) + 2 :]
                changed = True
    return out if changed else None
