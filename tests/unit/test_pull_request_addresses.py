"""Where a forge offers a pull request, and what its title may hold."""

from __future__ import annotations

from genmon_otel.regression.proposal import compare_link, plain_title


def test_addresses_of_pull_requests() -> None:
    """Forges that are known get a link, others none; credentials and ports never show."""
    links = {
        "https://github.com/a/b.git": "https://github.com/a/b/compare/genmon/f-1?expand=1",
        "git@github.com:a/b.git": "https://github.com/a/b/compare/genmon/f-1?expand=1",
        "ssh://git@github.com/a/b": "https://github.com/a/b/compare/genmon/f-1?expand=1",
        "https://gitlab.example.com/g/s/b": "https://gitlab.example.com/g/s/b/-/merge_requests/new"
        "?merge_request%5Bsource_branch%5D=genmon%2Ff-1",
        "file:///srv/github.git": None, "https://example.com/a": None, "/srv/x.git": None,
    }  # fmt: skip
    got = {url: compare_link(url, "genmon/f-1") for url in links}
    assert got == links
    assert plain_title("a @b #3 `c`\n<d> " + "x" * 100) == "a b 3 c d " + "x" * 62
