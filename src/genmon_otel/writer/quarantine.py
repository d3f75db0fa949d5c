"""A file for what the store refuses or this version does not understand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from genmon_otel.journal.forgetting import REFUSED
from genmon_otel.journal.payloads import encode_record, encode_recording
from genmon_otel.records import GenerationRecord, Recording

#: Bytes of the file; further records are only counted.
MAX_BYTES: Final = 16 * 2**20


class Quarantine:
    """A bounded file of JSON lines in the journal's folder. Best effort: never raises.

    Args:
        directory: the journal's; None: nothing is kept.
    """

    def __init__(self, directory: Path | None) -> None:
        self._path = None if directory is None else directory / REFUSED

    def keep_record(self, record: GenerationRecord, reason: str) -> None:
        """Write a record to the file."""
        self.keep(encode_record(record, limit=65_536), "record", reason)

    def keep_recording(self, recording: Recording, reason: str) -> None:
        """Write a recording, redacted already, to the file."""
        self.keep(encode_recording(recording), "recording", reason)

    def keep(self, payload: bytes, kind: str, reason: str) -> None:
        """Write the payload of a journal frame to the file."""
        if self._path is None:
            return
        line = json.dumps(
            {"kind": kind, "reason": reason, "payload": payload.decode("utf-8", "replace")}
        )
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            fd = os.open(self._path, flags, 0o600)
        except OSError:
            return
        try:
            if os.fstat(fd).st_size + len(line) < MAX_BYTES:
                os.write(fd, line.encode("ascii") + b"\n")
        except OSError:
            pass  # the disk is full: it is counted all the same
        finally:
            os.close(fd)
