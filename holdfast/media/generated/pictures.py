"""Pictures and frames from a seed and an instant: soft waves in three colours."""

import struct
import zlib
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
_PNG: Final = b"\x89PNG\r\n\x1a\n"


class Frame(NamedTuple):
    """One frame of a video: luma, and two chroma planes of half its width and height, from 16 to 240."""

    y: Plane
    cb: Plane
    cr: Plane


def png(seed: int, width: int, height: int) -> bytes:
    """A picture in 8-bit RGB as a PNG file."""
    waves = np.stack([_waves(3 * seed + channel, width, height, 0.0) for channel in range(3)], axis=-1)
    pixels = (40 + 200 * waves).astype(np.uint8)
    # Each row as the difference to the pixel on its left ("Sub"), which is what makes soft pictures small.
    rows = pixels.copy()
    rows[:, 1:] -= pixels[:, :-1]
    filtered = np.concatenate([np.ones((height, 1), np.uint8), rows.reshape(height, width * 3)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 6)), (b"IEND", b""))
    return _PNG + b"".join(_chunk(name, data) for name, data in chunks)


def frame(seed: int, width: int, height: int, turn: float) -> Frame:
    """One frame of a scene that is the same again after a ``turn`` of 1."""
    y, cb, cr = (_waves(3 * seed + plane, width >> (plane > 0), height >> (plane > 0), turn) for plane in range(3))
    levels: tuple[Any, ...] = (24 + 208 * y, 64 + 128 * cb, 64 + 128 * cr)
    return Frame(*(level.astype(np.uint8) for level in levels))


def _waves(seed: int, width: int, height: int, turn: float) -> NDArray[np.float64]:
    """Values from 0 to 1: two waves across, one around a point, their directions by the seed."""
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    phase, angle = 2 * np.pi * turn, seed * 2.399963
    along = np.cos(angle) * across + np.sin(angle) * down
    far = np.hypot(across - 0.5 - 0.3 * np.cos(angle + phase), down - 0.5 - 0.3 * np.sin(angle + phase))
    total = np.sin(9 * along + phase) + np.sin(14 * far - phase) + np.sin(6 * (across * down) + angle)
    waves: NDArray[np.float64] = (total / 3 + 1) / 2
    return waves


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
