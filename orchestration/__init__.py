"""When things run, with which settings, and what exists."""
