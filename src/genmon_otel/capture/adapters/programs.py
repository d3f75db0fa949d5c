"""Programs started by subprocess: what they print, and how they exit.

Only the child itself is not started in a replay: pipes, waiting, time limits and errors are
subprocess's own. Files that a program wrote are not replayed.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, Final

from genmon_otel.capture.adapters.program_call import (
    NO_PROCESS,
    OUTPUTS,
    ProgramCall,
    begin_program,
    printed_text,
)
from genmon_otel.capture.patches import Wrap
from genmon_otel.ports import Answer
from genmon_otel.recorder.runtime import suppress_and_count

#: Attribute of a ``Popen`` that holds its call.
_CALL: Final = "_genmon_call"
#: Places in the arguments of ``Popen._execute_child`` from ``preexec_fn`` on: folder; both ends of each pipe.
_CWD: Final = 3
_PIPES: Final = slice(8, 14)


def targets(module: Any) -> list[tuple[Any, str, Wrap]]:
    """Patch: what is replaced in ``subprocess``."""

    def start(original: Callable[..., Any]) -> Callable[..., Any]:
        def _execute_child(self: Any, args: Any, executable: Any, *rest: Any) -> Any:
            call = begin_program(args, executable, is_async=False)
            if call is None:
                return original(self, args, executable, *rest)
            try:
                call.enter()
                if call.player is not None:
                    call.set_start(args, rest[_CWD], is_fed=rest[_PIPES][1] != -1)
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
            call = self.__dict__.get(_CALL)
            if call is None:
                return original(self, *args, **options)
            call.asked()
            read = {name: len(printed.read) for name, printed in call.printed_on.items()}
            try:
                outputs = original(self, *args, **options)
            except subprocess.TimeoutExpired as error:
                _communicated(call, read, (error.output, error.stderr))
                if (
                    call.player is not None
                ):  # there the pipes end at once, and only the exit is late
                    error.timeout = options.get("timeout", error.timeout)
                call.asked()
                raise
            _communicated(call, read, outputs)
            return outputs

        return communicate

    def wait(original: Callable[..., Any]) -> Callable[..., Any]:
        def wait(self: Any, *args: Any, **options: Any) -> Any:
            if (call := self.__dict__.get(_CALL)) is not None:
                call.asked()
            return original(self, *args, **options)

        return wait

    if os.name != "posix":
        return []
    popen = module.Popen
    return [
        (popen, "_execute_child", start),
        (popen, "_handle_exitstatus", end),
        (popen, "communicate", communicate),
        (popen, "wait", wait),
    ]


def _communicated(call: ProgramCall, read: dict[str, int], outputs: tuple[Any, Any]) -> None:
    """Tell the call what was given at once, where no pipe has told it meanwhile."""
    for name, data in zip(OUTPUTS.values(), outputs, strict=True):
        if len(call.printed_on[name].read) == read[name]:
            call.communicated(name, data)


def _followed(process: Any, call: ProgramCall) -> None:
    """Response: report to the call what is read of the pipes, and the exit."""
    try:
        call.started()
        _follow(process, call)
    except BaseException:
        suppress_and_count("capture")


def _follow(process: Any, call: ProgramCall) -> None:
    setattr(process, _CALL, call)
    for attribute, name in OUTPUTS.items():
        pipe = getattr(process, attribute)
        if isinstance(pipe, (io.TextIOWrapper, io.BufferedReader)):
            setattr(process, attribute, _reporting_pipe(pipe, call, name))


class _ReportingPipe(io.RawIOBase):
    """A pipe that reports what is read from it."""

    def __init__(self, pipe: Any, call: ProgramCall, name: str) -> None:
        self._pipe = pipe
        self._call = call
        self._name = name

    def readinto(self, buffer: Any) -> int | None:
        self._call.asked()
        count: int | None = self._pipe.readinto(buffer)
        if count:
            self._call.printed(self._name, bytes(buffer[:count]))
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


def _reporting_pipe(pipe: Any, call: ProgramCall, name: str) -> Any:
    if isinstance(pipe, io.TextIOWrapper):
        encoding, errors = pipe.encoding, pipe.errors
        call.printed_on[name].encoding = encoding
        buffered = _reporting_pipe(pipe.detach(), call, name)
        return io.TextIOWrapper(
            buffered, encoding=encoding, errors=errors, line_buffering=pipe.line_buffering
        )
    return io.BufferedReader(_ReportingPipe(pipe.detach(), call, name))


def rebuilt(process: Any, call: ProgramCall, answer: Answer, rest: tuple[Any, ...]) -> None:
    """Rebuild: a process that has printed what was recorded, and exits when it did.

    Args:
        process: the ``Popen`` that is being made.
        call: the step.
        answer: what was recorded.
        rest: arguments of ``_execute_child`` from ``preexec_fn`` on, the pipes among them.
    """
    call.started()
    parts = answer.parts()
    next(parts, None)  # the answer is given
    stdin_read, stdin_write, out_read, out_write, err_read, err_write = rest[_PIPES]
    for descriptor, (attribute, name) in zip((out_read, err_read), OUTPUTS.items(), strict=True):
        if descriptor != -1:
            encoding = getattr(getattr(process, attribute), "encoding", None) or "utf-8"
            _put(printed_text(answer, name).encode(encoding, "surrogateescape"), descriptor)
    if stdin_write != -1:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stdin_write)
        os.close(nowhere)
    process._close_pipe_fds(stdin_read, stdin_write, out_read, out_write, err_read, err_write)
    process.pid = NO_PROCESS
    process._child_created = True
    runs_on = type(answer.head.get("status")) is not int
    until = float("inf") if runs_on else time.monotonic() + answer.took_s

    def end(code: int) -> None:
        if process.returncode is None:
            process.returncode = code
            call.exited(code)

    def _wait(timeout: float | None) -> int:
        if process.returncode is None:
            left = max(0.0, until - time.monotonic())
            if timeout is not None and timeout < left:
                time.sleep(max(0.0, timeout))
                if process.returncode is None:
                    raise subprocess.TimeoutExpired(process.args, timeout)
            elif runs_on:
                for _ in parts:
                    pass
            else:
                time.sleep(left)
            end(0 if runs_on else answer.status)
        code: int = process.returncode
        return code

    def _internal_poll(*_: Any, **__: Any) -> int | None:
        if time.monotonic() >= until and not sys.is_finalizing():
            end(answer.status)
        code: int | None = process.returncode
        return code

    def send_signal(number: int) -> None:
        end(-int(number))

    _follow(process, call)
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
