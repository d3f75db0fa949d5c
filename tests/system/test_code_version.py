"""Which version a verdict belongs to, where there is no git and nothing names one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.cli_kit import genmon

APPLICATION = textwrap.dedent(
    """
    import json
    from genmon_otel import generation, setup, shutdown, step

    @step
    def call_model(prompt):
        return "```" + '{"files": {"a": "1"}}' if "bad" in prompt else '{"files": {"a": "1"}}'

    @generation
    def build_app(request: str):
        return json.loads(call_model(request))

    if __name__ == "__main__":
        setup("genmon.db", metrics="none")
        for request in ("good", "bad", "bad", "bad"):
            try:
                build_app(request)
            except ValueError:
                pass
        shutdown()
    """
)


def run(folder: Path, *arguments: str) -> str:
    """Run the command line (or the application) in a folder that no git knows."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GENMON_", "GIT_"))}
    env = {**kept, "GENMON_STORE": "genmon.db", "GIT_CEILING_DIRECTORIES": "/"}
    if arguments:
        done = genmon(*arguments, cwd=folder, env=env)
    else:
        done = subprocess.run(
            [sys.executable, "application.py"], cwd=folder, env=env,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def test_a_fix_is_a_new_version_without_git(tmp_path: Path) -> None:
    """Without git the replayed sources name the version, so a fix makes the case guard."""
    source = tmp_path / "application.py"
    source.write_text(APPLICATION, encoding="utf-8")
    run(tmp_path)
    run(tmp_path, "cases", "verify")
    (case,) = json.loads(run(tmp_path, "cases", "list", "--json"))
    run(tmp_path, "cases", "approve", case["handle"])
    run(tmp_path, "cases", "run", case["handle"])
    (case,) = json.loads(run(tmp_path, "cases", "list", "--json"))
    assert (case["state"], case["fail_count"]) == ("open", 1)
    mended = APPLICATION.replace(
        "json.loads(call_model(request))", "json.loads(call_model(request).strip('`'))"
    )
    source.write_text(mended, encoding="utf-8")
    run(tmp_path, "cases", "run", case["handle"])
    (case,) = json.loads(run(tmp_path, "cases", "list", "--json"))
    assert (case["state"], case["pass_count"]) == ("guarding", 1)
