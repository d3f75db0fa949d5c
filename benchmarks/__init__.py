"""What genmon costs, in figures anyone can reproduce: ``python -m benchmarks``."""
