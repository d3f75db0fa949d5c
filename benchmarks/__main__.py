"""Run benchmarks and print their tables.

    python -m benchmarks [name ...] [--quick] [--large] [--json FILE]
    python -m benchmarks peers [name ...] [--quick] [--json FILE]

Without a name all but the peers run. ``--quick`` takes about a minute and shows that
they work; its figures are rough.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from benchmarks import table
from benchmarks.table import Table

#: In the order of the page in the docs.
NAMES = (
    "readme_call",
    "decorated_call",
    "captured_calls",
    "large_inputs",
    "redaction",
    "imports",
    "memory",
    "store_write",
    "store_processes",
    "store_growth",
    "store_prune",
    "page",
    "rules_cost",
    "under_faults",
    "replays",
)
DEFAULT_JSON = Path("build")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", help=f"of {', '.join(NAMES)}; or peers")
    parser.add_argument("--quick", action="store_true", help="rough figures in about a minute")
    parser.add_argument(
        "--large", action="store_true", help="growth to five million on PostgreSQL as well"
    )
    parser.add_argument("--json", type=Path, help="default: build/benchmarks.json")
    given = parser.parse_args()
    found = table.machine()
    print(", ".join(f"{key} {value}" for key, value in found.items()))
    tables: list[Table] = []
    if given.names[:1] == ["peers"]:
        from benchmarks import peers

        tables = peers.run(given.names[1:], quick=given.quick)
        path = given.json or DEFAULT_JSON / "peers.json"
    else:
        unknown = sorted(set(given.names) - set(NAMES))
        if unknown:
            parser.error(f"{', '.join(unknown)}: not known. Use: {', '.join(NAMES)}; or peers.")
        path = given.json or DEFAULT_JSON / "benchmarks.json"
        for name in given.names or NAMES:
            tables += measured(name, given.quick, given.large)
            table.write(path, tables, found)  # what was measured is kept, whatever comes after
    table.write(path, tables, found)
    print(f"\nwritten to {path}")


def measured(name: str, quick: bool, large: bool) -> list[Table]:
    """Run one benchmark."""
    module = import_module(f"benchmarks.{name}")
    run: Callable[..., list[Table]] = module.run
    return run(quick, large) if name == "store_growth" else run(quick)


if __name__ == "__main__":
    main()
