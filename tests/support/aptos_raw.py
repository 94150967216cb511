"""A few eyes in the layout of the APTOS-2024 challenge, with quick synthetic textures, for tests that break it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

TRAIN = (("1", "000001-01L"), ("1", "000001-02R"), ("2", "000002-01R"), ("3", "000003-01L"), ("4", "000004-01R"))
VAL = (("9", "000009-01L"), ("9", "000009-02R"))
N_BARE = 2
"""So many of the last training rows are bare B-scans; the others are report exports."""


Rows = tuple[tuple[str, str], ...]


def write_raw(folder: Path, *, train: Rows = TRAIN, val: Rows = VAL) -> Path:
    """Write train/, its last two eyes as bare B-scans, and val/ with photographs alone."""
    for part, rows in (("train", train), ("val", val)):
        (folder / part / "CF").mkdir(parents=True)
        for number, (_, stem) in enumerate(rows):
            rng = np.random.default_rng([len(rows), number])
            write_jpeg(folder / part / "CF" / f"{stem}.jpg", fundus(rng))
            for frame in range(6 if part == "train" else 0):
                pixels = with_mark(texture(rng))
                is_bare = number >= len(rows) - N_BARE
                path = folder / part / "OCT" / f"o{stem}" / f"o{stem}_{frame}.jpg"
                write_jpeg(path, pixels if is_bare else report(pixels))
    write_table(folder / "train" / "train.csv", [(pid, f"{stem}.jpg", f"o{stem}") for pid, stem in train])
    write_table(folder / "val" / "val.csv", [(pid, f"{stem}.jpg") for pid, stem in val])
    return folder


def write_table(path: Path, rows: list[tuple[str, ...]]) -> None:
    """Write `train.csv` (three columns) or `val.csv` (two)."""
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([("PID", "CF_path", "OCT_path")[: len(rows[0])], *rows])


def write_jpeg(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write a JPEG as a camera would: with a date, a comment and a serial number in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0132] = "2024:01:31 12:00:00"
    exif[0x010F] = "SECRET-CAMERA"
    Image.fromarray(pixels).save(path, "JPEG", quality=90, exif=exif, comment=b"SECRET-PATIENT")


def fundus(rng: np.random.Generator) -> NDArray[np.uint8]:
    """(240, 320, 3) uint8, wider than high."""
    low = rng.integers(0, 256, (6, 8, 3), np.uint8)
    return np.asarray(Image.fromarray(low).resize((320, 240), Image.Resampling.BILINEAR))


def texture(rng: np.random.Generator) -> NDArray[np.uint8]:
    """(496, 768) uint8: a bright layer over speckle that fades with depth."""
    rows = np.arange(496)[:, None]
    brightness = 30 + 90 * np.exp(-((rows - 250 - 20 * rng.random()) ** 2) / 900) + 0.03 * (496 - rows)
    speckle = gaussian_filter(rng.standard_normal((496, 768)), (1.2, 0.8))
    return np.clip(brightness + 12 * speckle / speckle.std(), 0, 255).astype(np.uint8)


def with_mark(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The B-scan with the L-shaped 200 um mark at its lower left: 17 columns wide, 52 rows high."""
    marked = pixels.copy()
    marked[432:484, 12:15] = 255
    marked[481:484, 12:29] = 255
    return marked


def report(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A report export (560, 1264, 3): en-face picture with green lines at the left, a grey strip below."""
    page = np.full((560, 1264, 3), 200, np.uint8)
    page[:496, :496] = 90
    page[240:250, 40:450] = (0, 255, 0)
    page[:496, 496:] = pixels[..., None]
    return page
