"""Mutants of fixes over failing applications of each kind: none turns its case green; natural fixes do.

Each application is a function that failed; each mutant and each fix replaces its body. ``{ask}`` and the
like stand for the application's own expressions, so that one kind of mutant is tried on all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import dedent, indent

import pytest

from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.needs import Needs
from tests.fix_kit import recorded_bug, rerun_here

HEAD = """
import json
from pydantic import BaseModel, ValidationError
from genmon_otel import generation, step

class BuildError(Exception): ...
class RateLimitError(Exception):
    status_code = 429

attempt = generation(name="build", capture="all")
LAST, TRIED = [], []
"""


@dataclass(frozen=True)
class App:
    """A failing application."""

    steps: str
    #: The statement that reads, asks or checks, and assigns ``value``.
    once: str
    #: What asks again, and what it gives where a fix ignores it.
    again: str
    #: What turns ``value`` into the result, and a constant of its form.
    result: str
    made_up: str
    emptied: str
    fixes: dict[str, str] = field(default_factory=dict)
    recovery: dict[str, object] = field(default_factory=dict)
    good: tuple[object, ...] = ("a blog", "a forum")
    bad: object = "a shop"
    #: Whether the very same request may be answered well.
    may_change: bool = True


APPS = {
    # A model's answer is no JSON.
    "answer": App(
        steps="""
@step
def ask(prompt):
    return '{"pages": ["home"]}' if "shop" not in prompt else '```json {"pages": ["home"]} ```'
""",
        once='value = json.loads(ask(f"Plan {request}"))["pages"]',
        again='ask(f"Plan {request}. Only JSON")',
        result='{"pages": value}',
        made_up='{"pages": ["something"]}',
        emptied='{"pages": []}',
        recovery={"ask": '{"pages": ["start"]}'},
        fixes={
            "fences": 'value = json.loads(ask(f"Plan {request}").strip("`json "))["pages"]',
            "stricter parse": 'text = ask(f"Plan {request}")\n'
            'value = json.loads(text[text.index("{"):text.rindex("}") + 1])["pages"]',
            "first object": 'text = ask(f"Plan {request}")\n'
            'value = json.JSONDecoder().raw_decode(text, text.index("{"))[0]["pages"]',
            "expression": "import re\n"
            'found = re.search(r"\\{.*\\}", ask(f"Plan {request}"), re.S)\n'
            'value = json.loads(found.group())["pages"]',
            "loop with a growing prompt": 'prompt = f"Plan {request}"\nfor tried in range(3):\n'
            "    text = ask(prompt)\n    try:\n"
            '        value = json.loads(text)["pages"]\n        break\n'
            "    except ValueError as error:\n"
            '        prompt = f"{prompt} You said {text}, which is wrong: {error}"\n'
            "else:\n    raise ValueError(text)",
            "repair": 'text = ask(f"Plan {request}")\ntry:\n    value = json.loads(text)["pages"]\n'
            'except ValueError as error:\n    value = json.loads(ask(f"{text}: {error}"))["pages"]',
        },
    ),
    # A step that checks what a model wrote, and gives it back.
    "check": App(
        steps="""
@step
def ask(prompt):
    return "print(" if "shop" in prompt else "print(2)"

@step
def check(code):
    try:
        compile(code, "page.py", "exec")
    except SyntaxError:
        raise BuildError("it does not build") from None
    return code
""",
        once='value = check(ask(f"Write {request}"))',
        again='ask(f"Write {request} better")',
        result='{"code": value}',
        made_up='{"code": "print(0)"}',
        emptied='{"code": ""}',
        recovery={"ask": "print(1)", "check": "print(1)"},
        fixes={
            "best of two": 'for prompt in (f"Write {request}", f"Write {request} again"):\n'
            "    try:\n        value = check(ask(prompt))\n        break\n"
            "    except BuildError:\n        continue\nelse:\n    raise BuildError(request)",
            "recursion": "def write(prompt, left=2):\n    code = ask(prompt)\n    try:\n"
            "        return check(code)\n    except BuildError as error:\n        if not left:\n"
            '            raise\n        return write(f"{prompt}: {error}", left - 1)\n'
            'value = write(f"Write {request}")',
            "repair": 'code = ask(f"Write {request}")\ntry:\n    value = check(code)\n'
            "except BuildError as error:\n"
            '    value = check(ask(f"Write {request}. Not {code}: {error}"))',
        },
    ),
    # A model is busy.
    "busy": App(
        steps="""
