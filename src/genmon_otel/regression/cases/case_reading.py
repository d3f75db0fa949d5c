"""Read a case file strictly: bounded JSON, then each member by a reader of its kind.

The file may have been written by a stranger: what is not expected is refused, and nothing is called.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Final

from genmon_otel.errors import GenmonError
from genmon_otel.records import Tree

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


class CaseError(GenmonError):
    """This is not a case file that genmon can read."""

    exit_code = 7


def parse(text: str | bytes) -> Any:
    """Parse a case file's content.

    Raises:
        CaseError: it is too large, or no strict JSON.
    """
    if len(text) > MAX_BYTES:
        raise CaseError(f"The case has {len(text)} bytes; at most {MAX_BYTES} are read.")
    signs: Any = ",[{" if isinstance(text, str) else b",[{"
    if sum(map(text.count, signs)) > 4 * MAX_VALUES:  # before they are made
        raise CaseError(_TOO_MANY)
    try:
        return json.loads(
            text,
            parse_constant=_no_constant,
            parse_float=_finite_number,
            object_pairs_hook=_members,
        )
    except CaseError:
        raise
    except (ValueError, RecursionError) as error:
        raise CaseError(f"The case is no JSON: {str(error)[:200]}") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object's members; one that is there twice would be read otherwise than it is reviewed."""
    members = dict(pairs)
    if len(members) < len(pairs):
        name = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise CaseError(
            f"The case is no strict JSON: it has the member {_printable(name)!r} twice."
        )
    return members


def _finite_number(text: str) -> float:
    if math.isfinite(number := float(text)):
        return number
    raise CaseError(f"The case is no strict JSON: {text[:40]} is too large a number.")


def _no_constant(word: str) -> Any:
    raise CaseError(f"The case is no strict JSON: it holds {word}.")


def check_depth(data: Any) -> None:
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

Reader = Callable[[Any, str], Any]
#: By dataclass: the reader of each member.
Table = Mapping[type, Mapping[str, Reader]]


def _refuse(where: str, value: Any, allowed: str) -> CaseError:
    given = f"{value!r:.60}" if isinstance(value, (str, int, float)) else type(value).__name__
    return CaseError(f"{where} is {given}. Allowed: {allowed}.")


def _printable(key: str) -> str:
    """The beginning of a key; JSON can say half a surrogate pair, no terminal can."""
    return key[:40].encode("utf-8", "backslashreplace").decode()


def a_text(value: Any, where: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise _refuse(where, value, f"text of at most {MAX_TEXT} characters")
    return value


def a_number(value: Any, where: str) -> float:
    if type(value) not in (int, float) or not abs(value) <= MAX_SECONDS:  # nor is a NaN
        raise _refuse(where, value, f"a number of seconds, at most {MAX_SECONDS:.0f}")
    return float(value)


def a_count(value: Any, where: str) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise _refuse(where, value, "a whole number, 0 or more")
    return value


def a_flag(value: Any, where: str) -> bool:
    if type(value) is not bool:
        raise _refuse(where, value, "true or false")
    return value


def a_tree(value: Any, where: str) -> Tree:
    return value


def maybe(reader: Reader) -> Reader:
    return lambda value, where: None if value is None else reader(value, where)


def one_of(*words: str) -> Reader:
    def read(value: Any, where: str) -> str:
        if value not in words:
            raise _refuse(where, value, ", ".join(words))
        return str(value)

    return read


def several(reader: Reader) -> Reader:
    def read(value: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise _refuse(where, value, f"a list of at most {MAX_ITEMS}")
        return tuple(reader(item, f"{where}[{index}]") for index, item in enumerate(value))

    return read


def by_name(reader: Reader) -> Reader:
    def read(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > MAX_ITEMS:
            raise _refuse(where, value, f"an object of at most {MAX_ITEMS} members")
        return {a_text(k, where): reader(v, f"{where}.{_printable(k)}") for k, v in value.items()}

    return read


def read(kind: Any, data: Any, where: str, table: Table) -> Any:
    """Make a dataclass of JSON data, each member by its reader in the table."""
    readers = table[kind]
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
