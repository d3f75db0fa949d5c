"""A template process as its owner sees it: start it, ask it for a replay, read the answer, end it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.judging.observation import Observation
from genmon_otel.regression.processes import launch, supervisor
from genmon_otel.regression.processes.environment import IMPORTED
from genmon_otel.regression.processes.launch import Job
from genmon_otel.regression.processes.mirror import Mirror, TooMuch, state_of
from genmon_otel.stacks import is_in_app

#: Times that a template imports beforehand what a replay of it has imported.
_MAX_IMPORTS: Final = 4
#: Seconds after which a template is ended, whatever it is at.
_LIFE_S: Final = 3600.0
#: Seconds for which installed files, some thousand, are not looked at again.
_INSTALLED_S: Final = 2.0
_SPOILT: Final = "the replay before left what cannot be removed"
_SILENT: Final = "the template of its process gave no answer"


class Gone(Exception):
    """Raised when a template cannot be used, or no longer."""


@dataclass(slots=True)
class TemplateProcess:
    """A template process; its lock is held by the thread that uses it."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    word: bytes
    mirror: Mirror
    #: Closes its folder, its socket and what its own processes print.
    resources: contextlib.ExitStack
    #: Module of the target that it has imported, and the time that it began at.
    module: str
    start_s: float | None
    #: Whether targets of other modules can be replayed from it, and cases of another time.
    is_shareable: bool = False
    reads_clock: bool = False
    #: Size and time of change of each file that it is made of.
    files: dict[str, list[int]] = field(default_factory=dict)
    #: Held while it is used.
    lock: threading.Lock = field(default_factory=threading.Lock)
    used_at: float = 0.0
    is_ended: bool = False
    #: Modules that the last replay imported, to be imported beforehand.
    imported: list[str] = field(default_factory=list)
    imports: int = 0
    #: Those of the files that are not installed; and until when the installed ones are taken to be as
    #: they were, on the clock of ``time.monotonic``.
    _own: list[str] = field(default_factory=list)
    _installed_until: float = 0.0
    _received: bytes = b""

    def fits(self, case: Case) -> bool:
        """Whether a case of its key can be replayed from it."""
        return (self.is_shareable or self.module == module_of(case)) and not (
            self.reads_clock and self.start_s != case.began_at
        )

    def is_current(self) -> bool:
        """Whether it runs, and the files that it is made of are as they were."""
        if self.process.poll() is not None:
            return False
        looked_at = dict(self.files)
        if time.monotonic() < self._installed_until:
            looked_at = {name: self.files[name] for name in self._own}
        if any(state_of(name) != state for name, state in looked_at.items()):
            return False
        if len(looked_at) == len(self.files):
            self._installed_until = time.monotonic() + _INSTALLED_S
        return True

    def observe(self, job: Job) -> Observation | None:
        """Replay a case; None where it ended without an answer for a reason that may be the fork's.

        A replay that still computes when its time is over is not stuck for the fork.

        Raises:
            Gone: the template is no more.
        """
        self._restore()
        if self.imported and self.imports < _MAX_IMPORTS:
            self.imports += 1
            self._ask({"import": self.imported})
            message = self._hear(time.monotonic() + job.deadline_s)
            if not message.get("ready"):
                raise Gone(str(message.get("why")))
        self.imported = []
        with contextlib.ExitStack() as closing:
            output = closing.enter_context(tempfile.TemporaryFile())
            asked = closing.enter_context(tempfile.TemporaryFile())
            asked.write(json.dumps(job.request(self.mirror.copy)).encode())
            asked.seek(0)
            reader, writer = os.pipe()
            closing.callback(os.close, reader)
            word, word_from = launch.secret_word()
            os.close(word_from)
            try:
                self._ask(
                    {"word": word.decode(), "deadline_s": job.deadline_s},
                    [asked.fileno(), writer, output.fileno()],
                )
            finally:
                os.close(writer)
            answer, ended, in_time = self._read(reader, time.monotonic() + job.deadline_s)
            code = ended.get("ended")
            if not in_time or not answer.startswith(word):
                seen = launch.interpret(
                    answer,
                    word,
                    in_time=in_time,
                    deadline_s=job.deadline_s,
                    code=code,
                    output=output,
                )
                is_endless = not in_time and ended.get("is_computing")
                return seen if answer or self.is_ended or is_endless else None
            body = json.loads(answer[len(word) :])
            self.imported = [str(name) for name in body.pop(IMPORTED, ())]
            return launch.interpret(
                word + json.dumps(body).encode(),
                word, in_time=True, deadline_s=job.deadline_s, code=code, output=output,
            )  # fmt: skip

    def await_ready(self, deadline_s: float) -> None:
        """Wait until it has imported the target.

        Raises:
            Gone: no replay can be forked from it; says why.
        """
        message = self._hear(time.monotonic() + deadline_s)
        if not message.get("ready"):
            raise Gone(str(message.get("why")))
        self.is_shareable = bool(message["is_shareable"])
        self.reads_clock = bool(message["reads_clock"])
        self.files = message["files"]
        self._own = [name for name in self.files if is_in_app(name, "")]
        try:
            self.mirror.keep()
        except (TooMuch, OSError) as error:
            raise Gone(str(error)) from None

    def end(self) -> None:
        """End its processes and remove its folder."""
        self.is_ended = True
        self.control.close()
        launch.end(self.process)
        self.resources.close()

    def _restore(self) -> None:
        """Put the folder back as it was, with what the project has now."""
        try:
            self.mirror.restore()
        except (OSError, RecursionError):
            raise Gone(_SPOILT) from None

    def _ask(self, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
        try:
            socket.send_fds(self.control, [json.dumps(message).encode() + b"\n"], descriptors or [])
        except OSError:
            raise Gone(_SILENT) from None

    def _hear(self, until: float) -> dict[str, Any]:
        """Wait for a message of the template."""
        while b"\n" not in self._received:
            left = until - time.monotonic()
            if left <= 0 or not _readable([self.control.fileno()], left):
                raise Gone(_SILENT)
            self._take()
        line, _, self._received = self._received.partition(b"\n")
        if not line.startswith(self.word):  # code of the project wrote it
            raise Gone(_SILENT)
        message: dict[str, Any] = json.loads(line[len(self.word) :])
        return message

    def _take(self) -> None:
        try:
            piece = self.control.recv(1 << 16)
        except OSError:
            piece = b""
        if not piece:
            raise Gone(_SILENT)
        self._received += piece

    def _read(self, reader: int, until: float) -> tuple[bytes, dict[str, Any], bool]:
        """Read an answer to its end; return it, how the replay ended, and whether it was in time.

        All that the replay has started has ended then.
        """
        answer, in_time, is_over = b"", True, False
        try:
            while not is_over and not answer.endswith(b"\n"):
                left = until - time.monotonic()
                ready = _readable([reader, self.control.fileno()], left)
                if not ready:
                    in_time = False
                    break
                if reader in ready:
                    piece = os.read(reader, 1 << 16)
                    answer += piece
                    if not piece or len(answer) > launch.MAX_ANSWER:
                        answer = answer if not piece else b""
                        break
                elif self.control.fileno() in ready:
                    is_over = True
            if not is_over:
                self._ask({"end": True, "late": not in_time})
            message = self._hear(time.monotonic() + launch.TIME_TO_END_S)
            return answer, message, in_time
        except Gone:
            self.is_ended = True
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(1)
            code = self.process.returncode
            if code is not None and (code == supervisor.TOO_MANY or code < 0):
                return b"", {"ended": code}, True
            raise


def started(job: Job) -> TemplateProcess:
    """Start a template; it imports the target on its own time.

    Raises:
        Gone: the interpreter cannot be run.
    """
    with contextlib.ExitStack() as resources:
        ours, theirs = socket.socketpair()
        resources.callback(ours.close)
        try:
            found = launch.start(job, resources, control=theirs.detach(), deadline_s=_LIFE_S)
        except launch.CannotStart as error:
            raise Gone(str(error)) from None
        return TemplateProcess(
            process=found.process,
            control=ours,
            word=found.word,
            mirror=found.mirror,
            resources=resources.pop_all(),
            module=module_of(job.case),
            start_s=job.case.began_at,
        )


def _readable(descriptors: list[int], seconds: float) -> list[int]:
    """Wait until something can be read; return the descriptors that it comes from."""
    waiting = select.poll()
    for descriptor in descriptors:
        waiting.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in waiting.poll(max(0.0, seconds) * 1000)]


def module_of(case: Case) -> str:
    """Return the module of a case's target."""
    return case.target.partition(":")[0]
