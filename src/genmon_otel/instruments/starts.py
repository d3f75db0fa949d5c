"""Start times of the series of ``genmon_generations_total``.

The alert counts attempts exactly, from the first one on, because it can distinguish a new series from an old
one that is scraped for the first time. A start time is set before its counter can be scraped, and
does not change while the counter exists.
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
    """Start times as children of a gauge, for one process."""

    def __init__(self, child: Callable[..., Any]) -> None:
        self._child = child
        self._started: set[LabelSet] = set()
        self._lock = forkable_lock()

    def set_start_time(self, label_sets: Iterable[LabelSet], at: float) -> None:
        """Set the start time of each series that has none yet; Unix seconds."""
        with self._lock:
            for label_set in label_sets:
                if label_set not in self._started:
                    self._child(*label_set).set(at)
                    self._started.add(label_set)


class SharedStarts:
    """Start times in a file of PROMETHEUS_MULTIPROC_DIR, one file for each process.

    A gauge of prometheus_client would be 0 between the creation of a value and its setting, and
    again for all values in every forked child, so the minimum over all processes would be 0. So this
    class writes a new file and renames it, which is atomic: a reader finds a start time complete or
    not at all. A forked child writes none for series that its parent started.
    """

    def __init__(self) -> None:
        self._lock = forkable_lock()
        self._inherited: frozenset[LabelSet] = frozenset()
        self._started: dict[LabelSet, float] = {}
        self._pid = 0

    def set_start_time(self, label_sets: Iterable[LabelSet], at: float) -> None:
        """Set the start time of each series that has none yet; Unix seconds."""
        with self._lock:
            if self._pid != os.getpid():
                self._inherited |= self._started.keys()
                self._started = self._read()
                self._pid = os.getpid()
            new = [
                label_set
                for label_set in dict.fromkeys(label_sets)
                if label_set not in self._started and label_set not in self._inherited
            ]
            if new:
                self._started.update(dict.fromkeys(new, at))
                self._write()

    def _file(self) -> Path:
        folder = os.environ.get(names.ENV_MULTIPROC_DIR, ".")
        return Path(folder, f"gauge_min_genmon-{os.getpid()}.db")

    def _read(self) -> dict[LabelSet, float]:
        """Read the start times of an earlier process with this id, whose counters continue too."""
        try:
            found = shared_files.read(self._file()).values
        except OSError:
            return {}
        labels = names.SERIES_START.labels
        start_times = {}
        for each in found:
            values = dict(each.labels)
            if set(values) == set(labels):
                start_times[tuple(values[label] for label in labels)] = each.value
        return start_times

    def _write(self) -> None:
        target = self._file()
        new_file = target.with_suffix(".new")
        new_file.unlink(missing_ok=True)
        shared: Any = MmapedDict(str(new_file))  # type: ignore[no-untyped-call]
        try:
            for label_set, at in self._started.items():
                shared.write_value(_key(label_set), at, 0.0)
        finally:
            shared.close()
        new_file.replace(target)


def _key(label_set: LabelSet) -> str:
    metric = names.SERIES_START
    return mmap_key(metric.name, metric.name, list(metric.labels), list(label_set), metric.help)
