"""Random histories of processes, events and scrapes, and the truth about them.

The truth is worked out from the events, never from the expression under test.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

WINDOW_S = 3600
OUTCOMES = ("success", "failure")


@dataclass
class Life:
    """One run of a process: when it lived, and when which outcome ended."""

    start: int
    end: int
    #: Counted before the history begins (an old process).
    base: dict[str, int]
    events: dict[str, list[int]]
    #: When each series was started; the start unless the label set came later.
    started: dict[str, int]


@dataclass
class Target:
    """One scraped address, with the processes that answered there one after another."""

    name: str
    lives: list[Life]
    #: Second of each scrape that got an answer.
    scrapes: list[int]
    #: Second of each scrape that failed and left a staleness marker.
    stale: list[int] = field(default_factory=list)

    def samples(self, outcome: str) -> list[tuple[int, int, int]]:
        """(second, value, birth) as Prometheus stores them."""
        found = []
        for second in self.scrapes:
            for life in self.lives:
                if life.start <= second < life.end and life.started[outcome] <= second:
                    value = life.base[outcome] + sum(e <= second for e in life.events[outcome])
                    found.append((second, value, life.started[outcome]))
        return found

    def seen(self, outcome: str, step: int, window: int = WINDOW_S) -> list[tuple[int, int]]:
        """(second of the scrape, how many events it saw first) for what must count."""
        out = []
        last: tuple[int, Life] | None = None
        for second in self.scrapes:
            for life in self.lives:
                if not (life.start <= second < life.end and life.started[outcome] <= second):
                    continue
                known = last is not None and second - last[0] <= window
                same = known and last is not None and last[1] is life
                on_step = -(-second // step) * step
                if not known and life.started[outcome] <= on_step - window:
                    fresh = 0  # an old process: its past is none of ours
                else:
                    since = last[0] if same and last is not None else -(10**9)
                    fresh = sum(since < e <= second for e in life.events[outcome])
                    if not same:
                        fresh += life.base[outcome]
                if fresh:
                    out.append((second, fresh))
                last = (second, life)
        return out


def counted(targets: Sequence[Target], outcome: str, now: int, step: int) -> int:
    """How many events of an outcome the last hour's scrapes saw, on the steps of the query."""
    edge = now // step * step
    total = 0
    for target in targets:
        for second, fresh in target.seen(outcome, step):
            on_step = -(-second // step) * step
            if edge - WINDOW_S < on_step <= edge:
                total += fresh
    return total


def bounds(targets: Sequence[Target], outcome: str, now: int, step: int) -> tuple[int, int]:
    """Fewest and most that are exact within one scrape interval in time."""
    low = high = 0
    for target in targets:
        for second, fresh in target.seen(outcome, step):
            low += fresh * (now - WINDOW_S + step < second <= now - step)
            high += fresh * (now - WINDOW_S - step < second <= now)
    return low, high


def random_targets(
    rng: random.Random, *, step: int, span_s: int, tick: int, gauge: bool = True
) -> list[Target]:
    """One to three replicas with restarts, outages, bursts and old processes.

    Without the start gauge, histories that nobody could tell apart without it are left
    out: hidden restarts and old processes seen for the first time.
    """
    targets = []
    first_seen = rng.choice([0, 0, rng.randrange(0, span_s // 2)])
    for index in range(rng.randint(1, 3)):
        offset = rng.randrange(0, step, tick)
        lives: list[Life] = []
        clock = rng.choice([-rng.randrange(1, 90_000), first_seen + rng.randrange(0, 1800)])
        gone = rng.random() < 0.2
        while clock < span_s and len(lives) < 6:
            length = rng.choice([rng.randrange(40, 1200), rng.randrange(600, 9000), 10**6])
            lives.append(_life(rng, clock, clock + length, span_s))
            if gone and lives[-1].end > 0 and len(lives) > 1:
                break
            clock += length + rng.choice([0, 0, rng.randrange(0, 300), rng.randrange(0, 6000)])
        targets.append(_scraped(rng, f"i{index}", lives, offset, step, span_s, first_seen))
    if not gauge and any(_needs_gauge(target) for target in targets):
        return random_targets(rng, step=step, span_s=span_s, tick=tick, gauge=gauge)
    return targets


def _life(rng: random.Random, start: int, end: int, span_s: int) -> Life:
    old = start < -3600
    base = {
        o: rng.choice([0, rng.randrange(50), rng.randrange(100_000)]) if old else 0
        for o in OUTCOMES
    }
    events: dict[str, list[int]] = {}
    started: dict[str, int] = {}
    late = rng.random() < 0.25
    for outcome in OUTCOMES:
        low, high = max(start, -3599), min(end, span_s)
        times: list[int] = []
        if high > low:
            for _ in range(rng.choice([0, 1, 2, 3, 5, 10, 40])):
                times.append(rng.randrange(low, high))
            if rng.random() < 0.4:  # a burst right after the start
                times += [
                    min(high - 1, low + rng.randrange(0, 40)) for _ in range(rng.randint(1, 8))
                ]
        times.sort()
        events[outcome] = times
        if late and times and not old:
            started[outcome] = times[0]
        else:
            started[outcome] = start
    return Life(start, end, base, events, started)


def _scraped(
    rng: random.Random,
    name: str,
    lives: list[Life],
    offset: int,
    step: int,
    span_s: int,
    begin: int,
) -> Target:
    outages: list[tuple[int, int, bool]] = []
    for _ in range(rng.choice([0, 0, 1, 3])):
        at = rng.randrange(0, span_s)
        length = rng.choice([step, 2 * step, rng.randrange(60, 900), rng.randrange(900, 3300)])
        outages.append((at, at + length, rng.random() < 0.5))
    if rng.random() < 0.1:
        at = rng.randrange(0, span_s)
        outages.append((at, at + 3600 + 4 * step, True))
    scrapes, stale = [], []
    for second in range(offset, span_s, step):
        if second < begin:
            continue
        out = next((o for o in outages if o[0] <= second < o[1]), None)
        alive = any(life.start <= second < life.end for life in lives)
        if out is None and alive:
            scrapes.append(second)
        elif out is None or out[2]:
            stale.append(second)
    return Target(name, lives, scrapes, stale)


def _needs_gauge(target: Target) -> bool:
    for outcome in OUTCOMES:
        last: tuple[int, int, int] | None = None
        for second, value, started in target.samples(outcome):
            near = last is not None and second - last[0] <= WINDOW_S
            if not near and value and started <= second - WINDOW_S + 120:
                return True
            if near and last is not None and last[2] != started and value >= last[1] and last[1]:
                return True
            last = (second, value, started)
    return False


def as_series(
    targets: Sequence[Target], *, tick: int, span_s: int, gauge: bool = True
) -> dict[str, list[float | str | None]]:
    """promtool's input: values a tick. Time begins at 0, so older births are negative."""
    series: dict[str, list[float | str | None]] = {}
    for target in targets:
        for outcome in OUTCOMES:
            labels = (
                f'{{job="app",instance="{target.name}",operation="build_app",framework="react",'
                f'outcome="{outcome}"}}'
            )
            counts: list[float | str | None] = [None] * (span_s // tick)
            births = list(counts)
            present = False
            marks = dict.fromkeys(target.stale, "stale")
            found = {second: (value, started) for second, value, started in target.samples(outcome)}
            for second in sorted({*marks, *found, *target.scrapes}):
                if second in found:
                    counts[second // tick], births[second // tick] = found[second]
                    present = True
                elif present:
                    counts[second // tick] = births[second // tick] = "stale"
                    present = False
            series[f"genmon_generations_total{labels}"] = counts
            if gauge:
                series[f"genmon_series_start_timestamp_seconds{labels}"] = births
    return series
