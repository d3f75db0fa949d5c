"""Turns Python values into JSON trees and back, to record arguments and results of steps for a replay."""

from __future__ import annotations

from genmon_otel.payload.decoding import decode, decode_exception
from genmon_otel.payload.encoding import LIMIT_BYTES, encode, encode_exception
from genmon_otel.payload.opaque import Opaque, OpaqueTouched, forget_touches, touches
from genmon_otel.payload.paths import (
    import_path,
    load,
    module_of,
    parts_of,
    resolve,
    without_modules,
)
from genmon_otel.payload.shape import Streamed, digest, is_empty, shape
from genmon_otel.payload.snapshot import TOO_LARGE, restore, snapshot

__all__ = [
    "LIMIT_BYTES",
    "TOO_LARGE",
    "Opaque",
    "OpaqueTouched",
    "Streamed",
    "decode",
    "decode_exception",
    "digest",
    "encode",
    "encode_exception",
    "forget_touches",
    "import_path",
    "is_empty",
    "load",
    "module_of",
    "parts_of",
    "resolve",
    "restore",
    "shape",
    "snapshot",
    "touches",
    "without_modules",
]
