"""A video file that plays anywhere, made of numbers: frames of ``h264`` in an MP4 container.

Source: ISO/IEC 14496-12 (boxes) and 14496-15 (``avcC``).
"""

import struct
from typing import Final

from holdfast.media.generated.h264 import LEVEL, coded, picture_parameters, sequence_parameters
from holdfast.media.generated.pictures import frame

PER_SECOND: Final = 12
_MATRIX: Final = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)


def mp4(seed: int, width: int, height: int, frames: int) -> bytes:
    """A video that can be played again and again without a jump.

    Args:
        seed: which scene.
        width: in pixels, a multiple of 16.
        height: likewise; a frame has about 1.5 bytes for each pixel.
        frames: how many, 12 a second.
    """
    units = [coded(frame(seed, width, height, number / frames), number) for number in range(frames)]
    samples = [struct.pack(">I", len(unit)) + unit for unit in units]
    kind = _box(b"ftyp", b"isom", struct.pack(">I", 512), b"isom", b"iso2", b"avc1", b"mp41")
    sizes = [len(sample) for sample in samples]
    begins_at = len(kind) + len(_movie(width, height, sizes, 0)) + 8
    return kind + _movie(width, height, sizes, begins_at) + _box(b"mdat", *samples)


def _movie(width: int, height: int, sizes: list[int], begins_at: int) -> bytes:
    lasts = len(sizes)
    head = _full(
        b"mvhd",
        struct.pack(">4I", 0, 0, PER_SECOND, lasts),
        b"\0\1\0\0\1\0" + bytes(10),
        _MATRIX,
        bytes(24) + struct.pack(">I", 2),
    )
    track_head = _full(
        b"tkhd",
        struct.pack(">5I", 0, 0, 1, 0, lasts),
        bytes(16),
        _MATRIX,
        struct.pack(">II", width << 16, height << 16),
        flags=3,
    )
    media = _box(
        b"mdia",
        _full(b"mdhd", struct.pack(">4IHH", 0, 0, PER_SECOND, lasts, 0x55C4, 0)),
        _full(b"hdlr", bytes(4), b"vide", bytes(12), b"video\0"),
        _box(
            b"minf",
            _full(b"vmhd", bytes(8), flags=1),
            _box(b"dinf", _full(b"dref", struct.pack(">I", 1), _full(b"url ", flags=1))),
            _table(width, height, sizes, begins_at),
        ),
    )
    return _box(b"moov", head, _box(b"trak", track_head, media))


def _table(width: int, height: int, sizes: list[int], begins_at: int) -> bytes:
    """Where each frame is: all of them in one piece, each as long as the others."""
    return _box(
        b"stbl",
        _full(b"stsd", struct.pack(">I", 1), _sample_entry(width, height)),
        _full(b"stts", struct.pack(">3I", 1, len(sizes), 1)),
        _full(b"stsc", struct.pack(">4I", 1, 1, len(sizes), 1)),
        _full(b"stsz", struct.pack(f">II{len(sizes)}I", 0, len(sizes), *sizes)),
        _full(b"stco", struct.pack(">II", 1, begins_at)),
    )


def _sample_entry(width: int, height: int) -> bytes:
    sequence, picture = sequence_parameters(width, height), picture_parameters()
    parameters = _box(
        b"avcC",
        bytes([1, 66, 0xC0, LEVEL, 0xFF, 0xE1]),
        struct.pack(">H", len(sequence)) + sequence,
        b"\1" + struct.pack(">H", len(picture)) + picture,
    )
    place = bytes(6) + struct.pack(">H", 1) + bytes(16)
    shape = struct.pack(">HHIIIH", width, height, 72 << 16, 72 << 16, 0, 1)
    return _box(b"avc1", place, shape, bytes(32), struct.pack(">Hh", 24, -1), parameters)


def _box(name: bytes, *parts: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, parts)), name) + b"".join(parts)


def _full(name: bytes, *parts: bytes, flags: int = 0) -> bytes:
    """A box with a version (0) and flags."""
    return _box(name, struct.pack(">I", flags), *parts)
