"""Judged replays as telemetry: spans of tests and the GenAI event, to a real receiver on loopback."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from test_otlp import Received, http_receiver

from genmon_otel import conventions as names
from genmon_otel.policy import Verdict
from genmon_otel.regression.cases import files
from genmon_otel.wiring.evaluations import Evaluations, Judged, ci_attributes
from tests.case_kit import recorded

pytest_plugins = ["pytester"]

#: What CI services set, and what is made of it.
CI: list[tuple[dict[str, str], dict[str, str]]] = [
    ({}, {}),
    (
        {"GITHUB_ACTIONS": "true", "GITHUB_WORKFLOW": "tests", "GITHUB_RUN_ID": "7", "GITHUB_JOB": "unit",
         "GITHUB_SERVER_URL": "https://git.example", "GITHUB_REPOSITORY": "a/b", "GITHUB_SHA": "c0ffee"},
        {"cicd.pipeline.name": "tests", "cicd.pipeline.run.id": "7", "cicd.pipeline.task.name": "unit",
         "cicd.pipeline.run.url.full": "https://git.example/a/b/actions/runs/7",
         "vcs.ref.head.revision": "c0ffee"},
    ),
    (
        {"GITLAB_CI": "true", "CI_PIPELINE_ID": "8", "CI_PIPELINE_URL": "https://lab.example/8",
         "CI_JOB_NAME": "cases"},
        {"cicd.pipeline.run.id": "8", "cicd.pipeline.run.url.full": "https://lab.example/8",
         "cicd.pipeline.task.name": "cases"},
    ),
    ({"JENKINS_URL": "x", "JOB_NAME": "a"}, {"cicd.pipeline.name": "a"}),
    ({"BUILDKITE": "true", "BUILDKITE_BUILD_ID": "9"}, {"cicd.pipeline.run.id": "9"}),
    ({"CIRCLECI": "true", "CIRCLE_JOB": "j"}, {"cicd.pipeline.task.name": "j"}),
]  # fmt: skip


def test_a_run_in_ci_says_which() -> None:
    """Each CI's variables become the attributes of the conventions; absent ones are left out."""
    assert [ci_attributes(environ) for environ, _ in CI] == [expected for _, expected in CI]


def values(attributes: Any) -> dict[str, Any]:
    """Attributes of a received span or event."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


def events(received: Received) -> list[Any]:
    """The received log records."""
    return [
        record
        for request in received.logs
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A receiver that the standard variables name."""
    came = Received()
    with http_receiver(came) as endpoint:
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
        monkeypatch.setenv("OTEL_LOGS_EXPORTER", "otlp")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        yield came


JUDGED = Judged(
    name="build-x", operation="build", verdict=Verdict.PASS, detail="fine", at=1e9, duration_s=0.5,
    fingerprint="v2:f", weight=0.25, drifted=True,
)  # fmt: skip


def test_each_verdict_is_a_span_and_an_event_in_it(received: Received) -> None:
    """Status and score follow the verdict; what proves nothing has neither."""
    with Evaluations({"GITLAB_CI": "true", "CI_PIPELINE_ID": "8"}) as evaluations:
        for verdict in Verdict:
            evaluations.judged(replace(JUDGED, verdict=verdict, name=f"case-{verdict}"))
    spans = {values(span.attributes)[names.TEST_CASE_NAME]: span for span in received.spans}
    told = {values(each.attributes)[names.TEST_CASE_NAME]: each for each in events(received)}
    assert spans.keys() == told.keys() == {f"case-{verdict}" for verdict in Verdict}
    for verdict, status, score in (
        (Verdict.PASS, "pass", 0.25), (Verdict.FAIL_SAME, "fail", 0.0), (Verdict.FAIL_OTHER, "fail", 0.0),
        (Verdict.INCONCLUSIVE, None, None),
    ):  # fmt: skip
        span, event = spans[f"case-{verdict}"], told[f"case-{verdict}"]
        shown, said = values(span.attributes), values(event.attributes)
        assert shown.get(names.TEST_CASE_RESULT_STATUS) == status
        assert shown[names.CICD_PIPELINE_RUN_ID] == "8"
        assert span.end_time_unix_nano - span.start_time_unix_nano == 500_000_000
        assert event.event_name == "gen_ai.evaluation.result"
        assert said[names.GEN_AI_EVALUATION_LABEL] == verdict
        assert said.get(names.GEN_AI_EVALUATION_SCORE) == score
        assert (event.trace_id, event.span_id) == (span.trace_id, span.span_id)


def test_pytest_exports_what_it_judged(pytester: pytest.Pytester, received: Received) -> None:
    """One span and one event a case, also from workers of xdist."""
    case = recorded(pytester.path)
    for number in range(2):
        files.export(replace(case, slug=f"case-{number}"), pytester.path / "cases")
    pytester.runpytest_subprocess("cases", "-n", "2").assert_outcomes(xfailed=2)
    shown = [values(span.attributes)[names.TEST_CASE_NAME] for span in received.spans]
    assert sorted(shown) == ["case-0", "case-1"]
    assert len(events(received)) == 2


def test_nothing_is_exported_unasked(received: Received, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an exporter by name nothing is sent; nor where the SDK is disabled."""
    with Evaluations({"OTEL_SDK_DISABLED": "true"}) as evaluations:
        evaluations.judged(JUDGED)
    for name in ("OTEL_TRACES_EXPORTER", "OTEL_LOGS_EXPORTER"):
        monkeypatch.delenv(name)
    with Evaluations() as evaluations:
        evaluations.judged(JUDGED)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "no-such-exporter")
    with Evaluations() as evaluations:  # says so in the log, and breaks nothing
        evaluations.judged(JUDGED)
    assert not received.spans
    assert not received.logs
