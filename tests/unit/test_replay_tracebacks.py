"""The traceback of a replay, as ``genmon replay`` prints it."""

from __future__ import annotations

from genmon_otel.regression.replaying.tracebacks import MAX_TRACEBACK, text_of_error


def test_a_replays_traceback_is_redacted_and_bounded() -> None:
    """What the code under test raises now was never in a recording, and may quote a key all the same."""
    secret = "ghp_Rt6Yu8Io0Pa2Sd4Fg6Hj8Kl0Zx2Cv4Bn6Mq1"
    try:
        raise ValueError(f"refused {secret} " + "words " * MAX_TRACEBACK)
    except ValueError as error:
        text = text_of_error(error)
    assert "ValueError: refused ghp_redacted" in text
    assert secret[4:20] not in text
    assert len(text) <= MAX_TRACEBACK
