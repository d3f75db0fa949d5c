"""Large sets: secrets planted in every kind of place, and what only looks like one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.redaction_places import planted, structured

from genmon_otel.redaction import Redactor

DATA = Path(__file__).parents[1] / "data" / "redaction"
REDACTOR = Redactor()
LIMIT = 1 << 20


def rows(name: str) -> Iterator[dict[str, Any]]:
    """Read one of the sets: a JSON object a line."""
    for line in (DATA / name).read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def redacted(value: Any) -> Any:
    """Redact a text or a tree."""
    return REDACTOR.text(value, LIMIT) if isinstance(value, str) else REDACTOR.tree(value)


def test_no_planted_secret_survives() -> None:
    """In more than 30 kinds of places more than 400 secrets go, and redacting twice changes nothing."""
    kinds: Counter[str] = Counter()
    wrong = []
    texts = [(kind, secret, text) for kind, secret, text in planted()]
    trees = [(f"tree: {kind}", secret, json.loads(tree)) for kind, secret, tree in structured()]
    for kind, secret, given in (*texts, *trees):
        kinds[kind] += 1
        out = redacted(given)
        shown = out if isinstance(out, str) else json.dumps(out)
        if secret in shown or redacted(out) != out:
            wrong.append(f"{kind}: {given!r} -> {out!r}")
    assert len(kinds) >= 30
    assert sum(kinds.values()) >= 400
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong)


def test_harmless_text_is_left_alone() -> None:
    """Of code, help texts, messages, numbers and ids that look like secrets, at most 1 % are touched."""
    given = [row["text"] for row in rows("harmless.jsonl")]
    touched = [f"{text!r} -> {redacted(text)!r}" for text in given if redacted(text) != text]
    assert len(given) >= 400
    assert len(touched) * 100 <= len(given), f"{len(touched)} touched:\n" + "\n".join(touched)
