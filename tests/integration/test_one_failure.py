"""Whole failures: what of a real error, raised through decorated code, makes its name."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from genmon_otel import generation, step
from genmon_otel.records import Failure
from genmon_otel.testing import capture

SCHEMA = {
    "required": ["title"],
    "properties": {"pages": {"items": {"properties": {"order": {"type": "integer"}}}}},
}
PROSE = "the model went on and on about what it would build, page by page "


@step
def call_model(answer: Callable[[], Any]) -> Any:
    """Whatever the test lets it do."""
    return answer()


@generation(name="build_app")
def build(answer: Callable[[], Any], request: str = "", user_id: str = "u-1") -> Any:
    """The operation under test."""
    return call_model(answer)


def failure(error: Exception, **arguments: str) -> Failure:
    """What it leaves behind when its step raises ``error``."""

    def answer() -> None:
        raise error

    with capture() as seen, pytest.raises(type(error)):
        build(answer, **arguments)
    assert seen.record.failure is not None
    return seen.record.failure


def refused(instance: object) -> Exception:
    """What jsonschema raises."""
    with pytest.raises(jsonschema.ValidationError) as caught:
        jsonschema.validate(instance, SCHEMA)
    return caught.value


def printed(output: str | bytes) -> Exception:
    """What a failing ``npm ci`` raises."""
    return subprocess.CalledProcessError(1, ["npm", "ci"], stderr=output)


LOG = "npm error A complete log of this run can be found in: /root/.npm/_logs/{}.log\n"
ONE = [
    ("members", lambda: (
        ExceptionGroup("pages", [ValueError("page 3 is empty"), KeyError("title")]),
        ExceptionGroup("pages", [KeyError("title"), ValueError("page 12 is empty")]),
    )),
    ("decisive members", lambda: (
        ExceptionGroup("pages", [TimeoutError("read timed out"), ConnectionResetError(104, "x")]),
        ExceptionGroup("pages", [ConnectionResetError(104, "x"), TimeoutError("read timed out")]),
    )),
    ("printed", lambda: (
        printed("npm error code E404\n" + LOG.format(1)),
        printed(b"added 3 packages\nnpm error code E404\n" + LOG.format(22).encode()),
    )),
    ("large instance", lambda: (
        refused({"pages": []}),
        refused({"pages": [{"order": n} for n in range(400)], "about": PROSE * 40}),
    )),
    ("another place in an instance", lambda: (
        refused({"title": "a", "pages": [{"order": "x"}]}),
        refused({"title": "b", "pages": [{"order": 1}, {"order": [PROSE * 40]}]}),
    )),
    ("long values", lambda: (
        ValueError(f"answer {PROSE!r} has no page"),
        ValueError(f"answer {PROSE * 9!r} has no page"),
        ValueError(f"answer {PROSE * 90!r} has no page"),
    )),
    ("unquoted answers", lambda: (
        ValueError(f"Invalid json output: {PROSE * 3}\nFor troubleshooting, visit: https://a.b/c"),
        ValueError(f"Invalid json output: Sure! {PROSE * 90}\nFor troubleshooting, visit: https://a.b/c"),
    )),
]  # fmt: skip
TWO = [
    ("members", lambda: (
        ExceptionGroup("pages", [ValueError("page 3 is empty")]),
        ExceptionGroup("pages", [ValueError("page 3 has no title")]),
        ExceptionGroup("pages", [KeyError("title")]),
    )),
    ("printed", lambda: (
        printed("npm error code E404\n"),
        printed("npm error code ERESOLVE\n"),
        printed("src/a.ts(1,2): error TS2304: Cannot find name 'a'.\n"),
    )),
    ("validation", lambda: (
        refused({"pages": []}),
        refused({"title": "a", "pages": [{"order": "x"}]}),
    )),
    ("what follows a long value", lambda: (
        ValueError(f"answer {PROSE * 90!r} has no page"),
        ValueError(f"answer {PROSE * 90!r} has no title"),
    )),
]  # fmt: skip


@pytest.mark.parametrize("errors", [make for _, make in ONE], ids=[name for name, _ in ONE])
def test_one_failure(errors: Callable[[], tuple[Exception, ...]]) -> None:
    """Neither the order of tasks nor the length of what was quoted or printed makes another."""
    failures = [failure(error) for error in errors()]
    assert len({each.signature for each in failures}) == 1
    assert len({each.fingerprint for each in failures}) == 1
    assert len({each.trigger_signature for each in failures}) == 1


@pytest.mark.parametrize("errors", [make for _, make in TWO], ids=[name for name, _ in TWO])
def test_two_failures(errors: Callable[[], tuple[Exception, ...]]) -> None:
    """What a group holds, a program printed or a validator asked for tells failures apart."""
    failures = [failure(error) for error in errors()]
    assert len({each.signature for each in failures}) == len(failures)


def test_whoever_met_it_and_whatever_they_had_asked_for() -> None:
    """The generation's own user and request do not count where a message names them bare."""
    anna = failure(
        ValueError("cannot plan a bakery page with prices for anna today"),
        request="a bakery page with prices",
        user_id="anna",
    )
    zoe = failure(
        ValueError("cannot plan my gym, dark, three columns for zoe today"),
        request="my gym, dark, three columns",
        user_id="zoe",
    )
    assert anna.signature == zoe.signature
    assert "anna" in anna.error_message


def test_a_user_named_like_a_word_leaves_messages_alone() -> None:
    """``test`` may be a user, yet the word keeps its place in what errors say."""
    assert (
        failure(ValueError("the test page broke"), user_id="test").signature
        == failure(ValueError("the test page broke"), user_id="anna").signature
    )


def test_what_was_printed_is_kept_for_people() -> None:
    """The message of a failed command says why it failed."""
    assert "E404" in failure(printed("npm error code E404\n")).error_message
