"""Replay a failure on a terminal, and stop in pdb where it was raised.

The replay runs in a process of its own that has the terminal for input and output, behind the audit hook
but without the kernel's restrictions, which take the terminal away. Nothing is judged, nothing is kept.
"""

from __future__ import annotations

import json
import os
import pdb
import subprocess
import sys
from pathlib import Path
from typing import Final

from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.trust import Trust
from genmon_otel.regression.processes.environment import BARE, environment, import_paths
from genmon_otel.regression.processes.working_folder import working_folder
from genmon_otel.regression.replaying.replay import Replay
from genmon_otel.regression.replaying.tracebacks import text_of_error, without_ours

_MAIN: Final = (
    "import json, sys; sys.path[:0] = [sys.argv[2], *json.load(open(sys.argv[1]))['paths']]; "
    "from genmon_otel.regression.debugging import main; main(sys.argv[1])"
)


def debug(case: Case, *, cwd: Path, trust: Trust, python: str = sys.executable) -> int:
    """Replay a case on this terminal and open pdb where it is raised.

    Args:
        case: what to replay.
        cwd: folder of the code under test.
        trust: what the case may ask for beyond its recorded data.
        python: the interpreter.

    Returns:
        0 where something was raised, 1 where nothing was.
    """
    if refused := trust.objection(case, cwd):
        print(f"genmon: {refused}", file=sys.stderr)
        return 1
    with working_folder(cwd) as (mirror, _):
        workspace = mirror.copy
        request = workspace.parent / "request.json"
        request.write_text(
            json.dumps({
                "case": case.to_dict(), "workspace": str(workspace), "home": str(cwd),
                "paths": import_paths(case, cwd, trust), "trust": trust.to_dict(),
            })
        )  # fmt: skip
        own = str(Path(__file__).parents[2])
        env = environment(workspace)
        if "TERM" in os.environ:
            env["TERM"] = os.environ["TERM"]
        done = subprocess.run(
            [python, *BARE, "-c", _MAIN, str(request), own], cwd=workspace, env=env,
            check=False,
        )  # fmt: skip
    return done.returncode


def main(request_path: str) -> None:
    """Replay the case of a request file, and open pdb on what it raised."""
    request = json.loads(Path(request_path).read_bytes())
    sys.path[:] = dict.fromkeys([*request["paths"], *sys.path])
    replay = Replay(Case.from_dict(request["case"]), request)
    seen = replay.run()
    error = replay.raised
    if error is None:
        why = seen.obstacle[1] if seen.obstacle else "Nothing was raised: the generation succeeded."
        print(f"genmon: {why}", file=sys.stderr, flush=True)
        os._exit(1)
    print(text_of_error(error), flush=True)
    try:
        debugger = pdb.Pdb(nosigint=True)
        debugger.reset()
        debugger.interaction(None, without_ours(error.__traceback__))
    except (KeyboardInterrupt, SystemExit):
        pass
    sys.stdout.flush()
    os._exit(0)  # threads of the replayed code may wait for ever
