"""Run a client library's own tests with genmon's patches off and on, and list what differs.

Usage: PYTHON -m scripts.suites.compare FOLDER [pytest arguments ...]

FOLDER is a checkout of the library at the version that PYTHON's environment has installed, with
what its tests need and genmon. Each test runs in a generation of its own (``capture="all"``), and
each of the suite's files in a process of its own. A test in which the process hangs or ends early is
left out of the next one, so that the rest of its file is compared all the same. Tests that differ
are run again without the others, three times each way: only what differs there, too, is a
difference; the rest is named as unsteady. The exit status is 1 if there is a difference, or if genmon saw no call.
See docs/frameworks.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
#: How often tests that differ are run again, each way.
AGAIN = 3
#: Seconds that one process, so one file of the suite, may take.
LIMIT = 300
#: How many tests of one file may hang or end their process before the file is given up.
BROKEN = 12
#: Said of a test that began and did not end.
UNFINISHED = "unfinished"
#: pytest's options that have a value; those of the first row choose tests.
CHOOSING = ("-k", "-m", "--ignore", "--deselect")
VALUED = ("-o", "-p", "-W", "-c", "--timeout", "--rootdir")


@dataclass
class Found:
    """What came of some tests: the outcome of each, why it failed, and what genmon saw."""

    tests: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)

    def add(self, other: Found) -> None:
        """Take in what came of other tests."""
        self.tests |= other.tests
        self.why |= other.why
        self.seen += other.seen


@dataclass
class Ended:
    """How one pytest process ended."""

    said: str
    in_time: bool
    status: int


def start(
    folder: Path, scratch: Path, arguments: list[str], genmon: str, choice: dict[str, list[str]]
) -> Ended:
    """Run pytest with the plugin that tells outcomes; end it, and what it started, at the limit."""
    (scratch / "choice.json").write_text(json.dumps(choice), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "inside_generation", "-q",
               f"--genmon={genmon}", f"--genmon-folder={scratch}", *arguments]  # fmt: skip
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GENMON_", "OTEL_"))}
    path = os.pathsep.join(filter(None, [str(HERE), kept.get("PYTHONPATH", "")]))
    with (scratch / "said.txt").open("w+", encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen(
            command, cwd=folder, env={**kept, "PYTHONPATH": path}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            process.wait(LIMIT)
            in_time = True
        except subprocess.TimeoutExpired:
            in_time = False
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
        said.seek(0)
        return Ended(said.read()[-3000:], in_time, status)


def told(scratch: Path) -> Found:
    """Return what the plugin has told of a process, also of one that did not come to its end."""
    found = Found()
    file = scratch / "outcomes.jsonl"
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        one = json.loads(line)
        found.tests[one["test"]] = one["outcome"]
        if one["why"]:
            found.why[one["test"]] = one["why"]
        found.seen = Counter(one["seen"])
    return found


def files_of(folder: Path, arguments: list[str]) -> list[str]:
    """Return the files that hold the tests that pytest's arguments choose, as pytest finds them.

    Raises:
        SystemExit: There is none; with the end of what pytest printed.
    """
    with tempfile.TemporaryDirectory(prefix="genmon-suite-") as place:
        scratch = Path(place)
        ended = start(folder, scratch, ["--collect-only", *arguments], "off", {})
        file = scratch / "files.json"
        found: list[str] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    if not found:
        raise SystemExit(f"No tests in {folder}:\n{ended.said}")
    return found


def run(
    folder: Path, genmon: str, arguments: list[str], choice: dict[str, list[str]] | None = None
) -> Found:
    """Run tests, again without those that hang or end the process, and return what came of each."""
    found, broken = Found(), list((choice or {}).get("without", []))
    for _ in range(BROKEN):
        with tempfile.TemporaryDirectory(
            prefix="genmon-suite-", ignore_cleanup_errors=True
        ) as place:
            chosen = {**(choice or {}), "without": [*broken, *found.tests]}
            ended = start(folder, Path(place), arguments, genmon, chosen)
            one = told(Path(place))
        found.add(one)
        stopped = [name for name, outcome in one.tests.items() if outcome == UNFINISHED]
        if not stopped:
            # 5 is pytest's word for no tests left; 0 and 1 for all run.
            if ended.status not in (0, 1, 5):
                print(f"  {' '.join(arguments)} ended with {ended.status}, genmon {genmon}:")
                print(ended.said[-1500:], flush=True)
            return found
    print(f"  {' '.join(arguments)}: given up after {BROKEN} tests did not end", flush=True)
    return found


def parts_of(arguments: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Return the arguments' paths, the options that choose tests, and the other options."""
    paths: list[str] = []
    choosing: list[str] = []
    others: list[str] = []
    left = iter(arguments)
    for argument in left:
        if argument in CHOOSING:
            choosing += [argument, next(left, "")]
        elif argument in VALUED:
            others += [argument, next(left, "")]
        elif argument.startswith(tuple(f"{name}=" for name in CHOOSING)):
            choosing.append(argument)
        else:
            (others if argument.startswith("-") else paths).append(argument)
    return paths, choosing, others


