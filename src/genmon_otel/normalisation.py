"""Replace what varies in an error message and keep what names the problem.

One expression scans the message once, from one beginning of a token to the next; a
small function for each kind of token decides what stands in its place. What is decided:

- Numbers, ids, hashes, dates, addresses, paths (but for their extension) always go. A
  number stays where the words around it make it a code: ``status 503``, ``[Errno 2]``,
  ``Error code: 429``, ``429 Too Many Requests``.
- A quoted value goes (``User 'bob' not found``), unless the words beside it say that it
  names part of the code or of a schema: ``No module named 'x'``, ``'str' object``,
  ``has no attribute 'y'``, ``KeyError: 'title'``. Two missing modules are two failures;
  two users are one.
- JSON and Python literals keep their keys. Values go, but those of ``code``, ``type``,
  ``status`` and the like, which name the problem.

Every repetition in the expression is over a class that excludes what ends it, or is
bounded, so it is linear; and only a window of head and tail is ever scanned.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from genmon_otel import quoted
from genmon_otel.text import GAP, clean
from genmon_otel.tokens import ID, NUMBER, token

#: Characters scanned of a longer message: so many of its head and of its tail.
_WINDOW: Final = (1_536, 512)
#: Characters kept of a longer normalised message. Less than the window, so that a
#: longer id near the front does not push other words over the edge.
_KEPT: Final = (640, 320)

#: Scans of one text; the first all but always suffices.
_MAX_ROUNDS: Final = 4

_MONTH: Final = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_WEEKDAY: Final = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}"
_ZONE: Final = (
    r"(?:\s?(?:Z[0-9]{2}:[0-9]{2}|Z\b|(?:UTC|GMT)(?:[+-][0-9]{2}:?[0-9]{2})?\b|UT\b|[ECMP][SD]T\b|CES?T\b"
    r"|[+-][0-9]{2}:?[0-9]{2}\b))?(?:\s\([A-Z][A-Za-z ]{1,40}\))?"
)
_CLOCK: Final = r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,9})?)?(?![0-9:])"
_TIME: Final = rf"{_CLOCK}(?:\s?[aApP][mM]\b)?{_ZONE}"
# 02 Jan 2006 15:04:05 -0700; 02-Jan-06 15:04:05 MST; 02/Jan/2006:15:04:05 +0000
_DAY_FIRST: Final = (
    rf"[0-9]{{1,2}}(?:st|nd|rd|th)?[\s/-]{_MONTH}\.?,?"
    rf"(?:[\s/-](?:[0-9]{{4}}|[0-9]{{2}})\b(?!:[0-9]{{2}}\s))?(?:[,:]?\s?{_TIME})?"
)
_DATE_WORDS: Final = (
    # Mon Jan 02 2006 14:04:05 GMT-0800 (Pacific Standard Time); January 18th, 2019 at 5:00 PM
    rf"(?:{_WEEKDAY},?\s)?{_MONTH}\.?\s{{1,2}}[0-9]{{1,2}}(?:st|nd|rd|th)?\b"
    rf"(?:,?\s[0-9]{{4}}\b(?!:))?(?:(?:,|\sat)?\s{_TIME})?(?:\s[0-9]{{4}}\b)?",
    rf"{_WEEKDAY},?\s{_DAY_FIRST}",
)
_DATE_DIGITS: Final = (
    _DAY_FIRST,
    # 2006-01-02, 2006/01/02 15:04:05,123, 20060102T150405Z
    r"[0-9]{4}(?:-[01][0-9]-[0-3][0-9]|/[01][0-9]/[0-3][0-9]|\.[01][0-9]\.[0-3][0-9]"
    r"|(?<=[12][0-9]{3})[01][0-9][0-3][0-9](?=[T\s_-][0-2][0-9]:?[0-5][0-9](?::?[0-5][0-9])?(?![0-9])))"
    r"(?:[T\s_-][0-2][0-9][:-]?[0-5][0-9](?:[:-]?[0-5][0-9](?:[.,][0-9]{1,9})?)?(?![0-9])"
    rf"{_ZONE})?(?![0-9A-Za-z])",
    # 01/02/2006 3:04 PM, 2.1.2006
    rf"[0-9]{{1,2}}(?P<sep>[/.-])[0-9]{{1,2}}(?P=sep)(?:19|20)[0-9]{{2}}(?:,?\s{_TIME})?(?![0-9])",
    r"[0-9]{4}-W[0-9]{2}(?:-[0-9])?(?![0-9A-Za-z])",
    _TIME,
)
_DURATION: Final = (
    r"(?:\s?(?:ns|[uµμ]s|ms|msecs?|secs?|seconds?|mins?|minutes?|hrs?|hours?|days?|weeks?|months?"
    r"|years?|milliseconds?|microseconds?|nanoseconds?)|[smhd])"
)
_SIZE: Final = (
    r"(?:\s?(?:[kKMGTPE]i?[bB]|bytes?|[kmgKMG]bits?|[kKMGT]bps)|[bBkKMGT])(?:/s)?(?![A-Za-z0-9_-])"
)
_NUMBER: Final = (
    r"[0-9]{1,6}(?:\.[0-9]{1,6}){1,3}[-+](?:alpha|beta|rc|dev|canary|next|pre|post|build|nightly)[\w.+-]{0,40}"
    r"|(?:[0-9]{1,3}(?:[,_'][0-9]{3}){1,8}(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+){0,6}|\.[0-9]+)"
    r"(?:[eE][-+]?[0-9]+)?"
    rf"(?:{_DURATION}(?:\s?[0-9]{{1,6}}(?:\.[0-9]{{1,6}})?{_DURATION}){{0,3}}(?![A-Za-z0-9_-])"
    rf"|{_SIZE}|(?:st|nd|rd|th)?(?![A-Za-z0-9_]|-[0-9]{{0,8}}[A-Za-z]))"
)
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})"
_IPV4: Final = rf"{_OCTET}(?:\.{_OCTET}){{3}}(?![0-9A-Za-z]|\.[0-9])"
#: Eight groups, or a '::' that has a digit near it or nothing like a name around it.
_IPV6: Final = (
    r"(?<!:)(?=[0-9a-fA-F]{0,4}:[0-9a-fA-F:])(?:(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}(?![0-9A-Za-z:])"
    r"|(?=[0-9a-fA-F:]{0,36}?::)(?=[a-fA-F:]{0,39}[0-9]|::(?![\w(:<]))(?:[0-9a-fA-F]{0,4}:){2,7}"
    rf"(?:{_IPV4}|[0-9a-fA-F]{{0,4}})(?:%\w{{1,16}})?(?:/[0-9]{{1,3}})?(?![0-9A-Za-z:(]))"
)
_UUID: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9A-Za-z])"
_EMAIL: Final = (
    r"[A-Za-z0-9][A-Za-z0-9._%+*-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}"
    r"\.[A-Za-z]{2,24}(?![A-Za-z0-9])"
)
_URLS: Final = (
    r"[A-Za-z][A-Za-z0-9+.-]{0,20}://[^\s'\"<>`|{}\\]*[^\s'\"<>`|{}\\.,;:!?)\]]",
    r"data:[a-z]{2,12}/[\w.+-]{1,40};base64,[A-Za-z0-9+/=_-]*",
    r"(?:mailto:|www\.)[^\s'\"<>]{1,200}[\w/]",
)
_TLD: Final = (
    r"(?:com|net|org|edu|gov|io|dev|ai|app|cloud|internal|local|localdomain|co|uk|de|fr|eu|us|ru|cn"
    r"|jp|br|xyz|info)"
)
_DOMAIN: Final = rf"(?:localhost(?=:[0-9])|(?:[a-z0-9-]{{1,63}}\.){{1,6}}{_TLD})(?::[0-9]{{1,5}})?(?![\w(-]|\.\w)"
_EXTENSION: Final = (
    r"(?:pyi?|ipynb|[cm]?[jt]sx?|vue|svelte|astro|html?|s?css|less|json[5l]?|ya?ml|toml|ini|mdx?"
    r"|txt|csv|tsv|xml|svg|png|jpe?g|gif|webp|pdf|docx?|xlsx?|zip|tar|gz|tgz|whl|sql|sqlite3?|sh"
    r"|ps1|bat|go|rs|java|kt|rb|php|cpp|hpp|cs|swift|dart|parquet)"
)
#: ``:12:5`` or ``(12,5)`` after a path.
_LINE: Final = (
    r"(?::[0-9]{1,7}(?![0-9.]|:[0-9]{1,7}:[0-9])){0,2}(?:\([0-9]{1,7}(?:,\s?[0-9]{1,7})?\))?"
)
_PART: Final = r"[\w.@%+~$&!=-]"
_ROOTED: Final = (
    r"\\\\[\w.$-]{1,64}(?:\\+[\w.$-]{1,64}){1,16}",
    rf"(?:~|\.{{1,2}})?(?<![<)\]])/(?:{_PART}{{1,64}}/){{0,20}}{_PART}{{0,64}}(?<=[\w~$])/?",
)
_RELATIVE: Final = (
    r"(?!(?:application|text|image|audio|video|font|multipart|model)/)(?:[\w.@-]{1,64}/){1,16}"
    r"[\w.@+()\[\]-]{0,64}?\.[A-Za-z][A-Za-z0-9]{0,6}(?![A-Za-z0-9_.])",
    rf"(?:[\w.@-]{{1,64}}\\{{1,2}}){{1,12}}[\w.@+-]{{0,64}}?\.{_EXTENSION}(?![A-Za-z0-9_])",
    rf"[\w@+-][\w.@+-]{{0,64}}?\.{_EXTENSION}(?![\w(-]|\.[A-Za-z])",
)
_DRIVE: Final = (
    r"[A-Za-z]:[\\/](?:[^\\/:*?\"'`<>|\n]{1,80}[\\/]+){0,16}[^\s\\/:*?\"'`<>|,;()\]]{0,80}"
)
_TOKENS: Final = (
    r"(?=[A-Za-z_-]{0,48}[0-9])[A-Za-z0-9_]+(?:-+[A-Za-z0-9_]+){0,24}(?![A-Za-z0-9+/=_])",
    r"[A-Za-z0-9+/_-]{32,}={0,2}",
    r"(?=[A-Za-z_-]{0,48}[0-9])[A-Za-z0-9_]+(?:-+[A-Za-z0-9_]+){0,24}",
)


def _any(*patterns: str) -> str:
    return "|".join(patterns)


def _section(letter: str, guard: str, kinds: tuple[tuple[str, str], ...]) -> str:
    """Return one alternative of the whole expression: a guard that fails fast, then kinds.

    The kinds' groups are named ``kind_letter``; :func:`_Scan._replace` reads the kind off.
    """
    return f"{guard}(?:{_any(*(f'(?P<{kind}_{letter}>{pattern})' for kind, pattern in kinds))})"


#: Most tokens are plain words; the first two guards pass over them at one glance.
_VARIABLE: Final = re.compile(
    # at the beginning of a token; what touches a placeholder was part of what it replaced
    r"(?<![A-Za-z0-9_])(?<!<n>)(?<!<id>)(?<!(?:str|ion|ize|ate|ost|ath|url|ail|ool)>)(?:"
    + _any(
        # letters, and more than letters
        _section(
            "w",
            r"(?=[A-Za-z_])(?![A-Za-z]+(?:[\s,;)!?\]}]|[.:]\s|$))",
            (
                ("quoted", quoted.PREFIXED),
                (
                    "path",
                    rf"(?:{_DRIVE}|file:/{{0,3}}{_PART}{{0,64}}(?:/{_PART}{{0,64}}){{0,20}}){_LINE}",
                ),
                ("url", _any(*_URLS)),
                ("email", _EMAIL),
                ("uuid", rf"(?:urn:uuid:)?{_UUID}"),
                (
                    "date",
                    r"datetime\.(?:datetime|date|time|timedelta)\([^()]{0,120}(?:\([^()]{0,60}\))?[^()]{0,60}\)",
                ),
                ("host", rf"(?=[0-9a-fA-F]{{1,4}}:)(?:{_IPV6})"),
                ("input", r"input_value=.{0,400}?(?=, input_type=)"),
                (
                    "pair",
                    r"[A-Za-z_][\w.-]{0,40}=(?=[\w'\"`])(?:[\w.+@%-]{1,120}(?![\w.+@%:/\\-]))?",
                ),
                ("path1", rf"(?:{_any(*_RELATIVE)}){_LINE}"),
                ("domain", _DOMAIN),
                ("version", r"v[0-9]{1,6}(?:\.[0-9]{1,6}){1,3}(?:[-+][\w.+-]{1,40})?(?![\w])"),
                ("token", _any(*_TOKENS)),
            ),
        ),
        # words alone: what the words after them make of them
        _section(
            "a",
            r"(?=[A-Za-z])",
            (
                ("date", rf"(?=[A-Z][a-z]{{2}})(?:{_any(*_DATE_WORDS)})"),
                ("label", rf"{quoted.SUBJECT_LABEL}:\s(?=\w)[\w.@+-]{{1,80}}(?!:/)"),
                ("subject", rf"(?:for|by|of)\suser\s(?!{quoted.PROSE}\b)[A-Za-z][\w.@+-]{{0,80}}"),
                ("tuple", r"Key\s\([^()]{1,80}\)=\([^()]{0,200}\)"),
                ("literal", r"(?:true|false|True|False)(?=\s?[,}\]])"),
            ),
        ),
        _section(
            "d",
            r"(?=[0-9])",
            (
                ("uuid", _UUID),
                ("date", _any(*_DATE_DIGITS)),
                ("host", rf"{_IPV4}(?:/[0-9]{{1,2}}|:[0-9]{{1,5}})?(?![0-9])|{_IPV6}"),
                ("number", _NUMBER),
                ("email", _EMAIL),
                ("path", rf"(?:{_any(*_RELATIVE)}){_LINE}"),
                ("domain", _DOMAIN),
                ("token", _any(*_TOKENS)),
            ),
        ),
        _section(
            "p",
            r"""(?=["'`\u201c\u2018«<\[:~./\\+@-])""",
            (
                ("placeholder", r"<[a-z]{1,9}>"),
                ("quoted", quoted.PATTERN),
                ("path", rf"(?:{_any(*_ROOTED)}){_LINE}"),
                ("path1", rf"(?=\.[\w.]|@)(?:{_any(*_RELATIVE)}){_LINE}"),
                ("number", rf"[-+]?(?:{_NUMBER})"),
                (
                    "host",
                    rf"\[(?=[0-9a-fA-F]{{0,4}}:)[0-9a-fA-F:.]{{2,45}}(?:%\w{{1,16}})?\](?::[0-9]{{1,5}})?|{_IPV6}",
                ),
            ),
        ),
    )
    + ")"
)

