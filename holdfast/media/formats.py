"""How files of each format are built, as far as one has to know to say that a file is whole.

Each walk is a generator: it asks for the next bytes of the file, or to pass over some, as if the file were in front of
it, and ``FileCheck`` answers as the blocks come in. A walk that returns has seen the end of its format; what follows
is not judged.
"""

import re
import struct
from collections.abc import Generator
from typing import Final, Literal, NamedTuple

from holdfast.errors import ImplausibleFileError

HEAD_BYTES: Final = 4096


class Take(NamedTuple):
    """Hand over this many bytes; where the file may end here, nothing at its end."""

    size: int
    of: str
    may_end: bool = False


class Skip(NamedTuple):
    """Pass over this many bytes."""

    size: int
    of: str


class Find(NamedTuple):
    """Pass over everything up to and with these two bytes."""

    mark: bytes
    of: str


class Rest(NamedTuple):
    """Pass over whatever follows, up to the end of the file, and hand over its last bytes (so many at most)."""

    tail: int = 0


class Is(NamedTuple):
    """The content type is known now."""

    content_type: str


Ask = Take | Skip | Find | Rest | Is
Walk = Generator[Ask, bytes, None]

# A file of this family without a list of brands: QuickTime's oldest, or a piece of a stream.
BOXES_IN_FRONT: Final = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"moof")
BRANDS: Final = {
    b"qt  ": "video/quicktime",
    b"avif": "image/avif",
    b"avis": "image/avif",
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"), "image/heic"),
    **dict.fromkeys((b"M4A ", b"M4B "), "audio/mp4"),
}
SEGMENT: Final = 0x18538067
CLUSTER: Final = 0x1F43B675


def boxes() -> Walk:
    """MP4, QuickTime, AVIF, HEIC: boxes one after another; the last one ends where the file ends.

    A file in fragments that was cut between two of them cannot be told from a whole one.
    """
    content_type = ""
    seen: set[bytes] = set()
    has_open_fragment = False
    while head := (yield Take(8, "a box", may_end=True)):
        short, name = struct.unpack(">I4s", head)
        size = short - 8
        if short == 1:
            size = int.from_bytes((yield Take(8, "a box")), "big") - 16
        if not all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in name) or (size < 0 and short != 0):
            raise ImplausibleFileError(f"it is damaged: {head.hex(' ')} is not the beginning of a box")
        if not content_type:
            brands = (yield Take(min(size, HEAD_BYTES), "its brands")) if name == b"ftyp" and short else b""
            content_type = _of_brands(name, brands)
            size -= len(brands)
            yield Is(content_type)
        seen |= {name} & {b"moov", b"meta", b"mdat"}
        has_open_fragment = name == b"moof" or (has_open_fragment and name != b"mdat")
        if short == 0:
            break
        yield Skip(size, f"its box {name.decode('latin-1')!r}")
    _has_what_it_needs(content_type, seen)
    if has_open_fragment:
        raise ImplausibleFileError("it is cut off: the frames of its last fragment are missing")
    if head:
        yield Rest()


def _of_brands(name: bytes, brands: bytes) -> str:
    if name != b"ftyp":
        return "video/mp4" if name in (b"styp", b"moof") else "video/quicktime"
    major = brands[:4]
    others = {brands[at : at + 4] for at in range(8, len(brands) - 3, 4)}
    if major in (b"mif1", b"msf1") and others & {b"avif", b"avis"}:
        return "image/avif"
    return BRANDS.get(major, "video/mp4")


def _has_what_it_needs(content_type: str, seen: set[bytes]) -> None:
    table = b"meta" if content_type.startswith("image/") and b"moov" not in seen else b"moov"
    if not seen >= {table, b"mdat"}:
        found = ", ".join(sorted(name.decode() for name in seen)) or "neither"
        raise ImplausibleFileError(f"it is not whole: it needs boxes {table.decode()} and mdat, found {found}")


def elements() -> Walk:
    """WebM and Matroska: elements with an id and a size, where a segment or a cluster may leave its size open.

    Where the segment leaves it open, a file that was cut between two elements cannot be told from a whole one.
    """
    yield Skip(4, "its header")
    _, size = yield from _sized()
    head = yield Take(min(size or 0, HEAD_BYTES), "its header")
    yield Is("video/webm" if b"webm" in head else "video/x-matroska")
    at = 0
    ends_at: int | None = None
    has_cluster = False
    while first := (yield Take(1, "an element", may_end=True)):
        number, width = yield from _id(first)
        size_bytes, size = yield from _sized()
        at += width + size_bytes
        has_cluster |= number == CLUSTER
        if number == SEGMENT:
            ends_at = None if size is None else at + size
        elif size is not None:
            yield Skip(size, "an element")
            at += size
        elif number != CLUSTER:
            raise ImplausibleFileError(f"it is damaged: element {number:x} says nothing of its size")
    if ends_at is not None and at < ends_at:
        raise ImplausibleFileError(f"it is cut off: its segment goes on for {ends_at - at:,} bytes")
    if not has_cluster:
        raise ImplausibleFileError("it is not whole: there is no picture in it (no cluster)")


