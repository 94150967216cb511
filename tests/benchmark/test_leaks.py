"""`bench data leaks`: each kind of leak is planted and found; clean data and different eyes raise no alarm."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from altered_photographs import FOUND, Photograph
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fundus2oct.benchmark import cli, leak_hashes
from fundus2oct.benchmark.case_table import Case, cases_text
from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.benchmark.leak_check import check_leaks
from fundus2oct.benchmark.leak_names import order_p_value
from fundus2oct.benchmark.picture_file import png_bytes

N_PATIENTS = 12


@pytest.fixture(scope="module")
def clean(tiny_phantom: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hidden split with random names and no labels: nothing to find. Not to be written to."""
    folder = tmp_path_factory.mktemp("clean") / "data"
    (folder / "fundus").mkdir(parents=True)
    shutil.copy(tiny_phantom.folder / "dataset.toml", folder)
    hidden = tiny_phantom.split("test")
    names = [f"{name:08x}" for name in np.random.default_rng(3).integers(0, 2**32, len(hidden))]
    cases = []
    for case, name in zip(hidden, names, strict=True):
        path = f"fundus/{name}.png"
        (folder / path).write_bytes(png_bytes(tiny_phantom.fundus(case)))
        cases.append(replace(case, case_id=name, source_id=name, fundus=path, oct=""))
    (folder / "cases.csv").write_text(cases_text(cases), "utf-8")
    return folder


@pytest.fixture
def data(clean: Path, tmp_path: Path) -> Path:
    """The same in a folder that a test may change."""
    shutil.copytree(clean, tmp_path / "held-out")
    return tmp_path / "held-out"


Leaks = Callable[..., tuple[int, list[dict[str, str]]]]


@pytest.fixture
def leaks(data: Path, capsys: pytest.CaptureFixture[str]) -> Leaks:
    """Runs the command on ``data``; returns its exit code and its findings."""

    def run(*public: Path) -> tuple[int, list[dict[str, str]]]:
        capsys.readouterr()
        given = [part for folder in public for part in ("--public", str(folder))]
        code = cli.run(["--quiet", "data", "leaks", "--held-out", str(data), "--json", *given])
        return code, json.loads(capsys.readouterr().out)

    return run


def photographs(folder: Path) -> list[Photograph]:
    dataset = read_dataset(folder)
    return [dataset.fundus(case) for case in dataset.cases]


def test_clean_data_and_other_people_s_eyes_raise_no_alarm(leaks: Leaks, tiny_phantom: Dataset, tmp_path: Path) -> None:
    public = tmp_path / "public"
    public.mkdir()
    for case in tiny_phantom.split("train"):
        shutil.copy(tiny_phantom.folder / case.fundus, public)
    assert len(list(public.iterdir())) >= 2
    assert leaks(public) == (0, [])


@pytest.mark.parametrize("alter", FOUND.values(), ids=FOUND.keys())
def test_an_altered_copy_is_found_and_no_other_eye_is_named(
    alter: Callable[[Photograph], Photograph], clean: Path, tmp_path: Path
) -> None:
    first, *others = photographs(clean)
    (tmp_path / "copy.png").write_bytes(png_bytes(alter(first)))
    found = [f for f in check_leaks(read_dataset(clean), "test", [tmp_path]) if f.kind in ("look-alike", "same-pixels")]
    assert len(others) >= 1
    assert len(found) == 1
    assert found[0].where.startswith(read_dataset(clean).cases[0].case_id)


def test_the_same_file_and_the_same_pixels_are_told_apart_from_a_likeness(
    leaks: Leaks, data: Path, tmp_path: Path
) -> None:
    public = tmp_path / "public" / "deep"
    public.mkdir(parents=True)
    path = data / read_dataset(data).cases[0].fundus
    shutil.copy(path, public / "a.png")
    (public / "b.png").write_bytes(png_bytes(photographs(data)[0], level=1))
    Image.fromarray(photographs(data)[0]).save(public / "c.jpg", quality=50)
    code, found = leaks(public.parent)
    assert code == 3
    assert [finding["kind"] for finding in found] == ["same-file", "same-pixels", "look-alike"]


def test_two_eyes_of_the_phantom_are_never_taken_for_one(tiny_phantom: Dataset) -> None:
    squares = [leak_hashes.field_square(tiny_phantom.fundus(case)) for case in tiny_phantom.cases]
    hashes = np.stack([leak_hashes.turned_hashes(square) for square in squares])
    bits = leak_hashes.distances(hashes, hashes)
    assert (bits.diagonal() == 0).all()
    assert bits[~np.eye(len(bits), dtype=bool)].min() > leak_hashes.NEAR_BITS
    assert (bits == bits.T).mean() > 0.5


def rewrite(folder: Path, change: Callable[[Case], Case]) -> None:
    """Change every row of the table; photographs follow their names."""
    cases = read_dataset(folder).cases
    changed = [change(case) for case in cases]
    for old, new in zip(cases, changed, strict=True):
        (folder / old.fundus).rename(folder / new.fundus)
    (folder / "cases.csv").write_text(cases_text(changed), "utf-8")


def test_names_that_tell_the_patient_are_found(leaks: Leaks, data: Path) -> None:
    rewrite(data, lambda case: replace(case, case_id=f"{case.patient_id}-{case.case_id[:2]}"))
    code, found = leaks()
    assert (code, [finding["kind"] for finding in found]) == (3, ["patient-in-name"])
    assert found[0]["where"] == "case_id"


