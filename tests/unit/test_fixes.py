"""Bugs, their natural fixes, and mutants of the fixes: which of them turn a case green.

Each bug is a small application that failed; each row a changed version of its function, what it is
given beyond the recording, and the verdict. ``¼``: a pass that counts a quarter.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from genmon_otel.regression.cases.needs import Needs
from tests.fix_kit import recorded_bug, rerun_here

BUILD = """
import json
from pydantic import BaseModel
from genmon_otel import generation, step

class BuildError(Exception): ...
class RateLimitError(Exception):
    status_code = 429

class Plan(BaseModel):
    pages: list[str]

def model(prompt, size):
    if "shop" not in prompt:
        return "print(1)"
    return "print(" if size == "big" else "print(2)"

@step
def plan(request):
    return f"a page for {request}"

@step
def ask(prompt, size="big"):
    return model(prompt, size)

@step
def check(code):
    try:
        compile(code, "page.py", "exec")
    except SyntaxError:
        raise BuildError("it does not build") from None

@step
def lint(code): ...

@step
def publish(code):
    return "https://pages.example/" + str(len(code))

attempt = generation(name="build", capture="all")

@attempt
def build(request):
    told = plan(request)
    code = ask(f"Write {told}")
    check(code)
    return {"code": code, "at": publish(code)}

@attempt
def again(request):
    told = plan(request)
    code = ask(f"Write {told}")
    try:
        check(code)
    except BuildError:
        code = ask(f"Write {told}")
        check(code)
    return {"code": code, "at": publish(code)}

@attempt
def repaired(request):
    told = plan(request)
    code = ask(f"Write {told}")
    try:
        check(code)
    except BuildError as error:
        code = ask(f"Write {told}. This was wrong: {code}. It says: {error}")
        check(code)
    return {"code": code, "at": publish(code)}

@attempt
def other_model(request):
    told = plan(request)
    code = ask(f"Write {told}")
    try:
        check(code)
    except BuildError:
        code = ask(f"Write {told}", size="small")
        check(code)
    return {"code": code, "at": publish(code)}

@attempt
def anew(request):
    try:
        told = plan(request)
        code = ask(f"Write {told}")
        check(code)
    except BuildError:
        told = plan(request)
        code = ask(f"Write {told}")
        check(code)
    return {"code": code, "at": publish(code)}

@attempt
def mended(request):
    told = plan(request)
    code = ask(f"Write {told}")
    try:
        check(code)
    except BuildError:
        code = code.rstrip("(") + "()"
        check(code)
    return {"code": code, "at": publish(code)}

@attempt
def made_up_and_checked(request):
    told = plan(request)
    code = ask(f"Write {told}")
    try:
        check(code)
    except BuildError:
        code = "print()"
        check(code)
    return {"code": code, "at": publish(code)}

@attempt
def checked_something_else(request):
    told = plan(request)
    code = ask(f"Write {told}")
    try:
        check(code)
    except BuildError:
        check("print()")
    return {"code": code, "at": publish(code)}

@attempt
def made_up_of_the_request(request):
    told = plan(request)
    code = ask(f"Write {told}")
    try:
        check(code)
    except BuildError:
        code = f"print({request!r})"
        check(code)
    return {"code": code, "at": publish(code)}

@attempt
def call_dropped(request):
    code = ask(f"Write a page for {request}")
    try:
        check(code)
    except BuildError:
        code = ask(f"Write a page for {request}")
        check(code)
    return {"code": code, "at": publish(code)}

@attempt
def new_call(request):
    told = plan(request)
    code = ask(f"Write {told}")
    lint(code)
    try:
        check(code)
    except BuildError:
        code = ask(f"Write {told}")
        check(code)
    return {"code": code, "at": publish(code)}

@attempt
def other_prompt(request):
    told = plan(request)
    code = ask(f"You are careful. Write {told}, and close every bracket")
    check(code)
    return {"code": code, "at": publish(code)}

