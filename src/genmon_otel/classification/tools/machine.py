"""What is printed when a machine gives out, and by registries that ask for patience."""

from __future__ import annotations

from typing import Final

from genmon_otel.classification.phrases import Entry, entry, form, printed
from genmon_otel.classification.verdict import MACHINE, RATE, UNKNOWN

# One phrase a line.
# fmt: off
MACHINE_GAVE_OUT: Final[tuple[Entry, ...]] = (
    entry(UNKNOWN, "inotify", "Node and Python, when the kernel's limit of file watchers is reached: the disk is not full",
        "system limit for number of file watchers reached",
        "inotify watch limit reached",
        "inotify instance limit reached",
    ),
    entry(MACHINE, "disk_full", "the C library, npm, uv, PostgreSQL and SQLite on a full disk",
        "no space left on device",
        "enospc",
        "database or disk is full",
        "disk quota exceeded",
        "there is not enough space on the disk",
    ),
    entry(MACHINE, "out_of_memory", "V8, CUDA, the JVM, Python, Kubernetes and the kernel",
        "javascript heap out of memory",
        "reached heap limit allocation failed",
        "cuda out of memory",
        "java.lang.outofmemoryerror",
        "cannot allocate memory",
        "oomkilled",
        "oom-killed",
        "unable to allocate # (kib|mib|gib|tib|bytes)",
        form(r"(?:^|\n|\s)memoryerror(?::|$|\n)", "memoryerror"),
        "out of memory: killed process",
        "fatal error: out of memory",
        "memory allocation of # bytes failed",
        "allowed memory size of # bytes exhausted",
    ),
    entry(MACHINE, "process_killed", "shells, Celery, concurrent.futures and subprocess when a process was killed or crashed",
        form(r"\bsig(?:kill|segv|abrt|bus|ill)\b|\b(?:(?:killed|died|terminated|exited|crashed|aborted|ended|interrupted|failed) (?:by|with|on|due to)|process (?:got|received)|exit|terminated:) signal:? (?:9|11|6)\b", "sigkill", "sigsegv", "sigabrt", "sigbus", "sigill", "signal"),
        "was terminated abruptly while the future was running",
        "segmentation fault (core dumped)",
        "(core dumped)",
        form(r"\b(?:exit(?:ed)?(?: with)? (?:code|status)[ :=(]{1,3}|exited(?: with)?[ :=(]{1,3}|exit ?[:=(]{1,2})(?:137|139|-9|-11)\b", "exit", "exited", "code", "status"),
        form(r"(?:^|\n|\bsh: |\bsh: line \d+: |\bsignal: |line \d+: )(?: *\d+ )?killed *(?:$|\n| {3})", "killed"),
        "-- native stack trace --",
        "worker exited prematurely: (signal|exitcode)",
    ),
    printed(MACHINE, "process_crashed", "shells and runtimes",
        "segmentation fault",
        "killed (exit code 137)",
    ),
)
#: Last: a program that aborts mostly said before why.
ABORTED: Final[tuple[Entry, ...]] = (
    entry(MACHINE, "process_aborted", "shells and subprocess, a process that ended itself with SIGABRT",
        form(r"\b(?:exit(?:ed)?(?: with)? (?:code|status)[ :=(]{1,3}|exited(?: with)?[ :=(]{1,3}|exit ?[:=(]{1,2})(?:134|-6)\b", "exit", "exited", "code", "status"),
    ),
)

PATIENCE: Final[tuple[Entry, ...]] = (
    entry(RATE, "registry.rate", "npm, pnpm, yarn, bun, pip and uv, when the package registry answers 429",
        "npm (err!|error) code e429",
        form(r"(?:\bcode:?[ '\"]{1,3}|\bnpm (?:err!|error) )e429\b", "e 429"),
        "err_pnpm_fetch_429",
        form(r"(?:response code: |get https?://[^\s]{1,200} - |client error \(|too many requests - )429(?:$|[\s.'\")])", "response 429", "get 429", "client 429", "many 429"),
        form(r"error (?:error: )?\"?https?://[^\s\"]{1,200}: too many requests", "requests"),
        form(r"\b429 client error: too many requests for url: https?://(?:registry\.|pypi\.|[^\s]{1,60}/simple/)", "429 many"),
    ),
)
