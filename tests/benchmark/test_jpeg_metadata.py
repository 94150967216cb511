"""Metadata leaves a JPEG, the pixels stay."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from fundus2oct.benchmark.jpeg_metadata import strip_jpeg_metadata
from fundus2oct.metrics.errors import BenchError

PIXELS = np.random.default_rng(0).integers(0, 256, (96, 130, 3), np.uint8)


def jpeg(**options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"restart_marker_blocks": 2}, {"keep_rgb": True}, {"subsampling": 0, "quality": 100}],
    ids=str,
)
def test_pixels_of_every_kind_of_jpeg_stay_the_same(options: dict) -> None:
    data = jpeg(comment=b"SECRET", **options)
    stripped = strip_jpeg_metadata(data, where="eye.jpg")
    assert b"SECRET" in data
    assert b"SECRET" not in stripped
    assert np.array_equal(pixels_of(stripped), pixels_of(data))


def test_exif_profile_xmp_and_what_follows_the_end_go() -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRET-CAMERA"
    data = jpeg(exif=exif, icc_profile=b"SECRET-PROFILE", xmp=b"SECRET-XMP") + b"SECRET-SECOND-PICTURE"
    stripped = strip_jpeg_metadata(data, where="eye.jpg")
    assert data.count(b"SECRET") == 4
    assert b"SECRET" not in stripped
    assert set(Image.open(io.BytesIO(stripped)).info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"}


def test_thumbnail_in_the_first_segment_goes() -> None:
    thumbnail = b"\xff\xe0\x00\x13JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x01\x01SEC"
    data = jpeg()
    with_thumbnail = data[:2] + thumbnail + data[20:]
    stripped = strip_jpeg_metadata(with_thumbnail, where="eye.jpg")
    assert b"SEC" not in stripped
    assert np.array_equal(pixels_of(stripped), pixels_of(data))


def test_stripping_twice_changes_nothing_more() -> None:
    once = strip_jpeg_metadata(jpeg(comment=b"x"), where="eye.jpg")
    assert strip_jpeg_metadata(once, where="eye.jpg") == once


@pytest.mark.parametrize("cut", [2, 3, 5, 300, -2])
def test_broken_chain_of_segments_is_named(cut: int) -> None:
    with pytest.raises(BenchError, match=r"E_FORMAT: broken JPEG . where: eye.jpg"):
        strip_jpeg_metadata(jpeg()[:cut], where="eye.jpg")
