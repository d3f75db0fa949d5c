"""The exact count against the truth of random histories."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from genmon_otel.rules.options import Options
from genmon_otel.rules.recorded import exact_counts
from tests.prometheus_kit.histories import OUTCOMES, as_series, bounds, counted, random_targets
from tests.prometheus_kit.programs import Programs
from tests.prometheus_kit.promtool import Case, run

TICK_S = 5
SPAN_S = 3 * 3600

pytestmark = [
    pytest.mark.long("hundreds of random histories for each step"),
    pytest.mark.prometheus,
]


def _case(seed: int, step: int, gauge: bool, expr: str) -> Case:
    rng = random.Random(f"{seed}/{step}/{gauge}")
    targets = random_targets(rng, step=step, span_s=SPAN_S, tick=TICK_S, gauge=gauge)
    case = Case(f"seed {seed}", as_series(targets, tick=TICK_S, span_s=SPAN_S, gauge=gauge), TICK_S)
    aligned = [rng.randrange(0, SPAN_S // step) * step for _ in range(4)]
    between = [rng.randrange(0, SPAN_S // TICK_S) * TICK_S for _ in range(4)]
    for now in (*aligned, *between):
        for outcome in OUTCOMES:
            want = counted(targets, outcome, now, step)
            low, high = bounds(targets, outcome, now, step)
            assert low <= want <= high, "the model itself is off by more than a scrape interval"
            of_outcome = expr.replace('outcome=~"success|failure"', f'outcome="{outcome}"')
            case.expect.append((now, f"sum({of_outcome}) or vector(0)", {"{}": want}))
    return case


@pytest.mark.parametrize("gauge", [True, False], ids=["start-gauge", "no-start-gauge"])
@pytest.mark.parametrize("step", [15, 30, 60])
def test_counts_every_increment_that_a_scrape_saw(
    programs: Programs, tmp_path: Path, step: int, gauge: bool
) -> None:
    """Replicas, restarts, outages, bursts and old processes: the count is the truth's."""
    expr = exact_counts(Options(step))[0].expr.replace("\n", " ")
    cases = [_case(seed, step, gauge, expr) for seed in range(12)]
    assert run(programs.promtool, tmp_path, cases, evaluation_interval_s=TICK_S) == ""


@pytest.mark.parametrize(
    ("broken", "by"),
    [
        (r" * 0 + last_over_time(", " * 0 + 0 * last_over_time("),
        (
            ' or (last_over_time(genmon_generations_total{outcome=~"success|failure"}[1h]) <',
            ' or 0 * (last_over_time(genmon_generations_total{outcome=~"success|failure"}[1h]) <',
        ),
        ("<= time() - 3600", "<= time() - 360000"),
        ("[59m59s999ms:30s]", "[1h1m59s999ms:30s]"),
        ("[59m59s999ms:30s]", "[58m59s999ms:30s]"),
        ("offset 30s", "offset 1m"),
    ],
    ids=["restart", "reset", "adopted", "long", "short", "step"],
)
def test_a_broken_count_is_noticed(
    programs: Programs, tmp_path: Path, broken: str, by: str
) -> None:
    """The histories are rich enough to tell each part of the expression from a wrong one."""
    expr = exact_counts(Options(30))[0].expr.replace("\n", " ")
    while "  " in expr:
        expr = expr.replace("  ", " ")
    assert broken in expr
    gauge = " or 0 * " not in by  # a fall is only needed where no start gauge tells
    cases = [_case(seed, 30, gauge, expr.replace(broken, by)) for seed in range(12)]
    assert run(programs.promtool, tmp_path, cases, evaluation_interval_s=TICK_S) != ""
