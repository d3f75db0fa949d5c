"""Say of a failure whom it hit, why it got its category, and why it has no case."""

from __future__ import annotations

from typing import Final

from genmon_otel import conventions as names
from genmon_otel.policy import NEW_FAILURES_A_MINUTE, OVERFLOW_FINGERPRINT
from genmon_otel.store.rows import FailureDetail, FailureRow, Impact
from genmon_otel.wording.units import ago, many
from genmon_otel.wording.values import failed_with

#: Where a failure hit no user and no project that has a name.
NOBODY: Final = "no user or project is known: give @generation user_id= to see whom failures hit"


def evidence(row: FailureRow) -> str:
    """Return in words which evidence the rules used for the category; empty when it is not known."""
    from genmon_otel.classification import explain  # imported here because it is slow to import

    if "rule" not in row.context:
        return ""
    words = str(row.context.get("words") or "")
    return explain(str(row.context["rule"]), row.error_message, words)


def answer_read(row: FailureRow) -> str:
    """Return whose answer was being read when it broke, and how that is known; empty for none."""
    step = row.context.get("answer_of")
    if not step:
        return ""
    if row.context.get("answer_quoted"):
        return f"the answer of step {step}, which the error quotes"
    # A KeyError may be an ordinary bug, or what a model's answer lacked: a person decides.
    return f"perhaps the answer of step {step}, the last before it; unconfirmed"


def step_failed(row: FailureRow) -> str:
    """Return which automatic step failed before it, how and how often in a row; empty for none."""
    step = row.context.get("failed_step")
    if not step:
        return ""
    times = row.context.get("trigger_count", 1)
    said = f"step {step} {failed_with(row.context.get('failed_status'))}"
    return said + (f", {times} times in a row" if times > 1 else "")


def why(row: FailureRow) -> list[tuple[str, str]]:
    """Return what decided the category, as labelled lines: a person, or the rules' evidence."""
    said = evidence(row)
    if row.relabelled_at is None:
        return [("because", said)] if said else []
    return [
        ("relabelled", f"by {row.relabelled_by}, {ago(row.relabelled_at)}"),
        (
            "the rules",
            f"say {row.rules_category}, {row.rules_severity}" + (f": {said}" if said else ""),
        ),
    ]


def hit(impact: Impact) -> str:
    """Return how many users and projects a failure hit, and their share of the active ones."""
    if not impact.users and not impact.projects:
        return NOBODY
    known = ((impact.users, "user"), (impact.projects, "project"))
    text = " and ".join(many(count, noun) for count, noun in known if count)
    if impact.share is not None:
        text += (
            f"; {impact.share:.0%} of those active in its last 7 days "
            f"({impact.users_week} of {impact.active_week})"
        )
    return text


def unseen(row: FailureRow) -> list[str]:
    """Return what the failing generation asked that no replay can answer, and from where."""
    given = row.context.get("context")
    asked = given.get(names.CONTEXT_UNSEEN) if isinstance(given, dict) else None
    return [each for each in asked if isinstance(each, str)] if isinstance(asked, list) else []


def why_no_case(detail: FailureDetail) -> str:
    """Return why a failure has no case."""
    if detail.row.context.get("origin") == "foreign_span":
        return "none: it was seen as a span of another instrumentation, which records no inputs"
    if detail.row.status == "ignored":
        return "none: an ignored failure gets none"
    if detail.rejected_with is not None:
        return f"none: {detail.rejected_with}, the same failure on another path, was rejected"
    if detail.row.fingerprint.startswith(OVERFLOW_FINGERPRINT):
        return (
            f"none: these are many failures, those beyond {NEW_FAILURES_A_MINUTE} new ones a minute"
        )
    return "none yet: the third distinct generation within 7 days makes one"
