"""Weigh the evidence in one exception, or in one text.

Of an exception, in this order: the codes it carries, its ``errno``, the output it captured,
its type, the status it carries, its exit code, last the phrases in its message. The tables:

=================== ==================================================================
``types``           classes, by package and name
``codes``           HTTP statuses, providers' codes, ``errno``
``providers``       sentences of model providers, their clients and HTTP clients
``parsers``         sentences of parsers, validators and import systems
``tools``           what package managers, compilers, linters and shells print
=================== ==================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final
from weakref import WeakKeyDictionary

from genmon_otel.classification import codes, evidence, providers
from genmon_otel.classification.logged import plain
from genmon_otel.classification.parsers import PARSERS
from genmon_otel.classification.phrases import PhraseIndex, Text, first_of, line_of, longest_word
from genmon_otel.classification.tools import TOOL_REPORTS, TOOLS
from genmon_otel.classification.types import (
    BUGS,
    CLIENTS,
    EXACT,
    FALLBACK,
    INFRASTRUCTURE,
    INVENTED_STATUS,
    SERVERS,
)
from genmon_otel.classification.verdict import (
    DEPENDENCY,
    MACHINE,
    RATE,
    SYNTAX,
    TIMEOUT,
    UNKNOWN,
    Label,
    Verdict,
    Weight,
)
from genmon_otel.records import PROCESS_DIED, Category
from genmon_otel.stacks import is_of_missing_program
from genmon_otel.text import safe_str

INDEX: Final = PhraseIndex(
    {
        "tool": TOOLS,
        "parser": PARSERS,
        "report": TOOL_REPORTS,
        "store": providers.STORES,
        "provider": providers.PROVIDERS,
    }
)

#: Characters of a text whose verdict is remembered.
_MAX_REMEMBERED: Final = 4_096
#: ``json.decoder.JSONDecodeError``, and at the end of a traceback ``TimeoutError: ``.
_TYPE_IN_TEXT: Final = re.compile(
    r"(?<![\w.])(?:([a-z_]\w{0,40})\.(?:\w{1,40}\.){0,6}|(?m:^))([A-Z]\w{2,60})(?=[:(\s]|$)"
)
#: The longest word of each class that :func:`_type_in` knows, in lower case.
_TYPE_WORDS: Final = frozenset(
    longest_word(name.rpartition(".")[2].lower()) for name in (*EXACT, *INFRASTRUCTURE)
)
#: Codes as they are written into messages: ``overloaded_error``, ``ThrottlingException``.
_CODE_IN_TEXT: Final = re.compile(
    r"\b(?:[a-zA-Z]{2,20}(?:_[a-zA-Z]{2,20}){1,6}|[a-zA-Z]{5,41}(?:Exception|Error))\b"
)
#: A code where a provider's answer has one: ``'code': 'overloaded'``.
_CODE_IN_ANSWER: Final = re.compile(
    r"""['"](?:code|type|status|reason)['"]: ?['"]([A-Za-z_.]{3,60})['"]|\bcode:([A-Z][A-Za-z.]{3,60}) message:[^\n]{0,300}\brequestId:"""
)
#: The package registry answered, not a model.
_REGISTRY: Final = re.compile(r"\bregistry\.|/simple/|pypi\.|npmjs|unpkg\.|jsdelivr|cdnjs")
#: Phrases by which a text refines a rate limit, and a refusal.
_REFINABLE: Final = (Category.RATE_LIMIT, Category.PROVIDER_ERROR)
_REFUSALS: Final = (*providers.SPENT_WORDS[2:], *providers.REFUSED_WORDS)
_STORE: Final = "store:package"


