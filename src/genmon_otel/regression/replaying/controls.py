"""What is put under control in the process of a replay, once: time, chance, the sandbox, the environment."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from genmon_otel import capture
from genmon_otel.conventions import ENV_REPLAY
from genmon_otel.regression.cases.base_urls import base_urls
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.isolation.sandbox import Sandbox
from genmon_otel.regression.replaying import virtual_time
from genmon_otel.regression.replaying.platform_info import warm_up_platform
from genmon_otel.regression.replaying.variables import note_missing


@dataclass(slots=True)
class Controls:
    """Time and sandbox of a process; a template's are those of every replay forked from it."""

    clock: virtual_time.VirtualTime
    sandbox: Sandbox
    #: Environment variables that the application asked for and the replay does not have.
    missing: list[str] = field(default_factory=list)
    #: Modules that a template imported which the target's import does not: inputs name no class there.
    ahead: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, case: Case, workspace: Path) -> Self:
        """Make the controls of a case's process, not yet in force.

        Args:
            case: what is replayed.
            workspace: the only folder that the process may write to.
        """
        clock = virtual_time.VirtualTime(case.began_at)
        return cls(clock, Sandbox(workspace, case.programs))

    def install(self, case: Case) -> None:
        """Put them in force, permanently; before any code of the project runs."""
        warm_up_platform()
        virtual_time.install(self.clock)
        capture.install()
        self.sandbox.install()
        os.environ.update({**base_urls(case), **case.env, ENV_REPLAY: "1"})
        time.tzset()
        self.missing = note_missing()
