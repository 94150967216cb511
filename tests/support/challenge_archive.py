"""Challenge archives for tests: a good one, and whatever a test puts in the place of a member."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fundus2oct.benchmark.dataset import Dataset


def bscan(source_id: str, number: int) -> NDArray[np.uint8]:
    """(320, 448) uint8: a smooth B-scan that differs from case to case."""
    offset = sum(source_id.encode()) % 50 + 10 * number
    ramp = np.add.outer(np.arange(320) // 4, np.arange(448) // 8) + offset
    return (ramp % 256).astype(np.uint8)


def encoded(pixels: NDArray[np.uint8] | Image.Image, kind: str, **options: object) -> bytes:
    """A picture as the bytes of a file; ``kind`` is jpg or png, ``options`` are Pillow's."""
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG" if kind == "jpg" else "PNG", **options)
    return buffer.getvalue()


def members(dataset: Dataset, kind: str = "png", split: str = "test") -> dict[str, bytes]:
    """Name -> bytes of every member of a complete archive."""
    sources = [case.source_id for case in dataset.split(split)]
    return {f"{s}/{s}_{i}.{kind}": encoded(bscan(s, i), kind) for s in sources for i in range(6)}


def write_archive(path: Path, content: Mapping[str | zipfile.ZipInfo, bytes]) -> Path:
    """Write a zip archive with these members, in this order."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path
