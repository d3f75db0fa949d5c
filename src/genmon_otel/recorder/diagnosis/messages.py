"""The message of an exception, in two forms: for people, and for fingerprints without user and request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

from genmon_otel.recorder.diagnosis.content import Contents, hide
from genmon_otel.records import Category
from genmon_otel.redaction import MARGIN
from genmon_otel.text import GAP, clean, cut, safe_str

if TYPE_CHECKING:
    from genmon_otel.classification import Classification

#: Characters read of a message, half of its head: as many as normalising looks at.
READ: Final = 2 * 1_024 + len(GAP)
#: Characters kept of a longer message: redacting cuts it to :data:`READ` where no secret is split.
_SAID: Final = READ + 2 * MARGIN
#: Characters of a message beyond which lists in a statement of SQL are shortened.
_STATEMENT: Final = 700
#: Characters kept of a message.
MAX_MESSAGE: Final = 500
#: Ids that are also words: taken out of messages, they would split one failure.
_WORDS: Final = frozenset(
    "admin anonymous app build default demo guest html main model none null page prod project react"
    " root system test title unknown user".split()
)
_SHORTEST_ID: Final = 3


@dataclass(frozen=True, slots=True)
class GroupingText:
    """What an exception says, for people and for fingerprints."""

    #: For people: redacted, at most :data:`MAX_MESSAGE` characters.
    message: str
    #: For fingerprints: longer, without whom it concerns and what they had asked for.
    grouped: str


def said_by(error: BaseException, found: Classification) -> str:
    """Return an exception's message; of a failed program also what it printed.

    Args:
        error: the exception that decided.
        found: its classification: for a missing dependency the missing names are appended.
    """
    from genmon_otel.classification.evidence import carried, output
    from genmon_otel.fingerprint import LIMIT, distinct, missing, telling_lines, with_names

    held = carried(error)
    full = _said(error, LIMIT)
    said = full if len(full) <= READ else cut(distinct(full), _SAID)
    absent = None
    if found.category is Category.DEPENDENCY_ERROR:
        absent = missing(full, held.get("stderr"), held.get("stdout"), held.get("output"))
    printed = telling_lines(absent.lines if absent else output(held))
    if printed and (printed not in said or said.startswith("Command ")):
        said = f"{said}\n{printed}"
    return with_names(said, absent) if absent else said


def _said(error: BaseException, limit: int) -> str:
    """Return its message. jsonschema appends the whole validated instance, which is left out.

    Of a long statement of SQL no more than one of each list's values.
    """
    held = getattr(error, "__dict__", None)
    if type(held) is dict and "validator_value" in held and type(held.get("message")) is str:
        path = "".join(f"[{key!r}]" for key in islice(held.get("relative_path") or (), 12))
        return safe_str(f"{held['message']}\n\nOn instance{path}", limit)
    said = safe_str(error, limit)
    if len(said) > _STATEMENT and (" IN (" in said or "VALUES (" in said):
        from genmon_otel.fingerprint import bound_once

        what, opening, rest = said.partition("\n[SQL: ")  # SQLAlchemy's
        if not opening:
            return bound_once(said)
        whole = held.get("statement") if type(held) is dict else None
        statement = whole if type(whole) is str else rest.partition("]\n[parameters: ")[0]
        return f"{what}{opening}{bound_once(statement)}]"
    return said


class Subject(Protocol):
    """Whom a generation is for and what they asked for: of a running one, or of its facts."""

    @property
    def user_id(self) -> str | None: ...

    @property
    def project_id(self) -> str | None: ...

    @property
    def request(self) -> str | None: ...


def grouping_text(redacted: str, subject: Subject) -> GroupingText:
    """Return what was said, by an exception or without one, for people and for fingerprints.

    Args:
        redacted: what was said, without secrets; :data:`READ` characters of it count.
        subject: whose ids and request are left out of what is grouped by.
    """
    message = redacted
    if len(redacted) > MAX_MESSAGE:
        message = clean(cut(redacted, MAX_MESSAGE), MAX_MESSAGE)
    return GroupingText(message, _impersonal(redacted, subject))


def _impersonal(said: str, subject: Subject) -> str:
    """Return a text without the ids of the user and the project, and without what the request says."""
    for stands, whose in (("<user>", subject.user_id), ("<project>", subject.project_id)):
        if (
            whose is not None
            and len(whose) >= _SHORTEST_ID
            and whose in said
            and whose.lower() not in _WORDS
        ):
            said = _whole(whose).sub(stands, said)
    if not subject.request:
        return said
    return hide(said, Contents([subject.request[:READ]]))


@lru_cache(maxsize=64)
def _whole(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.-]){re.escape(text)}(?![\w-])")
