"""The whole import on phantom eyes exported in the challenge's layout: what comes out is what was rendered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fundus2oct.benchmark.cli import run
from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.benchmark.phantom.anatomy import sample_eye
from fundus2oct.benchmark.phantom.aptos_export import COHORT, write_aptos_export
from fundus2oct.benchmark.phantom.oct_renderer import render_volume

MARK = (slice(None), slice(272, 320), slice(0, 39))
"""The region of the scale mark in a volume, with a row and a column more that the resize reaches."""


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four training eyes of two patients, the last one as bare B-scans, and a photograph of a third patient."""
    folder = tmp_path_factory.mktemp("phantom") / "raw"
    write_aptos_export(folder, n_train=4, n_val=1, n_bare=1)
    return folder


@pytest.fixture(scope="module")
def imported(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    out = tmp_path_factory.mktemp("phantom") / "aptos"
    assert run(["data", "import", "aptos2024", str(raw), "--out", str(out), "--test-fraction", "0.5"]) == 0
    return read_dataset(out)


def imported_and_rendered(imported: Dataset, row: int) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """The volume imported for a row of train.csv, and the one the phantom renders for the same eye."""
    stem = sorted(case.source_id for case in imported.cases if case.has_truth)[row]
    case = next(case for case in imported.cases if case.source_id == stem)
    rendered = render_volume(sample_eye(0, row // 2, case.eye, cohort=COHORT))
    return imported.volume(case).astype(np.int16), rendered.astype(np.int16)


def test_folder_passes_the_check_and_prints_its_splits(imported: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "check", str(imported.folder)]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["train", "2", "1", "1", "1", "2"] in rows
    assert ["test", "2", "1", "1", "1", "2"] in rows
    assert ["val", "1", "1", "1", "0", "0"] in rows


@pytest.mark.parametrize("row", [0, 3], ids=["report export", "bare B-scan"])
def test_volume_is_the_rendered_one_and_the_mark_is_gone(imported: Dataset, row: int) -> None:
    volume, rendered = imported_and_rendered(imported, row)
    difference = np.abs(volume - rendered)
    inside = difference[MARK].copy()
    difference[MARK] = 0
    assert difference.max() <= 1
    assert inside.mean() > 1
    assert volume[MARK].max() <= rendered[MARK].max() + 20
    assert abs(volume[MARK].mean() - rendered[MARK].mean()) < 3
    assert 0.75 < volume[MARK].std() / rendered[MARK].std() < 1.25


def test_photographs_keep_their_pixels(imported: Dataset, raw: Path) -> None:
    for case in imported.cases:
        part = "val" if case.split == "val" else "train"
        original = Image.open(raw / part / "CF" / f"{case.source_id}.jpg")
        assert np.array_equal(imported.fundus(case), np.asarray(original))


def test_contact_sheet_says_that_the_place_of_the_lines_is_assumed(imported: Dataset, tmp_path: Path) -> None:
    case = imported.cases[0]
    assert run(["data", "show", str(imported.folder), case.case_id, "--out", str(tmp_path / "sheet.png")]) == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 2000
