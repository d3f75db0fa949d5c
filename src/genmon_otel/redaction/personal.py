"""Personal data that is told by its looks: e-mails, cards, bank accounts, phone and social security numbers."""

from __future__ import annotations

import re
import string
from typing import Final

from genmon_otel.redaction.edits import Edit, apply
from genmon_otel.redaction.near import (
    classed,
    lowered,
    matches,
    outline,
    places,
    replaced,
    windows,
)
from genmon_otel.redaction.placeholders import EMAIL_PLACEHOLDER, zeros, zeros_and_x

_EMAIL: Final = re.compile(
    r"(?<![\w.+%-])(?<!://)(?!git@|noreply@|no-reply@)[\w.+%-]{1,64}@(?!example\.invalid|[0-9]x\.)"
    r"(?:[^\W_](?:[^\W_]|-){0,62}\.){1,5}[A-Za-z]{2,24}(?![\w-])"
)
#: The same with a name in quotes, and as people write it who hide it from programs.
_QUOTED_EMAIL: Final = re.compile(
    r'"[^"\n@=]{1,64}\\?"@(?:[^\W_](?:[^\W_]|-){0,62}\.){1,5}[A-Za-z]{2,24}(?![\w-])'
)
_SPELT_EMAIL: Final = re.compile(
    r"(?<![\w.+%-])[\w.+%-]{1,64}( ?)[(\[]at[)\]]\1(?:[^\W_](?:[^\W_]|-){0,62}(?:\.| ?[(\[]dot[)\]] ?)){1,5}[A-Za-z]{2,24}(?![\w-])"
)

