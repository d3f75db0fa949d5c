"""Replays in real subprocesses: what reproduces, what passes, what must never pass."""

from __future__ import annotations

import asyncio
import inspect
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import replayed_app as app

from genmon_otel import recorder
from genmon_otel.null_sink import NullSink
from genmon_otel.payload import encode, shape
from genmon_otel.policy import Verdict
from genmon_otel.recordings import prepare
from genmon_otel.records import GenerationRecord, Recording, StepRecord, SuccessSample
from genmon_otel.redaction import Redactor
from genmon_otel.regression.cases.case import Case, CaseTrigger, Donor, Expected
from genmon_otel.regression.cases.trust import Trust
from genmon_otel.regression.judging.run_result import RunResult
from genmon_otel.regression.processes.environment import environment
from genmon_otel.regression.runner import run_case

GOOD = shape(app.App("b", {"index.html": "<p>hello</p>"}))
PAGES = shape({"files": {"index.html": "x"}, "at": 2024})


class Kept(NullSink):
    """Remembers the last delivery."""

    last: tuple[GenerationRecord, Recording | None] | None = None

    def deliver(
        self,
        record: GenerationRecord,
        recording: Recording | None = None,
        sample: SuccessSample | None = None,
    ) -> None:
        self.last = record, recording


@pytest.fixture
def capture() -> Iterator[Callable[..., Case]]:
    """Run a failing orchestrator for real and make a case of what was recorded."""
    sink = Kept()
    before = recorder.active_runtime()
    recorder.install(recorder.Runtime(sink=sink))

    def run(call: Callable[..., Any], *args: Any, script: Any = None, **changes: Any) -> Case:
        app.SCRIPT.clear()
        app.SCRIPT.update(
            {k: list(v) if isinstance(v, list) else v for k, v in (script or {}).items()}
        )
        with pytest.raises((Exception, asyncio.CancelledError)):
            outcome = call(*args)
            if inspect.isasyncgen(outcome):
                asyncio.run(_drain(outcome))
            elif inspect.isawaitable(outcome):
                asyncio.run(outcome)  # type: ignore[arg-type]
        assert sink.last is not None
        record, recording = sink.last
        assert record.failure is not None
        assert recording is not None
        return case_of(record, prepare(recording, Redactor()), **changes)

    yield run
    recorder.install(before)
    app.SCRIPT.clear()


async def _drain(stream: Any) -> None:
    async for _ in stream:
        pass


def case_of(record: GenerationRecord, recording: Recording, **changes: Any) -> Case:
    """What a proposal makes of a recording, in short."""
    failure = record.failure
    assert failure is not None
    case = Case(
        slug="case",
        operation=record.operation,
        target=recording.target,
        inputs=recording.inputs,
        steps=recording.steps,
        trigger=CaseTrigger(failure.trigger, recording.trigger_step),
        expected=Expected(
            failure.signature, str(failure.category), failure.error_type, failure.error_message
        ),
        duration_s=recording.duration_s,
    )
    return Case.from_json(replace(case, **changes).to_json())


def rerun(case: Case, **changes: Any) -> RunResult:
    """Run a changed case."""
    return run_case(replace(case, **changes), deadline_s=20)


RATE = {"chat": [app.RateLimited(f"slow down, request req_{n}") for n in range(3)], "pause": 0.01}
CUT = {"ask": '{"index.html": "<p>hel'}

