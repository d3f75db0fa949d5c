"""A regression case, and its file format.

A case is data: everything a replay needs, nothing that runs. Its file is JSON
headed ``genmon_case: 1``; it may have been written by a stranger, so the parser
is strict, bounded, and calls nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import PurePath
from typing import Any, Final, Literal, Self, get_args

from genmon_otel.records import StepKind, StepRecord, Tree, Trigger
from genmon_otel.regression.cases.case_reading import (
    CaseError,
    Reader,
    Table,
    a_count,
    a_flag,
    a_number,
    a_text,
    a_tree,
    by_name,
    check_depth,
    maybe,
    one_of,
    parse,
    read,
    several,
)  # fmt: skip

VERSION: Final = 1
Expect = Literal["fails", "passes"]
_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,119}\Z")
#: A failure's handle. Source: ``fingerprint.handle``.
_HANDLE: Final = re.compile(r"F-[0-9A-Z]{1,32}\Z")


@dataclass(frozen=True, slots=True)
class CaseTrigger:
    """The step outcome that the failure came from."""

    kind: Trigger
    #: Index into the case's steps; None for ``input``.
    step: int | None = None
    #: The fault lasts: a retry beyond the recorded outcomes meets it again. Else it is served as
    #: often as it was recorded.
    persistent: bool = False
    #: Times that the failing code meets the fault in a replay beyond those that were recorded.
    repeats: int = 0
    #: Whether the failure was gone with a good answer in the step's place; None: it was not tried.
    confirmed: bool | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """The recorded failure, which the verdict ``fail_same`` is about."""

    signature: str
    category: str
    error_type: str
    error_message: str = ""
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Donor:
    """A step outcome of a *successful* generation, served where the failing one recorded none."""

    generation_id: str
    step: StepRecord


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the case comes from, for the reader of its file."""

    #: The failure's short name, ``F-3KQ2``.
    failure: str = ""
    fingerprint: str = ""
    #: The generation whose recording this is.
    generation_id: str = ""
    #: Unix seconds.
    first_seen_at: float | None = None
    last_seen_at: float | None = None
    occurrences: int = 0
    users_hit: int = 0
    projects_hit: int = 0


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """How much smaller a case is than its recording."""

    #: Bytes of what shrinks: inputs, requests, and all outcomes but the one that triggers.
    bytes_before: int
    bytes_after: int
    steps_before: int
    steps_after: int
    #: The smallest text of the triggering outcome that shows the same failure; None: not sought, or too
    #: long to be shown. The case holds the whole outcome: no fix could pass on the smallest.
    smallest_trigger: str | None = None

    @property
    def is_smaller(self) -> bool:
        """Whether anything was left out."""
        return self.bytes_after < self.bytes_before


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A recorded failure as a test: what to call, what its steps answer, what the result must be."""

    #: File name without its ending: lower-case letters, digits, ``_`` and ``-``.
    slug: str
    operation: str
    #: Import path of the decorated callable, ``package.module:Class.method``.
    target: str
    #: Tree of the bound arguments by name, without what factories make.
    inputs: Tree
    steps: tuple[StepRecord, ...]
    trigger: CaseTrigger
    expected: Expected
    #: Seconds that the recorded generation took; a caller who gave up did so then.
    duration_s: float = 0.0
    #: Folder that the target is imported from, below the working directory; empty for that itself.
    root: str = ""
    #: ``fails`` until the fix is in, then ``passes``.
    expect: Expect = "fails"
    #: Version of the code that the failure was recorded on; None when unknown.
    failing_version: str | None = None
    #: Import path of a function over the result; it raises, or returns False, where the result is
    #: not acceptable. None: the success samples' shapes decide.
    postcondition: str | None = None
    #: Shapes of successful results (see :func:`genmon_otel.payload.shape`).
    success_shapes: tuple[Tree, ...] = ()
    #: Steps that every sampled success asked for after the trigger's, its own name included where
    #: it was asked for at all: a fix that leaves one out does not pass.
    asked_after: tuple[str, ...] = ()
    #: How many answers of the trigger's step each sampled success has, at the least; 0 where that is not known.
    own_calls: int = 0
    #: The kinds of values that it answers in them, where it is decorated.
    own_kinds: tuple[str, ...] = ()
    #: The failure that is the correct result: ``rejected``, ``cancelled``, a category, or an exception's type
    #: name. None: no failure is correct.
    fails_as: str | None = None
    #: By step name: the outcome served where none was recorded, decided by the reviewer.
    recovery: Mapping[str, StepRecord] = field(default_factory=dict)
    donors: tuple[Donor, ...] = ()
    #: Names of steps that are called for real, with network access.
    live: tuple[str, ...] = ()
    #: Environment variables that the target needs; the replay has no others.
    env: Mapping[str, str] = field(default_factory=dict)
    #: Programs that the target may run.
    programs: tuple[str, ...] = ()
    #: By parameter (``self`` too): import path of a callable that makes the argument.
    factories: Mapping[str, str] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=Provenance)
    #: None: it is as it was recorded.
    shrunk: Shrinkage | None = None

    def __post_init__(self) -> None:
        if not _SLUG.match(self.slug):
            raise CaseError(
                f"slug {self.slug[:130]!r} is not allowed. Use lower-case letters, digits, '_' and "
                "'-', at most 120."
            )
        root = PurePath(self.root)
        if "\0" in self.root or root.is_absolute() or ".." in root.parts:
            raise CaseError(f"root {self.root[:130]!r} is not below the working directory.")
        step = self.trigger.step
        if step is not None and not 0 <= step < len(self.steps):
            raise CaseError(f"trigger.step is {step}, but the case has {len(self.steps)} steps.")
        if self.trigger.kind != "input" and step is None:
            raise CaseError(f"A {self.trigger.kind} trigger needs the index of its step.")

    @property
    def ref(self) -> str:
        """Return its failure's handle, as it is typed in a command; a substitute if the file has none.

        A file may hold any text there, and commands that hold the handle are copied into a shell.
        """
        named = self.provenance.failure
        return named if _HANDLE.match(named) else "CASE"

    @property
    def began_at(self) -> float | None:
        """Return when its generation began, Unix seconds; None when unknown."""
        seen = self.provenance.last_seen_at
        return seen and max(0.0, seen - self.duration_s)

    def to_dict(self) -> dict[str, Any]:
        """Lay the case out as JSON-able data."""
        text = json.dumps(self, default=lambda p: {f.name: getattr(p, f.name) for f in fields(p)})
        return {"genmon_case": VERSION, **json.loads(text)}

    def to_json(self) -> str:
        """Write the case's file: stable, indented, ASCII."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=True, allow_nan=False) + "\n"

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """Read a case from JSON data.

        Raises:
            CaseError: it is no case, or of a newer version; says which field and what is allowed.
        """
        if not isinstance(data, dict) or "genmon_case" not in data:
            raise CaseError(
                "This is no case: the key 'genmon_case' is missing. "
                "Write case files with 'genmon cases export DIR'."
            )
        version = data["genmon_case"]
        if version != VERSION or type(version) is not int:
            raise CaseError(
                f"The case is of version {str(version)[:20]!r}; this genmon reads version {VERSION}. "
                "Upgrade genmon-otel, or export the case again."
            )
        check_depth(data)
        case: Self = read(
            cls, {k: v for k, v in data.items() if k != "genmon_case"}, "case", _READERS
        )
        return case

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a case file's content.

        Raises:
            CaseError: it is too large, no JSON, or no case.
        """
        data = parse(text)
        return cls.from_dict(data)


def _object(kind: type) -> Reader:
    return lambda value, where: read(kind, value, where, _READERS)


_READERS: Final[Table] = {
    StepRecord: {
        "name": a_text,
        "arguments": a_tree,
        "kind": one_of(*get_args(StepKind)),
        "outcome": a_tree,
        "stream_error": a_tree,
        "started_s": a_number,
        "ended_s": maybe(a_number),
        "digest": a_text,
        "is_async": a_flag,
        "cut": a_flag,
        "adapter": a_text,
        "site": a_text,
        "call": a_count,
    },
    CaseTrigger: {
        "kind": one_of(*get_args(Trigger)),
        "step": maybe(a_count),
        "persistent": a_flag,
        "repeats": a_count,
        "confirmed": maybe(a_flag),
    },
    Expected: {
        "signature": a_text,
        "category": a_text,
        "error_type": a_text,
        "error_message": a_text,
        "stage": a_text,
    },
    Donor: {"generation_id": a_text, "step": _object(StepRecord)},
    Provenance: {
        "failure": a_text,
        "fingerprint": a_text,
        "generation_id": a_text,
        "first_seen_at": maybe(a_number),
        "last_seen_at": maybe(a_number),
        "occurrences": a_count,
        "users_hit": a_count,
        "projects_hit": a_count,
    },
    Shrinkage: {
        "bytes_before": a_count,
        "bytes_after": a_count,
        "steps_before": a_count,
        "steps_after": a_count,
        "smallest_trigger": maybe(a_text),
    },
    Case: {
        "slug": a_text,
        "operation": a_text,
        "target": a_text,
        "root": a_text,
        "inputs": a_tree,
        "steps": several(_object(StepRecord)),
        "trigger": _object(CaseTrigger),
        "expected": _object(Expected),
        "duration_s": a_number,
        "expect": one_of(*get_args(Expect)),
        "failing_version": maybe(a_text),
        "postcondition": maybe(a_text),
        "success_shapes": several(a_tree),
        "asked_after": several(a_text),
        "own_calls": a_count,
        "own_kinds": several(a_text),
        "fails_as": maybe(a_text),
        "recovery": by_name(_object(StepRecord)),
        "donors": several(_object(Donor)),
        "live": several(a_text),
        "env": by_name(a_text),
        "programs": several(a_text),
        "factories": by_name(a_text),
        "provenance": _object(Provenance),
        "shrunk": maybe(_object(Shrinkage)),
    },
}
