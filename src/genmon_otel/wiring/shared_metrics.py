"""Collect the metrics of all processes of PROMETHEUS_MULTIPROC_DIR, for one endpoint."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from genmon_otel import conventions as names
from genmon_otel.instruments import shared_files

_log = logging.getLogger(names.LOGGER)


class AllProcesses(MultiProcessCollector):
    """The metrics of every process of PROMETHEUS_MULTIPROC_DIR.

    Counters are read before gauges: a counter that is seen has begun before, and
    its start gauge is seen too. Gauges of processes that died are forgotten first, so
    no hook of the web server is needed for it. Of a damaged file what is intact is
    served; it is named in the log once.

    Args:
        registry: where to register; None: nowhere.
        path: the folder; None: that of the variable.
        on_damage: called once for each damaged file.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None,
        path: str | None = None,
        *,
        on_damage: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_damage = on_damage
        self._named: set[tuple[str, int]] = set()
        super().__init__(registry, path)  # type: ignore[no-untyped-call]

    def collect(self) -> Iterable[Metric]:
        for pid in _dead(self._path):
            try:
                mark_process_dead(pid, self._path)  # type: ignore[no-untyped-call]
            except OSError:
                pass  # another endpoint removed it first, or this process may not
        found: dict[str, Metric] = {}
        for file in self._files():
            self._read(file, found)
        merged: Iterable[Metric] = self._accumulate_metrics(found, True)  # type: ignore[no-untyped-call]
        return merged

    def _files(self) -> Iterator[str]:
        """Files to read, each looked for when the ones before have been read."""
        for kind in ("counter", "gauge", "histogram", "summary"):
            for file in sorted(glob.glob(os.path.join(glob.escape(self._path), f"{kind}_*.db"))):
                if os.path.exists(file) and os.path.getsize(file):  # a new one is empty at first
                    yield file

    def _read(self, file: str, found: dict[str, Metric]) -> None:
        """Add what a file says to the samples found so far."""
        kind, *rest = Path(file).stem.split("_")
        try:
            shared = shared_files.read(file)
        except FileNotFoundError:
            return  # its process removed it
        except OSError as error:
            self._name_damaged(file, error.strerror or str(error))
            return
        if shared.damage:
            self._name_damaged(file, shared.damage)
        mode, pid = (rest[0], "_".join(rest[1:])) if kind == "gauge" else ("", "")
        if kind == "gauge" and not pid:
            self._name_damaged(file, "its name is no gauge's")
            return
        for each in shared.values:
            try:
                metric = found.get(each.metric) or Metric(each.metric, each.help, kind)
                if metric.type != kind:
                    raise ValueError(f"{each.metric} is of another type elsewhere")
                if kind == "gauge":
                    metric._multiprocess_mode = mode  # type: ignore[attr-defined]
                    labels = (*each.labels, ("pid", pid))
                    metric.add_sample(each.name, labels, each.value, each.timestamp)  # type: ignore[arg-type]
                else:
                    float(dict(each.labels).get("le", 0))  # what buckets are sorted by
                    metric.add_sample(each.name, each.labels, each.value)  # type: ignore[arg-type]
            except ValueError as error:
                self._name_damaged(file, str(error))
                continue
            found[each.metric] = metric

    def _name_damaged(self, file: str, why: str) -> None:
        """Log and count each damaged file once."""
        try:
            key = (file, os.stat(file).st_ino)
        except OSError:
            return
        if key in self._named:
            return
        self._named.add(key)
        _log.warning(
            "genmon: %s is damaged (%s); what is intact in it is served. Remove it once its process has "
            "ended, and empty %s at each start.",
            file,
            why,
            names.ENV_MULTIPROC_DIR,
        )
        self._on_damage()


def _dead(folder: str) -> set[int]:
    """Return the ids of ended processes whose live gauges are still there."""
    dead = set()
    for file in Path(folder).glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdecimal() and len(pid) < 10:
            try:
                os.kill(int(pid), 0)
            except ProcessLookupError:
                dead.add(int(pid))
            except OSError:
                pass  # it runs as another user
    return dead
