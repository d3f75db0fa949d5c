"""The pages of metrics, spans and tables, from ``conventions.py`` and the schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Float, Integer, Table, Text
from sqlalchemy.dialects import postgresql

from genmon_otel import conventions as names
from genmon_otel.store import schema
from genmon_otel.store.columns import Instant, Json
from scripts.comments import comments

HEAD = "<!-- Generated from the code by `make generate`. DO NOT EDIT. -->"

#: What each label says, and its values where they are a closed list.
LABELS: dict[str, str] = {
    "operation": f"What is generated: `name=` of the decorator. At most {names.MAX_LABEL_VALUES} values, then `{names.OTHER}`.",
    "framework": f"What it is generated for; `{names.NO_FRAMEWORK}` where unknown, `{names.OTHER}` where not declared.",
    "outcome": "`success`, `failure`, `cancelled`, `rejected`; of phases and steps `success`, `failure`, `cancelled`.",
    "category": "Why it failed: see [classification](classification.md).",
    "severity": "`low`, `medium`, `high`, `critical`.",
    "phase": f"The phase's name. At most {names.MAX_LABEL_VALUES} values, then `{names.OTHER}`.",
    "step": f"The step's name, such as `openai chat`. At most {names.MAX_LABEL_VALUES} values, then `{names.OTHER}`.",
    "reason": ", ".join(f"`{reason}`" for reason in names.DROP_REASONS) + ".",
    "where": "The place in genmon: "
    + ", ".join(f"`{place}`" for place in names.INTERNAL_PLACES)
    + ".",
    "state": "The case's state: see [the life of a case](life-of-a-case.md).",
    "channel": "`ci`, `replay`, `live`.",
    "verdict": "`pass`, `fail_same`, `fail_other`, `inconclusive`.",
    "status": "`open`, `resolved`, `ignored`.",
}

#: By constant of conventions: on which spans the attribute is, and what it says.
ATTRIBUTES: dict[str, tuple[str, str]] = {
    "GEN_AI_OPERATION_NAME": (
        "generation, model call",
        f"`{names.WORKFLOW_OPERATION}` of a generation; `chat`, `embeddings` … of a call",
    ),
    "GEN_AI_WORKFLOW_NAME": ("generation", "the operation"),
    "GEN_AI_INPUT_MESSAGES": (
        "generation",
        f"the request, only with `{names.ENV_CAPTURE_CONTENT}`",
    ),
    "GEN_AI_OUTPUT_MESSAGES": (
        "generation",
        f"the result, only with `{names.ENV_CAPTURE_CONTENT}`",
    ),
    "GEN_AI_AGENT_NAME": ("read", "names a foreign failure's operation"),
    "GEN_AI_PROVIDER_NAME": ("model call", "the provider"),
    "SERVER_ADDRESS": ("model call", "the host that was asked"),
    "SERVER_PORT": ("model call", "its port"),
    "GEN_AI_REQUEST_MODEL": ("model call", "the model that was asked for"),
    "GEN_AI_REQUEST_STREAM": (
        "model call",
        "true where the answer is a stream, or was asked for as one",
    ),
    "GEN_AI_RESPONSE_MODEL": ("model call", "the model that answered"),
    "ATTR_FRAMEWORK": ("generation", "the framework"),
    "ATTR_PROJECT_ID": ("generation", "the project's id"),
    "ATTR_OUTCOME": ("generation", "the outcome, unless it is `success`"),
    "ATTR_FILE_COUNT": ("generation", "files in the result, where `set(file_count=…)` said it"),
    "ATTR_FAILURE_CATEGORY": ("failed generation", "the category"),
    "ATTR_FAILURE_SEVERITY": ("failed generation", "the severity"),
    "ATTR_FAILURE_FINGERPRINT": (
        "failed generation",
        "the fingerprint: equal for failures that are alike",
    ),
    "ATTR_VERDICT": ("judged replay", "the verdict"),
    "ATTR_WEIGHT": ("judged replay", "what a pass counts for in the confidence"),
    "ATTR_DRIFTED": ("judged replay", "whether it asked otherwise than recorded"),
    "GEN_AI_EVALUATION_NAME": (
        f"judged replay, in the event `{names.EVALUATION_EVENT}`",
        f"`{names.EVALUATION}`",
    ),
    "GEN_AI_EVALUATION_LABEL": (
        f"judged replay, in the event `{names.EVALUATION_EVENT}`",
        "the verdict",
    ),
    "GEN_AI_EVALUATION_SCORE": (
        f"judged replay, in the event `{names.EVALUATION_EVENT}`",
        "the weight of a pass, 0 of a failure; absent where nothing was proven",
    ),
    "GEN_AI_EVALUATION_EXPLANATION": (
        f"judged replay, in the event `{names.EVALUATION_EVENT}`",
        "why, redacted and bounded",
    ),
    "ERROR_TYPE": ("failed generation, phase or step", "the exception's type"),
    "EXCEPTION_TYPE": ("failed generation, in the event `exception`", "the exception's type"),
    "EXCEPTION_MESSAGE": (
        "failed generation, in the event `exception`",
        "its message, redacted, without request and result",
    ),
    "EXCEPTION_STACKTRACE": (
        "failed generation, in the event `exception`",
        "its stack, redacted and bounded",
    ),
    "CODE_FUNCTION_NAME": ("failed generation", "the innermost function of your code"),
    "CODE_FILE_PATH": ("failed generation", "its file"),
    "CODE_LINE_NUMBER": ("failed generation", "its line"),
    "ENDUSER_PSEUDO_ID": ("generation", "the user's pseudonym, where a `pseudonym_key` is set"),
}

#: What each table holds.
TABLES: dict[str, str] = {
    names.TABLE_ANALYTICS: "One row a generation.",
    names.TABLE_FAILURES: "One row a failure: a group of failing generations with one fingerprint.",
    names.TABLE_RECORDINGS: "Inputs and step outcomes of failing generations, up to three a failure.",
    names.TABLE_SAMPLES: "Shapes of successful results, and the step outcomes of donors.",
    names.TABLE_FAILURE_USERS: "Which users a failure hit.",
    names.TABLE_FAILURE_PROJECTS: "Which projects a failure hit.",
    names.TABLE_ACTIVE_USERS: "Who was active on which day.",
    names.TABLE_ACTIVE_USER_COUNTS: "Active users by day, counted once.",
    names.TABLE_TESTS: "The regression cases.",
    names.TABLE_TEST_RUNS: "Their runs.",
    names.TABLE_DECISIONS: "What people, and the reproduction check, decided. Rows stay.",
    names.TABLE_ROLLUPS: "Counts by minute, which health, trends and dashboards read.",
    names.TABLE_PRODUCERS: "Each process's position in its journal, so that each record is stored once.",
    names.TABLE_VERSION: "The schema's revision.",
}


def metrics() -> str:
    """Return the page of metrics, labels and span attributes."""
    lines = ["# Metrics and spans", "", HEAD, "", "## Metrics", ""]
    for served, title in (
        (
            "applications",
            "Every process that decorates has these, on its own `/metrics` or pushed ([endpoints](operating.md#endpoints)).",
        ),
        ("exporter", "`genmon exporter` alone has these, read from the store."),
    ):
        lines += [title, "", "| metric | type | labels | meaning |", "| --- | --- | --- | --- |"]
        for metric in names.METRICS:
            if metric.served_by == served:
                labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
                lines.append(f"| `{metric.name}` | {metric.type} | {labels} | {metric.help} |")
        lines.append("")
    lines += ["Buckets of the histograms:", "", "| metric | upper bounds |", "| --- | --- |"]
    for metric in names.METRICS:
        if metric.buckets:
            lines.append(
                f"| `{metric.name}` | {', '.join(f'{bound:g}' if bound < 2**20 else str(int(bound)) for bound in metric.buckets)} |"
            )
    used = dict.fromkeys(label for metric in names.METRICS for label in metric.labels)
    lines += ["", "## Labels", "", "| label | values |", "| --- | --- |"]
    lines += [f"| `{label}` | {LABELS.get(label, '')} |" for label in used]
    lines += [
        "",
        "## Span attributes",
        "",
        f"A generation's span is called `{names.WORKFLOW_OPERATION} OPERATION`, a phase's and a step's by its name, a model call's",
        "`chat MODEL`. They come from the OpenTelemetry conventions for generative AI, where these have a name for it.",
        "",
        "| attribute | on the span of | what it says |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| `{getattr(names, name)}` | {where} | {what} |"
        for name, (where, what) in ATTRIBUTES.items()
        if where != "read"
    ]
    lines += [
        f"| `{name}` | model call | tokens: {kind.replace('_', ' ')} |"
        for kind, name in names.GEN_AI_USAGE.items()
    ]
    return "\n".join(lines) + "\n"


def tables() -> str:
    """Return the page of the store's tables."""
    said = comments(Path(schema.__file__))
    variables = {
        table.name: name for name, table in vars(schema).items() if isinstance(table, Table)
    }
    lines = [
        "# Tables",
        "",
        HEAD,
        "",
        f"The same on SQLite and PostgreSQL, revision {schema.REVISION}. Times are UTC. Read them as you like (`genmon db grants` makes a",
        "role for it); what is written is genmon's business, and columns may be added by a newer version.",
        "",
    ]
    for table in schema.metadata.sorted_tables:
        lines += [
            f"## {table.name}",
            "",
            TABLES.get(table.name) or said.get((variables[table.name],) * 2, "").replace("``", "`"),
            "",
            "| column | type | |",
            "| --- | --- | --- |",
        ]
        for column in table.columns:
            notes = [said.get((variables[table.name], column.name), "")]
            if column.primary_key:
                notes.insert(0, "primary key")
            elif not column.nullable:
                notes.insert(0, "not null")
            text = (
                ". ".join(note.rstrip(".") for note in notes if note)
                .replace("``", "`")
                .replace("|", "\\|")
            )
            lines.append(f"| `{column.name}` | {_type(column.type)} | {text} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _type(kind: Any) -> str:
    for known, word in (
        (Instant, "time"),
        (Json, "JSON"),
        (Boolean, "boolean"),
        (Float, "number"),
        (Text, "text"),
        (Integer, "whole number"),
    ):
        if isinstance(kind, known):
            return word
    return str(kind.compile(postgresql.dialect())).lower()
