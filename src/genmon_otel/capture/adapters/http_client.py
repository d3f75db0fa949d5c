"""Responses of ``http.client``, which urllib.request and the first urllib3 give: followed and rebuilt."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator
from functools import lru_cache
from http.client import HTTPResponse, IncompleteRead
from typing import Any, Final

from genmon_otel.capture.calls import AutomaticCall
from genmon_otel.capture.wire import packer
from genmon_otel.ports import Answer

#: Attribute of a followed response that holds its call.
_CALL: Final = "_genmon_call"


def follow(call: AutomaticCall, response: Any) -> None:
    """Have a response's own ways to read report to the call."""
    kind: Any = type(response)
    response.__dict__[_CALL] = call
    response.__class__ = _reporting_class(kind)


@lru_cache(maxsize=16)
def _reporting_class(kind: Any) -> type:
    """The class of a response that reports to its call what is read of it; of the same layout."""

    def reads(name: str, part_of: Callable[[Any, Any], bytes]) -> Callable[..., Any]:
        original = getattr(kind, name)

        @functools.wraps(original)
        def read(self: Any, *args: Any, **options: Any) -> Any:
            call: AutomaticCall | None = self.__dict__.pop(_CALL, None)
            if call is None:  # one way to read is built upon another
                return original(self, *args, **options)
            call.asked()
            try:
                result = original(self, *args, **options)
            except BaseException as error:
                if isinstance(error, IncompleteRead) and error.partial:
                    call.given(error.partial)
                call.failed(error)
                raise
            if data := part_of(result, args):
                call.given(data)
            if is_read(self) or (not data and args != (0,)):
                call.finished()
            else:
                self.__dict__[_CALL] = call
            return result

        return read

    def close(self: Any) -> None:
        call = self.__dict__.pop(_CALL, None)
        try:
            kind.close(self)
        finally:
            if call is not None:
                call.closed()

    members = {
        "read": reads("read", _whole),
        "read1": reads("read1", _whole),
        "readline": reads("readline", _whole),
        "readinto": reads("readinto", _part_of_buffer),
        "close": close,
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
    }
    return type(kind.__name__, (kind,), members)


def is_read(response: Any) -> bool:
    """Whether nothing of a response's body is left to be read."""
    return response.fp is None or response.length == 0


def _whole(result: Any, _args: Any) -> bytes:
    data: bytes = result
    return data


def _part_of_buffer(result: Any, args: Any) -> bytes:
    return bytes(memoryview(args[0])[:result])


def rebuilt(answer: Answer, method: str) -> HTTPResponse:
    """Return a response whose body comes as it was recorded, up to the end of the connection."""
    response = HTTPResponse(_Socket(answer), method=method)  # type: ignore[arg-type]
    response.begin()
    return response


class _Socket:
    """Stands for the connection that a response reads from."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def makefile(self, _mode: str) -> Any:
        return io.BufferedReader(_Wire(self._answer), 1 << 16)


class _Wire(io.RawIOBase):
    """Gives the head of a recorded answer, then its chunks."""

    def __init__(self, answer: Answer) -> None:
        self._parts = _wire_of(answer)
        self._held = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._held = self._held or next(self._parts, b"")
        count = min(len(buffer), len(self._held))
        buffer[:count], self._held = self._held[:count], self._held[count:]
        return count


def _wire_of(answer: Answer) -> Iterator[bytes]:
    head = [f"HTTP/1.1 {answer.status} {answer.reason}"]
    head += [f"{name}: {value}" for name, value in answer.headers.items()]
    yield ("\r\n".join(head) + "\r\n\r\n").encode("latin-1", "replace")
    given = b""
    pack, end = packer(answer.headers.get("content-encoding", ""))
    try:
        for part in answer.parts():
            given += part
            if part:
                yield pack(part)
        yield end()
    except IncompleteRead as error:
        raise IncompleteRead(given, error.expected) from None
