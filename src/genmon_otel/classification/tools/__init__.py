"""Phrases of the programs that an orchestrator runs: what they print when they fail.

Read in order: the machine gave out; a registry asks for patience; forms of reports, since
they quote words of parsers; what does not parse; what is missing; what was refused though it
parses; last, a place in a file about which nothing else is known. Type errors, lint rules,
failed tests and bad options are ``validation_error``.
"""

from __future__ import annotations

from typing import Final

from genmon_otel.classification.phrases import Entry
from genmon_otel.classification.tools.compilers import (
    LOCATED,
    MISSING_PIECES,
    PARSE_ERRORS,
    TYPE_ERRORS,
)
from genmon_otel.classification.tools.deploy import DEPLOYS
from genmon_otel.classification.tools.ecosystems import ECOSYSTEMS, MANIFESTS
from genmon_otel.classification.tools.frameworks import FRAMEWORKS
from genmon_otel.classification.tools.linters import REPORTS, TOOLCHAINS
from genmon_otel.classification.tools.machine import ABORTED, MACHINE_GAVE_OUT, PATIENCE
from genmon_otel.classification.tools.packages import INSTALLERS, MODULES, NOT_THERE, SCRIPTS

TOOLS: Final[tuple[Entry, ...]] = (
    *MACHINE_GAVE_OUT,
    *PATIENCE,
    *DEPLOYS,
    *MANIFESTS,
    *FRAMEWORKS,
    *TOOLCHAINS,
    *REPORTS,
    *PARSE_ERRORS,
    *SCRIPTS,
    *INSTALLERS,
    *ECOSYSTEMS,
    *MODULES,
    *NOT_THERE,
    *MISSING_PIECES,
)
#: Read after the sentences of parsers and import systems, which such reports quote.
TOOL_REPORTS: Final[tuple[Entry, ...]] = (*TYPE_ERRORS, *LOCATED, *ABORTED)