#: Words before a number that make it a code: any code, or only what looks like an HTTP status.
_CODE_BEFORE: Final = re.compile(
    r"(?:\b(?:http_?)?status(?:[ _-]?code)?|\b(?:[a-z]+_)?code|errno|\bHTTP(?:/[0-9.]*)?|exit(?: status| code)"
    r"|SQLSTATE|WinError|signal|returncode|statusCode|errorCode|exitCode)[\"'\s:=#(\[]*$"
    r"|(?P<weak>\b(?:error|failed|failure|returned|responded|response|respond|got|received|with|server|client|a|an))[\s:(\[]*$",
    re.IGNORECASE,
)
_REASON_AFTER: Final = re.compile(
    r" (?:OK|Bad|Unauthorized|Payment|Forbidden|Not |Method|Proxy|Request|Conflict|Gone|Length|Precondition"
    r"|Payload|Content|URI|Unsupported|Unprocessable|Too |Internal|Service|Gateway|Client|Server|Moved|Found)"
)
_UNIT_AFTER: Final = re.compile(
    r"[ -](?!for\b|from\b|on\b|at\b|when\b|while\b|calling\b|in\b|by\b|error|status|response|and\b)[a-z]"
)
_UNIT: Final = re.compile(r"(?!(?:st|nd|rd|th)$)[A-Za-zµμ/]+$")
_SIZE_ONLY: Final = re.compile(_SIZE)
_STATUS: Final = re.compile(r"[1-5][0-9]{2}")
_PLURAL: Final = re.compile(r"(<n>(?: [a-z]+)? [a-z]{2,}?)(?:(ies)|(?<![siua])s)\b")
_REPEATED: Final = re.compile(r"(<[a-z]{1,9}>)(?:,\s?\1)+")
_SPACE: Final = re.compile(r"\s+")