@attempt
def unchecked(request):
    told = plan(request)
    code = ask(f"Write {told}")
    try:
        check(code)
    except BuildError:
        code = ask(f"Write {told}")
    return {"code": code, "at": publish(code)}

@attempt
def swallowed(request):
    told = plan(request)
    code = ask(f"Write {told}")
    try:
        check(code)
    except BuildError:
        pass
    return {"code": code, "at": publish(code)}

@attempt
def never_checked(request):
    told = plan(request)
    code = ask(f"Write {told}")
    return {"code": code, "at": publish(code)}

@attempt
def emptied(request):
    told = plan(request)
    code = ask(f"Write {told}")
    try:
        check(code)
    except BuildError:
        return {"code": "", "at": ""}
    return {"code": code, "at": publish(code)}

@attempt
def nothing(request):
    told = plan(request)
    code = ask(f"Write {told}")
    try:
        check(code)
    except BuildError:
        return None
    return {"code": code, "at": publish(code)}

@attempt
def other_error(request):
    told = plan(request)
    code = ask(f"Write {told}")
    try:
        check(code)
    except BuildError:
        raise KeyError("what") from None
    return {"code": code, "at": publish(code)}

@attempt
def checked_again(request):
    told = plan(request)
    code = ask(f"Write {told}")
    for _ in range(5):
        try:
            check(code)
            break
        except BuildError:
            pass
    else:
        raise BuildError("it does not build")
    return {"code": code, "at": publish(code)}

@attempt
def unpublished(request):
    told = plan(request)
    code = ask(f"Write {told}")
    try:
        check(code)
    except BuildError:
        code = ask(f"Write {told}")
        check(code)
    return {"code": code, "at": "https://pages.example/1"}
"""

#: The same, but the code that failed asked twice already.
TWICE = BUILD.replace("def build(", "def once(").replace("def again(", "def build(")
TWICE += """
@attempt
def again(request):
    told = plan(request)
    for _ in range(5):
        code = ask(f"Write {told}")
        try:
            check(code)
            break
        except BuildError as error:
            last = error
    else:
        raise last
    return {"code": code, "at": publish(code)}
"""

PARSED = """
import json
from pydantic import BaseModel, ValidationError
from genmon_otel import generation, step

class Plan(BaseModel):
    pages: list[str]

def model(prompt):
    return '{"pages": ["home"]}' if "shop" not in prompt else '{"pages": "home"}'

@step
def ask(prompt):
    return model(prompt)

@step
def parse(text):
    return Plan.model_validate_json(text)

@step
def ask_plan(prompt) -> Plan:
    return Plan.model_validate_json(model(prompt))

attempt = generation(name="build", capture="all")

@attempt
def build(request):
    return parse(ask(f"Plan {request}")).pages

@attempt
def again(request):
    for attempt in range(3):
        try:
            return parse(ask(f"Plan {request}")).pages
        except ValidationError:
            if attempt == 2:
                raise

@attempt
def repaired(request):
    text = ask(f"Plan {request}")
    try:
        return parse(text).pages
    except ValidationError as error:
        return parse(ask(f"Plan {request}. {text} is wrong: {error}")).pages

@attempt
def swallowed(request):
    try:
        return parse(ask(f"Plan {request}")).pages
    except ValidationError:
        return ["something"]

@attempt
def emptied(request):
    try:
        return parse(ask(f"Plan {request}")).pages
    except ValidationError:
        return []

attempt = generation(name="whole", capture="all")

@attempt
def whole(request):
    return ask_plan(f"Plan {request}").pages

@attempt
def whole_again(request):
    try:
        return ask_plan(f"Plan {request}").pages
    except ValidationError:
        return ask_plan(f"Plan {request}").pages

@attempt
def whole_emptied(request):
    try:
        return ask_plan(f"Plan {request}").pages
    except ValidationError:
        return []

@attempt
def whole_swallowed(request):
    try:
        return ask_plan(f"Plan {request}").pages
    except ValidationError:
        return ["something"]
