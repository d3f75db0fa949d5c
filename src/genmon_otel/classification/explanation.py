"""Say in one sentence why a rule decided, for ``genmon failures show``."""

from __future__ import annotations


def explain(rule: str) -> str:
    """Say in plain English what evidence a rule names.

    Args:
        rule: ``Classification.rule`` as a failure keeps it, such as ``status:429``; empty
            where no rule applied.

    Returns:
        One sentence without a final full stop. A rule of another version of this package
        is named as it is; never raises.
    """
    if not rule:
        return "no evidence names a cause, so the category is unknown"
    return f"rule {rule}"
