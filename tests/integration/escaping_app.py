"""An application that tries to get out of a replay, in every way that its tests know.

Each way leaves something in the folder ``OUT``, or ends the process ``VICTIM``, where it works.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import dbm.dumb
import gc
import logging.handlers
import mmap
import multiprocessing
import os
import resource
import shelve
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from genmon_otel import generation

OUT = Path()
VICTIM = 0


def _in(name: str) -> str:
    return str(OUT / name)


def _folder() -> int:
    return os.open(OUT, os.O_RDONLY)


def _beside() -> str:
    """The folder, by a name relative to the working directory."""
    return os.path.relpath(OUT)


def _attach(statement: str, *parameters: str, uri: bool = False) -> None:
    with contextlib.closing(sqlite3.connect(":memory:", uri=uri)) as database:
        database.execute("create table t (x)")
        database.execute(statement, parameters)
        if statement.startswith("attach"):
            database.execute("create table a.t (x)")


def _sqlite(name: str, **options: Any) -> None:
    with contextlib.closing(sqlite3.connect(name, **options)) as database:
        database.execute("create table t (x)")


def _port(position: int) -> int:
    return int(Path(_in("ports")).read_text().split()[position])


def _datagrams() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


def _udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def _bind_multipath() -> None:
    """Listen on a known port by a protocol that Landlock does not count as TCP."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as it:
        it.bind(("127.0.0.1", _port(2)))
        _tell("mptcp")


def _append() -> None:
    with open(_in("kept"), "a") as file:
        file.write("more")


def _open_by(opener: Callable[[str, int], int]) -> None:
    with open("open4", "w", opener=opener) as file:
        file.write("x")


def _dbm(module: str) -> None:
    __import__(module).open(_in(module), "c").close()


def _shelf() -> None:
    with shelve.open(_in("shelf")) as shelf:
        shelf["x"] = 1


def _zip() -> None:
    with zipfile.ZipFile(_in("zip"), "w") as archive:
        archive.writestr("x", "x")


def _log() -> None:
    handler = logging.handlers.RotatingFileHandler(_in("log"))
    handler.emit(logging.makeLogRecord({"msg": "x"}))


