"""Render recorded values for people: trees as plain data, exceptions as sentences.

For looking only: what these give cannot be turned back into values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from genmon_otel.records import Tree
from genmon_otel.wording.streamed import streamed_answer

#: Paths of the text and of the finish reason in answers of chat clients.
_ANSWERS: Final = (
    (("choices", 0, "message", "content"), ("choices", 0, "finish_reason")),
    (("output", 0, "content", 0, "text"), ("status",)),
    (("content", 0, "text"), ("stop_reason",)),
    (("candidates", 0, "content", "parts", 0, "text"), ("candidates", 0, "finish_reason")),
)
#: Members of an encoded value that are not its content.
_FORM: Final = frozenset({"$", "type", "kind", "library", "maxlen"})


def plain(tree: Tree) -> Any:
    """Return a tree as JSON-able data without its type tags.

    Fields that are None are left out of models: clients' answers have dozens.
    """
    if isinstance(tree, list):
        return [plain(item) for item in tree]
    if not isinstance(tree, Mapping):
        return tree
    tag = tree.get("$")
    if not isinstance(tag, str):
        return {_key(name): plain(item) for name, item in tree.items()}
    if tag in _READERS:
        return _READERS[tag](tree)
    if isinstance(fields := tree.get("fields"), Mapping):
        return {_key(k): plain(v) for k, v in fields.items() if v is not None}
    rest = [plain(value) for name, value in tree.items() if name not in _FORM]
    return rest[0] if len(rest) == 1 else rest or tag


def failed_with(status: int | None) -> str:
    """Return status or exit code of a call whose answer is a fault, as text; None: it is no fault."""
    return "failed" if status is None else f"failed with {status}"


def text_of(tree: Tree) -> str:
    """Return a tree as text: a string as it is, a model's answer by its content, the rest as JSON."""
    value = plain(tree)
    if isinstance(value, str):
        return value
    if (streamed := streamed_answer(value)) is not None:
        return f"{streamed[0]}\n(ended by: {streamed[1]})" if streamed[1] else streamed[0]
    is_answer = isinstance(tree, Mapping) and bool(tree.get("$"))
    if isinstance(value, Mapping) and isinstance(body := value.get("body"), str) and body:
        # What an automatic step got: its body says what was answered, the rest how it came.
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return body
        is_answer = True
    if is_answer:
        for text, end in _ANSWERS:
            if isinstance(said := _at(value, text), str):
                why = _at(value, end)
                return f"{said}\n(ended by: {why})" if isinstance(why, str) else said
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def said_or_plain(tree: Tree) -> Any:
    """Return the text of a streamed answer, of anything else plain data."""
    value = plain(tree)
    streamed = streamed_answer(value)
    return streamed[0] if streamed else value


def in_line(tree: Tree, limit: int) -> str:
    """Return a tree on one line; a long one is shortened in the middle."""
    text = json.dumps(plain(tree), ensure_ascii=False, default=str)
    return cut(text, limit, " … ")


def cut(text: str, limit: int, mark: str) -> str:
    """Shorten a long text in its middle."""
    if len(text) <= limit:
        return text
    return f"{text[: limit * 2 // 3]}{mark}{text[-(limit // 3) :]}"


def call(name: str, arguments: Tree, limit: int) -> str:
    """Return a call with its arguments on one line: ``ask(prompt="a page")``."""
    if not isinstance(arguments, Mapping) or arguments.get("$"):
        return f"{name}({in_line(arguments, limit)})"
    share = max(40, limit // max(1, len(arguments)))
    given = ", ".join(f"{_key(key)}={in_line(value, share)}" for key, value in arguments.items())
    return f"{name}({given})"


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _key(name: str) -> str:
    return name[1:] if name[:1] == "$" else name


def _name(tree: Mapping[str, Any]) -> str:
    return str(tree.get("type", "")).replace(":", ".").removeprefix("builtins.")


def _error(tree: Mapping[str, Any]) -> str:
    """Return type, text, status and cause of an exception."""
    fields, arguments = tree.get("fields"), tree.get("args")
    given = arguments.get("v") if isinstance(arguments, dict) else arguments
    known = fields if isinstance(fields, dict) else {}
    said = known.get("message") or (given[0] if isinstance(given, list) and given else given)
    text = _name(tree)
    text += f": {said}" if isinstance(said, str) and said else ""
    if isinstance(status := known.get("status_code"), int) and str(status) not in text:
        text += f" (status {status})"
    cause = tree.get("cause")
    return f"{text}\ncaused by {plain(cause)}" if isinstance(cause, dict) else text


def _response(tree: Mapping[str, Any]) -> dict[str, Any]:
    shown = {"status": tree.get("status"), "headers": plain(tree.get("headers"))}
    return shown | ({"body": plain(tree["body"])} if "body" in tree else {})


def _pairs(tree: Mapping[str, Any]) -> Any:
    pairs = tree.get("v")
    if not isinstance(pairs, list) or any(not isinstance(p, list) or len(p) != 2 for p in pairs):
        return plain(pairs)
    return {in_line(key, 80): plain(value) for key, value in pairs}


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Any]]] = {
    "error": _error,
    "response": _response,
    "pairs": _pairs,
    "enum": lambda tree: f"{_name(tree)}.{plain(tree.get('name') or tree.get('value'))}",
    "opaque": lambda tree: f"<{_name(tree)}, not recorded: {tree.get('why')}>",
    "type": lambda tree: str(tree.get("path")),
}
