"""Programs started by subprocess: what they print, and how they exit.

Only the child itself is not started in a replay: pipes, waiting, time limits and errors are
subprocess's own. Files that a program wrote are not replayed.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from genmon_otel.bodies import strings
from genmon_otel.capture.calls import AutomaticCall, StatusFault, begin, recording
from genmon_otel.capture.patches import Wrap
from genmon_otel.capture.sites import is_asked_by
from genmon_otel.capture.wire import MAX_BYTES, Sent, text_tree
from genmon_otel.ports import Answer
from genmon_otel.recorder.facts import Exchange
from genmon_otel.recorder.runtime import suppress_and_count
from genmon_otel.records import Outcome, StepKind, Tree
from genmon_otel.text import clean

ADAPTER: Final = "program"
#: Attribute of a ``Popen`` that holds its call.
_CALL: Final = "_genmon_call"
#: Standard output and standard error, as an answer names them.
_STREAMS: Final = (("stdout", "body"), ("stderr", "stderr"))
#: Characters of a program's name, and of the word behind it.
_MAX_NAME: Final = 60
_WORD: Final = re.compile(r"[a-z][a-z-]{1,30}\Z")
#: Number of a process that there is none of.
_NO_PROCESS: Final = 2**30


class ProgramCall(AutomaticCall):
    """A program from its start to its exit. Its output may be read after that."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._printed: dict[str, list[bytes]] = {"body": [], "stderr": []}

    def started(self) -> None:
        """It runs."""
        self.leave()

    def printed(self, name: str, data: bytes) -> None:
        """The consumer read something of its output; at most 1 MiB is kept."""
        try:
            if 0 < len(data) <= MAX_BYTES - self._size:
                self._size += len(data)
                self._printed[name].append(data)
                self._hold(len(data))
        except BaseException:
            suppress_and_count("capture", self.generation.runtime)

    def communicated(self, outputs: tuple[Any, Any]) -> None:
        """The consumer was given the output at once; pieces of it may have been told already."""
        for (_, name), data in zip(_STREAMS, outputs, strict=True):
            if data and not self._printed[name]:
                self.printed(name, data.encode() if isinstance(data, str) else bytes(data))

    def exited(self, code: int) -> None:
        """It ended, by itself or by a signal."""
        try:
            if self.outcome is None:
                self.status = code
                self._answer = "value"
                self._settle(self.generation.runtime.clock.monotonic())
        except BaseException:
            suppress_and_count("capture", self.generation.runtime)

    def let_go(self) -> bool:
        return False

    def _exchange(self) -> Exchange:
        printed = {name: b"".join(parts) for name, parts in self._printed.items()}
        return Ran(self.site, self.sent, self.status, self._is_fault(), printed)

    def _settle(self, ended: float) -> None:
        if self._is_fault():
            fault = StatusFault(self.adapter, self.status or 0, None)
            self.generation.note_error(fault, self)
            self._sign(fault)
            self._end(Outcome.FAILURE, ended, fault)
        else:
            self._end(Outcome.SUCCESS, ended)


@dataclass(frozen=True, slots=True, eq=False)
class Ran:
    """How a program was started and ended. Implements :class:`genmon_otel.recorder.facts.Exchange`."""

    site: str
    sent: Sent
    #: Its exit code; None while it runs.
    status: int | None
    is_fault_status: bool
    printed: Mapping[str, bytes]
    adapter: str = ADAPTER

    def request(self) -> Tree:
        """Return the tree of what was started."""
        return self.sent.tree()

    def request_texts(self) -> Iterator[str]:
        """Return its arguments."""
        body = self.sent.tree().get("body")
        return strings(body) if isinstance(body, str) else iter(())

    def answer_texts(self) -> Iterator[str]:
        """Return what it printed."""
        return (data.decode("utf-8", "replace") for data in self.printed.values())

    def outcome(self, kind: StepKind) -> Tree:
        """Return the tree of what it printed, and of its exit code."""
        head: dict[str, Tree] = {"status": self.status, "headers": {}, "at": 0.0}
        texts = zip(self.printed, self.answer_texts(), strict=True)
        return head | {name: text_tree(text) for name, text in texts}


def targets(module: Any) -> list[tuple[Any, str, Wrap]]:
    """Patch: what is replaced in ``subprocess``."""

    def start(original: Callable[..., Any]) -> Callable[..., Any]:
        def _execute_child(self: Any, args: Any, executable: Any, *rest: Any) -> Any:
            call = _begin(args, executable)
            if call is None:
                return original(self, args, executable, *rest)
            try:
                call.enter()
                if call.player is not None:
                    return rebuilt(self, call, call.request(), rest)
                original(self, args, executable, *rest)
            except BaseException as error:
                call.failed(error)
                raise
            return _followed(self, call)

        return _execute_child

    def end(original: Callable[..., Any]) -> Callable[..., Any]:
        def _handle_exitstatus(self: Any, *args: Any, **options: Any) -> Any:
            result = original(self, *args, **options)
            call = self.__dict__.get(_CALL)
            if call is not None and self.returncode is not None:
                call.exited(self.returncode)
            return result

        return _handle_exitstatus

    def communicate(original: Callable[..., Any]) -> Callable[..., Any]:
        def communicate(self: Any, *args: Any, **options: Any) -> Any:
            outputs = original(self, *args, **options)
            if (call := self.__dict__.get(_CALL)) is not None:
                call.communicated(outputs)
            return outputs

        return communicate

    if os.name != "posix":
        return []
    popen = module.Popen
    return [
        (popen, "_execute_child", start),
        (popen, "_handle_exitstatus", end),
        (popen, "communicate", communicate),
    ]


