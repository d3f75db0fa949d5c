"""The programs of Prometheus, for the tests in this folder."""

from tests.prometheus_kit.fixtures import newer, newest, programs, receiver, stable

__all__ = ["newer", "newest", "programs", "receiver", "stable"]
