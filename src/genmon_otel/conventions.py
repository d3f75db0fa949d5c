"""The only home of every name genmon-otel shows to the outside.

Span names and attributes, metric names with their labels and buckets, table
names, environment variables, logger and tracer names. Nothing else in the
project spells them; dashboards and rules are tested against this module.

Source: OpenTelemetry semantic conventions for generative AI (operation
``invoke_workflow``, metric ``gen_ai.invoke_workflow.duration`` and its bucket
ladder), general conventions for ``error.type``, ``exception.*``, ``code.*``,
``enduser.*``; Prometheus naming practice for the rest. The GenAI conventions
are in Development, which is why they are constants of our own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

#: Operation of the failure that ``genmon doctor --send-test-failure`` asks for; no user's.
SELFTEST_OPERATION: Final = "genmon_selftest"

PACKAGE: Final = "genmon_otel"

#: Attributes that mark what a case may name: see :mod:`genmon_otel.testing`.
MARK_POSTCONDITION: Final = "__genmon_postcondition__"
MARK_FACTORY: Final = "__genmon_factory__"
LOGGER: Final = "genmon_otel"
TRACER: Final = "genmon_otel"

# --- spans -----------------------------------------------------------------

WORKFLOW_OPERATION: Final = "invoke_workflow"

GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
GEN_AI_WORKFLOW_NAME: Final = "gen_ai.workflow.name"
GEN_AI_INPUT_MESSAGES: Final = "gen_ai.input.messages"
GEN_AI_OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
GEN_AI_AGENT_NAME: Final = "gen_ai.agent.name"

#: Of a model call: span ``gen_ai.client.inference`` of the GenAI conventions.
GEN_AI_PROVIDER_NAME: Final = "gen_ai.provider.name"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
GEN_AI_REQUEST_STREAM: Final = "gen_ai.request.stream"
GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
#: By the kind of tokens, as ``add_tokens`` names it. ``input`` and ``output`` hold the others.
GEN_AI_USAGE: Final[Mapping[str, str]] = {
    "input": "gen_ai.usage.input_tokens",
    "output": "gen_ai.usage.output_tokens",
    "cache_read": "gen_ai.usage.cache_read.input_tokens",
    "cache_write": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
}

ATTR_FRAMEWORK: Final = "genmon.framework"
ATTR_PROJECT_ID: Final = "genmon.project.id"
ATTR_OUTCOME: Final = "genmon.outcome"
ATTR_FILE_COUNT: Final = "genmon.file_count"
ATTR_FAILURE_CATEGORY: Final = "genmon.failure.category"
ATTR_FAILURE_SEVERITY: Final = "genmon.failure.severity"
ATTR_FAILURE_FINGERPRINT: Final = "genmon.failure.fingerprint"

ERROR_TYPE: Final = "error.type"
EXCEPTION_EVENT: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"
CODE_FUNCTION_NAME: Final = "code.function.name"
CODE_FILE_PATH: Final = "code.file.path"
CODE_LINE_NUMBER: Final = "code.line.number"
ENDUSER_PSEUDO_ID: Final = "enduser.pseudo.id"

# --- judged replays ----------------------------------------------------------

#: Event of the GenAI conventions, its attributes, and those of tests, CI and version control.
EVALUATION_EVENT: Final = "gen_ai.evaluation.result"
GEN_AI_EVALUATION_NAME: Final = "gen_ai.evaluation.name"
GEN_AI_EVALUATION_LABEL: Final = "gen_ai.evaluation.score.label"
GEN_AI_EVALUATION_SCORE: Final = "gen_ai.evaluation.score.value"
GEN_AI_EVALUATION_EXPLANATION: Final = "gen_ai.evaluation.explanation"
#: What the evaluation is called: whether the recorded failure is gone.
EVALUATION: Final = "genmon.regression"
TEST_CASE_NAME: Final = "test.case.name"
TEST_CASE_RESULT_STATUS: Final = "test.case.result.status"
CICD_PIPELINE_NAME: Final = "cicd.pipeline.name"
CICD_PIPELINE_RUN_ID: Final = "cicd.pipeline.run.id"
CICD_PIPELINE_RUN_URL: Final = "cicd.pipeline.run.url.full"
CICD_PIPELINE_TASK_NAME: Final = "cicd.pipeline.task.name"
VCS_REVISION: Final = "vcs.ref.head.revision"
ATTR_VERDICT: Final = "genmon.case.verdict"
ATTR_DRIFTED: Final = "genmon.case.drifted"
ATTR_WEIGHT: Final = "genmon.case.weight"

# --- spans of other instrumentations ----------------------------------------

#: By attribute, the kinds (lower case) of spans that can be the root of another instrumentation's
#: generation: workflows, agents, chains and bare model calls. A span with one of these
#: attributes is a GenAI span whatever its kind. Source: OpenTelemetry GenAI conventions,
#: OpenInference, OpenLLMetry, Langfuse, LangSmith, MLflow.
FOREIGN_KINDS: Final[Mapping[str, frozenset[str]]] = {
    GEN_AI_OPERATION_NAME: frozenset(
        {"invoke_workflow", "invoke_agent", "chat", "generate_content", "text_completion"}
    ),
    "openinference.span.kind": frozenset({"chain", "agent", "llm"}),
    "traceloop.span.kind": frozenset({"workflow", "agent", "task"}),
    "langfuse.observation.type": frozenset({"span", "chain", "agent", "generation"}),
    "langsmith.span.kind": frozenset({"chain", "llm"}),
    "mlflow.spanType": frozenset({"workflow", "chain", "agent", "llm", "chat_model"}),
}
#: By attribute, the kinds (lower case) of spans that stand for one call of a model.
INFERENCE_KINDS: Final[Mapping[str, frozenset[str]]] = {
    GEN_AI_OPERATION_NAME: frozenset(
        {"chat", "generate_content", "text_completion", "embeddings", "responses"}
    ),
    "openinference.span.kind": frozenset({"llm", "embedding"}),
    "llm.request.type": frozenset({"chat", "completion", "embedding", "rerank"}),
    "langfuse.observation.type": frozenset({"generation", "embedding"}),
    "langsmith.span.kind": frozenset({"llm"}),
    "mlflow.spanType": frozenset({"llm", "chat_model", "embedding"}),
}
#: Context key with which instrumentations say that the model's call made here has a span already.
SUPPRESSES_INFERENCE: Final = "suppress_language_model_instrumentation"
#: Attributes that name what such a span generates, best first; else the span's own name.
FOREIGN_NAMES: Final = (
    GEN_AI_WORKFLOW_NAME,
    GEN_AI_AGENT_NAME,
    "traceloop.entity.name",
    "langsmith.trace.name",
)
#: Attributes that name its user, best first.
FOREIGN_USERS: Final = ("enduser.id", "user.id", "traceloop.association.properties.user_id")
#: Where instrumentations that leave the status unset say that it failed, and why.
LANGFUSE_LEVEL: Final = "langfuse.observation.level"
LANGFUSE_STATUS_MESSAGE: Final = "langfuse.observation.status_message"

#: Key of a generation's context: what it asked that no replay can answer.
CONTEXT_UNSEEN: Final = "not_replayable"

# --- metrics ---------------------------------------------------------------

MetricType = Literal["counter", "gauge", "histogram"]

#: Seconds. The ladder of ``gen_ai.invoke_workflow.duration``, continued to two hours.
DURATION_BUCKETS_S: Final = (1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)
#: Seconds. Steps and phases are shorter than the generation around them.
STAGE_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
#: Files in one generated project.
FILE_BUCKETS: Final = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500)
#: Bytes, 16 MiB to 16 GiB.
MEMORY_BUCKETS_BYTES: Final = tuple(2**power for power in range(24, 35))


@dataclass(frozen=True, slots=True)
class Metric:
    """One instrument: its Prometheus name, type, labels, help text and buckets."""

    name: str
    type: MetricType
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()
    #: ``applications`` (every decorated process) or ``exporter`` (``genmon exporter`` alone).
    served_by: Literal["applications", "exporter"] = "applications"


GENERATIONS: Final = Metric(
    "genmon_generations_total",
    "counter",
    ("operation", "framework", "outcome"),
    "Generations that ended, by outcome.",
)
SERIES_START: Final = Metric(
    "genmon_series_start_timestamp_seconds",
    "gauge",
    ("operation", "framework", "outcome"),
    "When the series of genmon_generations_total with these labels began (Unix time).",
)
FAILURES: Final = Metric(
    "genmon_generation_failures_total",
    "counter",
    ("operation", "framework", "category", "severity"),
    "Generations that failed, by category and severity.",
)
GENERATION_DURATION: Final = Metric(
    "genmon_generation_duration_seconds",
    "histogram",
    ("operation", "framework", "outcome"),
    "Duration of generations.",
    DURATION_BUCKETS_S,
)
PHASE_DURATION: Final = Metric(
    "genmon_phase_duration_seconds",
    "histogram",
    ("operation", "phase", "outcome"),
    "Duration of phases.",
    STAGE_BUCKETS_S,
)
STEP_DURATION: Final = Metric(
    "genmon_step_duration_seconds",
    "histogram",
    ("operation", "step", "outcome"),
    "Duration of steps (external calls).",
    STAGE_BUCKETS_S,
)
IN_PROGRESS: Final = Metric(
    "genmon_generations_in_progress",
    "gauge",
    ("operation",),
    "Generations running now.",
)
GENERATED_FILES: Final = Metric(
    "genmon_generated_files",
    "histogram",
    ("operation", "framework"),
    "Files in the result of a successful generation.",
    FILE_BUCKETS,
)
PEAK_MEMORY: Final = Metric(
    "genmon_generation_peak_memory_bytes",
    "histogram",
    ("operation",),
    "Peak Python memory traced during a generation (opt-in).",
    MEMORY_BUCKETS_BYTES,
)
CPU_SECONDS: Final = Metric(
    "genmon_generation_cpu_seconds_total",
    "counter",
    ("operation",),
    "CPU time of the thread that ran the generation (opt-in).",
)
FAILURES_REOPENED: Final = Metric(
    "genmon_failures_reopened_total",
    "counter",
    ("operation", "category"),
    "Failures that happened again after a person resolved them.",
)
RECORDS_STARTED: Final = Metric(
    "genmon_records_started_total", "counter", (), "Generations that began."
)
RECORDS_WRITTEN: Final = Metric(
    "genmon_records_written_total", "counter", (), "Records committed to the store."
)
RECORDS_RETRIED: Final = Metric(
    "genmon_records_retried_total", "counter", (), "Records whose write was tried again."
)
RECORDS_DROPPED: Final = Metric(
    "genmon_records_dropped_total", "counter", ("reason",), "Records given up, by reason."
)
QUEUE_DEPTH: Final = Metric(
    "genmon_queue_depth", "gauge", (), "Records waiting for the store, in memory or journal."
)
JOURNAL_BYTES: Final = Metric(
    "genmon_journal_bytes", "gauge", (), "Bytes in this process's journal waiting for the store."
)
STORE_UP: Final = Metric(
    "genmon_store_up", "gauge", (), "1 when the last write to the store succeeded, else 0."
)
WRITE_DURATION: Final = Metric(
    "genmon_write_duration_seconds",
    "histogram",
    (),
    "Time the writer took for one batch, store included.",
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
INTERNAL_ERRORS: Final = Metric(
    "genmon_internal_errors_total",
    "counter",
    ("where",),
    "Errors inside genmon that were kept from the application, by place.",
)
#: Why records are given up: memory full, refused by the store, not readable in the journal.
DROPPED_FULL: Final = "memory_full"
DROPPED_REFUSED: Final = "refused"
DROPPED_DAMAGED: Final = "journal_damaged"
DROP_REASONS: Final = (DROPPED_FULL, DROPPED_REFUSED, DROPPED_DAMAGED)
#: Places that INTERNAL_ERRORS counts: of decorated calls, of the writer, of the metrics.
INTERNAL_PLACES: Final = tuple(
    (
        "add_tokens capture chunk declare deliver diagnosis failure_if generation options outcome processor "
        "recording sample set span stage start watch "
        "adoption close corrections fingerprint_overflow in_flight journal journal_damage journal_not_understood prepare "
        "recording_dropped recording_refused redaction step_dropped store writer "
        "label_overflow metrics metrics_file"
    ).split()
)
REGRESSION_CASES: Final = Metric(
    "genmon_regression_cases",
    "gauge",
    ("state",),
    "Regression cases in the store, by state.",
    served_by="exporter",
)
REGRESSION_RUNS: Final = Metric(
    "genmon_regression_runs_total",
    "counter",
    ("channel", "verdict"),
    "Runs of regression cases, by channel and verdict.",
    served_by="exporter",
)
STORED_FAILURES: Final = Metric(
    "genmon_failures",
    "gauge",
    ("status",),
    "Failures (groups of failing generations with the same cause) in the store, by status.",
    served_by="exporter",
)

METRICS: Final[tuple[Metric, ...]] = (
    GENERATIONS,
    SERIES_START,
    FAILURES,
    GENERATION_DURATION,
    PHASE_DURATION,
    STEP_DURATION,
    IN_PROGRESS,
    GENERATED_FILES,
    PEAK_MEMORY,
    CPU_SECONDS,
    FAILURES_REOPENED,
    RECORDS_STARTED,
    RECORDS_WRITTEN,
    RECORDS_RETRIED,
    RECORDS_DROPPED,
    QUEUE_DEPTH,
    JOURNAL_BYTES,
    STORE_UP,
    WRITE_DURATION,
    INTERNAL_ERRORS,
    REGRESSION_CASES,
    REGRESSION_RUNS,
    STORED_FAILURES,
)

#: Different values of one label beyond this become :data:`OTHER`, and are counted.
MAX_LABEL_VALUES: Final = 100
#: Characters kept of a label value.
MAX_LABEL_LENGTH: Final = 100
OTHER: Final = "other"
NO_FRAMEWORK: Final = "none"

# --- dashboards ------------------------------------------------------------

#: Fixed identities of the dashboards, which links in alerts lead to.
DASHBOARD_GENERATIONS: Final = "genmon-generations"
DASHBOARD_FAILURES: Final = "genmon-failures"
DASHBOARD_SELF: Final = "genmon-self"

# --- tables ----------------------------------------------------------------

TABLE_ANALYTICS: Final = "generation_analytics"
TABLE_FAILURES: Final = "generation_failures"
TABLE_RECORDINGS: Final = "failure_recordings"
TABLE_SAMPLES: Final = "success_samples"
TABLE_FAILURE_USERS: Final = "failure_users"
TABLE_FAILURE_PROJECTS: Final = "failure_projects"
TABLE_ACTIVE_USERS: Final = "active_users"
TABLE_ACTIVE_USER_COUNTS: Final = "active_user_counts"
TABLE_TESTS: Final = "auto_generated_tests"
TABLE_TEST_RUNS: Final = "test_runs"
TABLE_DECISIONS: Final = "genmon_decisions"
TABLE_WORK: Final = "genmon_case_work"
TABLE_ROLLUPS: Final = "generation_rollups"
TABLE_PRODUCERS: Final = "producers"
#: Holds the schema's revision; a name of our own, since the database may be an application's.
TABLE_VERSION: Final = "genmon_version"

# --- environment -----------------------------------------------------------

ENV_ENABLED: Final = "GENMON_ENABLED"
ENV_STORE: Final = "GENMON_STORE"
ENV_STORE_FILE: Final = "GENMON_STORE_FILE"
#: Where the page of ``genmon ui`` is reached, for links in dashboards and alerts.
ENV_UI_URL: Final = "GENMON_UI_URL"
#: Where Alertmanager is, whose open alerts the page shows.
ENV_ALERTMANAGER_URL: Final = "GENMON_ALERTMANAGER_URL"
ENV_SERVICE_NAME: Final = "GENMON_SERVICE_NAME"
ENV_METRICS: Final = "GENMON_METRICS"
ENV_METRICS_PORT: Final = "GENMON_METRICS_PORT"
ENV_METRICS_HOST: Final = "GENMON_METRICS_HOST"
ENV_CAPTURE: Final = "GENMON_CAPTURE"
ENV_FRAMEWORKS: Final = "GENMON_FRAMEWORKS"
ENV_CODE_VERSION: Final = "GENMON_CODE_VERSION"
ENV_JOURNAL_DIR: Final = "GENMON_JOURNAL_DIR"
ENV_PSEUDONYM_KEY: Final = "GENMON_PSEUDONYM_KEY"
ENV_PSEUDONYMIZE: Final = "GENMON_PSEUDONYMIZE"
ENV_RESOURCES: Final = "GENMON_RESOURCES"
ENV_STEPS: Final = "GENMON_STEPS"
ENV_DONORS: Final = "GENMON_DONORS"
ENV_STEPS_IGNORE: Final = "GENMON_STEPS_IGNORE"
#: Set to 1 in the process of a replay: ``setup()`` is inert there.
ENV_REPLAY: Final = "GENMON_REPLAY"
ENV_CAPTURE_CONTENT: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
ENV_MULTIPROC_DIR: Final = "PROMETHEUS_MULTIPROC_DIR"
