"""Reading a dataset folder: splits, pictures, and the two hashes that pin it."""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from PIL import Image
from small_dataset import small_cases, write_small_dataset, write_table

from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import LONGEST, VERSION, Dataset, inspect_dataset, read_dataset
from fundus2oct.benchmark.picture_file import png_bytes
from fundus2oct.benchmark.result_file import result_schema
from fundus2oct.metrics.errors import BenchError, BenchErrors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_small_dataset(tmp_path / "small")


def case_of(dataset: Dataset, name: str) -> Case:
    return next(case for case in dataset.cases if case.case_id == name)


def test_description_and_cases_are_read(folder: Path) -> None:
    dataset = read_dataset(folder)
    assert (dataset.name, dataset.version, dataset.licence) == ("small", "1", "CC0-1.0")
    assert list(dataset.cases) == small_cases()
    assert dataset.splits == ("train", "test", "val")


def test_split_is_sorted_by_case_id_and_an_unknown_one_is_refused(folder: Path) -> None:
    dataset = read_dataset(folder)
    dataset = replace(dataset, cases=dataset.cases[::-1])
    assert [case.case_id for case in dataset.split("train")] == ["case-a", "case-b"]
    with pytest.raises(BenchError, match=r"E_SPLIT: no such split.*expected: val, test, train . found: nothing"):
        dataset.split("nothing")


def test_pictures_come_in_the_fixed_shapes(folder: Path) -> None:
    dataset = read_dataset(folder)
    case = case_of(dataset, "case-a")
    assert dataset.fundus(case).shape == (224, 240, 3)
    assert dataset.volume(case).shape == (6, 320, 448)
    assert dataset.volume(case).dtype == np.uint8


def test_volume_of_a_case_without_truth_is_refused(folder: Path) -> None:
    dataset = read_dataset(folder)
    with pytest.raises(BenchError, match=r"E_TRUTH: the truth of this case is not in this copy.*case case-d"):
        dataset.volume(case_of(dataset, "case-d"))


def test_bscans_may_be_jpeg_even_when_the_first_is_missing(folder: Path) -> None:
    dataset = read_dataset(folder)
    stack = folder / "oct" / "case-a"
    for path in sorted(stack.iterdir()):
        Image.open(path).save(path.with_suffix(".jpg"))
        path.unlink()
    assert dataset.volume(dataset.cases[0]).shape == (6, 320, 448)
    (stack / "case-a_0.jpg").unlink()
    assert {path.suffix for path in dataset.bscan_paths(dataset.cases[0])} == {".jpg"}


def test_copy_without_truth_has_the_same_inputs_hash(folder: Path, tmp_path: Path) -> None:
    public = tmp_path / "public"
    shutil.copytree(folder, public)
    shutil.rmtree(public / "oct")
    write_table(public, [replace(case, oct="") for case in small_cases()])
    whole, copy = read_dataset(folder), read_dataset(public)
    assert copy.inputs_hash() == whole.inputs_hash()
    assert copy.inputs_hash("test") == whole.inputs_hash("test")
    assert copy.truth_hash() != whole.truth_hash()


@pytest.mark.parametrize(
    ("changed", "inputs_differ", "truth_differs"),
    [("fundus/case-a.png", True, True), ("oct/case-a/case-a_5.png", False, True)],
)
def test_hashes_follow_the_pixels_they_pin(
    folder: Path, changed: str, inputs_differ: bool, truth_differs: bool
) -> None:
    before = (read_dataset(folder).inputs_hash(), read_dataset(folder).truth_hash())
    pixels = np.asarray(Image.open(folder / changed)).copy()
    pixels.flat[0] ^= 1
    (folder / changed).write_bytes(png_bytes(pixels))
    after = (read_dataset(folder).inputs_hash(), read_dataset(folder).truth_hash())
    assert [a != b for a, b in zip(before, after, strict=True)] == [inputs_differ, truth_differs]


