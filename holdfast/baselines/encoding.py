"""Learned state as canonical bytes and as JSON documents, with a format version and a checksum."""

import dataclasses
import math
import struct
import zlib
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from holdfast.baselines.grid import RESIDUALS
from holdfast.errors import BaselineVersionError, DamagedBaselineError

FORMAT: Final = 1
_MAGIC: Final = {"memory": b"HFBM", "baseline": b"HFBB", "detector": b"HFBD"}
# Histograms and tails have a row per residual: learned with others, they mean something else.
_RESIDUALS: Final = zlib.crc32(" ".join(RESIDUALS).encode())
_HEAD: Final = struct.Struct("<4sHIII")
# First column in use, and the one after the last.
_USED: Final = struct.Struct("<HH")
# Higher levels take ten times the time for a tenth of the size.
_LEVEL: Final = 3

Learned = TypeVar("Learned", bound=Any)


def to_bytes(learned: Any, kind: str) -> bytes:
    """Header (magic, format, digest of the residuals, length and CRC-32 of the payload), then the deflated payload."""
    return sealed(payload(learned), kind)


def from_bytes(like: Learned, data: bytes, kind: str) -> Learned:
    """Read what ``to_bytes`` wrote; ``like`` gives the fields, types and shapes.

    Raises:
        DamagedBaselineError: the bytes are not whole.
        BaselineVersionError: the bytes were written in another format.
    """
    rest = memoryview(opened(data, kind))
    found: dict[str, Any] = {}
    for field in dataclasses.fields(like):
        example = getattr(like, field.name)
        try:
            array, rest = _taken(rest, np.shape(example), _type_of(example))
        except (struct.error, ValueError) as error:
            raise DamagedBaselineError(f"{kind}: its payload ends inside {field.name}. {_ADVICE}") from error
        found[field.name] = _like(example, array)
    if len(rest):
        raise DamagedBaselineError(f"{kind}: {len(rest)} bytes follow its last field. {_ADVICE}")
    made: Learned = type(like)(**found)
    return made


def _taken(rest: memoryview, shape: tuple[int, ...], type_of: np.dtype[Any]) -> tuple[npt.NDArray[Any], memoryview]:
    """The next array, and what follows it."""
    low, high = _USED.unpack_from(rest) if _is_sparse(shape, type_of) else (0, shape[-1] if shape else 1)
    begin = _USED.size if _is_sparse(shape, type_of) else 0
    used = (*shape[:-1], high - low)
    end = begin + math.prod(used) * type_of.itemsize
    planes = np.frombuffer(rest[begin:end], np.uint8, end - begin).reshape(type_of.itemsize, -1)
    array = np.ascontiguousarray(planes.T).view(type_of).reshape(used)
    if not shape or used == shape:
        return array.reshape(shape), rest[end:]
    whole = np.zeros(shape, type_of)
    whole[..., low:high] = array
    return whole, rest[end:]


def payload(learned: Any) -> bytes:
    """All fields in their order, each as the lowest bytes of all its numbers, then the next higher, and so on.

    Numbers of one field resemble each other in their high bytes, so that they deflate to half. Of tables of
    counts only the columns from the first to the last in use are kept.
    """
    values = (getattr(learned, field.name) for field in dataclasses.fields(learned))
    return b"".join(_planes(np.asarray(value, _type_of(value))) for value in values)


def _planes(array: npt.NDArray[Any]) -> bytes:
    head = b""
    if _is_sparse(array.shape, array.dtype):
        used = np.flatnonzero(array.reshape(-1, array.shape[-1]).any(axis=0))
        low, high = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 0)
        head, array = _USED.pack(low, high), array[..., low:high]
    planes = np.ascontiguousarray(_canonical(array)).reshape(-1).view(np.uint8).reshape(-1, array.itemsize)
    return head + planes.T.tobytes()


def _is_sparse(shape: tuple[int, ...], type_of: np.dtype[Any]) -> bool:
    return len(shape) > 1 and type_of.kind == "u"


