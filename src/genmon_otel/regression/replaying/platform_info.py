"""Let Python's ``platform`` module run its programs before a replay refuses programs."""

from __future__ import annotations

import contextlib
import platform


def warm_up_platform() -> None:
    """Ask once what client libraries put into their headers; ``platform`` remembers the answers.

    Some of them (``processor``, ``architecture``) run a program, ``uname`` or ``file``, where
    there is one and the kernel lets it; without one the answer is the module's own default.
    """
    for ask in (
        platform.uname,
        platform.processor,
        platform.platform,
        platform.architecture,
        platform.libc_ver,
        platform.mac_ver,
        platform.freedesktop_os_release,
    ):
        with contextlib.suppress(Exception):
            ask()
