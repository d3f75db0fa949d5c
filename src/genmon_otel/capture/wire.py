"""Bytes on the wire as data: texts where they are text, else length and digest."""

from __future__ import annotations

import codecs
import hashlib
import re
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from genmon_otel.capture.event_stream import BadFrame, Frames, framed
from genmon_otel.exchanges import part_of
from genmon_otel.histories import Histories, Shared
from genmon_otel.payload import encode
from genmon_otel.payload.web import allowed_headers
from genmon_otel.records import Tree

#: Bytes of one answer that are kept, and of one request.
MAX_BYTES: Final = 1024 * 1024
#: What an escaped text may need beyond its characters.
_TEXT_LIMIT: Final = 8 * MAX_BYTES

_CHARSET: Final = re.compile(r"charset=\"?([\w.:-]+)", re.I)
#: Streams of frames, each kept as a line of JSON.
FRAMED: Final = "application/vnd.amazon.eventstream"
#: Types of bodies that are no text, whatever their bytes look like.
_BINARY: Final = re.compile(
    r"^(?:image|audio|video|font)/(?!svg)|^application/(?:octet-stream|pdf|zip|gzip|x-protobuf"
    r"|protobuf|grpc|wasm)|^multipart/",
    re.I,
)


#: What a multipart body puts between its parts: its client draws it anew for each request.
_BOUNDARY: Final = re.compile(r";\s*boundary=\"?([^\";,]+)\"?", re.I)

#: Packings that a replay can make anew, and how zlib calls them.
REPACKED: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_ZLIB: Final = type(zlib.decompressobj())
_Libraries = tuple[tuple[str, Callable[[Any], Any]], ...]


#: The last event of a stream of OpenAI's API, and of APIs compatible with it.
DONE: Final = b"[DONE]"
#: Of a chunk with the time at which it came: its bytes.
DATA: Final = itemgetter(1)


class NoText(Exception):
    """The bytes are no text; says why in a word."""


#: Headers of an answer that decide what a client does next, in addition to those of errors; with the
#: number of characters that are kept.
_FOLLOWED: Final = {"location": 2048, "link": 2048, "content-length": 20}


#: Headers as a library has them: a mapping, or pairs of bytes.
Headers = Mapping[Any, Any] | Sequence[tuple[bytes, bytes]]


def kept_headers(headers: Headers) -> dict[str, str]:
    """Return the headers of an answer that are kept, with names in lower case.

    The body is kept unpacked, so they do not say how it was packed.
    """
    if not isinstance(headers, Mapping) and isinstance(headers, (list, tuple)):
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in headers}
    return allowed_headers(headers, _FOLLOWED)


def type_and_packing(headers: Headers) -> tuple[str, str]:
    """Return what headers say of a body: its content type and content encoding; empty where nothing."""
    if type(headers) is list:
        found: dict[bytes, bytes] = dict(headers)
        if b"content-type" in found:  # lower case, as in HTTP/2
            kind, packing = found[b"content-type"], found.get(b"content-encoding", b"")
        else:
            if b"Content-Type" not in found:
                found = {name.lower().title(): value for name, value in headers}
            kind, packing = found.get(b"Content-Type", b""), found.get(b"Content-Encoding", b"")
        return kind.decode("latin-1"), packing.decode("latin-1")
    get: Any = headers.get  # type: ignore[union-attr]
    return str(get("content-type") or ""), str(get("content-encoding") or "")


