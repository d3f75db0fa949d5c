"""N = 0…10 attempts × F = 0…N failures through every history the page must survive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml

from genmon_otel.policy import is_healthy
from genmon_otel.rules import render_rules
from genmon_otel.rules.page import PAGE
from tests.prometheus_kit.programs import Programs
from tests.prometheus_kit.promtool import Case, run

pytestmark = [
    pytest.mark.long("every pair of attempts and failures through every history"),
    pytest.mark.prometheus,
]

Values = list[float | str | None]
#: One process: (success values, failure values, start gauge values), one value a scrape.
Process = tuple[Values, Values, Values]
#: Birth of a process that is much older than an hour.
OLD = -90_000


class History:
    """What a history does with N - F successes and F failures; scrapes are ``step`` apart.

    The hour that is asked about ends with scrape ``end``.
    """

    def __init__(self, step: int) -> None:
        self.step = step
        self.hour = 3600 // step
        self.end = 5 * self.hour // 2
        self.asked_at = self.end * step

    def line(self, *points: tuple[int, float | str | None]) -> Values:
        """Values that stay what they were last set to."""
        at = dict(points)
        value: float | str | None = None
        values: Values = []
        for scrape in range(self.end + 1):
            value = at.get(scrape, value)
            values.append(value)
        return values

    def start_times(self, *points: tuple[int, int]) -> Values:
        """Start gauge: at which scrape it takes the start of which second."""
        return self.line(*points)

    @property
    def within(self) -> int:
        """A scrape inside the hour."""
        return self.end - self.hour // 2

    @property
    def before(self) -> int:
        """A scrape before the hour."""
        return self.end - self.hour - 4


def steady(h: History, s: int, f: int) -> list[Process]:
    return [(*(_steps(h, n) for n in (s, f)), h.start_times((0, OLD)))]


def _steps(h: History, n: int, base: int = 0) -> Values:
    points = [(0, base), *((h.end - h.hour + 2 + 4 * i, base + i + 1) for i in range(n))]
    return h.line(*points)


def large_base(h: History, s: int, f: int) -> list[Process]:
    return [(_steps(h, s, 123_456), _steps(h, f, 98_765), h.start_times((0, OLD)))]


def large_base_at_once(h: History, s: int, f: int) -> list[Process]:
    w = h.within
    return [
        (h.line((0, 70_000), (w, 70_000 + s)), h.line((0, 9), (w, 9 + f)), h.start_times((0, OLD)))
    ]


def newborn(h: History, s: int, f: int) -> list[Process]:
    w = h.within
    return [
        (h.line((w, 0), (w + 3, s)), h.line((w, 0), (w + 5, f)), h.start_times((w, w * h.step - 5)))
    ]


def burst_before_first_scrape(h: History, s: int, f: int) -> list[Process]:
    w = h.within
    return [(h.line((w, s)), h.line((w, f)), h.start_times((w, w * h.step - 10)))]


def newborn_label_set(h: History, s: int, f: int) -> list[Process]:
    """An old process whose series start, already counted up, with their first event."""
    w = h.within
    return [
        (
            h.line((w, s)) if s else h.line(),
            h.line((w, f)) if f else h.line(),
            h.start_times((w, w * h.step - 1)),
        )
    ]


def visible_restart(h: History, s: int, f: int) -> list[Process]:
    w = h.within
    half_s, half_f = s // 2, f // 2
    return [
        (
            h.line((0, 50), (w - 9, 50 + half_s), (w, 0), (w + 4, s - half_s)),
            h.line((0, 60), (w - 9, 60 + half_f), (w, 0), (w + 6, f - half_f)),
            h.start_times((0, OLD), (w, w * h.step - 3)),
        )
    ]


def hidden_restart(h: History, s: int, f: int) -> list[Process]:
    """The new process has already counted as much as the old one, or more."""
    w = h.within
    half_s, half_f = s // 2, f // 2
    return [
        (
            h.line((0, 0), (w - 9, half_s), (w, s - half_s)),
            h.line((0, 0), (w - 9, half_f), (w, f - half_f)),
            h.start_times((0, OLD), (w, w * h.step - 3)),
        )
    ]


def start_gauge_comes_back(h: History, s: int, f: int) -> list[Process]:
    """Gone while the process restarted, and back after the new one was seen without it."""
    ((successes, failures, _),) = visible_restart(h, s, f)
    w = h.within
    gone_and_back = ((w - 12, "stale"), (w - 11, None), (w + 8, w * h.step - 3))
    return [(successes, failures, h.line((0, OLD), *gone_and_back))]


def restart_brings_start_gauge(h: History, s: int, f: int) -> list[Process]:
    """Gone before a restart that hides, and back with the new process."""
    ((successes, failures, _),) = hidden_restart(h, s, f)
    w = h.within
    gone_and_back = ((w - 12, "stale"), (w - 11, None), (w, w * h.step - 3))
    return [(successes, failures, h.line((0, OLD), *gone_and_back))]


def replicas_one_restarts(h: History, s: int, f: int) -> list[Process]:
    quiet = (h.line((0, 400)), h.line((0, 300)), h.start_times((0, OLD)))
    return [*visible_restart(h, s, f), quiet]


def replicas_share(h: History, s: int, f: int) -> list[Process]:
    parts = [(s // 3, f // 3), (s // 3, f // 3), (s - 2 * (s // 3), f - 2 * (f // 3))]
    return [steady(h, *part)[0] for part in parts]


def failed_scrapes(h: History, s: int, f: int) -> list[Process]:
    """Every third scrape fails and leaves staleness markers."""

    def holed(values: Values) -> Values:
        return ["stale" if i % 3 == 1 else v for i, v in enumerate(values)]

    return [tuple(holed(values) for values in steady(h, s, f)[0])]  # type: ignore[misc]


def outage(h: History, s: int, f: int) -> list[Process]:
    """Forty minutes without an answer; it all comes with the first scrape after."""
    back = h.end - 2
    gap = range(back - 2 * h.hour // 3, back)

    def holed(values: Values) -> Values:
        return [None if i in gap else v for i, v in enumerate(values)]

    return [
        (
            holed(h.line((0, 5), (back, 5 + s))),
            holed(h.line((0, 6), (back, 6 + f))),
            holed(h.start_times((0, OLD))),
        )
    ]


def pod_gone(h: History, s: int, f: int) -> list[Process]:
    """The pod that failed was deleted half an hour ago; what it counted still counts."""
    cut = h.within + 8

    def ended(values: Values) -> Values:
        return [*values[:cut], "stale", *[None] * (len(values) - cut - 1)]

    w = h.within
    return [
        (
            ended(h.line((0, 3), (w, 3 + s))),
            ended(h.line((0, 4), (w + 2, 4 + f))),
            ended(h.start_times((0, OLD))),
        )
    ]


def old_process_first_scraped(h: History, s: int, f: int) -> list[Process]:
    w = h.within
    return [
        (
            h.line((w, 1000), (w + 3, 1000 + s)),
            h.line((w, 2000), (w + 5, 2000 + f)),
            h.start_times((w, OLD)),
        )
    ]


def before_the_hour(h: History, s: int, f: int) -> list[Process]:
    """Twenty failures just before the hour count no more."""
    return [
        (
            _steps(h, s),
            h.line((0, 0), (h.before, 20), *((h.end - 9 + i, 21 + i) for i in range(min(f, 8))))
            if f <= 8
            else h.line((0, 0), (h.before, 20), (h.end - 9, 20 + f)),
            h.start_times((0, OLD)),
        )
    ]


Maker = Callable[[History, int, int], list[Process]]
WITH_GAUGE: Sequence[Maker] = (
    steady, large_base, newborn, burst_before_first_scrape, newborn_label_set, visible_restart,
    hidden_restart, start_gauge_comes_back, restart_brings_start_gauge, replicas_one_restarts,
    replicas_share, failed_scrapes, outage, pod_gone,
    old_process_first_scraped, before_the_hour,
)  # fmt: skip
#: Without the start gauge nobody could tell these from growth or a start.
_NEED_GAUGE = (
    hidden_restart, start_gauge_comes_back, restart_brings_start_gauge, old_process_first_scraped,
)  # fmt: skip
WITHOUT_GAUGE = [m for m in WITH_GAUGE if m not in _NEED_GAUGE]

#: Samples that promtool's engine allows one query to hold at a time is 10,000.
MOST_SAMPLES = 9_000


def sweep_case(maker: Maker, step: int, s: int, f: int, gauge: bool) -> Case:
    """One history with s successes and f failures, and whether the page fires.

    The job is named after it, so that several share one test group.
    """
    history = History(step)
    scope = {"cluster": "eu", "namespace": "prod", "job": f"{s}+{f}"}
    pair = {**scope, "operation": "build_app", "framework": "react"}
    series: dict[str, Sequence[float | str | None]] = {}
    for index, (successes, failures, started) in enumerate(maker(history, s, f)):
        labels = ",".join(f'{k}="{v}"' for k, v in {**pair, "instance": f"i{index}"}.items())
        for outcome, values in (("success", successes), ("failure", failures)):
            if all(value is None for value in values):
                continue
            series[f'genmon_generations_total{{{labels},outcome="{outcome}"}}'] = values
            if gauge:
                start_times = [
                    start if isinstance(value, (int, float)) else value
                    for value, start in zip(values, started, strict=True)
                ]
                series[f'genmon_series_start_timestamp_seconds{{{labels},outcome="{outcome}"}}'] = (
                    start_times
                )
    case = Case(maker.__name__, series, step)
    fires = []
    if not is_healthy(s + f, f):
        fires = [{**pair, "severity": "critical"}, {**scope, "severity": "critical"}]
    case.alerts.append((history.asked_at, PAGE, fires))
    return case


def together(cases: Sequence[Case], step: int) -> list[Case]:
    """As few test groups as the engine's limit allows: each starts a server of its own."""
    groups: list[Case] = []
    room = 0
    for case in cases:
        need = 2 * len(case.series) * (3600 // step)
        if not groups or need > room:
            groups.append(Case(case.name, {}, step, alerts=[(case.alerts[0][0], PAGE, [])]))
            room = MOST_SAMPLES
        room -= need
        groups[-1].series.update(case.series)
        groups[-1].alerts[0][2].extend(case.alerts[0][2])
    return groups


def _page_only(step: int) -> str:
    """The page's group without its message, which is tested elsewhere and costs time."""
    rules = yaml.safe_load(render_rules(step))
    (group,) = [g for g in rules["groups"] if g["name"] == "genmon-page"]
    del group["rules"][-1]["annotations"]
    return yaml.safe_dump({"groups": [group]})


@pytest.mark.parametrize("step", [15, 30, 60])
@pytest.mark.parametrize(
    ("maker", "gauge"),
    [(m, True) for m in WITH_GAUGE] + [(m, False) for m in WITHOUT_GAUGE],
    ids=[m.__name__ for m in WITH_GAUGE] + [f"{m.__name__}-no-gauge" for m in WITHOUT_GAUGE],
)
def test_pages_exactly_when_more_than_half_of_five_failed(
    programs: Programs, tmp_path: Path, maker: Maker, gauge: bool, step: int
) -> None:
    """All 66 pairs of N and F: the page fires iff N >= 5 and F > N / 2, with its labels."""
    if step != 30 and programs.newer:
        pytest.skip("the newer programs sweep 30 s only, to save time")
    cases = [sweep_case(maker, step, n - f, f, gauge) for n in range(11) for f in range(n + 1)]
    # The rules keep no state: evaluating them only when they are asked changes nothing.
    report = run(
        programs.promtool, tmp_path, together(cases, step),
        rules=_page_only(step), evaluation_interval_s=History(step).asked_at,
    )  # fmt: skip
    assert report == ""


@pytest.mark.parametrize(
    "maker", [large_base_at_once, burst_before_first_scrape, visible_restart, hidden_restart]
)
@pytest.mark.parametrize(("failures", "pages"), [(500, False), (501, True)])
def test_high_counts_are_exact(
    programs: Programs, tmp_path: Path, maker: Maker, failures: int, pages: bool
) -> None:
    """Of 1001 attempts 500 failures stay silent and 501 page."""
    case = sweep_case(maker, 30, 1001 - failures, failures, True)
    assert bool(case.alerts[0][2]) is pages
    report = run(
        programs.promtool, tmp_path, [case],
        rules=_page_only(30), evaluation_interval_s=History(30).asked_at,
    )  # fmt: skip
    assert report == ""
