"""Hooks of the documentation site (``mkdocs.yml``): pages of the repository, and scripts of our own.

README, ARCHITECTURE and their like stay where a reader of the repository looks for them; the site has
them as pages. Their links, and those of ``docs/`` that lead outside it, are made to fit the site.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]

#: By page of the site: the file of the repository that it shows.
PAGES = {
    "index.md": "README.md",
    "architecture.md": "ARCHITECTURE.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "deploy.md": "deploy/README.md",
}
#: The folder whose READMEs and Python files are pages too.
EXAMPLES = "examples"
#: The theme loads Mermaid from there; the site has its own.
MERMAID_ELSEWHERE = '"https://unpkg.com/mermaid@11/dist/mermaid.min.js"'
MERMAID_HERE = 'new URL("assets/vendor/mermaid.js",__md_scope).href'

_LOADED_FROM_ELSEWHERE = re.compile(
    r"<(?:script|img|iframe|source|link rel=.?(?:stylesheet|preconnect|icon))\b[^>]*(?:https?:)?//[^>]*>"
)
_SPHINX_ROLE = re.compile(r":(?:func|class|mod|meth|data):<code>")
_LINK = re.compile(r"(\]\()(?!https?:|mailto:|#)([^)#\s]+)")


def _pages() -> dict[str, str]:
    pages = dict(PAGES)
    for readme in sorted((ROOT / EXAMPLES).glob("**/README.md")):
        path = readme.relative_to(ROOT).as_posix()
        pages[posixpath.join(posixpath.dirname(path), "index.md")] = path
    return pages


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the repository, and the files of ``examples/`` that pages link to."""
    pages = _pages()
    for page, source in pages.items():
        files.append(File.generated(config, page, content=_text(ROOT / source)))
    for path in sorted((ROOT / EXAMPLES).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name + ".md", content=_listing(name, _text(path))))
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Lead each relative link to the site's page of the file that it names."""
    pages = _pages()
    here = page.file.src_uri
    source = pages.get(here, "docs/" + here)
    site = {source: page for page, source in pages.items()}

    def led(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[2]))
        found = _site_path(target, site, files)
        if found is None:
            return match[0]  # mkdocs says that it leads nowhere
        return match[1] + posixpath.relpath(found, posixpath.dirname(here) or ".")

    return _LINK.sub(led, markdown)


def _site_path(target: str, site: dict[str, str], files: Files) -> str | None:
    inside = target.removeprefix("docs/")
    candidates = [
        site.get(target),
        site.get(target + "/README.md"),
        inside if target != inside else None,
        inside + "/README.md",
        target + ".md",
    ]
    return next((path for path in candidates if path and files.get_file_from_path(path)), None)


def on_page_content(html: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Leave Sphinx's marks out of the docstrings' text."""
    return _SPHINX_ROLE.sub("<code>", html)


def on_post_build(config: MkDocsConfig) -> None:
    """Have the theme load Mermaid from the site itself, and refuse a page that loads from elsewhere."""
    site = Path(config.site_dir)
    bundles = list((site / "assets" / "javascripts").glob("bundle.*.min.js"))
    replaced = 0
    for bundle in bundles:
        text = _text(bundle)
        replaced += text.count(MERMAID_ELSEWHERE)
        bundle.write_text(text.replace(MERMAID_ELSEWHERE, MERMAID_HERE), encoding="utf-8")
    if replaced != 1:
        raise PluginError(
            f"The theme loads Mermaid in another way than scripts/docs_site.py knows ({replaced} places). "
            "Look at assets/javascripts/bundle.*.min.js and change MERMAID_ELSEWHERE."
        )
    for page in site.rglob("*.html"):
        if loaded := _LOADED_FROM_ELSEWHERE.search(_text(page)):
            raise PluginError(
                f"{page.relative_to(site)} loads from another server: {loaded[0]}. "
                "Put the file under docs/assets and link to it there."
            )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _listing(name: str, code: str) -> str:
    return f"---\nsearch:\n  exclude: true\n---\n\n# {name}\n\n```python\n{code.rstrip()}\n```\n"
