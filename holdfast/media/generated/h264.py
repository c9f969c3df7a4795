"""H.264 without an encoder: baseline profile, every macroblock as the samples themselves (I_PCM), every frame a start.

Source: ITU-T H.264, 7.3 "Syntax in tabular form" and 9.1 "Parsing process for Exp-Golomb codes".
"""

from typing import Final

import numpy as np

from holdfast.media.generated.pictures import Frame

LEVEL: Final = 41
# mb_type 25 (I_PCM) as ue(v), and zeros up to the next whole byte: what stands before every macroblock but the first.
_I_PCM: Final = "000011010"
_BEFORE_MACROBLOCK: Final = (0x0D, 0x00)


def sequence_parameters(width: int, height: int) -> bytes:
    """The sequence parameter set, for frames of whole macroblocks.

    Args:
        width: in pixels, a multiple of 16.
        height: likewise.
    """
    bits = f"{66:08b}11000000{LEVEL:08b}" + _ue(0) + _ue(0) + _ue(2) + _ue(1) + "0"
    bits += _ue(width // 16 - 1) + _ue(height // 16 - 1) + "1100"
    return b"\x67" + _escaped(_bytes(bits + "1"))


def picture_parameters() -> bytes:
    """The picture parameter set: no arithmetic coding, one slice group, slices say whether they are smoothed."""
    bits = _ue(0) + _ue(0) + "00" + _ue(0) + _ue(0) + _ue(0) + "000" + _ue(0) + _ue(0) + _ue(0) + "100"
    return b"\x68" + _escaped(_bytes(bits + "1"))


def coded(picture: Frame, number: int) -> bytes:
    """One frame as a network abstraction layer unit, without its length.

    Args:
        picture: no sample of it is 0, so that nothing in it looks like the beginning of a unit.
        number: of the frame; two that follow each other have to differ.
    """
    header = _ue(0) + _ue(7) + _ue(0) + "0000" + _ue(number % 2) + "00" + _ue(0) + _ue(1)
    first = _escaped(_bytes(header + _I_PCM))
    return b"\x65" + first + _macroblocks(picture)[len(_BEFORE_MACROBLOCK) :] + b"\x80"


def _macroblocks(picture: Frame) -> bytes:
    y, cb, cr = (_squares(plane, side) for plane, side in zip(picture, (16, 8, 8), strict=True))
    before = np.tile(np.array(_BEFORE_MACROBLOCK, np.uint8), (len(y), 1))
    return np.concatenate([before, y, cb, cr], axis=1).tobytes()


def _squares(plane: np.typing.NDArray[np.uint8], side: int) -> np.typing.NDArray[np.uint8]:
    """A row for each square of the plane, from left to right and from top to bottom."""
    height, width = plane.shape
    return plane.reshape(height // side, side, width // side, side).swapaxes(1, 2).reshape(-1, side * side)


def _ue(value: int) -> str:
    """An unsigned Exp-Golomb code; of 0, also the signed one."""
    digits = f"{value + 1:b}"
    return "0" * (len(digits) - 1) + digits


def _bytes(bits: str) -> bytes:
    padded = bits + "0" * (-len(bits) % 8)
    return int(padded, 2).to_bytes(len(padded) // 8, "big")


def _escaped(data: bytes) -> bytes:
    """Bytes in which nothing looks like the beginning of a unit: a 3 after two zeros that a small byte follows."""
    out = bytearray()
    for byte in data:
        if byte <= 3 and out.endswith(b"\0\0"):
            out.append(3)
        out.append(byte)
    return bytes(out)
