"""The expression that finds what varies in a message: dates, numbers, ids, paths, quoted values.

One expression, so that a text is scanned once. Every repetition in it is over a class
that excludes what ends it, or is bounded, so it is linear. What replaces
a match is decided in :mod:`genmon_otel.fingerprint.normalisation`.
"""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.fingerprint import languages, quoted

_MONTH: Final = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_WEEKDAY: Final = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}"
_ZONE: Final = (
    r"(?:\s?(?:Z[0-9]{2}:[0-9]{2}|Z\b|(?:UTC|GMT)(?:[+-][0-9]{2}:?[0-9]{2})?\b|UT\b|[ECMP][SD]T\b|CES?T\b"
    r"|[+-][0-9]{2}:?[0-9]{2}\b))?"
    rf"(?:\s\((?:[A-Z][A-Za-z ]{{1,40}}|{languages.REGION})\)|\s?\[?{languages.REGION}\]?)?"
)
_CLOCK: Final = r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,9})?)?(?![0-9:])"
_AM: Final = r"\s?(?:[aApP]\.[mM]\.|[aApP][mM]\b)"
_TIME: Final = rf"(?:{_CLOCK}(?:{_AM})?|(?:1[0-2]|0?[1-9]){_AM}){_ZONE}"
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
    languages.DAY_AND_MONTH,
    languages.EAST_ASIAN,
    _DAY_FIRST,
    # 2006-01-02, 2006/01/02 15:04:05,123, 20060102T150405Z
    r"[0-9]{4}(?:-[01][0-9]-[0-3][0-9]|/[01][0-9]/[0-3][0-9]|\.[01][0-9]\.[0-3][0-9]"
    r"|(?<=[12][0-9]{3})[01][0-9][0-3][0-9](?=[T\s_-][0-2][0-9]:?[0-5][0-9](?::?[0-5][0-9])?(?![0-9])))"
    r"(?:[T\s_-][0-2][0-9][:-]?[0-5][0-9](?:[:-]?[0-5][0-9](?:[.,][0-9]{1,9})?)?(?![0-9])"
    rf"{_ZONE})?(?![0-9A-Za-z])",
    # 01/02/2006 3:04 PM, 2.1.2006
    rf"[0-9]{{1,2}}(?P<sep>[/.-])[0-9]{{1,2}}(?P=sep)(?:19|20)[0-9]{{2}}(?:,?\s{_TIME})?(?![0-9])",
    r"[0-9]{4}-W[0-9]{2}(?:-[0-9])?(?![0-9A-Za-z])",
    # a timedelta: 1 day, 2:03:04.5
    r"[0-9]{1,6} days?, [0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?",
    _TIME,
    languages.CLOCK,
)
#: P1DT2H, PT30S
_ISO_DURATION: Final = r"P(?=T?[0-9])(?:[0-9]{1,6}[YMWD]){0,4}(?:T(?:[0-9]{1,6}(?:\.[0-9]{1,9})?[HMS]){1,3})?(?![A-Za-z0-9_-])"
_DURATION: Final = (
    r"(?:\s?(?:s|h|ns|[uµμ]s|ms|msecs?|secs?|seconds?|mins?|minutes?|hrs?|hours?|days?|weeks?|months?"
    r"|years?|milliseconds?|microseconds?|nanoseconds?)|[smhd])"
)
SIZE: Final = r"(?:\s?(?:[kKMGTPE]i?[bB]|bytes?|[kmgKMG]bits?|[kKMGT]bps|B)|[bkKMGT]|px|r?em|v[hw]|pt|dpi|fps|[kMG]?Hz|[mck]m|k?g|x|(?:tok|tokens|req)/s|°[CF]?)(?:/s)?(?![A-Za-z0-9_-])"
_NUMBER: Final = (
    r"[0-9]{1,6}(?:\.[0-9]{1,6}){1,3}[-+](?:alpha|beta|rc|dev|canary|next|pre|post|build|nightly)[\w.+-]{0,40}"
    r"|(?:[0-9]{1,3}(?:[,_'][0-9]{3}){1,8}(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+){0,6}(?:\.(?=[,\]]))?|\.[0-9]+)"
    r"(?:[eE][-+]?[0-9]+)?"
    rf"(?:(?:{_DURATION}(?:\s?[0-9]{{1,6}}(?:\.[0-9]{{1,6}})?{_DURATION}){{0,3}}(?![A-Za-z0-9_-])|\s?{languages.UNIT})"
    rf"|{SIZE}|(?:st|nd|rd|th)?(?![A-Za-z0-9_]|(?:-[0-9]{{0,10}}){{1,2}}[A-Za-z]))"
)
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})"
_IPV4: Final = rf"{_OCTET}(?:\.{_OCTET}){{3}}(?![0-9A-Za-z]|\.[0-9])"
#: Eight groups, or a '::' that has a digit near it or nothing like a name around it.
_IPV6: Final = (
    r"(?<!:)(?=[0-9a-fA-F]{0,4}:[0-9a-fA-F:])(?:(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}(?![0-9A-Za-z:])"
    r"|(?=[0-9a-fA-F:]{0,36}?::)(?=[a-fA-F:]{0,39}[0-9]|::(?![\w(:<]))(?:[0-9a-fA-F]{0,4}:){2,7}"
    rf"(?:{_IPV4}|[0-9a-fA-F]{{0,4}})(?:%\w{{1,16}})?(?:/[0-9]{{1,3}})?(?![0-9A-Za-z:(]))"
)
_MAC: Final = r"[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}(?![0-9A-Za-z:-])"
#: #ff00aa, without the mark
_COLOUR: Final = r"(?<=#)(?=[0-9]{0,7}[a-fA-F])(?:[0-9a-fA-F]{3,4}){1,2}(?![\w-])"
#: 89 50 4e 47
_DUMP: Final = r"(?=[0-9a-fA-F]{2} )(?=[0-9 ]{0,190}[a-fA-F])[0-9a-fA-F]{2}(?: [0-9a-fA-F]{2}){3,63}(?![0-9A-Za-z_-])"
_UUID: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9A-Za-z])"
_EMAIL: Final = (
    r"[A-Za-z0-9][A-Za-z0-9._%+*-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}"
    r"\.[A-Za-z]{2,24}(?![A-Za-z0-9])"
)
_URLS: Final = (
    r"[A-Za-z][A-Za-z0-9+.-]{0,20}://[^\s'\"<>`|{}\\]*[^\s'\"<>`|{}\\.,;:!?)\]]",
    r"data:[a-z]{2,12}/[\w.+-]{1,40};base64,[A-Za-z0-9+/=_-]*",
    r"(?:mailto:|www\.[^\s'\"<>/]{1,100}/)[^\s'\"<>]{0,200}[\w/]",
)
_TLD: Final = (
    r"(?:com|net|org|edu|gov|io|dev|ai|app|cloud|internal|local|localdomain|co|uk|de|fr|eu|us|ru|cn"
    r"|jp|br|xyz|info)"
)
_DOMAIN: Final = rf"(?:localhost(?=:[0-9])|(?:[a-z0-9-]{{1,63}}\.){{1,6}}{_TLD})(?::[0-9]{{1,5}})?(?![\w(-]|\.\w)"
EXTENSION: Final = (
    r"(?:pyi?|ipynb|[cm]?[jt]sx?|vue|svelte|astro|html?|s?css|less|json[5l]?|ya?ml|toml|ini|mdx?"
    r"|txt|csv|tsv|xml|svg|png|jpe?g|gif|webp|pdf|docx?|xlsx?|zip|tar|gz|tgz|whl|sql|sqlite3?|sh"
    r"|ps1|bat|go|rs|java|kt|rb|php|cpp|hpp|cs|swift|dart|parquet)"
)
#: ``:12:5`` or ``(12,5)`` after a path.
_LINE: Final = (
    r"(?::[0-9]{1,7}(?![0-9.]|:[0-9]{1,7}:[0-9])){0,2}(?:\([0-9]{1,7}(?:,\s?[0-9]{1,7})?\))?"
)
_PART: Final = r"[\w.@%+~$&!=-]"
#: Of a route: ``:id``, ``{id}``, ``[...slug]``, ``*``.
_SEGMENT: Final = (
    rf"(?:{_PART}{{1,64}}|:\w{{1,40}}\??|\{{\w{{1,40}}\}}|\[(?:\.\.\.)?\w{{1,40}}\]|\*{{1,2}})"
)
_ROOTED: Final = (
    r"\\\\[\w.$-]{1,64}(?:\\+[\w.$-]{1,64}){1,16}",
    rf"(?:~|\.{{1,2}})?(?<![<)\]])/(?:{_SEGMENT}/){{0,20}}(?:{_SEGMENT}|{_PART}{{0,64}})(?<=[\w~$}}\]*])/?"
    r"(?:\?[\w.~%&=+;,-]{1,200})?",
)
_RELATIVE: Final = (
    r"(?!(?:application|text|image|audio|video|font|multipart|model)/)[\w.@-]{1,64}/"
    # app/(shop)/[slug]/page.tsx
    r"(?:(?:[\w.@-]{1,64}|\([\w.-]{1,40}\)|\[{1,2}[\w.-]{1,40}\]{1,2})/){0,15}"
    r"[\w.@+()\[\]-]{0,64}?\.[A-Za-z][A-Za-z0-9]{0,6}(?![A-Za-z0-9_.])",
    rf"(?:[\w.@-]{{1,64}}+\\{{1,2}}+){{1,12}}+[\w.@+-]{{0,64}}?\.{EXTENSION}(?![A-Za-z0-9_])",
    rf"[\w@+-]{{1,64}}+(?:\.[\w@+-]{{1,64}}+){{0,5}}?\.{EXTENSION}(?![\w(-]|\.[A-Za-z])",
)
#: A JSON pointer, as ajv names what a rule is about.
_POINTER: Final = r"/[\w/$~-]{1,120}(?=:?\s(?:must|is a required|should|expected)\b)"
#: Whose it was: ``for user anna``, ``User bob has no seat``.
_SUBJECT: Final = (
    rf"(?:for|by|of)\s(?:user|tenant|organi[sz]ation|customer)\s(?!{quoted.PROSE}\b)[A-Za-z][\w.@+-]{{0,80}}"
    rf"|[Uu]ser\s(?!{quoted.PROSE}\b)[A-Za-z][\w.@+-]{{0,80}}"
    r"(?=\s(?:not|is|was|has|does|did|exceeded|already|cannot|could|may|over|lacks)\b)"
)
#: ``Anna Müller (anna@example.com)``
_PERSON: Final = r"[A-Z][\w'-]{1,30}(?:\s[A-Z][\w'-]{1,30}){0,2}(?=\s[(<][\w.+*-]{1,64}@)"
#: ``branch feature/new-hero``: not ``branch main``
_BRANCH: Final = r"[Bb]ranch\s(?=[\w.]{1,60}[/-])[\w.]{1,60}(?:[/-]+[\w.]{1,60}){1,12}"
#: ``SKU AB-1234``, ``ISBN 978-3-16``: what numbers an article, whatever its length.
_ARTICLE: Final = r"(?:SKU|sku|Sku|ISBN|EAN|GTIN|UPC|ASIN|IMEI|VIN|MPN)[:#]?\s(?=[\w-]{0,24}[0-9]|[A-Z]{2,12}-[A-Z])[\w-]{1,40}(?![\w-])"
#: ``ord_kfjQmPqz``: an id without a digit, behind a short form that stands before ids.
_STEM: Final = (
    r"(?:ord|cust?|usr|txn|sess|inv|acct|pro?j|req|evt|msg|tsk|pi|sub|ws)_[A-Za-z]{6,40}(?![\w-])"
)
#: Subresource integrity; a JSON web token
_DIGEST: Final = r"sha(?:1|256|384|512)-[A-Za-z0-9+/]{8,128}={0,2}(?![A-Za-z0-9+/])"
_JWT: Final = r"eyJ[\w-]{6,4096}(?:\.[\w-]{1,4096}){1,4}"
#: +1 (415) 555-0100
_PHONE: Final = r"\+[0-9]{1,3}(?:[ ./-]?\(?[0-9]{1,5}\)?){2,6}(?![\w.,])"
_DRIVE: Final = (
    r"[A-Za-z]:[\\/](?:[^\\/:*?\"'`<>|\n]{1,80}[\\/]+){0,16}[^\s\\/:*?\"'`<>|,;()\]]{0,80}"
)
#: Names that :mod:`genmon_otel.fingerprint.missing` found: of one package, or of two that do not fit.
_ABSENT: Final = r"[^\s,]{1,600}+(?: [^\s,]{1,300}+)?"
_TOKENS: Final = (
    r"(?=[A-Za-z_-]{0,48}[0-9])[A-Za-z0-9_]+(?:-+[A-Za-z0-9_]+){0,24}(?![A-Za-z0-9+/=_])",
    r"[A-Za-z0-9+/_-]{32,}={0,2}",
    # shorter base64 is recognised by its padding
    r"(?=[a-z0-9+/]{0,31}[A-Z])(?=[A-Za-z+/]{0,31}[0-9])[A-Za-z0-9+/]{18,31}={1,2}(?=[\s,.;:)\]'\"]|$)",
    r"(?=[A-Za-z_-]{0,48}[0-9])[A-Za-z0-9_]+(?:-+[A-Za-z0-9_]+){0,24}",
)


