"""Large sets: secrets planted in every kind of place, and what only looks like one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from genmon_otel.redaction import Redactor
from tests.redaction_places import planted, structured

DATA = Path(__file__).parents[1] / "data" / "redaction"
REDACTOR = Redactor()
#: Where the secret stands in a line of ``secrets.jsonl``.
MARK = "⟦⟧"
LIMIT = 1 << 20


def rows(name: str) -> Iterator[dict[str, Any]]:
    """Read one of the sets: a JSON object a line."""
    for line in (DATA / name).read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def redacted(value: Any) -> Any:
    """Redact a text or a tree."""
    return REDACTOR.text(value, LIMIT) if isinstance(value, str) else REDACTOR.tree(value)


def with_secret(value: Any, secret: str) -> Any:
    """Put a secret where a text or tree of the set has a mark for it."""
    if isinstance(value, str):
        return value.replace(MARK, secret)
    if isinstance(value, list):
        return [with_secret(member, secret) for member in value]
    if isinstance(value, dict):
        return {with_secret(key, secret): with_secret(each, secret) for key, each in value.items()}
    return value


def strings(value: Any) -> Iterator[str]:
    """Yield the strings of a text or tree."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for member in value.items() if isinstance(value, dict) else value:
            yield from strings(list(member) if isinstance(member, tuple) else member)


def secrets() -> Iterator[tuple[str, str, Any]]:
    """Yield kind of place, secret, and the text or tree that it is planted in."""
    yield from planted()
    for kind, secret, tree in structured():
        yield f"tree: {kind}", secret, json.loads(tree)
    for row in rows("secrets.jsonl"):  # in two parts, so that no scanner of keys reports the file
        secret = "".join(row["secret"])
        yield row["kind"], secret, with_secret(row["in"], secret)


def test_no_planted_secret_survives() -> None:
    """In more than 30 kinds of places more than 400 secrets go, and redacting twice changes nothing."""
    kinds: Counter[str] = Counter()
    wrong = []
    for kind, secret, given in secrets():
        kinds[kind] += 1
        out = redacted(given)
        if any(secret in text for text in strings(out)) or redacted(out) != out:
            wrong.append(f"{kind}: {given!r} -> {out!r}")
    assert len(kinds) >= 30
    assert sum(kinds.values()) >= 400
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong)


def test_harmless_text_is_left_alone() -> None:
    """Of code, help texts, messages, numbers and ids that look like secrets, at most 1 % are touched."""
    given = [row["in"] for row in rows("harmless.jsonl")]
    touched = [f"{each!r} -> {redacted(each)!r}" for each in given if redacted(each) != each]
    assert len(given) >= 400
    assert len(touched) * 100 <= len(given), f"{len(touched)} touched:\n" + "\n".join(touched)
