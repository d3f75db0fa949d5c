"""The table: which application of ``examples/`` is tried with which fault, and what fixes it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = ROOT / "examples"

Fix = Literal["lenient", "again", "spare"]
PLAIN: Final = ("CONTENT", "RATE", "ERROR", "SLOW")
STREAMED: Final = (*PLAIN, "BREAK", "CUTOFF")
#: By fault: the category of its failure.
CATEGORIES: Final = {
    "CONTENT": "syntax_error",
    "RATE": "rate_limit",
    "ERROR": "provider_error",
    "SLOW": "ai_timeout",
    "BREAK": "provider_error",
    "CUTOFF": "syntax_error",
}
#: By fault: what a developer would change. ``lenient``: read the JSON in the answer. ``again``: ask once
#: more. ``spare``: ask another model.
FIXES: Final[dict[str, Fix]] = {
    "CONTENT": "lenient",
    "RATE": "spare",
    "ERROR": "spare",
    "SLOW": "spare",
    "BREAK": "again",
    "CUTOFF": "again",
}


@dataclass(frozen=True)
class Row:
    """An application."""

    #: Its file in ``examples/``, without the ending.
    app: str
    #: The distribution that it tries, as its lock spells it; empty: the standard library.
    library: str
    #: What of the library.
    what: str
    faults: tuple[str, ...] = PLAIN
    #: Modules that it imports beside genmon.
    imports: tuple[str, ...] = ()
    #: The one cell that ``make test`` tries; empty: none, another row of the library has one.
    short: str = ""
    #: Whether a library validates the answer, so that one it cannot digest is no error of syntax.
    validates: bool = False
    #: Another model of the same API. Empty: there is none, a tool is called again.
    spare: str = "openai/spare"

    def fix(self, fault: str) -> Fix:
        """What a developer would change. What validates answers itself has nothing to be lenient with."""
        found = FIXES[fault]
        if (found == "lenient" and self.validates) or (found == "spare" and not self.spare):
            return "again"
        return found

    def category(self, fault: str) -> str:
        """The category of the failure that comes of a fault."""
        return "validation_error" if self.validates and fault == "CONTENT" else CATEGORIES[fault]


ROWS: Final = (
    Row("openai_chat", "openai", "chat", short="CONTENT", imports=("openai",)),
    Row("openai_async", "openai", "chat, async", imports=("openai",)),
    Row("openai_stream", "openai", "chat, streamed", STREAMED, ("openai",)),
    Row("openai_async_stream", "openai", "chat, async, streamed", STREAMED, ("openai",)),
    Row("openai_responses", "openai", "responses", imports=("openai",)),
    Row("openai_responses_stream", "openai", "responses, streamed", STREAMED, ("openai",)),
    Row("openai_structured", "openai", "structured output", imports=("openai",), validates=True),
    Row("openai_tools", "openai", "tools", imports=("openai",)),
    Row("anthropic_messages", "anthropic", "messages", imports=("anthropic",)),
    Row("anthropic_stream", "anthropic", "messages, streamed", STREAMED, ("anthropic",), "BREAK"),
    Row("anthropic_tools", "anthropic", "tools", imports=("anthropic",)),
    Row("google_genai", "google-genai", "generate_content", imports=("google.genai",)),
    Row("google_genai_async", "google-genai", "generate_content, async (aiohttp)",
        imports=("google.genai", "aiohttp"), short="RATE"),
    Row("google_genai_stream", "google-genai", "generate_content, streamed", STREAMED, ("google.genai",)),
    Row("mistral_chat", "mistralai", "chat", imports=("mistralai",), short="ERROR"),
    Row("mistral_stream", "mistralai", "chat, streamed", STREAMED, ("mistralai",)),
    Row("cohere_chat", "cohere", "chat", imports=("cohere",)),
    Row("cohere_stream", "cohere", "chat, streamed", STREAMED, ("cohere",), "CUTOFF"),
    Row("litellm_chat", "litellm", "completion", imports=("litellm",), short="RATE"),
    Row("litellm_async_stream", "litellm", "acompletion, streamed (aiohttp)",
        (*PLAIN, "CUTOFF"), ("litellm",),  # it ends a broken stream without a word: the same as CUTOFF
        spare="anthropic/spare"),
    Row("bedrock_converse", "boto3", "Bedrock converse", imports=("boto3",)),
    Row("bedrock_stream", "boto3", "Bedrock converse_stream", STREAMED, ("boto3",), "CONTENT"),
    Row("langchain_openai_chain", "langchain-openai", "chain with a parser",
        imports=("langchain_openai",), short="SLOW"),
    Row("langchain_anthropic_stream", "langchain-anthropic", "chat model, streamed", STREAMED,
        ("langchain_anthropic",), "BREAK"),
    Row("langgraph_graph", "langgraph", "graph", imports=("langgraph", "langchain_openai")),
    Row("langgraph_agent", "langgraph", "prebuilt agent with a tool",
        imports=("langgraph", "langchain", "langchain_openai")),
    Row("langgraph_parallel", "langgraph", "parallel nodes",
        imports=("langgraph", "langchain_openai"), short="CONTENT"),
    Row("pydantic_ai_agent", "pydantic-ai-slim", "agent with a typed answer",
        imports=("pydantic_ai",), short="CONTENT", validates=True),
    Row("instructor_openai", "instructor", "typed answer, asked again",
        imports=("instructor", "openai"), short="CONTENT", validates=True),
    Row("dspy_predict", "dspy", "Predict", imports=("dspy",), short="CONTENT", validates=True),
    Row("mcp_stdio", "mcp", "tool over stdio", ("CONTENT", "ERROR", "SLOW"), ("mcp",), "CONTENT",
        spare=""),
    # Over HTTP the SDK makes one error of every status: 429 is no failure of its own there.
    Row("mcp_http", "mcp", "tool over HTTP", ("CONTENT", "ERROR", "SLOW"), ("mcp",), spare=""),
    Row("requests_json", "requests", "post", imports=("requests",), short="ERROR"),
    Row("httpx_stream", "httpx", "stream", STREAMED, ("httpx",), "BREAK"),
    Row("aiohttp_stream", "aiohttp", "stream", STREAMED, ("aiohttp",), "SLOW"),
    Row("urllib_json", "", "urllib.request", short="CONTENT"),
)  # fmt: skip

#: Ten cells, one a way of answering, that are replayed a hundred times.
OFTEN: Final = frozenset({
    ("openai_chat", "CONTENT"), ("openai_async", "RATE"), ("openai_stream", "BREAK"),
    ("openai_tools", "SLOW"), ("anthropic_stream", "CUTOFF"), ("google_genai_async", "ERROR"),
    ("bedrock_stream", "BREAK"), ("langgraph_parallel", "CONTENT"), ("requests_json", "RATE"),
    ("mcp_stdio", "CONTENT"),
})  # fmt: skip
#: What the cells did when they were last tried (``make test-frameworks ARGS=--keep-outcomes``): by
#: application and fault the word, and why it is not ``closes``.
OUTCOMES: Final = Path(__file__).with_name("outcomes.json")
#: ``-``: fails the check. ``check``: reproduces, and the fix does not pass.
WORDS: Final = ("-", "check", "closes")


def outcomes() -> dict[str, dict[str, tuple[str, str]]]:
    """What :data:`OUTCOMES` holds: by application, by fault, the word and why."""
    found = json.loads(OUTCOMES.read_text(encoding="utf-8"))
    return {
        app: {fault: (word, why) for fault, (word, why) in of.items()} for app, of in found.items()
    }


def cells() -> Iterator[tuple[Row, str]]:
    """Every application with every fault that it can meet."""
    for row in ROWS:
        for fault in row.faults:
            yield row, fault


def fixed(row: Row, fault: str, source: str) -> str:
    """The source of an application with the natural fix of a fault: its ``build`` is changed."""
    found = re.search(r"^    return (.*)$", source[source.index("@generation") :], re.MULTILINE)
    assert found is not None
    statement, expression = found.group(0), found.group(1)
    fix = row.fix(fault)
    if fix == "lenient" and "json.loads(" in expression:
        asked = expression.removeprefix("json.loads(")[:-1]
        changed = f"    answer = {asked}\n    return json.loads(answer[answer.index('{{') :])"
    else:
        spare = re.sub(r"ask\(request\)", f"ask(request, '{row.spare}')", expression)
        spare = expression if fix != "spare" else spare
        changed = (
            f"    try:\n        return {expression}\n    except Exception:\n        return {spare}"
        )
    return source.replace(statement, changed, 1)


def markdown() -> str:
    """The table as docs/frameworks.md shows it; what was not tried has no mark."""
    names = ("content", "429", "500", "time-out", "break", "cut off")
    lines = [f"| library | what | {' | '.join(names)} |", f"| --- | --- |{' :-: |' * len(names)}"]
    found, why = outcomes(), dict[str, list[str]]()
    for row in ROWS:
        marks = []
        for fault, title in zip(STREAMED, names, strict=True):
            word, reason = found.get(row.app, {}).get(fault, ("", ""))
            marks.append({"closes": "✓✓", "check": "✓", "-": "–", "": ""}[word])
            if word and word != "closes":
                why.setdefault(reason, []).append(f"{row.app} {title}")
        library = f"{row.library} {version_of(row.library)}" if row.library else "Python"
        what = f"[{row.what}](../examples/{row.app}.py)"
        lines.append(f"| {library} | {what} | {' | '.join(marks)} |")
    words = [word for of in found.values() for word, _ in of.values()]
    closing, checked = words.count("closes"), len(words) - words.count("-")
    lines += [
        "",
        f"{len(words)} of {sum(len(row.faults) for row in ROWS)} cells tried: {checked} pass the check "
        f"({checked / max(1, len(words)):.0%}), {closing} close ({closing / max(1, len(words)):.0%}).",
        "",
        *(f"- {reason}: {', '.join(where)}." for reason, where in sorted(why.items())),
        *([""] if why else []),
    ]
    return "\n".join(lines) + "\n"


def version_of(library: str) -> str:
    """The version that requirements/frameworks.txt locks."""
    lock = (ROOT / "requirements" / "frameworks.txt").read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(library)}==(\S+)", lock, re.MULTILINE)
    return found[1] if found else "?"
