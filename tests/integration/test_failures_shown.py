"""What ``genmon failures show`` says of a failure that has no case."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from genmon_otel.cli.failures import describe, failures
from genmon_otel.policy import OVERFLOW_FINGERPRINT, CaseState
from genmon_otel.records import Category, StepFault
from genmon_otel.store import SqlStore
from tests.store_records import Producer, a_failure, failing


def test_it_says_whose_answer_was_read(tmp_path: Path) -> None:
    """A person sees whether a model's answer may be to blame for an ordinary bug."""
    store = SqlStore(f"sqlite:///{tmp_path}/genmon.db")
    store.open()
    Producer(store).write(
        failing(failure=a_failure(fingerprint="v2:k", category=Category.UNKNOWN, answer_of="plan"))
    )
    shown = [each.plain for each in describe(store.failure("v2:k"))]
    assert "reading    perhaps the answer of step plan, the last before it; unconfirmed" in shown
    assert any(each.startswith("because    no evidence names a cause") for each in shown)
    quoted = a_failure(fingerprint="v2:q", answer_of="plan", answer_quoted=True)
    Producer(store).write(failing(failure=quoted))
    shown = [each.plain for each in describe(store.failure("v2:q"))]
    assert "reading    the answer of step plan, which the error quotes" in shown
    store.close()


def test_it_says_which_step_failed_before(tmp_path: Path) -> None:
    """A person sees the call behind an error that does not tell of it, and how often it failed."""
    store = SqlStore(f"sqlite:///{tmp_path}/genmon.db")
    store.open()
    said = a_failure(
        fingerprint="v2:f", trigger_signature="v2:t", failed_step="openai chat", failed_status=429
    )
    faults = (StepFault("openai chat", "v2:t", 3),)
    Producer(store).write(failing(failure=said)._replace(step_faults=faults))
    shown = [each.plain for each in describe(store.failure("v2:f"))]
    assert "after      step openai chat failed with 429, 3 times in a row" in shown
    without = a_failure(fingerprint="v2:g", failed_step="POST h")
    Producer(store).write(failing(failure=without))
    assert "after      step POST h failed" in [
        each.plain for each in describe(store.failure("v2:g"))
    ]
    store.close()


@pytest.mark.parametrize(
    ("fingerprint", "status", "words"),
    [
        ("v2:b", "open", "none: F-"),
        ("v2:b", "ignored", "none: an ignored failure gets none"),
        (f"{OVERFLOW_FINGERPRINT}build_app", "open", "none: these are many failures"),
        ("v2:c", "open", "none yet: the third"),
    ],
)
def test_why_there_is_no_case(tmp_path: Path, fingerprint: str, status: str, words: str) -> None:
    """A case that will never come is not promised."""
    store = SqlStore(f"sqlite:///{tmp_path}/genmon.db")
    store.open()
    producer = Producer(store)
    producer.write(*(failing("a") for _ in range(3)))
    store.set_case_state(store.cases()[0].id, CaseState.REJECTED, reviewer="eve")
    signature = "v2:signature-a" if fingerprint == "v2:b" else "v2:another"
    producer.write(failing(failure=a_failure(fingerprint=fingerprint, signature=signature)))
    store.set_failure_status(fingerprint, status)  # type: ignore[arg-type]
    shown = [each.plain for each in describe(store.failure(fingerprint))]
    (line,) = (each for each in shown if each.startswith("case "))
    assert words in line
    store.close()


def test_who_relabelled_it_is_shown_after_the_undo_too(tmp_path: Path) -> None:
    """Whoever is paged sees who changed the category, and who changed it back."""
    url = f"sqlite:///{tmp_path}/genmon.db"
    store = SqlStore(url)
    store.open()
    Producer(store).write(failing())
    (failure,) = store.failures()
    store.close()
    for arguments in (
        ["relabel", failure.handle, "--category", "ai_timeout", "--reviewer", "ann"],
        ["relabel", failure.handle, "--undo", "--reviewer", "bob"],
        ["show", failure.handle],
    ):
        done = CliRunner().invoke(failures, [*arguments, "--store", url])
        assert done.exit_code == 0, done.output
    assert "decided    relabelled (back to the rules' word), by bob, " in done.output
    assert "before     relabelled (ai_timeout, high), by ann, " in done.output
