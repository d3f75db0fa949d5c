"""Make dates and random numbers deterministic in the process of a replay, permanently."""

from __future__ import annotations

import ctypes
import datetime as dt
import gc
import os
import random
import uuid
from collections.abc import Callable
from typing import Any


def patch_dates(clock: Callable[[], float]) -> None:
    """Make ``datetime.now()`` and related functions virtual, in place.

    The types are immutable from Python, and a class put in their stead would break code that
    compares types (pydantic, SQLAlchemy); so their own dictionaries are changed.
    """

    def now(cls: Any, tz: Any = None) -> Any:
        return cls.fromtimestamp(clock(), tz)

    def utcnow(cls: Any) -> Any:
        return cls.fromtimestamp(clock(), dt.UTC).replace(tzinfo=None)

    def today(cls: Any) -> Any:
        return cls.fromtimestamp(clock())

    _in_place(dt.datetime, now=classmethod(now), utcnow=classmethod(utcnow))
    _in_place(dt.date, today=classmethod(today))


def _in_place(kind: type, **members: Any) -> None:
    for space in gc.get_referents(kind.__dict__):
        if isinstance(space, dict):
            space.update(members)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))


def patch_chance(seed: int) -> None:
    """Draw random numbers, ids and secrets from one seeded source."""
    source = random.Random(seed)
    os.urandom = source.randbytes
    random._urandom = source.randbytes  # type: ignore[attr-defined]
    uuid._generate_time_safe = None  # type: ignore[attr-defined]
    uuid.getnode = lambda: 0x02_00_00_00_00_01
    random.seed(seed)
