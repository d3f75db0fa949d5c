"""Collects ``*.genmon.json`` files as regression tests."""
