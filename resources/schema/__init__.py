"""Schemas of the two stores: reading them, writing plans as SQL, and applying those."""
