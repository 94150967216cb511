"""Taking the metadata out of a JPEG without touching its pixels. Called by importers of photographs.

What a decoder needs stays, byte for byte (tables, frames, scans, the JFIF and Adobe markers that fix the colour model);
EXIF, XMP, colour profiles, comments, embedded thumbnails and whatever follows the end of the picture go.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fundus2oct.metrics.errors import BenchError

SCAN = 0xDA
JFIF, ADOBE = 0xE0, 0xEE
COMMENT = 0xFE
APPLICATION = range(0xE0, 0xF0)
RESTART = range(0xD0, 0xD8)


def strip_jpeg_metadata(data: bytes, *, where: str | Path) -> bytes:
    """The same JPEG without metadata: decoding it gives the same pixels.

    Args:
        data: the bytes of a JPEG that decodes.
        where: the file, for messages.

    Raises:
        BenchError: E_FORMAT when the chain of segments is broken.
    """
    kept = bytearray(b"\xff\xd8")
    for marker, segment in _segments(data, where):
        if _is_needed(marker, segment):
            kept += segment
    return bytes(kept + b"\xff\xd9")


def _is_needed(marker: int, segment: bytes) -> bool:
    if marker == JFIF:
        return segment[4:9] == b"JFIF\0" and len(segment) == 18  # a longer one holds a thumbnail
    if marker == ADOBE:
        return segment[4:9] == b"Adobe"
    return marker not in APPLICATION and marker != COMMENT


def _segments(data: bytes, where: str | Path) -> Iterator[tuple[int, bytes]]:
    """Each segment between start and end of the picture; a scan comes with its entropy-coded data."""
    place = 2
    while True:
        while data[place : place + 2] == b"\xff\xff":
            place += 1  # fill bytes before a marker
        if data[place : place + 2] == b"\xff\xd9":
            return
        if len(data) < place + 4 or data[place] != 0xFF:
            raise BenchError("E_FORMAT", "broken JPEG", where=where, expected=f"a marker at byte {place}")
        marker = data[place + 1]
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4])
        if marker == SCAN:
            end = _end_of_scan(data, end, where)
        yield marker, data[place:end]
        place = end


def _end_of_scan(data: bytes, place: int, where: str | Path) -> int:
    """Where the next marker starts that is neither a stuffed byte nor a restart inside the scan."""
    while (place := data.find(b"\xff", place)) >= 0:
        following = data[place + 1 : place + 2]
        if following and following[0] != 0 and following[0] not in RESTART and following[0] != 0xFF:
            return place
        place += 1 if following == b"\xff" else 2
    raise BenchError("E_FORMAT", "broken JPEG", where=where, expected="an end of the picture", found="end of file")
