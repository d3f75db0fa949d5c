"""A program as an automatic step: how it was started, what it printed, how it exited."""

from __future__ import annotations

import errno
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from genmon_otel.capture.calls import AutomaticCall, begin, recording
from genmon_otel.capture.exchanged import ExchangeRequest, StatusFault
from genmon_otel.capture.sites import is_asked_by
from genmon_otel.capture.wire import MAX_BYTES, Sent, opaque, text_tree
from genmon_otel.payload import decode
from genmon_otel.ports import Answer, ProgramStart
from genmon_otel.recorder.facts import Exchange
from genmon_otel.recorder.runtime import suppress_and_count
from genmon_otel.records import Outcome, StepKind, Tree
from genmon_otel.text import clean

ADAPTER: Final = "program"
#: Number of a process that there is none of: a replayed one's.
NO_PROCESS: Final = 2**30
#: Standard output and standard error: attribute of a ``Popen``, name in an answer.
OUTPUTS: Final[Mapping[str, str]] = {"stdout": "body", "stderr": "stderr"}
#: Characters of a program's name, and of the word behind it.
_MAX_NAME: Final = 60
_WORD: Final = re.compile(r"[a-z][a-z-]{1,30}\Z")
#: Variables that a shell sets for the program behind them, and for those behind it.
_VARIABLES: Final = re.compile(
    r"(?:(?:export\s+)?[A-Za-z_]\w*\+?=(?:[^\s\"'`(\\;&|]|\\.|\"(?:[^\"\\]|\\.)*+\"|'[^']*+'|`[^`]*+`|(?<=\$)\([^)]*+\))*+(?:[\s;&|]++|\Z)|env\s+)*+",
    re.DOTALL,
)
#: What a shell may call; all else is of its grammar.
_PROGRAM: Final = re.compile(r"[^\s=\"'`$()<>|;&{}\\]+\Z")
#: Modules whose programs are no steps: what is asked of the machine, helpers of the interpreter,
#: and MCP's servers, of which each request is a step.
_OWN_WAYS: Final = ("platform", "distro.distro", "multiprocessing.util", "mcp.client.stdio")
#: Modules that start a program to ask about the machine, and accept that the program is missing.
_OPTIONAL_PROBES: Final = ("distro.distro",)


class Printed:
    """What a program printed on one of its outputs, as far as somebody read it."""

    __slots__ = ("encoding", "read", "rest", "size", "why")

    def __init__(self) -> None:
        #: How bytes are text there.
        self.encoding = "utf-8"
        #: What was read piece by piece, and what ``communicate`` gave at once after that.
        self.read: list[bytes] = []
        self.rest = b""
        self.size = 0
        #: Why nothing is kept of it any more; empty while it is.
        self.why = ""

    def let_go(self) -> int:
        """Keep nothing but the length; how many bytes were let go."""
        gone = len(self.rest) + sum(map(len, self.read))
        self.size, self.read, self.rest, self.why = self.size + gone, [], b"", "size"
        return gone

    def tree(self) -> Tree:
        """Return it as a tree: text, else opaque."""
        if self.why:
            return opaque(self.why)
        try:
            return text_tree(self.bytes().decode(self.encoding))
        except (UnicodeError, LookupError):
            return opaque("binary")

    def bytes(self) -> bytes:
        """Return all of it."""
        return b"".join(self.read) + self.rest


