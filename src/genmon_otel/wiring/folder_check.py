"""Whether other users of the machine can change what genmon keeps in a folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from genmon_otel.wiring.host_check import in_container


def exposure(folder: Path) -> tuple[str, str]:
    """Say how others can change what lies in a folder, and what to do; two empty texts if they cannot.

    Links are followed. Above the folder others may write where only owners may delete (as in
    ``/tmp``). A container's volume is its own, whatever its mode: ``emptyDir`` is 0777.
    """
    real = Path(os.path.realpath(folder))
    for place in (real, *real.parents):
        try:
            found = place.stat()
        except OSError:
            continue  # does not exist yet: it will be created for this user alone
        if place == real and found.st_uid not in (os.geteuid(), 0):
            return (
                f"{place} belongs to another user (uid {found.st_uid})",
                f"Give it to the user that runs this (chown {os.geteuid()} {place})",
            )
        is_open = bool(found.st_mode & stat.S_IWOTH)
        if place != real and found.st_mode & stat.S_ISVTX:
            is_open = False
        if is_open and not (os.path.ismount(place) and in_container()):
            mode = f"mode {stat.S_IMODE(found.st_mode):04o}"
            return f"everybody may write to {place} ({mode})", f"Take that away (chmod o-w {place})"
    return "", ""
