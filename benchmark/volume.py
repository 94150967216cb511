"""Volumes on disk: one `.npy` file a case, uint8 (6, 320, 448), C order, read with suspicion and written whole."""

from __future__ import annotations

import ast
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark import picture_file
from fundus2oct.benchmark.worker import VOLUME_BYTES, VOLUME_SHAPE
from fundus2oct.metrics.durable_file import canonical_json, write_bytes
from fundus2oct.metrics.errors import BenchError

Volume = NDArray[np.uint8]

MAGIC = b"\x93NUMPY"
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
    header, offset = _parse_header(data, where)
    if header["descr"] != "|u1":
        found = repr(header["descr"])[:120]
        raise BenchError("E_DTYPE", "wrong dtype", where=where, expected="'|u1' (uint8)", found=found)
    if header["shape"] != VOLUME_SHAPE:
        found = repr(header["shape"])[:120]
        raise BenchError("E_SHAPE", "wrong shape", where=where, expected=str(VOLUME_SHAPE), found=found)
    if len(data) - offset != VOLUME_BYTES:
        found = f"{len(data) - offset} bytes"
        raise BenchError("E_SIZE", "wrong size of data", where=where, expected=f"{VOLUME_BYTES} bytes", found=found)
    flat = np.frombuffer(data, np.uint8, offset=offset)
    return np.ascontiguousarray(flat.reshape(VOLUME_SHAPE, order="F" if header["fortran_order"] else "C"))


def _parse_header(data: bytes, where: str | Path) -> tuple[dict[str, Any], int]:
    """The header and where the values begin; numpy's own reader warns, repairs and builds types, this one does not."""
    if data[:6] != MAGIC:
        raise BenchError("E_FORMAT", "not a .npy file", where=where, found=repr(data[:6]))
    if data[6:8] != b"\x01\x00":
        found = ".".join(map(str, data[6:8]))
        raise BenchError("E_HEADER", "wrong .npy version", where=where, expected="1.0", found=found)
    length = int.from_bytes(data[8:10], "little")
    if length > MAX_HEADER:
        expected = f"<= {MAX_HEADER} bytes"
        raise BenchError("E_HEADER", "header is too long", where=where, expected=expected, found=str(length))
    try:
        header = ast.literal_eval(data[10 : 10 + length].decode("latin-1").strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise BenchError("E_HEADER", "bad .npy header", where=where, found=str(error)[:200]) from None
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise BenchError("E_HEADER", "bad .npy header", where=where, found=repr(header)[:200])
    return header, 10 + length


def volume_digest(volume: Volume) -> str:
    """Hexadecimal sha256 of the voxels in C order: the content hash of a volume everywhere."""
    return hashlib.sha256(np.ascontiguousarray(volume).tobytes()).hexdigest()


def volumes_hash(digests: Mapping[str, str | None]) -> str:
    """Hexadecimal sha256 over every case's digest, None where it failed: what pins the volumes of a whole run."""
    return hashlib.sha256(canonical_json(dict(digests)).encode("utf-8")).hexdigest()