def test_hashes_do_not_depend_on_the_order_of_rows_or_on_how_a_png_is_packed(folder: Path) -> None:
    before = read_dataset(folder).truth_hash()
    (folder / "fundus/case-a.png").write_bytes(png_bytes(read_dataset(folder).fundus(small_cases()[0]), level=9))
    dataset = read_dataset(folder)
    assert replace(dataset, cases=dataset.cases[::-1]).truth_hash() == before


def test_hash_of_one_split_ignores_the_others(folder: Path) -> None:
    before = read_dataset(folder).truth_hash("test")
    (folder / "fundus/case-a.png").write_bytes(png_bytes(np.zeros((224, 240, 3), np.uint8)))
    assert read_dataset(folder).truth_hash("test") == before


def test_broken_description_and_broken_table_are_told_together(folder: Path) -> None:
    text = (folder / "dataset.toml").read_text()
    text = text.replace('name = "small"', 'name = "Small Set"').replace("true", '"yes"').replace("20.23", "20.0")
    (folder / "dataset.toml").write_text(text)
    write = replace(small_cases()[0], eye="X")
    (folder / "cases.csv").write_text((folder / "cases.csv").read_text().replace(",L,train", ",X,train"))
    with pytest.raises(BenchErrors) as caught:
        read_dataset(folder)
    assert [problem.code for problem in caught.value.problems] == ["E_MANIFEST", "E_NAME", "E_MANIFEST", "E_EYE"]
    assert write.eye in caught.value.problems[-1].line()


@pytest.mark.parametrize("text", ["", "name = ", "\udcff"])
def test_description_that_is_no_toml_leaves_the_table_readable(folder: Path, text: str) -> None:
    (folder / "dataset.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    dataset, problems = inspect_dataset(folder)
    assert dataset is not None
    assert len(dataset.cases) == 4
    assert problems[0].code in ("E_EMPTY", "E_MANIFEST")


def with_key(folder: Path, key: str, value: str) -> Path:
    path = folder / "dataset.toml"
    path.write_text(tomli_w.dumps(tomllib.loads(path.read_text()) | {key: value}))
    return folder


@pytest.mark.parametrize(("key", "longest"), [("title", 200), ("description", 4000), ("licence", 200)])
def test_a_text_that_no_result_has_room_for_is_refused_at_reading(folder: Path, key: str, longest: int) -> None:
    assert getattr(read_dataset(with_key(folder, key, "µ" * longest)), key) == "µ" * longest
    with pytest.raises(BenchError, match=rf"E_MANIFEST: key '{key}' is too long .*most {longest} .*{longest + 1}") as e:
        read_dataset(with_key(folder, key, "µ" * (longest + 1)))
    assert e.value.exit_code == 3


@pytest.mark.parametrize("version", ["", "1 2", "../1", "1\n", "1" * 33])
def test_a_version_that_no_result_can_carry_is_refused_at_reading(folder: Path, version: str) -> None:
    with pytest.raises(BenchError, match="E_NAME: bad dataset version"):
        read_dataset(with_key(folder, "version", version))


def test_lengths_and_patterns_are_those_of_the_result_schema() -> None:
    of = result_schema()["properties"]["dataset"]["properties"]
    assert {key: of[key]["maxLength"] for key in of if "maxLength" in of[key]} == LONGEST
    assert of["version"]["pattern"] == f"^{VERSION.pattern}(?!\\n)$"


def test_missing_scan_table_is_told(folder: Path) -> None:
    text = (folder / "dataset.toml").read_text().split("[scan]")[0]
    (folder / "dataset.toml").write_text(text)
    with pytest.raises(BenchError, match=r"E_MANIFEST: table \[scan\] is missing"):
        read_dataset(folder)


def test_folder_without_table_names_the_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BenchErrors) as caught:
        read_dataset(tmp_path)
    assert [Path(problem.where).name for problem in caught.value.problems] == ["dataset.toml", "cases.csv"]
