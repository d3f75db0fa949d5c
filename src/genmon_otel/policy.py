"""The product's fixed numbers, and the pure functions that decide by them."""

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
#: Longer than anything that genmon measures, or is asked about.
CENTURY_S: Final = 100 * 365 * DAY_S
#: Distinct failing generations of one fingerprint that create a case.
STRIKES: Final = 3
#: Seconds of event time within which they must end: seven days.
STRIKE_WINDOW_S: Final = 7 * DAY_S
#: Seconds over which health and the alert are computed: one hour.
HEALTH_WINDOW_S: Final = 3_600
#: With fewer attempts the window is healthy.
HEALTH_MIN_ATTEMPTS: Final = 5
#: Days that the row of a generation is kept, and a recording.
ANALYTICS_DAYS: Final = 90
RECORDINGS_DAYS: Final = 30
#: Recordings stored of one failure, and success samples of one operation.
RECORDINGS_PER_FAILURE: Final = 3
SAMPLES_PER_OPERATION: Final = 3


def is_healthy(attempts: int, failures: int) -> bool:
    """Whether a window is healthy: it has fewer than 5 attempts, or at most half of them failed.

    Compares without a division, as the alert does: 3 of 6 is healthy, 3 of 5 is not.
    """
    return not (attempts >= HEALTH_MIN_ATTEMPTS and 2 * failures > attempts)


# --- cases -----------------------------------------------------------------


class CaseState(StrEnum):
    """The state of a regression case."""

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
    """The result of one run of a case."""

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


def check_transition(present: CaseState, wanted: CaseState) -> CaseState:
    """Return the wanted state if it is allowed from the present one.

    Raises:
        InvalidTransition: it is not allowed; the message lists the allowed states.
    """
    allowed = TRANSITIONS[present]
    if wanted not in allowed:
        names = ", ".join(sorted(allowed)) or "nothing; it is final"
        raise InvalidTransition(
            f"A case that is {present} cannot become {wanted}. Allowed from here: {names}."
        )
    return wanted


def state_after_run(
    state: CaseState,
    verdict: Verdict,
    *,
    code_version: str | None,
    failing_version: str | None,
    earlier: Iterable[Verdict] = (),
) -> CaseState:
    """Return the state of an approved case after one run.

    Args:
        state: the present state; only ``open``, ``guarding`` and ``regressed`` can change.
        verdict: of the run. ``inconclusive`` and ``fail_other`` never change the state.
        code_version: version that the run tested; None when unknown.
        failing_version: version on which the failure was recorded; None when unknown.
        earlier: verdicts of earlier runs on the same code version, oldest first. Fail, pass, fail
            on one *known* version is flaky: the case is quarantined.
    """
    if state not in (CaseState.OPEN, CaseState.GUARDING, CaseState.REGRESSED):
        return state
    if verdict not in (Verdict.PASS, Verdict.FAIL_SAME):
        return state
    if code_version is not None and _is_flaky([*earlier, verdict]):
        return CaseState.QUARANTINED
    if verdict is Verdict.PASS:
        fixed = code_version is not None and code_version != failing_version
        if state is CaseState.OPEN:
            return CaseState.GUARDING if fixed else state
        return CaseState.GUARDING
    return CaseState.REGRESSED if state is CaseState.GUARDING else state


def _is_flaky(verdicts: Iterable[Verdict]) -> bool:
    """Whether fail, pass and fail occur in this order, with any verdicts in between."""
    remaining = [Verdict.FAIL_SAME, Verdict.PASS, Verdict.FAIL_SAME]
    for verdict in verdicts:
        if remaining and verdict is remaining[0]:
            remaining.pop(0)
    return not remaining


# --- confidence ------------------------------------------------------------

#: 95 %, two-sided. Source: Wilson (1927), score interval.
WILSON_Z: Final = 1.96
#: Weight of the nth verdict on one code version; further verdicts weigh 0.
REPEAT_WEIGHTS: Final = (1.0, 0.25, 0.25, 0.25, 0.25)
#: Live runs of one case that count on one day.
LIVE_RUNS_PER_DAY: Final = 5


def repeat_weight(earlier_on_version: int) -> float:
    """Return the weight of a verdict after ``earlier_on_version`` others on the same version."""
    if earlier_on_version < len(REPEAT_WEIGHTS):
        return REPEAT_WEIGHTS[earlier_on_version]
    return 0.0


def wilson_lower_bound(passes: float, total: float, z: float = WILSON_Z) -> float:
    """Return the lower bound of the Wilson score interval, 0 to 1; 0.0 without trials.

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

#: New fingerprints that one process may create in a minute; further ones share the overflow failure.
NEW_FAILURES_A_MINUTE: Final = 100
#: Prefix of the overflow failure's fingerprint; the operation's name follows. It never has a case.
OVERFLOW_FINGERPRINT: Final = f"{FINGERPRINT_VERSION}:overflow:"
