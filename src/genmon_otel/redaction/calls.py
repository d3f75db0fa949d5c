"""Secrets that calls, statements and sentences hold in a known place. To add one, add a row."""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.redaction.edits import Edit, apply, span
from genmon_otel.redaction.near import Signs, matches, windows

_STRING: Final = r"@?[bBrRuU]{0,2}\\*[\"']([^\"'\\\n]{3,200})\\*[\"']"
#: A word of letters and digits.
_MIXED: Final = r"(?!(?i:sha|md|argon|bcrypt|scrypt|pbkdf|aes|oauth|utf|v)-?[0-9])(?=[^\s\"'`/]{0,60}[0-9])(?=[^\s\"'`/]{0,60}[A-Za-z])[^\s\"'`/()<>=]{6,60}"
#: What follows a word for a password that is no part of a longer one, such as of its hash.
_END: Final = (
    r"(?=[.,;:!?)\]'\"]|\s{0,4}(?:\\n|\n|\Z)| (?:for|to|of|on|at|in|and|when|there|here)\b)"
)
_OTHER: Final = r"\\*[\"'][^\"'\n]{0,200}\\*[\"']\s{0,4},\s{0,4}"
#: The same, or a variable.
_ARGUMENT: Final = rf"(?:{_OTHER}|\$[\w>\[\]\"'-]{{1,60}}\s{{0,4}},\s{{0,4}})"

_Row = tuple[tuple[str, ...], int, re.Pattern[str]]

