"""The page: more than half of at least five attempts failed within the last hour."""

from __future__ import annotations

from typing import Final

from genmon_otel import conventions as names
from genmon_otel.policy import HEALTH_MIN_ATTEMPTS
from genmon_otel.records import Outcome
from genmon_otel.rules.document import Group, Rule
from genmon_otel.rules.options import SCOPE, Options
from genmon_otel.rules.promql import duration, gained, over, selector
from genmon_otel.rules.recorded import exact_counts, increase_name

PAGE: Final = "GenmonHighFailureRate"

#: With fewer failures than this in the window the page cannot fire, however many succeed.
FAILURES_TO_FIRE: Final = HEALTH_MIN_ATTEMPTS // 2 + 1

_WHO = (
    "{{ if $labels.operation }}{{ $labels.operation }}"
    '{{ if ne (or $labels.framework "none") "none" }}/{{ $labels.framework }}{{ end }}'
    "{{ else }}all operations{{ end }} "
    "{{ if $labels.cluster }}{{ $labels.cluster }}"
    "{{ if $labels.namespace }}/{{ $labels.namespace }}{{ end }}"
    "{{ else }}{{ or $labels.namespace $labels.job }}{{ end }}"
)


def condition(options: Options) -> str:
    """The page's expression: each operation and framework, and all of them in their scope.

    Compared without dividing by a count; the value is the number of failures.
    """
    counts = increase_name(options.window_s)
    failures = selector(counts, f'outcome="{Outcome.FAILURE}"')

    def over_half(attempts: str, failed: str) -> str:
        return f"(\n  {failed} > 0.5 * {attempts}\n  and {attempts} >= {HEALTH_MIN_ATTEMPTS}\n)"

    scope = ", ".join(SCOPE)
    specific = over_half(f"sum without (outcome) ({counts})", f"sum without (outcome) ({failures})")
    overall = over_half(f"sum by ({scope}) ({counts})", f"sum by ({scope}) ({failures})")
    return f"{specific}\nor\n{overall}"


def description(options: Options) -> str:
    """Return the page's description, a template that queries Prometheus for its figures.

    ``build_app/react prod: 7 of 9 failed in 1 h, last 10 min 3 of 3; 6 × rate_limit at
    call_model. Clears by 03:58 UTC if nothing more fails.`` Every number is counted as
    exactly as the page itself. What cannot be said is left out.
    """
    hour, lately = increase_name(options.window_s), increase_name(options.lately_s)
    matchers = ",".join(f"{label}=%q" for label in SCOPE)
    values = " ".join(f"$labels.{label}" for label in SCOPE)
    match = (
        f"{{{{ $match := printf `{matchers}` {values} }}}}"
        "{{ if $labels.operation }}{{ $match = printf `%s,operation=%q,framework=%q` "
        "$match $labels.operation $labels.framework }}{{ end }}"
        # Steps carry no framework.
        f"{{{{ $steps := printf `{matchers}` {values} }}}}"
        "{{ if $labels.operation }}{{ $steps = printf `%s,operation=%q` "
        "$steps $labels.operation }}{{ end }}"
    )

    def number(record: str, more: str = "") -> str:
        query = f"sum({record}{{%s{more}}}) or vector(0)"
        return f"{{{{ printf `{query}` $match | query | first | value }}}}"

    failed = f',outcome="{Outcome.FAILURE}"'
    counts = (
        f"{number(hour, failed)} of {number(hour)} failed in {_spoken(options.window_s)}, "
        f"last {_spoken(options.lately_s)} {number(lately, failed)} of {number(lately)}"
    )
    cause = (
        f"{{{{ with printf `{_most(_failures_by_category(options), 'category')}` $match | query }}}}"
        "; {{ . | first | value }} × {{ . | first | label `category` }}"
        f"{{{{ with printf `{_most(_failures_by_step(options), 'step')}` $steps | query }}}}"
        " at {{ . | first | label `step` }}{{ end }}{{ end }}."
    )
    clears = (
        f"{{{{ with printf `{clearing_time(options)}` $match | query }}}}"
        " Clears by {{ . | first | value | humanizeTimestamp"
        " | reReplaceAll `.* ([0-9]+:[0-9]+):.*` `$1` }} UTC if nothing more fails.{{ end }}"
    )
    return f"{match}{_WHO}: {counts}{cause}{clears}"


def _spoken(seconds: int) -> str:
    """``1 h``, ``10 min``, ``20 s``."""
    text = duration(seconds)
    return f"{text[:-1]} {'min' if text[-1] == 'm' else text[-1]}"


def _most(counts: str, label: str) -> str:
    """The greatest of several counts that are not 0; the first by name among equals."""
    return f"topk(1, sum by ({label}) ({counts}) > 0)"


def _failures_by_category(options: Options) -> str:
    gain = gained(
        selector(names.FAILURES.name, "%[1]s"),
        selector(names.SERIES_START.name, f'%[1]s,outcome="{Outcome.FAILURE}"'),
        by=("category",),
        step_s=options.scrape_interval_s,
        window_s=options.window_s,
        ignoring=("category", "severity", "outcome"),
        twin=selector(names.GENERATIONS.name, f'%[1]s,outcome="{Outcome.FAILURE}"'),
    )
    return over(gain, window_s=options.window_s, step_s=options.scrape_interval_s)


def _failures_by_step(options: Options) -> str:
    gain = gained(
        selector(f"{names.STEP_DURATION.name}_count", f'%[1]s,outcome="{Outcome.FAILURE}"'),
        None,
        by=("step",),
        step_s=options.scrape_interval_s,
        window_s=options.window_s,
    )
    return over(gain, window_s=options.window_s, step_s=options.scrape_interval_s)


def clearing_time(options: Options) -> str:
    """Return the Unix time at which the page has surely cleared if nothing more fails.

    With :data:`FAILURES_TO_FIRE` failures or more in the window, some number of successes
    could still keep the page firing; with fewer none can. So it has cleared once the
    newest of those failures is that window old, and one evaluation later Prometheus says
    so; rounded up to the minute. The look ahead (``offset -…``) counts what failed after
    each moment of the window; there is nothing after now.
    """
    step, window = options.scrape_interval_s, options.window_s
    failures = f'outcome="{Outcome.FAILURE}"'
    gain = gained(
        selector(names.GENERATIONS.name, f"%[1]s,{failures}"),
        selector(names.SERIES_START.name, f"%[1]s,{failures}"),
        by=("job",),
        step_s=step,
        window_s=window,
    )
    after = f"sum({over(gain, window_s=window, step_s=step, ahead=True)})"
    newest = (
        f"max_over_time((vector(time()) and on () ({after} >= {FAILURES_TO_FIRE}))"
        f"[{options.window}:{options.step}])"
    )
    return f"ceil(({newest} + {window + 2 * step}) / 60) * 60"


def page_group(options: Options) -> Group:
    """Exact counts and, on the same instant's values, the page."""
    annotations = {
        "summary": "More than half of the generations of the last "
        f"{_spoken(options.window_s)} failed.",
        "description": description(options),
        **options.links(PAGE, names.DASHBOARD_GENERATIONS, *SCOPE, "operation", "framework"),
    }
    page = Rule(PAGE, condition(options), {**options.labels, "severity": "critical"}, annotations)
    return Group("genmon-page", options.step, [*exact_counts(options), page])
