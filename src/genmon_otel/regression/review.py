"""Work on a case in the store: check, show, approve, replay, export it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from genmon_otel.errors import InvalidTransition
from genmon_otel.fingerprint import signature
from genmon_otel.policy import CaseState
from genmon_otel.records import (
    ENVIRONMENT_CATEGORIES,
    FINGERPRINT_VERSION,
    PROCESS_DIED,
    Recording,
    is_of_other_version,
)
from genmon_otel.regression.cases import files
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.case_reading import CaseError
from genmon_otel.regression.cases.needs import NOTHING, Needs
from genmon_otel.regression.cases.results import Result
from genmon_otel.regression.cases.trust import Trust
from genmon_otel.regression.judging.run_result import RunResult
from genmon_otel.regression.propose import case_from, fullest, with_samples
from genmon_otel.regression.reproduction_check import CheckResult, check
from genmon_otel.regression.runner import run_case
from genmon_otel.store import SqlStore
from genmon_otel.store.rows import CaseRow, FailureDetail, RunRow

#: States in which the reproduction check may still decide.
CHECKABLE: Final = (CaseState.PROPOSED, CaseState.UNREPRODUCIBLE, CaseState.REPRODUCED)
#: States in which a case has a file: a person may commit it, or has.
EXPORTED: Final = (CaseState.REPRODUCED, CaseState.OPEN, CaseState.GUARDING, CaseState.REGRESSED)
#: States of a case that a person has accepted and not ended: its verdicts are kept.
APPROVED: Final = (
    CaseState.OPEN, CaseState.GUARDING, CaseState.REGRESSED, CaseState.QUARANTINED,
)  # fmt: skip
#: Order of states in a reviewer's list: those that wait for a person first, ended ones last.
_QUEUE: Final = (
    CaseState.REPRODUCED, CaseState.REGRESSED, CaseState.QUARANTINED, CaseState.PROPOSED,
    CaseState.OPEN, CaseState.GUARDING, CaseState.UNREPRODUCIBLE, CaseState.RETIRED,
    CaseState.REJECTED,
)  # fmt: skip

#: Above the number of cases of any store.
_ALL: Final = 1_000_000


def stored(row: CaseRow) -> Case:
    """The case in a row of the store.

    Raises:
        CaseError: nothing was recorded of its failure, or what the row holds is no case.
    """
    if not row.case:
        raise CaseError(
            f"Case {row.handle} has no content: no generation of this failure was recorded "
            "(capture off, a foreign span, or a process that died). It can only be rejected."
        )
    try:
        return Case.from_dict(dict(row.case))
    except CaseError as error:
        remedy = (
            f"To make it anew from its recordings: genmon cases verify {row.handle}"
            if row.state in CHECKABLE
            else f"Restore it from a backup, or end it: genmon cases retire {row.handle}"
        )
        raise CaseError(
            f"Case {row.handle} cannot be read (column case of its row in the store): {error} {remedy}"
        ) from error


def is_unfixable(case: Case) -> bool:
    """Return whether repeating the request cannot help: such cases are listed last, with a note.

    A fault that meets every retry leaves nothing but to ask something else, to do without the step, or to fail
    well; the reviewer may declare how (``fails_as``).
    """
    return case.trigger.kind == "fault" and case.trigger.persistent


def queue(
    rows: list[CaseRow], on_unreadable: Callable[[CaseError], None] = lambda _: None
) -> list[CaseRow]:
    """Cases in the order a reviewer should take them; of each state what code can fix first.

    Args:
        rows: in any order.
        on_unreadable: called for each case whose content is no case.
    """
    return sorted(
        rows, key=lambda row: (_QUEUE.index(row.state), unmendable(row, on_unreadable), -row.id)
    )


def unmendable(row: CaseRow, on_unreadable: Callable[[CaseError], None] = lambda _: None) -> bool:
    """Whether a row's case is :func:`is_unfixable`, or has nothing that could be replayed."""
    try:
        return is_unfixable(stored(row))
    except CaseError as error:
        if row.case:
            on_unreadable(error)
        return True


def is_superseded(row: CaseRow) -> bool:
    """Whether a case that is not over has another version's signature: nothing meets it."""
    return is_of_other_version(row.signature) and row.state in (*CHECKABLE, *APPROVED)


