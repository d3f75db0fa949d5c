"""Replace what varies in an error message and keep what names the problem.

One expression scans the message once, from one beginning of a token to the next; a
small function for each kind of token decides what replaces it. What is decided:

- Numbers, ids, hashes, dates, addresses, paths (but for their extension) always go. A
  number stays where the words around it make it a code: ``status 503``, ``[Errno 2]``,
  ``Error code: 429``, ``429 Too Many Requests``.
- A quoted value is replaced (``User 'bob' not found``), unless the words next to it say that it
  names part of the code or of a schema: ``No module named 'x'``, ``'str' object``,
  ``has no attribute 'y'``, ``KeyError: 'title'``. Two missing modules are two failures;
  two users are one.
- JSON and Python literals keep their keys. Values go, but those of ``code``, ``type``,
  ``status`` and the like, which name the problem.

Only a window of head and tail is ever scanned.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from genmon_otel.fingerprint import languages, quoted
from genmon_otel.fingerprint.layout import one_line
from genmon_otel.fingerprint.listed import distinct, members_once
from genmon_otel.fingerprint.numbers import number
from genmon_otel.fingerprint.tokens import ID, NUMBER, scrambled, token
from genmon_otel.fingerprint.variables import EXTENSION, VARIABLE
from genmon_otel.fingerprint.window import windows, without_parameters, without_prose
from genmon_otel.text import GAP

#: Characters kept of a longer normalised message. Less than the window, so that a
#: longer id near the front does not push other words over the edge.
_KEPT: Final = (512, 256)

#: Scans of one text until nothing changes; two nearly always suffice.
_MAX_ROUNDS: Final = 4

#: Between two quoted names of one list.
_JOINS: Final = re.compile(r"\s*(?:,(?:\s*(?:[0-9]{1,6}|<n>),)*|,?\s*(?:and|or)|[/|])\s*")
_PLURAL: Final = re.compile(r"(<n>(?: [a-z]+)? [a-z-]{2,40}?)(?:(ies)|(?<![siua])s)\b")
#: Equal members of a list, or of a list of lists.
_REPEATED: Final = re.compile(
    r"(<[a-z]{1,9}>(?:\.\w{1,7})?"
    r"|[\[({](?:[^\[\](){}]{1,160}|[^\[\](){}]{0,40}(?:\([^()]{1,40}\)[^\[\](){}]{0,40}){1,8})[\])}])(?:,\s?\1)+"
)
#: ``Montag, <date>``
_WEEKDAY: Final = re.compile(
    rf"(?:\b(?i:{languages.WEEKDAY}),?\s(?:den\s|le\s|dia\s|día\s)?|\b[A-Za-zÀ-ÿ]{{2,3}}\.,?\s"
    r"|(?:[上下]午|午前|午後|오전|오후)\s?)<date>"
)
#: ``rows 3, 7 and 9``
_NUMBERED: Final = re.compile(
    r"\b([Rr]ow|[Ll]ine|[Ii]tem|[Pp]age|[Cc]olumn|[Ff]ile|[Rr]ecord|[Pp]osition|[Oo]rder|[Cc]hunk|[Ss]tep)s"
    r" <n>(?:,? (?:and|or) <n>)?"
)
#: ``@p1, @p2``, ``:id_0``: names of bound values that a driver counts.
_BOUND: Final = re.compile(
    r"(?<![\w/:.])([@:][A-Za-z_]\w{0,30}?)[0-9]{1,5}(?![\w:.])(?:,\s?[@:][A-Za-z_]\w{0,30}?[0-9]{1,5}(?![\w:.]))*"
)
#: ``3 items are``
_AGREES: Final = re.compile(r"(<n>(?: [a-z]+)? [a-z-]{2,40}?) (are|were|have|do)\b")
_SINGULAR: Final = {"are": "is", "were": "was", "have": "has", "do": "does"}
#: ``1 234 567``
_GROUPED: Final = re.compile(r"(?:<n> )+(?=<(?:n|size|duration)>)")
_ONLY_MEMBER: Final = re.compile(r"(?<=\()(<[a-z]{1,9}>),(?=\))")
#: What jsonschema prints first: the value that it refused.
_REFUSED: Final = re.compile(
    r"^(?:[\[{'\"0-9-]|None|True|False).{0,1000}?(?= is (?:not (?:of type|one of|valid under|a multiple of|a '|allowed for)"
    r"|too (?:long|short)|less than|greater than|valid under each)| does not (?:match '|contain|have enough)| has (?:non-unique|too many))"
)

#: A quoted path, which may hold spaces.
_ROOTED_QUOTED: Final = re.compile(
    r"(?:~?/|\.{1,2}/|[A-Za-z]:[\\/]|\\\\)[^\n'\"`<>|*?]{1,300}[\\/][^\n'\"`<>|*?/\\]{0,120}"
)

#: A file's name with spaces in it.
_FILE_QUOTED: Final = re.compile(
    rf"[^\n'\"`<>|*?/\\]{{1,80}} [^\s'\"`<>|*?/\\]{{1,80}}\.{EXTENSION}"
)

#: Files whose names identify the problem, in any folder.
_MANIFESTS: Final = frozenset(
    "package.json package-lock.json tsconfig.json jsconfig.json pyproject.toml requirements.txt setup.py"
    " setup.cfg pnpm-lock.yaml pnpm-workspace.yaml vite.config.ts vite.config.js webpack.config.js"
    " next.config.js tailwind.config.js postcss.config.js babel.config.js eslint.config.js manifest.json"
    " index.html docker-compose.yml composer.json Cargo.toml go.mod".split()
)
_DIGIT_EXTENSIONS: Final = frozenset("json5 sqlite3 mp3 mp4 m4a 7z bz2 woff2 ps1 py3".split())
_PRODUCTS: Final = frozenset(
    "node next vue nuxt express react three d3 chart alpine ember backbone require angular nest solid".split()
)


def normalise(message: str) -> str:
    """Return ``message`` with its variables replaced by placeholders such as ``<n>`` or ``<path>.py``.

    Messages that differ only in variables become equal. Idempotent, linear, at most about 800 characters.
    """
    if type(message) is not str:
        message = str.__str__(message)  # a subclass may have hostile methods
    pieces = windows(distinct(message))
    if len(pieces) == 1:
        whole = _normalise(pieces[0])
    else:  # each once, since what is left of both is scanned again
        whole = _normalise(_shortened(GAP.join(map(_scanned, pieces))))
    for _ in range(_MAX_ROUNDS):  # a cut may leave one quotation mark of two
        if len(whole) <= sum(_KEPT) + len(GAP):
            return whole
        whole = _normalise(_shortened(whole))
    return _shortened(_words(whole))


def key(normalised: str) -> str:
    """Return the part of a normalised message that is compared: ids count as numbers."""
    return _counted_once(normalised.replace(ID, NUMBER)) if ID in normalised else normalised


def _shortened(text: str) -> str:
    """Keep head and tail up to whole words."""
    head, tail = _KEPT
    if len(text) <= head + tail + len(GAP):
        return text
    first, last = text[:head], text[-tail:]
    return f"{first.rpartition(' ')[0] or first}{GAP}{last.partition(' ')[2] or last}"


@lru_cache(maxsize=128)  # a fingerprint and its signature ask for the same message
def _normalise(text: str) -> str:
    return _settled(_scanned(text))


@lru_cache(maxsize=512)  # messages never seen before settle as the last that differed in a number
def _settled(text: str) -> str:
    for _ in range(_MAX_ROUNDS - 1):
        if _PLAIN.fullmatch(text):
            return text
        before, text = text, _scanned(members_once(text) if "," in text else text)
        if text == before:
            return text
    return _words(text)


def _scanned(text: str) -> str:
    text = without_prose(without_parameters(one_line(text)))
    return _once(_REFUSED.sub("<str>", text, count=1))


#: Another scan would find nothing new: words, placeholders, and a comma or full stop after them.
_PLAIN: Final = re.compile(
    r"(?:(?:[A-Za-z]++|<(?:n|id|str|duration|path|url|date)>)[,.;]?+(?: |$))*+"
)


def _words(text: str) -> str:
    """What is left of a text that never settles: its words and placeholders."""
    return _once(" ".join(_WORD.findall(text)))


_WORD: Final = re.compile(r"<[a-z]{1,9}>|[A-Za-z]+")


def _once(text: str) -> str:
    text = _Scan(text).result
    return _counted_once(text)


def _counted_once(text: str) -> str:
    """A text that does not say how many: nouns in the singular, members of a list once."""
    if "<date>" in text:
        text = _WEEKDAY.sub("<date>", text)
    if "<n> " in text:
        if "<n> <" in text:
            text = _GROUPED.sub("", text)
        text = _PLURAL.sub(lambda match: match[1] + ("y" if match[2] else ""), text)
        text = _AGREES.sub(lambda match: f"{match[1]} {_SINGULAR[match[2]]}", text)
    if "," in text and ("<" in text or "?" in text):
        text = _ONLY_MEMBER.sub(r"\1", _REPEATED.sub(r"\1", text))
    if "@" in text or " :" in text or "(:" in text:
        text = _BOUND.sub(r"\1<n>", text)
    if "s <n>" in text:
        text = _NUMBERED.sub(r"\1 <n>", text)
    return text


def _inner(text: str) -> str:
    """Return the normalised form of a part of a token."""
    return text if text.isascii() and text.isalpha() else _scanned_part(text)


@lru_cache(maxsize=256)
def _scanned_part(text: str) -> str:
    return _Scan(text).result


class _Scan:
    """One pass over one text; knows what stood before, which decides what a value means."""

    __slots__ = ("kept_until", "result", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        #: Where the last quoted name ended that was kept: ``'a' and 'b'`` are kept together.
        self.kept_until = -1
        self.result = VARIABLE.sub(self._replace, text)

    def _replace(self, match: re.Match[str]) -> str:
        handler = _BY_GROUP[match.lastgroup or ""]
        return handler if isinstance(handler, str) else handler(self, match)

    def _quoted(self, match: re.Match[str]) -> str:
        start, end = match.span()
        joined = (
            self.kept_until >= 0 and _JOINS.fullmatch(self.text, self.kept_until, start) is not None
        )
        content, role = quoted.role(self.text, start, end, joined=joined)
        if role is quoted.Role.VALUE:
            if _ROOTED_QUOTED.fullmatch(content) or _FILE_QUOTED.fullmatch(content):
                return self._as_path(content)
            inner = _inner(content) if any(mark in content for mark in "/\\.") else ""
            return inner if quoted.TYPED.fullmatch(inner) else "<str>"
        if role is quoted.Role.NAME:
            self.kept_until = end
        if len(content) <= 3 and not content.isalnum():
            return f"'{content}'"
        if content[0] == content[-1] and content[0] in "'\"`":
            content = content[1:-1]  # tsc: Module '"react"' has no exported member
        return f"'{_inner(content)}'"

    def _number(self, match: re.Match[str]) -> str:
        return number(self.text, *match.span())

    def _date(self, match: re.Match[str]) -> str:
        value = match[0]
        return f"{NUMBER}:{NUMBER}" if len(value) <= 5 and ":" in value else "<date>"

    def _pair(self, match: re.Match[str]) -> str:
        name, _, value = match[0].partition("=")
        name = _inner(name) if any(map(str.isdigit, name)) else name
        if not value:
            return f"{name}="
        if value in ("True", "False", "true", "false"):
            return f"{name}=<bool>"
        if quoted.is_subject(name):
            return f"{name}=<str>"
        if quoted.names_problem(name):
            return f"{name}={value if len(value) <= 6 and value.isdigit() else _inner(value)}"
        return f"{name}={_inner(value)}"

    def _label(self, match: re.Match[str]) -> str:
        return f"{match[0].partition(':')[0]}: <str>"

    def _subject(self, match: re.Match[str]) -> str:
        return f"{match[0].rpartition(' ')[0].lower()} <str>"

    def _stem(self, match: re.Match[str]) -> str:
        stem, _, rest = match[0].partition("_")
        return f"{stem}_{ID}" if rest.isupper() or scrambled(rest) else match[0]

    def _tuple(self, match: re.Match[str]) -> str:
        return f"{match[0].partition('=')[0]}=(<str>)"

    def _literal(self, match: re.Match[str]) -> str:
        before = self.text[: match.start()].rstrip()[-1:]
        return "<bool>" if before in (":", "[", ",") else match[0]

    def _instance(self, match: re.Match[str]) -> str:
        where, _, _ = match[0].partition(": ")
        return f"{_inner(where)}: <str>"

    def _path(self, match: re.Match[str]) -> str:
        value = re.sub(r"(?::[0-9]+){1,2}$|\([0-9, ]+\)$|\?.*$", "", match[0])
        before = self.text[max(0, match.start() - 8) : match.start()]
        if value.startswith("/") and before.endswith(
            ("GET ", "POST ", "PUT ", "PATCH ", "DELETE ", "HEAD ", "OPTIONS ")
        ):
            return "/".join(_inner(part) for part in value.split("/"))
        return self._as_path(value)

    def _pointer(self, match: re.Match[str]) -> str:
        return "/".join(_inner(part) for part in match[0].split("/"))

    def _as_path(self, value: str) -> str:
        name = re.split(r"[\\/]", value.rstrip("/\\"))[-1]
        if name in _MANIFESTS:
            return name
        stem, dot, extension = name.rpartition(".")
        if (
            not dot
            or not stem.strip(".")
            or not extension.isalnum()
            or len(extension) > 7
            or not (extension.isalpha() or extension in _DIGIT_EXTENSIONS)
        ):
            return "<path>"
        if stem.lower() in _PRODUCTS and name == value and extension == "js":
            return value
        return f"<path>.{extension}"

    def _token(self, match: re.Match[str]) -> str:
        value = match[0]
        if (len(value) >= 32 or value[-1] == "=") and (
            value[-1] == "="
            or "+" in value
            or "/" in value
            or (
                any(map(str.isdigit, value))
                and any(map(str.isupper, value))
                and any(map(str.islower, value))
            )
        ):
            letters = value.replace("/", "").replace("-", "").replace("_", "")
            if not letters.isalpha() or not value.islower():
                return token(value) if "_" in value[:12] or "-" in value[:12] else ID
        if not any(map(str.isdigit, value)):
            return value
        return token(value)


_HANDLERS: Final[dict[str, Callable[[_Scan, re.Match[str]], str]]] = {
    "placeholder": lambda _scan, match: match[0],
    "quoted": _Scan._quoted,
    "number": _Scan._number,
    "date": _Scan._date,
    "pair": _Scan._pair,
    "label": _Scan._label,
    "subject": _Scan._subject,
    "person": lambda _scan, _match: "<str>",
    "branch": lambda _scan, match: f"{match[0].partition(' ')[0]} <str>",
    "article": lambda _scan, match: f"{match[0].partition(' ')[0].rstrip(':#')} {ID}",
    "stem": _Scan._stem,
    "tuple": _Scan._tuple,
    "input": lambda _scan, _match: "input_value=<str>",
    "literal": _Scan._literal,
    "path": _Scan._path,
    "pointer": _Scan._pointer,
    "domain": lambda _scan, _match: "<host>",
    "token": _Scan._token,
    "uuid": lambda _scan, _match: ID,
    "version": lambda _scan, _match: NUMBER,
    "name": lambda _scan, match: match[0],
    "instance": _Scan._instance,
    "missing": lambda _scan, match: match[0],
    "unclosed": lambda _scan, _match: "<str>",
}
#: The replacement of a match, by the name of its group in :data:`VARIABLE`: ``number_d``, ``path1_w``.
_BY_GROUP: Final[dict[str, str | Callable[[_Scan, re.Match[str]], str]]] = {
    group: _HANDLERS.get(kind, f"<{kind}>")
    for group in VARIABLE.groupindex
    for kind in [group.partition("_")[0].rstrip("1")]
}
