"""pytest plugin that collects ``*.genmon.json`` files as tests, one for each file, and saves their results.

A committed file is an approved case, and no database is needed. genmon is imported only when there is
such a file, so that the installed plugin does not slow down other test runs.
"""

from __future__ import annotations

import json
import os
import shlex
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest

if TYPE_CHECKING:
    from genmon_otel.regression.cases.case import Case
    from genmon_otel.regression.cases.results import Result
    from genmon_otel.regression.cases.trust import Trust
    from genmon_otel.regression.judging.run_result import RunResult

#: Same as :data:`genmon_otel.regression.cases.files.SUFFIX`, which is not imported here.
SUFFIX: Final = ".genmon.json"
_PROPERTY: Final = "genmon"
#: Settings of pytest's configuration: what case files, which are untrusted data, may do.
_ALLOWED: Final = {
    "genmon_roots": "folders, in addition to the project's own, whose code cases may call",
    "genmon_postconditions": "import paths of functions that cases may name as postconditions",
    "genmon_factories": "import paths of functions that cases may name as factories",
    "genmon_live": "steps that cases may really call",
    "genmon_programs": "programs that cases may run",
    "genmon_env": "environment variables that cases may set",
}
#: Commands that change a case in the store.
_CHANGING: Final = ("approve", "verify", "rebind")
_VERSION: Final = pytest.StashKey[str | None]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the command-line options and the settings of :data:`_ALLOWED`."""
    group = parser.getgroup("genmon", "regression cases of genmon")
    group.addoption(
        "--genmon-accept",
        action="store_true",
        help="flip 'expect' to 'passes' in the files of cases that pass now: the fix is in",
    )
    group.addoption(
        "--genmon-results",
        metavar="FILE",
        help="append results to FILE, for 'genmon cases ingest' (without it they go straight "
        "to the store if GENMON_STORE names one)",
    )
    group.addoption(
        "--genmon-markdown",
        metavar="FILE",
        help="append the verdicts to FILE as Markdown, for a job's summary or a comment",
    )
    for name, what in _ALLOWED.items():
        parser.addini(name, what, type="linelist", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Register the collection of results; with xdist only in the controller."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Results(config), "genmon_results")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect case files; None for any other file."""
    if file_path.name.endswith(SUFFIX):
        file = CaseFile.from_parent(parent, path=file_path)
        if (printed := _printed_name(file.nodeid)) == file.nodeid:
            return file
        # Pytest prints an id unchanged, and the author of the file chose its name.
        return CaseFile.from_parent(parent, path=file_path, nodeid=printed)
    return None


class CaseFile(pytest.File):
    """A case file, which contains one test."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the test, named after the case."""
        yield CaseItem.from_parent(self, name=_printed_name(self.path.name.removesuffix(SUFFIX)))


