"""Canary secrets of forty kinds go in everywhere; none comes out anywhere."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from tests.unit.test_redaction import KINDS, secrets

LEAKY = Path(__file__).parent / "faults" / "leaky.py"
#: The kind whose failures happen three times and become cases.
STRUCK = "openai"
BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")


class Home:
    """A folder to work in, and beside it, out of sight, the application with its secrets."""

    def __init__(self, folder: Path, store: str) -> None:
        self.work = folder / "work"
        self.code = folder / "code"
        self.store = store
        self.work.mkdir()
        self.code.mkdir()
        (self.code / "leaky.py").symlink_to(LEAKY)
        lines = [
            f"def call_{n}(): raise ValueError({s!r}, ['a'][1])"
            for n, s in enumerate(KINDS.values())
        ]
        lines.append(f"CALLS = [{', '.join(f'call_{n}' for n in range(len(KINDS)))}]")
        (self.code / "literals.py").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def run(self, *command: str, given: str = "", **more: str) -> str:
        """Run in the working folder; what it said, errors too."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("GENMON_", "OTEL_"))}
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.work,
            env={
                **clean,
                "GENMON_STORE": self.store,
                "GENMON_JOURNAL_DIR": str(self.work / "journal"),
                "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
                "PYTHONPATH": str(self.code),
                **more,
            },
            input=given,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode in (0, 1, 9), done.stderr[-4000:]
        return done.stdout + done.stderr

    def genmon(self, *arguments: str) -> str:
        return self.run("-c", "from genmon_otel.cli import main; main()", *arguments)

    def everything(self) -> Iterator[tuple[str, bytes]]:
        """Every file below the working folder, and every row of the store."""
        for path in sorted(self.work.rglob("*")):
            if path.is_file():
                yield str(path.relative_to(self.work)), path.read_bytes()
        engine = sa.create_engine(self.store.replace("postgresql://", "postgresql+psycopg://"))
        with engine.connect() as connection:
            for table in sa.inspect(engine).get_table_names():
                for number, row in enumerate(connection.execute(sa.text(f"SELECT * FROM {table}"))):
                    yield f"{table} row {number}", repr(tuple(row)).encode()
        engine.dispose()


def leaks(name: str, content: bytes) -> list[str]:
    """Which secrets are in there, as they are or in Base64."""
    hidden = b"\n".join(_decoded(match[0]) for match in BASE64.finditer(content))
    found = []
    for kind in KINDS:
        for secret in secrets(kind):
            at = max(content.find(secret.encode()), hidden.find(secret.encode()))
            if at >= 0:
                found.append(f"{kind} in {name}: {content[max(0, at - 200) : at + 80]!r}")
                break
    return found


def _decoded(text: bytes) -> bytes:
    return base64.b64decode(text[: len(text) // 4 * 4])


def test_no_canary_comes_out(store_url: str, tmp_path: Path) -> None:
    """Not in a file, row, span, metric, journal, case, result or line of log, whatever the place."""
    home = Home(tmp_path, store_url)
    given = json.dumps(KINDS)
    capture = "all" if store_url.startswith("sqlite") else "failures"
    more = {"GENMON_CAPTURE": capture, "LEAKY_ONE": STRUCK}
    said = [home.run(str(home.code / "leaky.py"), "spans.txt", given=given, **more)]
    # With a store that is away, everything stays in the journal.
    away = {**more, "GENMON_STORE": "postgresql://127.0.0.1:1/none", "LEAKY_DIE": "1"}
    said.append(home.run(str(home.code / "leaky.py"), "away.txt", given=given, **away))
    cases = json.loads(home.genmon("cases", "list", "--json"))
    assert len(cases) >= 4
    for operation in ("by_step", "by_content"):
        case = next(str(c["id"]) for c in cases if c["operation"].endswith(operation))
        said.append(home.genmon("cases", "verify", case))
        said.append(home.genmon("cases", "show", case))
        said.append(home.genmon("cases", "approve", case, "--reviewer", "me"))
    said.append(home.genmon("cases", "export", "exported"))
    assert list((home.work / "exported").glob("*.genmon.json"))
    said.append(home.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".",
                         "--genmon-results=results.jsonl", "exported"))  # fmt: skip
    said.append(home.genmon("tail", "--no-follow", "-n", "500"))
    for failure in json.loads(home.genmon("failures", "list", "--json", "--status", "all"))[:1]:
        said.append(home.genmon("failures", "show", failure["handle"]))
    (home.work / "said.txt").write_text("\n".join(said), encoding="utf-8")
    places = dict(home.everything())
    assert {"spans.txt", "metrics.txt", "said.txt", "results.jsonl"} <= set(places)
    assert any(name.endswith(".journal") for name in places)
    assert any(name.startswith("failure_recordings") for name in places)
    found = [leak for name, content in places.items() for leak in leaks(name, content)]
    assert not found, f"{len(found)} leaks:\n" + "\n".join(found[:20])
