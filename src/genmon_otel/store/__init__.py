"""The store: generations, failures, cases and their runs, in SQLite or PostgreSQL."""

from __future__ import annotations

from genmon_otel.store.sql_store import SqlStore

__all__ = ["SqlStore"]
