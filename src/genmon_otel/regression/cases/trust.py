"""What a case may use beyond its recorded data, and who allowed it.

A case file is data from the author of the pull request. What makes code run, or lets it
out, works only where pytest's configuration of the repository names it. A case in the
store was decided about by a reviewer on the command line: what it asks for is allowed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Self

from genmon_otel.errors import ConfigurationError
from genmon_otel.regression.cases import steering
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.roots import Roots

#: Options of pytest's configuration, each a list of names.
OPTIONS: Final = ("roots", "postconditions", "factories", "live", "programs", "env")
PREFIX: Final = "genmon_"
_PROGRAM: Final = re.compile(r"[\w+][\w.+-]{0,99}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What is allowed to a case, by name. The default allows nothing."""

    #: Folders, in addition to the project's own, that code may come from; absolute.
    roots: tuple[str, ...] = ()
    #: Import paths of postconditions that carry no mark.
    postconditions: tuple[str, ...] = ()
    #: Import paths of factories that carry no mark and that no decorator names.
    factories: tuple[str, ...] = ()
    #: Steps that may be called for real.
    live: tuple[str, ...] = ()
    #: Programs that may run.
    programs: tuple[str, ...] = ()
    #: Variables that may be set.
    env: tuple[str, ...] = ()
    #: The case comes from the store: its target may be installed code.
    anywhere: bool = False
    #: Name of the configuration's file; decides how a remedy is written.
    source: str = "pyproject.toml"

    @classmethod
    def of_reviewed(cls, case: Case) -> Self:
        """Allow what a case in the store asks for: the reviewer said so on the command line."""
        asked = (case.postcondition,) if case.postcondition else ()
        return cls(
            postconditions=asked,
            factories=tuple(case.factories.values()),
            live=case.live,
            programs=case.programs,
            env=tuple(case.env),
            anywhere=True,
        )

    @classmethod
    def configured(
        cls, values: Mapping[str, Any], folder: Path, source: str = "pyproject.toml"
    ) -> Self:
        """Read pytest's configuration.

        Args:
            values: by the option's full name: text, or a list of texts.
            folder: where the configuration's file is; ``genmon_roots`` are relative to it.
            source: that file's name.

        Raises:
            ConfigurationError: a value is neither.
        """
        read: dict[str, Any] = {
            name: tuple(_names(name, values.get(PREFIX + name))) for name in OPTIONS
        }
        read["roots"] = tuple(
            os.path.abspath(folder / Path(root).expanduser()) for root in read["roots"]
        )
        return cls(**read, source=source)

    def within(self, cwd: Path) -> Roots:
        """The folders that code may come from, for a project in ``cwd``."""
        return Roots(str(cwd), self.roots, self.anywhere)

    def objection(self, case: Case, cwd: Path) -> str:
        """Say what a case asks for that is not allowed, and the remedy; empty where all is.

        What can only be seen in the project's code is left to the replay.
        """
        for name, value in case.env.items():
            if refused := steering.objection(name, value):
                return f"The case sets a variable that is not allowed: {refused}"
        for program in case.programs:
            if refused := program_objection(program):
                return refused
        if case.root and (refused := self.within(cwd).objection(str(cwd / case.root))):
            return f"The case's root is not allowed: {refused}."
        for option, asked in asked_by(case).items():
            if option in ("live", "programs", "env"):
                missing = [name for name in asked if name not in getattr(self, option)]
                if missing:
                    return (
                        f"The case file asks for {_KINDS[option]} {', '.join(missing)[:300]}, which "
                        f"the configuration does not allow. {self.remedy(option, missing)}"
                    )
        return ""

    def remedy(self, option: str, names: Iterable[str]) -> str:
        """Say how the configuration allows names, ready to be copied."""
        return f"If you trust the file, {self.where()}:\n{self.lines(option, names)}"

    def where(self) -> str:
        """Name the place in the configuration."""
        section = {
            "pyproject.toml": "[tool.pytest.ini_options]",
            "setup.cfg": "[tool:pytest]",
        }.get(self.source, "[pytest]")
        return f"put this below {section} in {self.source}"

    def lines(self, option: str, names: Iterable[str]) -> str:
        """Return the configuration option that allows names, in addition to those allowed already."""
        allowed = tuple(dict.fromkeys([*getattr(self, option), *names]))
        if self.source.endswith(".toml"):
            return f"{PREFIX}{option} = {json.dumps(list(allowed))}"
        return f"{PREFIX}{option} =" + "".join(f"\n    {name}" for name in allowed)

    def lacking(self, case: Case) -> dict[str, tuple[str, ...]]:
        """By option, what a case asks for that the configuration does not name."""
        lacking = {
            option: tuple(name for name in asked if name not in getattr(self, option))
            for option, asked in asked_by(case).items()
        }
        return {option: names for option, names in lacking.items() if names}

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able data, for the process of a replay."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote."""
        read: dict[str, Any] = {
            each.name: tuple(value) if isinstance(value := data[each.name], list) else value
            for each in fields(cls)
        }
        return cls(**read)


#: Allows only the project's own decorated code: what a file may use without configuration.
NONE: Final = Trust()

_KINDS: Final = {"live": "live steps", "programs": "programs", "env": "variables"}


def program_objection(name: str) -> str:
    """Say why a program may not be named so; empty where it may be allowed."""
    if _PROGRAM.match(name):
        return ""
    return f"The program {name[:100]!r} is not allowed. Give its bare name, as 'node'."


def asked_by(case: Case) -> dict[str, tuple[str, ...]]:
    """By option, what a case asks for."""
    return {
        "postconditions": (case.postcondition,) if case.postcondition else (),
        "factories": tuple(case.factories.values()),
        "live": case.live,
        "programs": case.programs,
        "env": tuple(case.env),
    }


def _names(option: str, value: Any) -> list[str]:
    """The names in an option: a list; of text one a line, and without ``live`` one a word."""
    if value is None:
        return []
    lines = value.splitlines() if isinstance(value, str) else value
    if not isinstance(lines, (list, tuple)) or not all(isinstance(line, str) for line in lines):
        raise ConfigurationError(
            f"{PREFIX}{option} = {str(value)[:100]!r} is not allowed. Give a list of names."
        )
    lines = [line.strip() for line in lines if line.strip()]
    if option in ("live", "roots"):  # such names may hold spaces
        return lines
    return [word for line in lines for word in line.split()]