#: One of these is in each match, and before it so many characters of the match at most; the
#: expression, whose group is the secret.
_CALLS: Final[tuple[_Row, ...]] = tuple(
    (literals, before, re.compile(pattern))
    for literals, before, pattern in (
        (("BasicAuth(", "NetworkCredential(", "DigestAuth(", "Credentials(", ".basic_auth("), 40, rf"\b(?:\w{{0,24}}(?:BasicAuth|NetworkCredential|DigestAuth|Credentials)|basic_auth)\(\s{{0,4}}{_OTHER}{_STRING}"),
        ((".login(", ".authenticate(", ".connect("), 20, rf"\.(?:login|authenticate)\(\s{{0,4}}{_OTHER}{_STRING}"),
        (("new PDO(", "mysqli_connect(", "mysqli(", "pg_connect("), 20, rf"\b(?:new PDO|mysqli_connect|mysqli)\(\s{{0,4}}{_ARGUMENT}{_ARGUMENT}{_STRING}"),
        (("SecretStr(", "SecureString", "SecretBytes("), 20, rf"\b(?:Secret(?:Str|Bytes)\(|ConvertTo-SecureString(?: -String)?)\s{{0,4}}{_STRING}"),
        (("Secret::new(", "SecretString::new(", "SecretString::from("), 0, rf"\bSecret(?:String)?::(?:new|from)\(\s{{0,4}}{_STRING}"),
        ((".send_keys(", ".type(", ".fill("), 160, rf"(?i:passwor[dt]|passwd)[^\n]{{0,80}}?(?:\.send_keys\(|\.fill\(|,)\s{{0,4}}{_STRING}\)"),
        (("SET PASSWORD",), 0, rf"(?i:set password)\s[^\n=]{{0,120}}=\s{{0,4}}(?i:password\()?{_STRING}"),
        (("Duplicate entry ",), 0, r"Duplicate entry '([^'\n]{3,200})' for key '[^'\n]{0,80}(?:password|passwd|secret|token|api_?key)[^'\n]{0,20}'"),
        ((")=(",), 80, r"\bKey \([^()\n]{0,40}(?:password|passwd|secret|token|api_?key)[^()\n]{0,20}\)=\(([^()\n]{3,200})\)"),
        (("::from(", ".to_string("), 80, rf"(?i:password|passwd|secret|token|api_?key)\w{{0,20}}(?:\s?:\s?[\w&<>]{{1,30}})?\s{{0,4}}=\s{{0,4}}(?:\w+::)?String::from\({_STRING}"),
        ((" string = ", "String = ", "; } = "), 80, rf"(?i:password|passwd|secret|token|api_?key)\w{{0,20}}\s{{0,4}}(?:(?:const )?[sS]tring|\{{[ a-z;]{{1,30}}\}})\s{{0,4}}=\s{{0,4}}{_STRING}"),
        (("assword(\"", "assword('", "piKey(\"", "piKey('", "pi_key(\"", "ecret(\"", "oken(\""), 60, rf"(?:\b(?:builder|client|config|options?|opts|conn|connection|db|auth)|\))\.(?i:password|api_?key|secret|token)\({_STRING}"),
        (("= [[",), 60, r"(?i:password|passwd|secret|token|api_?key)\w{0,20}\s{0,4}=\s{0,4}\[\[([^\[\]\n]{3,200})\]\]"),
        (('variable "', 'variable \\"'), 0, r"variable \\*\"[\w-]{0,60}(?:password|passwd|secret|token|api_?key|credential|private_key)[\w-]{0,20}(?<!_name)(?<!_arn)(?<!_id)(?<!_path)(?<!_type)\\*\"\s{0,8}\{[^{}]{0,400}?\bdefault\s{0,40}=\s{0,8}\\*\"([^\"\n\\]{3,200})\\*\""),
        (('"op"', 'op\\"'), 0, r"op\\*\"\s?:\s?\\*\"(?:add|replace|test)\\*\"\s{0,8},\s{0,8}\\*\"path\\*\"\s?:\s?\\*\"[^\"\n]{0,120}(?i:password|passwd|secret|token|api_?key)\\*\"\s{0,8},\s{0,8}\\*\"value\\*\"\s?:\s?\\*\"([^\"\n\\]{3,400})"),
        # sentences
        (("assword", "assphrase", "asscode"), 120, rf"(?<![^\s(])(?:[\w.@-]{{1,40}}/)?({_MIXED}) (?:is|was) (?:the|my|your|our|his|her|their)(?: [\w-]{{1,20}}){{0,3}}? (?:[Pp]assword|[Pp]assphrase|[Pp]asscode){_END}"),
        (("assword", "assphrase", "asscode"), 100, rf"[\"'`]({_MIXED})[\"'`] (?i:as) (?:the |my |a |an |its |his |her )?(?:[\w-]{{1,20}} )?(?:[Pp]assword|[Pp]assphrase|[Pp]asscode){_END}"),
        # command lines
        (("--with-token", "secret put", "kinit ", "--password-stdin"), 120, r"\b(?:echo|printf)\s(?:-n\s)?\\*[\"']?([^\s\"'|\\$]{3,200})\\*[\"']?\s{0,4}\|[^\n|]{0,100}?(?:--with-token|secret put|kinit\s)"),
        (("vault login ", "cargo login ", "login --token "), 0, r"\b(?:vault|cargo) login (?:-\S+ ){0,3}(?!-)(?=\S*[0-9])([^\s\"'\\]{6,200})"),
        (("openssl passwd",), 0, r"\bopenssl passwd(?: -\w+){0,4} ([^\s\"'\\-][^\s\"'\\]{2,200})"),
        (("secrets set ", "--from-literal"), 0, r"(?:secrets set |--from-literal[= ])(?:[\w.-]{1,60}=)([^\s\"'\\]{3,400})"),
        (("set_header ",), 10, r"\b(?:proxy|more)_set_header\s{1,4}(?i:x-api-key|authorization|x-\w{1,20}-token)\s{1,4}[\"']?(?!\$)([^\s\"';\\]{3,400})"),
        (("poetry config ", "composer config "), 0, r"\b(?:poetry config pypi-token\.\S{1,40}|composer config (?:-\S+ ){0,2}http-basic\.\S{1,80} \S{1,80}) ([^\s\"'\\-][^\s\"'\\]{2,400})"),
        (("isql ",), 0, r"\bisql (?:-\S+ ){0,3}[\w.]{1,40} [\w.@]{1,40} (?=\S*[0-9])([^\s\"'\\<>-][^\s\"'\\<>]{2,200})"),
        ((".py ",), 0, r"\.py (?:-\S+ ){0,3}[\w.-]{1,40}/[\w.-]{1,40}:([^\s@:/\"'\\]{3,200})@[\w.]"),
        (("CONNECT ",), 0, r"\b(?i:connect)\s{1,4}\w{1,40}/([^\s\"'@/\\]{3,100})@\w"),
    )
)  # fmt: skip
#: The same of programs that take a secret behind a flag.
_FLAGGED: Final[tuple[_Row, ...]] = tuple(
    (literals, 0, re.compile(pattern))
    for literals, pattern in (
        (("curl",), r"\bcurl\s(?:[^\n|;]{0,100}?\s)?-[sSkLifvXg]{1,5}u\s{0,4}[\"']?[\w.@+-]{1,80}:(?!//)([^\s\"'\\]{1,200})"),
        (("curl",), r"\bcurl\s(?:[^\n|;]{0,100}?\s)?-b\s{1,4}[\"']?[\w.-]{1,40}=([^\s\"';\\]{3,400})"),
        (("put-parameter", "secret set ", "put-secret", "update-secret", "create-secret", "secrets create"), r"(?:put-parameter|secret set|put-secret-value|update-secret|create-secret|secrets create)\s[^\n|;]{0,200}?(?:--value|--body|--secret-string|-b)[ =]\\*[\"']?([^\s\"'\\]{3,400})"),
        (("twine ",), r"\btwine\s[^\n|;]{0,100}?\s-p\s{1,4}([^\s\"'\\-][^\s\"'\\]{2,200})"),
        (("lftp ",), r"\blftp\s(?:[^\n|;]{0,100}?\s)?-u\s{1,4}[\w.@+-]{1,80},([^\s\"'\\]{1,200})"),
        (("doctl ", "vercel "), r"\b(?:doctl|vercel)\s(?:[^\n|;]{0,100}?\s)?-t\s{1,4}(?=\S*[0-9])([^\s\"'\\-][^\s\"'\\]{5,200})"),
        (("mosquitto_", "ipmitool "), r"\b(?:mosquitto_\w{3}|ipmitool)\s[^\n|;]{0,100}?\s-P\s{1,4}([^\s\"'\\-][^\s\"'\\]{2,200})"),
        (("snmp",), r"\bsnmp\w{2,12}\s[^\n|;]{0,100}?\s-c\s{1,4}(?!public\b|private\b)([^\s\"'\\-][^\s\"'\\]{2,200})"),
    )
)  # fmt: skip
_IN_CALLS: Final = Signs([literals for literals, _, _ in _CALLS])
_IN_FLAGGED: Final = Signs([literals for literals, _, _ in _FLAGGED])
#: Characters of the longest match.
_BEHIND: Final = 700


def redact_calls(text: str) -> str:
    """Replace what stands in one of the places of :data:`_CALLS` and :data:`_FLAGGED`."""
    edits = _edits(text, _CALLS, _IN_CALLS)
    if " -" in text:
        edits += _edits(text, _FLAGGED, _IN_FLAGGED)
    return apply(text, edits) if edits else text


def _edits(text: str, rows: tuple[_Row, ...], signs: Signs) -> list[Edit]:
    edits: list[Edit] = []
    for row, found in signs.places(text).items():
        _, before, pattern = rows[row]
        for match in matches(pattern, text, windows(found, before, _BEHIND)):
            edits += span(text, *match.span(1), "password")
    return edits