#: Files whose names name the problem, wherever they lie.
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

    Alike messages become equal. Idempotent, linear, at most about a thousand characters.
    """
    head, tail = _WINDOW
    if len(message) <= head + tail:
        whole = _normalise(message)
    else:
        whole = f"{_normalise(message[:head])}{GAP}{_normalise(message[-tail:])}"
    head, tail = _KEPT
    if len(whole) <= head + tail + len(GAP):
        return whole
    return f"{whole[:head].rpartition(' ')[0] or whole[:head]}{GAP}{whole[-tail:].partition(' ')[2] or whole[-tail:]}"


@lru_cache(maxsize=128)  # a fingerprint and its signature ask for the same message
def _normalise(text: str) -> str:
    text = " ".join(clean(text, len(text)).split())
    for _ in range(_MAX_ROUNDS):
        before, text = text, _once(text)
        if text == before or _SETTLED.fullmatch(text):
            break
    return text


#: No quotation marks but those of names that were kept: another scan would find nothing new.
_SETTLED: Final = re.compile(
    r"""(?:[^'"`\u2018-\u201d«]++|(?<![A-Za-z0-9_>])'[\w.<@/%*$-][\w.<>@/%*$ -]{0,80}'(?![A-Za-z0-9_<'])|(?<=[a-z])'(?=[a-z]))*+"""
)