"""

LIMITED = """
import json
from genmon_otel import generation, step

class RateLimitError(Exception):
    status_code = 429

@step
def ask(prompt, size="big"):
    if "shop" in prompt and size == "big":
        raise RateLimitError("Error code: 429 - rate limit reached")
    return "print(1)"

attempt = generation(name="build", capture="all")

@attempt
def build(request):
    for tried in range(2):
        try:
            return {"code": ask(f"Write {request}")}
        except RateLimitError:
            if tried:
                raise

@attempt
def again(request):
    for tried in range(8):
        try:
            return {"code": ask(f"Write {request}")}
        except RateLimitError:
            if tried == 7:
                raise

@attempt
def other_model(request):
    try:
        return {"code": ask(f"Write {request}")}
    except RateLimitError:
        return {"code": ask(f"Write {request}", size="small")}

@attempt
def emptied(request):
    try:
        return {"code": ask(f"Write {request}")}
    except RateLimitError:
        return {"code": ""}

@attempt
def made_up(request):
    try:
        return {"code": ask(f"Write {request}")}
    except RateLimitError:
        return {"code": "print(0)"}
"""

CONTENT = """
import json
from genmon_otel import generation, step

@step
def ask(prompt):
    return '{"pages": ["home"]}' if "shop" not in prompt else 'Sorry: {"pages": ["home"]}'

@step
def render(pages):
    return "".join(f"<p>{page}</p>" for page in pages)

attempt = generation(name="build", capture="all")

@attempt
def build(request):
    pages = json.loads(ask(f"Plan {request}"))["pages"]
    return {"html": render(pages)}

@attempt
def tolerant(request):
    text = ask(f"Plan {request}")
    pages = json.loads(text[text.index("{"):])["pages"]
    return {"html": render(pages)}

@attempt
def again(request):
    try:
        pages = json.loads(ask(f"Plan {request}"))["pages"]
    except ValueError:
        pages = json.loads(ask(f"Plan {request}"))["pages"]
    return {"html": render(pages)}

@attempt
def repaired(request):
    text = ask(f"Plan {request}")
    try:
        pages = json.loads(text)["pages"]
    except ValueError as error:
        pages = json.loads(ask(f"Plan {request}. Not {text}: {error}"))["pages"]
    return {"html": render(pages)}

@attempt
def other_prompt(request):
    pages = json.loads(ask(f"Answer in JSON only. Plan {request}"))["pages"]
    return {"html": render(pages)}

@attempt
def swallowed(request):
    try:
        pages = json.loads(ask(f"Plan {request}"))["pages"]
    except ValueError:
        return {"html": "<p>sorry</p>"}
    return {"html": render(pages)}

@attempt
def emptied(request):
    try:
        pages = json.loads(ask(f"Plan {request}"))["pages"]
    except ValueError:
        pages = []
    return {"html": render(pages)}
"""

#: Nothing follows the answer that breaks it, or the step that fails.
BARE = """
import json
from genmon_otel import generation, step

class BusyError(Exception): ...

@step
def ask(prompt):
    if "busy" in prompt:
        raise BusyError("overloaded")
    return '{"pages": ["home"]}' if "shop" not in prompt else 'Sorry: {"pages": ["home"]}'

@step
def ask_small(prompt):
    return '{"pages": ["small"]}'

@step
def note(what): ...

@step
def count(pages):
    return len(pages)

attempt = generation(name="build", capture="all")

@attempt
def build(request):
    if request == "a small blog":
        note("a success that asks the smaller model")
        return json.loads(ask_small(f"Plan {request}")) and json.loads(ask(f"Plan {request}"))
    return json.loads(ask(f"Plan {request}"))

@attempt
def tolerant(request):
    text = ask(f"Plan {request}")
    return json.loads(text[text.index("{"):])

@attempt
def again(request):
    for tried in range(3):
        try:
            return json.loads(ask(f"Plan {request}"))
        except (ValueError, BusyError):
            if tried == 2:
                raise