class CaseItem(pytest.Item):
    """Replays one case in a new process and compares the result with the file's ``expect``."""

    case: Case
    _replayed: RunResult

    def setup(self) -> None:
        """Replay the case. Inconclusive: an error where the file expects a pass, else a skip."""
        from genmon_otel.regression.cases import files
        from genmon_otel.regression.cases.case_reading import CaseError
        from genmon_otel.regression.replaying.lookup import ELSEWHERE
        from genmon_otel.regression.runner import run_case

        try:
            self.case = files.read(self.path)
        except CaseError as error:
            raise pytest.fail.Exception(_printed(str(error)), pytrace=False) from None
        self._replayed = run_case(
            self.case, cwd=_project_folder(self.config), trust=_trust(self.config)
        )
        if ELSEWHERE in self._replayed.detail:
            detail = self._replayed.detail.replace(ELSEWHERE, _where_code_is_sought(self.config))
            self._replayed = replace(self._replayed, detail=detail)
        data = json.loads(self._result().to_line())
        shown = {
            "expect": self.case.expect, "file": self._here(), "notes": self._replayed.notes,
            "fresh_because": self._replayed.fresh_because, "duration_s": self._replayed.duration_s,
            "operation": self.case.operation, "accepts": self.config.getoption("--genmon-accept"),
            "detail": self._with_commands(self._replayed.detail),
        }  # fmt: skip
        self.user_properties.append((_PROPERTY, {**data, "shown": shown}))
        if self._replayed.verdict == "inconclusive":
            detail = self._with_commands(self._replayed.detail)
            if self.case.expect == "passes":
                self._fail(f"It guards against a failure, but proves nothing: {detail}")
            raise pytest.skip.Exception(
                _printed(f"proves nothing: {detail}"), _use_item_location=True
            )

    def runtest(self) -> None:
        """Compare the replay's verdict with the file's ``expect``."""
        detail = self._with_commands(self._replayed.detail)
        shown = _printed(f"{self._replayed.verdict}: {detail}")
        passed = self._replayed.verdict == "pass"
        if self.case.expect == "passes":
            if not passed:
                self._fail(shown)
        elif not passed:
            pytest.xfail(shown)
            self._fail(shown)  # with --runxfail
        elif self.config.getoption("--genmon-accept"):
            from genmon_otel.regression.cases import files

            files.accept(self.path)
        else:
            self._fail(
                f"It passes now: {self._replayed.detail} If that is the fix, run "
                f"`pytest --genmon-accept {self._here()}` and commit the file: from then on "
                "the case guards it."
            )

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Say why a case is expected to fail, without the frames of pytest, which take long to print."""
        if isinstance(excinfo.value, pytest.xfail.Exception):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def _here(self, path: Path | None = None) -> str:
        """Return a path, the file's by default, as it is typed where pytest was started."""
        started_in = self.config.invocation_params.dir
        return shlex.quote(os.path.relpath(path or self.path, started_in))

    def _with_commands(self, detail: str) -> str:
        """Say what makes a command that changes the store reach this file, too."""
        if not any(f"genmon cases {word}" in detail for word in _CHANGING):
            return detail
        return (
            f"{detail} (The case is in the store, this file is a copy: write it again with "
            f"`genmon cases export --update {self._here(self.path.parent)}`.)"
        )

    def _fail(self, what: str) -> NoReturn:
        """Fail (in setup: raise an error) with the recorded failure in the message, without a traceback."""
        from genmon_otel.wording.printable import one_line

        expected, origin = self.case.expected, self.case.provenance
        recorded = f"{expected.error_type} ({expected.category}): {expected.error_message[:300]}"
        text = (
            f"{what}\n\n"
            f"recorded: {one_line(recorded)}\n"
            f"target:   {one_line(self.case.target)}\n"
            f"failure:  {one_line(origin.failure)}, seen {origin.occurrences} times, "
            f"{origin.users_hit} users hit"
        )
        raise pytest.fail.Exception(_printed(text), pytrace=False)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return file, line and name for the report."""
        return Path(_printed_name(str(self.path))), 0, self.name

    def _result(self) -> Result:
        from genmon_otel.regression.cases.results import Result
        from genmon_otel.text import clean

        return Result(
            run_id=Result.new_id(),
            fingerprint=clean(self.case.provenance.fingerprint, 200) or "unknown",
            slug=self.case.slug,
            verdict=self._replayed.verdict,
            detail=self._replayed.detail,
            channel="ci",
            code_version=_code_version(self.config) or self._replayed.code_version,
            at=time.time(),
            weight=self._replayed.weight,
            drift=self._replayed.drift,
        )


def _printed(text: str) -> str:
    """Return text of a case as it may be printed where a CI system reads along."""
    from genmon_otel.text import cut
    from genmon_otel.wording.printable import in_a_log

    return in_a_log(cut(text, 4_000))


def _printed_name(name: str) -> str:
    """Return the name of a file or a folder as it may be printed there; on one line."""
    from genmon_otel.wording.printable import in_a_log, one_line

    return in_a_log(one_line(name))


def _code_version(config: pytest.Config) -> str | None:
    """Return the code version under test; computed once a process. None when unknown."""
    if _VERSION not in config.stash:
        from genmon_otel.code_version import version_of_folder
        from genmon_otel.conventions import ENV_CODE_VERSION

        config.stash[_VERSION] = version_of_folder(
            os.environ.get(ENV_CODE_VERSION), _project_folder(config)
        )
    return config.stash[_VERSION]


def _trust(config: pytest.Config) -> Trust:
    """What the configuration allows to case files.

    Only a file in the folder in which pytest was started or above it, or one that was named, allows
    anything. Pytest also takes one next to the cases that it is told to run: their author may
    have brought that file, too.
    """
    from genmon_otel.regression.cases.configuration import trust_in
    from genmon_otel.regression.cases.trust import Trust

    started_in = config.invocation_params.dir.resolve()
    file = config.inipath or config.rootpath / "pytest.ini"
    is_above = file.resolve().parent in (started_in, *started_in.parents)
    if config.inipath is not None and not is_above and not _is_named(config):
        return trust_in(started_in)
    return Trust.configured(
        {name: config.getini(name) for name in _ALLOWED}, file.parent, file.name
    )


def _is_named(config: pytest.Config) -> bool:
    """Whether pytest's configuration file was named on the command line; under xdist, the controller's."""
    if hasattr(config, "workerinput"):
        return bool(config.workerinput[_PROPERTY])
    return any(
        word.startswith(("-c", "--config-file")) for word in map(str, config.invocation_params.args)
    )


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Pass the options of the controller's command line to a worker of xdist."""
    node.workerinput[_PROPERTY] = _is_named(node.config)


