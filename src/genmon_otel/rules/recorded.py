"""The series that are computed once and used by alerts, messages and dashboards."""

from __future__ import annotations

from typing import Final

from genmon_otel import conventions as names
from genmon_otel.records import Outcome
from genmon_otel.rules.document import Rule
from genmon_otel.rules.options import SCOPE, Options
from genmon_otel.rules.promql import duration, gained, over, selector

#: Selects the outcomes that count as attempts.
ATTEMPTED: Final = 'outcome=~"{}"'.format("|".join(o.value for o in Outcome if o.is_attempt))
#: Labels of the finest count there is.
PAIR: Final = (*SCOPE, "operation", "framework")


def increase_name(window_s: int) -> str:
    """Name of the exact count of ended generations over a window, by pair and outcome."""
    return f"{'_'.join(PAIR)}:genmon_generations:increase{duration(window_s)}"


def _exact(options: Options, window_s: int) -> Rule:
    counter = selector(names.GENERATIONS.name, ATTEMPTED)
    labels = (*PAIR, "outcome")
    # The lookback is the same for both windows: both must bridge the same gaps between scrapes.
    gain = gained(
        counter,
        selector(names.SERIES_START.name, ATTEMPTED),
        by=labels,
        step_s=options.scrape_interval_s,
        window_s=options.window_s,
    )
    counted = over(gain, window_s=window_s, step_s=options.scrape_interval_s)
    there = f"sum by ({', '.join(labels)}) (last_over_time({counter}[{duration(window_s)}])) * 0"
    return Rule(increase_name(window_s), f"{counted}\nor\n{there}")


def exact_counts(options: Options) -> list[Rule]:
    """Recording rules that count attempts exactly, over the window and lately."""
    return [_exact(options, options.window_s), _exact(options, options.lately_s)]
