"""An app builder: plan → code → validate → build → save.

A small orchestrator of the kind genmon is made for, and the one its demo runs:
a user asks for an app, a language model plans it and writes its files, the
files are checked, their packages resolved, the project saved. It knows nothing
of genmon but five names. Failures simply escape as exceptions.
"""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal

from openai import AsyncOpenAI

from genmon_otel import current_generation, generation, phase, register_rule, step

Framework = Literal["react", "html", "vue", "python"]

PLAN = "You plan small {framework} apps. List the files of this app, one a line.\nApp: {request}"
CODE = (
    "You write complete {framework} apps. Answer with one JSON object and nothing else: "
    '{{"files": {{"path": "content"}}, "dependencies": {{"package": "version"}}}}.\n'
    "App: {request}\nPlan:\n{plan}"
)


class ProjectError(Exception):
    """Raised when a generated project fails its checks."""


# Its name and its words are the application's own: only the application knows what they mean.
register_rule("validation_error", exception=ProjectError)


@cache
def model() -> tuple[AsyncOpenAI, dict[str, Any], float]:
    """The client, what goes with each question, and the seconds that an answer may take."""
    env = os.environ.get
    client = AsyncOpenAI(timeout=float(env("APP_BUILDER_SILENCE_S", "30")), max_retries=0)
    options = json.loads(env("APP_BUILDER_OPTIONS", '{"temperature": 0}'))
    options["model"] = env("OPENAI_MODEL", "gpt-4o-mini")
    return client, options, float(env("APP_BUILDER_TIMEOUT_S", "60"))


async def call_model(prompt: str) -> str:
    """Ask the model. Its HTTP request is a step by itself: the answer is what a test replays."""
    client, options, patience_s = model()
    async with asyncio.timeout(patience_s):  # the SDK's own starts anew with each byte
        reply = await client.chat.completions.create(
            messages=[{"role": "user", "content": prompt}], **options
        )
    return reply.choices[0].message.content or ""


@step
def resolve_packages(dependencies: dict[str, str]) -> dict[str, str]:
    """Pin every dependency to a version in the package index.

    Raises:
        ModuleNotFoundError: the model invented a package.
    """
    index = json.loads((Path(__file__).parent / "package_index.json").read_text("utf-8"))
    for package in dependencies:
        if package not in index:
            raise ModuleNotFoundError(f"No package named {package!r} in the index", name=package)
    return {package: index[package] for package in dependencies}


@generation(request="request")
async def build_app(
    request: str, *, framework: Framework, user_id: str, project_id: str
) -> dict[str, Any]:
    """Build the app that a user asked for; the saved project's files and packages."""
    with phase("plan"):
        plan = await call_model(PLAN.format(framework=framework, request=request))
    with phase("code"):
        answer = await call_model(CODE.format(framework=framework, request=request, plan=plan))
        project = read_project(answer)
    with phase("validate"):
        for path, content in project["files"].items():
            check_file(path, content)
    with phase("build"):
        check_imports(project["files"], project["dependencies"])
        packages = resolve_packages(project["dependencies"])
    with phase("save"):
        saved = save(project["files"], Path("projects") / project_id)
    current_generation().set(file_count=len(saved))
    return {"project_id": project_id, "files": saved, "packages": packages}


def read_project(answer: str) -> dict[str, Any]:
    """Read the model's answer as a project.

    Raises:
        ValueError: it is no JSON.
        ProjectError: it is JSON, but no project.
    """
    project: dict[str, Any] = json.loads(answer)
    if not isinstance(project, dict):
        raise ProjectError(f"The model's answer must be an object, not a {type(project).__name__}")
    project["dependencies"] = project.get("dependencies") or {}
    if not project.get("files"):
        raise ProjectError("The model's answer has no files")
    for part in ("files", "dependencies"):
        found = project[part]
        if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
            raise ProjectError(
                f"The model's answer is no valid project: {part} must be texts by name"
            )
    return project


def check_file(path: str, content: str) -> None:
    """Check that one file parses.

    Raises:
        SyntaxError: it does not; path and line are those of the file.
    """
    if path.endswith(".py"):
        ast.parse(content, filename=path)
    elif path.endswith(".json"):
        json.loads(content)
    elif path.endswith(".html"):
        Tags(path).check(content)
    elif path.endswith((".tsx", ".ts", ".jsx", ".js", ".vue", ".css")):
        check_brackets(path, content)


def check_brackets(path: str, content: str) -> None:
    """Check that brackets close in the order they opened, strings and comments aside."""
    code = re.sub(
        r"//[^\n]*|/\*.*?\*/|`[^`]*`|\"[^\"\n]*\"|(?<!\w)'[^'\n]*'", " ", content, flags=re.S
    )
    open_brackets: list[tuple[str, int]] = []
    closing = {")": "(", "]": "[", "}": "{"}
    for position, mark in enumerate(code):
        if mark in "([{":
            open_brackets.append((mark, position))
        elif mark in closing and (not open_brackets or open_brackets.pop()[0] != closing[mark]):
            line = code.count("\n", 0, position) + 1
            raise SyntaxError(f"Unexpected token {mark!r}", (path, line, None, None))
    if open_brackets:
        line = code.count("\n", 0, open_brackets[-1][1]) + 1
        raise SyntaxError(f"{open_brackets[-1][0]!r} was never closed", (path, line, None, None))


class Tags(HTMLParser):
    """Checks that a page's tags close in the order they opened."""

    VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.open: list[str] = []

    def check(self, content: str) -> None:
        """Read the whole page."""
        self.feed(content)
        self.close()
        if self.open:
            raise SyntaxError(f"<{self.open[-1]}> was never closed", (self.path, None, None, None))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an opening tag."""
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Match a closing tag with the last that opened."""
        if tag not in self.VOID and (not self.open or self.open.pop() != tag):
            raise SyntaxError(f"Unexpected closing tag </{tag}>", (self.path, *self.getpos(), None))


def check_imports(files: dict[str, str], dependencies: dict[str, str]) -> None:
    """Check that every package a script imports is a declared dependency.

    Raises:
        ModuleNotFoundError: one is not.
    """
    for path, content in files.items():
        if path.endswith((".tsx", ".ts", ".jsx", ".js", ".vue")):
            for name in re.findall(r"""from\s+["']([^."'/][^"']*)["']""", content):
                package = "/".join(name.split("/")[: 2 if name.startswith("@") else 1])
                if package not in dependencies:
                    raise ModuleNotFoundError(f"Cannot find module {package!r}", name=package)


@step
def save(files: dict[str, str], folder: Path) -> list[str]:
    """Write the project's files below ``folder``; their names."""
    for path, content in files.items():
        target = (folder / path).resolve()
        if not target.is_relative_to(folder.resolve()):
            raise ProjectError(f"The path {path!r} leaves the project's folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
    return sorted(files)
