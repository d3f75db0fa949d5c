"""When each series of ``genmon_generations_total`` was born.

The page counts attempts exactly, from the first one on, because it can tell a
newborn series from an old one seen for the first time. A birth is set before
its counter can be seen, and never changes while the counter lives.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from prometheus_client.mmap_dict import MmapedDict, mmap_key

from genmon_otel import conventions as names
from genmon_otel.forks import forkable_lock
from genmon_otel.instruments import shared_files
from genmon_otel.instruments.series import LabelSet


class Starts:
    """Births as children of a gauge, for one process."""

    def __init__(self, child: Callable[..., Any]) -> None:
        self._child = child
        self._born: set[LabelSet] = set()
        self._lock = forkable_lock()

    def set_start_time(self, label_sets: Iterable[LabelSet], at: float) -> None:
        """Note the birth of each series that has none yet."""
        with self._lock:
            for label_set in label_sets:
                if label_set not in self._born:
                    self._child(*label_set).set(at)
                    self._born.add(label_set)


class SharedStarts:
    """Births in a file of PROMETHEUS_MULTIPROC_DIR, one file a process.

    A gauge of prometheus_client would show 0 for the moment between a value's
    creation and its setting, and again for all values in every forked child:
    the earliest birth over all processes would be 0. So the file is written
    aside and renamed into place: a reader sees a birth complete or not at all.
    A forked child owes nothing for the series its parent bore.
    """

    def __init__(self) -> None:
        self._lock = forkable_lock()
        self._inherited: frozenset[LabelSet] = frozenset()
        self._born: dict[LabelSet, float] = {}
        self._pid = 0

    def set_start_time(self, label_sets: Iterable[LabelSet], at: float) -> None:
        """Note the birth of each series that has none yet."""
        with self._lock:
            if self._pid != os.getpid():
                self._inherited |= self._born.keys()
                self._born = self._read()
                self._pid = os.getpid()
            new = [
                label_set
                for label_set in dict.fromkeys(label_sets)
                if label_set not in self._born and label_set not in self._inherited
            ]
            if new:
                self._born.update(dict.fromkeys(new, at))
                self._write()

    def _file(self) -> Path:
        folder = os.environ.get(names.ENV_MULTIPROC_DIR, ".")
        return Path(folder, f"gauge_min_genmon-{os.getpid()}.db")

    def _read(self) -> dict[LabelSet, float]:
        """Births of an earlier process with this process id: its counters go on too."""
        try:
            found = shared_files.read(self._file()).values
        except OSError:
            return {}
        labels = names.SERIES_START.labels
        births = {}
        for each in found:
            held = dict(each.labels)
            if set(held) == set(labels):
                births[tuple(held[label] for label in labels)] = each.value
        return births

    def _write(self) -> None:
        target = self._file()
        aside = target.with_suffix(".new")
        aside.unlink(missing_ok=True)
        shared: Any = MmapedDict(str(aside))  # type: ignore[no-untyped-call]
        try:
            for label_set, at in self._born.items():
                shared.write_value(_key(label_set), at, 0.0)
        finally:
            shared.close()
        aside.replace(target)


def _key(label_set: LabelSet) -> str:
    metric = names.SERIES_START
    return mmap_key(metric.name, metric.name, list(metric.labels), list(label_set), metric.help)
