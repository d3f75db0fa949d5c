"""The demo's folder: the app builder's source, a store, spans and metrics in files.

The app builder is copied there and imported from there, because the demo fixes
it: a regression test is only worth something against code that changes.
"""

from __future__ import annotations

import difflib
import fcntl
import hashlib
import importlib
import inspect
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import IO, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry, write_to_textfile

from genmon_otel.demo.endpoint import Endpoint
from genmon_otel.demo.fix import unfenced
from genmon_otel.errors import ConfigurationError
from genmon_otel.settings import DEFAULT_FILE
from genmon_otel.wiring import setup, shutdown

MODULE: Final = "app_builder"
_COPIED: Final = (f"{MODULE}.py", "package_index.json")
#: Locked in the folder for as long as a demo runs there.
LOCK: Final = "lock"

#: What the fix changes in the app builder, and before what it adds its function.
_BROKEN: Final = "    project: dict[str, Any] = json.loads(answer)\n"
_FIXED: Final = "    project: dict[str, Any] = json.loads(unfenced(answer))\n"
_BEFORE: Final = "def check_file("


class FileExporter(SpanExporter):
    """Writes each span as one line of JSON."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Append the spans."""
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(span.to_json(indent=None) + "\n" for span in spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Do nothing: the file is closed after each write."""


class Stage:
    """A fresh folder for one run of the demo; what an earlier run left is replaced.

    Raises:
        ConfigurationError: another demo is running there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        self._lock = _locked(folder)
        if self._lock is None:
            raise ConfigurationError(
                f"Another demo is running in {folder}. Wait for it, or name another --folder."
            )
        for left in folder.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            elif left.name != LOCK:
                left.unlink()
        (folder / ".gitignore").write_text("*\n", encoding="ascii")
        for name in _COPIED:
            content = (files("genmon_otel.demo") / name).read_bytes()
            (folder / name).write_bytes(content)
        self.registry = CollectorRegistry()

    @property
    def source(self) -> Path:
        """The app builder that the demo runs, and fixes."""
        return self.folder / f"{MODULE}.py"

    @property
    def database(self) -> Path:
        """The demo's store."""
        return self.folder / DEFAULT_FILE

    @property
    def store(self) -> str:
        """Its connection string."""
        return f"sqlite:///{self.database}"

    @property
    def metrics(self) -> Path:
        """What ``/metrics`` showed at the end."""
        return self.folder / "metrics.prom"

    @property
    def traces(self) -> Path:
        """The spans, one a line."""
        return self.folder / "traces.jsonl"

    @property
    def code_version(self) -> str:
        """Version of the app builder: a hash of its source."""
        return f"src-{hashlib.sha256(self.source.read_bytes()).hexdigest()[:12]}"

    @contextmanager
    def running(self, endpoint: Endpoint) -> Iterator[ModuleType]:
        """The app builder as an application would run it: set up, imported, with its model configured."""
        variables = {
            "OPENAI_BASE_URL": endpoint.url,
            "OPENAI_MODEL": endpoint.model,
            "OPENAI_API_KEY": os.environ.get("OPENAI_API_KEY", "not-needed"),
            "APP_BUILDER_SILENCE_S": str(endpoint.silence_s),
            "APP_BUILDER_TIMEOUT_S": str(endpoint.patience_s),
            "APP_BUILDER_OPTIONS": json.dumps(dict(endpoint.options)),
        }
        before, home = {name: os.environ.get(name) for name in variables}, Path.cwd()
        provider = TracerProvider(resource=Resource.create({"service.name": "app-builder"}))
        provider.add_span_processor(BatchSpanProcessor(FileExporter(self.traces)))
        os.environ.update(variables)
        os.chdir(self.folder)
        sys.path.insert(0, str(self.folder))
        try:
            setup(
                self.store,
                tracer_provider=provider,
                registry=self.registry,
                code_version=self.code_version,
                capture="all",  # successes too, so that replays have donors for later steps
            )
            yield importlib.import_module(MODULE)
            write_to_textfile(str(self.metrics), self.registry)
        finally:
            shutdown()
            provider.shutdown()
            sys.path.remove(str(self.folder))
            sys.modules.pop(MODULE, None)
            os.chdir(home)
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def apply_fix(self) -> str:
        """Write the fix into the app builder; the change as a diff."""
        after, diff = self._fixed()
        self.source.write_text(after, encoding="utf-8")
        return diff

    def write_fix(self) -> Path:
        """Write the change as a file for ``patch``, and leave the app builder as it is."""
        path = self.folder / "fix.patch"
        path.write_text(self._fixed()[1], encoding="utf-8")
        return path

    def _fixed(self) -> tuple[str, str]:
        """Return the app builder with the fix in, and the change as a diff."""
        before, added = self.source.read_text(encoding="utf-8"), inspect.getsource(unfenced)
        after = before.replace(_BROKEN, _FIXED, 1).replace(_BEFORE, f"{added}\n\n{_BEFORE}", 1)
        return after, "".join(
            difflib.unified_diff(
                before.splitlines(keepends=True),
                after.splitlines(keepends=True),
                "app_builder.py",
                "app_builder.py (fixed)",
                n=1,
            )
        )

    def fix_reads(self, answer: object) -> bool:
        """Return whether the fix reads an object from an answer that json.loads refuses."""
        return not _is_object(str(answer)) and _is_object(unfenced(str(answer)))

    def spans(self) -> int:
        """How many spans were exported."""
        with self.traces.open(encoding="utf-8") as file:
            return sum(1 for line in file if json.loads(line))


def is_free(folder: Path) -> bool:
    """Whether no demo is running in a folder."""
    if not folder.exists():
        return True
    lock = _locked(folder)
    if lock is None:
        return False
    lock.close()
    return True


def _locked(folder: Path) -> IO[bytes] | None:
    """The folder's lock, held until it is closed; None if another process holds it."""
    lock = (folder / LOCK).open("ab")
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
