"""Long-running work on a case: check, replay, shrink, refresh, restore; results in the command line's words.

The page does it where the application's code is at hand; else ``genmon cases verify --worker`` does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from genmon_otel.code_version import version_of_folder
from genmon_otel.conventions import ENV_CODE_VERSION
from genmon_otel.errors import ConfigurationError
from genmon_otel.policy import CaseState
from genmon_otel.redaction import Redactor
from genmon_otel.regression import review
from genmon_otel.regression.cases.needs import NOTHING, Needs
from genmon_otel.regression.refresh import refresh
from genmon_otel.regression.reproduction_check import REPLAYS
from genmon_otel.regression.shrink_stored import shrink_reproduced, shrunk_in_store
from genmon_otel.store import SqlStore
from genmon_otel.store.rows import CaseRow
from genmon_otel.store.work import Noted
from genmon_otel.wording.case import size

Step = Callable[[], None]
#: By action, what it is called, and its steps; 0 where their number is not known.
TITLES: Final[Mapping[str, tuple[str, int]]] = {
    "verify": ("reproduction check", REPLAYS),
    "run": ("replay", 1),
    "shrink": ("shrinking", 0),
    "refresh": ("refreshing", 0),
    "restore": ("reproduction check of the case as recorded", REPLAYS),
}
#: Actions that change a case's content without a decision, by the word that its history has.
_NOTED: Final[Mapping[str, Noted]] = {
    "shrink": "shrunk", "refresh": "refreshed", "restore": "made anew as recorded",
}  # fmt: skip


def perform(
    store: SqlStore,
    handle: str,
    action: str,
    *,
    cwd: Path,
    needs: Needs,
    step: Step,
    reviewer: str | None,
) -> str:
    """Do the requested work on a case, and return its result as a sentence.

    Args:
        store: where the case is.
        handle: of its failure.
        action: of :data:`TITLES`.
        cwd: where the application's code is.
        needs: what a check's replays need beyond the recording.
        step: called after each step.
        reviewer: who requested it, for the history; None where no name was given.

    Raises:
        GenmonError: it cannot be done.
    """
    said = _WAYS[action](store, handle, cwd, needs, step)
    if action in _NOTED:
        store.work.note(store.case(handle).failure_id, _NOTED[action], reviewer, said)
    return said


def as_tree(needs: Needs) -> dict[str, Any]:
    """Return needs as JSON-able data for the queue; secrets are replaced by placeholders."""
    tree = Redactor().tree({
        "recovery": dict(needs.recovery), "live": list(needs.live), "env": dict(needs.env),
        "programs": list(needs.programs),
    })  # fmt: skip
    assert isinstance(tree, dict)
    return tree


def needs_from(tree: Mapping[str, Any]) -> Needs:
    """Read needs that :func:`as_tree` wrote.

    Raises:
        ConfigurationError: they were changed in the store.
    """
    if not tree:
        return NOTHING
    try:
        return Needs(
            recovery=dict(tree["recovery"]), live=tuple(map(str, tree["live"])),
            env={str(k): str(v) for k, v in tree["env"].items()},
            programs=tuple(map(str, tree["programs"])),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(f"The request in the store cannot be read: {error!r}") from None


def _verify(store: SqlStore, handle: str, cwd: Path, needs: Needs, step: Step) -> str:
    row, found = review.verify(store, handle, cwd=cwd, needs=needs, progress=step)
    said = _said(row, found.reason)
    if row.state is CaseState.REPRODUCED:
        shrunk = shrunk_in_store(store, row, cwd)
        said += "" if shrunk.unchanged else f"; {size(shrunk.case)}"
    return said


def _run(store: SqlStore, handle: str, cwd: Path, needs: Needs, step: Step) -> str:
    version = version_of_folder(os.environ.get(ENV_CODE_VERSION), cwd)
    row, result = review.replay(store, handle, code_version=version, cwd=cwd)
    step()
    return f"{result.verdict}: {result.detail} ({row.handle} is {row.state})"


def _shrink(store: SqlStore, handle: str, cwd: Path, needs: Needs, step: Step) -> str:
    _, shrunk = shrink_reproduced(store, handle, cwd)
    return shrunk.unchanged or size(shrunk.case)


def _restore(store: SqlStore, handle: str, cwd: Path, needs: Needs, step: Step) -> str:
    """Undo shrinking and refreshing: make the case anew from its recording, and check that it still fails.

    Raises:
        InvalidTransition: a person has decided about the case, so its content stays.
    """
    row, found = review.verify(store, handle, cwd=cwd, needs=needs, progress=step)
    return _said(row, found.reason)


def _refresh(store: SqlStore, handle: str, cwd: Path, needs: Needs, step: Step) -> str:
    _, said = refresh(store, handle, cwd=cwd)
    return said


def _said(row: CaseRow, reason: str) -> str:
    return f"{row.state}: {reason.removeprefix(f'{row.state} ')}"


_WAYS: Final[Mapping[str, Callable[[SqlStore, str, Path, Needs, Step], str]]] = {
    "verify": _verify, "run": _run, "shrink": _shrink, "refresh": _refresh, "restore": _restore,
}  # fmt: skip
