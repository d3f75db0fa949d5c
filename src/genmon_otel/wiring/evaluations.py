"""Export what judged replays showed, as spans and as the GenAI event ``gen_ai.evaluation.result``.

Only where ``OTEL_TRACES_EXPORTER`` or ``OTEL_LOGS_EXPORTER`` names an exporter. The providers are genmon's
own: a provider that the tested application sets up gets none of it. Nothing here fails a test run.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from genmon_otel import conventions as names
from genmon_otel.internal_errors import stack_for_log
from genmon_otel.policy import Verdict
from genmon_otel.text import clean
from genmon_otel.wiring.flushing import Flush, standby
from genmon_otel.wiring.providers import exporters

_log = logging.getLogger(names.LOGGER)

#: Seconds that exporting may take when all is judged.
_FLUSH_S: Final = 5.0
#: Characters of an explanation.
_EXPLAINED: Final = 1_000
_STATUS: Final = {Verdict.PASS: "pass", Verdict.FAIL_SAME: "fail", Verdict.FAIL_OTHER: "fail"}
_Ci = Mapping[str, tuple[str, ...]]
#: By attribute, the variables in which a CI says it, joined by ``/`` where it takes several. Sources: the
#: documentation of GitHub Actions, GitLab CI, Jenkins, Buildkite and CircleCI.
_CI: Final[tuple[tuple[str, _Ci], ...]] = (
    ("GITHUB_ACTIONS", {
        names.CICD_PIPELINE_NAME: ("GITHUB_WORKFLOW",),
        names.CICD_PIPELINE_RUN_ID: ("GITHUB_RUN_ID",),
        names.CICD_PIPELINE_TASK_NAME: ("GITHUB_JOB",),
        names.VCS_REVISION: ("GITHUB_SHA",),
    }),
    ("GITLAB_CI", {
        names.CICD_PIPELINE_NAME: ("CI_PIPELINE_NAME",),
        names.CICD_PIPELINE_RUN_ID: ("CI_PIPELINE_ID",),
        names.CICD_PIPELINE_RUN_URL: ("CI_PIPELINE_URL",),
        names.CICD_PIPELINE_TASK_NAME: ("CI_JOB_NAME",),
        names.VCS_REVISION: ("CI_COMMIT_SHA",),
    }),
    ("JENKINS_URL", {
        names.CICD_PIPELINE_NAME: ("JOB_NAME",),
        names.CICD_PIPELINE_RUN_ID: ("BUILD_ID",),
        names.CICD_PIPELINE_RUN_URL: ("BUILD_URL",),
        names.VCS_REVISION: ("GIT_COMMIT",),
    }),
    ("BUILDKITE", {
        names.CICD_PIPELINE_NAME: ("BUILDKITE_PIPELINE_SLUG",),
        names.CICD_PIPELINE_RUN_ID: ("BUILDKITE_BUILD_ID",),
        names.CICD_PIPELINE_RUN_URL: ("BUILDKITE_BUILD_URL",),
        names.CICD_PIPELINE_TASK_NAME: ("BUILDKITE_LABEL",),
        names.VCS_REVISION: ("BUILDKITE_COMMIT",),
    }),
    ("CIRCLECI", {
        names.CICD_PIPELINE_NAME: ("CIRCLE_PROJECT_REPONAME",),
        names.CICD_PIPELINE_RUN_ID: ("CIRCLE_WORKFLOW_ID",),
        names.CICD_PIPELINE_RUN_URL: ("CIRCLE_BUILD_URL",),
        names.CICD_PIPELINE_TASK_NAME: ("CIRCLE_JOB",),
        names.VCS_REVISION: ("CIRCLE_SHA1",),
    }),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One replay that was judged."""

    #: The case's handle, or its file's name.
    name: str
    operation: str
    verdict: Verdict
    detail: str
    #: Unix seconds of its end, and how long it took.
    at: float
    duration_s: float
    fingerprint: str = ""
    #: What it counts for in the confidence.
    weight: float = 1.0
    drifted: bool = False


