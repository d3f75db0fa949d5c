"""Rules, dashboards and deployment files, as a user's own servers want them."""

from genmon_otel.assets.choices import Choices
from genmon_otel.assets.files import as_files

__all__ = ["Choices", "as_files"]
