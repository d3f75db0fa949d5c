"""Encodes and rebuilds HTTP responses, requests, headers and URLs of client libraries, without secrets.

Encoded: status, allow-listed headers, the body as far as it was read, method, and URL without user
and query. Never: request headers, cookies, credentials. Decoding returns the libraries' own
classes, so ``error.response.headers["retry-after"]`` works in a replay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from itertools import islice
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from genmon_otel.errors import PayloadError
from genmon_otel.payload.decoding_built_in import of_type
from genmon_otel.payload.encoder import EncodeFunction, Encoder
from genmon_otel.payload.opaque import Opaque
from genmon_otel.payload.paths import loaded_module
from genmon_otel.payload.state import set_state
from genmon_otel.records import Tree

#: Response headers that error handling uses; all others are left out.
_HEADERS: Final = frozenset(
    "retry-after retry-after-ms x-should-retry x-request-id request-id x-amzn-requestid "
    "x-amzn-errortype content-type x-error-code x-error-message".split()
)
_HEADER_PARTS: Final = ("ratelimit", "rate-limit")
_NO_MORE: Final[Mapping[str, int]] = {}
#: Headers that are looked at.
_MAX_HEADERS: Final = 200
#: Bytes of a header's value.
_MAX_HEADER: Final = 512
#: Bytes of a body; a larger one becomes opaque.
_MAX_BODY: Final = 64 * 1024
#: Attribute in which requests and httpx hold a body that was read; they have no public way to set it.
_BODY: Final = "_content"

#: (top-level package, class name) along the MRO -> kind.
_KINDS: Final[Mapping[tuple[str, str], str]] = {
    ("httpx", "Response"): "response",
    ("httpx2", "Response"): "response",
    ("requests", "Response"): "response",
    ("httpx", "Request"): "request",
    ("httpx2", "Request"): "request",
    ("requests", "PreparedRequest"): "request",
    ("requests", "Request"): "request",
    ("aiohttp", "RequestInfo"): "request",
    ("httpx", "Headers"): "headers",
    ("httpx2", "Headers"): "headers",
    ("requests", "CaseInsensitiveDict"): "headers",
    ("multidict", "CIMultiDict"): "headers",
    ("multidict", "CIMultiDictProxy"): "headers",
    ("http", "HTTPMessage"): "headers",
    ("yarl", "URL"): "url",
    ("httpx", "URL"): "url",
    ("httpx2", "URL"): "url",
}
_PACKAGES: Final = frozenset(package for package, _ in _KINDS)


def encode_function_of(mro: tuple[type, ...]) -> EncodeFunction | None:
    """Return the encode function of a class of an HTTP library; None for any other class."""
    for base in mro:
        package = base.__module__.partition(".")[0]
        if kind := _KINDS.get((package, base.__name__)):
            return partial(_ENCODERS[kind], package)
    return None


def allowed_headers(headers: Any, more: Mapping[str, int] = _NO_MORE) -> dict[str, str]:
    """Return the allow-listed headers, with names in lower case and bounded values.

    Args:
        headers: a mapping of any library.
        more: names that are allowed beside those of the list, with the characters kept of each.
    """
    allowed = {}
    for name, value in islice(headers.items(), _MAX_HEADERS):
        lower = str(name).lower()
        if lower in _HEADERS or ("rate" in lower and any(part in lower for part in _HEADER_PARTS)):
            allowed[lower] = str(value)[:_MAX_HEADER]
        elif lower in more:
            allowed[lower] = str(value)[: more[lower]]
    return allowed


def url_without_secrets(url: Any) -> str:
    """Return a URL without user, password, query and fragment."""
    parts = urlsplit(str(url)[:4096])
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _response(package: str, encoder: Encoder, value: Any) -> Tree:
    state = object.__getattribute__(value, "__dict__")
    body = state.get(_BODY)
    tree: dict[str, Tree] = {
        "$": "response",
        "library": package,
        "status": int(value.status_code),
        "headers": encoder.tree(allowed_headers(value.headers)),
    }
    if isinstance(body, bytes):
        tree["body"] = (
            encoder.tree(body)
            if len(body) <= _MAX_BODY
            else {"$": "opaque", "type": "builtins:bytes", "why": "size"}
        )
    request = state.get("_request") or state.get("request")
    if request is not None:
        tree["request"] = _request(package, encoder, request)
    return tree


def _request(package: str, encoder: Encoder, value: Any) -> Tree:
    return {
        "$": "request",
        "library": package,
        "method": encoder.tree(str(value.method)[:20]),
        "url": encoder.tree(url_without_secrets(value.url)),
    }


def _headers(package: str, encoder: Encoder, value: Any) -> Tree:
    return {"$": "headers", "library": package, "v": encoder.tree(allowed_headers(value))}


def _url(package: str, encoder: Encoder, value: Any) -> Tree:
    return {"$": "url", "library": package, "v": encoder.tree(url_without_secrets(value))}


_ENCODERS: Final[Mapping[str, Callable[[str, Encoder, Any], Tree]]] = {
    "response": _response,
    "request": _request,
    "headers": _headers,
    "url": _url,
}


# --- decoding ----------------------------------------------------------------


def decode_response(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    """Rebuild a response as its library's class."""
    library = _library(tree)
    # Without content-encoding: a small compressed body could unpack to a huge one.
    headers = allowed_headers(_texts(decode(tree.get("headers", {}))))
    body = decode(tree["body"]) if "body" in tree else b""
    if type(body) is not Opaque:
        of_type(bytes, body)
    status = tree.get("status")
    if type(status) is not int or not 0 <= status <= 999:
        raise PayloadError(f"A recorded response has the status {status!r}. Give 100 to 599.")
    request = decode(tree["request"]) if "request" in tree else None
    if library.__name__ == "requests":
        response = library.Response()
        response.status_code = status
        response.headers = library.structures.CaseInsensitiveDict(headers)
        set_state(response, {_BODY: body})
        response.request = request
        response.url = request.url if request is not None else None
        response.encoding = library.utils.get_encoding_from_headers(response.headers)
        response.reason = _reason(status)
        return response
    if type(body) is bytes:
        return library.Response(status, headers=headers, content=body, request=request)
    response = library.Response(status, headers=headers, request=request)
    return set_state(response, {_BODY: body})


