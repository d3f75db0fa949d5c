"""Distinguish ids from names: normalise one token that holds a digit.

``req_011CSHoE``, ``k9Mtd2gDcgG`` and ``7f9c6d5b4-x2x1z`` are ids; ``TS2307``, ``utf-8``,
``Base64Decoder`` and ``ERR_HTTP2_STREAM_ERROR`` are names.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

ID: Final = "<id>"
NUMBER: Final = "<n>"

#: Names that hold digits: encodings, digests, protocols, types, platforms, model families.
_NAMES: Final = re.compile(
    r"(?:utf|ucs|latin|iso|cp|windows|koi8|euc|gb|big|mac|ascii)[-_]?[0-9]{1,5}(?:mb[34])?(?:[-_](?:[0-9]{1,2}|le|be|sig|[a-z]))*"
    r"|(?:iso[-_]?8859|iso[-_]?2022)[-_]\w+"
    r"|(?:sha|md|aes|rsa|hs|rs|es|ps|ed|crc|base|blake|secp|ripemd|rc|des)[-_]?[0-9]{1,4}\w{0,5}(?:[-_][a-z0-9]{1,4})*"
    r"|(?:tls|ssl|http|ipv|ip|h|oauth|rfc|ecma|saml|smtp|imap|pop|socks)[-_]?v?[0-9]{1,4}"
    r"|(?:u?int|float|complex|bfloat|fp|bf|i|u|f|vec|simd|numpy|char|uuid)[0-9]{1,3}(?:x[0-9]{1,2}|_t)?"
    r"|(?:x86|amd|arm|win|linux|darwin|aarch|riscv|mips|sparc|ppc)(?:[-_]?[0-9]{2,4}\w?){1,2}"
    r"|(?:gpt|claude|gemini|gemma|llama|codellama|mistral|mixtral|qwen|phi|deepseek|titan|nova|grok|palm|davinci"
    r"|command|dall-e|whisper|sonar|glm|yi|starcoder|granite)[-_]?[0-9]+\w*(?:-[a-z0-9]{1,12})*"
    r"|(?:python|py|node|vue|react|angular|java|jdk|php|ruby|perl|go|lua|swift|svelte|next|nuxt|webpack|babel|log)[-_]?[0-9]{1,3}[a-z]?"
    r"|(?:i18n|l10n|a11y|k8s|s3|ec2|r2|d3|h26[45]|mp[34]|b2b|p2p|e2e|x509|cve-[0-9]{4}-[0-9]{4,7}|3d|2d|4xx|5xx)"
)
#: Words whose number only identifies an instance: ``user42`` and ``user43`` are one failure.
_COUNTED: Final = frozenset(
    "user item page order project customer client account session job task worker thread row line col"
    " column file test request req run step chunk batch attempt shard pod host server replica doc img"
    " image temp tmp node msg message build app player member group team org tenant invoice ticket".split()
)
#: Upper-case stems that number things rather than errors.
_NUMBERED: Final = frozenset(
    "ORD ORDER INV INVOICE SKU USR USER TXN TX REQ JOB PO ID CUST ACC ACCT ITEM REF".split()
)
#: Their short forms, which stand before an id: ``proj-a81f``, ``ws_9K2``; what model providers write there.
_SHORT: Final = frozenset(
    "chatcmpl cmpl asst toolu resp call"
    " proj ws usr gen ord inv txn sess acc acct cust prj wf evt msg tsk tmpl rev dep sub".split()
)
#: Those behind which the shortest token is an id: rows of a table.
_ROWS: Final = frozenset("ord cus cust usr inv txn sess acct ws".split())
_CODE: Final = re.compile(r"[A-Z]{1,8}[0-9]{1,5}")
_SQLSTATE: Final = re.compile(r"[0-9]{2}[A-Z][0-9]{2}")
_DASHED_CODE: Final = re.compile(
    r"(?:ORA|PLS|TNS|SQL|DPY|DPI|CWE|ADR|IMP|EXP|RMAN|ERR|ERROR|ER|E|W|KB|GHSA|BUG|JEP|PEP|TLS|ZGC)[-_]?[0-9]{1,6}"
)
_CONSTANT: Final = re.compile(
    r"ERR(?:OR)?(?:_[A-Z0-9]+)+|[A-Z]+[0-9]{0,2}[A-Z]*(?:_[A-Z]+[0-9]{0,2}[A-Z]*)+"
)
_HEX: Final = re.compile(r"[0-9a-f]{4,128}|[0-9A-F]{4,128}")
#: 0b101, 0o17, 1920x1080
_LITERAL: Final = re.compile(r"0[bB][01]+|0[oO][0-7]+|[0-9]+x[0-9]+")
_DIGITS: Final = re.compile(r"[0-9]+")
#: What Kubernetes makes of a name: ``web-7d9f8c6b5-xkpqz``, ``backup-28391040-bcdfg``, ``proxy-x7k2p``;
#: its five characters hold no vowel, nor a digit that looks like one.
_POD: Final = re.compile(
    r"([a-z][a-z0-9-]{0,60}?)-(?:[a-z0-9]{0,9}[0-9][a-z0-9]{0,9}-[bcdfghjklmnpqrstvwxz2456789]{5}"
    r"|[0-9]{5}-[a-z]{3}|(?=[a-z]{0,4}[0-9][a-z]{0,4}[0-9])[a-f0-9]{8,10}-[a-z0-9]{5}"
    r"|(?=[a-z]{0,4}[0-9])[bcdfghjklmnpqrstvwxz2456789]{5})"
)
_SPLIT: Final = re.compile(r"([-_]+)")
#: What a random id hardly ever holds, and a name always.
_WORD: Final = re.compile(r"(?=[a-z]*[aeiouy])[a-z]{5}")
#: Fewer letters to a hump than this is no camelCase.
_MIN_HUMP: Final = 3.2


def token(text: str) -> str:
    """Return the normalised form of a token of letters, digits, ``-`` and ``_``."""
    if (
        (_CODE.fullmatch(text) and text.rstrip("0123456789") not in _NUMBERED)
        or _SQLSTATE.fullmatch(text)
        or _DASHED_CODE.fullmatch(text)
        or _CONSTANT.fullmatch(text)
        or _NAMES.fullmatch(text.lower())
    ):
        return text
    if pod := _POD.fullmatch(text):
        return f"{token(pod[1]) if any(map(str.isdigit, pod[1])) else pod[1]}-{ID}"
    parts = _SPLIT.split(text)
    if len(parts) == 3 and _is_numbered(parts[0], parts[2]):
        return f"{parts[0]}{parts[1]}{NUMBER if parts[2].isdigit() else ID}"
    kinds = [_part(part) if part else part for part in parts]
    if ID not in kinds:
        return "".join(kinds)
    first = kinds.index(ID)
    last = len(kinds) - 1
    while last > first and not (
        kinds[last] == parts[last] and parts[last].isalpha() and len(parts[last]) > 2
    ):
        last -= 1
    rest = "".join(kinds[last - 1 :]) if last > first and text == text.lower() else ""
    while first >= 2 and kinds[first - 2] != parts[first - 2]:
        first -= 2
    return "".join(kinds[:first]) + ID + rest


def _is_numbered(stem: str, rest: str) -> bool:
    """Whether ``rest`` only identifies an instance of ``stem``: an order, a workspace."""
    return (
        len(rest) >= (2 if stem in _ROWS and rest[0] not in "vV" else 3)
        and stem.islower()
        and (stem in _COUNTED or stem in _SHORT)
        and any(map(str.isdigit, rest))
        and not (_NAMES.fullmatch(rest.lower()) or _CODE.fullmatch(rest))
    )


def _part(part: str) -> str:
    """Return the normalised form of one run of letters and digits."""
    if part.isalpha() or part[0] in "-_":
        return part
    if part.isdigit():
        return NUMBER
    if part[:2] in ("0x", "0X") or _LITERAL.fullmatch(part):
        return ID
    groups = _DIGITS.findall(part)
    if _HEX.fullmatch(part) and (len(part) >= 6 or part[0].isdigit() or len(groups) > 1):
        return ID
    if len(groups) > 1:
        return ID if len(part) >= 5 else part
    if part[0].isdigit() and len(part) >= 16 and part[1] not in "dD":
        return ID
    digits = groups[0]
    stem = part.removesuffix(digits)
    if stem != part:
        if stem.lower() in _COUNTED:
            return stem + NUMBER
        if len(digits) >= 3:
            return ID if stem.islower() or stem.isupper() else stem + NUMBER
        return part if len(part) < 10 or not scrambled(part) else ID
    if len(digits) >= 3 and len(part) >= 6:
        return ID
    return ID if len(part) >= 8 and scrambled(part) else part


def scrambled(part: str) -> bool:
    """Return whether upper and lower case alternate more often than in camelCase, or too much is in capitals."""
    if part.islower() or part.isupper():
        return False
    if len(part) >= 16 and not _WORD.search(part):
        capitals = sum(map(str.isupper, part))
        if capitals * 3 > sum(map(str.isalpha, part)):
            return True
    humps = (
        1 + sum(1 for before, after in pairwise(part) if before.islower() != after.islower()) / 2
    )
    return len(part) / humps < _MIN_HUMP
