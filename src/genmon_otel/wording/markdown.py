"""Say in Markdown what a case's card, a list and a run say: for pull requests and summaries of jobs.

Everything that was recorded is put in code spans and fenced blocks: there a forge reads no
mention, no command, no link, no image and no markup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from genmon_otel.regression.review import Card
from genmon_otel.store.rows import CaseRow
from genmon_otel.wording import case as case_words
from genmon_otel.wording import failure as failure_words
from genmon_otel.wording.printable import one_line, printable
from genmon_otel.wording.units import many
from genmon_otel.wording.values import cut, text_of

#: Characters of an outcome or a message, and of a name.
_SHOWN: Final = 3_000
_NAME: Final = 300


def describe(card: Card, path: str) -> str:
    """Return the description of the pull request that proposes a case.

    Args:
        card: of the case; something was recorded of it.
        path: of its file in the repository.
    """
    row, failure, case = card.row, card.failure.row, card.case
    assert case is not None
    lines = [
        f"This adds a regression test for {_span(row.handle)}: "
        f"{_span(failure.category)} ({failure.severity}) in {_span(failure.operation)}.",
        "",
        _fence(f"{failure.error_type}: {failure.error_message}"),
        "",
        f"- **Happened**: {many(failure.occurrence_count, 'time')}",
        f"- **Hit**: {failure_words.hit(card.failure.impact)}",
    ]
    if failure.context.get("file"):
        place = f"{failure.context['file']}:{failure.context.get('line')}"
        lines.append(f"- **Broke at**: {_span(place)} in {_span(failure.context.get('function'))}")
    said, why = case_words.reason(row)
    lines += [
        f"- **{said.capitalize()}**: {_span(why)}",
        "",
        f"**What happened.** {_span(case_words.what_happened(case, failure))}",
    ]
    if case.trigger.step is not None:
        step = case.steps[case.trigger.step]
        lines += ["", _fence(text_of(step.stream_error or step.outcome))]
    lines += [
        "",
        f"**What merging means.** {_span(case_words.meaning(card))} Until the fix is in, the test "
        "is expected to fail; `pytest --genmon-accept` then makes it a guard.",
        "",
        "**How to replay it**, without the model and the network, where your application is installed, "
        "and beside it `pip install genmon-otel pytest`:",
        "",
        _fence(f"pytest {path}"),
        "",
        "Review the file like code: it names what is called, and what a replay may do.",
        "",
    ]
    return "\n".join(lines)


def table_of_runs(shown: Sequence[Mapping[str, Any]]) -> str:
    """Return the verdicts of runs as a table, those that must be looked at first, with their sum.

    Args:
        shown: by run ``case``, ``verdict``, ``state``, ``detail`` and ``bad``.
    """
    if not shown:
        return "No case was run."
    bad = sum(bool(each["bad"]) for each in shown)
    said = f"{many(len(shown), 'case')} replayed without the model: "
    said += f"**{bad} must be looked at**." if bad else "none that must pass fails."
    rows = [
        ("**look at it**" if each["bad"] else "", _cell(each["case"]), _cell(each["verdict"]),
         _cell(each["state"]), _cell(each["detail"]))
        for each in sorted(shown, key=lambda each: not each["bad"])
    ]  # fmt: skip
    return f"{said}\n\n{_table(('', 'case', 'verdict', 'state', 'why'), rows)}"


def list_of_cases(rows: Sequence[CaseRow]) -> str:
    """Return cases as a table, in their order."""
    if not rows:
        return "No case."
    return _table(
        ("case", "state", "what fails", "confidence", "passed / failed / inconclusive"),
        [
            (_cell(row.handle), str(row.state), f"{_cell(row.category)} in {_cell(row.operation)}",
             f"{row.confidence_score:.2f}" if row.run_count else "–",
             f"{row.pass_count} / {row.fail_count} / {row.inconclusive_count}")
            for row in rows
        ],
    )  # fmt: skip


def list_of_files(written: Sequence[tuple[Path, bool]]) -> str:
    """Return exported files as a list."""
    lines = [f"- {'wrote' if new else 'kept'} {_span(path)}" for path, new in written]
    return "\n".join(lines) if lines else "No case is ready for a file."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(each)} |" for each in lines)


def _cell(text: object) -> str:
    """Return text as a code span inside a table: there a bar ends the cell, in code spans too."""
    return _span(str(text).replace("|", "¦"))


def _span(text: object) -> str:
    """Return text as a code span, which no backtick in it can end."""
    shown = cut(one_line(text), _NAME, " … ")
    if not shown:
        return "–"
    runs = re.findall(r"`+", shown)
    ticks = "`" * (max(map(len, runs), default=0) + 1)
    space = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{ticks}{space}{shown}{space}{ticks}"


def _fence(text: object) -> str:
    """Return text as a fenced block, which no line in it can end."""
    shown = printable(text)
    shown = cut(shown, _SHOWN, f"\n… {len(shown) - _SHOWN} characters …\n").rstrip("\n")
    runs = re.findall(r"`{3,}", shown)
    ticks = "`" * max(3, max(map(len, runs), default=0) + 1)
    return f"{ticks}text\n{shown}\n{ticks}"