def _project_folder(config: pytest.Config) -> Path:
    """Return the folder of pytest's configuration file, else the one that pytest was started in."""
    return config.rootpath if config.inipath is not None else config.invocation_params.dir


def _where_code_is_sought(config: pytest.Config) -> str:
    """Say in which folder the code under test is looked for, and how to name another."""
    folder = _project_folder(config)
    if config.inipath is None:
        return (
            f"It is looked for in {folder}, where pytest was started: start it where the code is."
        )
    return (
        f"It is looked for in {folder}, beside pytest's configuration file {config.inipath.name}. If the code is "
        "elsewhere, put a pytest.ini there (an empty one is enough) and start pytest there."
    )


class Results:
    """The results of one test run's cases; with xdist those of all workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        #: By run id, because a plugin that repeats tests reports the same result again.
        self._results: dict[str, dict[str, Any]] = {}
        #: By run id: the test, and its result with what is printed of it.
        self._shown: dict[str, tuple[str, dict[str, Any]]] = {}
        #: By test, the rows of ``--genmon-markdown``.
        self._rows: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Store a case's result, which is a property of its report."""
        if report.when == "call" or (report.when == "setup" and not report.passed):
            for name, value in report.user_properties:
                if name == _PROPERTY and isinstance(value, dict):
                    self._shown[value["run_id"]] = (report.nodeid, value)
                    self._results[value["run_id"]] = {
                        key: each for key, each in value.items() if key != "shown"
                    }
                    self._rows[report.nodeid] = {
                        **value, "case": value["slug"], "state": value["shown"]["expect"],
                        "bad": report.failed,
                    }  # fmt: skip
            if report.failed and report.nodeid not in self._rows and SUFFIX in report.location[0]:
                self._rows[report.nodeid] = {  # a file that is no case
                    "case": report.location[2], "verdict": "unreadable", "state": "", "bad": True,
                    "detail": report.longreprtext,
                }  # fmt: skip

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print what the cases showed, always: what passes now, goes wrong otherwise, drifted, or proves nothing."""
        if not self._shown:
            return
        from genmon_otel.wording.test_run import summary_sections

        terminalreporter.section("genmon cases")
        counts = Counter(value["verdict"] for _, value in self._shown.values())
        said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
        terminalreporter.write_line(f"{len(self._shown)} replayed: {said}")
        for title, lines in summary_sections(list(self._shown.values())):
            terminalreporter.write_line("")
            terminalreporter.write_line(title)
            for line in lines:
                terminalreporter.write_line(_printed(f"  {line}"))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Save the results in the file of ``--genmon-results``, else in the configured store.

        An error while saving is printed and does not fail the tests.
        """
        self._append_markdown()
        if not self._results:
            return
        from genmon_otel.conventions import ENV_STORE, ENV_STORE_FILE
        from genmon_otel.errors import GenmonError
        from genmon_otel.regression.cases.results import Result, append

        if any(os.environ.get(f"OTEL_{signal}_EXPORTER") for signal in ("TRACES", "LOGS")):
            from genmon_otel.wiring.evaluations import export_runs

            export_runs([value for _, value in self._shown.values()])
        results = [Result.from_data(data) for data in self._results.values()]
        try:
            if path := self._config.getoption("--genmon-results"):
                append(self._config.invocation_params.dir / path, results)
            elif os.environ.get(ENV_STORE) or os.environ.get(ENV_STORE_FILE):
                _save_to_store(results)
        except (GenmonError, OSError) as error:
            self._warn(f"genmon: results were not saved: {error}")

    def _append_markdown(self) -> None:
        """Append the verdicts to the file of ``--genmon-markdown``; an error is printed, the tests stand."""
        if not (path := self._config.getoption("--genmon-markdown")):
            return
        from genmon_otel.wording.markdown import table_of_runs

        file = self._config.invocation_params.dir / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a", encoding="utf-8") as out:
                out.write(f"{table_of_runs(list(self._rows.values()))}\n")
        except OSError as error:
            self._warn(f"genmon: the verdicts were not written as Markdown: {error}")

    def _warn(self, said: str) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            terminal.write_line(said, yellow=True)


def _save_to_store(results: list[Result]) -> None:
    """Save results in the store that the environment names."""
    from genmon_otel.regression.cases.ingest import ingest
    from genmon_otel.settings import Settings
    from genmon_otel.store import SqlStore

    store = SqlStore(Settings.resolve(os.environ, cwd=Path.cwd()).store)
    store.open()
    try:
        ingest(store, results)
    finally:
        store.close()
