"""What a person adds to a case so that it can be replayed: outcomes, variables, programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from genmon_otel.errors import ConfigurationError
from genmon_otel.redaction import Redactor
from genmon_otel.regression.cases import steering
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.given_outcomes import given_outcome
from genmon_otel.regression.cases.trust import program_objection


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Step outcomes, variables and programs that a replay needs beyond the recording."""

    #: By step name, the value that it gives when it is asked once more than was recorded.
    recovery: Mapping[str, Any] = field(default_factory=dict)
    #: Names of steps that are called for real.
    live: tuple[str, ...] = ()
    #: Environment variables; what looks like a secret is kept as its placeholder.
    env: Mapping[str, str] = field(default_factory=dict)
    #: Names of programs that the code may run.
    programs: tuple[str, ...] = ()

    def added_to(self, case: Case) -> Case:
        """Return the case with these additions; the same object if there are none.

        Raises:
            ConfigurationError: a variable or program is none that a case may have, or an outcome
                cannot become what its step returns.
        """
        for name, value in self.env.items():
            if refused := steering.objection(name, value):
                raise ConfigurationError(refused)
        for program in self.programs:
            if refused := program_objection(program):
                raise ConfigurationError(refused)
        if not (self.recovery or self.live or self.env or self.programs):
            return case
        env = Redactor().tree(dict(self.env))
        assert isinstance(env, dict)
        return replace(
            case,
            recovery={
                **case.recovery,
                **{k: given_outcome(case, k, v) for k, v in self.recovery.items()},
            },
            live=self.live or case.live,
            env={**case.env, **{name: str(value) for name, value in env.items()}},
            programs=tuple(dict.fromkeys([*case.programs, *self.programs])),
        )


def parse_recovery(text: str) -> tuple[str, Any]:
    """Read ``STEP=JSON``: a step's name, and what it gives.

    Raises:
        ConfigurationError: the text is of another form.
    """
    step, equals, value = text.partition("=")
    try:
        if step.strip() and equals:
            return step.strip(), json.loads(value)
    except (ValueError, RecursionError):
        pass
    raise ConfigurationError(
        f"{text!r} is not STEP=JSON. For example: --recovery 'call_model=\"x = 1\"'."
    )


def parse_variable(text: str, here: Mapping[str, str]) -> tuple[str, str]:
    """Read ``NAME=VALUE``, or ``NAME`` alone, which takes its value from ``here``.

    Raises:
        ConfigurationError: the text is of another form.
    """
    name, equals, value = text.partition("=")
    name = name.strip()
    if name and equals:
        return name, value
    if name in here:
        return name, here[name]
    also = ", nor the name of a variable that is set here" if here else ""
    raise ConfigurationError(f"{text!r} is not NAME=VALUE{also}. For example: REGION=eu-west-1")


def unknown_steps(needs: Needs, case: Case) -> list[tuple[str, str]]:
    """List the named steps that were not recorded, misspelt or called by the fixed code only.

    Returns:
        Each name, and the names that were recorded.
    """
    recorded = list(dict.fromkeys(step.name for step in case.steps))
    named = sorted({*needs.live, *needs.recovery}.difference(recorded))
    return [(name, ", ".join(recorded) or "none") for name in named]


#: Adds nothing.
NOTHING: Final = Needs()