def _canonical(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """With one kind of NaN, as there are many, and which one comes of a sum is up to the processor."""
    if array.dtype.kind == "f" and (is_none := np.isnan(array)).any():
        array = np.where(is_none, array.dtype.type(np.nan), array)
    return array


def sealed(body: bytes, kind: str) -> bytes:
    """A payload with its header, deflated."""
    return _HEAD.pack(_MAGIC[kind], FORMAT, _RESIDUALS, len(body), zlib.crc32(body)) + zlib.compress(body, _LEVEL)


def opened(data: bytes, kind: str) -> bytes:
    """The payload of ``sealed`` bytes.

    Raises:
        DamagedBaselineError: the bytes are not whole.
        BaselineVersionError: the bytes were written in another format.
    """
    if len(data) < _HEAD.size or data[:4] != _MAGIC[kind]:
        raise DamagedBaselineError(f"{kind}: begins with {bytes(data[:4])!r}, not {_MAGIC[kind]!r}. {_ADVICE}")
    _, version, residuals, length, checksum = _HEAD.unpack_from(data)
    _demand_format(kind, version, is_alike=residuals == _RESIDUALS)
    try:
        body = zlib.decompress(data[_HEAD.size :])
    except zlib.error as error:
        raise DamagedBaselineError(f"{kind}: cannot be inflated ({error}). {_ADVICE}") from error
    if len(body) != length or zlib.crc32(body) != checksum:
        raise DamagedBaselineError(f"{kind}: {len(body)} bytes do not have the length or checksum written. {_ADVICE}")
    return body


def to_document(learned: Any, kind: str) -> dict[str, Any]:
    """Fields by name, as JSON's types: NaN is null, infinities are text, whole numbers lose their last zeros."""
    return {"holdfast": kind, "format": FORMAT, "residuals": list(RESIDUALS)} | {
        field.name: _plain(np.asarray(getattr(learned, field.name)).tolist()) for field in dataclasses.fields(learned)
    }


def from_document(like: Learned, document: dict[str, Any], kind: str) -> Learned:
    """Read what ``to_document`` made.

    Raises:
        DamagedBaselineError: something is missing or of another shape.
        BaselineVersionError: the document was made in another format.
    """
    if document.get("holdfast") != kind:
        raise DamagedBaselineError(f"{kind}: the document says {document.get('holdfast')!r}. {_ADVICE}")
    _demand_format(kind, document.get("format"), is_alike=document.get("residuals") == list(RESIDUALS))
    found: dict[str, Any] = {}
    for field in dataclasses.fields(like):
        example = getattr(like, field.name)
        try:
            array = np.array(_numbers(document[field.name], np.shape(example)), _type_of(example))
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise DamagedBaselineError(f"{kind}: {field.name} is missing or misshapen ({error}). {_ADVICE}") from error
        found[field.name] = _like(example, array)
    made: Learned = type(like)(**found)
    return made


_ADVICE: Final = "Nothing was read of it: take an undamaged copy from the vault, or learn it again from the history"


def _demand_format(kind: str, found: object, *, is_alike: bool) -> None:
    if found != FORMAT or not is_alike:
        residuals = "" if is_alike else " and was learned with other residuals"
        raise BaselineVersionError(
            f"{kind}: its format is {found}{residuals}, this version of Holdfast reads format {FORMAT}. Nothing was "
            "read of it: export it again with this version, or learn it again from the history"
        )


def _type_of(example: Any) -> np.dtype[Any]:
    if isinstance(example, np.ndarray):
        kind: np.dtype[Any] = example.dtype.newbyteorder("<")
        return kind
    return np.dtype("<i8" if isinstance(example, int) else "<f8")


def _like(example: Any, array: Any) -> Any:
    if isinstance(example, np.ndarray):
        return array.astype(example.dtype, copy=False)
    return type(example)(array.item())


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        rows = [_plain(entry) for entry in value]
        while rows and (rows[-1] == [] or (isinstance(rows[-1], int) and rows[-1] == 0)):
            rows.pop()
        return rows
    if isinstance(value, float) and value != value:
        return None
    return value if not isinstance(value, float) or abs(value) != float("inf") else str(value)


def _numbers(value: Any, shape: tuple[int, ...]) -> Any:
    if not shape:
        return float("nan") if value is None else float(value) if isinstance(value, str) else value
    if not isinstance(value, list) or len(value) > shape[0]:
        raise ValueError(f"expected at most {shape[0]} entries")
    rows = [_numbers(entry, shape[1:]) for entry in value]
    return rows + [np.zeros(shape[1:]).tolist() for _ in range(shape[0] - len(rows))]
