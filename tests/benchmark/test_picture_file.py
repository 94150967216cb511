"""Pictures that are broken or hostile are refused in one line; digests depend on content alone."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fundus2oct.benchmark import picture_file
from fundus2oct.metrics.errors import BenchError


def encoded(pixels: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def raw_png(width: int, height: int, depth: int, colour: int, body: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


GREY = np.arange(20, dtype=np.uint8).reshape(4, 5)
COLOUR = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)


def refusal(data: bytes) -> str:
    with pytest.raises(BenchError) as caught:
        picture_file.decode(data, where="eye.png")
    return caught.value.line()


def test_what_is_written_is_read_back_equal(tmp_path: Path) -> None:
    (tmp_path / "grey.png").write_bytes(picture_file.png_bytes(GREY))
    (tmp_path / "colour.png").write_bytes(picture_file.png_bytes(COLOUR))
    assert np.array_equal(picture_file.read_grey(tmp_path / "grey.png", shape=(4, 5)), GREY)
    assert np.array_equal(picture_file.read_rgb(tmp_path / "colour.png"), COLOUR)


def test_text_named_png_is_no_picture() -> None:
    line = refusal(b"not a picture")
    assert line == "E_FORMAT: not a readable picture | where: eye.png | expected: PNG or JPEG | found: not an image"


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_truncated_picture_is_refused(kind: str) -> None:
    data = encoded(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8), kind)
    assert refusal(data[: len(data) // 2]).startswith("E_FORMAT: not a readable picture | where: eye.png")


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "GIF"])
def test_other_formats_are_refused_whatever_the_name(kind: str) -> None:
    assert refusal(encoded(GREY, kind)).startswith("E_FORMAT")


def test_sixteen_bit_colour_is_refused_where_pillow_would_drop_a_byte() -> None:
    body = b"".join(b"\0" + bytes(6 * 3) for _ in range(2))
    assert "expected: 8 bits a channel | found: 16 bits" in refusal(raw_png(3, 2, 16, 2, body))


def test_sixteen_bit_grey_is_refused() -> None:
    assert refusal(encoded(GREY.astype(np.uint16))).startswith("E_STACK: wrong kind of pixels")


def test_animated_picture_is_refused() -> None:
    frames = [Image.fromarray(GREY), Image.fromarray(GREY[::-1].copy())]
    buffer = io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    assert refusal(buffer.getvalue()).startswith("E_STACK: picture is animated")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_picture_that_asks_to_be_turned_is_refused(kind: str) -> None:
    exif = Image.Exif()
    exif[picture_file.EXIF_ORIENTATION] = 6
    line = refusal(encoded(COLOUR, kind, exif=exif))
    assert "E_STACK: picture asks to be shown turned" in line
    assert "expected: EXIF orientation 1 or none | found: 6" in line


def test_upright_orientation_tag_is_harmless() -> None:
    exif = Image.Exif()
    exif[picture_file.EXIF_ORIENTATION] = 1
    assert picture_file.decode(encoded(COLOUR, "JPEG", exif=exif), where="eye.jpg").size == (5, 4)


def test_absurd_size_is_refused_before_decoding() -> None:
    assert refusal(raw_png(60_000, 60_000, 8, 0, b"")).startswith("E_SIZE: picture is too large | where: eye.png")
    line = refusal(raw_png(16_385, 1, 8, 0, b""))
    assert line.endswith("expected: sides <= 16384 | found: 16385 x 1")


@pytest.mark.parametrize("pixels", [10_000 * 9_000, 16_000 * 16_000])
def test_a_picture_of_too_many_pixels_is_too_large_and_not_malformed(pixels: int) -> None:
    """Pillow warns from 89 million pixels on and raises from 179 million on; the code is the same for both."""
    assert refusal(raw_png(pixels // 16_000, 16_000, 8, 0, b"")).startswith("E_SIZE: picture is too large")


@pytest.mark.parametrize("mode", ["RGBA", "P", "1", "LA"])
def test_other_modes_are_refused_as_photograph(mode: str, tmp_path: Path) -> None:
    Image.fromarray(COLOUR).convert(mode).save(tmp_path / "eye.png")
    with pytest.raises(BenchError, match=f"wrong kind of pixels.*expected: 8-bit RGB \\| found: {mode}"):
        picture_file.read_rgb(tmp_path / "eye.png")


def test_coloured_bscan_is_refused_and_grey_rgb_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture_file.png_bytes(COLOUR * 4))
    (tmp_path / "b.png").write_bytes(picture_file.png_bytes(np.repeat(GREY[..., None], 3, axis=2)))
    assert np.array_equal(picture_file.read_grey(tmp_path / "b.png"), GREY)
    with pytest.raises(BenchError, match="E_STACK: picture has colours"):
        picture_file.read_grey(tmp_path / "a.png")


def test_wrong_shape_names_both_shapes(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture_file.png_bytes(GREY))
    with pytest.raises(BenchError, match=r"E_SHAPE.*expected: 5 high x 4 wide \| found: 4 high x 5 wide"):
        picture_file.read_grey(tmp_path / "a.png", shape=(5, 4))


def test_links_pipes_folders_and_empty_files_are_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    codes = {}
    for name in ("link", "pipe", "folder", "empty", "absent"):
        with pytest.raises(BenchError) as caught:
            picture_file.read_bytes(tmp_path / name)
        codes[name] = caught.value.code
    expected = {"link": "E_FILETYPE", "pipe": "E_FILETYPE", "folder": "E_FILETYPE"}
    assert codes == expected | {"empty": "E_EMPTY", "absent": "E_MISSING"}


def test_file_larger_than_the_limit_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(11))
    with pytest.raises(BenchError, match=r"E_SIZE: file is too large.*expected: <= 10 bytes \| found: 11"):
        picture_file.read_bytes(tmp_path / "big", max_bytes=10)


def test_digest_of_a_png_is_that_of_its_pixels(tmp_path: Path) -> None:
    for level in (0, 9):
        (tmp_path / f"{level}.png").write_bytes(picture_file.png_bytes(COLOUR, level=level))
    (tmp_path / "other.png").write_bytes(picture_file.png_bytes(COLOUR[::-1].copy()))
    digests = [picture_file.picture_digest(tmp_path / name) for name in ("0.png", "9.png", "other.png")]
    assert digests[0] == digests[1] != digests[2]


def test_digest_of_a_jpeg_is_that_of_its_bytes(tmp_path: Path) -> None:
    data = encoded(COLOUR, "JPEG")
    (tmp_path / "a.jpg").write_bytes(data)
    assert picture_file.picture_digest(tmp_path / "a.jpg") == picture_file.content_digest(data, None)


def test_decoding_in_threads_leaves_the_warning_filters_alone() -> None:
    data, before = encoded(COLOUR), list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        pictures = list(pool.map(lambda _: picture_file.decode(data, where="eye.png"), range(64)))
    assert len(pictures) == 64
    assert warnings.filters == before
