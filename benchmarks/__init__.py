"""Measured comparisons, run by hand: python -m benchmarks.<name> prints a table."""