FAILING: dict[str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = {
    "retrying": (app.retrying, ("a shop",), RATE),
    "parsing": (app.parsing, ("a shop",), CUT),
    "counting": (app.counting, ("twelve",), {}),
    "waiting": (app.waiting, ("a shop",), {"patience": 0.05}),
    "streaming": (
        app.streaming,
        ("x",),
        {"pieces": ("a", "b", ConnectionResetError(104, "reset"))},
    ),
    "gathering": (app.gathering, ("x",), {"pieces": ('{"a', '": ')}),
    "threading": (app.threaded, ("x",), {"ask": "what"}),
    "racing": (app.racing, ("x",), {"timed": {"slow": 0.09, "fast": 0.01, "middle": 0.05}.get}),
    "classmethod": (app.Builder.shared, ("x",), {"ask": "this"}),
    "staticmethod": (app.Builder.lone, ("x",), {"ask": "this"}),
    "method": (app.make_builder().build, ("x",), {"ask": "this"}),
    "objects": (
        app.leaflet.build,
        ("x", app.SESSION, app.count_rows, app.Session()),
        {"ask": "this"},
    ),
    "inherited": (app.PageMaker().build, ("x",), {"ask": "this"}),
    "inherited classmethod": (app.PageMaker.shared, ("x",), {"ask": "this"}),
    "object of a module": (app.assembler.build, ("x",), {"ask": "this"}),
    "retried outside": (app.retried, ("x",), {"ask": "this"}),
    "passing": (app.passing, ("x", app.Session()), {}),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_recorded_failure_is_reproduced(capture: Any, name: str) -> None:
    """The replay shows the recorded signature again, without drift, and met the trigger."""
    call, args, script = FAILING[name]
    result = run_case(capture(call, *args, script=script))
    assert result.verdict is Verdict.FAIL_SAME, result
    assert result.trigger_consumed
    assert not result.drifted


@pytest.fixture
def rate(capture: Any) -> Case:
    """The case of a rate limit that outlasts three attempts."""
    case: Case = capture(app.retrying, "a shop", script=RATE, success_shapes=(GOOD,))
    asked = case.steps[0]
    answer = replace(asked, kind="value", outcome=encode("<p>shop</p>"), ended_s=1.0)
    return replace(case, donors=(Donor("9f", answer),))


def test_minutes_of_back_off_pass_in_no_time(rate: Case) -> None:
    """Two minutes of sleep between attempts fit into a deadline of twenty seconds."""
    result = rerun(rate)
    assert result.verdict is Verdict.FAIL_SAME, result
    assert result.virtual_s >= 120


def test_a_real_fix_passes(rate: Case) -> None:
    """A fix that outlasts the fault gets the donor's answer and passes; provenance is told."""
    result = rerun(rate, target="replayed_app:retrying_fixed")
    assert result.verdict is Verdict.PASS, result
    assert any("9f" in note for note in result.notes)


def test_a_reviewers_recovery_comes_before_a_donor(rate: Case) -> None:
    """What the reviewer says the step answers next is what it answers."""
    answer = StepRecord("chat", {}, "value", encode(""), ended_s=1.0)
    result = rerun(rate, target="replayed_app:retrying_fixed", recovery={"chat": answer})
    assert result.verdict is Verdict.FAIL_OTHER
    assert "files.index.html" in result.detail


def test_without_an_outcome_to_serve_it_is_inconclusive(rate: Case) -> None:
    """Nothing is invented where the recording ends."""
    result = rerun(rate, target="replayed_app:retrying_fixed", donors=())
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, "unrecorded")
    assert "'chat'" in result.detail


def test_a_persistent_fault_stays(rate: Case) -> None:
    """However often a fix retries, a persistent fault is met again."""
    persistent = replace(rate.trigger, persistent=True)
    result = rerun(rate, target="replayed_app:retrying_fixed", trigger=persistent)
    assert result.verdict is not Verdict.PASS


MUTANTS = {
    "swallowed": ("retrying_none", Verdict.FAIL_OTHER),
    "made up": ("retrying_made_up", Verdict.INCONCLUSIVE),
    "emptied": ("retrying_empty", Verdict.FAIL_OTHER),
    "other error": ("retrying_other", Verdict.FAIL_OTHER),
    "step skipped": ("retrying_skipped", Verdict.INCONCLUSIVE),
    "renamed": ("retrying_gone", Verdict.INCONCLUSIVE),
    "undecorated": ("retrying_bare", Verdict.INCONCLUSIVE),
    "other operation": ("counting_fixed", Verdict.INCONCLUSIVE),
    "refusing": ("retrying_refusing", Verdict.FAIL_OTHER),
    "exit": ("retrying_exit", Verdict.INCONCLUSIVE),
    "printing": ("retrying_printing", Verdict.INCONCLUSIVE),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_no_mutant_passes(rate: Case, name: str) -> None:
    """A renamed target, a swallowed error, another error, a skipped step, an empty result: no pass."""
    function, expected = MUTANTS[name]
    result = rerun(rate, target=f"replayed_app:{function}")
    assert result.verdict is expected, result


def test_a_renamed_target_names_the_remedy(rate: Case) -> None:
    """The reader is told how to point the case at the new name."""
    for target in ("replayed_app:retrying_gone", "no_such_module:x", "replayed_app:retrying_bare"):
        assert "genmon cases rebind" in rerun(rate, target=target).detail


def test_a_case_follows_a_renamed_function_whose_operation_is_its_name(rate: Case) -> None:
    """Pointed at the new name it fails as it did, and passes once mended, though the operation changed."""
    assert rerun(rate, target="replayed_app:renamed").verdict is Verdict.FAIL_SAME
    assert rerun(rate, target="replayed_app:renamed_and_fixed").verdict is Verdict.PASS


def test_a_declared_failure_passes(rate: Case) -> None:
    """Where the reviewer declares how it should fail, that failure, and no success, passes."""
    declared = replace(rate, fails_as="ModelRefused")
    assert rerun(declared, target="replayed_app:retrying_refusing").verdict is Verdict.PASS
    assert rerun(declared, target="replayed_app:retrying_fixed").verdict is Verdict.FAIL_OTHER
    assert rerun(declared, target="replayed_app:retrying_other").verdict is Verdict.FAIL_OTHER


def test_a_postcondition_decides(rate: Case) -> None:
    """The user's function accepts, refuses, or is missing."""
    fixed = replace(rate, target="replayed_app:retrying_fixed", success_shapes=())
    assert rerun(fixed).reason == "postcondition"
    assert rerun(fixed, postcondition="replayed_app:accept_app").verdict is Verdict.PASS
    refused = rerun(fixed, postcondition="replayed_app:refuse")
    assert refused.verdict is Verdict.FAIL_OTHER
    assert "too short" in refused.detail
    missing = rerun(fixed, postcondition="replayed_app:no_such")
    assert (missing.verdict, missing.reason) == (Verdict.INCONCLUSIVE, "postcondition")


def test_other_arguments_are_served_and_marked(rate: Case) -> None:
    """A changed prompt is served by position, and the run is marked drifted."""
    result = rerun(rate, target="replayed_app:retrying_drifted")
    assert result.verdict is Verdict.FAIL_SAME, result
    assert result.drifted


def test_content_fix_and_mutants(capture: Any) -> None:
    """Mended content passes; an empty result and a lost key do not."""
    case = capture(app.parsing, "a shop", script=CUT, success_shapes=(PAGES,))
    assert rerun(case, target="replayed_app:parsing_fixed").verdict is Verdict.PASS
    assert rerun(case, target="replayed_app:parsing_made_up").reason == "postcondition"
    assert rerun(case, target="replayed_app:parsing_emptied").verdict is Verdict.FAIL_OTHER
    assert rerun(case, target="replayed_app:parsing_short").verdict is Verdict.FAIL_OTHER


def test_input_and_hang_fixes_pass(capture: Any) -> None:
    """Bad input that is handled passes; so does a hang, where a function says that its fallback is right."""
    case = capture(app.counting, "twelve", success_shapes=(shape({"amount": 1}),))
    assert rerun(case, target="replayed_app:counting_fixed").verdict is Verdict.PASS
    case = capture(app.waiting, "x", script={"patience": 0.05}, success_shapes=(shape("p"),))
    result = rerun(case, target="replayed_app:waiting_fixed")
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, "postcondition"), result
    said = "replayed_app:accept_fallback"
    result = rerun(case, target="replayed_app:waiting_fixed", postcondition=said)
    assert result.verdict is Verdict.PASS, result
    assert result.virtual_s >= 10


def test_a_caller_that_gave_up_gives_up_again(capture: Any) -> None:
    """A hang without any timeout in the code is ended as the recorded caller ended it."""

    async def abandoned() -> None:
        await asyncio.wait_for(app.stalling("x"), 0.3)

    case = capture(abandoned)
    assert case.expected.category == "ai_timeout"
    assert rerun(case).verdict is Verdict.FAIL_SAME


def test_chance_time_and_sets_are_equal_in_every_run(capture: Any) -> None:
    """Random choices, ids, secrets and the order of sets are the same in each fresh process."""
    case = capture(app.chancy, "x")
    messages = {rerun(case).error_message for _ in range(3)}
    assert len(messages) == 1


def test_equal_verdicts_under_load(rate: Case) -> None:
    """Many replays at once all say the same."""
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: rerun(rate), range(8)))
    assert {(r.verdict, r.signature, r.virtual_s) for r in results} == {
        (Verdict.FAIL_SAME, rate.expected.signature, results[0].virtual_s)
    }


