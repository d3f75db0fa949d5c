"""Natural fixes and their mutants where real SDKs ask a model over loopback, without a decorated step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genmon_otel import capture as automatic
from tests.fix_kit import recorded_bug, rerun_here
from tests.http_kit import JsonHandler, serving

SOURCE = """
import time
import anthropic, openai
from pydantic import BaseModel, ValidationError
from genmon_otel import generation

client = openai.OpenAI(base_url="URL/v1", api_key="k", max_retries=0)
other = anthropic.Anthropic(base_url="URL", api_key="k", max_retries=0)

class Page(BaseModel):
    title: str

def ask(prompt, model="big"):
    message = {"role": "user", "content": prompt}
    answer = client.chat.completions.create(model=model, messages=[message])
    return answer.choices[0].message.content

def ask_other(prompt):
    message = {"role": "user", "content": prompt}
    return other.messages.create(model="m", max_tokens=99, messages=[message]).content[0].text

def page(text):
    return {"title": Page.model_validate_json(text).title}

attempt = generation(name="build", capture="all")

@attempt
def build(request):
    if "small" in request:
        ask_other(f"A page of {request}")
    return page(ask(f"A page of {request}"))

@attempt
def tolerant(request):
    text = ask(f"A page of {request}")
    return page(text[text.index("{"):])

@attempt
def again(request):
    for tried in range(4):
        try:
            return page(ask(f"A page of {request}"))
        except (ValidationError, openai.RateLimitError):
            if tried == 3:
                raise
            time.sleep(0.01 * 2**tried)

@attempt
def repaired(request):
    text = ask(f"A page of {request}")
    try:
        return page(text)
    except ValidationError as error:
        return page(ask(f"A page of {request}. You wrote {text}, which is wrong: {error}"))

@attempt
def other_model(request):
    try:
        return page(ask(f"A page of {request}"))
    except (ValidationError, openai.RateLimitError):
        return page(ask(f"A page of {request}", model="small"))

@attempt
def other_provider(request):
    try:
        return page(ask(f"A page of {request}"))
    except (ValidationError, openai.RateLimitError):
        return page(ask_other(f"A page of {request}"))

@attempt
def other_prompt(request):
    return page(ask(f"Answer with JSON alone. A page of {request}"))

def ask_moved(prompt, model="new"):
    message = {"role": "user", "content": prompt}
    answer = client.chat.completions.create(model=model, messages=[message])
    return answer.choices[0].message.content

@attempt
def moved_and_reworded(request):
    text = ask_moved(f"Design a page of {request}")
    return page(text[text.index("{"):])

@attempt
def moved_and_still_strict(request):
    return page(ask_moved(f"Design a page of {request}"))

@attempt
def moved_and_replaced(request):
    text = ask_moved("Which words does a visitor look for, and in what order do they want them on their screen?")
    return page(text[text.index("{"):])

@attempt
def asked_alike_before(request):
    ask_moved(f"Design a page of {request}")
    return tolerant(request)

@attempt
def made_up(request):
    try:
        return page(ask(f"A page of {request}"))
    except Exception:
        return {"title": "Welcome"}

@attempt
def ignored(request):
    try:
        return page(ask(f"A page of {request}"))
    except Exception:
        ask(f"A page of {request}, better")
        return {"title": "Welcome"}

@attempt
def ignored_of_another(request):
    try:
        return page(ask(f"A page of {request}"))
    except Exception:
        if ask_other(f"A page of {request}"):
            return {"title": "Welcome"}

@attempt
def ignored_repair(request):
    text = ""
    try:
        text = ask(f"A page of {request}")
        return page(text)
    except Exception as error:
        ask(f"{text} is wrong: {error}")
        return {"title": "Welcome"}

@attempt
def ignored_in_a_loop(request):
    for _ in range(3):
        try:
            page(ask(f"A page of {request}"))
            break
        except Exception:
            continue
    return {"title": "Welcome"}

@attempt
def default_after_trying(request):
    answers = []
    for _ in range(2):
        try:
            answers.append(page(ask(f"A page of {request}")))
        except Exception:
            answers.append({"title": "Welcome"})
    return answers[0]

