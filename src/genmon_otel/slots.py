"""Readers of what Python keeps of exceptions and classes, whatever a class defines.

``error.__cause__`` may run a ``__getattribute__`` or a property of the application's; these
ask the slot of the built-in base and run nothing.
"""

from __future__ import annotations

from typing import Final

traceback_of: Final = BaseException.__dict__["__traceback__"].__get__
cause_of: Final = BaseException.__dict__["__cause__"].__get__
context_of: Final = BaseException.__dict__["__context__"].__get__
#: Whether it was raised ``from`` something, or from None: its context is not shown then.
hides_context: Final = BaseException.__dict__["__suppress_context__"].__get__
args_of: Final = BaseException.__dict__["args"].__get__
#: Of an exception group only.
members_of: Final = BaseExceptionGroup.__dict__["exceptions"].__get__
#: Of a class; ``module_of`` may be no text.
module_of: Final = type.__dict__["__module__"].__get__
name_of: Final = type.__dict__["__name__"].__get__