@step
def ask(prompt, model="big"):
    if "shop" in prompt and model == "big":
        raise RateLimitError("Error code: 429 - rate limit reached")
    return "print(1)"
""",
        once='value = ask(f"Write {request}")',
        again='ask(f"Write {request}", model="small")',
        result='{"code": value}',
        made_up='{"code": "print(0)"}',
        emptied='{"code": ""}',
        recovery={"ask": "print(3)"},
        fixes={
            "list of models": 'for model in ("big", "medium", "small"):\n    try:\n'
            '        value = ask(f"Write {request}", model=model)\n        break\n'
            "    except RateLimitError:\n        continue\nelse:\n    raise RateLimitError(request)",
            "fallback model": "try:\n"
            '    value = ask(f"Write {request}")\n'
            "except RateLimitError:\n"
            '    value = ask(f"Write {request}", model="small")',
        },
    ),
    # A page is made and published; what publishing says is not used.
    "publish": App(
        steps="""
@step
def ask(prompt):
    return "print(1)"

@step
def publish(code, request):
    if "shop" in request and not request.endswith("!"):
        raise BuildError("no place for it")
    return "done"
""",
        once='value = ask(f"Write {request}")\npublish(value, request)',
        again='ask(f"Write {request}, smaller")',
        result='{"code": value}',
        made_up='{"code": "print(0)"}',
        emptied='{"code": ""}',
        recovery={"ask": "print(3)", "publish": "done"},
        may_change=False,
        fixes={
            "publish again": 'value = ask(f"Write {request}")\ntry:\n    publish(value, request)\n'
            "except BuildError:\n    publish(value, request + '!')",
        },
    ),
    # A pydantic model refuses what a step read.
    "model": App(
        steps="""
class Plan(BaseModel):
    pages: list[str]

@step
def ask_plan(prompt) -> Plan:
    text = '{"pages": ["home"]}' if "shop" not in prompt else '{"pages": "home"}'
    return Plan.model_validate_json(text)
