"""Histograms of magnitudes in logarithmic bins: small, exact to add and to forget, the same for every unit.

Bin 0 holds zeros and what is too small to matter; bin 1 + k holds magnitudes from 2 ** (k / 4) on, in units of the
series' own ``unit_exponent``, so that a series in bytes and one in shares have the same resolution.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.baselines.grid import Floats

PER_OCTAVE: Final = 4
OCTAVES: Final = 64
BINS: Final = 1 + PER_OCTAVE * OCTAVES
# Magnitudes reach from 2 ** -LOWEST to 2 ** (OCTAVES - LOWEST) of the series' unit.
LOWEST: Final = 40

_QUARTERS: Final = 0.5 * np.exp2(np.arange(1, PER_OCTAVE) / PER_OCTAVE)

Counts = npt.NDArray[np.uint16]


def bin_of(magnitudes: Floats, unit_exponent: int) -> npt.NDArray[np.int64]:
    """The bin of each magnitude (0 or more; not NaN; infinity is in the last bin)."""
    # By mantissa and exponent, not by a logarithm: exact, so a sample falls in one bin on every machine.
    mantissas, exponents = np.frexp(magnitudes)
    octaves = exponents.astype(np.int64) - 1 - (unit_exponent - LOWEST)
    bins = 1 + PER_OCTAVE * octaves + np.searchsorted(_QUARTERS, mantissas, side="right")
    bins[~np.isfinite(magnitudes)] = BINS - 1
    bins[magnitudes == 0] = 0
    return np.clip(bins, 0, BINS - 1)


def lower_edges(unit_exponent: int) -> Floats:
    """Where each bin begins; bin 0 at 0."""
    edges = np.exp2(np.arange(-1, BINS - 1) / PER_OCTAVE + (unit_exponent - LOWEST))
    edges[0] = 0.0
    return np.asarray(edges, dtype=np.float64)


def unit_exponent_of(values: Floats) -> int:
    """The exponent of the typical magnitude of some values; 0 where all are zero."""
    magnitudes = np.abs(values)
    magnitudes = magnitudes[magnitudes > 0]
    return int(np.frexp(np.median(magnitudes))[1]) if len(magnitudes) else 0
