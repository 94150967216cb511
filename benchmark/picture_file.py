"""Reading pictures that may be broken or hostile: the format, the size and the mode are checked before any pixel.

Used by the dataset reader, the importers and the reader of challenge archives. Writing is here too, so that one rule
(lossless PNG, no metadata) holds everywhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from fundus2oct.metrics.errors import BenchError

MAX_SIDE = 16_384
MAX_BYTES = 64 * 2**20
FORMATS = ("PNG", "JPEG")
EXIF_ORIENTATION = 0x0112

_HEADER_LOCK = threading.Lock()  # `catch_warnings` changes the whole process; pixels are decoded outside of it


def read_bytes(path: Path, *, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of a regular file, read once from one descriptor.

    Raises:
        BenchError: E_MISSING, E_FILETYPE (a link, folder, pipe or device), E_EMPTY or E_SIZE.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BenchError("E_MISSING", "file is missing", where=path) from None
    except OSError as error:
        raise BenchError("E_FILETYPE", "not a plain file", where=path, found=error.strerror) from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)  # `fdopen` would raise its own error for a folder
        raise BenchError("E_FILETYPE", "not a plain file", where=path)
    with os.fdopen(descriptor, "rb") as file:
        if status.st_size == 0:
            raise BenchError("E_EMPTY", "file is empty", where=path)
        if status.st_size > max_bytes:
            raise BenchError(
                "E_SIZE", "file is too large", where=path, expected=f"<= {max_bytes} bytes", found=str(status.st_size)
            )
        return file.read(max_bytes)


def decode(data: bytes, *, where: str | Path, max_side: int = MAX_SIDE) -> Image.Image:
    """Decode a PNG or JPEG held in memory, refusing anything else, several frames, or absurd sizes.

    A picture that asks to be shown turned (EXIF orientation) is refused too: its pixels are not what a viewer shows.

    Args:
        data: the whole file.
        where: named in errors.
        max_side: pixels that a side may have, by the header; nothing larger is decoded.

    Raises:
        BenchError: E_FORMAT, E_SIZE or E_STACK, naming ``where``.
    """
    try:
        with _warnings_as_errors():
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
            _check_header(picture, where, max_side)
        picture.load()
        with _warnings_as_errors():
            _check_orientation(picture, where)
    except BenchError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise _too_large(where, max_side, f"more than {Image.MAX_IMAGE_PIXELS} pixels") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Warning) as error:
        found = "not an image" if isinstance(error, UnidentifiedImageError) else str(error)
        raise BenchError(
            "E_FORMAT", "not a readable picture", where=where, expected=" or ".join(FORMATS), found=found
        ) from None
    return picture


@contextlib.contextmanager
def _warnings_as_errors() -> Iterator[None]:
    with _HEADER_LOCK, warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def _too_large(where: str | Path, max_side: int, found: str) -> BenchError:
    return BenchError("E_SIZE", "picture is too large", where=where, expected=f"sides <= {max_side}", found=found)


def _check_header(picture: Image.Image, where: str | Path, max_side: int) -> None:
    if max(picture.size) > max_side:
        raise _too_large(where, max_side, f"{picture.width} x {picture.height}")
    if getattr(picture, "n_frames", 1) != 1:
        raise BenchError("E_STACK", "picture is animated", where=where, expected="one frame")
    if any("16" in str(tile[3]) for tile in getattr(picture, "tile", ())):  # Pillow would drop the low byte unasked
        raise BenchError("E_STACK", "wrong kind of pixels", where=where, expected="8 bits a channel", found="16 bits")


def _check_orientation(picture: Image.Image, where: str | Path) -> None:
    orientation = picture.getexif().get(EXIF_ORIENTATION, 1)
    if orientation != 1:
        raise BenchError(
            "E_STACK",
            "picture asks to be shown turned",
            where=where,
            expected="EXIF orientation 1 or none",
            found=str(orientation),
            fix="turn the pixels and drop the tag (exiftran -a, jpegtran), then run again",
        )


def read_grey(path: Path, *, shape: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """An 8-bit greyscale picture.

    Args:
        path: PNG or JPEG of mode L; an RGB picture is taken when its three channels are equal within JPEG rounding.
        shape: (height, width) it must have.

    Returns:
        (height, width) uint8, 0..255.
    """
    return grey_array(decode(read_bytes(path), where=path), where=path, shape=shape)


def grey_array(picture: Image.Image, *, where: str | Path, shape: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """The greyscale pixels of a decoded picture, checked as `read_grey` says."""
    if picture.mode == "RGB":
        array = np.asarray(picture)
        if int(np.ptp(array.astype(np.int16), axis=-1).max()) > 4:
            raise BenchError("E_STACK", "picture has colours", where=where, expected="greyscale", found="RGB")
        grey = array[..., 1]
    elif picture.mode == "L":
        grey = np.asarray(picture)
    else:
        raise BenchError("E_STACK", "wrong kind of pixels", where=where, expected="8-bit grey", found=picture.mode)
    if shape is not None and grey.shape != shape:
        raise BenchError("E_SHAPE", "wrong picture size", where=where, expected=_size(shape), found=_size(grey.shape))
    return np.ascontiguousarray(grey)


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """An 8-bit colour picture (height, width, 3) uint8; a greyscale file is refused."""
    return rgb_array(decode(read_bytes(path), where=path), where=path)


def rgb_array(picture: Image.Image, *, where: str | Path) -> NDArray[np.uint8]:
    """The colour pixels (height, width, 3) uint8 of a decoded picture, checked as `read_rgb` says."""
    if picture.mode != "RGB":
        raise BenchError("E_STACK", "wrong kind of pixels", where=where, expected="8-bit RGB", found=picture.mode)
    return np.asarray(picture)


def picture_digest(path: Path) -> str:
    """Content hash of a picture: of the pixels for a lossless PNG, of the bytes for a JPEG.

    Encoders may pack the same pixels differently, and decoders may unpack the same JPEG differently: each format is
    hashed by what does not depend on the library.
    """
    data = read_bytes(path)
    return content_digest(data, None if is_jpeg(data) else decode(data, where=path))


def content_digest(data: bytes, picture: Image.Image | None) -> str:
    """`picture_digest` of a file in memory; ``picture`` is the decoded ``data``, needed for a PNG only."""
    if picture is None or is_jpeg(data):
        return hashlib.sha256(b"jpeg" + data).hexdigest()
    array = np.asarray(picture)
    return hashlib.sha256(f"png{array.shape}{array.dtype}".encode() + array.tobytes()).hexdigest()


def is_jpeg(data: bytes) -> bool:
    """Whether the bytes begin as a JPEG does."""
    return data[:3] == b"\xff\xd8\xff"


def png_bytes(pixels: NDArray[np.uint8], *, level: int = 6) -> bytes:
    """Lossless PNG of a (height, width) or (height, width, 3) uint8 array, without metadata."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=level)
    return buffer.getvalue()


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} high x {shape[1]} wide"
