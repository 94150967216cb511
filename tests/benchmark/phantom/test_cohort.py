"""A cohort is the same for everybody, keeps patients apart, and leaves nothing half-made."""

from __future__ import annotations

import csv
import filecmp
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fundus2oct.benchmark.phantom import cohort
from fundus2oct.benchmark.phantom.cohort import write_cohort
from fundus2oct.benchmark.phantom.cohort_plan import PROFILES, plan_cohort
from fundus2oct.benchmark.phantom.content_hash import content_hash, differing_libraries
from fundus2oct.metrics.errors import BenchError

GOLDEN = Path(__file__).parents[2] / "golden" / "phantom_mini.json"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cohort") / "tiny"
    write_cohort(out, profile="tiny", seed=3, workers=1)
    return out


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_two_workers_write_the_same_bytes_as_one(tiny: Path, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    write_cohort(tmp_path / "again", profile="tiny", seed=3, workers=2, on_progress=lambda *at: done.append(at))
    files = sorted(path.relative_to(tiny) for path in tiny.rglob("*") if path.is_file())
    assert len(files) == 3 + 7 * 8
    same, _, _ = filecmp.cmpfiles(tiny, tmp_path / "again", [str(path) for path in files], shallow=False)
    assert len(same) == len(files)
    assert done == [(i + 1, 7) for i in range(7)]


def test_another_seed_gives_other_pictures() -> None:
    assert {case.source_id for case in plan_cohort("mini", 0)} != {case.source_id for case in plan_cohort("mini", 1)}


def test_pictures_have_the_fixed_shapes(tiny: Path) -> None:
    for row in table(tiny / "cases.csv"):
        fundus = np.asarray(Image.open(tiny / row["fundus"]))
        assert fundus.shape == (512, 512, 3)
        for i in range(6):
            bscan = np.asarray(Image.open(tiny / row["oct"] / f"{row['case_id']}_{i}.png"))
            assert bscan.shape == (320, 448)
            assert bscan.dtype == np.uint8


def test_the_dataset_says_what_it_is(tiny: Path) -> None:
    told = tomllib.loads((tiny / "dataset.toml").read_text("utf-8"))
    assert told["name"] == "phantom-tiny"
    assert told["pictures_may_be_published"] is True
    assert told["scan"]["shape"] == [6, 320, 448]
    assert told["origin"]["seed"] == 3
    assert "no clinical evidence" in told["description"]


def test_the_table_given_to_generators_holds_no_truth(tiny: Path) -> None:
    columns = table(tiny / "cases.csv")[0].keys()
    assert not {"disease", "severity", "central_subfield_um"} & set(columns)
    labels = table(tiny / "sidecar" / "labels.csv")
    assert [row["case_id"] for row in labels] == [row["case_id"] for row in table(tiny / "cases.csv")]
    assert all(180.0 < float(row["central_subfield_um"]) < 700.0 for row in labels)


@pytest.mark.parametrize("profile", ["mini", "v1"])
def test_patients_never_cross_splits_and_three_in_four_have_two_eyes(profile: str) -> None:
    plan = plan_cohort(profile, 0)
    splits: dict[str, set[str]] = {}
    eyes: dict[str, set[str]] = {}
    for case in plan:
        splits.setdefault(case.patient_id, set()).add(case.split)
        eyes.setdefault(case.patient_id, set()).add(case.eye)
    assert all(len(found) == 1 for found in splits.values())
    assert np.mean([len(found) == 2 for found in eyes.values()]) == pytest.approx(0.75, abs=0.04)
    for split, size in PROFILES[profile].items():
        assert sum(case.split == split for case in plan) == size


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_split_of_mini_holds_every_disease(split: str) -> None:
    found = {case.disease for case in plan_cohort("mini", 0) if case.split == split}
    assert len(found) == 6


def test_names_tell_nothing_of_split_or_disease() -> None:
    plan = plan_cohort("v1", 0)
    rank = np.arange(len(plan)) / len(plan)
    for trait in ([case.split == "test" for case in plan], [case.disease != "none" for case in plan]):
        inside = rank[np.array(trait)]
        assert abs(inside.mean() - 0.5) < 4 * np.sqrt(1 / 12 / len(inside) * 2)


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(BenchError, match="E_EXISTS"):
        write_cohort(tmp_path / "out", profile="tiny")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine.txt"]


def test_an_unknown_profile_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"E_PROFILE.*found: huge"):
        write_cohort(tmp_path / "out", profile="huge")


def test_a_writer_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cohort, "write_case", fail)
    with pytest.raises(BenchError, match=r"E_DISK.*No space left"):
        write_cohort(tmp_path / "out", profile="tiny", workers=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_every_fourth_eye_of_mini_has_the_pinned_content(tmp_path: Path) -> None:
    pinned = json.loads(GOLDEN.read_text("utf-8"))
    plan = plan_cohort("mini", pinned["seed"])
    for folder in ("fundus", "oct", "sidecar/surfaces"):
        (tmp_path / folder).mkdir(parents=True)
    rows = [cohort.write_case(tmp_path, case, "mini", pinned["seed"]) for case in plan[::4]]
    (tmp_path / "cases.csv").write_text(json.dumps([[vars(case) for case in plan], rows]), encoding="utf-8")
    assert content_hash(tmp_path) == pinned["every_fourth_sha256"], differing_libraries(pinned["made_with"])


def test_a_changed_library_is_named() -> None:
    pinned = json.loads(GOLDEN.read_text("utf-8"))["made_with"]
    assert "numpy 0.1 ->" in differing_libraries(pinned | {"numpy": "0.1"})
