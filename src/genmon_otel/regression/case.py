"""A regression case, and its file format.

A case is data: everything a replay needs, nothing that runs. Its file is JSON
headed ``genmon_case: 1``; it may have been written by a stranger, so the parser
is strict, bounded, and calls nothing.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import PurePath
from typing import Any, Final, Literal, Self, get_args

from genmon_otel.errors import GenmonError
from genmon_otel.records import StepKind, StepRecord, Tree, Trigger

VERSION: Final = 1
#: Bytes of a case file.
MAX_BYTES: Final = 16 * 1024 * 1024
#: Steps, donors, shapes, names in one case.
MAX_ITEMS: Final = 2_000
#: Characters of a name, a path or a message.
MAX_TEXT: Final = 8_192
#: Values in a case file, however nested.
MAX_VALUES: Final = 1_000_000
#: Largest number of seconds, of a wait or since 1970: the year 2100.
MAX_SECONDS: Final = 4_102_444_800.0
_TOO_MANY: Final = f"The case has more than {MAX_VALUES} values."
#: Levels of nested JSON.
MAX_DEPTH: Final = 500

Expect = Literal["fails", "passes"]
_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,119}\Z")


class CaseError(GenmonError):
    """This is not a case file that genmon can read."""

    exit_code = 7


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
        """Return its failure's handle; a substitute if the file names none."""
        return self.provenance.failure or "CASE"

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
        _check_depth(data)
        case: Self = _read(cls, {k: v for k, v in data.items() if k != "genmon_case"}, "case")
        return case

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a case file's content.

        Raises:
            CaseError: it is too large, no JSON, or no case.
        """
        if len(text) > MAX_BYTES:
            raise CaseError(f"The case has {len(text)} bytes; at most {MAX_BYTES} are read.")
        signs: Any = ",[{" if isinstance(text, str) else b",[{"
        if sum(map(text.count, signs)) > 4 * MAX_VALUES:  # before they are made
            raise CaseError(_TOO_MANY)
        try:
            data = json.loads(text, parse_constant=_no_constant, parse_float=_finite_number)
        except CaseError:
            raise
        except (ValueError, RecursionError) as error:
            raise CaseError(f"The case is no JSON: {str(error)[:200]}") from None
        return cls.from_dict(data)


def _finite_number(text: str) -> float:
    if math.isfinite(number := float(text)):
        return number
    raise CaseError(f"The case is no strict JSON: {text[:40]} is too large a number.")


def _no_constant(word: str) -> Any:
    raise CaseError(f"The case is no strict JSON: it holds {word}.")


def _check_depth(data: Any) -> None:
    level, depth, values = [data], 0, 0
    while level:
        depth += 1
        values += len(level)
        if values > MAX_VALUES:
            raise CaseError(_TOO_MANY)
        if depth > MAX_DEPTH:
            raise CaseError(f"The case is nested more than {MAX_DEPTH} levels deep.")
        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]


# --- strict reading, by table --------------------------------------------------

_Reader = Callable[[Any, str], Any]


def _refuse(where: str, value: Any, allowed: str) -> CaseError:
    given = f"{value!r:.60}" if isinstance(value, (str, int, float)) else type(value).__name__
    return CaseError(f"{where} is {given}. Allowed: {allowed}.")


def _printable(key: str) -> str:
    """The beginning of a key; JSON can say half a surrogate pair, no terminal can."""
    return key[:40].encode("utf-8", "backslashreplace").decode()


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise _refuse(where, value, f"text of at most {MAX_TEXT} characters")
    return value


def _number(value: Any, where: str) -> float:
    if type(value) not in (int, float) or not abs(value) <= MAX_SECONDS:  # nor is a NaN
        raise _refuse(where, value, f"a number of seconds, at most {MAX_SECONDS:.0f}")
    return float(value)


def _count(value: Any, where: str) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise _refuse(where, value, "a whole number, 0 or more")
    return value


def _flag(value: Any, where: str) -> bool:
    if type(value) is not bool:
        raise _refuse(where, value, "true or false")
    return value


def _tree(value: Any, where: str) -> Tree:
    return value


def _maybe(reader: _Reader) -> _Reader:
    return lambda value, where: None if value is None else reader(value, where)


def _one_of(*words: str) -> _Reader:
    def read(value: Any, where: str) -> str:
        if value not in words:
            raise _refuse(where, value, ", ".join(words))
        return str(value)

    return read


def _several(reader: _Reader) -> _Reader:
    def read(value: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise _refuse(where, value, f"a list of at most {MAX_ITEMS}")
        return tuple(reader(item, f"{where}[{index}]") for index, item in enumerate(value))

    return read


def _by_name(reader: _Reader) -> _Reader:
    def read(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > MAX_ITEMS:
            raise _refuse(where, value, f"an object of at most {MAX_ITEMS} members")
        return {_text(k, where): reader(v, f"{where}.{_printable(k)}") for k, v in value.items()}

    return read


def _object(kind: type) -> _Reader:
    return lambda value, where: _read(kind, value, where)


def _read(kind: Any, data: Any, where: str) -> Any:
    readers = _READERS[kind]
    if not isinstance(data, dict):
        raise _refuse(where, data, "an object")
    if unknown := sorted(str(key)[:40] for key in data if key not in readers):
        raise CaseError(
            f"{where} has the unknown member {unknown[0]!r}. Allowed: {', '.join(readers)}."
        )
    given = {name: readers[name](value, f"{where}.{name}") for name, value in data.items()}
    required = [
        f.name
        for f in fields(kind)
        if f.default is f.default_factory and f.name not in given  # both MISSING
    ]
    if required:
        raise CaseError(f"{where} lacks {required[0]!r}.")
    return kind(**given)


_READERS: Final[Mapping[type, Mapping[str, _Reader]]] = {
    StepRecord: {
        "name": _text,
        "arguments": _tree,
        "kind": _one_of(*get_args(StepKind)),
        "outcome": _tree,
        "stream_error": _tree,
        "started_s": _number,
        "ended_s": _maybe(_number),
        "digest": _text,
        "is_async": _flag,
        "cut": _flag,
        "adapter": _text,
        "site": _text,
    },
    CaseTrigger: {
        "kind": _one_of(*get_args(Trigger)),
        "step": _maybe(_count),
        "persistent": _flag,
        "repeats": _count,
    },
    Expected: {
        "signature": _text,
        "category": _text,
        "error_type": _text,
        "error_message": _text,
        "stage": _text,
    },
    Donor: {"generation_id": _text, "step": _object(StepRecord)},
    Provenance: {
        "failure": _text,
        "fingerprint": _text,
        "generation_id": _text,
        "first_seen_at": _maybe(_number),
        "last_seen_at": _maybe(_number),
        "occurrences": _count,
        "users_hit": _count,
        "projects_hit": _count,
    },
    Case: {
        "slug": _text,
        "operation": _text,
        "target": _text,
        "root": _text,
        "inputs": _tree,
        "steps": _several(_object(StepRecord)),
        "trigger": _object(CaseTrigger),
        "expected": _object(Expected),
        "duration_s": _number,
        "expect": _one_of(*get_args(Expect)),
        "failing_version": _maybe(_text),
        "postcondition": _maybe(_text),
        "success_shapes": _several(_tree),
        "fails_as": _maybe(_text),
        "recovery": _by_name(_object(StepRecord)),
        "donors": _several(_object(Donor)),
        "live": _several(_text),
        "env": _by_name(_text),
        "programs": _several(_text),
        "factories": _by_name(_text),
        "provenance": _object(Provenance),
    },
}