def _once(text: str) -> str:
    text = _Scan(text).result
    if "<n> " in text:
        text = _PLURAL.sub(lambda match: match[1] + ("y" if match[2] else ""), text)
    return _REPEATED.sub(r"\1", text) if ">," in text else text


class _Scan:
    """One pass over one text; knows what stood before, which decides what a value means."""

    __slots__ = ("kept_until", "result", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        #: Where the last quoted name ended that was kept: ``'a' and 'b'`` are kept together.
        self.kept_until = -1
        self.result = _VARIABLE.sub(self._replace, text)

    def _replace(self, match: re.Match[str]) -> str:
        kind = (match.lastgroup or "").partition("_")[0].rstrip("1")
        handler = _HANDLERS.get(kind)
        return handler(self, match) if handler else f"<{kind}>"

    def _quoted(self, match: re.Match[str]) -> str:
        start, end = match.span()
        joined = self.kept_until >= 0 and self.text[self.kept_until : start].strip() in (
            ",",
            "and",
            "or",
            ", and",
            ", or",
            "/",
            "|",
        )
        content, role = quoted.role(self.text, start, end, joined=joined)
        if role is quoted.Role.VALUE:
            inner = _Scan(content).result if any(mark in content for mark in "/\\.") else ""
            return inner if quoted.TYPED.fullmatch(inner) else "<str>"
        if role is quoted.Role.NAME:
            self.kept_until = end
        inner = content if len(content) <= 3 and not content.isalnum() else _Scan(content).result
        return f"'{inner}'"

    def _number(self, match: re.Match[str]) -> str:
        value = match[0]
        if not value[-1].isdigit():
            unit = _UNIT.search(value)
            if unit:
                return "<size>" if _SIZE_ONLY.fullmatch(unit[0]) else "<duration>"
        if len(value) > 6:
            return NUMBER
        start, end = match.span()
        if _STATUS.fullmatch(value) and _REASON_AFTER.match(self.text, end):
            return value
        code = _CODE_BEFORE.search(self.text, max(0, start - 28), start)
        if code is None:
            return NUMBER
        if code["weak"]:
            word = code["weak"].lower()
            if (
                word == "error"
                and self.text[start - 1] == " "
                and value.isdigit()
                and 3 <= len(value) <= 5
            ):
                return value
            if not _STATUS.fullmatch(value) or _UNIT_AFTER.match(self.text, end):
                return NUMBER
        return value

    def _date(self, match: re.Match[str]) -> str:
        value = match[0]
        return f"{NUMBER}:{NUMBER}" if len(value) <= 5 and ":" in value else "<date>"

    def _pair(self, match: re.Match[str]) -> str:
        name, _, value = match[0].partition("=")
        name = _Scan(name).result if any(c.isdigit() for c in name) else name
        if not value:
            return f"{name}="
        if value in ("True", "False", "true", "false"):
            return f"{name}=<bool>"
        if quoted.is_subject(name):
            return f"{name}=<str>"
        if quoted.names_problem(name):
            return f"{name}={value if len(value) <= 6 and value.isdigit() else _Scan(value).result}"
        return f"{name}={_Scan(value).result}"

    def _label(self, match: re.Match[str]) -> str:
        return f"{match[0].partition(':')[0]}: <str>"

    def _subject(self, match: re.Match[str]) -> str:
        return f"{match[0][: match[0].index('user')]}user <str>"

    def _tuple(self, match: re.Match[str]) -> str:
        return f"{match[0].partition('=')[0]}=(<str>)"

    def _literal(self, match: re.Match[str]) -> str:
        before = self.text[: match.start()].rstrip()[-1:]
        return "<bool>" if before in (":", "[", ",") else match[0]

    def _path(self, match: re.Match[str]) -> str:
        value = re.sub(r"(?::[0-9]+){1,2}$|\([0-9, ]+\)$", "", match[0])
        before = self.text[max(0, match.start() - 8) : match.start()]
        if value.startswith("/") and before.endswith(
            ("GET ", "POST ", "PUT ", "PATCH ", "DELETE ", "HEAD ", "OPTIONS ")
        ):
            return "/".join(_Scan(part).result for part in value.split("/"))
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
        if len(value) >= 32 and (
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
    "tuple": _Scan._tuple,
    "input": lambda _scan, _match: "input_value=<str>",
    "literal": _Scan._literal,
    "path": _Scan._path,
    "domain": lambda _scan, _match: "<host>",
    "token": _Scan._token,
    "uuid": lambda _scan, _match: ID,
    "version": lambda _scan, _match: NUMBER,
}
