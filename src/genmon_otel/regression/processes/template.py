"""The template of replays: a process that has imported a target, and forks a child for each replay.

It stands behind the same restrictions as a replay, and each child adds its own: nothing that a
child does reaches the template, and it changes no file that another replay sees. The template
serves its owner, which sends it commands over a socket, one replay at a time.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

from genmon_otel.code_version import sources_version
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.isolation import landlock, namespaces
from genmon_otel.regression.processes import limits, loaded, replay_process
from genmon_otel.regression.processes.held_threads import HeldThreads
from genmon_otel.regression.replaying.controls import Controls
from genmon_otel.regression.replaying.replay import Replay
from genmon_otel.stacks import is_in_app

#: Seconds without a request after which a template ends.
_IDLE_S: Final = 60
#: Bytes of a request, which names descriptors and holds no case.
_MAX_REQUEST: Final = 1 << 16
#: Descriptors that come with a request to replay: the case, the answer, the output.
_DESCRIPTORS: Final = 3
#: Rounds of ending what a replay has started.
_MAX_ROUNDS: Final = 50
_GRACE_S: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a template was started."""

    #: The socket to its owner.
    control: int
    #: What its messages begin with: code of the project does not know it.
    word: bytes
    #: Folders that its namespace alone has.
    own: tuple[str, ...]
    #: Whether its namespace has only its own processes.
    own_processes: bool
    #: Processes and threads that a replay may have.
    processes: int
    landlock: bool
    programs: bool
    network: bool
    #: Time of the start, Unix seconds.
    began_at: float


def serve(request_path: str, settings: Settings) -> NoReturn:
    """Import the target of a request file, then serve; ends this process."""
    request: Mapping[str, Any] = json.loads(Path(request_path).read_bytes())
    replay_process.look_for_modules(request["paths"])
    Template(request, settings).serve()


@dataclass(slots=True)
class _State:
    """Process-wide state that an import may change."""

    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    folder: str = field(default_factory=os.getcwd)
    path: list[str] = field(default_factory=lambda: list(sys.path))
    recursion: int = field(default_factory=sys.getrecursionlimit)
    handlers: list[Any] = field(
        default_factory=lambda: [signal.getsignal(number) for number in signal.valid_signals()]
    )


