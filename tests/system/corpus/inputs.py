"""Bugs that the request alone brings out; the steps, if any, behave."""

from __future__ import annotations

from tests.system.corpus import Bug

BUGS = [
    Bug(
        "long_title",
        "unknown",
        "input",
        """
def work(request):
    words = request.split()
    return {"files": {f"{words[1]}.py": "x = 1"} if "bad" in request else {"a.py": "x = 1"}}
""",
        ("words[1]", "words[-1]"),
    ),
    Bug(
        "unknown_framework",
        "unknown",
        "input",
        """
TEMPLATES = {"good": "x = 1"}
def work(request):
    return {"files": {"a.py": TEMPLATES[request]}}
""",
        ("TEMPLATES[request]", "TEMPLATES.get(request, 'pass')"),
    ),
    Bug(
        "number_in_words",
        "unknown",
        "input",
        """
def work(request):
    pages = int(request) if "bad" in request else 1
    return {"files": {"a.py": "x = 1"}, "pages": pages}
""",
        ("int(request)", "1"),
        result="{'files': {'a.py': 'x = 1'}, 'pages': 1}",
    ),
    Bug(
        "async_input",
        "unknown",
        "input",
        """
async def work(request):
    await asyncio.sleep(0)
    user = {"good": "ann"}.get(request)
    return {"files": {"a.py": user.upper()}}
""",
        ("user.upper()", "(user or 'nobody').upper()"),
        kind="async",
    ),
    Bug(
        "syntax_from_the_user",
        "syntax_error",
        "input",
        """
import ast
def work(request):
    return {"files": {"a.py": ast.unparse(ast.parse("x = (" if "bad" in request else "x = 1"))}}
""",
        ('"x = (" if', '"x = ()" if'),
    ),
    Bug(
        "validated_input",
        "validation_error",
        "input",
        """
import pydantic
class Request(pydantic.BaseModel):
    text: str = pydantic.Field(max_length=3 if False else 4)
def work(request):
    text = Request(text=request if request == "good" else "far too long").text
    return {"files": {"a.py": text}}
""",
        ("max_length=3 if False else 4", "max_length=400"),
    ),
    Bug(
        "generator_input",
        "unknown",
        "input",
        """
def work(request):
    for part in ["x", "1"]:
        yield part
        if "bad" in request:
            yield {}[part]
""",
        ("            yield {}[part]", "            yield {}.get(part, '?')"),
        kind="generator",
        result="['x', '1']",
    ),
]
