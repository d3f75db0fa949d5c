"""Times and durations are said as people do."""

from __future__ import annotations

import math

import pytest

from genmon_otel.wording.units import ago

NOW = 1_764_583_200.0


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 s ago"), (0, "0 s ago"), (59.9, "59 s ago"), (60, "1 min ago"), (7_199, "1 h ago"),
        (86_400 * 36_525, "36525 d ago"), (86_400 * 36_526, "over a century ago"),
        (1e308, "over a century ago"), (math.inf, "over a century ago"), (-math.inf, "0 s ago"),
    ],
)  # fmt: skip
def test_how_long_ago_takes_few_characters(seconds: float, said: str) -> None:
    """Also of a time that no clock shows: another program may have written it."""
    assert ago(NOW - seconds, NOW) == said
