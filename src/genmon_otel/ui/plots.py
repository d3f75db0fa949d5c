"""Draw small plots as inline SVG, without scripts and inline styles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from markupsafe import Markup

from genmon_otel.policy import HEALTH_MIN_ATTEMPTS
from genmon_otel.store.rows import RunRow, TrendPoint
from genmon_otel.wording.units import many

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
#: Runs of a case that are drawn.
RUNS: Final = 60
#: Units of the drawings, and of one in a table's cell; the stylesheet scales them.
WIDTH: Final = 600
NARROW: Final = 200
HEIGHT: Final = 80


def days(by_day: Mapping[int, int], today: int, span: int = 30) -> Markup:
    """Draw how often something happened on each of the last days.

    Args:
        by_day: counts, by days since 1970.
        today: days since 1970.
        span: days to draw.
    """
    first = today - span + 1
    most = max([1, *by_day.values()])
    bars = []
    for day in range(first, today + 1):
        count = by_day.get(day, 0)
        when = date.fromordinal(day + _EPOCH_DAY).isoformat()
        bars.append(_bar(day - first, span, count / most, f"{when}: {count}", "bar bad"))
    total = sum(count for day, count in by_day.items() if first <= day <= today)
    return _svg(f"{many(total, 'failure')} in {span} days, at most {most} a day", bars)


def hour(points: Sequence[TrendPoint], now: float) -> Markup:
    """Draw the attempts of each minute of the last hour, the failed ones below."""
    start = now // 60 * 60 - 59 * 60
    counts = {int((point.at - start) // 60): point.by_outcome for point in points}
    most = max(1, most_of(points))
    bars = []
    for minute in range(60):
        outcomes = counts.get(minute, {})
        failed, good = outcomes.get("failure", 0), outcomes.get("success", 0)
        title = f"{59 - minute} min ago: {failed} failed of {failed + good}"
        bars.append(_bar(minute, 60, (failed + good) / most, title, "bar good"))
        bars.append(_bar(minute, 60, failed / most, title, "bar bad"))
    attempts = sum(o.get("success", 0) + o.get("failure", 0) for o in counts.values())
    failures = sum(o.get("failure", 0) for o in counts.values())
    return _svg(f"The last hour: {failures} of {many(attempts, 'attempt')} failed", bars)


def most_of(points: Sequence[TrendPoint]) -> int:
    """Return the attempts of the busiest of some points in time."""
    each = (point.by_outcome for point in points)
    return max((found.get("success", 0) + found.get("failure", 0) for found in each), default=0)


def rate(failure_rate: float, attempts: int) -> Markup:
    """Draw the failure rate of the last hour, with the half at which on-call is paged."""
    kind = "bad" if failure_rate > 0.5 and attempts >= HEALTH_MIN_ATTEMPTS else "good"
    width = round(failure_rate * WIDTH, 1)
    parts = [
        Markup('<rect class="track" x="0" y="4" width="{}" height="12" rx="6"/>').format(WIDTH),
        Markup('<rect class="bar {}" x="0" y="4" width="{}" height="12" rx="6"/>').format(
            kind, width
        ),
        Markup('<line class="limit" x1="{0}" x2="{0}" y1="0" y2="20"/>').format(WIDTH / 2),
    ]
    return _svg(
        f"{failure_rate:.0%} of the attempts failed; on-call is paged above 50%", parts, "line"
    )


def runs(found: Sequence[RunRow], width: int = WIDTH) -> Markup:
    """Draw a case's runs from the oldest to the newest, each as a mark of its verdict.

    Args:
        found: the newest first.
        width: of the drawing; the narrower it is, the larger the marks in a given place.
    """
    shown = list(reversed(found))[-RUNS:]
    marks = []
    space = width / max(20, len(shown))
    radius = round(min(4.0, 0.45 * space), 1)
    for index, run in enumerate(shown):
        x = round((index + 0.5) * space, 1)
        marks.append(
            Markup(
                '<circle class="run {}" cx="{}" cy="10" r="{}"><title>{}</title></circle>'
            ).format(
                run.verdict,
                x,
                radius,
                f"{run.verdict} on {run.code_version or 'an unknown version'}",
            )
        )
    passed = sum(run.verdict == "pass" for run in shown)
    return _svg(f"{passed} of {many(len(shown), 'run')} passed", marks, "line", width)


def _bar(index: int, count: int, share: float, title: str, kind: str) -> Markup:
    if not share:
        return Markup("")
    width = WIDTH / count
    height = max(2.0, round(share * (HEIGHT - 4), 1))
    return Markup(
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>'
    ).format(
        kind, round(index * width + 0.5, 1), HEIGHT - height, round(width - 1, 1), height, title
    )


def _svg(
    label: str, parts: Sequence[Markup], kind: str = "stretched", width: int = WIDTH
) -> Markup:
    """Return a drawing; a ``stretched`` one fills its place, a ``line`` keeps its shape."""
    height, ratio = (HEIGHT, "none") if kind == "stretched" else (20, "xMinYMid meet")
    return Markup(
        '<svg class="plot {}" viewBox="0 0 {} {}" role="img" aria-label="{}" '
        'preserveAspectRatio="{}">{}</svg>'
    ).format(kind, width, height, label, ratio, Markup("").join(parts))
