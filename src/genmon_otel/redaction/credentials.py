"""Credentials that are told by their looks: private keys, ``Bearer …``, passwords in addresses, signatures."""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.redaction.near import at_places, lowered, matches, places, replaced, windows
from genmon_otel.redaction.placeholders import MARK, constant, is_placeholder, keyed, leading
from genmon_otel.redaction.values import is_evident_non_secret

_SCHEME: Final = re.compile(
    rf"\b((?i:bearer|basic|negotiate|apikey|ntlm|ssws))(\s{{1,4}}|\+)(?!{MARK})"
    r"((?=[\w.~+/-]{0,200}[0-9A-Z=])[\w.~+/-]{8,}={0,2})"
)
#: In lower case; each match of _SCHEME begins with one.
_SCHEMES: Final = ("bearer", "basic", "negotiate", "apikey", "ntlm", "ssws")
#: ``scheme://user:password@host``; also with one slash. The last ``@`` before a space or quote ends it.
_USERINFO: Final = re.compile(
    r"(?<=[A-Za-z0-9+])(:(?:\\{0,2}/){1,3})([^\s/:@\"'<>?#\\]{0,128}):(?![0-9]{2,5}[/?#])((?:[^\s\"'<>]|'(?=\w)){1,512})@(?=[\w.\[%-]|/[\w]*\?)"
)
#: The same of a database, whose password may have blanks where nobody has quoted them.
_BLANK_USERINFO: Final = re.compile(
    r"(?<=[a-z0-9+])(://)([^\s/:@\"'<>?#\\]{0,64}):(?![0-9]{1,5}(?:[/?#\s,;]))((?:[^\s\"'<>@/,;]{1,64} ){1,3}[^\s\"'<>@/,;]{1,64})@(?=[\w.-]{1,120}[:/])"
)
_DATABASES: Final = (
    "postgres://", "postgresql://", "mysql://", "mariadb://", "mongodb://", "redis://", "rediss://", "amqp://", "amqps://",
    "+psycopg://", "+psycopg2://", "+asyncpg://", "+pymysql://", "+mysqldb://", "+pyodbc://", "+srv://", "mssql://", "clickhouse://",
)  # fmt: skip
#: ``user:password@host:port`` without a scheme.
_BARE_USERINFO: Final = re.compile(
    r"(?<![\w:/@.+-])(?!https?:|mailto:|npm:|sip:|acct:|workspace:|jsr:|sha\d|localhost:)([A-Za-z][\w.-]{0,63}):(?!/)([^\s:/@\"'<>()\[\],;]{4,128})@"
    r"(?=(?:[\w-]{1,63}\.){0,5}(?!sha[0-9])[A-Za-z][\w-]{0,62}(?::[0-9]{2,5}(?!\w)|/[\w-]))"
)
#: The same as Go's driver for MySQL writes it.
_GO_USERINFO: Final = re.compile(
    r"([\w.-]{1,64}):([^\s:/@\"'<>()\[\],;]{3,128})@(?=(?:tcp|unix)\()"
)
#: Hashes of passwords as ``crypt`` and others write them: scheme and secret.
_HASH: Final = re.compile(
    r"(\$(?:1|2[abxy]?|5|6|y|gy|7|apr1|argon2(?:id|i|d)|scrypt|pbkdf2[\w-]{0,20}|bcrypt[\w-]{0,20})\$"
    r"|\{(?:SSHA|SHA|SMD5|CRYPT)[0-9]{0,4}\}|pbkdf2_sha[0-9]{1,4}\$)"
    rf"(?!{MARK})([^\s:\"',;<>]{{16,}})"
)
#: A line of ``.pgpass``: host, port, database, user, password.
_PGPASS: Final = re.compile(
    r"(?m)^([\w.*-]{1,200}+:(?:[0-9]{4,5}|\*):[A-Za-z_*][\w*-]{0,80}:[A-Za-z_*][\w*-]{0,80}:)([^\s:]{3,200})$"
)
_PORTS: Final = (":*:", ":5432:", ":6432:")
#: ``jdbc:oracle:thin:user/password@host``
_ORACLE: Final = re.compile(
    r"((?:oracle:\w{2,6}:|sqlplus\s|\bexpdp\s|\bimpdp\s)[\w$#]{1,64}/)([^\s@\"'/]{1,128})@"
)
_TOKEN_USER: Final = re.compile(
    rf"(://)(?!{MARK})([\w.~%-]{{16,256}}|(?=[\w.~%-]{{0,15}}[0-9])[\w.~%-]{{12,15}})@(?=[\w.\[-])"
)
#: One for each character that a parameter stands behind, so that the search is one for it.
_QUERY: Final = tuple(
    (
        char,
        re.compile(
            rf"({re.escape(char)}(?i:sig|signature|key|auth|code|x-amz-(?:signature|credential|security-token)|x-goog-signature|hmac|sas|pass|pw)=)(?!{MARK}|(?<=key=)[a-z_]{{4,16}}(?:[&\s\"'<>#]|\Z))"
            r"([^&\s\"'<>#]{4,})"
        ),
    )
    for char in "?&;"
)
_PEM_BEGIN: Final = "-----BEGIN"
_PEM_END: Final = "-----END"
_PEM_BODY: Final = re.compile(r"[A-Za-z0-9+/=:,% .\\\s-]*")
#: The lines of a private key as PuTTY writes it.
_PUTTY: Final = re.compile(
    r"Private-Lines: [0-9]{1,4}((?:(?:\r?\n|\\n)[A-Za-z0-9+/=]{1,80}(?![\w:-])){1,99})"
)
#: Characters of a PEM block's label.
_MAX_LABEL: Final = 64


