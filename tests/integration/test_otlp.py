"""Export by OTLP, to real receivers on loopback: gRPC and HTTP, spans and metrics."""

from __future__ import annotations

import gzip
import http.server
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from genmon_otel import conventions as names
from genmon_otel.wiring.providers import _PROTOCOLS

APPLICATION = """
    from genmon_otel import generation, phase, setup, shutdown, step

    setup(service_name="shop", frameworks=["react"])

    @step
    def call_model(prompt):
        if "fail" in prompt:
            raise ConnectionError("secret sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH")
        return prompt

    @generation(name="build_app")
    def build_app(request, framework="react", project_id="p-1", user_id="u-1"):
        with phase("plan"):
            return call_model(request)

    build_app("fine")
    try:
        build_app("fail")
    except ConnectionError:
        pass
    assert shutdown(20)
"""


class Received:
    """What a receiver was sent."""

    def __init__(self) -> None:
        self.traces: list[trace_service_pb2.ExportTraceServiceRequest] = []
        self.metrics: list[metrics_service_pb2.ExportMetricsServiceRequest] = []
        self.logs: list[logs_service_pb2.ExportLogsServiceRequest] = []

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in self.traces
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def metric_names(self) -> set[str]:
        return {
            metric.name
            for request in self.metrics
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@contextmanager
def grpc_receiver(received: Received) -> Iterator[str]:
    """A gRPC receiver of traces and metrics; its endpoint."""

    class Traces(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:
            received.traces.append(request)
            return trace_service_pb2.ExportTraceServiceResponse()

    class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:
            received.metrics.append(request)
            return metrics_service_pb2.ExportMetricsServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop(None)


@contextmanager
def http_receiver(received: Received) -> Iterator[str]:
    """An HTTP receiver of traces and metrics in protobuf; its endpoint."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":
                received.traces.append(trace_service_pb2.ExportTraceServiceRequest.FromString(body))
            elif self.path == "/v1/logs":
                received.logs.append(logs_service_pb2.ExportLogsServiceRequest.FromString(body))
            else:
                assert self.path == "/v1/metrics"
                received.metrics.append(
                    metrics_service_pb2.ExportMetricsServiceRequest.FromString(body)
                )
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Stay silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


RECEIVERS = {"grpc": grpc_receiver, "http/protobuf": http_receiver}


def run(folder: Path, **environ: str) -> None:
    """Run the application with these variables."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(APPLICATION)],
        cwd=folder,
        env={**clean, **environ},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def attributes(span: Span) -> dict[str, Any]:
    return {
        item.key: getattr(item.value, item.value.WhichOneof("value")) for item in span.attributes
    }


def test_every_protocol_has_a_receiver_here() -> None:
    """What setup() can export by is what these tests receive by."""
    assert RECEIVERS.keys() == _PROTOCOLS.keys()


@pytest.mark.parametrize("protocol", RECEIVERS)
def test_spans_arrive_with_their_attributes(tmp_path: Path, protocol: str) -> None:
    """Root, phase and step spans reach a receiver, with names, parents, failure and no secret."""
    received = Received()
    with RECEIVERS[protocol](received) as endpoint:
        run(
            tmp_path,
            OTEL_TRACES_EXPORTER="otlp",
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        )
    (resource,) = {
        item.value.string_value
        for request in received.traces
        for spans in request.resource_spans
        for item in spans.resource.attributes
        if item.key == "service.name"
    }
    assert resource == "shop"
    roots = [span for span in received.spans if span.name == "invoke_workflow build_app"]
    assert len(received.spans) == 6
    assert len(roots) == 2
    by_outcome = {attributes(span)[names.ATTR_OUTCOME]: span for span in roots}

    good = attributes(by_outcome["success"])
    assert good[names.GEN_AI_OPERATION_NAME] == "invoke_workflow"
    assert good[names.GEN_AI_WORKFLOW_NAME] == "build_app"
    assert good[names.ATTR_FRAMEWORK] == "react"
    assert good[names.ATTR_PROJECT_ID] == "p-1"
    assert names.ERROR_TYPE not in good
    assert by_outcome["success"].kind == Span.SPAN_KIND_INTERNAL
    assert by_outcome["success"].status.code != Status.STATUS_CODE_ERROR

    failed = by_outcome["failure"]
    bad = attributes(failed)
    assert bad[names.ERROR_TYPE] == "ConnectionError"
    assert bad[names.ATTR_FAILURE_CATEGORY] == "provider_error"
    assert bad[names.ATTR_FAILURE_SEVERITY] == "high"
    assert bad[names.ATTR_FAILURE_FINGERPRINT].startswith("v2:")
    assert bad[names.CODE_FUNCTION_NAME]
    assert bad[names.CODE_FILE_PATH]
    assert failed.status.code == Status.STATUS_CODE_ERROR
    assert [event.name for event in failed.events] == [names.EXCEPTION_EVENT]

    parents = {span.span_id: span for span in received.spans}
    for root in roots:
        (plan,) = [span for span in received.spans if span.parent_span_id == root.span_id]
        assert plan.name == "plan"
        (step,) = [span for span in received.spans if span.parent_span_id == plan.span_id]
        assert step.name.endswith("call_model")
        assert parents[step.parent_span_id].trace_id == root.trace_id

    for request in received.traces:
        sent = request.SerializeToString()
        assert b"abcdefghijklmnopqrstuvwxyz0123456789" not in sent
        assert b"u-1" not in sent


@pytest.mark.parametrize("protocol", RECEIVERS)
def test_metrics_arrive(tmp_path: Path, protocol: str) -> None:
    """With metrics="otlp" the counters, their births and the histograms reach a receiver."""
    received = Received()
    with RECEIVERS[protocol](received) as endpoint:
        run(
            tmp_path,
            GENMON_METRICS="otlp",
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        )
    assert received.spans == []
    assert {
        "genmon.generations",
        "genmon.series_start_timestamp",
        "genmon.generation_failures",
        "genmon.generation_duration",
        "genmon.step_duration",
        "genmon.records_written",
    } <= received.metric_names
    instances = {
        item.value.string_value
        for request in received.metrics
        for resource in request.resource_metrics
        for item in resource.resource.attributes
        if item.key == "service.instance.id"
    }
    assert len(instances) == 1


def test_without_an_exporter_nothing_is_sent(tmp_path: Path) -> None:
    """An endpoint alone makes no exporter: one has to be named."""
    received = Received()
    with http_receiver(received) as endpoint:
        run(
            tmp_path,
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        )
    assert received.traces == []
    assert received.metrics == []


FORKING = """
    import os
    import sys
    from opentelemetry.sdk import resources
    from genmon_otel import generation, setup, shutdown

    if sys.argv[1:] == ["old"]:  # an SDK that makes up no instance
        resources.ServiceInstanceIdResourceDetector.detect = lambda self: resources.Resource({})
    setup(service_name="shop", metrics="otlp")

    @generation(name="build_app")
    def build_app(request):
        return request

    children = []
    for count in (2, 3):
        pid = os.fork()
        if not pid:
            for _ in range(count):
                build_app("fine")
            os._exit(not shutdown(20))
        children.append(pid)
    assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)
    build_app("fine")
    assert shutdown(20)
"""


@pytest.mark.parametrize("sdk", ["old", "new"])
def test_forked_workers_push_under_names_of_their_own(tmp_path: Path, sdk: str) -> None:
    """As after gunicorn's --preload: a service.instance.id for each, and each one's own count."""
    received = Received()
    clean = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    with http_receiver(received) as endpoint:
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(FORKING), sdk],
            cwd=tmp_path,
            env={
                **clean,
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
                "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            },
            timeout=90,
            check=True,
        )
    started: dict[str, int] = {}
    for request in received.metrics:
        for each in request.resource_metrics:
            (instance,) = (
                item.value.string_value
                for item in each.resource.attributes
                if item.key == "service.instance.id"
            )
            for scope in each.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == "genmon.records_started":
                        (point,) = metric.sum.data_points
                        value = int(point.as_int or point.as_double)
                        started[instance] = max(started.get(instance, 0), value)
    assert sorted(started.values()) == [1, 2, 3]
