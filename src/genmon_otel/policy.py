"""The decided numbers and the rules that are pure arithmetic over them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, Literal

from genmon_otel.errors import InvalidTransition
from genmon_otel.records import FINGERPRINT_VERSION

# --- strikes and health ----------------------------------------------------

#: Seconds.
DAY_S: Final = 86_400
#: Distinct failing generations of one fingerprint that make a case.
STRIKES: Final = 3
#: Seconds of event time within which they must fall: seven days.
STRIKE_WINDOW_S: Final = 7 * DAY_S
#: Seconds over which health and the page look back: one hour.
HEALTH_WINDOW_S: Final = 3_600
#: Fewer attempts than this say nothing.
HEALTH_MIN_ATTEMPTS: Final = 5
#: Days that one generation's row is kept, and a recording.
ANALYTICS_DAYS: Final = 90
RECORDINGS_DAYS: Final = 30
#: Recordings kept of one failure, and success samples of one operation.
RECORDING_VARIANTS: Final = 3
SUCCESS_SAMPLES: Final = 3


def healthy(attempts: int, failures: int) -> bool:
    """Whether the window is healthy: unhealthy iff 5 or more attempts and more than half failed.

    Compared without dividing, as the alert does: 3 of 6 is healthy, 3 of 5 is not.
    """
    return not (attempts >= HEALTH_MIN_ATTEMPTS and 2 * failures > attempts)


# --- cases -----------------------------------------------------------------


class CaseState(StrEnum):
    """Where a regression case stands."""

    PROPOSED = "proposed"
    REPRODUCED = "reproduced"
    UNREPRODUCIBLE = "unreproducible"
    OPEN = "open"
    GUARDING = "guarding"
    REGRESSED = "regressed"
    QUARANTINED = "quarantined"
    RETIRED = "retired"
    REJECTED = "rejected"


class Verdict(StrEnum):
    """What one run of a case showed."""

    PASS = "pass"
    FAIL_SAME = "fail_same"
    FAIL_OTHER = "fail_other"
    INCONCLUSIVE = "inconclusive"


Channel = Literal["ci", "replay", "live"]
CHANNELS: Final[tuple[Channel, ...]] = ("ci", "replay", "live")

#: Transitions a person (or the reproduction check) asks for, by present state.
TRANSITIONS: Final[Mapping[CaseState, frozenset[CaseState]]] = {
    CaseState.PROPOSED: frozenset(
        {CaseState.REPRODUCED, CaseState.UNREPRODUCIBLE, CaseState.REJECTED}
    ),
    # The reproduction check may be asked again: it may say the same, for another reason.
    CaseState.REPRODUCED: frozenset(
        {CaseState.REPRODUCED, CaseState.UNREPRODUCIBLE, CaseState.OPEN, CaseState.REJECTED}
    ),
    CaseState.UNREPRODUCIBLE: frozenset(
        {CaseState.REPRODUCED, CaseState.UNREPRODUCIBLE, CaseState.REJECTED}
    ),
    CaseState.OPEN: frozenset({CaseState.GUARDING, CaseState.QUARANTINED, CaseState.RETIRED}),
    CaseState.GUARDING: frozenset({CaseState.REGRESSED, CaseState.QUARANTINED, CaseState.RETIRED}),
    CaseState.REGRESSED: frozenset({CaseState.GUARDING, CaseState.QUARANTINED, CaseState.RETIRED}),
    CaseState.QUARANTINED: frozenset({CaseState.OPEN, CaseState.RETIRED}),
    CaseState.RETIRED: frozenset(),
    CaseState.REJECTED: frozenset(),
}


def transition(present: CaseState, wanted: CaseState) -> CaseState:
    """Check one asked-for change of state.

    Raises:
        InvalidTransition: naming what is allowed from the present state.
    """
    allowed = TRANSITIONS[present]
    if wanted not in allowed:
        names = ", ".join(sorted(allowed)) or "nothing; it is final"
        raise InvalidTransition(
            f"A case that is {present} cannot become {wanted}. Allowed from here: {names}."
        )
    return wanted


def after_run(
    state: CaseState,
    verdict: Verdict,
    *,
    code_version: str | None,
    failing_version: str | None,
    earlier: Iterable[Verdict] = (),
) -> CaseState:
    """State of an approved case after one run.

    Args:
        state: the present state; only ``open``, ``guarding`` and ``regressed`` move.
        verdict: what the run showed. ``inconclusive`` and ``fail_other`` never move a case.
        code_version: version the run was on; None when unknown.
        failing_version: version the failure was recorded on; None when unknown.
        earlier: the verdicts of earlier runs on this very code version, oldest first.
            fail → pass → fail within one *known* version is flakiness: quarantined.
    """
    if state not in (CaseState.OPEN, CaseState.GUARDING, CaseState.REGRESSED):
        return state
    if verdict not in (Verdict.PASS, Verdict.FAIL_SAME):
        return state
    if code_version is not None and _flips([*earlier, verdict]):
        return CaseState.QUARANTINED
    if verdict is Verdict.PASS:
        fixed = code_version is not None and code_version != failing_version
        if state is CaseState.OPEN:
            return CaseState.GUARDING if fixed else state
        return CaseState.GUARDING
    return CaseState.REGRESSED if state is CaseState.GUARDING else state


def _flips(verdicts: Iterable[Verdict]) -> bool:
    """Whether fail, pass, fail occur in that order, other verdicts ignored."""
    wanted = [Verdict.FAIL_SAME, Verdict.PASS, Verdict.FAIL_SAME]
    for verdict in verdicts:
        if wanted and verdict is wanted[0]:
            wanted.pop(0)
    return not wanted


# --- confidence ------------------------------------------------------------

#: 95 %, two-sided. Source: Wilson (1927), score interval.
WILSON_Z: Final = 1.96
#: Weight of the nth verdict on one code version: the first counts, four more a quarter each.
REPEAT_WEIGHTS: Final = (1.0, 0.25, 0.25, 0.25, 0.25)
#: Live exposures that count on one day.
LIVE_A_DAY: Final = 5


def repeat_weight(earlier_on_version: int) -> float:
    """Weight of a verdict when there were ``earlier_on_version`` before it on the same version."""
    if earlier_on_version < len(REPEAT_WEIGHTS):
        return REPEAT_WEIGHTS[earlier_on_version]
    return 0.0


def wilson(passes: float, total: float, z: float = WILSON_Z) -> float:
    """Lower bound of the Wilson score interval; 0.0 for no trials.

    Clean passes 3 / 5 / 10 / 20 / 35 give .44 / .57 / .72 / .84 / .90.
    """
    if total <= 0:
        return 0.0
    share = min(1.0, passes / total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, (share + z * z / (2 * total) - spread) / (1 + z * z / total))


def minute_of(ended_at: float) -> int:
    """Return the minute (Unix seconds // 60) that a generation's end is counted in.

    It is that of the row's ``created_at``, which is rounded to microseconds.
    """
    return round(ended_at * 1_000_000) // 60_000_000


# --- bounds of what one process may do ---------------------------------------

#: New fingerprints a minute that one process may bring; the rest share the overflow failure.
NEW_FAILURES_A_MINUTE: Final = 100
#: Fingerprint of the overflow failure, before the operation's name. It never strikes.
OVERFLOW_FINGERPRINT: Final = f"{FINGERPRINT_VERSION}:overflow:"
