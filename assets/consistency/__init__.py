"""Consistency: whether the two stores agree, where they do not, and what mends it."""