""",
        once='value = ask_plan(f"Plan {request}").pages',
        again='ask_plan(f"Plan {request} well")',
        result='{"pages": value}',
        made_up='{"pages": ["something"]}',
        emptied='{"pages": []}',
        recovery={"ask_plan": {"pages": ["start"]}},
        fixes={
            "validation retry": 'try:\n    value = ask_plan(f"Plan {request}").pages\n'
            "except ValidationError as error:\n"
            '    value = ask_plan(f"Plan {request}. Not so: {error}").pages',
        },
    ),
    # No step is involved: the input cannot be read.
    "input": App(
        steps="",
        once='value = request.encode("ascii").decode()',
        again="str(len(request))",
        result='{"title": value}',
        made_up='{"title": "a page"}',
        emptied='{"title": ""}',
        bad="a caf\u00e9 of letters",
        fixes={
            "other encoding": 'value = request.encode("utf-8").decode()',
            "letters left out": 'value = request.encode("ascii", "ignore").decode()',
            "decomposed": "import unicodedata\n"
            'value = unicodedata.normalize("NFKD", request).encode("ascii", "ignore").decode()',
            "letters replaced": 'value = request.encode("ascii", "replace").decode()',
        },
    ),
    # No step is involved: nothing is known of the input.
    "unknown": App(
        steps='LAYOUTS = {"a blog": "list", "a forum": "tree"}',
        once="value = LAYOUTS[request]",
        again="str(len(request))",
        result='{"layout": value}',
        made_up='{"layout": "page"}',
        emptied='{"layout": ""}',
        fixes={
            "default": 'value = LAYOUTS.get(request, "page")',
            "guard": 'value = LAYOUTS[request] if request in LAYOUTS else "page"',
            "entry": 'LAYOUTS["a shop"] = "grid"\nvalue = LAYOUTS[request]',
        },
    ),
}

#: By kind: the body, in which ``once``, ``again``, ``result``, ``made_up`` and ``emptied`` are the application's.
MUTANTS = {
    "swallowed": "try:\n    {once}\nexcept Exception:\n    return {made_up}\nreturn {result}",
    "swallowed by a bare pass": "value = None\ntry:\n    {once}\nexcept Exception:\n    pass\n"
    "return {result} if value else {made_up}",
    "emptied": "try:\n    {once}\nexcept Exception:\n    return {emptied}\nreturn {result}",
    "nothing": "try:\n    {once}\nexcept Exception:\n    return None\nreturn {result}",
    "other exception": "try:\n    {once}\nexcept Exception as error:\n"
    '    raise KeyError("other") from error\nreturn {result}',
    "step skipped": "return {made_up}",
    "constant": "try:\n    {once}\nexcept Exception:\n    pass\nreturn {made_up}",
    "asks again and ignores it": "try:\n    {once}\nexcept Exception:\n    {again}\n"
    "    return {made_up}\nreturn {result}",
    "asks again and only looks whether it is there": "try:\n    {once}\nexcept Exception:\n"
    "    if {again}:\n        return {made_up}\n    raise\nreturn {result}",
    "asks thrice and ignores it": "try:\n    {once}\nexcept Exception:\n    for _ in range(3):\n"
    "        {again}\n    return {made_up}\nreturn {result}",
    "loop that ignores what it got": "for _ in range(3):\n    try:\n{once2}\n        break\n"
    "    except Exception:\n        continue\nreturn {made_up}",
    "same code in a loop that swallows": "value = None\nwhile value is None:\n    try:\n{once2}\n"
    "    except Exception:\n        break\nreturn {result} if value else {made_up}",
    "its error as the result": "try:\n    {once}\nexcept Exception as error:\n"
    "    return dict.fromkeys({made_up}, type(error).__name__)\nreturn {result}",
    "suppressed": "import contextlib\nvalue = None\nwith contextlib.suppress(Exception):\n    {once}\n"
    "return {result} if value else {made_up}",
    "default made beforehand": "answer = {made_up}\ntry:\n    {once}\n    answer = {result}\n"
    "except Exception:\n    pass\nreturn answer",
    "logged": "import logging\ntry:\n    {once}\nexcept Exception as error:\n"
    '    logging.getLogger("shop").debug("%s", error)\n    return None\nreturn {result}',
    "the request": "try:\n    {once}\nexcept Exception:\n"
    "    return dict.fromkeys({made_up}, request)\nreturn {result}",
    "an empty iterator": "try:\n    {once}\nexcept Exception:\n"
    "    return dict.fromkeys({made_up}, iter(()))\nreturn {result}",
    "of the last success": "try:\n    {once}\nexcept Exception:\n"
    "    return LAST[-1] if LAST else {made_up}\nLAST.append({result})\nreturn {result}",
    "asks again and takes its type": "try:\n    {once}\nexcept Exception:\n    said = {again}\n"
    "    return dict.fromkeys({made_up}, type(said).__name__)\nreturn {result}",
    "asks again in a finally": "answer = None\ntry:\n    {once}\n    answer = {result}\n"
    "except Exception:\n    answer = {made_up}\nfinally:\n    if answer == {made_up}:\n"
    "        {again}\nreturn answer",
    "another each time": "import itertools\ntry:\n    {once}\nexcept Exception:\n"
    "    return dict.fromkeys({made_up}, hex(id(TRIED.append(object()) or TRIED[-1])))\n"
    "return {result}",
    "error of another kind": "try:\n    {once}\nexcept Exception as error:\n"
    "    raise RuntimeError(str(error)) from None\nreturn {result}",
    "only where it broke": 'if "shop" not in request and request.isascii():\n    {once}\n'
    "    return {result}\nreturn {made_up}",
    "raises what is expected": "try:\n    {once}\nexcept Exception:\n    raise SystemExit(0)\n"
    "return {result}",
}
#: Without a step these are good fixes, too: the text as it is, a default where it cannot be used.
LIKE_FIXES_OF_INPUT = {"the request", "only where it broke"}
#: Mutants of one application alone.
OWN_MUTANTS = {
    "answer": {
        "the bad answer": 'value = ask(f"Plan {request}")\ntry:\n    value = json.loads(value)["pages"]\n'
        'except ValueError:\n    pass\nreturn {"pages": value}',
        "the bad answer in a list": 'value = ask(f"Plan {request}")\ntry:\n'
        '    value = json.loads(value)["pages"]\nexcept ValueError:\n    value = [value]\n'
        'return {"pages": value}',
    },
    "check": {
        "asks again, not checked": 'code = ask(f"Write {request}")\ntry:\n    value = check(code)\n'
        'except BuildError:\n    value = ask(f"Write {request}")\nreturn {"code": value}',
        "loop whose last answer is not checked": "for _ in range(3):\n"
        '    value = ask(f"Write {request}")\n    try:\n        check(value)\n        break\n'
        '    except BuildError:\n        value = ask(f"Write {request} {_}")\n        break\n'
        'return {"code": value}',
        "returns what failed": 'code = ask(f"Write {request}")\ntry:\n    value = check(code)\n'
        'except BuildError:\n    value = code\nreturn {"code": value}',
        "checks something else": 'code = ask(f"Write {request}")\ntry:\n    value = check(code)\n'
        'except BuildError:\n    value = check("pass") and "print(0)"\nreturn {"code": value}',
    },
    "publish": {
        "not published": 'value = ask(f"Write {request}")\nreturn {"code": value}',
        "published or not": 'value = ask(f"Write {request}")\ntry:\n    publish(value, request)\n'
        'except BuildError:\n    pass\nreturn {"code": value}',
    },
}
#: Natural fixes of every application with steps.
AGAIN = "try:\n    {once}\nexcept Exception:\n    {once}\nreturn {result}"
LOOP = """for tried in range(4):
    try:
{once2}
        break
    except Exception:
        if tried == 3:
            raise
