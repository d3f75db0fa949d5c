"""Rules, dashboards and deployment files, as a user's own servers want them."""

from genmon_otel.assets.choices import Choices
from genmon_otel.assets.files import as_files
from genmon_otel.assets.kubernetes import as_kubernetes

__all__ = ["Choices", "as_files", "as_kubernetes"]
