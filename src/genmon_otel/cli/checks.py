"""The checks of ``genmon doctor``: each yields findings and never raises."""

from __future__ import annotations

import difflib
import http.client
import json
import os
import shutil
import socket
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from genmon_otel import conventions as names
from genmon_otel.addresses import mask_url, without_login
from genmon_otel.cli.terminal import is_there
from genmon_otel.errors import GenmonError, SchemaMismatch, StoreMissing, StoreUnavailable
from genmon_otel.instruments import shared_files
from genmon_otel.journal import default_journal_dir
from genmon_otel.rules.page import PAGE
from genmon_otel.settings import Settings
from genmon_otel.store import SqlStore
from genmon_otel.store.connect import DOCTOR_HINT
from genmon_otel.wiring.folder_check import exposure
from genmon_otel.wiring.host_check import bound_address
from genmon_otel.wording.failure import unseen
from genmon_otel.wording.units import many

Level = Literal["ok", "warning", "problem"]

#: Seconds to wait for anything on the network.
PATIENCE_S: Final = 3.0
#: Errors of an HTTP request to a wrong address or to another kind of server.
TROUBLE: Final = (OSError, ValueError, http.client.HTTPException)
#: Bytes of free disk below which the journal is warned about.
ROOM_BYTES: Final = 256 * 2**20
_OURS: Final = "GENMON_"
#: Failures that are looked through.
_FAILURES: Final = 200
#: Values of OTEL_*_EXPORTER that export nothing.
_LOCAL: Final = frozenset({"console", "none"})


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    level: Level
    topic: str
    says: str
    #: What to do; empty when nothing is to be done.
    remedy: str = ""