def redact_credentials(text: str) -> str:
    """Replace private keys, what authentication schemes carry, passwords in addresses and signatures."""
    if "-----" in text and (_PEM_BEGIN in text or _PEM_END in text):
        text = _pem(text)
    if putty := places(text, "Private-Lines: "):
        text = replaced(text, at_places(_PUTTY, text, putty), _putty)
    if schemes := places(lowered(text), *_SCHEMES):
        text = replaced(text, at_places(_SCHEME, text, schemes), _scheme)
    if "@" in text:
        if slashes := places(text, ":/", ":\\"):
            text = replaced(text, at_places(_USERINFO, text, slashes), _userinfo)
            slashes = places(text, "://")
            blanks = [at for at in slashes if text[max(0, at - 12) : at + 3].endswith(_DATABASES)]
            text = replaced(text, at_places(_BLANK_USERINFO, text, blanks), _userinfo)
            slashes = places(text, "://")
            text = replaced(text, at_places(_TOKEN_USER, text, slashes), _token_user)
        drivers = places(text, "@tcp(", "@unix(")
        text = replaced(
            text, matches(_GO_USERINFO, text, windows(drivers, 200, 10)), _bare_userinfo
        )
        hosts = places(text, "@")
        text = replaced(
            text, matches(_BARE_USERINFO, text, windows(hosts, 200, 500)), _bare_userinfo
        )
        oracle = places(text, "oracle:", "sqlplus", "expdp", "impdp")
        text = replaced(text, matches(_ORACLE, text, windows(oracle, 0, 300)), _oracle)
    if hashes := places(text, "$", "{S", "{C", "pbkdf2_sha"):
        text = replaced(text, at_places(_HASH, text, hashes), _hash)
    if any(port in text for port in _PORTS):
        text = _PGPASS.sub(_bare_userinfo_line, text)
    if "=" in text and ("?" in text or "&" in text):
        for char, pattern in _QUERY:
            if char in text:
                text = pattern.sub(_hash, text)
    return text


def _putty(match: re.Match[str]) -> str:
    return match[0].removesuffix(match[1]) + _pem_body(match[1])


def _scheme(match: re.Match[str]) -> str:
    """Hide what stands behind Bearer or Basic: the latter is a password, which could be guessed."""
    secret = match[3]
    hidden = keyed("", secret) if match[1].lower() == "bearer" else constant(len(secret))
    return f"{match[1]}{match[2]}{hidden}"


def redact_query(query: str) -> str:
    """Replace in a query or form that stands by itself what is told by its parameter: ``key=``, ``code=``, ``sig=``."""
    if "=" not in query:
        return query
    asked = f"?{query}"
    for _, pattern in _QUERY:
        asked = pattern.sub(_hash, asked)
    return asked[1:]


def _hash(match: re.Match[str]) -> str:
    return match[1] + constant(len(match[2]))


def _token_user(match: re.Match[str]) -> str:
    return f"{match[1]}{constant(len(match[2]))}@"


def _oracle(match: re.Match[str]) -> str:
    return match[0] if is_placeholder(match[2]) else f"{match[1]}{constant(len(match[2]))}@"


def _userinfo(match: re.Match[str]) -> str:
    if is_evident_non_secret(match[3], "password", quoted=True, code=False, shell=False):
        return match[0]
    return f"{match[1]}{match[2]}:{constant(len(match[3]))}@"


def _bare_userinfo(match: re.Match[str]) -> str:
    return match[0] if is_placeholder(match[2]) else f"{match[1]}:{constant(len(match[2]))}@"


def _bare_userinfo_line(match: re.Match[str]) -> str:
    return match[0] if is_placeholder(match[2]) else match[1] + constant(len(match[2]))


def _pem(text: str) -> str:
    """Empty every PEM block of a private key, also one that a cut left without its end or start."""
    parts: list[str] = []
    at = done = 0
    begin = end = -1
    while True:
        # Looked for again only once passed: a text of beginnings alone is not searched for ends each time.
        if begin < at and begin != len(text):
            begin = _find(text, _PEM_BEGIN, at)
        if end < at and end != len(text):
            end = _find(text, _PEM_END, at)
        if begin == end == len(text):
            return "".join([*parts, text[done:]])
        if begin < end:
            label, mark, _ = text[begin + len(_PEM_BEGIN) : begin + _MAX_LABEL + 16].partition(
                "-----"
            )
            at = begin + len(_PEM_BEGIN)
            if not mark or "PRIVATE" not in label:
                continue
            start = at + len(label) + 5
            stop = min(end, len(text)) if end >= start else start
            body = text[start:stop] if end < len(text) else leading(_PEM_BODY, text, start)
            parts += [text[done:start], _pem_body(body)]
            done = at = start + len(body)
            continue
        at = end + len(_PEM_END)
        if "PRIVATE" not in text[at : at + _MAX_LABEL].partition("-----")[0]:
            continue
        before = text[done:end]
        kept = len(before) - len(leading(_PEM_BODY, before[::-1]))
        parts += [before[:kept], _pem_body(before[kept:]), _PEM_END]
        done = at


def _find(text: str, literal: str, at: int) -> int:
    """Return where a literal is found from ``at`` on; the text's length if nowhere."""
    found = text.find(literal, at)
    return found if found >= 0 else len(text)


def _pem_body(body: str) -> str:
    inner = body.replace("\\n", "\n").strip()
    if not inner or is_placeholder(inner):
        return body
    edge = "\\n" if "\\n" in body else "\n" if "\n" in body else ""
    return f"{edge}{constant(64)}{edge}"