def _map() -> None:
    with open(_in("kept"), "r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        view[0] = 88


def _hard_link_in() -> None:
    os.link(_in("kept"), "linked")
    Path("linked").write_text("changed")


def _dots_behind_a_link() -> None:
    os.symlink(_in("empty"), "away")
    Path("away/../dots").write_text("x")


def _working_folder() -> None:
    before = os.getcwd()
    try:
        os.fchdir(_folder())
        Path("here").write_text("x")
    finally:
        os.chdir(before)


def _shared_memory() -> None:
    from multiprocessing import shared_memory

    memory = shared_memory.SharedMemory(f"genmon-escape-{VICTIM}", create=True, size=8)
    memory.close()


def _link_then_write() -> None:
    os.symlink(_in("by-link"), "link")
    Path("link").write_text("x")


def _descriptor(act: Callable[[int], Any]) -> None:
    opened = os.open(_in("kept"), os.O_RDONLY)
    try:
        act(opened)
    finally:
        os.close(opened)


def _fork() -> None:
    child = os.fork()
    if not child:
        try:
            Path(_in("fork")).touch()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _thread(act: Callable[[], Any]) -> None:
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


async def _program() -> None:
    process = await asyncio.create_subprocess_exec("/usr/bin/touch", _in("asyncio"))
    await process.wait()


def _raw_fork_exec() -> None:
    import _posixsubprocess

    read, write = os.pipe()
    rest: tuple[Any, ...] = (-1, -1, -1, -1, -1, -1, read, write, True, False)
    more = (0, None, None, None, -1, None) + ((True,) if sys.version_info < (3, 14) else ())
    arguments = [b"/usr/bin/touch", _in("fork-exec").encode()]
    process = _posixsubprocess.fork_exec(
        arguments, (arguments[0],), True, (write,), None, None, *rest, *more
    )
    os.waitpid(process, 0)


def _in_memory_program() -> None:
    descriptor = os.memfd_create("x")
    os.write(descriptor, Path("/usr/bin/touch").read_bytes())
    child = ctypes.CDLL(None).fork()
    if not child:
        try:
            os.execve(descriptor, ["touch", _in("memfd")], {})
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _read(name: str) -> None:
    found = Path(name).read_bytes()
    _tell(f"{name}, {len(found)} bytes")


def _read_environment(process: int) -> None:
    _read(f"/proc/{process}/environ")


def _tell(name: str) -> None:
    """Say that something worked where nothing can be written: end the victim, or say it aloud."""
    print("ESCAPED", name, flush=True)


def _write_memory() -> None:
    with open(f"/proc/{VICTIM}/mem", "r+b"):
        _tell("memory")


#: What an audit hook or a patched function can see. On Linux the kernel holds it as well.
WRITES: dict[str, Callable[[], Any]] = {
    "open": lambda: Path(_in("open")).write_text("x"),
    "append": _append,
    "relative": lambda: open(os.path.join(_beside(), "relative"), "w").close(),
    "mkfifo": lambda: os.mkfifo(_in("fifo")),
    "mkfifo folder": lambda: os.mkfifo("fifo2", dir_fd=_folder()),
    "mknod": lambda: os.mknod(_in("node"), 0o600 | 0o100000),
    "open folder": lambda: os.open("open2", os.O_CREAT | os.O_WRONLY, dir_fd=_folder()),
    "posix": lambda: __import__("posix").open("open3", os.O_CREAT | os.O_WRONLY, dir_fd=_folder()),
    "opener": lambda: _open_by(lambda name, flags: os.open(name, flags, dir_fd=_folder())),
    "unnamed": lambda: os.link(
        f"/proc/self/fd/{os.open(OUT, os.O_TMPFILE | os.O_WRONLY)}", _in("unnamed")
    ),
    "mkdir": lambda: os.mkdir("folder", dir_fd=_folder()),
    "link": lambda: os.link(__file__, "link2", dst_dir_fd=_folder()),
    "hard link in": _hard_link_in,
    "symlink": lambda: os.symlink("x", "link3", dir_fd=_folder()),
    "by a link": _link_then_write,
    "rename away": lambda: os.rename(_in("kept"), "taken"),
    "rename within": lambda: os.rename("kept", "moved", src_dir_fd=_folder(), dst_dir_fd=_folder()),
    "replace": lambda: (Path("new").write_text("new"), os.replace("new", _in("kept"))),
    "move": lambda: (Path("newer").write_text("new"), shutil.move("newer", _in("moved2"))),
    "remove": lambda: os.unlink("kept", dir_fd=_folder()),
    "rmtree": lambda: shutil.rmtree(_in("empty")),
    "rmdir": lambda: os.rmdir(_in("empty")),
    "truncate": lambda: os.truncate(_in("kept"), 0),
    "map": _map,
    "sqlite": lambda: _sqlite(_in("sqlite")),
    "sqlite, not an address": lambda: _sqlite(_in("a?mode=ro")),
    "sqlite, escaped address": lambda: _sqlite("file:" + _in("b").replace("/", "%2f"), uri=True),
    "sqlite, two modes": lambda: _sqlite(f"file:{_in('c')}?mode=ro&mode=rwc", uri=True),
    "sqlite, host": lambda: _sqlite(f"file://localhost{_in('d')}?mode=rwc", uri=True),
    "attach": lambda: _attach(f"attach '{_in('e')}' as a"),
    "attach parameter": lambda: _attach("attach ? as a", _in("f")),
    "vacuum": lambda: _attach(f"vacuum into '{_in('g')}'"),
    "dumb": lambda: dbm.dumb.open(_in("dumb"), "c").close(),
    "gdbm": lambda: _dbm("_gdbm"),
    "ndbm": lambda: _dbm("_dbm"),
    "shelf": _shelf,
    "zip": _zip,
    "log": _log,
    "socket file": lambda: socket.socket(socket.AF_UNIX).bind(_in("socket")),
    "dots behind a link": _dots_behind_a_link,
    "working folder": _working_folder,
    "reopened": lambda: _descriptor(lambda o: Path(f"/proc/self/fd/{o}").write_text("x")),
    "temporary file": lambda: tempfile.NamedTemporaryFile(dir=OUT, delete=False).close(),
    "shared memory": _shared_memory,
    "attach address": lambda: _attach(f"attach 'file:{_in('h')}?mode=rwc' as a", uri=True),
    "thread": lambda: _thread(lambda: Path(_in("thread")).touch()),
}
#: Changes of what a file says of itself: Landlock does not hold these, a namespace of files does.
MODES: dict[str, Callable[[], Any]] = {
    "chmod": lambda: os.chmod(_in("kept"), 0o777),
    "chmod folder": lambda: os.chmod("kept", 0o777, dir_fd=_folder()),
    "chmod descriptor": lambda: _descriptor(lambda opened: os.fchmod(opened, 0o777)),
    "utime": lambda: os.utime(_in("kept"), (1, 1)),
    "utime descriptor": lambda: _descriptor(lambda opened: os.utime(opened, (1, 1))),
    "setxattr": lambda: os.setxattr(_in("kept"), "user.x", b"x"),
    "setxattr descriptor": lambda: _descriptor(lambda o: os.setxattr(o, "user.x", b"x")),
}
PROGRAMS: dict[str, Callable[[], Any]] = {
    "run": lambda: subprocess.run(["/usr/bin/touch", _in("run")], check=False),
    "shell": lambda: subprocess.run(f"touch {_in('shell')}", shell=True, check=False),
    "system": lambda: os.system(f"touch {_in('system')}"),
    "popen": lambda: os.popen(f"touch {_in('popen')}").read(),
    "spawn": lambda: os.spawnv(os.P_WAIT, "/usr/bin/touch", ["touch", _in("spawn")]),
    "posix_spawn": lambda: os.waitpid(
        os.posix_spawn("/usr/bin/touch", ["touch", _in("posix")], {}), 0
    ),
    "fork": _fork,
    "fork_exec": _raw_fork_exec,
    "multiprocessing": lambda: (
        multiprocessing.get_context("fork").Process(target=Path(_in("process")).touch).start()
    ),
    "asyncio": lambda: asyncio.run(_program()),
    "ctypes system": lambda: ctypes.CDLL(None).system(f"touch {_in('libc')}".encode()),
    "ctypes open": lambda: ctypes.CDLL(None).open(_in("libc2").encode(), 0o101, 0o600),
    "ctypes creat": lambda: ctypes.CDLL(None)["creat"](_in("libc3").encode(), 0o600),
    "in memory": _in_memory_program,
}
PROCESSES: dict[str, Callable[[], Any]] = {
    "kill": lambda: os.kill(VICTIM, signal.SIGTERM),
    "killpg": lambda: os.killpg(VICTIM, signal.SIGTERM),
    "pidfd": lambda: signal.pidfd_send_signal(os.pidfd_open(VICTIM), signal.SIGTERM),
    "ctypes kill": lambda: ctypes.CDLL(None).kill(VICTIM, signal.SIGTERM),
    "environment": lambda: _read_environment(VICTIM),
    "environment by a link": lambda: (
        os.symlink(f"/proc/{VICTIM}/environ", "environ"),
        Path("environ").read_bytes(),
        _tell("environ by link"),
    ),
    "parent's environment": lambda: _read_environment(os.getppid()),
    "environment by dots": lambda: _read(f"/proc/thread-self/../../../{VICTIM}/environ"),
    "environment of a thread": lambda: _read(f"/proc/{VICTIM}/task/{VICTIM}/environ"),
    "folder of a process": lambda: signal.pidfd_send_signal(
        os.open(f"/proc/{VICTIM}", os.O_RDONLY), signal.SIGTERM
    ),
    "priority": lambda: (os.setpriority(os.PRIO_PROCESS, VICTIM, 5), _tell("priority")),
    "memory": _write_memory,
    "limits": lambda: (
        resource.prlimit(VICTIM, resource.RLIMIT_NOFILE, (9, 9)),
        _tell("limits"),
    ),
    "all": lambda: os.kill(-1, signal.SIGTERM) if os.getpid() < 10 else None,
}
#: Where the test listens, by what it is.
SOCKETS: dict[str, Callable[[], Any]] = {
    "file": lambda: socket.socket(socket.AF_UNIX).connect(_in("listening")),
    "file, relative": lambda: socket.socket(socket.AF_UNIX).connect(
        os.path.join(_beside(), "listening")
    ),
    "datagram": lambda: _datagrams().sendto(b"x", _in("datagrams")),
    "tcp": lambda: socket.create_connection(("127.0.0.1", _port(0)), 1),
    "tcp, fast open": lambda: socket.socket().sendmsg(
        [b"x"], [], 0x20000000, ("127.0.0.1", _port(0))
    ),
    "mptcp": _bind_multipath,
    "udp": lambda: _udp().sendto(b"x", ("127.0.0.1", _port(1))),
    "udp, connected": lambda: (udp := _udp(), udp.connect(("127.0.0.1", _port(1))), udp.send(b"x")),
    "ctypes": lambda: ctypes.CDLL(None).connect(
        socket.socket(socket.AF_UNIX).fileno(),
        b"\1\0" + _in("listening").encode() + b"\0",
        3 + len(_in("listening")),
    ),
}
ALL = {
    "sockets": SOCKETS,
    "writes": WRITES,
    "modes": MODES,
    "programs": PROGRAMS,
    "processes": PROCESSES,
}


def _take_the_hook_off() -> None:
    """Do what native code amounts to: nothing of Python looks at what follows."""
    gc.unfreeze()  # a template has frozen it
    for found in gc.get_objects():
        if type(found).__name__ == "Sandbox":
            found.phase = "over"


@generation(name="escaping")
def escaping(out: str, victim: int, kinds: str, hooked: bool) -> None:
    """Try them all, and swallow what comes of it."""
    global OUT, VICTIM
    if not os.environ.get("GENMON_REPLAY"):
        raise ValueError("after all")
    OUT, VICTIM = Path(out), victim
    if not hooked:
        _take_the_hook_off()
    for kind in kinds.split():
        for name, attempt in ALL[kind].items():
            try:
                attempt()
            except BaseException as error:
                print(f"{kind}, {name}: {type(error).__name__}: {error}"[:200], flush=True)
            else:
                print(f"{kind}, {name}: no error", flush=True)
    raise ValueError("after all")


@generation(name="hanging")
def hanging() -> None:
    """Never end, and start what would outlive this process."""
    if not os.environ.get("GENMON_REPLAY"):
        raise ValueError("after all")
    _take_the_hook_off()
    for signal_number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(signal_number, signal.SIG_IGN)
    if not os.fork():
        os.setsid()
        if os.fork():
            os._exit(0)
        Path("orphan").touch()
    else:
        os.mkdir("locked", 0o500)
        Path("ready").touch()
    while True:
        signal.pause()


@generation(name="going_native")
def going_native(how: str, path: str) -> None:
    """Fail at what a library's native code may not do, or at something of the application's."""
    if not os.environ.get("GENMON_REPLAY"):
        raise ValueError("after all")
    if how == "native":
        _take_the_hook_off()
        try:
            Path(path).write_text("x")
        except OSError as error:
            raise RuntimeError("the report could not be kept") from error
    if how == "own":
        raise RuntimeError("permission denied: ask an administrator")
    raise ValueError("after all")


#: A thousand processes, each of which starts two: a bomb that burns out where nothing stops it.
BOMB = 'b() { if [ "$1" -gt 0 ]; then b $(($1-1)) & b $(($1-1)) & fi; sleep 300; }; b 9'


@generation(name="bombing")
def bombing(how: str, mark: str = "") -> None:
    """Start processes that start processes, as a declared program or as native code does."""
    if not os.environ.get("GENMON_REPLAY"):
        raise ValueError("after all")
    if how == "program":
        subprocess.run(["sh", "-c", f"{BOMB} # {mark}"], check=False)
    _take_the_hook_off()
    for _ in range(8):
        if not os.fork():
            os.setsid()
    while True:
        signal.pause()


#: What a replay that passes reports.
FORGED = (
    b'{"generations": 1, "outcome": "success", "trigger_consumed": true, "postcondition": "",'
    b' "result_shape": {"type": "dict"}}\n'
)


@generation(name="forging")
def forging(how: str) -> None:
    """Write a passing answer to every descriptor that is open, with what may go before it."""
    if not os.environ.get("GENMON_REPLAY"):
        raise ValueError("after all")
    _take_the_hook_off()
    before = b""
    for process in ("self", "1"):
        with contextlib.suppress(OSError):
            before += Path("/proc", process, "cmdline").read_bytes()
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            os.set_blocking(descriptor, False)
            os.write(descriptor, FORGED if how == "plain" else before + FORGED)
        if how == "read":
            with contextlib.suppress(OSError):
                os.write(descriptor, os.read(descriptor, 64) + FORGED)
    raise ValueError("after all")