class Profile:
    """The verdict of an exception's type alone; the same for every instance, so it is cached."""

    __slots__ = ("bug", "client", "exact", "fallback", "infrastructure", "invents_status", "mcp", "process", "server")  # fmt: skip

    def __init__(self, names: list[tuple[str, str]]) -> None:
        """``names``: (root package, bare name) along the MRO."""
        self.exact = _look_up(EXACT, names, Weight.EXACT)
        self.fallback = _look_up(FALLBACK, names, Weight.FALLBACK)
        self.client = any(root in CLIENTS for root, _ in names)
        self.server = any(root in SERVERS for root, _ in names)
        self.infrastructure = bool(names) and names[0][0] in INFRASTRUCTURE
        self.invents_status = bool(names) and ".".join(names[0]) in INVENTED_STATUS
        self.bug = bool(names) and names[0][1] in BUGS
        self.mcp = bool(names) and names[0][0] == "mcp"
        self.process = any(name == "CalledProcessError" for _, name in names)
        # A fallback that is nearer than the exact type hides it: litellm derives from openai.
        if self.exact and self.fallback and self.fallback[1] <= self.exact[1]:
            self.exact = None


Found = tuple[Verdict, int] | None


def _look_up(table: Mapping[str, Label], names: list[tuple[str, str]], weight: Weight) -> Found:
    for position, (root, name) in enumerate(names):
        key = name if root in ("builtins", "") else f"{root}.{name}"
        label = table.get(key)
        if label:
            return Verdict(*label, f"type:{key}", weight), position
    return None


_profiles: WeakKeyDictionary[type, Profile] = WeakKeyDictionary()


def profile_of(kind: type) -> Profile:
    """Return the profile of a type, made once."""
    found = _profiles.get(kind)
    if found is None:
        names = [(module.partition(".")[0], name) for module, name in evidence.lineage(kind)]
        found = _profiles[kind] = Profile(names)
    return found


def judge(error: BaseException, text_of: Callable[[BaseException], str]) -> Verdict | None:
    """Return the heaviest built-in verdict on this one exception, its chain left aside.

    Args:
        error: the exception.
        text_of: reads its message, or as much of it as may be read.
    """
    profile = profile_of(type(error))
    if profile.infrastructure:
        return _infrastructure(error, profile)
    held = evidence.carried(error)
    for code in evidence.codes(held) if held else ():
        if verdict := codes.by_code(code, of_client=profile.client or not _is_own(code, held)):
            return _refined(verdict, error, held)
    if profile.mcp:
        inner = held.get("error")  # McpError.error: ErrorData(code, message)
        number = held.get("code") if inner is None else evidence.fields(inner).get("code")
        if verdict := codes.by_mcp_code(number):
            return verdict
    quotes = profile.bug
    if evidence.is_a(error, OSError):
        number = evidence.read(error, "errno")
        if type(number) is int:
            if verdict := codes.by_errno(number):
                return _of_inotify(error) or verdict
            quotes = True  # a path
        if evidence.is_a(error, FileNotFoundError):
            if is_of_missing_program(error):
                return Verdict(*DEPENDENCY, "spawn", Weight.EXACT)
            if verdict := _printed_in(error, 500):
                return verdict
    output = evidence.output(held)
    if output and (verdict := judge_output(output)):
        return verdict
    if profile.exact:
        verdict = profile.exact[0]
        if verdict.category is Category.VALIDATION_ERROR and (rule := _not_json(error)):
            return Verdict(*SYNTAX, rule, verdict.weight)
        return _refined(verdict, error, held)
    if not profile.server:
        for status in evidence.statuses(held, error, of_client=profile.client):
            verdict = codes.by_status(status, of_client=profile.client)
            if verdict and not profile.invents_status:
                return _refined(verdict, error, held)
    if profile.process and (died := _by_exit(held.get("returncode"))):
        return died
    if not quotes and (verdict := judge_text(text_of(error))):
        says_no_more = profile.invents_status and verdict.severity is None
        if not (says_no_more and verdict.category is Category.PROVIDER_ERROR):
            return verdict
    return profile.fallback[0] if profile.fallback else None


def _is_own(code: str, held: Mapping[str, Any]) -> bool:
    """Whether an attribute of the exception itself holds a code, rather than a response or a body."""
    return any(held.get(name) == code for name in ("code", "type", "status", "reason"))


def _not_json(error: BaseException) -> str:
    """Return the rule by which a validator says that it was given no JSON at all; empty for none."""
    text = safe_str(error, 1_000)
    if "type=json_invalid" in text:
        return "parser:pydantic.json_invalid"
    return "parser:langchain.json" if text.startswith("Invalid json output: ") else ""


