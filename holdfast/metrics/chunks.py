"""The chunk format: one server's day as one packed array per metric, readable by plain SQL.

Frame of reference with bit packing (Goldstein, Ramakrishnan, Shaft: "Compressing Relations and Indexes", ICDE 1998):
32 slots make a block; a block stores its lowest code once and every slot as the distance to it, in as few bits
as the block's range needs. SQL reads it back with ``holdfast.chunk_blocks`` and ``holdfast.chunk_code``.

Layout, in bits: 6 width of a base · 32 lowest base · per block 6 width · per block its base · per block 32 values.
A base of 0 is a block of nulls, else lowest base + it - 1. A value of 0 is null, else base + it - 1; a block of
width 0 holds its base 32 times.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

BLOCK: Final = 32
MISSING: Final = -1
DAY_S: Final = 86_400

Codes = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Packed:
    """A packed array: ``bit_count`` bits, the first in the highest bit of ``data``'s first byte."""

    bit_count: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """One server's samples of one day.

    Attributes:
        first_s: seconds from midnight to slot 0.
        step_s: seconds from slot to slot.
        slot_count: number of slots.
        present: 1 where the slot holds a sample.
        columns: per metric its codes; a metric that was never measured is absent.
    """

    first_s: int
    step_s: int
    slot_count: int
    present: Packed
    columns: Mapping[str, Packed]


def make_chunk(second_of_day: Sequence[int], columns: Mapping[str, Sequence[int | None]]) -> Chunk:
    """Pack one server's day.

    Args:
        second_of_day: seconds from midnight of each sample, ascending, no duplicates.
        columns: per metric one code (0 or more) or None per sample.

    Raises:
        ValueError: there is no sample, or the seconds are not ascending within one day.
    """
    seconds = np.asarray(second_of_day, dtype=np.int64)
    if not len(seconds) or seconds[0] < 0 or seconds[-1] >= DAY_S or (np.diff(seconds) <= 0).any():
        raise ValueError("seconds of the day must ascend from 0 and stay below 86400, and there must be one")
    # The widest regular grid that meets every sample; a missed cycle is an empty slot of it.
    step_s = int(np.gcd.reduce(np.diff(seconds))) if len(seconds) > 1 else 1
    slots = (seconds - seconds[0]) // step_s
    slot_count = int(slots[-1]) + 1
    return Chunk(
        first_s=int(seconds[0]),
        step_s=step_s,
        slot_count=slot_count,
        present=pack_codes(_on_grid(slots, slot_count, np.ones(len(seconds), dtype=np.int64))),
        columns={
            name: pack_codes(_on_grid(slots, slot_count, codes))
            for name, values in columns.items()
            if ((codes := _codes(values)) != MISSING).any()
        },
    )


def pack_codes(codes: Codes) -> Packed:
    """Pack codes of 0 or more; ``MISSING`` where there is none."""
    blocks = -(-len(codes) // BLOCK)
    grid = np.full(blocks * BLOCK, MISSING, dtype=np.int64)
    grid[: len(codes)] = codes
    # A constant last block stays free of null slots, which would cost it a bit per slot.
    grid[len(codes) :] = codes[-1]
    slots = grid.reshape(blocks, BLOCK)
    is_null = slots == MISSING
    lows = np.where(is_null, np.iinfo(np.int64).max, slots).min(axis=1)
    highs = slots.max(axis=1)
    is_empty = highs == MISSING
    lowest = 0 if is_empty.all() else int(lows[~is_empty].min())
    bases = np.where(is_empty, 0, lows - lowest + 1)
    spans = np.where(is_empty | ((highs == lows) & ~is_null.any(axis=1)), 0, highs - lows + 1)
    widths = _bit_lengths(spans)
    base_width = int(_bit_lengths(bases.max(keepdims=True))[0])
    values = np.where(is_null, 0, slots - np.where(is_empty, 0, lows)[:, None] + 1)
    head = [_bits(np.array([base_width]), 6), _bits(np.array([lowest]), 32), _bits(widths, 6), _bits(bases, base_width)]
    bits = np.concatenate([*head, _ragged_bits(values, widths)])
    return Packed(len(bits), np.packbits(bits).tobytes())


def _codes(values: Sequence[int | None]) -> Codes:
    return np.array([MISSING if value is None else value for value in values], dtype=np.int64)


def _on_grid(slots: Codes, slot_count: int, codes: Codes) -> Codes:
    grid = np.full(slot_count, MISSING, dtype=np.int64)
    grid[slots] = codes
    return grid


def _bit_lengths(values: Codes) -> Codes:
    # frexp's exponent of a whole number is its bit length; exact, as codes stay below 2**53.
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)


def _bits(values: Codes, width: int) -> Bits:
    return ((values[:, None] >> np.arange(width - 1, -1, -1)) & 1).astype(np.uint8).ravel()


def _ragged_bits(values: Codes, widths: Codes) -> Bits:
    """Every row of ``values`` in its own width."""
    places = np.arange(int(widths.max()) - 1, -1, -1)
    bits = ((values[:, :, None] >> places) & 1).astype(np.uint8)
    return bits[np.broadcast_to(places < widths[:, None, None], bits.shape)]