def decode_request(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    """Rebuild a request as its library's class, from method and URL alone."""
    library = _library(tree)
    method, url = _text(decode(tree.get("method", "GET"))), _text(decode(tree.get("url", "")))
    if library.__name__ == "requests":
        request = library.PreparedRequest()
        request.method, request.url = method, url
        request.headers = library.structures.CaseInsensitiveDict()
        return request
    if library.__name__ == "aiohttp":
        address = loaded_module("yarl").URL(url)
        return library.RequestInfo(address, method, _multidict({}), address)
    return library.Request(method, url)


def decode_headers(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    """Rebuild headers as their library's class."""
    library = _library(tree)
    headers = _texts(decode(tree.get("v", {})))
    match library.__name__:
        case "requests":
            return library.structures.CaseInsensitiveDict(headers)
        case "multidict":
            return _multidict(headers)
        case "http":
            message = loaded_module("http.client").HTTPMessage()
            for name, value in headers.items():
                message[name] = value
            return message
    return library.Headers(headers)


def decode_url(tree: Mapping[str, Any], decode: Callable[[Tree], Any]) -> Any:
    """Rebuild a URL as its library's class."""
    return _library(tree).URL(_text(decode(tree.get("v", ""))))


def _library(tree: Mapping[str, Any]) -> Any:
    name = tree.get("library")
    if name not in _PACKAGES:
        raise PayloadError(
            f"HTTP library {str(name)[:80]!r} is not known. Allowed: {', '.join(sorted(_PACKAGES))}."
        )
    return loaded_module(str(name))


def _multidict(headers: Mapping[str, str]) -> Any:
    multidict = loaded_module("multidict")
    return multidict.CIMultiDictProxy(multidict.CIMultiDict(headers))


def _texts(headers: Any) -> dict[str, str]:
    if type(headers) is not dict:
        return {}
    return {_text(name): _text(value).replace("\n", " ") for name, value in headers.items()}


def _text(value: Any) -> str:
    """Return text, or the text of a number or bool; any other class could have its own ``__str__``."""
    return str(value) if type(value) in (int, float, bool) else of_type(str, value)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
