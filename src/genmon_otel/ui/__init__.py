"""The page: review failures and cases in a browser (``genmon ui``, extra ``genmon-otel[ui]``)."""