class Template:
    """A process from which replays are forked.

    Args:
        request: what the first replay is asked.
        settings: how the process was started.
    """

    def __init__(self, request: Mapping[str, Any], settings: Settings) -> None:
        self._settings = settings
        self._control = socket.socket(fileno=settings.control)
        self._control.set_inheritable(False)
        self._case = Case.from_dict(request["case"])
        self._request = request
        self._controls = Controls.of(self._case, Path(request["workspace"]))
        self._clock_was_read = False
        #: Files that the import opened to read and left open.
        self._open_files: tuple[int, ...] = ()
        self._chance: Any = None
        self._received = b""
        self._descriptors: list[int] = []

    def serve(self) -> NoReturn:
        """Import the target, then run the requested replays until the owner is gone."""
        namespaces.adopt_orphans()
        self._controls.install(self._case)
        before, open_before = _State(), loaded.open_descriptors()
        why = self._load()
        sandbox = self._controls.sandbox
        with sandbox.unwatched():
            why = why or self._why_not(open_before)
            self._freeze()
            self._tell(
                ready=not why,
                why=why,
                is_shareable=before == _State(),
                reads_clock=self._clock_was_read,
                files=loaded.files(
                    sandbox.read or (), self._request["workspace"], self._settings.began_at
                ),
            )
        sandbox.read = None
        sandbox.phase = "over"
        while not why:
            asked, descriptors = self._receive()
            if asked is None:
                break
            if "import" in asked:
                why = self._import(asked["import"], open_before)
                self._tell(ready=not why, why=why)
            elif "word" in asked:
                self._replay(asked, descriptors)
            # Else it was asked to end a replay that had just ended.
        os._exit(0)

    # --- importing

    def _load(self) -> str:
        """Import the target; return why no replay can be forked."""
        controls = self._controls
        controls.sandbox.read = set()
        controls.clock.when_read = self._note_reading
        self._held = HeldThreads()
        try:
            with self._held, loaded.rarely_collected():
                Replay(self._case, self._request, controls).load()
        except BaseException as error:  # a replay that is started anew says what is wrong
            return f"the target cannot be imported beforehand ({type(error).__name__})"
        finally:
            controls.clock.when_read = None
        return ""

    def _note_reading(self) -> None:
        """Note that the application itself asks for the date: it may keep it."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            module = str(frame.f_globals.get("__name__", ""))
            if not module.startswith("genmon_otel."):
                self._clock_was_read |= is_in_app(frame.f_code.co_filename, module)
                return
            frame = frame.f_back

    def _import(self, modules: list[str], open_before: set[int]) -> str:
        """Import what a replay imported while it ran; return why no replay can be forked now."""
        sandbox = self._controls.sandbox
        notes, missing = list(sandbox.notes), list(self._controls.missing)
        sandbox.phase = "importing"
        known = set(sys.modules)
        for name in modules:
            if name not in sys.modules and loaded.is_installed(name):
                with contextlib.suppress(BaseException):
                    importlib.import_module(name)
        with sandbox.unwatched():
            refused = sandbox.notes != notes
            sandbox.notes[:], self._controls.missing[:] = notes, missing
            sandbox.phase = "over"
            self._controls.ahead |= set(sys.modules) - known
            why = "what it imports beforehand is refused" if refused else ""
            why = why or self._why_not(open_before)
            self._freeze()
        return why

    def _why_not(self, open_before: set[int]) -> str:
        """Return why no replay can be forked from this process; empty where one can."""
        if threads := loaded.threads():
            return f"the import leaves threads running: {threads}"
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            return "the import leaves a process running"
        if any(signal.getitimer(timer)[0] for timer in loaded.TIMERS):
            return "the import leaves a timer running"
        try:
            self._open_files = loaded.files_left_open(open_before)
        except loaded.LeftOpen as error:
            return str(error)
        return ""

    def _freeze(self) -> None:
        """Keep the garbage collector of each child away from what is there."""
        sources_version()  # which modules are the application's is known to each child then
        gc.collect()
        gc.freeze()
        self._chance = random.getstate()

    # --- replaying

    def _replay(self, asked: Mapping[str, Any], descriptors: list[int]) -> None:
        """Fork a child that replays; when it is over, end what it has started and say so."""
        sys.stdout.flush()
        sys.stderr.flush()
        sandbox, parent = self._controls.sandbox, os.getpid()
        sandbox.phase = "importing"
        child = sandbox.fork()
        if not child:
            try:
                with sandbox.unwatched():
                    word, request = self._become_replay(asked, descriptors, parent)
                self._held.start()
                replay_process.answer(request, descriptors[1], word, self._controls)
            finally:
                os._exit(70)
        sandbox.phase = "over"
        for descriptor in descriptors:
            os.close(descriptor)
        command = self._wait(child, asked["deadline_s"] + _GRACE_S)
        is_computing = bool(command and command.get("late")) and limits.is_computing(child)
        code = self._end(child)
        self._clear()
        self._tell(ended=code, is_computing=is_computing)
        if command is None:  # the owner is gone, or no longer looks at the time
            os._exit(0)

    def _become_replay(
        self, asked: Mapping[str, Any], descriptors: list[int], parent: int
    ) -> tuple[bytes, Mapping[str, Any]]:
        """Be the process of one replay: as isolated as a new process."""
        settings, controls = self._settings, self._controls
        namespaces.end_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(70)
        os.setsid()
        case_from, _, output = descriptors
        self._control.close()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        loaded.open_anew(self._open_files)
        if settings.landlock:
            workspace = self._request["workspace"]
            writable = [workspace, *settings.own, *limits.DEVICES]
            landlock.restrict(writable, execute=settings.programs, tcp=settings.network)
        limits.bound(settings.processes)
        signal.alarm(int(asked["deadline_s"]) + _GRACE_S)
        with open(case_from, "rb") as file:
            request: Mapping[str, Any] = json.load(file)
        controls.clock.begin_at(Case.from_dict(request["case"]).began_at)
        random.setstate(self._chance)  # a hook seeds it anew in each child
        return asked["word"].encode(), request

    def _wait(self, child: int, seconds: float) -> Mapping[str, Any] | None:
        """Wait until a child has ended, or the owner sends a command; None where the time is over first."""
        ended = os.pidfd_open(child)
        waiting = select.poll()
        waiting.register(ended, select.POLLIN)
        waiting.register(self._control, select.POLLIN)
        events = dict(waiting.poll(seconds * 1000))
        os.close(ended)
        if self._control.fileno() in events:
            return self._receive()[0]
        return {} if events else None

    def _end(self, child: int) -> int:
        """End a child and all that it has started; return its exit code."""
        code = -signal.SIGKILL
        with contextlib.suppress(ChildProcessError):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
        if not self._settings.own_processes:
            limits.end_all(child)
            return code
        for _ in range(_MAX_ROUNDS):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(-1, signal.SIGKILL)  # all of this namespace but its first, and this one
            try:
                while os.waitpid(-1, 0):
                    pass
            except ChildProcessError:
                break
        return code

    def _clear(self) -> None:
        """Empty the folders that only this namespace sees."""
        for folder in self._settings.own:
            for entry in os.listdir(folder):
                loaded.remove(os.path.join(folder, entry))

    # --- the owner

    def _receive(self) -> tuple[dict[str, Any] | None, list[int]]:
        """Wait for the owner's request; None where it is gone, or has sent none for long."""
        waiting = select.poll()
        waiting.register(self._control, select.POLLIN)
        while b"\n" not in self._received:
            if not waiting.poll(_IDLE_S * 1000):
                return None, []
            try:
                data, came, _, _ = socket.recv_fds(self._control, _MAX_REQUEST, _DESCRIPTORS)
            except OSError:
                return None, []
            if not data:
                return None, []
            self._received += data
            self._descriptors += came
        line, _, self._received = self._received.partition(b"\n")
        asked: dict[str, Any] = json.loads(line)
        descriptors = self._descriptors if "word" in asked else []
        if descriptors:
            self._descriptors = []
        return asked, descriptors

    def _tell(self, **message: Any) -> None:
        line = self._settings.word + json.dumps(message).encode() + b"\n"
        with contextlib.suppress(OSError):
            self._control.sendall(line)
