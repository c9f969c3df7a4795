"""How the stores are: asking them, and keeping what they said."""
