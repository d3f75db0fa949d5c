"""Automatic steps in tests: what a generation records, and what a replay makes of it."""

from __future__ import annotations

import asyncio
import inspect
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from case_kit import load, row_of

from genmon_otel import capture as automatic
from genmon_otel import generation
from genmon_otel.recordings import prepare
from genmon_otel.records import StepRecord
from genmon_otel.redaction import Redactor
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.propose import case_from
from genmon_otel.regression.replaying.player import CasePlayer
from genmon_otel.regression.replaying.virtual_time import VirtualTime
from genmon_otel.regression.runner import RunResult, run_case
from genmon_otel.testing import Captured, capture

_NAME = "application"


class Failed(Exception):
    """Raised by the tests' generations, so that their steps are kept."""


def steps_of(do: Any) -> list[StepRecord]:
    """The steps of a generation that does something and then fails, redacted as they are stored."""

    @generation(name="tried")
    def tried() -> None:
        result = do()
        if inspect.iscoroutine(result):
            asyncio.run(result)
        raise Failed

    with capture() as seen, pytest.raises(Failed):
        tried()
    return list(prepare(seen.recordings[0], Redactor()).steps)


class Tried:
    """A module whose ``build`` fails, recorded with automatic steps on, and replayed.

    Args:
        folder: where it is written.
        source: of the module.
        arguments: what ``build`` is called with.
    """

    def __init__(self, folder: Path, source: str, *arguments: Any) -> None:
        self.folder = folder
        self._arguments = arguments
        automatic.install()
        try:
            self._build = load(folder, _NAME, textwrap.dedent(source)).build
            seen, self.error = self._fail(None)
        finally:
            automatic.uninstall()
            sys.modules.pop(_NAME, None)
        failure = seen.records[-1].failure
        assert failure is not None
        row = row_of(failure)
        self.failure = failure
        self.case: Case = case_from(row, prepare(seen.recordings[0], Redactor()))

    def _fail(self, player: Any) -> tuple[Captured, BaseException]:
        with (
            capture(player=player) as seen,
            pytest.raises((Exception, asyncio.CancelledError)) as raised,
        ):
            result = self._build(*self._arguments)
            if inspect.iscoroutine(result):
                asyncio.run(result)
        error = raised.value
        while isinstance(error, BaseExceptionGroup):  # of a task group
            error = error.exceptions[0]
        return seen, error

    def replayed(self) -> RunResult:
        """A replay in a process of its own, without a network."""
        return run_case(self.case, deadline_s=60, cwd=self.folder)

    def unlike_here(self) -> str:
        """How a replay within this process differs from what was recorded; empty where it does not."""
        clock = VirtualTime()
        player = CasePlayer(self.case, clock)
        clock.when_stuck = player.give_up
        automatic.install()
        sys.modules[_NAME] = sys.modules.get(_NAME, sys)
        try:
            seen, error = self._fail(player)
        except BaseException as error:
            return f"broke: {error!r}"
        finally:
            automatic.uninstall()
            sys.modules.pop(_NAME, None)
        failure = seen.records[-1].failure
        # botocore makes classes of errors anew for each client
        if repr(type(error)) != repr(type(self.error)) or str(error) != str(self.error):
            return f"raised {error!r}, recorded was {self.error!r}"
        if failure is None or failure.signature != self.failure.signature:
            return f"{failure} is not {self.failure}"
        return "drifted" if player.drifted else ""


def unlike_recorded(
    folder: Path, template: str, faults: Mapping[str, tuple[str, str]], *arguments: Any
) -> dict[str, str]:
    """How replays of faults differ from what was recorded, by fault; empty where none does.

    Args:
        folder: where modules are written.
        template: source of a module, where ``FAULT`` stands for the expression that fails.
        faults: by name: the expression, and the name of the class of what it raises.
        arguments: what ``build`` is called with.
    """
    wrong = {}
    for name, (fault, raises) in faults.items():
        tried = Tried(folder, template.replace("FAULT", fault), *arguments)
        raised = type(tried.error).__qualname__
        if raised != raises:
            wrong[name] = f"raised {tried.error!r}, not {raises}"
        elif why := tried.unlike_here():
            wrong[name] = why
    return wrong
