"""The contact sheet shows the right pictures at the right places, and says what it had to assume."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor
from small_dataset import small_cases, write_small_dataset

from fundus2oct.benchmark import contact_sheet
from fundus2oct.benchmark.contact_sheet import GAP, LABEL, LINE_COLOURS, MARGIN, TITLE
from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.benchmark.scan_place import ScanPlace
from fundus2oct.metrics.scan_geometry import DEPTH, WIDTH, end_labels, mirror_eye

SIDE = 2 * (DEPTH + LABEL) + GAP


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return read_dataset(write_small_dataset(tmp_path_factory.mktemp("sheet") / "small"))


def is_coloured(picture: Image.Image, at: tuple[float, float], colour: str) -> bool:
    """Whether a pixel of about that colour lies within two pixels of a place."""
    x, y = round(at[0]), round(at[1])
    near = np.asarray(picture)[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).astype(int)
    return bool((np.abs(near - ImageColor.getrgb(colour)).max(axis=1) < 80).any())


def test_every_bscan_stands_unscaled_at_its_place(dataset: Dataset) -> None:
    case = dataset.cases[0]
    sheet = np.asarray(contact_sheet.case_sheet(dataset, case))
    for frame, bscan in enumerate(dataset.volume(case)):
        left = MARGIN + SIDE + GAP + frame % 3 * (WIDTH + GAP)
        top = TITLE + frame // 3 * (DEPTH + LABEL + GAP) + LABEL
        assert np.array_equal(sheet[top + 30 : top + 250, left : left + WIDTH, 0], bscan[30:250])


def test_lines_run_in_their_own_colours_from_first_to_last_column() -> None:
    black = Image.new("RGB", (500, 500))
    drawn = contact_sheet._photograph(black, ScanPlace(249.5, 249.5, 25.0), 500)
    for degrees, colour in zip((90, 60, 30, 0, -30, -60), LINE_COLOURS, strict=True):
        for distance in (-170, -60, 60, 170):
            x = 250 + distance * np.cos(np.radians(degrees))
            y = 250 - distance * np.sin(np.radians(degrees))
            assert is_coloured(drawn, (x, y), colour)
    assert not is_coloured(drawn, (250, 250), LINE_COLOURS[0])


def test_photograph_is_not_distorted_and_lies_in_the_middle() -> None:
    wide = Image.new("RGB", (800, 400), (200, 100, 50))
    drawn = np.asarray(contact_sheet._photograph(wide, ScanPlace(400, 200, 50.0), 400))
    assert (drawn[103, 30] == (200, 100, 50)).all()
    assert (drawn[97, 30] != (200, 100, 50)).any()


def test_nasal_is_at_the_right_of_a_right_eye() -> None:
    assert [end_labels(frame, "R") for frame in range(6)] == [
        ("I", "S"),
        ("IT", "SN"),
        ("IT", "SN"),
        ("T", "N"),
        ("ST", "IN"),
        ("ST", "IN"),
    ]


def test_left_eye_has_nasal_and_temporal_swapped() -> None:
    swapped = str.maketrans("NT", "TN")
    for frame in range(6):
        other = tuple(label.translate(swapped) for label in end_labels(frame, mirror_eye("L")))
        assert end_labels(frame, "L") == other


def test_case_without_truth_shows_its_photograph(dataset: Dataset) -> None:
    without = next(case for case in dataset.cases if not case.has_truth)
    with_truth = contact_sheet.case_sheet(dataset, dataset.cases[0])
    assert contact_sheet.case_sheet(dataset, without).size == with_truth.size


def test_assumed_place_is_said_on_the_sheet(dataset: Dataset) -> None:
    known = dataset.cases[0]
    unknown = replace(known, columns={})
    foot = [
        np.asarray(contact_sheet.case_sheet(dataset, case))[TITLE + SIDE :].astype(int) for case in (known, unknown)
    ]
    assert (foot[1] > 100).sum() > 1.5 * (foot[0] > 100).sum()


def test_overview_takes_cases_evenly_from_all_splits(dataset: Dataset) -> None:
    assert [case.split for case in contact_sheet.spread_cases(dataset, 2)] == ["train", "test"]
    assert len(contact_sheet.spread_cases(dataset, 99)) == len(small_cases())


def test_overview_has_a_row_a_case(dataset: Dataset) -> None:
    heights = [contact_sheet.overview_sheet(dataset, dataset.cases[:n]).height for n in (1, 2, 4)]
    assert heights[1] - heights[0] == (heights[2] - heights[1]) / 2 > contact_sheet.ROW


def test_lines_meet_the_disc_of_the_phantom(tiny_phantom: Dataset, tmp_path: Path) -> None:
    case = tiny_phantom.cases[0]
    sheet = contact_sheet.case_sheet(tiny_phantom, case)
    sheet.save(tmp_path / "sheet.png")
    assert sheet.width > sheet.height > SIDE
