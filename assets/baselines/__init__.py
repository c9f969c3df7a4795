"""Baselines: server templates, what is usual, what is not, and the failures that prove it."""
