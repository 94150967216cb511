"""A dataset folder of four eyes with quick synthetic pictures, for tests that break it in every way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset_writer import write_dataset_files
from fundus2oct.benchmark.picture_file import png_bytes

CASES = (("case-a", "p1", "L", "train"), ("case-b", "p1", "R", "train"), ("case-c", "p2", "R", "test"))
CASE_WITHOUT_TRUTH = ("case-d", "p3", "L", "val")


def small_cases() -> list[Case]:
    """Three eyes with truth and one without."""
    return [
        Case(
            case_id=name,
            source_id=f"{name}-00{eye}",
            patient_id=patient,
            eye=eye,
            split=split,
            fundus=f"fundus/{name}.png",
            oct="" if split == "val" else f"oct/{name}",
            columns={"scan_centre_x": "120.0", "scan_centre_y": "110.5", "um_per_px": "40.0"},
        )
        for name, patient, eye, split in (*CASES, CASE_WITHOUT_TRUTH)
    ]


def write_small_dataset(folder: Path, cases: list[Case] | None = None) -> Path:
    """Write the folder; every picture differs from every other."""
    cases = small_cases() if cases is None else cases
    for number, case in enumerate(cases):
        rng = np.random.default_rng(number)
        _write(folder / case.fundus, small_fundus(rng))
        for frame in range(6 if case.oct else 0):
            _write(folder / case.oct / f"{Path(case.oct).name}_{frame}.png", small_bscan(rng))
    write_table(folder, cases)
    return folder


def write_table(folder: Path, cases: list[Case]) -> None:
    """Write `cases.csv` and `dataset.toml` alone."""
    write_dataset_files(
        folder,
        cases,
        name="small",
        version="1",
        title="Small",
        description="For tests.",
        licence="CC0-1.0",
        pictures_may_be_published=True,
    )


def small_fundus(rng: np.random.Generator) -> NDArray[np.uint8]:
    """(224, 240, 3) uint8, quick to pack."""
    return np.broadcast_to(rng.integers(0, 256, (224, 1, 3), np.uint8), (224, 240, 3)).copy()


def small_bscan(rng: np.random.Generator) -> NDArray[np.uint8]:
    """(320, 448) uint8, quick to pack."""
    return np.broadcast_to(rng.integers(0, 256, (320, 1), np.uint8), (320, 448)).copy()


def _write(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png_bytes(pixels, level=1))
