"""``genmon cases propose``: a branch, and a pull request, for a case."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import click

from genmon_otel.cli.output import marked
from genmon_otel.cli.terminal import (
    console,
    json_option,
    open_store,
    print_json,
    store_option,
    warn,
)
from genmon_otel.errors import ConfigurationError, GenmonError
from genmon_otel.policy import CaseState
from genmon_otel.regression import review
from genmon_otel.regression.cases.case_reading import CaseError
from genmon_otel.regression.proposal import (
    MAX_OPEN,
    AlreadyProposed,
    Proposal,
    Repository,
    branch_of,
    compare_link,
    may_publish,
    propose_case,
)
from genmon_otel.store import SqlStore
from genmon_otel.store.rows import CaseRow
from genmon_otel.wording.markdown import describe

#: Seconds that gh or glab may take.
_FORGE_S = 120


@click.command()
@click.argument("case", nargs=-1)
@click.option("--all", "every", is_flag=True,
              help=f"Each case that was reproduced; at most {MAX_OPEN} branches are open at once.")  # fmt: skip
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path),
              default=Path("tests/genmon"), show_default=True, help="Where case files belong.")  # fmt: skip
@click.option("--remote", default="origin", show_default=True, help="The git remote.")
@click.option("--push", is_flag=True,
              help="Publish the branch and open the pull request, after showing what is published.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask before publishing.")
@store_option
@json_option
def propose(
    case: tuple[str, ...],
    *,
    every: bool,
    folder: Path,
    remote: str,
    push: bool,
    yes: bool,
    store: str | None,
    as_json: bool,
) -> int:
    """Put CASEs on branches of their own, as pull requests whose merging approves them.

    Nothing of yours is touched: no working tree, no index, no other branch. Without --push
    nothing leaves this machine. Exits 7 if a case cannot be read; the others are proposed.
    """
    if bool(case) == every:
        raise click.UsageError("Name the cases to propose, or give --all.")
    repository = Repository(Path.cwd(), remote)
    if push:
        _check_may_publish(repository)
    shown: list[tuple[Proposal, str, str | None]] = []
    unreadable: list[CaseError] = []
    with open_store(store) as opened:
        names, room = list(case), len(case)
        if every:
            names, room = _unproposed(opened, repository)
        for name in names:
            if len(shown) == room:
                break
            try:
                proposal, description = _propose(opened, repository, name, folder)
            except AlreadyProposed:
                if every:  # merged, its branch deleted
                    continue
                raise
            except CaseError as why:
                unreadable.append(why)
                continue
            published = None
            if push:
                published = _publish(repository, proposal, description, asked=not yes)
            shown.append((proposal, description, published))
    for error in unreadable:
        warn(error)
    failed = CaseError.exit_code if unreadable else 0
    if as_json:
        print_json([
            {"branch": p.branch, "commit": p.commit, "base": p.base, "file": p.path,
             "title": p.title, "description": d, "published": u}
            for p, d, u in shown
        ])  # fmt: skip
        return failed
    out = console()
    for proposal, description, published in shown:
        out.print(marked("[cyan]{}[/] adds {}", proposal.branch, proposal.path), soft_wrap=True)
        if published:
            out.print(marked("published: {}", published), soft_wrap=True)
        elif not push:
            click.echo(f"\n{description}")
            out.print(
                marked(
                    "Publish it: [bold]git push {} {}[/], with this description.",
                    remote,
                    proposal.branch,
                ),
                soft_wrap=True,
            )
    if not shown and not unreadable:
        out.print(
            f"Nothing to propose: no reproduced case is without a branch, or {MAX_OPEN} are open."
        )
    return failed


def _propose(
    store: SqlStore, repository: Repository, name: str, folder: Path
) -> tuple[Proposal, str]:
    proposal, card = propose_case(store, repository, name, folder)
    return proposal, describe(card, proposal.path)


def _unproposed(store: SqlStore, repository: Repository) -> tuple[list[str], int]:
    """Return the handles of reproduced cases without a branch, and how many more may be open."""
    there = set(repository.open_branches())
    rows: list[CaseRow] = review.queue(store.cases(state=CaseState.REPRODUCED, limit=1_000))
    room = max(0, MAX_OPEN - len(there))
    return [row.handle for row in rows if branch_of(row.handle) not in there], room


def _check_may_publish(repository: Repository) -> None:
    repository.remote_url()
    if not may_publish(repository.root):
        raise ConfigurationError(
            "This project does not allow to publish proposals. A case holds recorded requests and "
            f"answers. To allow it, in {repository.root / 'pyproject.toml'}:\n"
            "[tool.genmon]\npropose_publish = true"
        )


def _publish(
    repository: Repository, proposal: Proposal, description: str, *, asked: bool
) -> str | None:
    """Push the branch and open the pull request; return where it is."""
    url = repository.remote_url()
    if asked:
        click.echo(
            f"To {url}, branch {proposal.branch}, file {proposal.path}, with the text:\n", err=True
        )
        click.echo(description, err=True)
        click.echo(f"Look at the whole file: git show {proposal.branch}:{proposal.path}", err=True)
        if not click.confirm("Publish this?", err=True):
            return None
    repository.push(proposal.branch)
    link = compare_link(url, proposal.branch)
    for program, arguments in (
        ("gh", ["pr", "create", "--head", proposal.branch, "--title", proposal.title, "--body-file"]),
        ("glab", ["mr", "create", "--yes", "--source-branch", proposal.branch, "--title",
                  proposal.title, "--description"]),
    ):  # fmt: skip
        if _fits(program, url) and (found := shutil.which(program)):
            return _open_request(found, arguments, description, repository.root) or link
    return link or f"{url} {proposal.branch}"


def _fits(program: str, url: str) -> bool:
    """Whether a forge's program is the one for a remote."""
    return ("gitlab" in url) == (program == "glab")


def _open_request(program: str, arguments: list[str], description: str, root: Path) -> str | None:
    """Have gh or glab open the pull request; return the address it printed."""
    with tempfile.NamedTemporaryFile("w", suffix=".md", encoding="utf-8") as file:
        file.write(description)
        file.flush()
        last = file.name if arguments[-1] == "--body-file" else description
        try:
            done = subprocess.run(
                [program, *arguments, last], cwd=root, capture_output=True, text=True,
                errors="replace", timeout=_FORGE_S, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _Unopened(f"{program}: {error}") from None
    if done.returncode:
        raise _Unopened((done.stderr or done.stdout).strip()[-400:])
    return next((w for w in done.stdout.split() if w.startswith("https://")), None)


class _Unopened(GenmonError):
    """The branch is published, its pull request could not be opened."""

    def __init__(self, said: str) -> None:
        super().__init__(f"The branch is published, but its pull request was not opened: {said}")
