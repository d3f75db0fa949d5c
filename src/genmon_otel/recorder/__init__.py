"""Generations as they run: their spans, phases and steps, and the record that each one leaves.

Other packages use the runtime through the names below. Inside, a module imports only from
those above it in ARCHITECTURE.md's list.
"""

from genmon_otel.recorder.runtime import Runtime, active_runtime, install, uninstall

__all__ = ["Runtime", "active_runtime", "install", "uninstall"]
