"""Regression cases: a recorded failure that is replayed, judged, reviewed and guarded."""
