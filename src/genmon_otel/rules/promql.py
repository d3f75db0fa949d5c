"""PromQL that counts increments exactly.

``increase()`` extrapolates and never sees the first value of a new series,
which is fine for a graph and wrong for an alert about five attempts. Here every
scrape interval of the window is looked at by itself, in a subquery whose step is
that interval, and what the counter gained in it is added up.
"""

from __future__ import annotations

from collections.abc import Sequence

from genmon_otel.errors import ConfigurationError

_UNITS = (("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def duration(seconds: int) -> str:
    """A whole number of seconds as Prometheus writes it: 3600 is ``1h``, 90 is ``90s``."""
    for unit, size in _UNITS:
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size}{unit}"
    raise ConfigurationError(f"A duration of {seconds!r} s is not allowed. Use 1 or more.")


def seconds(duration: str) -> int:
    """A length of time as Prometheus writes it in seconds: ``1h`` is 3600."""
    return int(duration[:-1]) * dict(_UNITS)[duration[-1]]


def selector(name: str, matchers: str = "") -> str:
    """``name{matchers}``, or just ``name``."""
    return f"{name}{{{matchers}}}" if matchers else name


def gained(
    counter: str,
    start: str | None,
    *,
    by: Sequence[str],
    step_s: int,
    window_s: int,
    ignoring: Sequence[str] = (),
    twin: str | None = None,
) -> str:
    """Return the increase of ``counter`` in the ``step_s`` before now, summed ``by`` labels.

    Values are bridged over failed scrapes and staleness for up to ``window_s``. In order,
    for each series:

    1. its start time moved forward: the process restarted, whether or not the value
       fell, so all of the value is new. Where the last scrape had the counter and not its
       start time, which then comes back, a process that started before that scrape adds nothing;
    2. the value fell: a restart that the start time did not show (it is missing, or
       the clock stepped back), so all of the value is new;
    3. the value rose: the difference is new;
    4. the series was not there one step ago: all of the value is new, unless its start
       time came into sight with it and lies before the window. That is an old process
       scraped for the first time, whose past this process did not count.

    Comparisons come before arithmetic because they yield next to nothing (most series do
    not move in most steps), which is what keeps time and memory low. ``+ 0`` drops the
    metric's name, which would otherwise distinguish equal series.

    Args:
        counter: an instant selector.
        start: selector of the gauge that says when each counter began, with the same
            labels; None where there is none. Without it rules 1 and 4 cannot distinguish a hidden
            restart from growth, nor an old process from a new one: it counts as new.
        by: labels to keep.
        step_s: the scrape interval, in seconds.
        window_s: the window that will be counted, in seconds.
        ignoring: labels that ``counter`` has and ``start`` does not, or the reverse.
        twin: with ``ignoring``, the counter that has the labels of ``start``.
    """
    window, back = duration(window_s), f"offset {duration(step_s)}"
    now = f"last_over_time({counter}[{window}])"
    before = f"last_over_time({counter}[{window}] {back})"
    appeared = f"{now} unless {before}"
    terms = [
        f"({now} < {before}) + 0",
        f"({now} > {before}) - {before}",
        f"({appeared}) + 0",
    ]
    if start is not None:
        match = f" ignoring ({', '.join(ignoring)})" if ignoring else ""
        started = f"last_over_time({start}[{window}])"
        earlier_start = f"last_over_time({start}[{window}] {back})"
        scraped = f"timestamp({twin or counter} {back})"
        blind = f"{scraped} > timestamp({start} {back}) or {scraped} unless {start} {back}"
        restarts = f"({blind} or {earlier_start}) < {started}"
        # With `ignoring`, one start time belongs to several counters: a filter, not arithmetic.
        restarted = (
            f"({now} and{match} ({restarts})) + 0" if ignoring else f"({restarts}) * 0 + {now}"
        )
        adopted = f"({started} <= time() - {window_s}) unless {earlier_start}"
        terms = [
            restarted,
            *terms[:-1],
            f"(({appeared}) unless{match} ({adopted})) + 0",
        ]
    return f"sum by ({', '.join(by)}) (\n  " + "\n  or ".join(terms) + "\n)"


def over(gain: str, *, window_s: int, step_s: int, ahead: bool = False) -> str:
    """The sum of a :func:`gained` over the window, one step after the other.

    The window before now, or with ``ahead`` the one after it.

    The range is a millisecond short of the window: servers before 3.0 include both of its
    ends and later ones do not, and this way both see ``window_s / step_s`` steps.
    """
    inside = "\n".join("  " + line for line in gain.splitlines())
    whole, rest = divmod(window_s - 1, 60)
    range_ = (f"{whole}m" if whole else "") + f"{rest}s999ms"
    shift = f" offset -{duration(window_s)}" if ahead else ""
    return f"sum_over_time((\n{inside}\n)[{range_}:{duration(step_s)}]{shift})"
