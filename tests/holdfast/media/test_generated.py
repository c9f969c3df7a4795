"""Files made from numbers are real ones: another reader takes them, and the same numbers make the same file."""

import struct
import zlib

import numpy as np
import pytest

from holdfast.media.generated.h264 import coded, picture_parameters, sequence_parameters
from holdfast.media.generated.mp4 import PER_SECOND, mp4
from holdfast.media.generated.pictures import Frame, frame, png
from holdfast.media.kinds import FileCheck


def test_a_picture_holds_what_its_header_says() -> None:
    data = png(1, 96, 64)
    check = FileCheck("image", declared_bytes=len(data), declared_type="")
    check.feed(memoryview(data))
    assert check.finish() == "image/png"
    chunks, at = {}, 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size]) == (zlib.crc32(name + body),)
        chunks[name] = body
        at += 12 + size
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (96, 64)
    assert len(zlib.decompress(chunks[b"IDAT"])) == 64 * (1 + 96 * 3)


@pytest.mark.parametrize("make", [lambda seed: png(seed, 64, 48), lambda seed: mp4(seed, 32, 16, 3)])
def test_the_same_numbers_make_the_same_file(make: object) -> None:
    assert make(1) == make(1) != make(2)  # type: ignore[operator]


def test_a_video_is_a_whole_file_in_which_every_frame_is_where_its_table_says() -> None:
    data = mp4(3, 64, 48, 5)
    check = FileCheck("video", declared_bytes=len(data), declared_type="")
    check.feed(memoryview(data))
    assert check.finish() == "video/mp4"
    sizes = struct.unpack(">5I", data[data.index(b"stsz") + 16 :][:20])
    (at,) = struct.unpack(">I", data[data.index(b"stco") + 12 :][:4])
    for number, size in enumerate(sizes):
        unit = data[at + 4 : at + size]
        assert struct.unpack(">I", data[at : at + 4]) == (size - 4,)
        assert unit == coded(frame(3, 64, 48, number / 5), number)
        at += size
    assert at == len(data)
    assert PER_SECOND == 12


def read_back(unit: bytes, width: int, height: int) -> Frame:
    """What a decoder makes of a unit of ours: every macroblock's samples, put in their places."""
    y, cb, cr = (np.zeros((height // part, width // part), np.uint8) for part in (1, 2, 2))
    count = width // 16 * (height // 16)
    samples = np.frombuffer(unit[-1 - 386 * count : -1], np.uint8).reshape(count, 386)
    for number, block in enumerate(samples):
        row, column = divmod(number, width // 16)
        y[row * 16 :, column * 16 :][:16, :16] = block[2:258].reshape(16, 16)
        for plane, part in ((cb, block[258:322]), (cr, block[322:])):
            plane[row * 8 :, column * 8 :][:8, :8] = part.reshape(8, 8)
    return Frame(y, cb, cr)


def test_frames_come_out_as_they_went_in() -> None:
    shown = frame(5, 64, 48, 0.25)
    for before, after in zip(shown, read_back(coded(shown, 0), 64, 48), strict=True):
        assert np.array_equal(before, after)


def test_nothing_in_a_unit_looks_like_the_beginning_of_another() -> None:
    units = [sequence_parameters(640, 384), picture_parameters(), coded(frame(1, 64, 48, 0.5), 1)]
    for unit in units:
        assert not [unit for start in (b"\0\0\0", b"\0\0\1", b"\0\0\2") if start in unit]
