"""Replay a case in a process forked from a template, which has imported the target already.

The templates of this process are kept for its next replays: one for each interpreter, root,
environment, programs and live steps. One whose sources have changed is ended.
"""

from __future__ import annotations

import atexit
import os
import tempfile
import threading
import time
from collections.abc import Hashable
from pathlib import Path
from typing import Final

from genmon_otel.regression.cases.base_urls import base_urls
from genmon_otel.regression.isolation import landlock
from genmon_otel.regression.judging.observation import Observation
from genmon_otel.regression.processes import launch
from genmon_otel.regression.processes.environment import environment, import_paths
from genmon_otel.regression.processes.launch import Job
from genmon_otel.regression.processes.template_process import (
    Gone,
    TemplateProcess,
    module_of,
    started,
)

#: Templates of this process at a time; each holds what its target imports in memory.
_MAX_TEMPLATES: Final = 4
_NO_FORK: Final = "this system has no Landlock, which keeps a replay from its template"
_NO_ANSWER: Final = "forked, it gave no answer"


class Templates:
    """The templates of this process."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._templates: dict[Hashable, list[TemplateProcess]] = {}
        #: Why no replay of a key and a module can be forked.
        self._refused: dict[tuple[Hashable, str], str] = {}

    def observe(self, job: Job) -> tuple[Observation | None, str]:
        """Replay a case from a template; None, and why, where that is not possible."""
        key = _key(job)
        module = module_of(job.case)
        if why := self._refused.get((key, module)):
            return None, why
        try:
            template = self._taken(key, job)
        except (Gone, OSError) as error:
            self._refused[key, module] = str(error)
            return None, str(error)
        try:
            seen = template.observe(job)
            return seen, ("" if seen is not None else _NO_ANSWER)
        except Gone as error:
            template.is_ended = True
            return None, str(error)
        finally:
            template.used_at = time.monotonic()
            if template.is_ended:
                self._drop(key, template)
            template.lock.release()

    def end(self) -> None:
        """End all templates."""
        if os.getpid() != self._owner:
            return
        with self._lock:
            templates = [each for several in self._templates.values() for each in several]
            self._templates.clear()
        for each in templates:
            each.end()

    def _taken(self, key: Hashable, job: Job) -> TemplateProcess:
        """Return a template for this thread alone, which releases its lock."""
        while True:
            with self._lock:
                fitting = [each for each in self._templates.get(key, ()) if each.fits(job.case)]
            for template in fitting:
                template.lock.acquire()
                if not template.is_ended and template.is_current():
                    return template
                self._drop(key, template)
                template.lock.release()
            with self._lock:
                several = self._templates.setdefault(key, [])
                if any(each.fits(job.case) for each in several):
                    continue  # another thread has started one
                template = started(job)
                template.lock.acquire()
                several.append(template)
            self._end_others()
            try:
                template.await_ready(job.deadline_s)
            except BaseException:
                self._drop(key, template)
                template.lock.release()
                raise
            return template

    def _end_others(self) -> None:
        """End the templates that were not used for longest, beyond the limit."""
        with self._lock:
            known = [(key, each) for key, several in self._templates.items() for each in several]
        known.sort(key=lambda each: each[1].used_at)
        beyond = len(known) - _MAX_TEMPLATES
        for key, template in known:
            if beyond > 0 and template.lock.acquire(blocking=False):
                self._drop(key, template)
                template.lock.release()
                beyond -= 1

    def _drop(self, key: Hashable, template: TemplateProcess) -> None:
        with self._lock:
            several = self._templates.get(key, [])
            several[:] = [each for each in several if each is not template]
        if not template.is_ended or template.process.returncode is None:
            template.end()


def _key(job: Job) -> Hashable:
    """Return what two cases must have in common to be replayed from one template."""
    case, trust = job.case, job.trust
    return (
        job.python,
        str(job.cwd),
        tuple(import_paths(case, job.cwd, trust)),
        case.root,
        tuple(environment(Path()).items()),
        tuple(sorted({**base_urls(case), **case.env}.items())),
        case.programs,
        case.live,
        trust.roots,
        trust.anywhere,
        launch.MAX_PROCESSES,
        tuple(launch.KERNEL_RESTRICTIONS.items()),
        tempfile.gettempdir(),
    )


_templates = Templates()


def observe(job: Job) -> tuple[Observation | None, str]:
    """Replay a case in a process forked from a template of this process.

    Returns:
        What was seen; None, and why, where the replay has to be started anew.
    """
    if not landlock.abi():
        return None, _NO_FORK
    return _templates.observe(job)


def end_templates() -> None:
    """End the templates of this process; the next replay starts another."""
    _templates.end()


atexit.register(end_templates)


def _forget() -> None:
    """Leave the templates to the process that started them; this one was forked from it."""
    global _templates
    _templates = Templates()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
