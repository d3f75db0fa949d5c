"""The exported GitHub workflow and GitLab job: valid by the forges' published schemas, and what they may do.

The schemas come with the package ``check-jsonschema``, which carries them with their licences: GitHub's
workflow from SchemaStore (Apache-2.0), GitLab's from GitLab (MIT).
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = (ROOT / "deploy" / "ci" / "github-genmon.yml").read_text("utf-8")
GITLAB = (ROOT / "deploy" / "ci" / "gitlab-genmon.yml").read_text("utf-8")


def read(text: str) -> dict[str, Any]:
    """YAML in which ``on`` is a name, as the forges read it."""
    tree = yaml.safe_load(text)
    if True in tree:
        tree["on"] = tree.pop(True)
    return dict(tree)


def problems(schema: str, tree: object) -> list[str]:
    """Return what a published schema finds wrong with a file."""
    pytest.importorskip(
        "check_jsonschema", reason="check-jsonschema is not installed: make test does"
    )
    vendored = files("check_jsonschema") / "builtin_schemas" / "vendor" / f"{schema}.json"
    validator = jsonschema.Draft7Validator(json.loads(vendored.read_text("utf-8")))
    return [each.message for each in validator.iter_errors(tree)]


def test_the_published_schemas_are_met() -> None:
    """Both files are what their forge takes; the schemas refuse what it does not."""
    assert problems("github-workflows", read(GITHUB)) == []
    assert problems("gitlab-ci", read(GITLAB)) == []
    broken: dict[str, Any]
    for broken in ({"jobs": {"x": {"steps": []}}}, {"permission": {}}, {"permissions": {"contents": "yes"}},
                   {"on": {"pull_requests": None}}):  # fmt: skip
        assert problems("github-workflows", {**read(GITHUB), **broken}), broken
    for job in ({"script": 1}, {"script": ["x"], "rule": []}, {"script": ["x"], "rules": [{"iff": "$A"}]},
                {"script": ["x"], "artifacts": {"when": "ever"}}):  # fmt: skip
        assert problems("gitlab-ci", {"genmon": job}), job


def test_pull_requests_have_no_secret() -> None:
    """What runs on somebody's code reads no secret, writes nothing and keeps no credentials."""
    tree = read(GITHUB)
    assert set(tree["on"]) == {"pull_request", "schedule", "workflow_dispatch"}
    assert "pull_request_target" not in tree["on"]
    assert tree["permissions"] == {}
    cases, propose = tree["jobs"]["cases"], tree["jobs"]["propose"]
    assert cases["if"] == "github.event_name == 'pull_request'"
    assert cases["permissions"] == {"contents": "read"}
    assert "secrets." not in json.dumps(cases)
    assert "github.token" not in json.dumps(cases)
    assert cases["steps"][0]["with"]["persist-credentials"] is False
    assert "github.event.repository.default_branch" in propose["if"]
    assert propose["permissions"] == {"contents": "write", "pull-requests": "write"}
    assert propose["environment"]
    for step in (*cases["steps"], *propose["steps"]):
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step.get("uses", f"a@{'0' * 40}"))
        # An expression inside a script would run what a branch's name or a title says.
        assert "${{" not in step.get("run", "")
    jobs = read(GITLAB)
    assert jobs["genmon-cases"]["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'}]
    assert "TOKEN" not in json.dumps(jobs["genmon-cases"])
    assert jobs["genmon-propose"]["rules"] == [
        {"if": '$CI_PIPELINE_SOURCE == "schedule" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH'}
    ]


def test_their_commands_are_ours() -> None:
    """Each genmon command in them is one that there is, with options it has."""
    from click.testing import CliRunner

    from genmon_otel.cli import genmon

    found = re.findall(r"genmon (cases (?:run|propose))((?: [\w./-]+)*)", GITHUB + GITLAB)
    assert len(found) == 4
    for command, rest in found:
        told = CliRunner().invoke(genmon, [*command.split(), "--help"]).output
        for option in re.findall(r"--[\w-]+", rest):
            assert option in told, (command, option)