def _of_inotify(error: BaseException) -> Verdict | None:
    """Return ``unknown`` for ENOSPC of the limit of file watchers: the disk is not full."""
    found = _printed_in(error, 500)
    return found if found is not None and found.rule == "tool:inotify" else None


def _printed_in(error: BaseException, limit: int) -> Verdict | None:
    """Return what a tool is known to print, of what an exception says."""
    said = safe_str(error, limit)
    found = INDEX.first(INDEX.read(said.lower(), printed=False), "tool", Weight.EXACT)
    return _quoting(found, said) if found else None


def _by_exit(code: object) -> Verdict | None:
    """Return what an exit code says: killed (137, -9: out of memory, mostly), crashed, not there."""
    if type(code) is int and (code < 0 or code in (134, 137, 139)):
        return Verdict(*MACHINE, f"exit:{code}", Weight.EXACT)
    if code == 127:
        return Verdict(*DEPENDENCY, "exit:127", Weight.EXACT)
    if code == 124:  # timeout(1)
        return Verdict(*TIMEOUT, "exit:124", Weight.EXACT)
    return None


def _infrastructure(error: BaseException, profile: Profile) -> Verdict:
    found = _printed_in(error, 1_000)
    if found and (found.category, found.severity) == MACHINE:
        return replace(found, final=True)
    exact = profile.exact[0] if profile.exact else None
    if exact and (
        exact.severity is not None
        or exact.category in (Category.VALIDATION_ERROR, Category.DEPENDENCY_ERROR)
    ):
        return replace(exact, final=True)
    return Verdict(*UNKNOWN, _STORE, Weight.EXACT, final=True)


def _refined(verdict: Verdict, error: BaseException, held: Mapping[str, Any]) -> Verdict:
    """Return what the text makes of a refusal or a rate limit: a quota used up, a key refused."""
    if verdict.severity is not None or verdict.category not in _REFINABLE:
        return verdict
    said = f"{safe_str(error, evidence.TEXT_LIMIT)}\n{evidence.body_text(held)}"
    return _quoting(_refined_by(verdict, said.lower()), said)


def _refined_by(verdict: Verdict, text: str) -> Verdict:
    """Return a better verdict on a call that was limited or refused, from its text (lower case)."""
    if verdict.severity is not None or verdict.category not in _REFINABLE:
        return verdict
    if "404" in verdict.rule or "not_found" in verdict.rule or "notfound" in verdict.rule:
        # "Check the name, and that you have access to it": what is not found is no refused key.
        if verdict.rule == "status:404" and _REGISTRY.search(text):
            return Verdict(*DEPENDENCY, "status:404_registry", verdict.weight)
        return verdict
    if verdict.rule == "status:413" and "rate_limit_exceeded" in text:  # Groq, tokens per minute
        return Verdict(*RATE, "code:rate_limit_exceeded", verdict.weight)
    words = providers.SPENT_WORDS if verdict.category is Category.RATE_LIMIT else _REFUSALS
    if better := first_of(words, "provider", text, verdict.weight):
        return better if better.severity is not None else verdict
    said = INDEX.first(INDEX.read(text, printed=False), "provider", verdict.weight)
    return said if said is not None and said.severity is not None else verdict


def judge_output(text: str) -> Verdict | None:
    """Return what captured output says: a program printed it, so that it counts as an exact type."""
    return _judge(text, Weight.EXACT)


def judge_text(text: str) -> Verdict | None:
    """Return what a message says."""
    return _remembered(text) if len(text) <= _MAX_REMEMBERED else _judge(text, Weight.MESSAGE)


@lru_cache(maxsize=256)  # repeated failures have the same message
def _remembered(text: str) -> Verdict | None:
    return _judge(text, Weight.MESSAGE)


def _judge(original: str, weight: Weight) -> Verdict | None:
    lowered = plain(original)
    text = INDEX.read(lowered, printed=weight is Weight.EXACT or "\n" in lowered)
    for table in ("tool", "parser", "report"):
        if verdict := INDEX.first(text, table, weight):
            return _quoting(verdict, original)
    if store := INDEX.first(text, "store", Weight.MESSAGE):
        return _quoting(store, original)
    verdict = _of_provider(original, text)
    return _quoting(verdict, original) if verdict else None


