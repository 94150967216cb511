"""Importing the challenge's files: both kinds of OCT picture, names, splits; broken ones are refused whole."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from aptos_raw import TRAIN, VAL, fundus, report, texture, with_mark, write_jpeg, write_raw, write_table
from PIL import Image

from fundus2oct.benchmark.aptos_import import (
    AptosImport,
    bscan_from_export,
    case_id,
    import_aptos,
    patient_splits,
    read_export,
)
from fundus2oct.benchmark.aptos_layout import RawEye
from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.cli import run
from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.benchmark.dataset_check import check_dataset
from fundus2oct.benchmark.scale_mark import fill_scale_mark
from fundus2oct.metrics.errors import BenchError, BenchErrors


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_raw(tmp_path_factory.mktemp("aptos") / "raw")


@pytest.fixture(scope="module")
def imported(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    out = tmp_path_factory.mktemp("imported") / "aptos"
    import_aptos(AptosImport(source=raw, out=out, test_fraction=0.25))
    return read_dataset(out)


@pytest.fixture(scope="module")
def little_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_raw(tmp_path_factory.mktemp("little") / "raw", train=TRAIN[:3], val=VAL[:1])


@pytest.fixture
def little(little_raw: Path, tmp_path: Path) -> Path:
    return shutil.copytree(little_raw, tmp_path / "raw")


def case_of(dataset: Dataset, stem: str) -> Case:
    return next(case for case in dataset.cases if case.source_id == stem)


def test_import_passes_the_check_of_datasets(imported: Dataset) -> None:
    report_ = check_dataset(imported.folder)
    assert report_.problems == ()
    assert {split.split: split.with_truth > 0 for split in report_.splits} == {
        "train": True,
        "test": True,
        "val": False,
    }


def test_pictures_of_challenge_data_may_not_be_published(imported: Dataset) -> None:
    assert imported.name == "aptos2024"
    assert imported.pictures_may_be_published is False


def test_source_id_eye_and_patient_come_from_table_and_file_name(imported: Dataset) -> None:
    found = {(case.patient_id, case.source_id, case.eye) for case in imported.cases}
    assert found == {(patient, stem, stem[-1]) for patient, stem in (*TRAIN, *VAL)}


def test_val_keeps_its_split_and_has_no_truth(imported: Dataset) -> None:
    assert {case.source_id for case in imported.split("val")} == {stem for _, stem in VAL}
    assert not any(case.has_truth for case in imported.split("val"))


@pytest.mark.parametrize("stem", [TRAIN[0][1], TRAIN[-1][1]], ids=["report export", "bare B-scan"])
def test_volume_is_the_bscan_without_mark_resized_over_its_whole_extent(imported: Dataset, stem: str) -> None:
    rng = np.random.default_rng([len(TRAIN), [s for _, s in TRAIN].index(stem)])
    fundus(rng)
    wanted = np.stack([bscan_from_export(texture(rng)) for _ in range(6)]).astype(float)
    volume = imported.volume(case_of(imported, stem)).astype(float)
    assert volume.shape == (6, 320, 448)
    assert np.abs(volume - wanted).mean() < 1.5
    assert np.abs(volume[:, 272:, :44] - wanted[:, 272:, :44]).max() < 16


def test_resize_keeps_mean_and_place() -> None:
    rows, columns = np.mgrid[:496, :768]
    small = bscan_from_export((rows * 0.3 + columns * 0.1).astype(np.uint8))
    y, x = np.mgrid[:320, :448]
    wanted = ((y + 0.5) * 496 / 320 - 0.5) * 0.3 + ((x + 0.5) * 768 / 448 - 0.5) * 0.1 - 0.5
    assert np.abs(small.astype(float) - wanted)[2:260, 2:-2].max() < 1.2


def test_resize_is_antialiased() -> None:
    stripes = np.zeros((496, 768), np.uint8)
    stripes[:, ::2] = 200
    assert bscan_from_export(stripes)[:200].std() < 20


def test_photograph_keeps_its_very_pixels_and_loses_its_metadata(imported: Dataset, raw: Path) -> None:
    stem = TRAIN[0][1]
    case = case_of(imported, stem)
    data = (imported.folder / case.fundus).read_bytes()
    original = raw / "train" / "CF" / f"{stem}.jpg"
    assert b"SECRET" in original.read_bytes()
    assert b"SECRET" not in data
    assert b"2024:01:31" not in data
    assert np.array_equal(imported.fundus(case), np.asarray(Image.open(original)))


def test_names_and_order_tell_nothing_of_split_or_source(imported: Dataset) -> None:
    names = [case.case_id for case in imported.cases]
    assert names == sorted(names)
    assert not any(case.source_id[:6] in case.case_id + case.fundus + case.oct for case in imported.cases)


def test_same_seed_same_bytes_and_another_seed_another_name(raw: Path, imported: Dataset, tmp_path: Path) -> None:
    import_aptos(AptosImport(source=raw, out=tmp_path / "same", test_fraction=0.25))
    assert read_dataset(tmp_path / "same").truth_hash() == imported.truth_hash()
    assert case_id(TRAIN[0][1], 0) in {case.case_id for case in imported.cases}
    assert case_id(TRAIN[0][1], 1) not in {case.case_id for case in imported.cases}


def raw_eye(number: int) -> RawEye:
    return RawEye(
        patient_id=f"p{number // 2}", stem=f"{number}L", eye="L", part="train", fundus=Path(), bscans=(), where=""
    )


def test_split_is_by_patient_and_independent_of_row_order() -> None:
    eyes = [raw_eye(number) for number in range(40)]
    splits = patient_splits(eyes, seed=3, test_fraction=0.25)
    assert sum(split == "test" for split in splits.values()) == 5
    assert patient_splits(eyes[::-1], seed=3, test_fraction=0.25) == splits
    assert patient_splits(eyes, seed=4, test_fraction=0.25) != splits


def test_training_data_alone_is_enough(little: Path, tmp_path: Path) -> None:
    shutil.rmtree(little / "val")
    import_aptos(AptosImport(source=little, test_fraction=0.5, out=tmp_path / "out"))
    assert set(read_dataset(tmp_path / "out").splits) == {"train", "test"}


def test_patient_in_both_tables_is_refused_until_told_to_leave_pairs_out(little: Path, tmp_path: Path) -> None:
    write_table(little / "val" / "val.csv", [("1", f"{VAL[0][1]}.jpg")])
    with pytest.raises(BenchErrors) as caught:
        import_aptos(AptosImport(source=little, out=tmp_path / "out"))
    assert "patient 1 is in train.csv and in val.csv" in caught.value.problems[0].line()
    import_aptos(AptosImport(source=little, out=tmp_path / "out", drop_shared=True))
    splits = {case.split for case in read_dataset(tmp_path / "out").cases if case.patient_id == "1"}
    assert splits == {"val"}


def test_coloured_overlay_in_the_bscan_is_refused_and_one_beside_it_is_not(tmp_path: Path) -> None:
    pixels = texture(np.random.default_rng(0))
    page = report(with_mark(pixels))
    write_jpeg(tmp_path / "beside.jpg", page)
    assert np.abs(fill_scale_mark(read_export(tmp_path / "beside.jpg")) - fill_scale_mark(pixels)).mean() < 4
    page[100:120, 600:900] = (255, 0, 0)
    write_jpeg(tmp_path / "over.jpg", page)
    with pytest.raises(BenchError, match=r"E_STACK: the B-scan has colours.*expected: greyscale"):
        read_export(tmp_path / "over.jpg")


OCT = "train/OCT/o000001-01L"
BSCAN = f"{OCT}/o000001-01L_2.jpg"
CF = "train/CF/000001-01L.jpg"


def write_train(source: Path, *changes: tuple[int, tuple[str, str, str]]) -> None:
    rows = [(patient, f"{stem}.jpg", f"o{stem}") for patient, stem in TRAIN[:3]]
    for number, row in changes:
        rows[number] = row
    write_table(source / "train" / "train.csv", rows)


def turned(source: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.open(source / CF).save(source / CF, exif=exif)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def png_bytes_of(size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", size, 9).save(buffer, "JPEG")
    return buffer.getvalue()


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "csv without a column": (
        lambda s: (s / "train/train.csv").write_text("PID,CF_path\n1,000001-01L.jpg\n"),
        "E_COLUMN: column missing: OCT_path | where: train/train.csv"
        " | expected: PID,CF_path,OCT_path | found: PID, CF_path",
    ),
    "row without B-scans": (
        lambda s: shutil.rmtree(s / OCT),
        f"E_MISSING: the B-scans of this row are missing | where: train/train.csv:2 | expected: {OCT}/",
    ),
    "row without photograph": (
        lambda s: (s / CF).unlink(),
        f"E_MISSING: the photograph of this row is missing | where: train/train.csv:2 | expected: {CF}",
    ),
    "five B-scans": (
        lambda s: (s / BSCAN).unlink(),
        f"E_STACK: wrong number of B-scans | where: train/train.csv:2 | expected: 6 B-scans in {OCT}"
        " | found: 5; missing: o000001-01L_2.jpg",
    ),
    "truncated B-scan": (
        lambda s: truncated(s / BSCAN),
        f"E_FORMAT: not a readable picture | where: {BSCAN}",
    ),
    "truncated photograph": (
        lambda s: truncated(s / CF),
        f"E_FORMAT: not a readable picture | where: {CF}",
    ),
    "text named jpg": (
        lambda s: (s / BSCAN).write_text("see attachment"),
        f"E_FORMAT: not a readable picture | where: {BSCAN} | expected: PNG or JPEG | found: not an image",
    ),
    "B-scan of another size": (
        lambda s: (s / BSCAN).write_bytes(png_bytes_of((1024, 495))),
        f"E_SHAPE: wrong size of OCT picture | where: {BSCAN} | expected: 496 high x 768 wide, or a report export",
    ),
    "grey photograph": (
        lambda s: (s / CF).write_bytes(png_bytes_of((320, 240))),
        f"E_STACK: wrong kind of pixels | where: {CF} | expected: 8-bit RGB | found: L",
    ),
    "small photograph": (
        lambda s: write_jpeg(s / CF, np.zeros((223, 320, 3), np.uint8)),
        f"E_SHAPE: photograph is too small | where: {CF} | expected: both sides >= 224 | found: 223 high x 320 wide",
    ),
    "photograph that asks to be turned": (
        turned,
        f"E_STACK: picture asks to be shown turned | where: {CF} | expected: EXIF orientation 1 or none | found: 3",
    ),
    "eye not told": (
        lambda s: write_train(s, (1, ("1", "000001-02X.jpg", "o"))),
        "E_EYE: CF_path does not tell the eye | where: train/train.csv:3",
    ),
    "path out of the folder": (
        lambda s: write_train(s, (1, ("1", "../../000001-02R.jpg", "o"))),
        "E_NAME: bad name in CF_path | where: train/train.csv:3",
    ),
    "no patient": (
        lambda s: write_train(s, (1, (" ", "000001-02R.jpg", "o000001-02R"))),
        "E_PATIENT: PID is empty | where: train/train.csv:3",
    ),
    "same row twice": (
        lambda s: write_train(s, (1, ("1", "000001-01L.jpg", "o000001-02R"))),
        "E_DUPLICATE: two rows name the same photograph | where: train/train.csv:3",
    ),
    "same OCT twice": (
        lambda s: write_train(s, (1, ("1", "000001-02R.jpg", "o000001-01L"))),
        "E_DUPLICATE: two rows name the same OCT | where: train/train.csv:3",
    ),
    "another folder": (
        lambda s: (s / "train").rename(s / "training"),
        "E_MISSING: no folder train | where: . | fix: give the folder that holds train/train.csv",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_export_is_named_and_leaves_nothing_behind(
    little: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    damage, expected = BROKEN[name]
    damage(little)
    assert run(["data", "import", "aptos2024", str(little), "--out", str(tmp_path / "new" / "out")]) == 3
    errors = capsys.readouterr().err.replace(f"{little}/", "").replace(str(little), ".").splitlines()
    told = [line for line in errors if line.startswith("E_")]
    assert told[0].startswith(expected)
    assert len(told) == 2  # the problem and the count
    assert not list((tmp_path / "new").rglob("*"))


def test_all_problems_of_tables_and_pictures_are_told_at_once(
    little: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_train(little, (2, ("2", "000002-01R.jpg", "absent")))
    (little / BSCAN).write_text("text")
    truncated(little / "val/CF/000009-01L.jpg")
    assert run(["data", "import", "aptos2024", str(little), "--out", str(tmp_path / "out")]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines if "E_" in line] == ["E_MISSING", "E_FORMAT", "E_FORMAT", "E_MANY"]
    assert "Traceback" not in "".join(lines)


def test_destination_that_holds_something_is_left_alone(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert run(["data", "import", "aptos2024", str(raw), "--out", str(tmp_path)]) == 3
    assert capsys.readouterr().err.startswith("E_EXISTS: the destination exists | where: ")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_interrupted_import_leaves_nothing_behind(little_raw: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_aptos(AptosImport(source=little_raw, out=tmp_path / "out"), on_progress=interrupt)
    assert list(tmp_path.iterdir()) == []