return {result}"""


def _body(app: App, form: str) -> str:
    """A body with the application's own expressions."""
    lines = app.once.split("\n")
    once = "\n    ".join(lines)
    twice = indent(app.once, " " * 8)
    for name, text in {
        "once2": twice, "once": once, "again": app.again, "result": app.result,
        "made_up": app.made_up, "emptied": app.emptied,
    }.items():  # fmt: skip
        form = form.replace("{" + name + "}", text)
    return form


def _source(app: App, bodies: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The module with one function for each body, and their names by what they are."""
    names = {what: f"changed_{number}" for number, what in enumerate(bodies)}
    parts = [HEAD, dedent(app.steps)]
    original = _body(app, app.once + "\nreturn {result}")
    for name, body in {"build": original, **{names[what]: bodies[what] for what in bodies}}.items():
        parts.append(f"@attempt\ndef {name}(request):\n{indent(body, '    ')}\n")
    return "\n".join(parts), names


def _given(case: Case, app: App) -> dict[str, Case]:
    given = {"donors": case, "nothing": replace(case, donors=())}
    if app.recovery:
        given["recovery"] = Needs(recovery=app.recovery).added_to(given["nothing"])
    return given


@pytest.mark.parametrize("kind", APPS)
def test_no_mutant_turns_a_case_green(tmp_path: Path, kind: str) -> None:
    """Whatever swallows, empties, skips or makes up is refused, on donors, recoveries and on nothing."""
    app = APPS[kind]
    skipped = set() if app.steps.count("@step") else LIKE_FIXES_OF_INPUT
    bodies = {what: _body(app, form) for what, form in MUTANTS.items() if what not in skipped}
    bodies |= OWN_MUTANTS.get(kind, {})
    source, names = _source(app, bodies)
    case, module = recorded_bug(tmp_path, source, good=app.good, bad=app.bad)
    passed = []
    for what, name in names.items():
        for given, each in _given(case, app).items():
            if given == "nothing" and what.startswith("the bad answer"):
                continue  # whether a good one is handed on whole is not known
            shown = rerun_here(each, module, name)
            if shown.verdict == "pass":
                passed.append(f"{what}, {given}: {shown.detail}")
    assert not passed, "\n".join(passed)


@pytest.mark.parametrize("kind", APPS)
def test_natural_fixes_turn_a_case_green(tmp_path: Path, kind: str) -> None:
    """What asks again, repairs, falls back or reads better passes on a donor and on a recovery."""
    app = APPS[kind]
    bodies = {what: body + "\nreturn " + app.result for what, body in app.fixes.items()}
    if app.steps:
        bodies |= {"asks again": _body(app, AGAIN), "loop": _body(app, LOOP)}
    source, names = _source(app, bodies)
    case, module = recorded_bug(tmp_path, source, good=app.good, bad=app.bad)
    wrong = []
    for what, name in names.items():
        for given, each in _given(case, app).items():
            if given == "nothing" and app.steps:
                continue  # a fix that asks for what nobody has answered is inconclusive
            if given == "donors" and not app.may_change and what in ("asks again", "loop"):
                continue  # the same request meets the same fault again
            shown = rerun_here(each, module, name)
            if shown.verdict != "pass":
                wrong.append(f"{what}, {given}: {shown.verdict} {shown.detail}")
    assert not wrong, "\n".join(wrong)