# --- the reproduction check -----------------------------------------------------------


def verify(
    store: SqlStore,
    ref: int | str,
    *,
    cwd: Path | None = None,
    needs: Needs = NOTHING,
    progress: Callable[[], None] = lambda: None,
) -> tuple[CaseRow, CheckResult]:
    """Put a case through the reproduction check and keep what it found.

    The case is made anew from the best recording and the success samples that there
    are by now; what a person changed in it stays. One that another version's
    fingerprints named gets today's names, in whatever state it is.

    Raises:
        NotFound: there is no such case.
        InvalidTransition: a person has decided about it already.
    """
    row = store.case(ref)
    if is_of_other_version(row.signature) and row.state in APPROVED:
        return _named_anew(store, row, cwd, progress)
    if row.state not in CHECKABLE:
        raise InvalidTransition(
            f"Case {row.handle} is {row.state}: the reproduction check comes before the review. "
            f"To replay it now: genmon cases run {row.handle}"
        )
    detail = store.failure(row.handle)
    if not detail.recordings:
        found = CheckResult(CaseState.UNREPRODUCIBLE, no_recording(detail), ())
    else:
        recording = fullest(detail.recordings)
        case = with_samples(
            case_from(described(detail), recording), store.success_samples(row.operation)
        )
        with suppress(CaseError):  # from an unreadable case nothing can be kept
            case = _carried(case, stored(row), detail.recordings)
        case = needs.added_to(case)
        if is_of_other_version(case.expected.signature):
            case, trigger = _renamed(case, row.trigger_signature, cwd)
            store.rename_case(row.id, case.expected.signature, trigger, row.state_reason)
        store.save_case(row.id, case.to_dict())
        found = check(
            case,
            unreplayable=recording.unreplayable,
            cwd=cwd,
            progress=progress,
        )
        if found.case is not None and found.case != case:
            store.save_case(row.id, found.case.to_dict())
    moved = store.set_case_state(row.id, found.state, expected=row.state, reason=found.reason)
    return moved, found


def _named_anew(
    store: SqlStore, row: CaseRow, cwd: Path | None, progress: Callable[[], None]
) -> tuple[CaseRow, CheckResult]:
    """Give an accepted case fingerprints of the current version; its state and edits stay."""
    case, trigger = _renamed(stored(row), row.trigger_signature, cwd)
    progress()
    store.save_case(row.id, case.to_dict())
    reason = f"named by fingerprints {FINGERPRINT_VERSION} now; export its file again"
    row = store.rename_case(row.id, case.expected.signature, trigger, reason)
    return row, CheckResult(row.state, reason, (), case)


def _renamed(case: Case, trigger: str | None, cwd: Path | None) -> tuple[Case, str | None]:
    """Return a case with current signatures of its failure and of its trigger.

    A replay gives both. Where it shows another failure or none, as after the fix, the
    signatures are computed from the recording.
    """
    seen, expected = run_case(case, cwd=cwd), case.expected
    if seen.signature and seen.category and seen.error_type == expected.error_type:
        expected = replace(expected, signature=seen.signature, category=seen.category)
    else:
        name = signature(
            operation=case.operation,
            category=expected.category,
            error_type=expected.error_type,
            message=expected.error_message,
            stage=expected.stage,
            environment=expected.category in ENVIRONMENT_CATEGORIES,
        )
        expected = replace(expected, signature=name)
    return replace(case, expected=expected), seen.trigger_signature or trigger


def no_recording(detail: FailureDetail) -> str:
    """Say why nothing was recorded of a failure."""
    if detail.row.error_type == PROCESS_DIED:
        return "The process died; what it did was not recorded."
    return (
        "No generation of this failure was recorded. Is capture off, for the service or this "
        "operation?"
    )


def described(detail: FailureDetail) -> dict[str, Any]:
    """Return a failure's row as :func:`propose.case_from` takes it."""
    row = detail.row
    return {name: getattr(row, name) for name in row.__dataclass_fields__} | {
        "stage": row.context.get("stage", "")
    }


