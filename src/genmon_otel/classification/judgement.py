"""What the built-in rules say of one exception, and of one text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final
from weakref import WeakKeyDictionary

from genmon_otel.classification import codes, evidence
from genmon_otel.classification.clauses import judge_clauses
from genmon_otel.classification.contents import CONTENT_RULES
from genmon_otel.classification.diagnostics import LOCATED_RULES
from genmon_otel.classification.logged import plain
from genmon_otel.classification.messages import (
    A_STATUS,
    CLASS_IN_TEXT,
    CODE_IN_TEXT,
    OWN_RULES,
    PROSE_RULES,
    REGISTRY,
    SETTING,
    STATUS_IN_TEXT,
)
from genmon_otel.classification.refusals import AUTH_RULES, QUOTA_RULES
from genmon_otel.classification.tool_output import TOOL_RULES
from genmon_otel.classification.types import (
    BUGS,
    CLIENTS,
    EXACT,
    FALLBACK,
    GENERAL,
    INFRASTRUCTURE,
    INVENTED_STATUS,
    NAMES,
)
from genmon_otel.classification.verdict import (
    DEPENDENCY,
    MACHINE,
    PROVIDER,
    TIMEOUT,
    UNKNOWN,
    Label,
    Verdict,
    Weight,
)
from genmon_otel.classification.wording import Lexicon, Reading
from genmon_otel.records import PROCESS_DIED, Category
from genmon_otel.text import safe_str

_LEXICON: Final = Lexicon(
    {
        "tools": TOOL_RULES,
        "located": LOCATED_RULES,
        "parsing": CONTENT_RULES[:1],
        "own": OWN_RULES,
        "prose": PROSE_RULES,
        "quota": QUOTA_RULES,
        "auth": AUTH_RULES,
    }
)


#: Characters of a text whose verdict is remembered.
_MAX_REMEMBERED: Final = 4_096
#: Rules by which something is not there.
NOT_FOUND: Final = re.compile(r"(?i)\b404\b|not_?found")


class Profile:
    """What an exception's type alone says; the same for every instance, hence kept."""

    __slots__ = (
        "bug", "client", "exact", "fallback", "infrastructure", "invents_status", "named", "process",
    )  # fmt: skip

    def __init__(self, names: list[tuple[str, str]]) -> None:
        """``names``: (root package, bare name) along the MRO."""
        self.exact = _look_up(EXACT, names, Weight.EXACT)
        self.fallback = _look_up(FALLBACK, names, Weight.FALLBACK)
        # A known catch-all's own name tells nothing: litellm.APIConnectionError.
        catch_all = self.fallback is not None and self.fallback[1] == 0
        self.named = None if catch_all else _by_name(names)
        self.client = any(root in CLIENTS for root, _ in names)
        self.infrastructure = bool(names) and names[0][0] in INFRASTRUCTURE
        self.invents_status = bool(names) and ".".join(names[0]) in INVENTED_STATUS
        self.bug = bool(names) and names[0][1] in BUGS
        self.process = any(name == "CalledProcessError" for _, name in names)
        # A fallback that is nearer than the exact type hides it: litellm derives from openai.
        if self.exact and self.fallback and self.fallback[1] <= self.exact[1]:
            self.exact = None


Found = tuple[Verdict, int] | None


def _look_up(table: Mapping[str, Label], names: list[tuple[str, str]], weight: Weight) -> Found:
    for position, (root, name) in enumerate(names):
        dotted = f"{root}.{name}"
        label = table.get(dotted) or table.get(name)
        if label:
            return Verdict(*label, f"type {dotted if dotted in table else name}", weight), position
    return None


def _by_name(names: list[tuple[str, str]]) -> Verdict | None:
    for root, name in names:
        if root == "builtins":
            break
        for label, pattern in NAMES:
            if pattern.search(name):
                return Verdict(*label, f"name {name}", Weight.NAME)
        if verdict := _by_words(name):
            return verdict
        if GENERAL.search(name):
            return Verdict(*PROVIDER, f"name {name}", Weight.FALLBACK)
    return None


