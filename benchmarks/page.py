"""What a page of ``genmon ui`` costs on the server, with many generations in the store.

The store holds 10,000 failures of up to 100,000 generations each, 300 cases that wait and 200 that
are approved, each recorded with an answer of 60 KB; a fifth of the generations ended within the
last six hours. The failures are written as applications write them, the rest by statements of
the database, which take seconds.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator

from starlette.testclient import TestClient

from benchmarks.databases import databases
from benchmarks.table import Table
from genmon_otel.policy import CaseState, Verdict
from genmon_otel.records import StepRecord
from genmon_otel.regression.propose import propose
from genmon_otel.store import SqlStore
from genmon_otel.ui.app import create_app
from genmon_otel.ui.gate import Access
from genmon_otel.ui.session import Sessions, sign_link
from tests.store_records import DAY, Producer, a_failure, failing, recording_of, sample_of, success

#: Generations, failures, cases.
FULL, QUICK = (1_000_000, 10_000, 500), (20_000, 500, 50)
OPERATIONS, VERSIONS, USERS = 12, 40, 5_000
#: Generations that one statement writes.
PART = 100_000
BAR_MS = 150
ROUNDS = 21
ANSWER = "Here is it:\n```json\n" + '{"path": "src/App.tsx", "content": "…"}\n' * 1_500 + "```"
PORT = 8750

#: A generation each: number ``n``, ended ``back`` seconds ago, of a failure each third one. The
#: first failure has every tenth generation, the others share the rest.
_INSERT = """
INSERT INTO generation_analytics (generation_id, created_at, operation, framework, success, outcome,
  duration_s, user_id, project_id, user_request, trace_id, failure_id, failure_category,
  code_version, metadata)
SELECT 'bulk-' || n, {at}, 'operation_' || (n % {operations}), 'react', {success},
  CASE WHEN n % 3 = 0 THEN 'failure' ELSE 'success' END, 12.0, 'user-' || (n % {users}),
  'project-' || (n % {users}), 'Build me an application that keeps a list of things', {trace},
  CASE WHEN n % 3 <> 0 THEN NULL WHEN n % 10 = 0 THEN 1 ELSE 1 + n % {failures} END,
  CASE WHEN n % 3 = 0 THEN 'rate_limit' END, 'v' || (n % {versions}), '{{}}'
FROM {numbers}
"""
_ROLLUPS = """
INSERT INTO generation_rollups (minute, operation, framework, outcome, category, shard, count,
  duration_sum_s)
SELECT {minute}, operation, framework, outcome, COALESCE(failure_category, ''), 20, COUNT(*),
  SUM(duration_s)
