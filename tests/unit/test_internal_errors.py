"""What the package logs of exceptions, its own or others', is redacted."""

from __future__ import annotations

import pytest

from genmon_otel.internal_errors import stack_for_log
from genmon_otel.redaction import Redactor
from genmon_otel.wiring.flushing import Flush


def test_a_stack_for_the_log_is_redacted() -> None:
    """By the built-in rules where no redactor is given, else by the application's own as well."""
    assert stack_for_log() == ""
    try:
        raise ValueError("project Blue at https://me:hunter2hunter2@h/x")
    except ValueError:
        stack = stack_for_log()
        own = stack_for_log(Redactor(lambda text: text.replace("Blue", "x")))
    assert "project Blue" in stack
    assert "hunter2hunter2" not in stack + own
    assert "Blue" not in own


def test_an_exporter_that_fails_is_logged_without_its_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What flushing raised names the exporter's address, and not its login."""

    def flush() -> None:
        raise ConnectionError("no answer from https://me:hunter2hunter2@collector/v1/traces")

    assert Flush(flush).wait(30)
    assert "no answer from" in caplog.text
    assert "hunter2hunter2" not in caplog.text
