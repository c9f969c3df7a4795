"""Failure scenarios as data: what healthy servers look like, what breaks on them, and what of it was found."""