def _any(*patterns: str) -> str:
    return "|".join(patterns)


def _section(letter: str, guard: str, kinds: tuple[tuple[str, str], ...]) -> str:
    """Return one alternative of the whole expression: a guard that fails fast, then kinds.

    The kinds' groups are named ``kind_letter``; the scan reads the kind off.
    """
    return f"{guard}(?:{_any(*(f'(?P<{kind}_{letter}>{pattern})' for kind, pattern in kinds))})"


#: Most tokens are plain words; the first two guards pass over them at one glance.
VARIABLE: Final = re.compile(
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
                    "id",
                    rf"[A-Za-z0-9_-]{{1,24}}\*{{3,}}[\w*-]{{0,48}}|{_COLOUR}|{_DIGEST}|{_JWT}",
                ),
                ("duration", _ISO_DURATION),
                ("name", r"(?:TLS|SSL|OAuth)\s?v?[0-9](?:\.[0-9])?(?![\w.-])"),
                (
                    "date",
                    r"datetime\.(?:datetime|date|time|timedelta)\([^()]{0,120}(?:\([^()]{0,60}\))?[^()]{0,60}\)",
                ),
                ("host", rf"(?=[0-9a-fA-F]{{1,4}}[:-])(?:{_MAC}|{_IPV6})"),
                ("input", r"input_value=.{0,400}?(?=, input_type=)"),
                (
                    "pair",
                    r"[A-Za-z_][\w.-]{0,40}=(?=[\w'\"`])(?:[\w.+@%-]{1,120}(?![\w.+@%:/\\-]))?",
                ),
                ("path1", rf"(?:{_any(*_RELATIVE)}){_LINE}"),
                ("domain", _DOMAIN),
                ("stem", _STEM),
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
                ("missing", rf"named as missing: {_ABSENT}(?:, {_ABSENT}){{0,5}}$"),
                ("label", rf"{quoted.SUBJECT_LABEL}:\s(?=\w)[\w.@+-]{{1,80}}(?!:/)"),
                ("subject", _SUBJECT),
                ("person", _PERSON),
                ("branch", _BRANCH),
                ("article", _ARTICLE),
                ("tuple", r"Key\s\([^()]{1,80}\)=\([^()]{0,200}\)"),
                ("instance", r"On instance(?:\[[^\]]{1,80}\]){0,12}: .*"),
                ("id", rf"{_DUMP}|{_COLOUR}"),
                ("literal", r"(?:true|false|True|False)(?=\s?[,}\]])"),
            ),
        ),
        _section(
            "d",
            r"(?=[0-9])",
            (
                ("uuid", _UUID),
                ("host1", _MAC),
                ("id", rf"{_DUMP}|{_COLOUR}"),
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
            r"""(?=["'`\u201c\u201e\u2018«\u300c\u300e\u300a\u2039<\[:~./\\+@-])""",
            (
                ("placeholder", r"<[a-z]{1,9}>"),
                ("quoted", quoted.PATTERN),
                ("unclosed", r"(?<=[:=\[({,>] )(?:\"[^\"]*|'[^']*)$"),
                ("pointer", _POINTER),
                ("path", rf"(?:{_any(*_ROOTED)}){_LINE}"),
                ("path1", rf"(?=\.[\w.]|@)(?:{_any(*_RELATIVE)}){_LINE}"),
                ("number1", _PHONE),
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
