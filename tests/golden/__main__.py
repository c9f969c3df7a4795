"""Rewrite the golden files: ``python -m tests.golden``."""

from tests.golden import DEFINITIONS, definitions

if __name__ == "__main__":
    DEFINITIONS.write_text(definitions())
