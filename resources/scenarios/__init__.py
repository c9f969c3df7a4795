"""Scenarios on a stack of their own: the ready-made ones, the play, and the log of what came of it."""
