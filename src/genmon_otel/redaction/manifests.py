"""Values of a Kubernetes ``Secret`` in YAML: whatever their keys are called."""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.redaction.edits import Edit, apply, span
from genmon_otel.redaction.near import places

_KINDS: Final = ("kind: Secret", 'kind: "Secret"')
_BLOCK: Final = re.compile(r"(?m)^( *)(?:data|stringData):[ \t]*\r?\n")
_MEMBER: Final = re.compile(r"( +)(?:[\w./-]{1,120}|\"[^\"\n]{1,120}\"):(?:[ \t]+([^\r\n]*))?\r?")
_BLOCK_SCALAR: Final = re.compile(r"[|>][+-]?[0-9]?")
#: Characters of a manifest that are looked at, before and behind its kind.
_MAX: Final = 16_384


def redact_manifests(text: str) -> str:
    """Replace the values of every ``Secret``."""
    edits: list[Edit] = []
    done = 0
    for at in places(text, *_KINDS):
        if text[at : at + 16].partition("\n")[0].rstrip() not in _KINDS:
            continue  # a SecretStore, a SecretProviderClass
        begin = max(done, text.rfind("\n---", max(0, at - _MAX), at) + 1, at - _MAX)
        end = text.find("\n---", at, at + _MAX)
        end = min(len(text), at + _MAX) if end < 0 else end
        for block in _BLOCK.finditer(text, begin, end):
            edits += _values(text, block.end(), end, len(block[1]))
        done = end
    return apply(text, edits) if edits else text


def _values(text: str, at: int, end: int, indent: int) -> list[Edit]:
    """Hide the values of a mapping that stands deeper than its key."""
    edits: list[Edit] = []
    in_scalar = 0
    while at < end:
        stop = text.find("\n", at, end)
        stop = end if stop < 0 else stop
        line = text[at:stop]
        depth = len(line) - len(line.lstrip(" "))
        if line.strip() and depth <= indent:
            break
        if in_scalar and depth > in_scalar:
            edits += span(text, at, stop, "secret")
        elif member := _MEMBER.fullmatch(line):
            value = (member[2] or "").strip()
            in_scalar = depth if _BLOCK_SCALAR.fullmatch(value) else 0
            if value and not in_scalar:
                marks = value[0] in "\"'" and value[-1] == value[0] and len(value) > 1
                start = at + member.start(2)
                edits += span(text, start + marks, start + len(value) - marks, "secret")
        at = stop + 1
    return edits