#: ``PromptTooLongError``, ``LLMRefusedAnswer``, ``bad_plan``.
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def _by_words(name: str) -> Verdict | None:
    """What a class's name says read as a sentence: ``prompt too long``."""
    words = " ".join(_WORDS.findall(name[:80])).lower().replace("open ai", "openai")
    found = judge_message(words)
    if found is None:
        return None
    # "ModelError" and its like wrap anything: a message or a cause that tells goes first.
    weight = Weight.NAME if found.rule != "message provider unavailable" else Weight.FALLBACK
    return replace(found, rule=f"name {name}", weight=weight)


_profiles: WeakKeyDictionary[type, Profile] = WeakKeyDictionary()


def profile_of(kind: type) -> Profile:
    """The profile of a type, made once."""
    found = _profiles.get(kind)
    if found is None:
        names = [(module.partition(".")[0], name) for module, name in evidence.lineage(kind)]
        found = _profiles[kind] = Profile(names)
    return found


def judge(error: BaseException) -> Verdict | None:
    """The heaviest built-in verdict on this one exception, its chain left aside."""
    profile = profile_of(type(error))
    if profile.infrastructure:
        return _infrastructure(error, profile)
    held = evidence.carried(error)
    for code in evidence.codes(held) if held else ():
        if verdict := codes.by_code(code):
            return _refined(verdict, error, held)
    quotes = profile.bug
    if evidence.is_a(error, OSError):
        number = evidence.read(error, "errno")
        if type(number) is int:
            if verdict := codes.by_errno(number):
                return verdict
            quotes = True  # a path
        if evidence.is_a(error, FileNotFoundError) and (
            verdict := _LEXICON.first(
                _LEXICON.read(safe_str(error, 500).lower()), "tools", "output", Weight.EXACT
            )
        ):
            return verdict
    printed = evidence.output(held)
    if printed and (verdict := judge_output(printed)):
        return verdict
    if profile.exact:
        return _refined(profile.exact[0], error, held)
    weak: Verdict | None = None
    for status in evidence.statuses(held):
        verdict = codes.by_status(status, of_client=profile.client)
        if verdict and verdict.weight is Weight.EXACT and not profile.invents_status:
            return _refined(verdict, error, held)
        weak = weak or verdict
    if profile.process and (died := _by_exit(held.get("returncode"))):
        return died
    if profile.named and profile.named.weight is Weight.NAME:
        return _refined(profile.named, error, held)
    said: Verdict | None = None
    if not quotes:
        text = safe_str(error, evidence.TEXT_LIMIT)
        if verdict := judge_text(text):
            says_no_more = profile.invents_status and verdict.severity is None
            if not (says_no_more and verdict.category is Category.PROVIDER_ERROR):
                return verdict
        said = None if profile.fallback else judge_clauses(plain(text))
    fallback = weak or said or profile.named or (profile.fallback[0] if profile.fallback else None)
    return replace(fallback, weight=Weight.FALLBACK) if fallback else None


def _by_exit(code: object) -> Verdict | None:
    """A program that was killed (137, -9: out of memory, mostly), crashed or was not there."""
    if type(code) is int and (code < 0 or code in (134, 137, 139)):
        return Verdict(*MACHINE, f"exit {code}", Weight.EXACT)
    if code == 127:
        return Verdict(*DEPENDENCY, "exit 127", Weight.EXACT)
    if code == 124:  # timeout(1)
        return Verdict(*TIMEOUT, "exit 124", Weight.EXACT)
    return None


def _infrastructure(error: BaseException, profile: Profile) -> Verdict:
    printed = _LEXICON.first(
        _LEXICON.read(safe_str(error, 1_000).lower()), "tools", "message", Weight.EXACT
    )
    if printed and (printed.category, printed.severity) == MACHINE:
        return replace(printed, final=True)
    if profile.exact and profile.exact[0].category in (
        Category.VALIDATION_ERROR,
        Category.DEPENDENCY_ERROR,
    ):
        return replace(profile.exact[0], final=True)
    return Verdict(*UNKNOWN, "the application's own store", Weight.EXACT, final=True)


def _refined(verdict: Verdict, error: BaseException, held: Mapping[str, Any]) -> Verdict:
    """A refusal or a rate limit that its text says is a quota used up, or a key refused."""
    if verdict.severity is not None or verdict.category not in (
        Category.RATE_LIMIT,
        Category.PROVIDER_ERROR,
    ):
        return verdict
    text = f"{safe_str(error, evidence.TEXT_LIMIT)}\n{evidence.body_text(held)}".lower()
    return _refined_by(verdict, _LEXICON.read(text))