FROM generation_analytics WHERE generation_id LIKE 'bulk-%' GROUP BY 1, 2, 3, 4, 5
"""


def run(quick: bool) -> list[Table]:
    """Measure every page on every kind of database."""
    generations, failures, cases = QUICK if quick else FULL
    table = Table(
        "page", f"Milliseconds on the server for a page, {generations:,} generations in the store",
        f"fastest and median of {ROUNDS}, and this process's own time; bar {BAR_MS} for the first screen",
    )  # fmt: skip
    with databases() as kinds:
        for kind, new in kinds.items():
            store = SqlStore(new(), propose=propose)
            store.open()
            fill(store, generations, failures, cases)
            for what, path in pages(store):
                taken = list(asked(store, path))
                table.add(
                    database=kind, what=what,
                    fastest=min(wall for wall, _ in taken),
                    median=statistics.median(wall for wall, _ in taken),
                    own=statistics.median(own for _, own in taken),
                    kilobytes=len(_client(store).get(path).content) / 1e3,
                )  # fmt: skip
            store.close()
    return [table]


def fill(store: SqlStore, generations: int, failures: int, cases: int) -> None:
    """Write failures and cases one by one, generations by one statement."""
    chance, now, producer = random.Random(1), time.time(), Producer(store)
    step = StepRecord("call_model", {"prompt": "a page"}, "value", ANSWER, digest="d")
    for first in range(0, failures, 500):
        records, recordings = [], []
        for number in range(first, min(first + 500, failures)):
            failure = a_failure(str(number), error_message=f"Rate limit {number} " + "x" * 200,
                                stack_trace="Traceback\n" + "  File 'a.py', line 3\n" * 30)  # fmt: skip
            for strike in range(3 if number < cases else 1):
                at = now - chance.uniform(0, 6 * DAY)
                records.append(failing(
                    at=at, failure=failure, user_id=f"user-{chance.randrange(USERS)}",
                    operation=f"operation_{number % OPERATIONS}", code_version=f"v{strike}",
                ))  # fmt: skip
                if number < cases and not strike:
                    recordings.append(recording_of(
                        records[-1], steps=(step, step), operation=records[-1].operation,
                    ))  # fmt: skip
        producer.write(*records, recordings=tuple(recordings))
    good = success(now, operation="operation_0")
    producer.write(good, samples=(sample_of(good),))
    approved = 0
    for row in store.cases(limit=cases):
        store.set_case_state(row.id, CaseState.REPRODUCED, reason="reproduced 3 of 3")
        if approved < cases * 2 // 5:
            approved += 1
            store.set_case_state(row.id, CaseState.OPEN, reviewer="ada")
            for version in range(10):
                store.record_run(row.id, "ci", f"v{version}", Verdict.PASS, "passed",
                                 f"{row.id}-{version}")  # fmt: skip
    _bulk(store, generations, failures, now)


def _bulk(store: SqlStore, generations: int, failures: int, now: float) -> None:
    # A fifth lies in the last six hours, the rest in ninety days.
    back = f"CASE WHEN n % 5 = 0 THEN n % 21600 ELSE (n * 7919.0 / 5) - {90 * DAY} * floor(n * 7919.0 / 5 / {90 * DAY}) END"
    # The statements below are ours; no value of anybody else is in them.
    with store._database.begin() as opened:
        connection = opened.execution_options(no_parameters=True)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            at = f"to_timestamp({now} - ({back}))"
            numbers, minute = (
                "generate_series({first}, {last}) n",
                "date_trunc('minute', created_at)",
            )
            trace, boolean = "md5(n::text)", "n % 3 <> 0"
        else:
            at = f"strftime('%Y-%m-%d %H:%M:%f', {now} - ({back}), 'unixepoch') || '000'"
            numbers = ("(WITH RECURSIVE c(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM c "
                       "WHERE n < {last}) SELECT n FROM c)")  # fmt: skip
            minute = "substr(created_at, 1, 16) || ':00.000000'"
            trace, boolean = "printf('%032x', n)", "n % 3 <> 0"
        # In parts: the store gives up on an answer that takes 40 s, as a loaded machine may.
        for first in range(1, generations + 1, PART):
            each = numbers.format(first=first, last=min(first + PART - 1, generations))
            connection.exec_driver_sql(_INSERT.format(
                at=at, success=boolean, trace=trace, numbers=each, operations=OPERATIONS,
                users=USERS, versions=VERSIONS, failures=failures,
            ))  # fmt: skip
        connection.exec_driver_sql(_ROLLUPS.format(minute=minute))
        connection.exec_driver_sql("ANALYZE")


def pages(store: SqlStore) -> Iterator[tuple[str, str]]:
    """Return what each page is, and its address."""
    biggest = store.failure("v2:fingerprint-0").row.handle
    small = store.failure("v2:fingerprint-77").row.handle
    yield "now (the first screen)", "/"
    yield "failures", "/failures"
    yield "failures, searched", "/failures?q=limit+499"
    yield "failures, searched, none", "/failures?q=nothing+like+it"
    yield "failures, of a version", "/failures?version=v7&sort=last_seen"
    yield "failures, of a rare version", "/failures?version=none"
    yield "failures, page 100", "/failures?from=5000&sort=count"
    yield "a failure", f"/failures/{small}"
    yield "the failure of most", f"/failures/{biggest}"
    yield "review", "/review"
    yield "guarding", "/guarding"
    case = store.cases(limit=1)[0].handle
    yield "a case", f"/cases/{case}"
    yield "a step", f"/cases/{case}/steps/0"


def asked(store: SqlStore, path: str) -> Iterator[tuple[float, float]]:
    """Ask for a page and yield milliseconds, and those of this process; the first two warm up."""
    client = _client(store)
    for turn in range(ROUNDS + 2):
        begun, own = time.perf_counter(), time.process_time()
        answer = client.get(path)
        taken = (time.perf_counter() - begun) * 1e3, (time.process_time() - own) * 1e3
        assert answer.status_code == 200, (path, answer.status_code)
        if turn > 1:
            yield taken


def _client(store: SqlStore) -> TestClient:
    key = b"k" * 32
    app = create_app(store, Access(PORT), Sessions(key))
    client = TestClient(app, base_url=f"http://127.0.0.1:{PORT}")
    client.get("/enter", params={"token": sign_link(key, "ada", time.time())})
    return client