@attempt
def made_up_of_the_request(request):
    try:
        return page(ask(f"A page of {request}"))
    except Exception:
        return {"title": request}

@attempt
def emptied(request):
    try:
        return page(ask(f"A page of {request}"))
    except Exception:
        return {"title": ""}

@attempt
def nothing(request):
    try:
        return page(ask(f"A page of {request}"))
    except Exception:
        return None

@attempt
def other_error(request):
    try:
        return page(ask(f"A page of {request}"))
    except Exception:
        raise KeyError("title") from None
"""

#: Request, changed function, verdict; ``¼``: a pass that counts a quarter.
ROWS = """
wrong tolerant pass
wrong again pass ¼
wrong repaired pass
wrong other_model pass
wrong other_provider pass
wrong other_prompt inconclusive
wrong moved_and_reworded pass ¼
wrong moved_and_still_strict inconclusive
wrong moved_and_replaced inconclusive
wrong asked_alike_before pass
wrong made_up inconclusive
wrong ignored inconclusive
wrong ignored_of_another inconclusive
wrong ignored_repair inconclusive
wrong ignored_in_a_loop inconclusive
wrong default_after_trying inconclusive
busy ignored inconclusive
busy ignored_of_another inconclusive
busy ignored_repair inconclusive
busy ignored_in_a_loop inconclusive
busy default_after_trying inconclusive
wrong made_up_of_the_request inconclusive
wrong emptied fail_other
wrong nothing fail_other
wrong other_error fail_other
busy again pass ¼
busy other_model pass
busy other_provider pass
busy made_up inconclusive
busy made_up_of_the_request inconclusive
busy emptied fail_other
busy nothing fail_other
busy other_error fail_other
"""


class Model(JsonHandler):
    """Answers both APIs: with prose to what is wrong, with 429 to what is busy."""

    def do_POST(self) -> None:
        """Answer one request."""
        asked = self.asked()
        prompt = str(asked["messages"])
        text, status = '{"title": "Blog"}', 200
        if "wrong" in prompt:
            text = 'Sure: {"title": "Shop"}'
        elif "busy" in prompt:
            status = 429
        body: dict[str, Any] = {
            "id": "c", "object": "chat.completion", "created": 1, "model": asked["model"],
            "choices": [{"index": 0, "finish_reason": "stop",
                         "message": {"role": "assistant", "content": text}}],
        }  # fmt: skip
        if self.path.endswith("/messages"):
            body = {
                "id": "m", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None,
                "stop_reason": "end_turn", "content": [{"type": "text", "text": text}],
                "usage": {"input_tokens": 1, "output_tokens": 1},
            }  # fmt: skip
        if status == 429:
            body = {
                "error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit"}
            }
        self.reply(status, body)


@pytest.fixture
def url() -> Iterator[str]:
    """Address of the model."""
    with serving(Model) as address:
        yield address


def test_what_turns_a_case_of_an_sdk_green(url: str, tmp_path: Path) -> None:
    """Natural fixes pass on donors, also of another provider; no mutant does; each mismatch is listed."""
    wrong = []
    automatic.install()
    try:
        cases = {}
        for bad in ("wrong", "busy"):
            folder = tmp_path / f"sdk_{bad}"
            folder.mkdir()
            source = SOURCE.replace("URL", url)
            cases[bad] = recorded_bug(
                folder, source, good=("a blog", "a small blog"), bad=f"a {bad} shop"
            )
            case, module = cases[bad]
            assert rerun_here(case, module, "build").verdict == "fail_same"
        for line in filter(None, ROWS.split("\n")):
            bad, function, verdict, *less = line.split()
            shown = rerun_here(*cases[bad], function)
            if (shown.verdict, shown.weight < 1) != (verdict, bool(less)):
                wrong.append(f"{line}: {shown.verdict} {shown.weight} {shown.detail} {shown.notes}")
    finally:
        automatic.uninstall()
    assert not wrong, "\n".join(wrong)
