"""Slots of the history, what was learned from them, and the vault it is kept in."""