def _refined_by(verdict: Verdict, reading: Reading) -> Verdict:
    better = _LEXICON.first(reading, "quota", "message", verdict.weight)
    if better is None and verdict.category is Category.PROVIDER_ERROR:
        # "Check the name, and that you have access to it": what is not found is no refused key.
        if not NOT_FOUND.search(verdict.rule):
            better = _LEXICON.first(reading, "auth", "message", verdict.weight)
        if better is None and verdict.rule == "status 404" and REGISTRY.search(reading.text):
            better = Verdict(*DEPENDENCY, "status 404 of a package registry", verdict.weight)
    if better is None or (better.category, better.severity) == (verdict.category, None):
        return verdict
    return better


def judge_output(text: str) -> Verdict | None:
    """What captured output says; printed by a program, so the tools' rules for certain, then prose."""
    return _judge(text, Weight.EXACT)


def judge_text(text: str) -> Verdict | None:
    """What a message says."""
    return _remembered(text) if len(text) <= _MAX_REMEMBERED else _judge(text, Weight.MESSAGE)


@lru_cache(maxsize=256)  # one failure says the same again and again
def _remembered(text: str) -> Verdict | None:
    return _judge(text, Weight.MESSAGE)


def judge_message(text: str) -> Verdict | None:
    """What a message says where there is nothing else to go by: its phrases, then its clauses."""
    return judge_text(text) or judge_clauses(plain(text))


def _judge(text: str, tools: Weight) -> Verdict | None:
    reading = _LEXICON.read(plain(text))
    if verdict := _LEXICON.first(reading, "tools", "output", tools):
        return verdict
    if located := _LEXICON.first(reading, "located", "output", tools):
        return _LEXICON.first(reading, "parsing", "output", tools) or located
    return _judge_prose(reading, text)


def _judge_prose(reading: Reading, text: str) -> Verdict | None:
    """What a message says that no tool printed."""
    lowered = reading.text
    if ("time" in lowered or "limit" in lowered) and SETTING.search(lowered):
        return None
    if own := _LEXICON.first(reading, "own", "message", Weight.MESSAGE):
        return own
    verdict = None
    if "_" in text or "Exception" in text or "Error" in text:
        for match in CODE_IN_TEXT.finditer(text):
            if verdict := codes.by_code(match.group()):
                break
    if verdict is None and A_STATUS.search(lowered) and (found := STATUS_IN_TEXT.search(lowered)):
        status = next(filter(None, found.groups()))
        verdict = codes.by_status(int(status), of_client=False)
        if status == "404" and REGISTRY.search(lowered):
            return Verdict(*DEPENDENCY, "message 404 of a package registry", Weight.MESSAGE)
    if verdict is not None and verdict.weight is Weight.EXACT:
        return _refined_by(replace(verdict, weight=Weight.MESSAGE), reading)
    return _LEXICON.first(reading, "prose", "message", Weight.MESSAGE) or verdict or _class_in(text)


def _class_in(text: str) -> Verdict | None:
    """What the name of an exception says that a message quotes: ``FooTimeoutError: oh``."""
    for match in CLASS_IN_TEXT.finditer(text):
        for label, pattern in NAMES:
            if pattern.search(match[0]):
                return Verdict(*label, f"message {match[0]}", Weight.MESSAGE)
    return None


def judge_named(error_type: str) -> Verdict | None:
    """What an ``error.type`` alone says: a dotted class name, a status or a code."""
    if error_type == PROCESS_DIED:
        return Verdict(*MACHINE, "process died", Weight.EXACT)
    if error_type.isdigit() and len(error_type) == 3:
        return codes.by_status(int(error_type), of_client=True)
    if verdict := codes.by_code(error_type):
        return verdict
    root, _, _ = error_type.partition(".")
    name = error_type.rpartition(".")[2]
    if root in INFRASTRUCTURE:
        return Verdict(*UNKNOWN, "the application's own store", Weight.EXACT)
    profile = Profile([(root if root != name else "", name)])
    if profile.exact:
        return profile.exact[0]
    return profile.named or (profile.fallback[0] if profile.fallback else None)
