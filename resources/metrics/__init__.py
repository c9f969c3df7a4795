"""The metrics history: moving cycles into it, compacting, rolling up, thinning, and what the dashboard reads."""