def outcomes_again(
    folder: Path, names: list[str], options: list[str]
) -> dict[str, tuple[set[str], set[str]]]:
    """Run tests again, without the others, and return each one's outcomes with genmon off and on."""
    found: dict[str, tuple[set[str], set[str]]] = {name: (set(), set()) for name in names}
    file = names[0].partition("::")[0]
    for _ in range(AGAIN):
        for place, genmon in enumerate(("off", "on")):
            tests = run(folder, genmon, [*options, file], {"only": names}).tests
            for name, outcomes in found.items():
                outcomes[place].add(tests.get(name, "not run"))
    return found


def compare_file(
    folder: Path, arguments: list[str], options: list[str]
) -> tuple[Found, Found, int]:
    """Compare the outcomes of one file's tests; return both runs, and how many tests differ."""
    off = run(folder, "off", arguments)
    # What hangs without genmon would hang with it, and say nothing.
    broken = [name for name, outcome in off.tests.items() if outcome == UNFINISHED]
    on = run(folder, "on", arguments, {"without": broken})
    on.tests |= dict.fromkeys(broken, UNFINISHED)
    named = sorted(off.tests.keys() | on.tests.keys())
    differing = [name for name in named if off.tests.get(name) != on.tests.get(name)]
    again = outcomes_again(folder, differing, options) if differing else {}
    steady = 0
    for name, (one, other) in again.items():
        steady += one != other
        said = f"{' or '.join(sorted(one))} off, {' or '.join(sorted(other))} on"
        why = on.why.get(name) or off.why.get(name, "")
        print(f"  {'DIFFERS' if one != other else 'unsteady'} {name}: {said}; {why}", flush=True)
    return off, on, steady


def main(folder: Path, arguments: list[str]) -> int:
    """Compare a suite's outcomes, file by file; return the exit status."""
    _, choosing, others = parts_of(arguments)
    both, steady = (Found(), Found()), 0
    for file in files_of(folder, arguments):
        off, on, differ = compare_file(folder, [*choosing, *others, file], others)
        steady += differ
        for whole, part in zip(both, (off, on), strict=True):
            whole.add(part)
        print(f"  {file}: {len(on.tests)} tests, {on.seen['calls']} calls", flush=True)
    for genmon, found in zip(("off", "on"), both, strict=True):
        words = Counter(found.tests.values())
        counts = [f"{word} {words[word]}" for word in ("passed", "failed", "skipped", UNFINISHED)]
        print(f"{genmon}: {', '.join(counts)}", dict(found.seen) or "", flush=True)
    calls = both[1].seen["calls"]
    print(f"{len(both[1].tests)} tests, {calls} calls that genmon recorded, {steady} differ")
    return int(bool(steady) or not calls)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))
