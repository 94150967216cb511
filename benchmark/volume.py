"""Volumes on disk: one `.npy` file a case, uint8 (6, 320, 448), C order, read with suspicion and written whole."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark import picture_file
from fundus2oct.benchmark.worker import VOLUME_BYTES, VOLUME_SHAPE
from fundus2oct.metrics.durable_file import write_bytes
from fundus2oct.metrics.errors import BenchError

Volume = NDArray[np.uint8]

MAX_HEADER = 4096


def black_volume() -> Volume:
    """What a missing or failed case is to a set metric: (6, 320, 448) zeros."""
    return np.zeros(VOLUME_SHAPE, np.uint8)


def volume_bytes(volume: Volume) -> bytes:
    """The bytes of a volume's `.npy` file, version 1.0; the same for equal volumes."""
    if volume.shape != VOLUME_SHAPE or volume.dtype != np.uint8:
        raise ValueError(f"volume: expected {VOLUME_SHAPE} uint8, found {volume.shape} {volume.dtype}")
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(volume), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def write_volume(path: Path, volume: Volume) -> str:
    """Write a volume durably; returns its digest."""
    write_bytes(path, volume_bytes(volume))
    return volume_digest(volume)


def read_volume(path: Path) -> Volume:
    """Read a volume file.

    Raises:
        BenchError: E_MISSING, E_FILETYPE, E_EMPTY, E_FORMAT, E_HEADER, E_DTYPE, E_SHAPE or E_SIZE, naming the file.
    """
    data = picture_file.read_bytes(path, max_bytes=2 * VOLUME_BYTES)
    return parse_volume(data, where=path)


def parse_volume(data: bytes, *, where: str | Path) -> Volume:
    """The volume in the bytes of a `.npy` file: header, dtype, shape and size are judged before anything is read."""
    shape, fortran_order, dtype, offset = _parse_header(data, where)
    if dtype != np.dtype(np.uint8):
        raise BenchError("E_DTYPE", "wrong dtype", where=where, expected="uint8", found=str(dtype))
    if shape != VOLUME_SHAPE:
        raise BenchError("E_SHAPE", "wrong shape", where=where, expected=str(VOLUME_SHAPE), found=str(shape)[:120])
    if len(data) - offset != VOLUME_BYTES:
        found = f"{len(data) - offset} bytes"
        raise BenchError("E_SIZE", "wrong size of data", where=where, expected=f"{VOLUME_BYTES} bytes", found=found)
    flat = np.frombuffer(data, np.uint8, offset=offset)
    return np.ascontiguousarray(flat.reshape(VOLUME_SHAPE, order="F" if fortran_order else "C"))


def _parse_header(data: bytes, where: str | Path) -> tuple[tuple[int, ...], bool, np.dtype[np.generic], int]:
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
    except ValueError:
        raise BenchError("E_FORMAT", "not a .npy file", where=where, found=repr(data[:6])) from None
    if version != (1, 0):
        raise BenchError("E_HEADER", "wrong .npy version", where=where, expected="1.0", found=str(version))
    try:
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream, max_header_size=MAX_HEADER)
    except (ValueError, RecursionError, MemoryError, TypeError, SyntaxError) as error:
        raise BenchError("E_HEADER", "bad .npy header", where=where, found=str(error)[:200]) from None
    if any(isinstance(side, bool) for side in shape):
        raise BenchError("E_SHAPE", "wrong shape", where=where, expected=str(VOLUME_SHAPE), found=str(shape)[:120])
    return shape, fortran_order, dtype, stream.tell()


def volume_digest(volume: Volume) -> str:
    """Hexadecimal sha256 of the voxels in C order: the content hash of a volume everywhere."""
    return hashlib.sha256(np.ascontiguousarray(volume).tobytes()).hexdigest()
