"""Every error genmon raises on purpose. A class's docstring is its default message."""

from __future__ import annotations

from typing import ClassVar


class GenmonError(Exception):
    """genmon was used or set up in a way it cannot honour.

    The message says what was given, what is allowed and what to do next. It is
    raised at decoration or set-up, or by the command line; never out of a
    running generation.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class ConfigurationError(GenmonError):
    """A setting has a value that is not allowed."""

    exit_code = 2


class StoreMissing(ConfigurationError):
    """There is no store where one should be: no file, or a database without genmon's tables."""


class StoreUnavailable(GenmonError):
    """The store cannot be reached or written now; the same call may succeed later."""

    exit_code = 3


class StoreRefused(GenmonError):
    """The store refuses this very row; trying it again cannot help."""

    exit_code = 3


class SchemaMismatch(StoreUnavailable):
    """The store's schema is not the one this version of genmon works with.

    Args:
        says: which schema was found, and which one this genmon works with.
        remedy: what to do.
    """

    exit_code = 4

    def __init__(self, says: str | None = None, remedy: str = "") -> None:
        super().__init__(f"{says} {remedy}".strip() if says else None)
        self.says = says or str(self)
        self.remedy = remedy


class NotFound(GenmonError):
    """There is no such failure, case or operation in the store."""

    exit_code = 5


class InvalidTransition(GenmonError):
    """A case cannot go from its present state to the one asked for."""

    exit_code = 6


class PayloadError(GenmonError):
    """A recorded value cannot be rebuilt."""
