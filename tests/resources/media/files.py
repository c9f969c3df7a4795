"""Small files that are whole by their own account, of any size."""

import struct
import zlib

import numpy as np


def film(size: int, seed: int = 0) -> bytes:
    """An MP4 by its boxes; its picture is noise."""
    head = _box(b"ftyp", b"isom\0\0\2\0isomiso2mp41") + _box(b"moov", _box(b"mvhd", bytes(100)))
    body = np.random.default_rng(seed).bytes(size - len(head) - 16)
    return head + struct.pack(">I4sQ", 1, b"mdat", size - len(head)) + body


def picture(size: int, seed: int = 0) -> bytes:
    """A PNG by its chunks; nothing can be seen on it."""
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0))
    end = _chunk(b"IEND", b"")
    return head + _chunk(b"IDAT", np.random.default_rng(seed).bytes(size - len(head) - len(end) - 12)) + end


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content), kind) + content + struct.pack(">I", zlib.crc32(kind + content))
