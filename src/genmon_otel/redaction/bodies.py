"""Redact what went over the wire: JSON, lines of JSON, server-sent events, forms; else text.

The body stays what it is: valid, and of the same shape. Where nothing had to be hidden not a
character changes. Of a stream of events each is redacted by itself, and what a model said piece by
piece once more as the text that the pieces make: a secret that comes token by token is hidden in
every piece that holds a part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import accumulate, pairwise
from typing import Any, Final
from urllib.parse import quote_plus, unquote_plus

from genmon_otel.bodies import (
    Part,
    Place,
    SaidTexts,
    data_of,
    dumps,
    is_stream,
    parsed,
    parts_of,
    pieces,
    text_of,
    with_data,
)
from genmon_otel.records import Tree
from genmon_otel.redaction import Redactor
from genmon_otel.redaction.credentials import redact_query
from genmon_otel.redaction.event_shapes import SHORT, EventShapes
from genmon_otel.redaction.token_details import may_have_log_probabilities, without_token_details
from genmon_otel.text import common_prefix

_FORM: Final = re.compile(r"[\w.%+~\[\]-]+=[^&\s]*(?:&[\w.%+~\[\]-]+=[^&\s]*)*\Z")
#: Pieces of one text that are looked at together; more than any answer has.
_MAX_PIECES: Final = 100_000
#: Characters of a secret up to which it is not looked for in other places: a word may be like it.
_SHORT_SECRET: Final = 7
#: Texts with a whole secret in one text that are looked for again when it is redacted.
_MAX_WHOLES: Final = 64


def redact_body(body: str, redactor: Redactor) -> str:
    """Return a body without secrets."""
    return "".join(redact_chunks([body], redactor))


def redact_chunks(chunks: list[str], redactor: Redactor) -> list[str]:
    """Return the chunks of a body without secrets, as many as there were.

    Where an event had to change, it stands as a whole in the chunk that its end was in.
    """
    whole = "".join(chunks)
    value = parsed(whole)
    if value is not None and not is_stream(value[0]):
        redacted = _json(whole, value[0], redactor)
        return chunks if redacted == whole else [redacted, *[""] * (len(chunks) - 1)]
    old = pieces(whole)
    if len(old) <= 1 and data_of(whole) is None:
        redacted = _form(whole, redactor) if _FORM.match(whole) else redactor.tree(whole)
        return chunks if redacted == whole else [redacted, *[""] * (len(chunks) - 1)]
    new = _redacted_pieces(old, redactor)
    return chunks if new == old else _chunked(old, new, chunks)


def _json(text: str, value: Any, redactor: Redactor) -> str:
    has_kinds = _may_name_kinds(text)
    tree = _escaped(value) if has_kinds else value
    redacted = redactor.tree(tree)
    if redacted == tree:
        return text
    redacted = _unescaped(redacted) if has_kinds else redacted
    return dumps(without_token_details(redacted) if may_have_log_probabilities(text) else redacted)


def _may_name_kinds(text: str) -> bool:
    """Whether a key of a body may begin with ``$``, as it is or escaped."""
    return '"$' in text or "\\u0024" in text


def _escaped(value: Any) -> Tree:
    """JSON as a tree: a key that begins with ``$`` names no kind there."""
    if isinstance(value, dict):
        return {"$" + k if k[:1] == "$" else k: _escaped(v) for k, v in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list) else value


def _unescaped(tree: Tree) -> Any:
    if isinstance(tree, dict):
        return {k[1:] if k[:2] == "$$" else k: _unescaped(v) for k, v in tree.items()}
    return [_unescaped(item) for item in tree] if isinstance(tree, list) else tree


def _form(text: str, redactor: Redactor) -> str:
    """A form, field by field, as the tree that it is."""
    pairs = [field.partition("=") for field in text.split("&")]
    plain = {f"{i} {unquote_plus(k)}": unquote_plus(v) for i, (k, _, v) in enumerate(pairs)}
    kept = []
    for (key, _, value), (name, was) in zip(pairs, plain.items(), strict=True):
        now = redactor.tree({name.partition(" ")[2]: was})
        hidden = next(iter(now.values()))
        kept.append(f"{key}={value if hidden == was else quote_plus(hidden)}")
    return redact_query("&".join(kept))


# --- streams -----------------------------------------------------------------


def _redacted_pieces(old: list[str], redactor: Redactor) -> list[str]:
    shapes = EventShapes(redactor)
    said = SaidTexts()
    #: Events that are not known to hold nothing by themselves.
    unknown: list[int] = []
    for number, piece in enumerate(old):
        parts: Iterable[Part] | None = None
        if number < _MAX_PIECES:
            parts = shapes.harmless_parts(piece)
            if parts is None:
                said.add(number, parts_of(_said_by(piece)))
            else:
                said.add(number, parts)
        if parts is None:
            unknown.append(number)
    # Together first: what an event hides by itself would break the text that it is a part of.
    new = _redacted_together(old, said, redactor)
    for number in unknown:
        new[number] = _redacted_piece(new[number], redactor)
    return new if new == old else list(map(_without_details, new))


def _redacted_together(old: list[str], said: SaidTexts, redactor: Redactor) -> list[str]:
    """Return the events without the secrets of the texts that they make together."""
    #: The events that hold a part of a secret, as trees.
    changed: dict[int, Any] = {}
    for run in said.runs():
        texts = [said.texts[at] for at in run]
        for at, was, now in zip(run, texts, _together(texts, redactor), strict=True):
            if now != was:
                number = said.events[at]
                if number not in changed:
                    changed[number] = _said_by(old[number])
                changed[number] = _with(changed[number], said.places[at], now)
    new = list(old)
    for number, tree in changed.items():
        is_plain = text_of(old[number]) is not None
        new[number] = with_data(old[number], tree if is_plain else dumps(tree))
    return new


def _said_by(piece: str) -> Any:
    """Return what an event says: JSON, or a text; None where it says nothing."""
    value = data_of(piece)
    return text_of(piece) if value is None else value[0]


def _without_details(piece: str) -> str:
    value = data_of(piece) if may_have_log_probabilities(piece) else None
    if value is None:
        return piece
    tree = without_token_details(value[0])
    return piece if tree == value[0] else with_data(piece, dumps(tree))


def _redacted_piece(piece: str, redactor: Redactor) -> str:
    value = data_of(piece)
    if value is None:
        redacted: str = redactor.tree(piece)
        return redacted
    data = dumps(value[0])
    redacted = _json(data, value[0], redactor)
    return piece if redacted == data else with_data(piece, redacted)


def _with(tree: Tree, path: Place, text: str) -> Tree:
    """Return a tree with another text at a place of it."""
    if not path:
        return text
    inner = tree
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = text
    return tree


def _together(texts: list[str], redactor: Redactor) -> list[str]:
    """Redact texts as those that they make together, and each that holds a whole secret."""
    if len(set(texts)) == 1:  # the same id, model, role in each event
        return [redactor.tree(texts[0])] * len(texts)
    alone = {text: redactor.tree(text) for text in texts if len(text) > SHORT}
    holds = [alone.get(text, text) != text for text in texts]
    if True not in holds:
        return _as_one(texts, redactor)
    # Secrets that stand side by side are members of a list: joined, none of them would be found.
    apart = [at for at in range(1, len(texts)) if holds[at] and holds[at - 1]]
    new: list[str] = []
    for start, end in pairwise([0, *apart, len(texts)]):
        new += _with_wholes(texts[start:end], alone, redactor)
    return new


def _with_wholes(texts: list[str], alone: dict[str, str], redactor: Redactor) -> list[str]:
    """Redact texts as the one that they make; what follows a secret may hide there that it is one."""
    edits = [_edit(text, alone[text]) for text in texts if alone.get(text, text) != text]
    if len(texts) == 1 or len(edits) > _MAX_WHOLES:
        return _as_one([alone.get(text, text) for text in texts], redactor)
    new = _as_one(texts, redactor)
    for _, secret, replacement in edits:
        if len(secret) > _SHORT_SECRET:
            new = [text.replace(secret, replacement) for text in new]
    return new


def _edit(text: str, redacted: str) -> tuple[int, str, str]:
    """Return where redaction replaced a part of a text, that part, and its replacement."""
    start = common_prefix(text, redacted)
    after = min(common_prefix(text[::-1], redacted[::-1]), min(len(text), len(redacted)) - start)
    return start, text[start : len(text) - after], redacted[start : len(redacted) - after]


def _as_one(texts: list[str], redactor: Redactor) -> list[str]:
    """Redact texts as the one that they make, and cut it where they were cut.

    Between the first and the last character that changed, where the lengths differ, the first
    text that holds a part of it takes all.
    """
    whole = "".join(texts)
    redacted: str = redactor.tree(whole)
    if redacted == whole:
        return texts
    ends = list(accumulate(map(len, texts)))
    if len(redacted) == len(whole):
        return [redacted[end - len(text) : end] for text, end in zip(texts, ends, strict=True)]
    before, secret, middle = _edit(whole, redacted)
    last = before + len(secret)
    new = []
    for text, end in zip(texts, ends, strict=True):
        start = end - len(text)
        if end <= before or start >= last:
            new.append(text)
            continue
        new.append(text[: max(0, before - start)] + middle + text[len(text) - max(0, end - last) :])
        middle = ""
    return new


def _chunked(old: list[str], new: list[str], chunks: list[str]) -> list[str]:
    """Cut new pieces into as many chunks as there were: each goes where its old one ended."""
    cut = [""] * len(chunks)
    ends = list(accumulate(map(len, chunks)))
    at = place = 0
    for piece, text in zip(old, new, strict=True):
        at += len(piece)
        while ends[place] < at:
            place += 1
        cut[place] += text
    return cut
