"""Monitoring for orchestrators that generate things with language models."""