def _begin(args: Any, executable: Any) -> ProgramCall | None:
    generation = recording()
    if generation is None:
        return None
    try:
        # platform asks the machine; asyncio reads pipes and waits for the end by ways of its own.
        if is_asked_by("platform", "asyncio.unix_events", "multiprocessing.util"):
            return None
        name, sent = sent_of(args, executable)
        player = generation.runtime.player
        if player is not None and player.runs_for_real(sent.path):
            return None
        call = begin(generation, ADAPTER, sent, is_async=False, name=name, kind=ProgramCall)
        assert call is None or isinstance(call, ProgramCall)
        return call
    except BaseException:
        suppress_and_count("capture")
        return None


def sent_of(args: Any, executable: Any) -> tuple[str, Sent]:
    """Request: the program's name, and its arguments without what temporary folders are called."""
    if isinstance(args, (str, bytes, os.PathLike)):
        words = [os.fsdecode(args)]
    else:
        words = [os.fsdecode(word) for word in args]
    first = words[0].split() if len(words) == 1 else words
    program = os.path.basename(os.fsdecode(executable) if executable else first[0])
    if words[:1] and os.path.basename(words[0]) == "sh" and len(words) == 3 and words[1] == "-c":
        first = words[2].split()
        program = os.path.basename(first[0]) if first else program
    name = clean(program, _MAX_NAME)
    if len(first) > 1 and _WORD.match(first[1]):
        name = f"{name} {first[1]}"
    temporary = re.escape(os.path.realpath(tempfile.gettempdir()))
    shown = re.sub(rf"{temporary}/[^/\s'\"]+", "<tmp>", json.dumps(words))
    return name, Sent("RUN", "", program, "", "application/json", shown.encode())


def _followed(process: Any, call: ProgramCall) -> None:
    """Response: tell the call what is read of the pipes, and of the exit."""
    try:
        call.started()
        setattr(process, _CALL, call)
        for attribute, name in _STREAMS:
            pipe = getattr(process, attribute)
            if isinstance(pipe, (io.TextIOWrapper, io.BufferedReader)):
                setattr(process, attribute, _told(pipe, partial(call.printed, name)))
    except BaseException:
        suppress_and_count("capture")


class _Told(io.RawIOBase):
    """A pipe that tells what is read from it."""

    def __init__(self, pipe: Any, tell: Callable[[bytes], None]) -> None:
        self._pipe = pipe
        self._tell = tell

    def readinto(self, buffer: Any) -> int | None:
        count: int | None = self._pipe.readinto(buffer)
        if count:
            self._tell(bytes(buffer[:count]))
        return count

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        number: int = self._pipe.fileno()
        return number

    def close(self) -> None:
        if not self.closed:
            self._pipe.close()
            super().close()


def _told(pipe: Any, tell: Callable[[bytes], None]) -> Any:
    if isinstance(pipe, io.TextIOWrapper):
        encoding, errors = pipe.encoding, pipe.errors
        return io.TextIOWrapper(_told(pipe.detach(), tell), encoding=encoding, errors=errors)
    return io.BufferedReader(_Told(pipe.detach(), tell))


def rebuilt(process: Any, call: ProgramCall, answer: Answer, rest: tuple[Any, ...]) -> None:
    """Rebuild: a process that has printed what was recorded, and exits when it did.

    Args:
        process: the ``Popen`` that is being made.
        call: the step.
        answer: what was recorded.
        rest: arguments of ``_execute_child`` from ``preexec_fn`` on, the pipes among them.
    """
    call.started()
    stdin_read, stdin_write, out_read, out_write, err_read, err_write = rest[8:14]
    head = answer.head
    for descriptor, name in ((out_read, "body"), (err_read, "stderr")):
        if descriptor != -1:
            _put(str(head.get(name) or "").encode(), descriptor)
    if stdin_write != -1:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stdin_write)
        os.close(nowhere)
    process._close_pipe_fds(stdin_read, stdin_write, out_read, out_write, err_read, err_write)
    process.pid = _NO_PROCESS
    process._child_created = True
    setattr(process, _CALL, call)
    until = time.monotonic() + answer.took_s

    def end(code: int) -> None:
        process.returncode = code
        call.exited(code)

    def _wait(timeout: float | None) -> int:
        left = max(0.0, until - time.monotonic())
        if process.returncode is None:
            if timeout is not None and timeout < left:
                time.sleep(max(0.0, timeout))
                raise subprocess.TimeoutExpired(process.args, timeout)
            time.sleep(left)
            end(answer.status)
        code: int = process.returncode
        return code

    def _internal_poll(*_: Any, **__: Any) -> int | None:
        if process.returncode is None and time.monotonic() >= until and not sys.is_finalizing():
            end(answer.status)
        code: int | None = process.returncode
        return code

    def send_signal(number: int) -> None:
        if process.returncode is None:
            end(-int(number))

    process.__dict__.update(_wait=_wait, _internal_poll=_internal_poll, send_signal=send_signal)


def _put(data: bytes, descriptor: int) -> None:
    """Have a descriptor read data that is there already, however much."""
    if hasattr(os, "memfd_create"):
        source = os.memfd_create("genmon-replay")
    else:
        with tempfile.TemporaryFile() as file:
            source = os.dup(file.fileno())
    try:
        with os.fdopen(os.dup(source), "wb") as file:
            file.write(data)
        os.lseek(source, 0, os.SEEK_SET)
        os.dup2(source, descriptor)
    finally:
        os.close(source)