def agent_of(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """Return the client's user agent; empty where a request has none."""
    found = dict(headers)
    agent = found.get(b"User-Agent") or found.get(b"user-agent", b"")
    return agent[:100].decode("latin-1")


class BodyDigest:
    """Length and digest of a request's body. The boundary of a multipart body does not count in the digest."""

    def __init__(self, content_type: str = "") -> None:
        found = _BOUNDARY.search(content_type)
        self._boundary = found[1].encode("latin-1", "replace") if found else b""
        self._sha256 = hashlib.sha256()
        self.length = 0

    def update(self, part: bytes) -> None:
        """Add a part; a boundary lies in one."""
        self.length += len(part)
        self._sha256.update(part.replace(self._boundary, b"") if self._boundary else part)

    def hex(self) -> str:
        """Return the digest so far."""
        return self._sha256.hexdigest()[:32]


@dataclass(slots=True, eq=False)
class Sent:
    """A request as it was sent. The body does not change any more."""

    method: str
    host: str
    path: str
    query: str = ""
    content_type: str = ""
    #: None: there is none, or it is not known before it is sent.
    body: bytes | None = None
    #: Of a body that was not kept: its length, -1 where it is unknown, and its digest.
    length: int = 0
    sha256: str = ""
    #: The number of its attempt in the generation.
    number: int = 0
    #: The client's user agent and the server's port, where only they identify the model API; neither is recorded.
    agent: str = ""
    port: int = 0
    #: What the body has in common with an earlier one; it is then what is between.
    shared: Shared[Sent] | None = None
    #: Whether a later request is stored as a difference from this one.
    is_earlier: bool = False

    def key(self) -> tuple[object, ...]:
        """Return what equal requests have in common; of a long body its length and both ends."""
        body = self.body or b""
        ends = hash(body[:1024]), hash(body[-4096:])
        return self.method, self.host, self.path, self.query, len(body) or self.length, *ends

    def let_go(self) -> bool:
        """Discard the body, except length and digest; return whether there was one."""
        if not self.body or self.shared is not None or self.is_earlier:
            return False
        digest = self.digest()
        digest.update(self.body)
        self.note_digest(digest)
        self.body = None
        return True

    def digest(self) -> BodyDigest:
        """Return what takes the digest of the body, part by part, as they go out."""
        return BodyDigest(self.content_type)

    def note_digest(self, digest: BodyDigest) -> None:
        """Set length and digest of a body that is not kept."""
        self.length, self.sha256 = digest.length, digest.hex()

    def share(self, histories: Histories[Sent]) -> None:
        """Keep only what the body adds to an earlier one, if it repeats one."""
        if self.body and "json" in self.content_type and self.body[:1] == b"{":
            shared = histories.add(f"{self.method} {self.host} {self.path}", self, self.body)
            if shared is not None:
                self.body = self.body[shared.head : len(self.body) - shared.tail]
                self.shared = shared
                shared.of.is_earlier = True

    def whole(self) -> bytes | None:
        """Return the whole body, as far as it is kept."""
        later = []
        earliest = self
        while earliest.shared is not None:
            later.append(earliest)
            earliest = earliest.shared.of
        body = earliest.body
        for each in reversed(later):
            if each.shared is not None and body is not None:
                body = each.shared.whole(body, each.body or b"")
        return body

    def tree(self, places: Mapping[int, int] | None = None) -> dict[str, Tree]:
        """Return the request as :mod:`genmon_otel.exchanges` describes it.

        Args:
            places: by the number of an attempt its index in a recording, to which a body may refer; None: the
                body is whole.
        """
        tree: dict[str, Tree] = {"method": self.method, "host": self.host, "path": self.path}
        if self.query:
            tree["query"] = self.query
        if self.content_type:
            tree["type"] = _BOUNDARY.sub("", self.content_type)
        if self.shared is not None and places is not None:
            place = places.get(self.shared.of.number)
            if place is None:
                return tree | {"body": opaque("size")}
            between = text_tree((self.body or b"").decode("utf-8", "replace"))
            return tree | {
                "body": part_of(Shared(place, self.shared.head, self.shared.tail), between)
            }
        body = self.whole()
        if body:
            try:
                tree["body"] = text_tree(decoded([body], self.content_type, "")[0])
            except NoText as why:
                digest = self.digest()
                digest.update(body)
                tree |= opaque_body(str(why), digest.length, digest.hex())
        elif self.length:
            tree |= {
                "body": opaque("size" if self.sha256 else "stream"),
                "length": self.length,
            }
            tree |= {"sha256": self.sha256} if self.sha256 else {}
        return tree


def decoded(parts: Sequence[bytes], content_type: str, encoding: str) -> list[str]:
    """Return the parts of a body as texts, unpacked; a character belongs to where it ends.

    Raises:
        NoText: the body is no text, or is packed in a way that is not known here.
    """
    if _BINARY.match(content_type):
        raise NoText("binary")
    if content_type.startswith(FRAMED):
        frames = Frames()
        try:
            return [frames.lines(part) for part in parts]
        except BadFrame:
            raise NoText("binary") from None
    unpack = _unpacker(encoding)
    found = _CHARSET.search(content_type)
    try:
        decoder = codecs.getincrementaldecoder(found[1] if found else "utf-8")()
        texts = [decoder.decode(unpack(part)) for part in parts]
        texts.append(decoder.decode(b"", final=True))
    except (LookupError, UnicodeError):
        raise NoText("binary") from None
    except Exception:
        raise NoText("encoding") from None
    last = texts.pop()
    if last and texts:
        texts[-1] += last
    return texts


def unpacked(body: bytes, encoding: str) -> bytes:
    """Return a body without its content encoding.

    Raises:
        Exception: it is packed in a way that is not known here, or is not what its headers say.
    """
    return _unpacker(encoding)(body)


def plain(parts: Sequence[tuple[float, bytes]], encoding: str) -> bytes:
    """Return the bytes of an answer, unpacked; empty where it is not known how."""
    body = b"".join(map(DATA, parts))
    try:
        return unpacked(body, encoding) if encoding else body
    except Exception:
        return b""


def encoded(text: str, content_type: str) -> bytes:
    """Return a text as the bytes that :func:`decoded` made it of."""
    if content_type.startswith(FRAMED):
        return framed(text)
    found = _CHARSET.search(content_type)
    return text.encode(found[1] if found else "utf-8")


def packer(encoding: str) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    """Return what packs a part of a body as a content encoding says, and what gives its end."""
    if (bits := REPACKED.get(encoding)) is None:
        return bytes, bytes
    made = zlib.compressobj(wbits=bits)
    return lambda part: made.compress(part) + made.flush(zlib.Z_SYNC_FLUSH), made.flush


def _unpacker(encoding: str) -> Callable[[bytes], bytes]:
    names = [name for each in encoding.lower().split(",") if (name := each.strip())]
    names = [name for name in names if name != "identity"]
    if not names:
        return bytes
    if len(names) > 1:
        raise NoText("encoding")
    match names[0]:
        case "gzip" | "x-gzip":
            return _bounded(lambda _: zlib.decompressobj(16 + zlib.MAX_WBITS), MAX_BYTES)
        case "deflate":  # with the header of zlib, or without
            is_raw = -zlib.MAX_WBITS
            return _bounded(
                lambda part: zlib.decompressobj(zlib.MAX_WBITS if part[0] & 0x0F == 8 else is_raw),
                MAX_BYTES,
            )
        case "br":
            return _bounded(_of_library(_BROTLI), 16)
        case "zstd":
            return _bounded(_of_library(_ZSTD), 256)
        case _:
            raise NoText("encoding")


def _bounded(made: Callable[[bytes], Any], step: int) -> Callable[[bytes], bytes]:
    """Unpack little by little, member by member: few bytes may hold very many.

    Args:
        made: makes what unpacks one member, given its first bytes.
        step: bytes that are unpacked at once; of the worst kind they are some megabytes.
    """
    left = MAX_BYTES
    member: Any = None

    def unpack(part: bytes) -> bytes:
        nonlocal left, member
        plain: list[bytes] = []
        given = [part[at : at + step] for at in range(0, len(part), step)][::-1]
        while given:
            packed = given.pop()
            if member is None or getattr(member, "eof", False):
                member = made(packed)
            if type(member) is _ZLIB:  # takes the maximum output size
                plain.append(member.decompress(packed, left + 1))
            else:
                decompress = getattr(member, "process", None) or member.decompress  # brotli's
                plain.append(decompress(packed))
            left -= len(plain[-1])
            if left < 0:
                raise NoText("size")
            if rest := getattr(member, "unused_data", b""):
                given.append(rest)
        return b"".join(plain)

    return unpack


#: Modules that clients unpack with, and what makes an unpacker of each.
_BROTLI: Final[_Libraries] = (
    ("brotli", lambda module: module.Decompressor()),
    ("brotlicffi", lambda module: module.Decompressor()),
)
_ZSTD: Final[_Libraries] = (
    ("compression.zstd", lambda module: module.ZstdDecompressor()),
    ("backports.zstd", lambda module: module.ZstdDecompressor()),
    ("zstandard", lambda module: module.ZstdDecompressor().decompressobj()),
)


def _of_library(known: _Libraries) -> Callable[[bytes], Any]:
    """Return the decompressor module of the client, which is loaded where this is called."""
    for name, made in known:
        if (module := sys.modules.get(name)) is not None:
            return lambda _: made(module)
    raise NoText("encoding")


def text_tree(text: str) -> Tree:
    """Return a text as a tree; what stores refuse in it is escaped."""
    return encode(text, _TEXT_LIMIT)


def opaque_body(why: str, length: int, sha256: str) -> dict[str, Tree]:
    """Return the opaque tree of a body that is no text."""
    return {"body": opaque(why), "length": length, "sha256": sha256}


def opaque(why: str) -> Tree:
    """Return the opaque tree of bytes that are not kept."""
    return {"$": "opaque", "type": "builtins:bytes", "why": why}


def is_stream(content_type: str) -> bool:
    """Whether an answer's chunks are each worth keeping apart."""
    return content_type.startswith(
        ("text/event-stream", "application/x-ndjson", "application/jsonl", "application/stream+json",
         "application/json-seq", FRAMED)
    )  # fmt: skip
