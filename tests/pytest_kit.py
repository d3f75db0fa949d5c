"""What every pytest has in common that a test starts."""

from __future__ import annotations

from typing import Final

#: Options that leave out plugins of other libraries, which import hundreds of modules before anything runs.
LEAN: Final = "-p no:langsmith_plugin -p no:respx -p no:hypothesispytest"
