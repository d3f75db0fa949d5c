"""Say in one sentence why a rule decided, for ``genmon failures show``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genmon_otel.classification import providers
from genmon_otel.classification.judgement import INDEX
from genmon_otel.classification.logged import plain
from genmon_otel.classification.phrases import Entry, describe

_BESIDE: Final[Mapping[str, Entry]] = {
    f"provider:{each.name}": each for each in (*providers.SPENT_WORDS, *providers.REFUSED_WORDS)
}
_WHOLE: Final[Mapping[str, str]] = {
    "": "no evidence names a cause, so the category is unknown",
    "registered": "a rule that the application registered with register_rule()",
    "pending": "the call was cancelled while a step had not answered",
    "process_died": "the process died before the generation ended",
    "store:package": "the exception comes from a package of a store, a queue or another service that is no model",
    "status:404_registry": "a package registry answered with HTTP status 404",
    "spawn": "the program that subprocess or asyncio was to start is not installed",
    "exit:124": "the program ended with exit code 124, as timeout(1) ends what took too long",
    "exit:127": "the program ended with exit code 127, as a shell ends where a command is not found",
}
_BY_TABLE: Final[Mapping[str, str]] = {
    "type": "the exception is, or derives from, {}",
    "status": "the answer had the HTTP status {}",
    "code": "the answer had the code '{}', which model providers and HTTP clients send",
    "errno": "the operating system's error is {}",
    "mcp": "the MCP client's error has the JSON-RPC code {}",
    "exit": "the program ended with exit code {}, as one that was killed or crashed",
}


def explain(rule: str, message: str = "", words: str = "") -> str:
    """Say in plain English what evidence a rule names.

    Args:
        rule: ``Classification.rule`` as a failure keeps it, such as ``status:429``; empty
            where no rule applied.
        message: what the failure says; the words in it that decided are quoted where it holds them.
        words: the line that decided, as the failure keeps it; empty where none was kept.

    Returns:
        One sentence without a final full stop. A rule of another version of this package
        is named as it is; never raises.
    """
    if whole := _WHOLE.get(rule):
        return whole
    if found := INDEX.entries.get(rule) or _BESIDE.get(rule):
        return describe(found, plain(message), words)
    table, _, name = rule.partition(":")
    sentence = _BY_TABLE.get(table)
    return sentence.format(name) if sentence and name else f"rule {rule}"
