"""Tables of what the sandbox watches: audit events and native functions, by effect.

Source: https://docs.python.org/3/library/audit_events.html
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, Final

from genmon_otel.regression.judging.observation import Reason

NETWORK: Final = frozenset(
    "socket.connect socket.getaddrinfo socket.gethostbyname socket.gethostbyaddr "
    "socket.getnameinfo socket.sendto socket.sendmsg socket.sethostname "
    "syslog.openlog syslog.syslog".split()
)
#: Event -> positions of its paths, and of their ``dir_fd`` (-1: none). A file that is linked is
#: written to through the link.
WRITES: Final[Mapping[str, tuple[tuple[int, int], ...]]] = {
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.mkdir": ((0, 2),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((0, 2), (1, 3)),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, -1),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.utime": ((0, 3),),
    "os.chflags": ((0, -1),),
    "os.setxattr": ((0, -1),),
    "os.removexattr": ((0, -1),),
    "os.mkfifo": ((0, 1),),
    "os.mknod": ((0, 1),),
    "dbm.open": ((0, -1),),
}
#: Of these, the ones that change what a link points to rather than the link.
THROUGH_LINKS: Final = frozenset(
    "os.truncate os.chmod os.utime os.chflags os.setxattr os.link dbm.open".split()
)
PROGRAMS: Final = frozenset(
    "subprocess.Popen os.system os.exec os.posix_spawn os.spawn os.fork os.forkpty os.startfile "
    "_posixsubprocess.fork_exec".split()
)
#: Event -> its first argument is the number of a process, or of a group of them.
PROCESSES: Final = frozenset(
    "os.kill os.killpg resource.prlimit os.pidfd_open os.setpriority os.sched_setaffinity "
    "os.sched_setscheduler os.sched_setparam".split()
)


def _native(**names: str) -> dict[str, Reason]:
    reasons: dict[str, Reason] = {
        "network": "network", "write": "write", "subprocess": "subprocess", "process": "process",
    }  # fmt: skip
    return {name: reasons[key] for key, text in names.items() for name in text.split()}


#: Functions of the C library that are used through ``ctypes`` only to do what is refused here.
NATIVE: Final[Mapping[str, Reason]] = _native(
    subprocess="system popen execl execle execlp execv execve execveat execvp execvpe fexecve fork "
    "vfork _Fork clone clone3 posix_spawn posix_spawnp wordexp forkpty daemon syscall",
    process="kill killpg tgkill tkill sigqueue pidfd_open pidfd_send_signal pidfd_getfd ptrace "
    "process_vm_readv process_vm_writev prlimit prlimit64 setpriority",
    write="open open64 openat openat64 __open __open64 openat2 creat creat64 fopen fopen64 freopen "
    "freopen64 unlink unlinkat remove rename renameat renameat2 rmdir mkdir mkdirat mkfifo mkfifoat "
    "mknod mknodat __xmknod link linkat symlink symlinkat chmod fchmod fchmodat chown fchown lchown "
    "fchownat truncate truncate64 utime utimes utimensat futimens lutimes setxattr lsetxattr "
    "fsetxattr removexattr mkstemp mkstemp64 mkdtemp shm_open shm_unlink sem_open sem_unlink mount "
    "umount umount2 chroot pivot_root",
    network="connect sendto sendmsg sendmmsg getaddrinfo gethostbyname gethostbyname2 res_query",
)


def path_of(descriptor: int) -> str:
    """Return the path of an open file; its kind if it has none; "" if that is unknown."""
    if sys.platform.startswith("linux"):
        try:
            return os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            return ""
    if sys.platform == "darwin":
        import fcntl

        try:
            found: bytes = fcntl.fcntl(descriptor, fcntl.F_GETPATH, b"\0" * 1024)
        except OSError:
            return ""
        return os.fsdecode(found.rstrip(b"\0"))
    return ""


def is_own(number: Any, *, group: bool = False) -> bool:
    """Whether a number is that of this process, of its group, or of a child of its."""
    if not isinstance(number, int) or (number < 0 and not group):
        return False
    if number in (0, os.getpid()) or (group and number == os.getpgrp()):
        return True
    try:
        os.waitid(os.P_PID, number, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except (OSError, AttributeError):
        return False
    return True
