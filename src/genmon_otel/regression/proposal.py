"""Put a case's file on a branch of its own, for a pull request, and touch nothing else.

The commit is made from git's object store with an index of its own: no working tree, no index and
no branch of the user's changes, no hook and no filter runs, and uncommitted work stays as it is.
Only a push runs the user's ``pre-push``, which may look for secrets, and publishes this one commit alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import quote, urlsplit

from genmon_otel.errors import ConfigurationError
from genmon_otel.regression import exporting, review
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.files import SUFFIX
from genmon_otel.regression.review import Card
from genmon_otel.store import SqlStore

#: Prefix of the branches, and how many may be open.
PREFIX: Final = "genmon/"
MAX_OPEN: Final = 5
#: Seconds that one call of git may take; a push or fetch waits for another machine.
_LOCAL_S: Final = 30
_REMOTE_S: Final = 120
_CREDENTIALS: Final = re.compile(r"(\w://)[^/@\s]+@")
#: Characters that stay in a subject or title: recorded names may hold anything.
_PLAIN: Final = re.compile(r"[^\w .:/-]+")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A branch with a case's file."""

    branch: str
    commit: str
    #: What it is based on, a commit.
    base: str
    #: Path of the file inside the repository.
    path: str
    title: str


class AlreadyProposed(ConfigurationError):
    """A case's file is on the base already: its pull request was merged."""


