"""Bugs in living with a step that raised or hung."""

from __future__ import annotations

from tests.system.corpus import Bug

OPENAI = """
import httpx
import openai

def refuse(kind, status, message, code=None):
    request = httpx.Request("POST", "http://127.0.0.1/v1/chat/completions")
    response = httpx.Response(status, request=request, headers={"retry-after": "20"},
                              json={"error": {"message": message, "code": code}})
    raise kind(message, response=response, body={"message": message, "code": code})
"""
FALLBACK = "{'files': {'README.md': 'Try again later.'}}"


def ask(fault: str, *, is_async: bool = False) -> str:
    """Source of a step that meets a fault on a bad request."""
    define = "async def" if is_async else "def"
    return f"""
@step
{define} ask(prompt):
    if "bad" in prompt:
        {fault}
    return "x = 1"
"""


BUGS = [
    Bug(
        "rate_limit_gives_up",
        "rate_limit",
        "fault",
        OPENAI
        + ask('refuse(openai.RateLimitError, 429, "Rate limit reached for requests")')
        + """
def work(request):
    for attempt in range(3):
        try:
            return {"files": {"a.py": ask(request)}}
        except openai.RateLimitError:
            if attempt == 2:
                raise
            time.sleep(0.2)
""",
        ("                raise\n", f"                return {FALLBACK}\n"),
    ),
    Bug(
        "rate_limit_async_backoff",
        "rate_limit",
        "fault",
        OPENAI
        + ask('refuse(openai.RateLimitError, 429, "Rate limit reached for tokens")', is_async=True)
        + """
async def work(request):
    for attempt in range(3):
        try:
            return {"files": {"a.py": await ask(request)}}
        except openai.RateLimitError:
            if attempt == 2:
                raise
            await asyncio.sleep(0.01 * 2 ** attempt)
""",
        ("                raise\n", f"                return {FALLBACK}\n"),
        kind="async",
    ),
    Bug(
        "rate_limit_one_more_try",
        "rate_limit",
        "fault",
        OPENAI
        + ask('refuse(openai.RateLimitError, 429, "Rate limit reached for requests")')
        + """
def work(request):
    tries = 2
    for attempt in range(tries):
        try:
            return {"files": {"a.py": ask(request)}}
        except openai.RateLimitError:
            if attempt + 1 == tries:
                raise
""",
        ("tries = 2", "tries = 3"),
        recovery={"ask": "x = 2"},
    ),
    Bug(
        "server_error_not_retried",
        "provider_error",
        "fault",
        OPENAI
        + ask('refuse(openai.InternalServerError, 500, "The server had an error")', is_async=True)
        + """
async def work(request):
    return {"files": {"a.py": await ask(request)}}
""",
        (
            '    return {"files": {"a.py": await ask(request)}}',
            "    try:\n        return {'files': {'a.py': await ask(request)}}\n    except openai.APIError:\n"
            f"        return {FALLBACK}",
        ),
        kind="async",
    ),
    Bug(
        "content_filter",
        "provider_error",
        "fault",
        OPENAI
        + ask(
            'refuse(openai.BadRequestError, 400, "The response was filtered due to the prompt '
            'triggering our content management policy", "content_filter")'
        )
        + """
def work(request):
    return {"files": {"a.py": ask(request)}}
""",
        (
            '    return {"files": {"a.py": ask(request)}}',
            "    try:\n        return {'files': {'a.py': ask(request)}}\n    except openai.BadRequestError:\n"
            f"        return {FALLBACK}",
        ),
    ),
    Bug(
        "connection_reset",
        "provider_error",
        "fault",
        ask('raise ConnectionResetError(104, "Connection reset by peer")')
        + """
def work(request):
    return {"files": {"a.py": ask(request)}}
""",
        (
            '    return {"files": {"a.py": ask(request)}}',
            "    try:\n        return {'files': {'a.py': ask(request)}}\n    except OSError:\n"
            f"        return {FALLBACK}",
        ),
    ),
    Bug(
        "httpx_status",
        "provider_error",
        "fault",
        """
import httpx
@step
async def ask(prompt):
    status = 503 if "bad" in prompt else 200
    request = httpx.Request("POST", "http://127.0.0.1/v1/messages")
    return httpx.Response(status, request=request, text="x = 1").raise_for_status().text
async def work(request):
    with phase("code"):
        return {"files": {"a.py": await ask(request)}}
""",
        (
            '        return {"files": {"a.py": await ask(request)}}',
            "        try:\n            return {'files': {'a.py': await ask(request)}}\n"
            f"        except httpx.HTTPStatusError as e:\n            assert e.response.status_code == 503\n            return {FALLBACK}",
        ),
        kind="async",
    ),
    Bug(
        "api_timeout",
        "ai_timeout",
        "fault",
        """
import httpx
import openai
"""
        + ask('raise openai.APITimeoutError(request=httpx.Request("POST", "http://127.0.0.1/"))')
        + """
def work(request):
    return {"files": {"a.py": ask(request)}}
""",
        (
            '    return {"files": {"a.py": ask(request)}}',
            "    try:\n        return {'files': {'a.py': ask(request)}}\n    except openai.APITimeoutError:\n"
            f"        return {FALLBACK}",
        ),
    ),
    Bug(
        "hang_under_wait_for",
        "ai_timeout",
        "fault",
        """
@step
async def ask(prompt):
    await asyncio.sleep(3600 if "bad" in prompt else 0)
    return "x = 1"
async def work(request):
    return {"files": {"a.py": await asyncio.wait_for(ask(request), 0.05)}}
""",
        (
            '    return {"files": {"a.py": await asyncio.wait_for(ask(request), 0.05)}}',
            "    try:\n        return {'files': {'a.py': await asyncio.wait_for(ask(request), 0.05)}}\n"
            f"    except TimeoutError:\n        return {FALLBACK}",
        ),
        kind="async",
    ),
    Bug(
        "hang_under_timeout_block",
        "ai_timeout",
        "fault",
        """
@step
async def ask(prompt):
    await asyncio.sleep(3600 if "bad" in prompt else 0)
    return "x = 1"
async def work(request):
    async with asyncio.timeout(0.05):
        code = await ask(request)
    return {"files": {"a.py": code}}
""",
        (
            "    async with asyncio.timeout(0.05):\n        code = await ask(request)\n",
            "    try:\n        async with asyncio.timeout(0.05):\n            code = await ask(request)\n"
            "    except TimeoutError:\n        code = 'pass'\n",
        ),
        kind="async",
    ),
    Bug(
        "one_branch_hangs",
        "ai_timeout",
        "fault",
        """
@step
async def ask(prompt):
    await asyncio.sleep(3600 if "bad" in prompt and "b.py" in prompt else 0)
    return "x = 1"
async def work(request):
    names = ["a.py", "b.py"]
    codes = await asyncio.wait_for(asyncio.gather(*(ask(request + n) for n in names)), 0.05)
    return {"files": dict(zip(names, codes))}
""",
        (
            "    codes = await asyncio.wait_for(asyncio.gather(*(ask(request + n) for n in names)), 0.05)\n",
            "    tasks = [asyncio.ensure_future(ask(request + n)) for n in names]\n"
            "    done, late = await asyncio.wait(tasks, timeout=0.05)\n"
            "    for task in late:\n        task.cancel()\n"
            "    codes = [t.result() if t in done else 'pass' for t in tasks]\n",
        ),
        kind="async",
    ),
    Bug(
        "invented_package",
        "dependency_error",
        "fault",
        ask('raise ModuleNotFoundError("No module named \'left_padder\'", name="left_padder")')
        + """
def work(request):
    return {"files": {"a.py": ask(request)}}
""",
        (
            '    return {"files": {"a.py": ask(request)}}',
            "    try:\n        return {'files': {'a.py': ask(request)}}\n    except ModuleNotFoundError as e:\n"
            "        return {'files': {'a.py': f'# without {e.name}'}}",
        ),
    ),
    Bug(
        "npm_resolution",
        "dependency_error",
        "fault",
        """
import subprocess
@step
def install(packages):
    if "bad" in packages:
        raise subprocess.CalledProcessError(1, ["npm", "install"], output="", stderr=(
            "npm error code ERESOLVE\\nnpm error ERESOLVE unable to resolve dependency tree\\n"
            "npm error Found: react@19.0.0\\nnpm error Could not resolve dependency:\\n"
            'npm error peer react@"^18.0.0" from react-dates@21.8.0\\n'))
    return ["react"]
def work(request):
    return {"files": install(request)}
""",
        (
            '    return {"files": install(request)}',
            "    try:\n        return {'files': install(request)}\n    except subprocess.CalledProcessError as e:\n"
            "        assert 'ERESOLVE' in e.stderr\n        return {'files': ['react@18']}",
        ),
        result="{'files': ['react']}",
    ),
    Bug(
        "compiler_output",
        "syntax_error",
        "fault",
        """
import subprocess
@step
def compile_project(code):
    if "bad" in code:
        raise subprocess.CalledProcessError(2, ["tsc", "--noEmit"], output=(
            "src/App.tsx(12,5): error TS1005: ')' expected.\\n"))
    return "bundle.js"
def work(request):
    return {"files": [compile_project(request)]}
""",
        (
            '    return {"files": [compile_project(request)]}',
            "    try:\n        return {'files': [compile_project(request)]}\n    except subprocess.CalledProcessError:\n"
            "        return {'files': ['source.zip']}",
        ),
        result="{'files': ['bundle.js']}",
    ),
    Bug(
        "step_in_a_thread",
        "provider_error",
        "fault",
        ask('raise ConnectionRefusedError(111, "Connection refused")')
        + """
async def work(request):
    return {"files": {"a.py": await asyncio.to_thread(ask, request)}}
""",
        (
            '    return {"files": {"a.py": await asyncio.to_thread(ask, request)}}',
            "    try:\n        return {'files': {'a.py': await asyncio.to_thread(ask, request)}}\n"
            f"    except OSError:\n        return {FALLBACK}",
        ),
        kind="async",
    ),
    Bug(
        "wrapped_cause",
        "rate_limit",
        "fault",
        OPENAI
        + ask('refuse(openai.RateLimitError, 429, "Rate limit reached for requests")')
        + """
class BuildFailed(Exception):
    pass
def work(request):
    try:
        return {"files": {"a.py": ask(request)}}
    except openai.OpenAIError as error:
        raise BuildFailed("could not build") from error
""",
        ('        raise BuildFailed("could not build") from error', f"        return {FALLBACK}"),
    ),
    Bug(
        "task_group",
        "provider_error",
        "fault",
        ask('raise ConnectionResetError(104, "Connection reset by peer")', is_async=True)
        + """
async def work(request):
    async with asyncio.TaskGroup() as group:
        one = group.create_task(ask(request))
        two = group.create_task(ask("good"))
    return {"files": {"a.py": one.result(), "b.py": two.result()}}
""",
        (
            "        one = group.create_task(ask(request))",
            "        async def safe():\n            try:\n                return await ask(request)\n"
            "            except OSError:\n                return 'pass'\n        one = group.create_task(safe())",
        ),
        kind="async",
    ),
    Bug(
        "stream_breaks_off",
        "provider_error",
        "fault",
        """
@step
def stream(prompt):
    yield "x = "
    if "bad" in prompt:
        raise ConnectionResetError(104, "Connection reset by peer")
    yield "1"
def work(request):
    for chunk in stream(request):
        yield chunk
""",
        (
            "    for chunk in stream(request):\n        yield chunk",
            "    try:\n        for chunk in stream(request):\n            yield chunk\n"
            "    except OSError:\n        yield '# cut off'",
        ),
        kind="generator",
        result="['x = ', '1']",
    ),
    Bug(
        "stream_stops_midway",
        "ai_timeout",
        "fault",
        """
@step
async def stream(prompt):
    yield "x = "
    if "bad" in prompt:
        await asyncio.sleep(3600)
    yield "1"
async def work(request):
    chunks = stream(request)
    while True:
        try:
            chunk = await asyncio.wait_for(anext(chunks), 0.2)
        except StopAsyncIteration:
            return
        yield chunk
""",
        (
            "        except StopAsyncIteration:\n            return\n",
            "        except StopAsyncIteration:\n            return\n"
            "        except TimeoutError:\n            yield '# cut off'\n            return\n",
        ),
        kind="async_generator",
        result="['x = ', '1']",
    ),
    Bug(
        "more_tasks_than_threads",
        "provider_error",
        "fault",
        ask('raise ConnectionResetError(104, "Connection reset by peer")')
        + """
import contextvars
from concurrent.futures import ThreadPoolExecutor
def work(request):
    with ThreadPoolExecutor(2) as pool:
        tasks = [
            pool.submit(contextvars.copy_context().run, ask, prompt)
            for prompt in ("one", "two", request, "four", "five")
        ]
        return {"files": {f"{n}.py": task.result() for n, task in enumerate(tasks)}}
""",
        ("task.result() for", "'pass' if task.exception() else task.result() for"),
    ),
    Bug(
        "tasks_fail_together",
        "unknown",
        "fault",
        """
@step
async def ask(prompt):
    if "bad" in prompt:
        raise KeyError("content") if "one" in prompt else ZeroDivisionError("no tokens")
    return "x = 1"
async def safe(prompt):
    try:
        return await ask(prompt)
    except ArithmeticError:
        return "pass"
    except LookupError:
        return "pass"
async def work(request):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(f"{request} {n}")) for n in ("one", "two", "three")]
    return {"files": {"a.py": "".join(task.result() for task in tasks)}}
""",
        (
            'group.create_task(ask(f"{request} {n}"))',
            'group.create_task(safe(f"{request} {n}"))',
        ),
        kind="async",
    ),
    Bug(
        "sibling_cut_short",
        "provider_error",
        "fault",
        """
@step
async def ask(prompt):
    await asyncio.sleep(0.01 if "bad" in prompt else 0.1)
    if "bad" in prompt:
        raise ConnectionResetError(104, "Connection reset by peer")
    return "x = 1"
async def work(request):
    one, two = await asyncio.gather(ask(request), ask("other"))
    return {"files": {"a.py": one, "b.py": two}}
""",
        (
            '    one, two = await asyncio.gather(ask(request), ask("other"))\n',
            '    one, two = await asyncio.gather(ask(request), ask("other"), return_exceptions=True)\n'
            "    one = one if isinstance(one, str) else 'pass'\n",
        ),
        kind="async",
        recovery={"ask": "x = 2"},
    ),
    Bug(
        "back_off_until_a_deadline",
        "provider_error",
        "fault",
        "import random\n"
        + ask('raise ConnectionResetError(104, "Connection reset by peer")')
        + """
def work(request):
    until = time.monotonic() + 0.5
    while True:
        try:
            return {"files": {"a.py": ask(request)}}
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(random.SystemRandom().uniform(0.02, 0.2))
""",
        ("                raise\n", f"                return {FALLBACK}\n"),
    ),
]
