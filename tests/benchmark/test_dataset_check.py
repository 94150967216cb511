"""`check_dataset` finds every kind of fault, names the file, tells all at once, and hashes what is clean."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_dataset import small_bscan, small_cases, small_fundus, write_small_dataset, write_table

from fundus2oct.benchmark.dataset import read_dataset
from fundus2oct.benchmark.dataset_check import check_dataset
from fundus2oct.benchmark.picture_file import png_bytes
from fundus2oct.metrics.errors import BenchErrors


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_dataset(tmp_path_factory.mktemp("clean") / "small")


@pytest.fixture
def folder(clean: Path, tmp_path: Path) -> Path:
    return shutil.copytree(clean, tmp_path / "small")


def lines_of(folder: Path) -> list[str]:
    """Each problem's line, with the folder left out."""
    return [problem.line().replace(f"{folder}/", "") for problem in check_dataset(folder).problems]


def change_first_case(folder: Path, **fields: object) -> None:
    first, *others = small_cases()
    write_table(folder, [replace(first, **fields), *others])


def write_pixels(path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(path)


RNG = np.random.default_rng(99)
FUNDUS, BSCAN = "fundus/case-a.png", "oct/case-a/case-a_3.png"
PHOTOGRAPH = "photograph of case case-a"
DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "photograph missing": (
        lambda f: (f / FUNDUS).unlink(),
        f"E_MISSING: {PHOTOGRAPH}: file is missing | where: {FUNDUS}",
    ),
    "B-scan missing": (
        lambda f: (f / BSCAN).unlink(),
        f"E_MISSING: B-scan of case case-a: file is missing | where: {BSCAN}",
    ),
    "folder of B-scans missing": (
        lambda f: shutil.rmtree(f / "oct/case-a"),
        "E_MISSING: folder of the 6 B-scans of case case-a is missing | where: oct/case-a",
    ),
    "extra file": (
        lambda f: (f / "fundus/old.png").write_bytes(b"x"),
        "E_EXTRA: file is not named by the table | where: fundus/old.png | fix: remove it, or name it in cases.csv",
    ),
    "seventh B-scan": (
        lambda f: (f / "oct/case-a/case-a_6.png").write_bytes(b"x"),
        "E_EXTRA: file is not named by the table | where: oct/case-a/case-a_6.png",
    ),
    "text named png": (
        lambda f: (f / FUNDUS).write_text("hello"),
        f"E_FORMAT: {PHOTOGRAPH}: not a readable picture | where: {FUNDUS} | expected: PNG or JPEG",
    ),
    "truncated picture": (
        lambda f: (f / BSCAN).write_bytes((f / BSCAN).read_bytes()[:-200]),
        f"E_FORMAT: B-scan of case case-a: not a readable picture | where: {BSCAN}",
    ),
    "empty file": (
        lambda f: (f / BSCAN).write_bytes(b""),
        f"E_EMPTY: B-scan of case case-a: file is empty | where: {BSCAN}",
    ),
    "B-scan of another size": (
        lambda f: write_pixels(f / BSCAN, small_bscan(RNG)[:, :440]),
        "E_SHAPE: B-scan of case case-a: wrong picture size"
        f" | where: {BSCAN} | expected: 320 high x 448 wide | found: 320 high x 440 wide",
    ),
    "axes of a B-scan swapped": (
        lambda f: write_pixels(f / BSCAN, small_bscan(RNG).T),
        "E_SHAPE: B-scan of case case-a: wrong picture size",
    ),
    "16-bit B-scan": (
        lambda f: write_pixels(f / BSCAN, small_bscan(RNG).astype(np.uint16)),
        "E_STACK: B-scan of case case-a: wrong kind of pixels",
    ),
    "B-scan in colour": (
        lambda f: write_pixels(f / BSCAN, RNG.integers(0, 256, (320, 448, 3), np.uint8)),
        "E_STACK: B-scan of case case-a: picture has colours",
    ),
    "small photograph": (
        lambda f: write_pixels(f / FUNDUS, small_fundus(RNG)[:223]),
        f"E_SHAPE: {PHOTOGRAPH}: picture is too small"
        f" | where: {FUNDUS} | expected: both sides >= 224 | found: 223 high x 240 wide",
    ),
    "grey photograph": (
        lambda f: write_pixels(f / FUNDUS, small_fundus(RNG)[..., 0]),
        f"E_STACK: {PHOTOGRAPH}: wrong kind of pixels | where: {FUNDUS} | expected: 8-bit RGB | found: L",
    ),
    "photograph is a pipe": (
        lambda f: ((f / FUNDUS).unlink(), os.mkfifo(f / FUNDUS)),
        f"E_FILETYPE: {PHOTOGRAPH}: not a plain file | where: {FUNDUS}",
    ),
    "photograph is a folder": (
        lambda f: ((f / FUNDUS).unlink(), (f / FUNDUS).mkdir()),
        f"E_FILETYPE: {PHOTOGRAPH}: not a plain file | where: {FUNDUS}",
    ),
    "link to a folder": (
        lambda f: (f / "more").symlink_to(f / "oct"),
        "E_FILETYPE: a link to a folder | where: more | fix: put the folder itself there",
    ),
    "patient in two splits": (
        lambda f: change_first_case(f, split="test"),
        "E_PATIENT: patient p1 is in several splits | where: cases.csv | found: test, train",
    ),
    "source id used twice": (
        lambda f: change_first_case(f, source_id="case-b-00R"),
        "E_DUPLICATE: source_id used twice | where: cases.csv | found: case-b-00R",
    ),
    "ids equal but for case": (
        lambda f: change_first_case(f, source_id="CASE-B-00R"),
        "E_COLLISION: two source_ids are equal but for case | where: cases.csv | found: CASE-B-00R, case-b-00R",
    ),
    "bad id": (
        lambda f: change_first_case(f, case_id="../a"),
        "E_NAME: bad case id | where: cases.csv:2 | expected: [a-z0-9][a-z0-9_-]{0,63} | found: '../a'",
    ),
    "wrong eye": (
        lambda f: change_first_case(f, eye="OS"),
        "E_EYE: eye is neither L nor R | where: cases.csv:2 | expected: L or R | found: 'OS'",
    ),
    "same photograph in two cases": (
        lambda f: shutil.copy(f / "fundus/case-b.png", f / FUNDUS),
        "E_DUPLICATE: two cases (case-a, case-b) with identical photographs"
        f" | where: fundus/case-b.png | found: the same pixels as {FUNDUS}",
    ),
    "same B-scan in two cases, packed otherwise": (
        lambda f: (f / BSCAN).write_bytes(png_bytes(np.asarray(Image.open(f / "oct/case-b/case-b_1.png")), level=9)),
        "E_DUPLICATE: two cases (case-a, case-b) with identical B-scans | where: oct/case-b/case-b_1.png",
    ),
    "same B-scan twice in a case": (
        lambda f: shutil.copy(f / "oct/case-a/case-a_0.png", f / BSCAN),
        f"E_DUPLICATE: one case (case-a) with identical B-scans | where: {BSCAN}",
    ),
    "scan centre outside": (
        lambda f: change_first_case(f, columns={"scan_centre_x": "240", "scan_centre_y": "1", "um_per_px": "5"}),
        "E_COLUMN: bad value in scan_centre_x | where: cases.csv, case case-a"
        " | expected: a number from 0 to 239, inside the photograph | found: '240'",
    ),
    "scale is no number": (
        lambda f: change_first_case(f, columns={"scan_centre_x": "", "scan_centre_y": "", "um_per_px": "nan"}),
        "E_COLUMN: bad value in um_per_px | where: cases.csv, case case-a | expected: a number above 0",
    ),
    "description broken": (
        lambda f: (f / "dataset.toml").write_text("name ="),
        "E_MANIFEST: not valid TOML | where: dataset.toml",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_each_fault_is_found_and_named(folder: Path, name: str) -> None:
    damage, expected = DAMAGE[name]
    damage(folder)
    lines = lines_of(folder)
    assert len(lines) == 1
    assert lines[0].startswith(expected)


def test_all_faults_are_told_in_one_pass(folder: Path) -> None:
    together = ["text named png", "B-scan missing", "extra file", "description broken", "wrong eye"]
    for name in reversed(together):
        DAMAGE[name][0](folder)
    lines = lines_of(folder)
    assert len(lines) == len(together)
    assert all(any(line.startswith(DAMAGE[name][1]) for line in lines) for name in together)


def test_ids_used_twice_do_not_hide_the_files(folder: Path) -> None:
    first, second, *others = small_cases()
    write_table(folder, [first, replace(second, case_id=first.case_id), *others])
    (folder / second.fundus).unlink()
    assert [line.split(":")[0] for line in lines_of(folder)] == ["E_DUPLICATE", "E_MISSING"]


def test_clean_folder_has_counts_and_the_hashes_of_the_dataset(clean: Path) -> None:
    report = check_dataset(clean)
    assert report.problems == ()
    counts = {s.split: (s.cases, s.patients, s.left, s.right, s.with_truth) for s in report.splits}
    assert counts == {"train": (2, 1, 1, 1, 2), "test": (1, 1, 0, 1, 1), "val": (1, 1, 1, 0, 0)}
    dataset = read_dataset(clean)
    assert (report.inputs_hash, report.truth_hash) == (dataset.inputs_hash(), dataset.truth_hash())


def test_folder_with_a_fault_has_no_hashes(folder: Path) -> None:
    DAMAGE["extra file"][0](folder)
    report = check_dataset(folder)
    assert (report.inputs_hash, report.truth_hash) == (None, None)
    with pytest.raises(BenchErrors, match="E_EXTRA: 1 problem found"):
        report.raise_problems()


def test_copy_without_truth_has_the_inputs_hash_alone(clean: Path, folder: Path) -> None:
    shutil.rmtree(folder / "oct")
    write_table(folder, [replace(case, oct="") for case in small_cases()])
    report = check_dataset(folder)
    assert report.problems == ()
    assert (report.inputs_hash, report.truth_hash) == (check_dataset(clean).inputs_hash, None)


def test_sidecar_readme_and_licence_may_lie_there(folder: Path) -> None:
    (folder / "sidecar").mkdir()
    for name in ("sidecar/labels.csv", "README.md", "LICENSE", "LICENSE.txt"):
        (folder / name).write_text("x")
    assert lines_of(folder) == []
    (folder / "fundus/README").write_text("x")
    assert [line.split(" | ")[1] for line in lines_of(folder)] == ["where: fundus/README"]


def test_photograph_outside_the_folder_is_not_opened(folder: Path) -> None:
    change_first_case(folder, fundus="../secret.png")
    (folder / FUNDUS).unlink()
    assert lines_of(folder)[0].startswith("E_PATH: bad path in fundus | where: cases.csv:2")
    assert len(lines_of(folder)) == 1


def test_answer_does_not_depend_on_the_number_of_threads(folder: Path) -> None:
    for name in ("text named png", "same B-scan twice in a case", "extra file"):
        DAMAGE[name][0](folder)
    one, many = (check_dataset(folder, workers=n) for n in (1, 5))
    assert [p.line() for p in one.problems] == [p.line() for p in many.problems]
    assert len(one.problems) == 3


def test_progress_is_told_case_by_case(clean: Path) -> None:
    told: list[tuple[int, int]] = []
    check_dataset(clean, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    assert lines_of(tmp_path / "nowhere")[0].startswith("E_MISSING: no such folder")


def test_phantom_is_clean(tiny_phantom: object) -> None:
    report = check_dataset(tiny_phantom.folder)  # type: ignore[attr-defined]
    assert report.problems == ()
    assert report.truth_hash is not None