class Repository:
    """The git repository that a folder lies in.

    Raises:
        ConfigurationError: git is not installed, the folder is in no repository with a working
            tree, or the repository has no commit.
    """

    def __init__(self, folder: Path, remote: str = "origin") -> None:
        self._folder = folder
        self.remote = remote
        top = self._ask("rev-parse", "--show-toplevel", hint="Run this in your checkout.")
        self.root = Path(top)
        self._folder = self.root
        self.head = self._ask("rev-parse", "--verify", "HEAD^{commit}", hint="Make a first commit.")

    def propose(self, case: Case, folder: Path, handle: str, title: str, message: str) -> Proposal:
        """Commit a case's file to a new branch.

        Args:
            case: what goes into the file.
            folder: where the file belongs, inside the repository.
            handle: of its failure; names the branch.
            title: subject of the commit.
            message: body of the commit; plain text.

        Raises:
            AlreadyProposed: the file is there already.
            ConfigurationError: the branch is there already, or git refused.
        """
        branch = branch_of(handle)
        where = self._inside(folder)
        path = str(where / f"{case.slug}{SUFFIX}")
        if self._branch_exists(branch):
            raise ConfigurationError(
                f"The branch {branch} is there already. Propose it anew after: "
                f"git branch -D {branch}; or publish that one: git push {self.remote} {branch}"
            )
        base = self.base()
        if self._succeeds("cat-file", "-e", f"{base}:{path}"):
            raise AlreadyProposed(
                f"{path} is committed already, so {handle} is proposed. To renew its file: "
                f"genmon cases export {where} --update"
            )
        blob = self._ask("hash-object", "-w", "--stdin", given=case.to_json())
        with tempfile.TemporaryDirectory(prefix="genmon-") as scratch:
            own = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            self._ask("read-tree", base, env=own)
            self._ask("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=own)
            tree = self._ask("write-tree", env=own)
        signed = (
            ("-S",) if self._ask_or("config", "--type=bool", "commit.gpgsign") == "true" else ()
        )
        commit = self._ask(
            "commit-tree", *signed, tree, "-p", base, "-F", "-",
            given=f"{title}\n\n{message}\n",
            hint="The commit is to be signed (commit.gpgsign), so 'git commit -S' must work here. Without: "
            "git config commit.gpgsign false" if signed else
            "Tell git who you are: git config user.name NAME; git config user.email ADDRESS",
        )  # fmt: skip
        # The last argument says that the branch must not exist: another process may be here too.
        self._ask("update-ref", f"refs/heads/{branch}", commit, "0" * len(commit))
        return Proposal(branch, commit, base, path, title)

    def base(self) -> str:
        """Return the commit of the remote's default branch, as far as it is known here.

        Where it is not known: the newest commit of HEAD that the remote has, so that a push publishes
        nothing else; HEAD itself where nothing is known of the remote.
        """
        for name in (f"refs/remotes/{self.remote}/HEAD", f"refs/remotes/{self.remote}/main",
                     f"refs/remotes/{self.remote}/master"):  # fmt: skip
            if found := self._ask_or("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"):
                return found
        known = self._ask("for-each-ref", "--format=%(objectname)", f"refs/remotes/{self.remote}/")
        shared = known and self._ask_or("merge-base", self.head, *sorted(set(known.split()))[:500])
        return shared or self.head

    def open_branches(self) -> list[str]:
        """Return the names of our branches, here and on the remote as far as it is known."""
        found = self._ask(
            "for-each-ref", "--format=%(refname)", f"refs/heads/{PREFIX}",
            f"refs/remotes/{self.remote}/{PREFIX}",
        )  # fmt: skip
        prefixes = ("refs/heads/", f"refs/remotes/{self.remote}/")
        names = set()
        for line in found.splitlines():
            prefix = next(each for each in prefixes if line.startswith(each))
            names.add(line.removeprefix(prefix))
        return sorted(names)

    def remote_url(self) -> str:
        """Return where a push goes, without credentials.

        Raises:
            ConfigurationError: there is no such remote.
        """
        url = self._ask("remote", "get-url", "--push", self.remote, hint=self._remotes())
        parts = urlsplit(url)
        if parts.scheme and "@" in parts.netloc:
            url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        return url

    def push(self, branch: str) -> None:
        """Publish one branch, with nothing but its own commit. Never changes a branch of the remote.

        Raises:
            ConfigurationError: other commits would be published with it, the remote has such a branch
                or refused it, or it cannot be reached.
        """
        ref = f"refs/heads/{branch}"
        others = int(self._ask("rev-list", "--count", ref, "--not", f"--remotes={self.remote}")) - 1
        if others > 0:
            raise ConfigurationError(
                f"{branch} is kept here: to publish it would also publish {others} commits of yours that "
                f"{self.remote} does not have, as far as is known here. If it has them: git fetch "
                f"{self.remote}; git branch -D {branch}; then propose again. Else publish them first."
            )
        self._ask(
            # The lease without a value says that the remote must have no such branch.
            "push", f"--force-with-lease={ref}:", self.remote, f"{ref}:{ref}", wait_s=_REMOTE_S,
            hint=f"The branch is kept here. Publish it yourself: git push {self.remote} {branch}",
        )  # fmt: skip

    def _inside(self, folder: Path) -> PurePosixPath:
        resolved = folder.resolve()
        if not resolved.is_relative_to(self.root.resolve()):
            raise ConfigurationError(
                f"{folder} is not inside the repository {self.root}. Name a folder of it with --folder."
            )
        return PurePosixPath(resolved.relative_to(self.root.resolve()).as_posix())

    def _branch_exists(self, branch: str) -> bool:
        return any(self.places_of(branch))

    def places_of(self, branch: str) -> tuple[bool, bool]:
        """Return whether a branch is here, and on the remote as far as it is known."""
        here, there = (
            self._succeeds("show-ref", "--verify", "--quiet", f"{where}{branch}")
            for where in ("refs/heads/", f"refs/remotes/{self.remote}/")
        )
        return here, there

    def _remotes(self) -> str:
        known = ", ".join((self._ask_or("remote") or "").split()) or "none"
        return f"Remotes: {known}. Name one with --remote, or add it: git remote add origin URL"

    def _succeeds(self, *arguments: str) -> bool:
        return self._run(arguments).returncode == 0

    def _ask_or(self, *arguments: str) -> str | None:
        done = self._run(arguments)
        return done.stdout.strip() if done.returncode == 0 else None

    def _ask(
        self,
        *arguments: str,
        given: str = "",
        env: dict[str, str] | None = None,
        wait_s: float = _LOCAL_S,
        hint: str = "",
    ) -> str:
        done = self._run(arguments, given, env, wait_s)
        if done.returncode:
            # git quotes a remote's address as it is configured, with the password.
            said = _CREDENTIALS.sub(r"\1", (done.stderr or done.stdout).strip())[-600:]
            raise ConfigurationError(f"git {arguments[0]} failed: {said} {hint}".strip())
        return done.stdout.strip()

    def _run(
        self,
        arguments: tuple[str, ...],
        given: str = "",
        env: dict[str, str] | None = None,
        wait_s: float = _LOCAL_S,
    ) -> subprocess.CompletedProcess[str]:
        # Only a push runs a hook of the user's: it may look for secrets in what goes out.
        no_hooks = () if arguments[0] == "push" else ("-c", f"core.hooksPath={os.devnull}")
        try:
            return subprocess.run(
                ["git", *no_hooks, *arguments], cwd=self._folder, input=given, capture_output=True, text=True,
                errors="replace", timeout=wait_s, check=False,
                env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8", **(env or {})},
            )  # fmt: skip
        except FileNotFoundError:
            raise ConfigurationError("git is not installed. Install it, then try again.") from None
        except subprocess.TimeoutExpired:
            raise ConfigurationError(
                f"git {arguments[0]} did not end within {wait_s:.0f} s. Try it yourself: "
                f"git {' '.join(arguments)}"
            ) from None


def propose_case(
    store: SqlStore, repository: Repository, ref: str, folder: Path
) -> tuple[Proposal, Card]:
    """Put a case of the store on a branch of its own.

    Args:
        store: where the case is.
        repository: where the branch goes.
        ref: the handle of its failure.
        folder: where the file belongs, inside the repository.

    Raises:
        NotFound: there is no such case.
        ConfigurationError: it is not reproduced, or the branch cannot be made.
        CaseError: its row cannot be read.
    """
    card = review.card(store, ref)
    row = card.row
    if row.state not in review.EXPORTED:
        raise ConfigurationError(
            f"Case {row.handle} is {row.state}; only a reproduced or approved one is proposed. "
            f"Put it through the reproduction check: genmon cases verify {row.handle}"
        )
    title = plain_title(f"Test {row.handle}: {row.category} in {row.operation}")
    message = f"Reproduced failure {row.handle}, to be fixed."
    made = repository.propose(exporting.for_file(row), folder, row.handle, title, message)
    return made, card


def branch_of(handle: str) -> str:
    """Return the name of the branch of a failure's case."""
    return f"{PREFIX}{handle.lower()}"


def plain_title(text: str) -> str:
    """Return a title of at most 72 characters without what a forge would take for a mention or a link."""
    return " ".join(_PLAIN.sub(" ", text).split())[:72].rstrip()


def may_publish(root: Path) -> bool:
    """Whether the project's configuration allows to publish: ``[tool.genmon] propose_publish = true``.

    Raises:
        ConfigurationError: ``pyproject.toml`` cannot be read.
    """
    path = root / "pyproject.toml"
    if not path.is_file():
        return False
    try:
        tool = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {str(error)[:300]}") from None
    ours = tool.get("genmon", {}) if isinstance(tool, dict) else {}
    return isinstance(ours, dict) and ours.get("propose_publish") is True


def compare_link(url: str, branch: str) -> str | None:
    """Return the address at which a forge offers the pull request; None where it is not known.

    Args:
        url: of the remote, https or ssh.
        branch: that was pushed.
    """
    match = re.fullmatch(
        r"(?:https?://|ssh://)?(?:[\w.-]+@)?([\w.-]+)(?::\d+)?[:/]([\w./~-]+?)(?:\.git)?/?", url
    )
    if match is None or url.startswith("file:"):
        return None
    host, path = match[1], match[2]
    if "gitlab" in host:
        name = quote(branch, safe="")
        return f"https://{host}/{path}/-/merge_requests/new?merge_request%5Bsource_branch%5D={name}"
    if "github" in host or "gitea" in host or "codeberg" in host:
        return f"https://{host}/{path}/compare/{quote(branch)}?expand=1"
    return None
