"""How the interpreter of a replay is started: its options, its environment, its import path."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import machinery
from pathlib import Path
from typing import Final

from genmon_otel import conventions as names
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.trust import Trust

#: Takes precedence over every interpreter setting, of genmon or of the environment.
BARE: Final = ("-S", "-s", "-P")
#: Member of an answer: modules that a forked replay imported while it ran.
IMPORTED: Final = "imported"
#: Where this package is imported from.
_OWN: Final = str(Path(__file__).parents[3])
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
#: Variables that Python and the dynamic linker need; taken over from this process.
_INHERITED: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV")
#: Client libraries raise without a key. These placeholders are no keys.
_PLACEHOLDER: Final = "genmon-replay-no-key"
_KEYS: Final = (
    "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY",
    "COHERE_API_KEY", "CO_API_KEY", "GROQ_API_KEY", "TOGETHER_API_KEY", "DEEPSEEK_API_KEY",
    "OPENROUTER_API_KEY", "AZURE_OPENAI_API_KEY", "HUGGINGFACE_API_KEY", "HF_TOKEN",
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "XAI_API_KEY", "FIREWORKS_API_KEY",
    "PERPLEXITY_API_KEY", "VOYAGE_API_KEY",
)  # fmt: skip
_FIXED: Final[Mapping[str, str]] = {
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUTF8": "1",
    "PYTHONSAFEPATH": "1",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "NO_COLOR": "1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "OTEL_SDK_DISABLED": "true",
    # Threads that native code starts at import prevent a fork.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # litellm asks the network for a price list while it is imported, unless this is set.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}


def environment(workspace: Path) -> dict[str, str]:
    """Return the environment in which the process starts; the case adds nothing to it."""
    return {
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        **dict.fromkeys(_KEYS, _PLACEHOLDER),
        **_FIXED,
        "HOME": str(workspace),
        "TMPDIR": str(workspace),
        names.ENV_REPLAY: "1",
    }


def import_paths(case: Case, cwd: Path, trust: Trust) -> list[str]:
    """Return the import path of the replay, in order."""
    # The target's own folder first, as when the application runs: elsewhere on the path of
    # this process (a test run's, say) may be modules of the same name.
    home = [str(cwd / case.root)] if case.root and _holds_target(case, cwd) else []
    here = [os.path.abspath(path) if path else str(cwd) for path in sys.path]
    return list(dict.fromkeys([*home, str(cwd), *trust.roots, _OWN, *here]))


def _holds_target(case: Case, cwd: Path) -> bool:
    """Whether the target's module lies below the case's root: another folder would only hide modules."""
    try:
        module = (cwd / case.root).joinpath(*case.target.partition(":")[0].split("."))
        return any(
            os.path.isfile(f"{place}{suffix}")
            for place in (module, module / "__init__", module / "__main__")
            for suffix in machinery.all_suffixes()
        )
    except (OSError, ValueError):
        return False


def is_installed(path: str, cwd: Path) -> bool:
    """Whether a folder holds installed packages rather than the project's own modules."""
    parts = Path(path).parts
    return (
        path == _OWN
        or bool(_INSTALLED.intersection(parts))
        or not Path(path).is_relative_to(cwd.resolve())
    )