def _carried(fresh: Case, old: Case, recordings: Sequence[Recording]) -> Case:
    """A case made anew, with what a person set in the old one.

    A target that no recording has was set by a person (``rebind``).
    """
    recorded = {recording.target for recording in recordings}
    return replace(
        fresh,
        slug=old.slug,
        target=fresh.target if old.target in recorded else old.target,
        postcondition=old.postcondition,
        fails_as=old.fails_as,
        recovery=old.recovery,
        live=old.live,
        env=old.env,
        programs=old.programs,
        factories=old.factories,
    )


# --- the review ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Card:
    """Everything that a reviewer needs to judge a case."""

    row: CaseRow
    #: None when nothing was recorded.
    case: Case | None
    failure: FailureDetail
    runs: tuple[RunRow, ...]
    is_unfixable: bool


def card(store: SqlStore, ref: int | str) -> Card:
    """Collect what a reviewer needs to judge a case."""
    row = store.case(ref)
    try:
        case: Case | None = stored(row)
    except CaseError:
        case = None
    return Card(
        row=row,
        case=case,
        failure=store.failure(row.handle),
        runs=tuple(store.case_runs(row.id)),
        is_unfixable=case is not None and is_unfixable(case),
    )


def approve(
    store: SqlStore,
    ref: int | str,
    *,
    reviewer: str,
    postcondition: str | None = None,
    fails_as: str | None = None,
    needs: Needs = NOTHING,
) -> CaseRow:
    """Accept a case: from now on it runs, expected to fail until it is fixed.

    A case that is accepted already keeps its state; what is given here changes how it is
    judged from the next run on.

    Args:
        store: where the case is.
        ref: its number, or the handle of its failure.
        reviewer: who decides.
        postcondition: import path of a function over the result; None: the shapes of
            successful results decide.
        fails_as: the failure that would be right (``rejected``, a category, an exception's
            name); None: only success passes.
        needs: what the fixed code needs beyond what was recorded.

    Raises:
        InvalidTransition: the case did not come through the reproduction check, is over, or is
            accepted already and nothing is changed.
        ConfigurationError: ``postcondition`` is no import path.
    """
    row = store.case(ref)
    first = row.state is CaseState.REPRODUCED
    if not first and row.state not in APPROVED:
        raise InvalidTransition(
            f"Case {row.handle} is {row.state}; only a reproduced one can be approved. "
            + (
                f"Put it through the reproduction check first: genmon cases verify {row.handle}"
                if row.state in CHECKABLE
                else "That is final."
            )
        )
    if postcondition is not None:
        files.check_import_path(postcondition)
    case = stored(row)
    edited = replace(
        needs.added_to(case),
        postcondition=postcondition or case.postcondition,
        fails_as=fails_as or case.fails_as,
    )
    if not first and edited == case:
        raise InvalidTransition(
            f"Case {row.handle} is {row.state} already, and nothing is changed."
        )
    if edited != case:
        row = store.save_case(row.id, edited.to_dict())
    if not first:
        return row
    return store.set_case_state(
        row.id,
        CaseState.OPEN,
        expected=CaseState.REPRODUCED,
        reviewer=reviewer,
        reason=row.state_reason,
    )


def rebind(store: SqlStore, old: str, new: str) -> Iterator[CaseRow]:
    """Point the store's cases at a renamed target, postcondition or factory.

    Yields:
        Each case that was changed.

    Raises:
        ConfigurationError: ``new`` is no import path.
    """
    files.check_import_path(new)
    for row in store.cases(limit=_ALL):
        if row.case:
            case = stored(row)
            renamed = files.rebound(case, old, new)
            if renamed is not case:
                yield store.save_case(row.id, renamed.to_dict())


# --- running and exporting ------------------------------------------------------


def replay(
    store: SqlStore, ref: int | str, *, code_version: str | None, cwd: Path | None = None
) -> tuple[CaseRow, RunResult]:
    """Replay a case now and keep the verdict; a case that is not accepted only shows it."""
    row = store.case(ref)
    case = stored(row)
    shown = run_case(case, cwd=cwd, trust=Trust.of_reviewed(case))
    if row.state not in APPROVED:
        return row, shown
    row = store.record_run(
        row.id,
        "replay",
        code_version or shown.code_version,
        shown.verdict,
        shown.detail,
        Result.new_id(),
        time.time(),
        shown.weight,
        shown.drift,
    )
    return row, shown