class Evaluations:
    """Exports judged replays while it is entered; leaving it flushes within five seconds.

    Args:
        environ: the variables that name exporters and describe the CI.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._common = ci_attributes(self._environ)
        self._traces: TracerProvider | None = None
        self._logs: Any = None

    def __enter__(self) -> Self:
        if self._environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
            return self
        try:
            self._start()
        except Exception:
            _log.warning("genmon: judged replays are not exported:\n%s", stack_for_log())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        ends = [each.shutdown for each in (self._traces, self._logs) if each is not None]
        if ends and not Flush(*ends).wait(_FLUSH_S):
            _log.warning("genmon: judged replays were not all exported in %g s", _FLUSH_S)

    def _start(self) -> None:
        resource = Resource.create({})
        if spans := exporters("traces"):
            self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
            for exporter in spans:
                self._traces.add_span_processor(BatchSpanProcessor(exporter()))
        if events := exporters("logs"):
            from opentelemetry.sdk._logs import LoggerProvider
            from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

            self._logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
            for exporter in events:
                self._logs.add_log_record_processor(BatchLogRecordProcessor(exporter()))
        if self._traces or self._logs:
            standby.start("evaluations")

    def judged(self, judged: Judged) -> None:
        """Export one judged replay: a span, and the event within it; never raises."""
        try:
            self._export(judged)
        except Exception:
            _log.warning("genmon: a judged replay is not exported:\n%s", stack_for_log())

    def _export(self, judged: Judged) -> None:
        ended_ns = int(judged.at * 1e9)
        status = _STATUS.get(judged.verdict)
        attributes: dict[str, Any] = {
            **self._common,
            names.TEST_CASE_NAME: judged.name,
            names.GEN_AI_WORKFLOW_NAME: judged.operation,
            names.ATTR_VERDICT: str(judged.verdict),
            names.ATTR_DRIFTED: judged.drifted,
            names.ATTR_WEIGHT: judged.weight,
        }
        if judged.fingerprint:
            attributes[names.ATTR_FAILURE_FINGERPRINT] = judged.fingerprint
        if status:
            attributes[names.TEST_CASE_RESULT_STATUS] = status
        context = None
        if self._traces is not None:
            span = self._traces.get_tracer(names.TRACER).start_span(
                f"test {judged.name}",
                attributes=attributes,
                start_time=ended_ns - int(judged.duration_s * 1e9),
            )
            context = trace.set_span_in_context(span)
            span.end(ended_ns)
        if self._logs is not None:
            event: dict[str, Any] = {
                names.GEN_AI_EVALUATION_NAME: names.EVALUATION,
                names.GEN_AI_EVALUATION_LABEL: str(judged.verdict),
                names.GEN_AI_EVALUATION_EXPLANATION: clean(judged.detail, _EXPLAINED),
                names.TEST_CASE_NAME: judged.name,
                names.GEN_AI_WORKFLOW_NAME: judged.operation,
            }
            if status:
                event[names.GEN_AI_EVALUATION_SCORE] = judged.weight if status == "pass" else 0.0
            self._logs.get_logger(names.TRACER).emit(
                event_name=names.EVALUATION_EVENT,
                timestamp=ended_ns,
                observed_timestamp=time.time_ns(),
                context=context,
                attributes=event,
            )


def export_runs(shown: list[dict[str, Any]]) -> None:
    """Export what the pytest plugin shows of the replays that it judged."""
    with Evaluations() as evaluations:
        for value in shown:
            evaluations.judged(
                Judged(
                    name=value["slug"], operation=value["shown"]["operation"],
                    verdict=Verdict(value["verdict"]), detail=value["detail"], at=value["at"],
                    duration_s=value["shown"]["duration_s"], fingerprint=value["fingerprint"],
                    weight=value["weight"], drifted=bool(value["drift"]),
                )
            )  # fmt: skip


def ci_attributes(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the variables of a CI say of the run that this is part of; empty elsewhere."""
    for mark, variables in _CI:
        if not environ.get(mark):
            continue
        found = {
            attribute: "/".join(environ[name] for name in several)
            for attribute, several in variables.items()
            if all(environ.get(name) for name in several)
        }
        parts = [environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
        if mark == "GITHUB_ACTIONS" and all(parts):
            server, repository, run = parts
            found[names.CICD_PIPELINE_RUN_URL] = f"{server}/{repository}/actions/runs/{run}"
        return found
    return {}