@attempt
def other_step(request):
    try:
        return json.loads(ask(f"Plan {request}"))
    except (ValueError, BusyError):
        return json.loads(ask_small(f"Plan {request}"))

@attempt
def made_up(request):
    try:
        return json.loads(ask(f"Plan {request}"))
    except Exception:
        return {"pages": ["something"]}

@attempt
def noted_and_made_up(request):
    try:
        return json.loads(ask(f"Plan {request}"))
    except Exception as error:
        note(str(error))
        return {"pages": ["something"]}

@attempt
def counted_and_made_up(request):
    try:
        return json.loads(ask(f"Plan {request}"))
    except Exception as error:
        count(["something"])
        return {"pages": ["something"]}

@attempt
def its_request(request):
    try:
        return json.loads(ask(f"Plan {request}"))
    except Exception as error:
        return {"pages": [request]}
"""

#: A model is asked for two things, one after the other.
CHAIN = """
import json
from genmon_otel import generation, step

@step
def ask(prompt):
    if prompt.startswith("Code"):
        return "print(1)"
    return '{"pages": ["home"]}' if "shop" not in prompt else 'Sorry: {"pages": ["home"]}'

attempt = generation(name="build", capture="all")

@attempt
def build(request):
    pages = json.loads(ask(f"Plan {request}"))["pages"]
    return {"code": ask(f"Code {pages}")}

@attempt
def tolerant(request):
    text = ask(f"Plan {request}")
    pages = json.loads(text[text.index("{"):])["pages"]
    return {"code": ask(f"Code {pages}")}

@attempt
def again(request):
    try:
        pages = json.loads(ask(f"Plan {request}"))["pages"]
    except ValueError:
        pages = json.loads(ask(f"Plan {request}"))["pages"]
    return {"code": ask(f"Code {pages}")}

@attempt
def made_up(request):
    try:
        pages = json.loads(ask(f"Plan {request}"))["pages"]
    except ValueError:
        pages = ["something"]
    return {"code": ask(f"Code {pages}")}
