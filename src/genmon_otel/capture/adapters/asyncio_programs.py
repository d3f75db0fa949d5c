"""Programs started by asyncio: event loops give what a program prints to a protocol, piece by piece.

In a replay a transport of ours stands for the program; streams, ``communicate`` and time limits are
asyncio's own.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from genmon_otel.capture.adapters.program_call import (
    NO_PROCESS,
    ProgramCall,
    begin_program,
    printed_text,
)
from genmon_otel.capture.patches import Wrap
from genmon_otel.ports import Answer
from genmon_otel.recorder.runtime import suppress_and_count

#: Name of what is printed, by descriptor.
_NAMES: Final[Mapping[int, str]] = {1: "body", 2: "stderr"}
_PIPES: Final = ("stdin", "stdout", "stderr")


def targets(module: Any) -> list[tuple[Any, str, Wrap]]:
    """Patch: what is replaced in ``asyncio.base_events``."""
    return _of_loop(module.BaseEventLoop)


def uvloop_targets(module: Any) -> list[tuple[Any, str, Wrap]]:
    """Patch: what is replaced in ``uvloop``."""
    return _of_loop(module.Loop)


def _of_loop(loop: Any) -> list[tuple[Any, str, Wrap]]:

    def executes(original: Callable[..., Any]) -> Callable[..., Any]:
        async def subprocess_exec(self: Any, factory: Any, *args: Any, **options: Any) -> Any:
            start = partial(original, self)
            return await _started(self, start, factory, args, options)

        return subprocess_exec

    def asks_shell(original: Callable[..., Any]) -> Callable[..., Any]:
        async def subprocess_shell(self: Any, factory: Any, cmd: Any, **options: Any) -> Any:
            start = partial(original, self)
            return await _started(self, start, factory, (cmd,), options)

        return subprocess_shell

    return [(loop, "subprocess_exec", executes), (loop, "subprocess_shell", asks_shell)]


async def _started(
    loop: asyncio.AbstractEventLoop,
    start: Callable[..., Awaitable[Any]],
    factory: Callable[[], Any],
    args: tuple[Any, ...],
    options: Mapping[str, Any],
) -> Any:
    command = args[0] if len(args) == 1 and isinstance(args[0], (str, bytes)) else args
    call = begin_program(command, options.get("executable"), is_async=True)
    if call is None:
        return await start(factory, *args, **options)
    try:
        # It is not entered: callbacks of the pipes would be within this step for ever.
        if call.player is not None:
            is_fed = options.get("stdin") == subprocess.PIPE
            call.set_start(command, options.get("cwd"), is_fed=is_fed)
            return await rebuilt(loop, factory(), call, await call.request_async(), options)
        result = await start(partial(_followed, factory, call), *args, **options)
    except BaseException as error:
        call.failed(error)
        raise
    try:
        call.started()
        _report_waits(call, *result)
    except BaseException:
        suppress_and_count("capture")
    return result


def _report_waits(call: ProgramCall, transport: Any, protocol: Any) -> None:
    """Have what waits for the program report each wait to the call: a wait without an end is a hang."""

    def report(holder: Any, attribute: str) -> None:
        original = getattr(holder, attribute)

        async def waits(*args: Any) -> Any:
            call.asked()
            return await original(*args)

        setattr(holder, attribute, waits)

    try:
        report(transport, "_wait")
        for reader in (getattr(protocol, "stdout", None), getattr(protocol, "stderr", None)):
            if isinstance(reader, asyncio.StreamReader):
                report(reader, "_wait_for_data")
    except (AttributeError, TypeError):  # another loop's transport
        call.asked()


def _followed(factory: Callable[[], Any], call: ProgramCall) -> Any:
    """Response: have a protocol report to the call what it is given, and the exit."""
    protocol = factory()
    try:
        made, received, exited = (
            protocol.connection_made, protocol.pipe_data_received, protocol.process_exited,
        )  # fmt: skip

        def connection_made(transport: Any) -> None:
            call.exit_code = transport.get_returncode
            made(transport)

        def pipe_data_received(descriptor: int, data: bytes) -> None:
            if (name := _NAMES.get(descriptor)) is not None:
                call.printed(name, bytes(data))
            received(descriptor, data)

        def process_exited() -> None:
            if (code := call.exit_code()) is not None:
                call.exited(code)
            exited()

        protocol.connection_made = connection_made
        protocol.pipe_data_received = pipe_data_received
        protocol.process_exited = process_exited
    except BaseException:
        suppress_and_count("capture")
    return protocol


async def rebuilt(
    loop: asyncio.AbstractEventLoop,
    protocol: Any,
    call: ProgramCall,
    answer: Answer,
    options: Mapping[str, Any],
) -> tuple[Any, Any]:
    """Rebuild: a transport that gives what was printed, and exits when the program did."""
    call.started()
    parts = answer.parts_async()
    await anext(parts, None)  # the answer is given
    piped = [n for n, name in enumerate(_PIPES) if options.get(name, -1) == subprocess.PIPE]
    transport = _Program(loop, protocol, call, answer, piped)
    transport.rest = parts
    protocol.connection_made(transport)
    transport.run()
    return transport, protocol


class _Pipe(asyncio.Transport):
    """Stands for a pipe: what is written to it goes nowhere."""

    def __init__(self, program: _Program, descriptor: int) -> None:
        super().__init__()
        self._program = program
        self._descriptor = descriptor
        self._is_closed = False

    def write(self, data: Any) -> None:
        """Write nothing."""

    def is_reading(self) -> bool:
        return not self._is_closed

    def pause_reading(self) -> None:
        """Go on: what comes is there already."""

    def resume_reading(self) -> None:
        """Go on."""

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._program.lost(self._descriptor)

    abort = close


class _Program(asyncio.SubprocessTransport):
    """Stands for a program and its pipes."""

    #: What is left of the answer of a program that ran on: its hanging.
    rest: AsyncIterator[bytes]

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: Any,
        call: ProgramCall,
        answer: Answer,
        piped: list[int],
    ) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._call = call
        self._answer = answer
        self._pipes = {descriptor: _Pipe(self, descriptor) for descriptor in piped}
        self._ends_at = loop.time() + answer.took_s
        self._returncode: int | None = None
        self._exited: asyncio.Future[int] = loop.create_future()
        self._is_closed = False

    def run(self) -> None:
        """Have the program print and exit, in a task."""
        self._running = self._loop.create_task(self._run())

    async def _run(self) -> None:
        answer = self._answer
        for descriptor, name in _NAMES.items():
            if descriptor in self._pipes and (text := printed_text(answer, name)):
                self._protocol.pipe_data_received(descriptor, text.encode())
        if type(answer.head.get("status")) is int:
            await asyncio.sleep(self._ends_at - self._loop.time())
            self._exit(answer.status)
        else:  # it ran on
            async for _ in self.rest:
                pass
            self._exit(0)

    def _exit(self, code: int) -> None:
        if self._returncode is not None:
            return
        self._returncode = code
        self._call.exited(code)
        for descriptor in (1, 2):
            if descriptor in self._pipes:
                self._pipes[descriptor].close()
        self._protocol.process_exited()
        if not self._exited.done():
            self._exited.set_result(code)
        self._loop.call_soon(self._protocol.connection_lost, None)

    def lost(self, descriptor: int) -> None:
        """A pipe was closed."""
        self._loop.call_soon(self._protocol.pipe_connection_lost, descriptor, None)

    async def _wait(self) -> int:
        await asyncio.shield(self._exited)
        assert self._returncode is not None
        return self._returncode

    def get_pid(self) -> int:
        return NO_PROCESS

    def get_returncode(self) -> int | None:
        return self._returncode

    def get_pipe_transport(self, fd: int) -> Any:
        return self._pipes.get(fd)

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def get_protocol(self) -> Any:
        return self._protocol

    def is_closing(self) -> bool:
        return self._is_closed

    def send_signal(self, number: int) -> None:
        if self._returncode is not None:
            raise ProcessLookupError
        self._running.cancel()
        self._loop.call_soon(self._exit, -int(number))

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        for pipe in self._pipes.values():
            pipe.close()
        if self._returncode is None:
            self.kill()
