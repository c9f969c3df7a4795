"""Small whole files of every format, built byte by byte."""

import struct
import zlib
from collections.abc import Callable
from itertools import pairwise

import hypothesis.strategies as st


def box(name: bytes, content: bytes = b"", *, wide: bool = False) -> bytes:
    if wide:
        return struct.pack(">I4sQ", 1, name, 16 + len(content)) + content
    return struct.pack(">I4s", 8 + len(content), name) + content


def ftyp(major: bytes, *others: bytes) -> bytes:
    return box(b"ftyp", major + b"\0\0\2\0" + b"".join(others))


def mp4(content: bytes = b"frames" * 20, brand: bytes = b"isom", *, wide: bool = False) -> bytes:
    return ftyp(brand, b"isom", b"mp41") + box(b"moov", b"\0" * 30) + box(b"mdat", content, wide=wide)


def heif(brand: bytes, content: bytes = b"picture") -> bytes:
    return ftyp(brand, b"mif1") + box(b"meta", b"\0" * 20) + box(b"mdat", content)


def element(number: int, content: bytes, *, is_open: bool = False) -> bytes:
    name = number.to_bytes((number.bit_length() + 7) // 8, "big")
    size = b"\x01" + b"\xff" * 7 if is_open else (len(content) | 1 << 28).to_bytes(4, "big")
    return name + size + content


def webm(content: bytes = b"frames" * 20, doc_type: bytes = b"webm", *, is_open: bool = False) -> bytes:
    clusters = element(0x1F43B675, element(0xA3, content), is_open=is_open)
    inside = element(0x1549A966, b"info") + clusters + element(0x1C53BB6B, b"cues")
    head = element(0x1A45DFA3, element(0x4282, doc_type))
    return head + element(0x18538067, inside, is_open=is_open)


def riff(form: bytes, content: bytes) -> bytes:
    body = form + content + b"\0" * (len(content) % 2)
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def png(content: bytes = b"\0\1\2\3") -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I4s", len(data), name) + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")


def jpeg(content: bytes = b"picture", thumbnail: bytes = b"\xff\xd8 tiny \xff\xd9") -> bytes:
    def segment(mark: int, data: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, mark, len(data) + 2) + data

    scan = content.replace(b"\xff", b"\xff\0")
    before = segment(0xE1, thumbnail) + b"\xff" + segment(0xC0, b"\x08" * 15) + segment(0xDA, b"\0" * 10)
    return b"\xff\xd8" + before + scan + b"\xff\xd9"


def gif(content: bytes = b"picture") -> bytes:
    def blocks(data: bytes) -> bytes:
        pieces = [data[at : at + 255] for at in range(0, len(data), 255)]
        return b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\0"

    comment = b"\x21\xfe" + blocks(content)
    picture = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0x81) + b"\0" * 12 + b"\x02" + blocks(content)
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0" * 6 + comment + picture + b"\x3b"


def svg(content: bytes = b"") -> bytes:
    head = b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- <html> -->\n<svg width="1"><g>'
    return head + content.hex().encode() + b"</g></svg>"


FILES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "mp4": ("video/mp4", mp4),
    "mp4, 64-bit sizes": ("video/mp4", lambda content: mp4(content, wide=True)),
    "mp4, in fragments": (
        "video/mp4",
        lambda content: ftyp(b"iso5") + box(b"moov", b"x") + box(b"moof") + box(b"mdat", content),
    ),
    "mov": ("video/quicktime", lambda content: mp4(content, b"qt  ")),
    "mov, from before brands": (
        "video/quicktime",
        lambda content: box(b"wide") + box(b"mdat", content) + box(b"moov"),
    ),
    "m4v": ("video/mp4", lambda content: mp4(content, b"M4V ")),
    "webm": ("video/webm", webm),
    "mkv": ("video/x-matroska", lambda content: webm(content, b"matroska")),
    "avi": ("video/x-msvideo", lambda content: riff(b"AVI ", content)),
    "webp": ("image/webp", lambda content: riff(b"WEBP", b"VP8L" + content)),
    "png": ("image/png", png),
    "jpeg": ("image/jpeg", jpeg),
    "gif": ("image/gif", gif),
    "avif": ("image/avif", lambda content: heif(b"avif", content)),
    "avif, by a second brand": (
        "image/avif",
        lambda content: ftyp(b"mif1", b"avif") + box(b"meta") + box(b"mdat", content),
    ),
    "heic": ("image/heic", lambda content: heif(b"heic", content)),
    "svg": ("image/svg+xml", svg),
}

contents = st.binary(min_size=1, max_size=700)


@st.composite
def whole_files(draw: st.DrawFn) -> tuple[str, bytes]:
    """A content type and a whole file of it."""
    content_type, build = FILES[draw(st.sampled_from(sorted(FILES)))]
    return content_type, build(draw(contents))


@st.composite
def splits(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """The same bytes in blocks."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    edges = [0, *cuts, len(data)]
    return [data[a:b] for a, b in pairwise(edges)]