class ProgramCall(AutomaticCall):
    """A program from its start to its exit. Its output may be read after that."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.printed_on = {name: Printed() for name in OUTPUTS.values()}
        #: Returns the exit code as soon as the library has it, None before.
        #: An event loop reports an exit one turn after its code can be read.
        self.exit_code: Callable[[], int | None] = _no_code

    def set_start(self, args: Any, cwd: Any, *, is_fed: bool) -> None:
        """Say in a replay how it would be started.

        Args:
            args: its name and arguments, or a command of the shell.
            cwd: folder in which it would run; None: the process's own.
            is_fed: whether it would be written to while it runs.
        """
        folder = None if cwd is None else os.fsdecode(cwd)
        self.program = ProgramStart(words=tuple(words_of(args)), cwd=folder, is_fed=is_fed)

    def started(self) -> None:
        """It runs; whoever started it goes on."""
        try:
            self.leave()
            if self.outcome is None:
                self._answer = "stream"
                self._given_at = self.generation.runtime.clock.monotonic()
        except BaseException:
            suppress_and_count("capture", self.generation.runtime)

    def printed(self, name: str, data: bytes) -> None:
        """The consumer read something of its output; at most 1 MiB is kept of each."""
        try:
            if not data:
                return
            self.is_asked = False
            self._given_at = self.generation.runtime.clock.monotonic()
            output = self.printed_on[name]
            if output.why:
                output.size += len(data)
            else:
                output.read.append(data)
                self._hold(len(data))
                self._bound(output)
        except BaseException:
            suppress_and_count("capture", self.generation.runtime)

    def communicated(self, name: str, data: Any) -> None:
        """The consumer was given at once what was not read before."""
        try:
            output = self.printed_on[name]
            if isinstance(data, str):
                data = data.encode(output.encoding, "surrogateescape")
            if data and not output.why:
                self._hold(len(data) - len(output.rest))
                output.rest = bytes(data)
                self._bound(output)
        except BaseException:
            suppress_and_count("capture", self.generation.runtime)

    def _bound(self, output: Printed) -> None:
        if self._held > 2 * MAX_BYTES or len(output.rest) + sum(map(len, output.read)) > MAX_BYTES:
            self._hold(-output.let_go())

    def exited(self, code: int) -> None:
        """It ended, by itself or by a signal."""
        try:
            self.exit_code = _no_code
            if self.outcome is None:
                self.status = code
                self._answer = "value"
                self._settle(self.generation.runtime.clock.monotonic())
        except BaseException:
            suppress_and_count("capture", self.generation.runtime)

    def _look(self) -> None:
        try:
            code = self.exit_code() if self.outcome is None else None
        except BaseException:
            suppress_and_count("capture", self.generation.runtime)
        else:
            if code is not None:
                self.exited(code)

    def let_go_answer(self) -> bool:
        """Keep nothing of what it printed; whether there was something."""
        gone = sum(output.let_go() for output in self.printed_on.values() if output.bytes())
        self._let_go(gone)
        return gone > 0

    def _is_fault(self) -> bool:
        return bool(self.status)

    def _exchange(self) -> Exchange:
        return RanProgram(
            self.site,
            self.call,
            self.frames,
            self.sent,
            self.status,
            self._is_fault(),
            self.printed_on,
        )

    def _settle(self, ended: float) -> None:
        if self._is_fault():
            fault = StatusFault(self.adapter, self.status or 0, None)
            self.generation.note_error(fault, self)
            self._sign(fault)
            self._end(Outcome.FAILURE, ended, fault)
        else:
            self._end(Outcome.SUCCESS, ended)


def _no_code() -> None:
    return None


class _Fields(NamedTuple):
    site: str
    call: int
    frames: tuple[int, ...]
    sent: Sent
    #: Its exit code; None while it runs.
    status: int | None
    is_fault_status: bool
    printed: Mapping[str, Printed]
    adapter: str = ADAPTER


class RanProgram(ExchangeRequest, _Fields):
    """How a program was started and ended. Implements :class:`genmon_otel.recorder.facts.Exchange`."""

    __slots__ = ()

    def answer_texts(self) -> Iterator[str]:
        """Return what it printed."""
        return (output.bytes().decode("utf-8", "replace") for output in self.printed.values())

    def outcome(self, kind: StepKind) -> Tree:
        """Return the tree of what it printed, and of its exit code; a list while it runs."""
        head: dict[str, Tree] = {"status": self.status, "headers": {}, "at": 0.0}
        head |= {name: output.tree() for name, output in self.printed.items()}
        return [head] if kind == "stream" else head


def printed_text(answer: Answer, name: str) -> str:
    """Return what a recorded program printed; one of which nothing was kept may not be touched."""
    text = decode(answer.head.get(name))
    return "" if text is None else text + ""


def begin_program(args: Any, executable: Any, *, is_async: bool) -> ProgramCall | None:
    """Begin the step of a program that is about to be started; None where it is none.

    Args:
        args: its name and arguments, or a command of the shell.
        executable: the file that is run in place of the first; None: it is that.
        is_async: whether an event loop starts it.

    Raises:
        FileNotFoundError: only in a replay, of a program whose caller goes without it.
    """
    generation = recording()
    if generation is None:
        return None
    if generation.runtime.player is not None and is_asked_by(*_OPTIONAL_PROBES):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    try:
        # What a loop starts by subprocess is a step of the loop's.
        if is_asked_by(*_OWN_WAYS, *(() if is_async else ("asyncio.unix_events",))):
            return None
        name, sent = sent_of(args, executable)
        player = generation.runtime.player
        if player is not None and player.runs_for_real(sent.path):
            return None
        call = begin(generation, ADAPTER, sent, is_async=is_async, name=name, kind=ProgramCall)
        assert call is None or isinstance(call, ProgramCall)
        return call
    except BaseException:
        suppress_and_count("capture")
        return None


def sent_of(args: Any, executable: Any) -> tuple[str, Sent]:
    """Request: the program's name, and its arguments without what temporary folders are called."""
    words = words_of(args)
    first = _first_command(words[0]) if len(words) == 1 else words
    program = os.path.basename(os.fsdecode(executable) if executable else first[0])
    if words[:1] and os.path.basename(words[0]) == "sh" and len(words) == 3 and words[1] == "-c":
        first = _first_command(words[2])
        program = os.path.basename(first[0]) if words[2].strip() else program
    name = clean(program, _MAX_NAME)
    if len(first) > 1 and _WORD.match(first[1]):
        name = f"{name} {first[1]}"
    temporary = re.escape(os.path.realpath(tempfile.gettempdir()))
    shown = re.sub(rf"{temporary}/[^/\s'\"]+", "<tmp>", json.dumps(words))
    return name, Sent("RUN", "", program, "", "application/json", shown.encode())


def _first_command(line: str) -> list[str]:
    """Return the words of a shell command from its first program on, without the variables before it: their values may be secrets."""
    words = _VARIABLES.sub("", line.lstrip()).split()
    return words if words and _PROGRAM.match(words[0]) else ["sh"]


def words_of(args: Any) -> list[str]:
    """Return a program's name and arguments; of a command of the shell that command."""
    if isinstance(args, (str, bytes, os.PathLike)):
        return [os.fsdecode(args)]
    return [os.fsdecode(word) for word in args]
