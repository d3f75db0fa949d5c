"""Take secrets and personal data out of text and trees before they leave the process.

Two nets: looks (:mod:`provider_keys`, :mod:`credentials`, :mod:`personal`) and names
(:mod:`sensitive` says which, :mod:`hints` finds them, :mod:`named` lists the kinds of places in
which a value stands, :mod:`values` tells a secret from code and references). Plain searches
decide which expressions run at all, so clean text costs little; all of it is linear.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from genmon_otel.interruption import is_interruption
from genmon_otel.records import Tree
from genmon_otel.redaction.bounds import Bounds
from genmon_otel.redaction.near import changed
from genmon_otel.redaction.placeholders import MARK, is_placeholder
from genmon_otel.text import GAP, WORD_END, clean, cut, run, without_escapes

if TYPE_CHECKING:
    from genmon_otel.redaction.trees import TreeRedactor

#: Stands for the whole text where the application's own ``redact`` function failed.
EXTRA_FAILED: Final = f"[{MARK}: the application's redact function failed]"

#: Characters redacted beyond each side of a cut, so that a secret on the edge is seen whole.
MARGIN: Final = 512
#: Rounds until nothing changes any more; two are the rule.
_MAX_ROUNDS: Final = 6
#: What is looked at in a short text, in each end of a longer one, and in both together; what holds
#: more is hidden from there on. Trees have no such limit: nobody waits while they are redacted.
_SHORT: Final = Bounds(values=16, names=96)
_END: Final = Bounds(values=5, names=10)
_ENDS: Final = Bounds(values=12, names=24)
#: Characters of a limit for each value of a text that may be longer.
_CHARS_A_VALUE: Final = 256

#: Characters from which on another round looks only at what is near a change, and how near.
_LONG: Final = 16_384
_NEAR: Final = 2_048

#: Where a secret ends for certain.
_SECRET_END: Final = re.compile(r"[\s\"'`]")
_SECRET_RUN: Final = re.compile(r"[\w+/=.~%:@\\-]*")

#: Texts that are remembered to hold no secret, and characters of each.
_REMEMBERED: Final = 256
_MAX_REMEMBERED: Final = 4_096
#: The same of the texts in trees: short ones as they are, longer ones by their digest, with what
#: became of them. An agent sends its whole history again with each request.
_LEAVES: Final = 4_096
_MAX_LEAF: Final = 64
_WORDS: Final = 16_384
_DIGESTS: Final = 4_096
#: Characters of redacted texts that are kept.
_MAX_KEPT: Final = 2 * 1024 * 1024


def _is_cut_off(redacted: str, text: str) -> bool:
    """Tell whether all that changed is that the rest was hidden: nothing is left to complete a match."""
    kept, _, hidden = redacted.rpartition(" ")
    return is_placeholder(hidden) and text.startswith(kept)


class RedactedLeaves:
    """Remembers what became of longer texts, by their digests: none is kept that was not redacted."""

    def __init__(self) -> None:
        #: None where there was nothing to hide.
        self._by_digest: dict[bytes, str | None] = {}
        self._kept = 0

    def redacted(self, text: str, redact: Callable[[str], str]) -> str:
        """Return a text redacted; what it was last time if it was seen before."""
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        known = self._by_digest.get(digest, text)
        if known is None:
            return text
        if known is not text:
            return known
        redacted = redact(text)
        kept = None if redacted == text else redacted
        self._kept += len(kept or "")
        if len(self._by_digest) >= _DIGESTS or self._kept > _MAX_KEPT:
            self._by_digest.clear()
            self._kept = len(kept or "")
        self._by_digest[digest] = kept
        return redacted


class Redactor:
    """Replaces secrets and personal data by stable placeholders of the same shape.

    Args:
        extra: the application's own, applied after the built-in ones to every text; when
            it raises or returns no ``str``, the whole text becomes :data:`EXTRA_FAILED`.
    """

    def __init__(self, extra: Callable[[str], str] | None = None) -> None:
        self._extra = extra
        #: Texts in which there was nothing to hide: one failure says the same again and again.
        self._harmless: set[str] = set()
        self._harmless_leaves: set[str] = set()
        self._harmless_words: set[str] = set()
        self._leaves = RedactedLeaves()
        self._trees: TreeRedactor | None = None

    def text(self, text: str, limit: int) -> str:
        """Return ``text`` without secrets, at most ``limit`` characters. Idempotent.

        Of a longer text, head and tail are kept; nothing but their windows is scanned.
        """
        text = str.__str__(text)  # a subclass may have hostile methods
        if len(text) > limit:
            return self._settle(self._windows(text, limit), limit, _ENDS)
        if text in self._harmless:
            return text
        values = limit // _CHARS_A_VALUE
        most = _SHORT if values <= _SHORT.values else Bounds(values, 6 * values)
        redacted = self._settle(clean(text, limit), limit, most)
        if redacted == text and len(text) <= _MAX_REMEMBERED and self._extra is None:
            if len(self._harmless) >= _REMEMBERED:
                self._harmless.clear()
            self._harmless.add(text)
        return redacted

    def tree(self, tree: Tree) -> Tree:
        """Return a copy of ``tree`` without secrets, of the same structure."""
        if self._trees is None:
            from genmon_otel.redaction.trees import TreeRedactor

            self._trees = TreeRedactor(self._leaf)
        return self._trees.tree(tree)

    def _leaf(self, text: str) -> str:
        """Redact one text of a tree; most are short, and the same again and again."""
        if text in self._harmless_leaves:
            return text
        if self._extra is not None:
            return self._settle(text, 2 * len(text) + 64, None)
        if len(text) > _MAX_LEAF:
            return self._leaves.redacted(text, self._settled_leaf)
        if self._is_words(text):
            return text
        redacted = self._settled_leaf(text)
        if redacted == text:
            if len(self._harmless_leaves) >= _LEAVES:
                self._harmless_leaves.clear()
            self._harmless_leaves.add(text)
        return redacted

    def _is_words(self, text: str) -> bool:
        """Tell whether a short text is words, in none of which is a part of a sensitive name."""
        from genmon_otel.redaction.plain import is_words

        words = text.split(" ")
        if self._harmless_words.issuperset(words):
            return True
        if not is_words(text):
            return False
        if len(self._harmless_words) >= _WORDS:
            self._harmless_words.clear()
        self._harmless_words.update(words)
        return True

    def _settled_leaf(self, text: str) -> str:
        return self._settle(text, 2 * len(text) + 64, None)

    def _settle(self, text: str, limit: int, most: Bounds | None) -> str:
        """Redact until nothing changes: what one placeholder leaves may complete another match."""
        for _ in range(_MAX_ROUNDS):
            redacted = cut(self._once(text, most), limit)
            if redacted == text or (most is not None and _is_cut_off(redacted, text)):
                return redacted
            if most is None and self._extra is None and self._is_settled(text, redacted):
                return redacted
            text = redacted
        return text

    def _is_settled(self, text: str, redacted: str) -> bool:
        """Tell whether nothing is left to hide near what changed in a long text."""
        if len(redacted) < _LONG or (near := changed(text, redacted, _NEAR)) is None:
            return False
        if 2 * sum(end - begin for begin, end in near) > len(redacted):
            return False
        return all(self._once(redacted[begin:end]) == redacted[begin:end] for begin, end in near)

    def _once(self, text: str, most: Bounds | None = None) -> str:
        # its expressions take long to compile: when the first text is redacted
        from genmon_otel.redaction.plain import redact_disguised, redact_plain, redact_url_encoded

        if "\x1b" in text or "\x9b" in text:
            plain = without_escapes(text)
            if plain != text:
                redacted = self._once(plain, most)
                return text if redacted == plain else redacted
        if not text.isascii() or "\\u" in text or "&" in text:
            text = redact_disguised(text, lambda plain: redact_plain(plain, most))
        if "%" in text:
            text = redact_url_encoded(text, lambda plain: redact_plain(plain, most))
        text = redact_plain(text, most)
        if self._extra is None:
            return text
        try:
            given = self._extra(text)
            return str.__str__(given) if isinstance(given, str) else EXTRA_FAILED
        except BaseException as error:
            if is_interruption(error):
                raise
            return EXTRA_FAILED

    def _windows(self, text: str, limit: int) -> str:
        """Redact head and tail with a margin, then cut them back where no token is split."""
        if limit <= len(GAP) + 2:
            return ""
        half = (limit - len(GAP)) // 2
        head = self._once(clean(text[: half + MARGIN], half + MARGIN), _END)[:half]
        tail = text[-(half + MARGIN) :]
        # what it begins with may be the end of a secret, which nothing names any more
        edge = WORD_END.search(tail)
        tail = tail[edge.start() if edge else MARGIN :]
        tail = self._once(clean(tail, half + MARGIN), _END)[-half:]
        return f"{head[: len(head) - run(head[::-1])]}{GAP}{tail[run(tail) :]}"
