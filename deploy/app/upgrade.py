"""Bring the schema up to date and grant the roles what they need, as the tables' owner."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg

from genmon_otel.store import SqlStore


def main() -> None:
    """Upgrade, then grant; safe to run again."""
    url = Path(os.environ["GENMON_STORE_FILE"]).read_text(encoding="utf-8").strip()
    store = SqlStore(url)
    try:
        print(f"schema upgraded from {store.upgrade() or 'nothing'}")
        grants = store.grants("genmon_app", "genmon_grafana")
    finally:
        store.close()
    with psycopg.connect(url) as connection:
        connection.execute(grants)
    print("roles granted")


if __name__ == "__main__":
    main()
