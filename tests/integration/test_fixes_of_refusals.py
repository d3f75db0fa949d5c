"""Fixes and their mutants where a server refuses a request for what it says: it would refuse it again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genmon_otel import capture as automatic
from genmon_otel.regression.shrink import shrink
from tests.fix_kit import recorded_bug, rerun_here
from tests.http_kit import JsonHandler, serving

SOURCE = """
import httpx
from genmon_otel import generation

class Refused(Exception):
    status_code = 400

def ask(path, text, model="small"):
    answer = httpx.post("URL" + path, json={"text": text, "model": model})
    if answer.status_code >= 400:
        raise Refused("this model's maximum context length is 60 tokens")
    return answer.json()["text"]

attempt = generation(name="build", capture="all")

@attempt
def build(request):
    return {"title": ask("/title", request[:20]), "summary": ask("/summary", request)}

@attempt
def shortened(request):
    title = ask("/title", request[:20])
    try:
        return {"title": title, "summary": ask("/summary", request)}
    except Refused:
        return {"title": title, "summary": ask("/summary", request[: len(request) // 2])}

@attempt
def other_model(request):
    title = ask("/title", request[:20])
    try:
        return {"title": title, "summary": ask("/summary", request)}
    except Refused:
        return {"title": title, "summary": ask("/summary", request, "large")}

@attempt
def shortened_at_once(request):
    return {"title": ask("/title", request[:20]), "summary": ask("/summary", request[:60])}

@attempt
def again(request):
    title = ask("/title", request[:20])
    try:
        return {"title": title, "summary": ask("/summary", request)}
    except Refused:
        return {"title": title, "summary": ask("/summary", request)}

@attempt
def title_again(request):
    title = ask("/title", request[:20])
    try:
        return {"title": title, "summary": ask("/summary", request)}
    except Refused:
        return {"title": title, "summary": ask("/title", request[:20])}

@attempt
def swallowed(request):
    title = ask("/title", request[:20])
    try:
        return {"title": title, "summary": ask("/summary", request)}
    except Refused:
        return {"title": title, "summary": "none"}
"""
EXPECTED = {
    "build": "fail_same", "again": "fail_same", "shortened_at_once": "inconclusive",
    "title_again": "inconclusive", "swallowed": "inconclusive", "shortened": "pass", "other_model": "pass",
}  # fmt: skip


class Model(JsonHandler):
    """Refuses to summarise what is long."""

    def do_POST(self) -> None:
        asked = self.asked()
        is_long = self.path == "/summary" and len(asked["text"]) > 60
        answer: Any = {"error": "too long"} if is_long else {"text": f"{asked['text']}, in short"}
        self.reply(400 if is_long else 200, answer)


@pytest.fixture
def url() -> Iterator[str]:
    """Address of the model."""
    with serving(Model) as address:
        yield address


def test_what_turns_a_refused_request_green(url: str, tmp_path: Path) -> None:
    """Another request is answered, the same one is refused again, and shrinking changes neither."""
    automatic.install()
    try:
        case, module = recorded_bug(
            tmp_path,
            SOURCE.replace("URL", url),
            good=("a letter of a customer", "a note on heating"),
            bad="minutes of a meeting at which much was said by everybody and nothing was done",
        )
        assert case.expected.category == "provider_error"
        small = shrink(
            case, lambda each, **options: rerun_here(each, module, "build", **options), most_s=20
        ).case
        for each in (case, replace(small, donors=case.donors)):
            runs = {name: rerun_here(each, module, name) for name in EXPECTED}
            assert {name: run.verdict for name, run in runs.items()} == EXPECTED
            assert runs["shortened_at_once"].reason == "prompt"
    finally:
        automatic.uninstall()
