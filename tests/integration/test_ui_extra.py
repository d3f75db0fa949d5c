"""Without the extra ``[ui]`` the command says what to install."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_each_missing_package_of_the_extra_is_a_clear_word(tmp_path: Path) -> None:
    """Whichever of its packages is missing, ``genmon ui`` ends with one line that names the extra."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GENMON_")}
    for missing in ("starlette", "uvicorn", "jinja2"):
        code = (
            f"import sys; sys.modules[{missing!r}] = None; from genmon_otel.cli import main; main()"
        )
        ended = subprocess.run(
            [sys.executable, "-c", code, "ui", "--port", "0"],
            cwd=tmp_path, env=kept, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert ended.returncode != 0, missing
        assert 'pip install "genmon-otel[ui]"' in ended.stderr, (missing, ended.stderr)
        assert "Traceback" not in ended.stderr + ended.stdout
    assert not (tmp_path / ".genmon").exists()