def _quoting(verdict: Verdict, said: str) -> Verdict:
    """Return a verdict with the line that decided, as it is in the message."""
    return replace(verdict, words=line_of(said, verdict.words)) if verdict.words else verdict


def _of_provider(original: str, text: Text) -> Verdict | None:
    """Return what a message says that no tool printed: a code, a status, a sentence, a class."""
    verdict = _code_in(original) if codes.may_stand_in(text.words) else None
    verdict = verdict or _status_in(text.lines) or INDEX.first(text, "provider", Weight.MESSAGE)
    if verdict is None and not _TYPE_WORDS.isdisjoint(text.words):
        verdict = _type_in(original)
    return _refined_by(verdict, text.lines) if verdict else None


def _code_in(text: str) -> Verdict | None:
    """Return what a code says that a message quotes."""
    if "_" in text or "Exception" in text or "Error" in text:
        for match in _CODE_IN_TEXT.finditer(text):
            verdict = codes.by_code(match[0], of_client=False)
            if verdict and (match[0].endswith("Exception") or codes.is_distinctive(verdict)):
                return replace(verdict, weight=Weight.MESSAGE)
    for match in _CODE_IN_ANSWER.finditer(text):
        if verdict := codes.by_code(match[1] or match[2]):
            return replace(verdict, weight=Weight.MESSAGE)
    return None


def _status_in(text: str) -> Verdict | None:
    """Return what a status says that a client library wrote into a message."""
    for pattern, of_provider in codes.statuses_written(text):
        if found := pattern.search(text):
            if found[1] == "404" and _REGISTRY.search(text):
                return Verdict(*DEPENDENCY, "status:404_registry", Weight.MESSAGE)
            verdict = codes.by_status(int(found[1]), of_client=of_provider)
            return replace(verdict, weight=Weight.MESSAGE) if verdict else None
    return None


def _type_in(text: str) -> Verdict | None:
    """Return what a known class says whose name a message quotes with its package."""
    for match in _TYPE_IN_TEXT.finditer(text):
        root, name = match[1] or "", match[2]
        if root in INFRASTRUCTURE:
            return Verdict(*UNKNOWN, _STORE, Weight.MESSAGE)
        label = EXACT.get(f"{root}.{name}" if root else name)
        if label:
            return Verdict(
                *label, f"type:{root}.{name}" if root else f"type:{name}", Weight.MESSAGE
            )
    return None


def judge_span(error_type: str, message: str) -> Verdict | None:
    """Return what a span's ``error.type`` and message say, the more certain of the two."""
    named, said = judge_named(error_type), judge_text(message)
    if named is None or (said is not None and said.weight > named.weight):
        return said
    return _quoting(_refined_by(named, message.lower()), message)


def judge_named(error_type: str) -> Verdict | None:
    """Return what an ``error.type`` alone says: a dotted class name, a status or a code."""
    if error_type == PROCESS_DIED:
        return Verdict(*MACHINE, "process_died", Weight.EXACT)
    if error_type.isdigit() and len(error_type) == 3:
        return codes.by_status(int(error_type), of_client=True)
    if verdict := codes.by_code(error_type):
        return verdict
    root, _, rest = error_type.partition(".")
    if root in INFRASTRUCTURE:
        return Verdict(*UNKNOWN, _STORE, Weight.EXACT)
    if not rest:
        return _of_bare_name(error_type)
    profile = Profile([(root, error_type.rpartition(".")[2])])
    return next((found[0] for found in (profile.exact, profile.fallback) if found), None)


def _of_bare_name(name: str) -> Verdict | None:
    """Return what a class says that a span of a GenAI library names without its package."""
    label = EXACT.get(name)
    if label:
        return Verdict(*label, f"type:{name}", Weight.EXACT)
    for root in ("openai", "anthropic", "google", "cohere", "litellm", "pydantic", "json"):
        if label := EXACT.get(f"{root}.{name}"):
            return Verdict(*label, f"type:{root}.{name}", Weight.EXACT)
    return None
