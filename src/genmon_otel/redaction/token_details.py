"""Remove the log probabilities of an answer that contained a secret.

They repeat the text token by token, as texts, as bytes and as keys, and redaction is not reliable in
each of these forms. A replay rarely needs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_NUMBERS: Final = (int, float, type(None))


def without_token_details(tree: Any) -> Any:
    """Return JSON with the lists empty that give a log probability for each token."""
    if isinstance(tree, list):
        if any(isinstance(member, dict) and _has_probability(member) for member in tree):
            return []
        return [without_token_details(member) for member in tree]
    if isinstance(tree, dict):
        if _has_probabilities(tree):
            return {
                key: [] if isinstance(value, list) else without_token_details(value)
                for key, value in tree.items()
            }
        return {key: without_token_details(value) for key, value in tree.items()}
    return tree


def is_of_model(key: str, tree: Mapping[str, Any]) -> bool:
    """Whether a member of an object is a token of a model, which is no secret: a log probability is in it or beside it."""
    if key not in ("token", "tokens"):
        return False
    value = tree[key]
    return any(map(_is_key, tree)) or (isinstance(value, dict) and any(map(_is_key, value)))


def may_have_log_probabilities(text: str) -> bool:
    """Whether a body may hold log probabilities."""
    return "ogprob" in text or "ogProb" in text


def _is_key(key: str) -> bool:
    return "logprob" in key.lower()


def _has_probability(tree: dict[str, Any]) -> bool:
    """Whether an object has the log probability of one token."""
    return any(_is_key(key) and isinstance(value, _NUMBERS) for key, value in tree.items())


def _has_probabilities(tree: dict[str, Any]) -> bool:
    """Whether an object has a list for each property of the tokens."""
    return any(
        _is_key(key)
        and isinstance(value, list)
        and any(isinstance(each, _NUMBERS) for each in value)
        for key, value in tree.items()
    )