def test_names_that_tell_a_label_are_found(leaks: Leaks, data: Path) -> None:
    diseases = dict(
        zip((case.case_id for case in read_dataset(data).cases), ["amd", "none", "dme", "amd"], strict=False)
    )
    (data / "sidecar").mkdir()
    rows = "\n".join(f"{case_id},{disease}" for case_id, disease in diseases.items())
    (data / "sidecar/labels.csv").write_text(f"case_id,disease\n{rows}\n", "utf-8")
    assert leaks() == (0, [])
    rewrite(data, lambda case: replace(case, fundus=f"fundus/{case.case_id}-{diseases[case.case_id]}.png"))
    code, found = leaks()
    assert (code, found[0]["kind"], found[0]["where"]) == (3, "label-in-name", "file name, disease")


def test_patients_and_sources_of_another_set_are_found(leaks: Leaks, data: Path, tiny_phantom: Dataset) -> None:
    code, found = leaks(tiny_phantom.folder)
    assert (code, {finding["kind"] for finding in found}) == (3, {"patient-overlap", "same-pixels"})
    sources = iter([tiny_phantom.split("train")[0].source_id, "another"])
    rewrite(data, lambda case: replace(case, source_id=next(sources, case.source_id)))
    assert "source-overlap" in {finding["kind"] for finding in leaks(tiny_phantom.folder)[1]}


def test_the_hidden_split_is_not_compared_with_itself(leaks: Leaks, data: Path) -> None:
    assert leaks(data) == (0, [])


def with_text(path: Path) -> None:
    text = PngInfo()
    text.add_text("Comment", "patient 17")
    Image.open(path).save(path, pnginfo=text)


def with_exif(path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Topcon"
    Image.open(path).save(path, exif=exif)


def with_a_tail(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"patient 17")


def as_a_jpeg_with_a_comment(path: Path) -> None:
    Image.open(path).convert("RGB").save(path, "JPEG", comment="patient 17")


@pytest.mark.parametrize("plant", [with_text, with_exif, with_a_tail, as_a_jpeg_with_a_comment])
def test_metadata_in_a_photograph_is_found(plant: Callable[[Path], None], leaks: Leaks, data: Path) -> None:
    path = data / read_dataset(data).cases[0].fundus
    plant(path)
    code, found = leaks()
    assert (code, [(f["kind"], f["where"]) for f in found]) == (3, [("metadata", path.name)])


def test_a_plain_jpeg_holds_no_metadata(leaks: Leaks, data: Path) -> None:
    path = data / read_dataset(data).cases[0].fundus
    Image.open(path).convert("RGB").save(path, "JPEG")
    assert leaks() == (0, [])


def test_a_photograph_that_cannot_be_read_is_told(leaks: Leaks, data: Path) -> None:
    path = data / read_dataset(data).cases[0].fundus
    path.write_bytes(b"not a picture")
    code, found = leaks()
    assert (code, found[0]["kind"]) == (3, "unreadable")


def test_a_folder_without_pictures_is_a_mistake(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nothing").mkdir()
    assert cli.run(["data", "leaks", "--held-out", str(data), "--public", str(tmp_path / "nothing")]) == 3
    assert "E_MISSING: no pictures to compare with" in capsys.readouterr().err


SORTED: dict[str, Sequence[str]] = {
    "words": ["none"] * 8 + ["amd"] * 8,
    "numbers": [str(0.5 * i) for i in range(16)],
    "numbers downwards": [str(-0.5 * i) for i in range(16)],
}


@pytest.mark.parametrize("values", SORTED.values(), ids=SORTED.keys())
def test_an_order_that_follows_a_label_is_noticed(values: Sequence[str]) -> None:
    assert order_p_value(values, np.random.default_rng(0)) < 0.002


@pytest.mark.parametrize("values", [SORTED["words"], SORTED["numbers"]], ids=["words", "numbers"])
def test_a_random_order_is_called_telling_no_more_often_than_it_should(values: Sequence[str]) -> None:
    rng = np.random.default_rng(1)
    n = 200
    alarms = sum(order_p_value(list(rng.permutation(values)), rng, permutations=200) < 0.05 for _ in range(n))
    assert alarms <= 0.05 * n + 3 * (n * 0.05 * 0.95) ** 0.5


def test_a_table_sorted_by_a_label_is_found(tmp_path: Path, tiny_phantom: Dataset) -> None:
    picture = png_bytes(tiny_phantom.fundus(tiny_phantom.cases[0]))
    (tmp_path / "fundus").mkdir()
    shutil.copy(tiny_phantom.folder / "dataset.toml", tmp_path)
    cases = []
    for number in range(2 * N_PATIENTS):
        name = f"{np.random.default_rng(number).integers(2**32):08x}"
        (tmp_path / f"fundus/{name}.png").write_bytes(picture)
        os.utime(tmp_path / f"fundus/{name}.png", (1e9 + number, 1e9 + number))
        columns = {"disease": "none" if number < N_PATIENTS else "amd"}
        cases.append(
            Case(
                case_id=name,
                source_id=name,
                patient_id=f"p{number}",
                eye="L",
                split="test",
                fundus=f"fundus/{name}.png",
                oct="",
                columns=columns,
            )
        )
    (tmp_path / "cases.csv").write_text(cases_text(cases), "utf-8")
    found = [f for f in check_leaks(read_dataset(tmp_path), "test", []) if f.kind == "order-tells-label"]
    assert [finding.where for finding in found] == ["order of the table's rows"]
    shuffled = [cases[i] for i in np.random.default_rng(5).permutation(len(cases))]
    (tmp_path / "cases.csv").write_text(cases_text(shuffled), "utf-8")
    found = [f for f in check_leaks(read_dataset(tmp_path), "test", []) if f.kind == "order-tells-label"]
    assert [finding.where for finding in found] == ["order of the files' times"]