"""

BUGS = {
    "build": BUILD,
    "twice": TWICE,
    "parsed": PARSED,
    "limited": LIMITED,
    "content": CONTENT,
    "bare": BARE,
    "chain": CHAIN,
}
GIVEN = {
    "ask": "print(1)", "check": None, "note": None, "count": 1, "publish": "https://pages.example/9",
}  # fmt: skip

#: Bug, changed function, what it is given (donors, nothing, a reviewer's recovery), verdict.
ROWS = """
build again donors pass ¼
build again nothing inconclusive
build again recovery pass
build repaired donors pass
build repaired nothing inconclusive
build repaired recovery pass
build other_model donors pass
build anew donors pass ¼
build mended donors pass
build mended recovery pass
build made_up_and_checked donors inconclusive
build made_up_and_checked recovery inconclusive
build checked_something_else donors inconclusive
build checked_something_else recovery inconclusive
build made_up_of_the_request donors inconclusive
build call_dropped donors pass ¼
build new_call donors inconclusive
build other_prompt donors inconclusive
build unchecked donors fail_other
build unchecked recovery fail_other
build swallowed donors fail_other
build swallowed recovery fail_other
build never_checked donors inconclusive
build emptied donors fail_other
build nothing donors fail_other
build other_error donors fail_other
build checked_again donors fail_other
build unpublished donors fail_other
twice again donors fail_same
twice repaired donors pass
parsed again donors pass ¼
parsed repaired donors pass
parsed repaired nothing inconclusive
parsed swallowed donors fail_other
parsed emptied donors fail_other
whole whole_again donors pass ¼
whole whole_again nothing inconclusive
whole whole_emptied donors fail_other
whole whole_swallowed donors fail_other
limited again donors pass ¼
limited other_model donors pass
limited emptied donors fail_other
content tolerant donors pass
content tolerant nothing inconclusive
content again donors pass ¼
content again nothing inconclusive
content repaired donors pass
content other_prompt donors inconclusive
content swallowed donors fail_other
content emptied donors inconclusive
bare tolerant donors pass
bare tolerant nothing pass
bare again donors pass ¼
bare again nothing inconclusive
bare other_step donors pass
bare made_up donors inconclusive
bare made_up nothing inconclusive
bare noted_and_made_up recovery inconclusive
bare counted_and_made_up recovery inconclusive
bare its_request donors inconclusive
busy other_step donors pass ¼
busy made_up donors fail_other
busy noted_and_made_up recovery fail_other
busy counted_and_made_up recovery fail_other
busy its_request donors fail_other
chain tolerant donors pass
chain again donors pass ¼
chain made_up donors inconclusive
limited made_up donors inconclusive
"""


def test_what_turns_a_case_green(tmp_path: Path) -> None:
    """Natural fixes pass on a donor or a recovery, mutants never; every mismatch is listed."""
    wrong = []
    cases = {}
    for line in ROWS.split("\n"):
        if not line:
            continue
        bug, function, given, verdict, *less = line.split()
        if bug not in cases:
            folder = tmp_path / bug
            folder.mkdir()
            source = BUGS[{"whole": "parsed", "busy": "bare"}.get(bug, bug)]
            call = "whole" if bug == "whole" else "build"
            bad = "a busy page" if bug == "busy" else "a shop"
            good = ("a blog", "a forum", *(["a small blog"] if source is BARE else []))
            cases[bug] = recorded_bug(folder, source, good=good, bad=bad, call=call)
        case, module = cases[bug]
        if given != "donors":
            case = replace(case, donors=())
        if given == "recovery":
            case = Needs(recovery=GIVEN).added_to(case)
        shown = rerun_here(case, module, function)
        if (shown.verdict, shown.weight < 1) != (verdict, bool(less)):
            wrong.append(f"{line}: {shown.verdict} {shown.weight} {shown.detail} {shown.notes}")
    assert not wrong, "\n".join(wrong)


def test_each_bug_fails_as_recorded(tmp_path: Path) -> None:
    """The code that failed fails the same in its replay, donors or not."""
    for bug, source in BUGS.items():
        folder = tmp_path / bug
        folder.mkdir()
        case, module = recorded_bug(folder, source, good=("a blog",), bad="a shop")
        shown = rerun_here(case, module, "build")
        assert (shown.verdict, shown.drifted) == ("fail_same", False), (bug, shown)


@pytest.mark.parametrize(
    ("function", "reason", "said"),
    [
        ("again", "unrecorded", "genmon cases approve F-3KQ2 --recovery 'ask=\"TEXT\"'"),
        ("new_call", "unrecorded", "genmon cases approve F-3KQ2 --recovery lint=JSON"),
        ("other_prompt", "prompt", "genmon cases run F-3KQ2 --live 5"),
    ],
)
def test_the_remedy_is_a_command(tmp_path: Path, function: str, reason: str, said: str) -> None:
    """What is not known is asked for by the command that answers it."""
    case, module = recorded_bug(tmp_path, BUILD, good=("a blog",), bad="a shop")
    shown = rerun_here(replace(case, donors=()), module, function)
    assert (shown.verdict, shown.reason) == ("inconclusive", reason)
    assert said in shown.detail


def test_all_donors_come_from_one_generation(tmp_path: Path) -> None:
    """The generation whose request is nearest answers everything that was not recorded, and is named."""
    case, module = recorded_bug(
        tmp_path, BUILD, good=("a blog", "a page of shoes"), bad="a page of shoes in a shop"
    )
    shown = rerun_here(case, module, "again")
    assert shown.verdict == "pass"
    named = {
        word for note in shown.notes for word in note.replace(",", "").split() if len(word) > 30
    }
    assert len(named) == 1
    nearest = next(d.generation_id for d in case.donors if "shoes" in str(d.step.arguments))
    assert named == {nearest}
