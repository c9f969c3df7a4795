"""What is true: samples, baselines, diffs, plans, limits. Pure Python: no server, clock, randomness or environment."""
