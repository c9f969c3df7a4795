"""Histograms of magnitudes in logarithmic bins: small, exact to add and to forget, the same for every unit.

Bin 0 holds zeros and what is too small to matter; bin 1 + k holds magnitudes from 2 ** (k / 4 - 32) on, in units of
2 ** ``unit_exponent``, the typical magnitude of the series, so that bytes and shares have the same resolution.
"""

from typing import Final

import numpy as np

from holdfast.baselines.grid import Floats, Ints

PER_OCTAVE: Final = 4
OCTAVES: Final = 64
BINS: Final = 1 + PER_OCTAVE * OCTAVES
# Magnitudes reach from 2 ** -LOWEST to 2 ** (OCTAVES - LOWEST) units.
LOWEST: Final = 32
# As far as single precision reaches, in which medians are kept.
_EXPONENTS: Final = (-100, 100)
# The exponent of a series that was zero so far.
UNKNOWN: Final = -32_768

_INNER: Final = 0.5 * np.exp2(np.arange(1, PER_OCTAVE) / PER_OCTAVE)
# Log2 of where each bin begins, in units; bin 0 is drawn one bin wide, and after the last bin it ends.
LOG_EDGES: Final[Floats] = np.arange(-1, BINS) / PER_OCTAVE - LOWEST


def bin_of(magnitudes: Floats, unit_exponent: int) -> Ints:
    """The bin of each magnitude (0 or more, infinite allowed, not NaN)."""
    # By mantissa and exponent, not by a logarithm: exact, so a sample falls in one bin on every machine.
    mantissas, exponents = np.frexp(magnitudes)
    bins = PER_OCTAVE * (exponents.astype(np.int64) - 1 - unit_exponent + LOWEST) + 1
    bins += np.searchsorted(_INNER, mantissas, side="right")
    bins[magnitudes == 0] = 0
    bins[np.isinf(magnitudes)] = BINS - 1
    return np.clip(bins, 0, BINS - 1)


def unit_exponent_of(values: Floats) -> int:
    """The exponent of the typical magnitude of some values; ``UNKNOWN`` where all are zero or NaN."""
    magnitudes = np.abs(values)
    magnitudes = magnitudes[magnitudes > 0]
    return int(np.clip(np.frexp(np.median(magnitudes))[1], *_EXPONENTS)) if len(magnitudes) else UNKNOWN
