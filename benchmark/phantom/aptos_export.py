"""A few phantom eyes in the folder layout of the APTOS-2024 challenge, as a participant would receive them.

The importer is tested on it: colour photographs wider than high, B-scans at native size with the burnt-in scale mark,
most of them inside report exports (en-face picture at the left, strip below) and the last ones bare. Reading that
layout is `benchmark.aptos_import`'s business. Called by tests and by anyone who wants a rehearsal.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fundus2oct.benchmark.phantom import norms
from fundus2oct.benchmark.phantom.anatomy import Eye, sample_eye
from fundus2oct.benchmark.phantom.fundus_renderer import render_fundus
from fundus2oct.benchmark.phantom.oct_renderer import JPEG_QUALITY, add_noise, structure
from fundus2oct.metrics.scan_geometry import mirror_eye

COHORT: Final = "aptos-export"
MARK_UM: Final = 200.0
STRIP_ROWS: Final = 100
PHOTO_MARGIN: Final = 64

Bytes = NDArray[np.uint8]


def write_aptos_export(out: Path, *, n_train: int = 6, n_val: int = 2, seed: int = 0, n_bare: int = 2) -> None:
    """Write ``train`` (photographs and B-scans) and ``val`` (photographs alone) below ``out``.

    Args:
        out: folder to write into; made when missing.
        n_train: eyes in train.csv; two successive eyes belong to one patient.
        n_val: eyes in val.csv, of other patients.
        seed: 0 or more.
        n_bare: how many of the last rows of train.csv have bare B-scans instead of report exports.
    """
    train = [_named_eye(seed, i // 2, i % 2) for i in range(n_train)]
    first = (n_train + 1) // 2
    val = [_named_eye(seed, first + i // 2, i % 2) for i in range(n_val)]
    for part, eyes in (("train", train), ("val", val)):
        (out / part / "CF").mkdir(parents=True, exist_ok=True)
        for name, eye in eyes:
            _save(_wide_photograph(render_fundus(eye)), out / part / "CF" / f"{name}.jpg")
    for i, (name, eye) in enumerate(train):
        _write_bscans(out / "train" / "OCT" / name, name, eye, bare=i >= n_train - n_bare)
    _write_csv(out / "train" / "train.csv", [(name[:6], f"{name}.jpg", name) for name, _ in train])
    _write_csv(out / "val" / "val.csv", [(name[:6], f"{name}.jpg") for name, _ in val])


def scale_mark() -> NDArray[np.bool_]:
    """Where the mark is white in a native B-scan, (496, 768): an L of 200 micrometres each way, lower left."""
    mark = np.zeros((norms.NATIVE_ROWS, norms.NATIVE_COLUMNS), dtype=np.bool_)
    high, wide = round(MARK_UM / norms.NATIVE_AXIAL_UM), round(MARK_UM / 11.8)
    bottom, left = norms.NATIVE_ROWS - 10, 12
    mark[bottom - high : bottom, left : left + 2] = True
    mark[bottom - 2 : bottom, left : left + wide] = True
    return mark


def _named_eye(seed: int, patient: int, second: int) -> tuple[str, Eye]:
    side = "L" if patient % 2 == 0 else "R"
    side = mirror_eye(side) if second else side
    name = f"{11574 + 37 * patient:06d}-{64 + 5 * second:02d}{side}"
    return name, sample_eye(seed, patient, side, cohort=COHORT)


def _write_bscans(folder: Path, name: str, eye: Eye, *, bare: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    bscans = add_noise(structure(eye).root, eye)
    bscans[:, scale_mark()] = 255
    en_face = None if bare else _en_face(eye)
    for i, bscan in enumerate(bscans):
        _save(bscan if en_face is None else _report(bscan, en_face, i), folder / f"{name}_{i}.jpg")


def _en_face(eye: Eye) -> Bytes:
    """A stand-in for the infrared picture: the photograph's red and green, (496, 496)."""
    grey = render_fundus(eye)[..., :2].astype(np.float64).mean(axis=2)
    size = norms.NATIVE_ROWS
    return np.asarray(Image.fromarray(np.rint(grey).astype(np.uint8)).resize((size, size)))


def _report(bscan: Bytes, en_face: Bytes, number: int) -> Bytes:
    """En-face picture at the left, B-scan at the right, a strip with a bar for the frame's number below."""
    page = np.full((norms.NATIVE_ROWS + STRIP_ROWS, en_face.shape[1] + bscan.shape[1]), 255, dtype=np.uint8)
    page[: norms.NATIVE_ROWS, : en_face.shape[1]] = en_face
    page[: norms.NATIVE_ROWS, en_face.shape[1] :] = bscan
    page[norms.NATIVE_ROWS + 30 : norms.NATIVE_ROWS + 50, 20 : 60 + 40 * number] = 90
    return page


def _wide_photograph(fundus: Bytes) -> Bytes:
    """The photograph with black at both sides: (512, 640, 3)."""
    return np.pad(fundus, ((0, 0), (PHOTO_MARGIN, PHOTO_MARGIN), (0, 0)))


def _save(picture: Bytes, path: Path) -> None:
    Image.fromarray(picture).save(path, "JPEG", quality=JPEG_QUALITY)


def _write_csv(path: Path, rows: list[tuple[str, ...]]) -> None:
    columns = ("PID", "CF_path", "OCT_path")
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns[: len(rows[0])] if rows else columns[:2])
        writer.writerows(rows)
