"""Alembic migrations; each file in ``versions`` is one revision of the schema."""
