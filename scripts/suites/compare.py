"""Run a client library's own tests with genmon's patches off and on, and list what differs.

Usage: PYTHON -m scripts.suites.compare FOLDER [pytest arguments ...]

FOLDER is a checkout of the library at the version that PYTHON's environment has installed, with
what its tests need and genmon. Each test runs in a generation of its own (``capture="all"``). Tests that
differ are run again without the others, three times each way: only what differs there, too, is a
difference; the rest is named as unsteady. The exit status is 1 if there is a difference, or if genmon saw no call.
See docs/frameworks.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
#: How often tests that differ are run again, each way.
AGAIN = 3


def run(folder: Path, genmon: str, arguments: list[str]) -> dict[str, Any]:
    """Run a suite, and return the outcome of each test and what genmon saw.

    Raises:
        SystemExit: pytest wrote no outcomes; with the end of what it printed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "outcomes.json"
        command = [sys.executable, "-m", "pytest", "-p", "inside_generation", "-q",
                   f"--genmon={genmon}", f"--genmon-outcomes={file}", *arguments]  # fmt: skip
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GENMON_", "OTEL_"))}
        path = os.pathsep.join(filter(None, [str(HERE), kept.get("PYTHONPATH", "")]))
        done = subprocess.run(
            command, check=False, cwd=folder, env={**kept, "PYTHONPATH": path},
            capture_output=True, text=True,
        )  # fmt: skip
        if not file.exists():
            raise SystemExit(f"{' '.join(command)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found


def options_of(arguments: list[str]) -> list[str]:
    """Return the arguments that choose no tests, for a run of chosen ones."""
    kept, left = [], iter(arguments)
    for argument in left:
        if argument in ("-k", "-m", "--ignore", "--deselect"):
            next(left, "")
        elif argument in ("-o", "-p", "-W", "-c", "--timeout"):
            kept += [argument, next(left, "")]
        elif argument.startswith("-") and not argument.startswith(("--ignore=", "--deselect=")):
            kept.append(argument)
    return kept


def outcomes_again(
    folder: Path, names: list[str], options: list[str]
) -> dict[str, tuple[set[str], set[str]]]:
    """Run tests again, without the others, and return each one's outcomes with genmon off and on."""
    found: dict[str, tuple[set[str], set[str]]] = {name: (set(), set()) for name in names}
    for _ in range(AGAIN):
        for place, genmon in enumerate(("off", "on")):
            tests = run(folder, genmon, [*options, *names])["tests"]
            for name, outcomes in found.items():
                outcomes[place].add(tests.get(name, "not run"))
    return found


def main(folder: Path, arguments: list[str]) -> int:
    """Compare a suite's outcomes; return the exit status."""
    off, on = (run(folder, genmon, arguments) for genmon in ("off", "on"))
    for genmon, found in (("off", off), ("on", on)):
        words = list(found["tests"].values())
        counts = [f"{word} {words.count(word)}" for word in ("passed", "failed", "skipped")]
        print(f"{genmon}: {', '.join(counts)}", found["seen"] or "", flush=True)
    if off["tests"].keys() != on["tests"].keys():
        print("Not the same tests ran: pytest was stopped early, or makes other names each time.")
        return 1
    differing = sorted(name for name, one in off["tests"].items() if one != on["tests"][name])
    again = outcomes_again(folder, differing, options_of(arguments)) if differing else {}
    steady = 0
    for name, (one, other) in again.items():
        steady += one != other
        said = f"{' or '.join(sorted(one))} off, {' or '.join(sorted(other))} on"
        print(f"{'DIFFERS' if one != other else 'unsteady'} {name}: {said}")
    calls = on["seen"].get("calls", 0)
    print(f"{len(on['tests'])} tests, {calls} calls that genmon recorded, {steady} differ")
    return int(bool(steady) or not calls)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))