def test_opaque_values(capture: Any) -> None:
    """Looking into an unrecorded value is inconclusive though the code swallows it."""
    case = capture(app.opaque, "x", app.Session())
    result = rerun(case)
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, "opaque")
    assert "Session" in result.detail
    made = rerun(case, factories={"session": "replayed_app:make_session"})
    assert made.verdict is Verdict.FAIL_SAME, made
    broken = rerun(case, factories={"session": "replayed_app:no_such"})
    assert (broken.verdict, broken.reason) == (Verdict.INCONCLUSIVE, "factory")


def test_too_large_an_input_says_so(capture: Any) -> None:
    """A value over the limit is opaque, and the run says: size."""
    case = capture(app.counting, "x" * 300_000)
    result = rerun(case)
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, "size")


REFUSED = {
    "connect": "network", "dns": "network", "urllib": "unrecorded", "udp": "network",
    "write": "write", "write-home": "write", "remove": "write", "mkdir": "write",
    "rename": "write", "sqlite": "write", "run": "subprocess", "shell": "subprocess",
    "fork": "subprocess",
}  # fmt: skip


@pytest.mark.parametrize("act", REFUSED)
def test_the_world_stays_untouched(capture: Any, act: str) -> None:
    """Network, writes and programs are refused and named, though the code swallows errors."""
    case = replace(capture(app.acting, "nothing"), inputs=encode({"act": act}))
    result = rerun(case)
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, REFUSED[act]), result
    if act == "connect":
        assert "(by socket, asked from replayed_app.py:" in result.detail
    assert not list(Path("/tmp").glob("genmon-replay-escape*"))
    assert not Path("/tmp/genmon-replay-folder").exists()


