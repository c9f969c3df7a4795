"""Seeds of hashes: one number for a comparison gives one for each column."""

from typing import Final

_MASK: Final = (1 << 64) - 1
_SIGN: Final = 1 << 63


def seed_for(seed: int, number: int) -> int:
    """A seed for the column of this number, as a signed 64-bit integer.

    Columns need seeds of their own: with one seed, swapping the values of two columns would go unnoticed.
    Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (SplitMix64).
    """
    z = (seed + (number + 1) * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    z ^= z >> 31
    return z - (1 << 64) if z & _SIGN else z