def check_names(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Find GENMON_ variables that genmon does not know, such as misspelt ones."""
    known = {
        value
        for name, value in vars(names).items()
        if name.startswith("ENV_") and value.startswith(_OURS)
    }
    for name in sorted(environ):
        if name.startswith(_OURS) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            yield Finding(
                "warning",
                "settings",
                f"{name} is not a variable of genmon: it has no effect.",
                f"Did you mean {near[0]}?" if near else "docs/configuration.md lists them all.",
            )


def check_store(settings: Settings) -> Iterator[Finding]:
    """Open the store and count what is in it."""
    path = settings.sqlite_path
    if path is not None and os.environ.get("KUBERNETES_SERVICE_HOST"):
        yield Finding(
            "warning",
            "store",
            "SQLite on Kubernetes: one database a pod, strikes will not add up.",
            f"Use PostgreSQL: set {names.ENV_STORE} or {names.ENV_STORE_FILE}.",
        )
    try:
        absent = path is not None and not is_there(path)
    except GenmonError as error:
        yield Finding("problem", "store", str(error))
        return
    if path is not None and absent and not _can_write(_nearest(path.parent)):
        says = f"{path} is not there, and cannot be made: {_nearest(path.parent)} takes no files."
        yield Finding("problem", "store", says, _remedy(settings))
        return
    if path is not None and absent:
        yield Finding(
            "warning",
            "store",
            f"{path} is not there yet; setup() makes it.",
            "Run the application once, or this with --send-test-failure.",
        )
        return
    if path is not None:
        yield from _exposed("store", path.parent, names.ENV_STORE)
    store = SqlStore(settings.store, read_only=True)
    try:
        store.open()
        health, counts = store.health(), store.counts()
    except StoreMissing:
        yield Finding(
            "warning",
            "store",
            f"{settings.masked_store} holds nothing of genmon's yet; setup() makes the tables.",
            "Run the application once, this with --send-test-failure, or: genmon db upgrade",
        )
        return
    except SchemaMismatch as error:
        until = "Until then applications run on, and failures wait in the journal."
        yield Finding("problem", "store", error.says, f"{error.remedy} {until}")
        return
    except StoreUnavailable as error:
        says = str(error).removesuffix(DOCTOR_HINT).strip()
        yield Finding("problem", "store", says, _remedy(settings))
        return
    except GenmonError as error:
        yield Finding("problem", "store", str(error))
        return
    finally:
        store.close()
    failures, cases = sum(counts.failures_by_status.values()), sum(counts.cases_by_state.values())
    yield Finding(
        "ok",
        "store",
        f"{settings.masked_store}: {many(health.attempts, 'attempt')} in the last hour, "
        f"{many(failures, 'failure')} and {many(cases, 'case')} kept",
    )


def _remedy(settings: Settings) -> str:
    """Return the remedy for a store that cannot be used."""
    path = settings.sqlite_path
    if path is None:
        return (
            f"Is the server up, and do host, user, password and database in {names.ENV_STORE} fit? "
            "Until it answers failures wait in the journal."
        )
    return (
        f"Let this user read and write {path.parent} and what is in it, or set {names.ENV_STORE} to a "
        "place that it may."
    )


def check_calls(settings: Settings) -> Iterator[Finding]:
    """Name what failing generations asked that no replay can answer."""
    path = settings.sqlite_path
    store = SqlStore(settings.store, read_only=True)
    try:
        if path is not None and not is_there(path):
            return
        store.open()
        rows = store.failures(limit=_FAILURES)
    except GenmonError:
        return  # check_store says why
    finally:
        store.close()
    for operation, asked in dict.fromkeys((r.operation, each) for r in rows for each in unseen(r)):
        yield Finding(
            "warning",
            "calls",
            f"{operation} asks {asked}: no replay can answer that.",
            "Put @step on the function that asks, and have it return only what is needed.",
        )


def check_journal(settings: Settings) -> Iterator[Finding]:
    """Report the journal: its folder, what waits in it for the store, and the free disk space."""
    folder = default_journal_dir(settings)
    there = _nearest(folder)
    if not _can_write(there):
        yield Finding(
            "problem",
            "journal",
            f"{folder} cannot be written by this user.",
            f"Make it writable, or set {names.ENV_JOURNAL_DIR} to a folder that is.",
        )
        return
    yield from _exposed("journal", folder, names.ENV_JOURNAL_DIR)
    free = shutil.disk_usage(there).free
    held = sum(file.stat().st_size for file in folder.glob("*.journal")) if folder == there else 0
    says = f"{folder}: {held / 1024:.0f} KiB in it, {free / 2**30:.1f} GiB free"
    if held:
        says += "; what waits is stored while the application runs, or at its next start"
    if free < ROOM_BYTES:
        yield Finding(
            "warning", "journal", says, "Make room: a full disk loses what it cannot hold."
        )
    else:
        yield Finding("ok", "journal", f"{says}; losing this disk loses what waits in it")


def _exposed(topic: str, folder: Path, variable: str) -> Iterator[Finding]:
    """Warn if other users of the machine can change files in a folder."""
    says, remedy = exposure(folder)
    if says:
        yield Finding(
            "warning",
            topic,
            f"{says}: others can delete, replace or add to what genmon keeps there.",
            f"{remedy}, or set {variable} to a place of this user's own.",
        )


def _nearest(folder: Path) -> Path:
    """Return the folder, or its nearest parent that exists."""
    return next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))


def _can_write(folder: Path) -> bool:
    """Return whether a file can be created there; permission bits say nothing where root runs this."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def check_traces(settings: Settings) -> Iterator[Finding]:
    """Report where spans are exported to."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        yield Finding("warning", "traces", "OTEL_SDK_DISABLED=true: no spans; all else is kept.")
        return
    wanted = os.environ.get("OTEL_TRACES_EXPORTER")
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or os.environ.get(
        "OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    if not wanted and not endpoint:
        yield Finding(
            "ok",
            "traces",
            "no OTEL_ variable names an exporter: spans go where the application's own "
            "TracerProvider sends them, if it has one",
        )
        return
    if wanted and {word.strip().lower() for word in wanted.split(",")} <= _LOCAL:
        yield Finding("ok", "traces", f"OTEL_TRACES_EXPORTER={wanted}: spans go nowhere else")
        return
    http = "http" in (
        os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
        or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        or ""
    )
    target = endpoint or f"http://localhost:{4318 if http else 4317}"
    shown = mask_url(target)
    if fault := _unreachable(target):
        yield Finding(
            "problem",
            "traces",
            f"{shown} does not answer: {fault}",
            "Start the collector, or correct OTEL_EXPORTER_OTLP_ENDPOINT.",
        )
    else:
        yield Finding("ok", "traces", f"{wanted or 'otlp'} to {shown}, which answers")


def check_metrics(settings: Settings) -> Iterator[Finding]:
    """Report how metrics are served, and whether the endpoint answers."""
    multiprocess = os.environ.get(names.ENV_MULTIPROC_DIR)
    if multiprocess and not _can_write(_nearest(Path(multiprocess).absolute())):
        yield Finding(
            "problem",
            "metrics",
            f"{names.ENV_MULTIPROC_DIR}={multiprocess} cannot be written.",
            "Create it, empty it at each start, and give it room: a full one kills processes.",
        )
        return
    if multiprocess:
        yield from _damaged(Path(multiprocess))
    if settings.metrics != "prometheus":
        yield Finding("ok", "metrics", f"by {settings.metrics}")
        return
    if not settings.metrics_port:
        yield Finding(
            "ok",
            "metrics",
            "in prometheus_client's registry: your own /metrics serves them, or a port that "
            f"setup(metrics_port=) or {names.ENV_METRICS_PORT} asks for",
        )
        return
    url = f"http://{_asked_at(settings.metrics_host)}:{settings.metrics_port}/metrics"
    try:
        text = _get(url).decode("utf-8", "replace")
    except TROUBLE as error:
        yield Finding(
            "warning",
            "metrics",
            f"{url} does not answer: {error}",
            "It is served while the application runs. Is it running, on this host?",
        )
        return
    series = sum(line.startswith("genmon_") for line in text.splitlines())
    if series:
        yield Finding("ok", "metrics", f"{url} serves {series} series of genmon")
    else:
        yield Finding("problem", "metrics", f"{url} answers, but without genmon's series.",
                      "Another program has the port, or setup() was not called there.")  # fmt: skip


def _asked_at(metrics_host: str) -> str:
    """Return the host under which an endpoint bound to ``metrics_host`` can be asked."""
    address = bound_address(metrics_host)
    if address in ("", "0.0.0.0", "::"):
        return "localhost"
    return f"[{address}]" if ":" in address else address


def _damaged(folder: Path) -> Iterator[Finding]:
    """Find damaged files in PROMETHEUS_MULTIPROC_DIR."""
    for file in sorted(folder.glob("*.db")):
        try:
            why = shared_files.read(file).damage
        except OSError as error:
            why = error.strerror or str(error)
        if why:
            yield Finding(
                "warning",
                "metrics",
                f"{file} is damaged ({why}): only what is intact in it is served.",
                f"Remove it once its process has ended; empty {folder} at each start.",
            )


def check_prometheus(url: str) -> Iterator[Finding]:
    """Ask a Prometheus server whether it scrapes genmon and has loaded the page's rule."""
    shown = mask_url(url)
    try:
        found = _ask(url, "/api/v1/query", query=f"count by (job) ({names.GENERATIONS.name})")
        rules = _ask(url, "/api/v1/rules", type="alert")
        jobs = [sample["metric"].get("job", "?") for sample in found["result"]]
        alerts = {rule["name"] for group in rules["groups"] for rule in group["rules"]}
    except (*TROUBLE, LookupError, TypeError, AttributeError) as error:
        yield Finding(
            "problem", "scrape", f"{shown} does not answer as a Prometheus does: {error!s}"
        )
        return
    if jobs:
        yield Finding("ok", "scrape", f"{shown} has {names.GENERATIONS.name} of {', '.join(jobs)}")
    else:
        yield Finding(
            "problem",
            "scrape",
            f"{shown} has no {names.GENERATIONS.name}.",
            "Add the application as a target, or look at Status > Targets for its error.",
        )
    if PAGE in alerts:
        yield Finding(
            "ok", "rules", f"{PAGE} and {sum(a.startswith('Genmon') for a in alerts) - 1} more"
        )
    else:
        yield Finding("problem", "rules", f"{shown} does not know {PAGE}: nobody is paged.",
                      "genmon assets export DIR, and load DIR's rules with rule_files.")  # fmt: skip


def _ask(url: str, path: str, **query: str) -> Any:
    answer = json.loads(_get(f"{url.rstrip('/')}{path}?{urllib.parse.urlencode(query)}"))
    if not isinstance(answer, dict) or answer.get("status") != "success":
        raise ValueError(str(answer)[:200])
    return answer["data"]


def _get(url: str) -> bytes:
    bare, headers = without_login(url)
    asked = urllib.request.Request(bare, headers=headers)
    with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
        return bytes(answer.read(16 * 2**20))


def _unreachable(endpoint: str) -> str:
    """Return why an endpoint refuses a connection; empty if it accepts one."""
    try:
        parts = urllib.parse.urlsplit(endpoint if "//" in endpoint else f"//{endpoint}")
        port = parts.port or (443 if parts.scheme == "https" else 4317)
        socket.create_connection((parts.hostname or "localhost", port), PATIENCE_S).close()
    except OSError as error:
        return str(error)
    except ValueError:  # it quotes what it took for the port: a part of a password
        return "it is no address"
    return ""