# The lookbehinds stand after the first character, so that the search is one for that character.
_CARD: Final = re.compile(
    r"[2-6](?<![\w.-].)[0-9]{3}(?:[0-9][ .\u00a0\u2009+-]?){8,14}[0-9](?![\w-]|\.[0-9])|"
    r"[2-6](?<![\w.-].)[0-9]{3}[ .\u00a0\u2009+-](?:[0-9][ .\u00a0\u2009+-]?){8,14}[0-9](?![\w-]|\.[0-9])"
)
_CARD_ISSUER: Final = re.compile(
    r"4(?:.{12}|.{15}|.{18})|5[0-8].{14}|2[2-7].{14}|3[47].{13}|3[0689].{12}|35.{14}|6.{15,18}"
)
#: Sizes of the groups in which cards are printed.
_CARD_GROUPS: Final = frozenset({(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (6, 13)})
_GROUP: Final = re.compile(r"[0-9]+")
#: What every other digit counts for in a card's checksum (Luhn).
_DOUBLED: Final = {str(digit): sum(divmod(2 * digit, 10)) for digit in range(10)}

#: Length of a bank account's number by country (IBAN registry).
_IBAN_LENGTHS: Final = {
    country: int(length)
    for length, countries in (
        row.split(":") for row in (
            "15:NO", "16:BE", "18:DK FI FO GL NL SD", "19:MK SI", "20:AT BA EE KZ LT LU MN XK",
            "21:CH CR HR LI LV", "22:BG BH DE GB GE IE ME RS VA", "23:AE GI IL IQ OM SO TL",
            "24:AD CZ ES MD PK RO SA SE SK TN VG", "25:LY PT ST", "26:IS TR", "27:BI DJ FR GR IT MC MR SM",
            "28:AL AZ BY CY DO GT HU LB NI PL SV", "29:BR EG PS QA UA", "30:JO KW MU", "31:MT SC", "32:LC", "33:RU",
        )
    )
    for country in countries.split()
}  # fmt: skip
#: From the check digits on; the country stands before them.
_IBAN: Final = re.compile(
    r"[0-9](?<=[A-Za-z]{2}.)(?<![\w-]...)[0-9](?:[ \u00a0-]?[A-Za-z0-9]){11,30}"
)

#: Shapes of which one is in every number that the pattern matches, digits as 0.
_PHONES: Final[tuple[tuple[tuple[str, ...], re.Pattern[str]], ...]] = (
    (("+0",), re.compile(r"\+(?<![\w+]\+)[1-9][0-9]{0,14}+(?:[ .\u00a0/-]{0,2}\(?[0-9]{1,9}\)?){0,6}+(?!\w|\.[0-9])")),
    (("(0",), re.compile(r"\((?<!\w\()(?:[2-9][0-9]{2}\)[ .-]?[2-9][0-9]{2}[ .-][0-9]{4}|0[0-9]{1,4}\)[ /-]{1,3}[0-9][0-9 -]{4,10}[0-9])(?!\w)")),
    (("000-000-0000",), re.compile(r"[2-9](?<![\w.-].)[0-9]{2}-[2-9][0-9]{2}-[0-9]{4}(?![\w-]|\.[0-9])")),
    (("000.000.0000",), re.compile(r"[2-9](?<![\w.-].)[0-9]{2}\.[2-9][0-9]{2}\.[0-9]{4}(?![\w-]|\.[0-9])")),
    (("000-0000", "000.0000"), re.compile(r"1(?<![\w.-].)[ .-]\(?[2-9][0-9]{2}\)?[ .-]{1,2}[2-9][0-9]{2}[.-][0-9]{4}(?![\w-]|\.[0-9])")),
    (("0 000000", "0/000000", "0-000000"), re.compile(r"0(?<![\w.,:/-].)[1-9][0-9]{1,3}[ /-][0-9]{6,8}(?![\w-]|[.,:/][0-9])")),
    (("000 000",), re.compile(r"0(?<![\w.,:/-].)[1-9][0-9]{1,3} [0-9]{3,4} [0-9]{3,4}(?![\w-]|[.,:/ ][0-9])")),
    (("00 00 00 00 00", "00.00.00.00.00"), re.compile(r"0(?<![\w.,:/-].)[1-9](?:(?: [0-9]{2}){4}|(?:\.[0-9]{2}){4})(?![\w-]|[.,:/ ][0-9])")),
    # social security
    (("000-00-0000",), re.compile(r"[0-9](?<![\w-].)[0-9]{2}-[0-9]{2}-[0-9]{4}(?![\w-])")),
)  # fmt: skip
#: A number in whatever form, and the words for a phone before it.
_NUMBER: Final = re.compile(
    r"[0-9](?<![\w.,:/-].)(?:[ ./()\u00a0-]{0,2}[0-9]){6,13}(?![\w-]|[.:][0-9])"
)
_CALLED: Final = re.compile(
    r"(?i)(?:phone|fon|\btel|mobile?|\bcell|\bfax|handy|whats ?app|\bcall|\bsms|t[ée]l[ée](?:fono|phone)|portable|telefon[eo]?|телефон|电话|電話)"
    r"(?: ?(?:number|nummer|no|nr)\b)?[\"']?[.:：=]{0,2}[ \t]{0,3}[\"']?\+?\(?\Z"
)
#: The same behind it.
_NAMED: Final = re.compile(
    r"(?i) ?[(\[,–-] ?(?:tele?(?:phone|fon)?|phone|mobile?|cell|fax|handy|whats ?app|portable|festnetz|privat)\b\.?(?:[)\]]|\s*(?:[,;\n]|\Z))"
)
#: What such words hold, in lower case.
_CALLS: Final = re.compile(
    r"fon|tel|mobil|cell|fax|handy|whats|call|sms|t[ée]l|hone|portable|телефон|电话|電話"
)
#: Outlines: digits as 0, what may stand between two as a space; digits alone; letters, too.
_NUMBERS: Final = classed("a", digit=string.digits, space=" ./()+-?")
_DIGITS: Final = classed("", digit=string.digits)
_LETTERS: Final = classed("!", digit=string.digits, word=string.ascii_letters, space=" -?")
#: What every number, card's and bank account's looks like there.
_ANY_NUMBER: Final = re.compile("0(?: {0,4}0){6}")
_ANY_CARD: Final = re.compile("0(?: ?0){12}")
_ANY_IBAN: Final = re.compile("aa00(?: ?[a0]){11}")
#: Characters before and behind such a place in which the whole number stands.
_BEFORE: Final = 24
_BEHIND: Final = 128


def redact_personal(text: str) -> str:
    """Replace e-mails, card, account, phone and social security numbers."""
    if at_signs := places(text, "@"):
        found = matches(_EMAIL, text, windows(at_signs, 80, 500))
        text = replaced(text, found, lambda _: EMAIL_PLACEHOLDER)
        if quoted := places(text, '"@'):
            found = matches(_QUOTED_EMAIL, text, windows(quoted, 68, 400))
            text = replaced(text, found, lambda _: EMAIL_PLACEHOLDER)
    if spelt := places(text, "(at)", "[at]"):
        found = matches(_SPELT_EMAIL, text, windows(spelt, 68, 400))
        text = replaced(text, found, lambda _: EMAIL_PLACEHOLDER)
    numbers = outline(text, _NUMBERS)
    spans = _around(_ANY_NUMBER, numbers)
    ibans = _around(_ANY_IBAN, outline(text, _LETTERS)) if "00" in numbers else []
    if ibans:
        accounts = [edit for found in matches(_IBAN, text, ibans) for edit in _iban(text, found)]
        text = apply(text, accounts)  # of no number any changes its length
    if not spans:
        return text
    cards = [match.start() for match in matches(_ANY_CARD, numbers, spans)]
    if cards:
        near = windows(cards, _BEFORE, _BEHIND)
        text = replaced(text, matches(_CARD, text, near), _card)
    digits = outline(text, _DIGITS)
    for shapes, pattern in _PHONES:
        if shaped := places(digits, *shapes):
            near = windows(shaped, _BEFORE, _BEHIND)
            text = replaced(text, matches(pattern, text, near), _phone)
    near = [(max(0, begin - _BEFORE), end) for begin, end in spans]
    called = [match.end() for match in matches(_CALLS, lowered(text), near)]
    if not called:
        return text
    return replaced(text, matches(_NUMBER, text, windows(called, 40, 96)), _called)


def _around(shape: re.Pattern[str], numbers: str) -> list[tuple[int, int]]:
    """Return the spans around the places of an outline that have some shape."""
    return windows([match.start() for match in shape.finditer(numbers)], _BEFORE, _BEHIND)


def _card(match: re.Match[str]) -> str:
    groups = _GROUP.findall(match[0])
    digits = "".join(groups)
    if not _CARD_ISSUER.fullmatch(digits):
        return match[0]
    if "." in match[0] and tuple(map(len, groups)) not in _CARD_GROUPS:
        return match[0]
    total = sum(map(int, digits[-1::-2])) + sum(map(_DOUBLED.__getitem__, digits[-2::-2]))
    return zeros(match[0]) if total % 10 == 0 else match[0]


def _iban(whole: str, match: re.Match[str]) -> list[Edit]:
    """Hide an account number if its checksum is right (ISO 13616); what follows it stays."""
    start = match.start() - 2
    text = whole[start : match.end()]
    length = _IBAN_LENGTHS.get(text[:2].upper())
    if length is None:
        return []
    number, end = "", 0
    while end < len(text) and len(number) < length:
        number += text[end] if text[end].isalnum() else ""
        end += 1
    if len(number) < length or whole[start + end : start + end + 1].isalnum():
        return []
    value = int("".join(str(int(char, 36)) for char in number[4:] + number[:4]))
    if value % 97 != 1:
        return []
    return [(start, start + end, text[:2] + zeros_and_x(text[2:end].upper()))]


def _phone(match: re.Match[str]) -> str:
    """Hide a phone number; not a sum, a decimal number or a point on a map."""
    text = match[0]
    if not text.startswith("+"):
        return zeros(text)
    groups = _GROUP.findall(text)
    size = sum(map(len, groups))
    if not 8 <= size <= 15 or (len(groups) == 1 and size < 9):
        return text
    separators = set(re.sub(r"[0-9()+]", "", text))
    if "." in separators and (len(groups) < 3 or min(map(len, groups[1:])) < 2):
        return text
    if size < 10 and len(groups) > 2 and all(len(group) == 3 for group in groups[1:]):
        return text  # thousands
    return zeros(text)


def _called(match: re.Match[str]) -> str:
    start = match.start()
    called = _CALLED.search(match.string, max(0, start - 28), start)
    if called is None and _NAMED.match(match.string, match.end()) is None:
        return match[0]
    return zeros(match[0])
