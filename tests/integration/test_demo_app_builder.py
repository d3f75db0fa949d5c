"""The demo's app builder, as far as it must know what models answer."""

from __future__ import annotations

import pytest

from genmon_otel.classification import classify
from genmon_otel.demo.app_builder import ProjectError, read_project


@pytest.mark.parametrize(
    "answer",
    [
        '["index.html"]',
        '"index.html"',
        "{}",
        '{"files": []}',
        '{"files": ["index.html"]}',
        '{"files": {"index.html": ["<p>"]}}',
        '{"files": {"index.html": "<p>"}, "dependencies": ["react"]}',
    ],
)
def test_json_that_is_no_project_is_refused_in_words(answer: str) -> None:
    """What a small model writes instead of a project is a validation error, not ours to trip over."""
    with pytest.raises(ProjectError) as refused:
        read_project(answer)
    assert classify(refused.value).category == "validation_error"


def test_a_project_may_do_without_packages() -> None:
    """Absent or null dependencies are none."""
    for left_out in ("", ', "dependencies": null', ', "dependencies": {}'):
        project = read_project('{"files": {"a.html": "<p>"}' + left_out + "}")
        assert project["dependencies"] == {}