def _id(first: bytes) -> Generator[Ask, bytes, tuple[int, int]]:
    width = 9 - first[0].bit_length()
    if width > 4:
        raise ImplausibleFileError(f"it is damaged: {first.hex()} is not the beginning of an element")
    more = (yield Take(width - 1, "an element")) if width > 1 else b""
    return int.from_bytes(first + more, "big"), width


def _sized() -> Generator[Ask, bytes, tuple[int, int | None]]:
    """How many bytes the size took, and the size; None where it is left open."""
    first = yield Take(1, "an element")
    width = 9 - first[0].bit_length()
    if width > 8:
        raise ImplausibleFileError("it is damaged: an element's size is not a number")
    more = (yield Take(width - 1, "an element")) if width > 1 else b""
    size = int.from_bytes(first + more, "big") - (1 << 7 * width)
    return width, None if size == (1 << 7 * width) - 1 else size


def riff(form: Literal["AVI ", "WEBP"]) -> Walk:
    """AVI (in one or more lists) and WebP: a list with its length, which is where the file ends."""
    yield Is("video/x-msvideo" if form == "AVI " else "image/webp")
    while head := (yield Take(8, "a list", may_end=True)):
        name, size = struct.unpack("<4sI", head)
        if name not in (b"RIFF", b"JUNK"):
            raise ImplausibleFileError(f"it goes on after its end: with {head.hex(' ')}")
        yield Skip(size, "its list")
        if size % 2 and (yield Take(1, "a list", may_end=True)) not in (b"", b"\0"):
            raise ImplausibleFileError("it goes on after its end")


def png() -> Walk:
    """PNG: chunks up to the one that is called IEND."""
    yield Is("image/png")
    yield Skip(8, "its signature")
    name = b""
    while name != b"IEND":
        is_first = not name
        size, name = struct.unpack(">I4s", (yield Take(8, "a chunk")))
        if size >= 1 << 31 or not name.isalpha() or (is_first and name != b"IHDR"):
            raise ImplausibleFileError(f"it is damaged: a chunk {name!r} of {size:,} bytes")
        yield Skip(size + 4, f"its chunk {name.decode()}")


def jpeg() -> Walk:
    """JPEG: segments up to the picture, which holds no end mark of its own."""
    yield Is("image/jpeg")
    yield Skip(2, "its signature")
    mark = 0
    while mark != 0xDA:
        first, mark = yield Take(2, "a segment")
        while mark == 0xFF:
            (mark,) = yield Take(1, "a segment")
        if first != 0xFF or mark in (0x00, 0xD8, 0xD9):
            raise ImplausibleFileError(f"it is damaged: {first:02x} {mark:02x} is not the beginning of a segment")
        if mark != 0x01 and not 0xD0 <= mark <= 0xD7:
            size = int.from_bytes((yield Take(2, "a segment")), "big")
            if size < 2:
                raise ImplausibleFileError(f"it is damaged: a segment of {size} bytes")
            yield Skip(size - 2, "a segment")
    yield Find(b"\xff\xd9", "the picture")


def gif() -> Walk:
    """GIF: blocks up to the trailer."""
    yield Is("image/gif")
    yield Skip(10, "its header")
    yield from _palette((yield Take(3, "its header"))[0])
    while (kind := (yield Take(1, "a block"))) != b"\x3b":
        if kind == b"\x2c":
            yield from _palette((yield Take(9, "a picture"))[8])
        elif kind != b"\x21":
            raise ImplausibleFileError(f"it is damaged: {kind.hex()} is not the beginning of a block")
        yield Skip(1, "a block")
        while count := (yield Take(1, "a block"))[0]:
            yield Skip(count, "a block")


def _palette(flags: int) -> Walk:
    yield Skip(3 << (flags & 7) + 1 if flags & 0x80 else 0, "its colours")


def drawing() -> Walk:
    """SVG: a text that ends with its last tag."""
    yield Is("image/svg+xml")
    end = yield Rest(tail=HEAD_BYTES)
    if not re.search(rb"</(?:svg:)?svg\s*>(?:\s|<!--.*?-->)*$", end, re.DOTALL):
        raise ImplausibleFileError("it is cut off: its last tag is missing")


def walk_of(head: bytes) -> Walk | None:
    """The walk for a file that begins like this (16 bytes, or all of a shorter file); None: no format that is known."""
    if head[4:8] in BOXES_IN_FRONT:
        return boxes()
    if head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"WEBP"):
        return riff("AVI " if head[8:12] == b"AVI " else "WEBP")
    starts = {b"\x1aE\xdf\xa3": elements, b"\x89PNG\r\n\x1a\n": png, b"\xff\xd8\xff": jpeg, b"GIF8": gif}
    return next((walk() for start, walk in starts.items() if head.startswith(start)), None)
