"""Bugs in digesting what a step returned."""

from __future__ import annotations

from tests.system.corpus import Bug

ASK = """
@step
def ask(prompt):
    return BAD if "bad" in prompt else GOOD
"""
AASK = """
@step
async def ask(prompt):
    await asyncio.sleep(0.001)
    return BAD if "bad" in prompt else GOOD
"""

BUGS = [
    Bug(
        "json_in_a_fence",
        "syntax_error",
        "content",
        ASK
        + """
import json
GOOD = '{"files": {"a.py": "x = 1"}}'
BAD = "```json\\n" + GOOD + "\\n```"
def work(request):
    return json.loads(ask(request))
""",
        (
            "json.loads(ask(request))",
            "json.loads(ask(request).removeprefix('```json').removesuffix('```'))",
        ),
    ),
    Bug(
        "json_trailing_comma",
        "syntax_error",
        "content",
        AASK
        + """
import json
GOOD = '{"files": {"a.py": "x = 1"}}'
BAD = '{"files": {"a.py": "x = 1",}}'
async def work(request):
    with phase("parse"):
        return json.loads(await ask(request))
""",
        ("json.loads(await ask(request))", "json.loads((await ask(request)).replace(',}', '}'))"),
        kind="async",
    ),
    Bug(
        "json_with_prose",
        "syntax_error",
        "content",
        ASK
        + """
import json
GOOD = '{"files": {"a.py": "x = 1"}}'
BAD = "Sure! Here it is: " + GOOD
def work(request):
    return json.loads(ask(request))
""",
        ("json.loads(ask(request))", "(lambda t: json.loads(t[t.index('{'):]))(ask(request))"),
    ),
    Bug(
        "json_truncated",
        "syntax_error",
        "content",
        ASK
        + """
import json
GOOD = '{"files": {"a.py": "x = 1"}}'
BAD = GOOD[:20]
def work(request):
    return json.loads(ask(request))
""",
        (
            "    return json.loads(ask(request))",
            "    try:\n        return json.loads(ask(request))\n    except json.JSONDecodeError:\n"
            "        return {'files': {'README.md': 'The answer was cut off.'}}",
        ),
    ),
    Bug(
        "python_tabs_and_spaces",
        "syntax_error",
        "content",
        ASK
        + """
import ast
GOOD = "if x:\\n    y = 1\\n"
BAD = "if x:\\n\\ty = 1\\n        z = 2\\n"
def work(request):
    code = ask(request)
    ast.parse(code)
    return {"files": {"a.py": code}}
""",
        ("code = ask(request)", "code = ask(request).replace('        ', '\\t')"),
    ),
    Bug(
        "python_smart_quotes",
        "syntax_error",
        "content",
        ASK
        + """
import ast
GOOD = "x = 'one'"
BAD = "x = \\u2018one\\u2019"
def work(request):
    code = ask(request)
    ast.parse(code)
    return {"files": {"a.py": code}}
""",
        (
            "code = ask(request)",
            "code = ask(request).replace('\\u2018', \"'\").replace('\\u2019', \"'\")",
        ),
    ),
    Bug(
        "yaml_tab",
        "syntax_error",
        "content",
        ASK
        + """
import yaml
GOOD = "files:\\n  a.py: x = 1\\n"
BAD = "files:\\n\\ta.py: x = 1\\n"
def work(request):
    return yaml.safe_load(ask(request))
""",
        ("yaml.safe_load(ask(request))", "yaml.safe_load(ask(request).replace('\\t', '  '))"),
    ),
    Bug(
        "toml_unquoted",
        "syntax_error",
        "content",
        ASK
        + """
import tomllib
GOOD = '[files]\\n"a.py" = "x = 1"\\n'
BAD = '[files]\\n"a.py" = x\\n'
def work(request):
    return tomllib.loads(ask(request))
""",
        ("tomllib.loads(ask(request))", "tomllib.loads(ask(request).replace('= x', '= \"x\"'))"),
    ),
    Bug(
        "pydantic_missing_field",
        "validation_error",
        "content",
        AASK
        + """
import pydantic
GOOD = {"files": {"a.py": "x = 1"}}
BAD = {"file": {"a.py": "x = 1"}}
class Project(pydantic.BaseModel):
    files: dict[str, str]
async def work(request):
    return Project.model_validate(await ask(request)).model_dump()
""",
        (
            "Project.model_validate(await ask(request))",
            "Project.model_validate({'files': list((await ask(request)).values())[0]})",
        ),
        kind="async",
    ),
    Bug(
        "pydantic_wrong_type",
        "validation_error",
        "content",
        ASK
        + """
import pydantic
GOOD = {"files": {"a.py": "x = 1"}}
BAD = {"files": {"a.py": None}}
class Project(pydantic.BaseModel):
    files: dict[str, str]
def work(request):
    return Project.model_validate(ask(request)).model_dump()
""",
        (
            "return Project.model_validate(ask(request)).model_dump()",
            "answer = ask(request)\n    files = {path: code or 'pass' for path, code in answer['files'].items()}\n"
            "    return Project(files=files).model_dump()",
        ),
    ),
    Bug(
        "jsonschema_extra_key",
        "validation_error",
        "content",
        ASK
        + """
import jsonschema
GOOD = {"files": {"a.py": "x = 1"}}
BAD = {"files": {"a.py": "x = 1"}, "notes": "enjoy"}
SCHEMA = {"type": "object", "required": ["files"], "additionalProperties": False,
          "properties": {"files": {"type": "object"}}}
def work(request):
    project = ask(request)
    jsonschema.validate(project, SCHEMA)
    return project
""",
        ('"additionalProperties": False', '"additionalProperties": True'),
    ),
    Bug(
        "missing_key",
        "unknown",
        "content",
        ASK
        + """
GOOD = {"project": {"files": {"a.py": "x = 1"}}}
BAD = {"app": {"files": {"a.py": "x = 1"}}}
def work(request):
    answer = ask(request)
    return {"files": answer["project"]["files"]}
""",
        ('answer["project"]["files"]', '(answer.get("project") or answer["app"])["files"]'),
    ),
    Bug(
        "empty_choices",
        "unknown",
        "content",
        ASK
        + """
GOOD = [{"files": {"a.py": "x = 1"}}]
BAD = []
def work(request):
    return ask(request)[0]
""",
        ("return ask(request)[0]", "return (ask(request) or [{'files': {'a.py': 'pass'}}])[0]"),
    ),
    Bug(
        "none_answer",
        "unknown",
        "content",
        AASK
        + """
GOOD = "x = 1"
BAD = None
async def work(request):
    code = await ask(request)
    return {"files": {"a.py": code.strip()}}
""",
        ("code.strip()", "(code or 'pass').strip()"),
        kind="async",
    ),
    Bug(
        "wrong_encoding",
        "unknown",
        "content",
        ASK
        + """
GOOD = "x = 1".encode()
BAD = "x = 'ä'".encode("latin-1")
def work(request):
    return {"files": {"a.py": ask(request).decode("utf-8")}}
""",
        ('decode("utf-8")', 'decode("utf-8", "replace")'),
    ),
    Bug(
        "one_of_many",
        "syntax_error",
        "content",
        AASK
        + """
import ast
GOOD = "x = 1"
BAD = "x = ("
async def work(request):
    names = ["a.py", "b.py", "c.py"]
    codes = await asyncio.gather(*(ask(f"{request} {n}" if n == "b.py" else n) for n in names))
    for code in codes:
        ast.parse(code)
    return {"files": dict(zip(names, codes))}
""",
        (
            "    for code in codes:",
            "    codes = [c if c.count('(') == c.count(')') else 'pass' for c in codes]\n    for code in codes:",
        ),
        kind="async",
    ),
    Bug(
        "stream_of_bad_json",
        "syntax_error",
        "content",
        """
import json
@step
def stream(prompt):
    yield '{"path": "a.py"}'
    yield '{"path": ' if "bad" in prompt else '{"path": "b.py"}'
def work(request):
    for line in stream(request):
        yield json.loads(line)
""",
        (
            "        yield json.loads(line)",
            "        try:\n            yield json.loads(line)\n        except ValueError:\n            yield {'path': '?'}",
        ),
        kind="generator",
        result="[{'path': 'a.py'}, {'path': 'b.py'}]",
    ),
    Bug(
        "async_stream_of_bad_json",
        "syntax_error",
        "content",
        """
import json
@step
async def stream(prompt):
    yield '{"path": "a.py"}'
    await asyncio.sleep(0)
    yield '{"path": "b.py"}' + ("\\n[DONE]" if "bad" in prompt else "")
async def work(request):
    async for line in stream(request):
        yield json.loads(line)
""",
        (
            "        yield json.loads(line)",
            "        yield json.loads(line.removesuffix('\\n[DONE]'))",
        ),
        kind="async_generator",
        result="[{'path': 'a.py'}, {'path': 'b.py'}]",
    ),
    Bug(
        "dataclass_answer",
        "unknown",
        "content",
        """
from dataclasses import dataclass
@dataclass
class Answer:
    text: str
    parts: list
@step
def ask(prompt):
    return Answer("x = 1", [] if "bad" in prompt else ["a.py"])
def work(request):
    answer = ask(request)
    return {"files": {answer.parts[0]: answer.text}}
""",
        ("answer.parts[0]", "(answer.parts or ['main.py'])[0]"),
    ),
    Bug(
        "division_by_no_tokens",
        "unknown",
        "content",
        ASK
        + """
GOOD = {"text": "x = 1", "tokens": 4}
BAD = {"text": "x = 1", "tokens": 0}
def work(request):
    answer = ask(request)
    return {"files": {"a.py": answer["text"]}, "cost": 100 / answer["tokens"]}
""",
        ('100 / answer["tokens"]', '100 / max(1, answer["tokens"])'),
        result="{'files': {'a.py': 'x = 1'}, 'cost': 25.0}",
    ),
]
