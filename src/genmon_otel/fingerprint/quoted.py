"""Decide what a quoted string in an error message is: a value, or a name that names the problem."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

# Bounded in their escapes: without a closing mark each opening one would look through all the rest.
_DOUBLE: Final = r"""\"[^"\\]*+(?:\\.[^"\\]*+){0,150}+\"(?![A-Za-z0-9_<])"""
#: With up to two apostrophes inside: 'it's here'.
_SINGLE: Final = r"""'[^'\\]*+(?:\\.[^'\\]*+){0,150}+(?:'[a-z][^'\\]*){0,2}'(?![A-Za-z0-9_<])"""
PATTERN: Final = (
    rf"{_DOUBLE}|{_SINGLE}|`[^`]*`|\u201c[^\u201c\u201d]*\u201d|\u201e[^\u201c-\u201e]*[\u201c\u201d]|\u2018[^\u2018\u2019]*\u2019|«[^«»]*»"
    r"|\u300c[^\u300c\u300d]*\u300d|\u300e[^\u300e\u300f]*\u300f|\u300a[^\u300a\u300b]*\u300b|\u2039[^\u2039\u203a]*\u203a"
)
#: The same behind a prefix of Python's: b'...', f"...".
PREFIXED: Final = rf"[bBrRuUfF](?:{_DOUBLE}|{_SINGLE})"
#: Typed placeholders that say more than ``<str>``.
TYPED: Final = re.compile(
    r"<path>(?:\.\w+)?|<url>|[\w.-]{1,32}\.(?:json|toml|txt|html|ya?ml|cfg|[jt]s|py|mod)"
)


class Role(Enum):
    """What a quoted string is."""

    VALUE = "value"
    NAME = "name"
    KEY = "key"
    MESSAGE = "message"


#: What stands right before a quoted string: a word, and brackets.
_BEFORE: Final = re.compile(r"(\w+)(?:\(s\))?[:=]?\s*([\[({]{0,2})$")
#: Words right before a quoted name of code or schema.
_NAMING: Final = frozenset(
    "module modules named attribute attributes argument arguments param params parameter parameters property"
    " properties member members function functions method methods class codec encoding column columns table"
    " tables relation field fields key keys type types variable variables symbol identifier package packages"
    " plugin plugins preset loader operator keyword constraint command resolve reading setting hook format tag"
    " enum option extension element rule requirement library decorator annotation directive prop props script"
    " engine dependency export exports import interface trait struct namespace syntax unit schema event header"
    " language locale flag metric label collection view sequence trigger role permission scope".split()
)
#: Words before one that hold only if it is listed: ``expected ['title']``.
_LISTING: Final = frozenset("missing a an not expected required".split())
_AFTER: Final = re.compile(
    r"\s?(?:object\b|is not (?:defined|a function|exported|recogni[sz]ed as|a module|callable|iterable|subscriptable"
    r"|assignable|a constructor|in this registry|in the npm registry)|codec\b|is a required\b|in scope\b|has no (?:attribute|exported|member|default export)|is required|field required"
    r"|is undefined|is missing|module\b|modules\b|attribute\b|expected\b|parameter\b|argument\b|must (?:be|have|contain|not)"
    r"|property\b|column\b|cannot be (?:null|used|resolved|found)|is declared but|implicitly has|refers to a value"
    r"|is possibly|cannot be null|requires? a peer|table\b|field\b|violates|is deprecated|format\b|encoding\b|plugin\b|package\b"
    r"|only refers to|was never|has already been declared|before initialization|keyword\b|operator\b|statement\b|keys?\b|header\b|option\b|flag\b|variable\b|function\b|method\b|was never closed"
    r"|outside (?:async )?function|is an invalid keyword|takes \d|missing \d|got an unexpected|delimiter\b)",
)
#: What is none of those was a value, even if it reads like a type's name: ``'unknown' is not a number``.
_VALUE_AFTER: Final = re.compile(
    r"\s?is not an? (?:valid )?(?:number|integer|float|decimal|date|datetime|time|e-?mail|url|uuid|colou?r|boolean)\b"
)
_TYPES: Final = frozenset(
    "NoneType int str float list dict tuple set frozenset bytes bytearray bool object function method type"
    " generator coroutine async_generator module string number boolean array null undefined integer symbol"
    " bigint never unknown any void nan NaN date datetime Decimal UUID None True False true false"
    " builtin_function_or_method property slice range complex ellipsis iterator awaitable".split()
)
#: Key or label words whose value names the problem.
_PROBLEM_KEYS: Final = frozenset(
    "code type status error error_code errorcode error_type errortype status_code statuscode http_status kind"
    " errno sqlstate reason finish_reason stop_reason category severity level method param exception"
    " exception_type class codec encoding syscall cause_type input_type loc msg message detail"
    " error_description description title_code".split()
)
#: Key or label words whose value is an identity: a user, an instance.
_IDENTITY: Final = frozenset(
    "user username user_name login email name tenant customer account owner author id uid uuid guid key"
    " host hostname server client session token request org organization project path file filename".split()
)
#: A label in front of a value that is an identity: ``user_id: …``.
SUBJECT_LABEL: Final = r"(?:[A-Za-z]{1,20}[_-]){0,3}(?:id|ID|Id|user|User|username|login|tenant|customer|account|owner|author)"
#: Words behind ``user`` or ``for tenant`` that are no name.
PROSE: Final = (
    r"(?:with|not|is|was|and|or|to|in|on|at|has|input|data|request|profile|session|account|agent|settings?|already|cannot"
    r"|could|may|did|does|exceeded|name|names|id|ids|story|stories|interface|template|group|groups|role|roles|prompt"
    r"|message|messages|query|token|tokens|limit|quota|record|service|table|content|text|model|config|preferences?)"
)

_KEY: Final = re.compile(r"[\w.$-]{1,40}")
#: {'title': ['Not a valid string.']}, as marshmallow and Django say it
_LISTED_SENTENCE: Final = re.compile(r"[\"']\s?:\s?\[$")
_SENTENCE: Final = re.compile(r"[A-Z][^.]* [^.]*\.")
#: 'loc': ('body', 'title')
_LOCATION: Final = re.compile(r"[\"'](?:loc|path|fields?|missing)[\"']\s?:\s?[\[(]$")
_IMPORTED: Final = re.compile(r"\bimport(?:ed)?\b.{0,60}\bfrom\s$")
#: schema['properties']['title']
_SUBSCRIPTED: Final = re.compile(r"[\w\]]\[$")
_NAME_LIKE: Final = re.compile(r"(?:[A-Za-z_]|<[a-z]+>)(?:[A-Za-z0-9_.-]|<[a-z]+>){0,40}")
_KEYWORD_LIKE: Final = re.compile(r"[a-z]{2,12}|EOF|INDENT|DEDENT|end of file|end of input")
_ERROR_LIKE: Final = re.compile(
    r"[A-Z][A-Za-z]*(?:Error|Exception|Warning|Timeout|Interrupt)|E[A-Z]{3,14}|[A-Z]{1,5}[0-9]{3,5}"
)
_STATUS_LINE: Final = re.compile(r"[1-5][0-9]{2} [A-Z]")
#: What was to be run, rather than a file to be read: ``npm``.
_PROGRAM: Final = re.compile(r"[a-z][a-z0-9_+-]{0,19}")
_PUNCTUATION: Final = re.compile(r"[^\w\s'\"`\u201c\u2018«]{1,3}")
_CODEC: Final = re.compile(
    r"(?i)(?:utf|latin|iso|cp|ascii|windows|koi8|gb|big5|shift|euc)[-_]?[\w-]*"
)


def is_subject(name: str) -> bool:
    """Whether the value of a key or label is an identity, which never names the problem."""
    lower = name.lower()
    return (
        lower in _IDENTITY
        or lower.endswith(("_id", "-id", "_name", "_key", "_path", "_user"))
        or name.endswith("Id")
    )


def names_problem(name: str) -> bool:
    """Whether the value under this key says which problem it is."""
    return name.lower() in _PROBLEM_KEYS


def role(text: str, start: int, end: int, *, joined: bool) -> tuple[str, Role]:
    """Return what stands between the quotation marks, and what it is.

    Args:
        text: the whole message.
        start: where the quoted string begins, prefix such as ``b`` included.
        end: where it ends.
        joined: it follows a kept name after a comma or ``and``.
    """
    skip = 2 if text[start].isalpha() else 1
    content = text[start + skip : end - 1]
    before = text[max(0, start - 48) : start]
    after = text[end : end + 32]
    stripped = before.rstrip()
    if (
        after.lstrip().startswith(":")
        and (stripped[-1] in "{,[(" if stripped else " " not in content)
        and len(content) <= 64
    ):
        return content, Role.KEY
    if text[start] in "bB":
        return content, Role.NAME if _CODEC.fullmatch(content) else Role.VALUE
    if not any(map(str.isalnum, content)):
        return content, Role.NAME if _PUNCTUATION.fullmatch(content) else Role.VALUE
    name = _key(stripped) if stripped.endswith((":", "=")) else ""
    if name:
        if names_problem(name) and not is_subject(name):
            return content, Role.MESSAGE
        return content, Role.VALUE
    if _VALUE_AFTER.match(after):
        return content, Role.VALUE
    if (
        content in _TYPES
        or _STATUS_LINE.match(content)
        or _ERROR_LIKE.fullmatch(content)
        or _CODEC.fullmatch(content)
    ):
        return content, Role.NAME
    if len(content) > 80:
        return content, Role.VALUE
    if after.startswith("]") and _SUBSCRIPTED.search(before) and _NAME_LIKE.fullmatch(content):
        return content, Role.NAME
    if before.endswith("[") and _LISTED_SENTENCE.search(before) and _SENTENCE.fullmatch(content):
        return content, Role.MESSAGE
    located = before.endswith(("[", "(")) and _LOCATION.search(before)
    if joined or located or _AFTER.match(after):
        return content, Role.NAME
    if stripped.endswith("No such file or directory:") and _PROGRAM.fullmatch(content):
        return content, Role.NAME
    if _is_named(before[-24:]):  # no word of these is longer
        return content, Role.NAME
    if stripped.endswith(("token", "token:")) and _KEYWORD_LIKE.fullmatch(content):
        return content, Role.NAME
    if before.endswith("from ") and _IMPORTED.search(text[max(0, start - 96) : start]):
        return content, Role.NAME
    if (
        (not stripped or stripped.endswith("KeyError:"))
        and not after.strip()
        and _NAME_LIKE.fullmatch(content)
    ):
        return content, Role.NAME
    return content, Role.VALUE


def _key(before: str) -> str:
    """Return the key or label whose value follows ``before``; empty for none."""
    if before[-1] == "=":
        begin = len(before) - 1
        while begin and (before[begin - 1].isalnum() or before[begin - 1] == "_"):
            begin -= 1
        return before[begin:-1]
    said = before[:-1].rstrip()
    begin = said.rfind(said[-1], 0, -1) if said[-1:] in ("'", '"') else -1
    name = said[begin + 1 : -1] if begin >= 0 else ""
    return name if _KEY.fullmatch(name) else ""


def _is_named(before: str) -> bool:
    """Whether the word before a quoted string says that it is a name of code or schema."""
    match = _BEFORE.search(before)
    if match is None:
        return False
    word = match[1].lower()
    if word == "name":
        return before[: match.start()].rstrip().lower().endswith("import")
    return word in _NAMING or (word in _LISTING and match[2] not in ("", "("))
