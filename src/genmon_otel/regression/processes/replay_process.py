"""The process of one replay: read the request, run the case, answer on a descriptor."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from genmon_otel.errors import GenmonError
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.judging.observation import Observation
from genmon_otel.regression.processes.environment import IMPORTED
from genmon_otel.regression.replaying.controls import Controls
from genmon_otel.regression.replaying.replay import Replay


def main(request_path: str, answer_to: int, word: bytes) -> None:
    """Run the case of a request file in this process; see :func:`answer`."""
    os.set_inheritable(answer_to, False)
    request: Mapping[str, Any] = json.loads(Path(request_path).read_bytes())
    look_for_modules(request["paths"])
    answer(request, answer_to, word)


def look_for_modules(paths: list[str]) -> None:
    """Set the import path of this process, and of the programs that it may start."""
    sys.path[:] = dict.fromkeys([*paths, *sys.path])
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)


def answer(
    request: Mapping[str, Any], answer_to: int, word: bytes, controls: Controls | None = None
) -> NoReturn:
    """Run a case and answer on an open descriptor, with a word before it; ends this process.

    The word is known to this function and to who asked: what other code writes is no answer.

    Args:
        request: the case, and what it may do.
        answer_to: an open descriptor.
        word: what the answer begins with.
        controls: those of this process where they are in force; None: they are put up now.
    """
    known = len(sys.modules)
    try:
        seen = Replay(Case.from_dict(request["case"]), request, controls).run()
    except GenmonError as error:
        seen = Observation(obstacle=("payload", str(error)))
    report = asdict(seen)
    if controls is not None:
        # What a replay that nothing stopped has imported, its template imports beforehand.
        report[IMPORTED] = [] if seen.obstacle else list(sys.modules)[known:]
    # A lone surrogate in the replayed code's text could not be encoded by later readers.
    line = word + json.dumps(report, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    while line:
        line = line[os.write(answer_to, line) :]
    os._exit(0)  # threads of the replayed code may wait for ever