def test_no_socket_reaches_a_listener(capture: Any) -> None:
    """A server on loopback hears nothing of a replay."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        heard: list[Any] = []
        threading.Thread(target=lambda: heard.append(server.accept()), daemon=True).start()
        assert rerun(capture(app.retrying, "x", script=RATE))
        assert not heard


def test_what_a_replay_allows_works(capture: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """Writes by relative names, sqlite in memory, socket pairs and asyncio work."""
    monkeypatch.chdir(tmp_path)
    case = capture(app.working, "x")
    trust = Trust(roots=(str(Path(app.__file__).parent),))
    result = run_case(case, trust=trust)
    assert result.verdict is Verdict.FAIL_SAME, result
    (tmp_path / "kept.txt").write_text("mine")
    assert run_case(case, trust=trust).verdict is Verdict.FAIL_SAME
    assert (tmp_path / "kept.txt").read_text() == "mine"


def test_a_declared_program_runs(capture: Any) -> None:
    """A program that the case declares may run."""
    case = replace(capture(app.acting, "nothing"), inputs=encode({"act": "run"}))
    case = replace(case, programs=("true",))
    assert run_case(case, trust=Trust(programs=("true",))).verdict is Verdict.FAIL_SAME


def test_time_runs_out(capture: Any) -> None:
    """A replay that never ends is killed at the deadline, and inconclusive."""
    result = run_case(capture(app.spinning, "x"), deadline_s=2)
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, "deadline")


def test_the_environment_is_declared(monkeypatch: Any) -> None:
    """Secrets of the running process do not reach the replay."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real-secret")
    declared = environment(Path("/workspace"))
    assert "sk-real-secret" not in declared.values()
    assert declared["PYTHONHASHSEED"] == "0"


def test_a_broken_interpreter_is_no_verdict(rate: Case) -> None:
    """Where the process cannot even start, the run is inconclusive."""
    result = run_case(rate, python="/no/such/python")
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, "crash")
    assert sys.executable
    assert os.getpid()
