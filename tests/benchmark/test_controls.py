"""The controls: use of the photograph and memorisation, told apart on made cohorts, and the verdict they lead to."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from fundus2oct.benchmark import controls
from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.controls import DESCRIPTOR, FIELDS, Controls, ReducedVolumes, run_controls
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.scoring import CaseScores
from fundus2oct.benchmark.training_eyes import read_training_eyes
from fundus2oct.benchmark.value_cache import ValueCache
from fundus2oct.metrics.memorisation import descriptor
from fundus2oct.metrics.scan_geometry import mirror_volume

N = 12
RNG = np.random.default_rng(11)
TRAINING = RNG.integers(0, 256, (6, 6, 320, 448), dtype=np.uint8)
NEW = RNG.integers(0, 256, (N, 6, 320, 448), dtype=np.uint8)


def make_case(name: str, split: str) -> Case:
    return Case(
        case_id=name, source_id=name, patient_id=f"p-{name}", eye="R", split=split, fundus="f.png", oct=f"oct/{name}"
    )


@pytest.fixture
def dataset(monkeypatch: pytest.MonkeyPatch, small: Dataset) -> Dataset:
    """Six training volumes of noise, each of another patient."""
    cases = tuple(make_case(f"train-{i}", "train") for i in range(len(TRAINING)))
    monkeypatch.setattr(Dataset, "volume", lambda _, case: TRAINING[int(case.case_id.split("-")[1])])
    return dataclasses.replace(small, cases=cases)


def fields(central: np.ndarray) -> np.ndarray:
    """(N, 1, 18) fields, all as thick as the centre."""
    return np.repeat(np.asarray(central, float)[:, None, None], 18, axis=2)


def scores_of(truth_um: np.ndarray, drawn_um: np.ndarray, volumes: np.ndarray = NEW) -> CaseScores:
    cases = tuple(make_case(f"case-{i:02d}", "test") for i in range(N))
    described = descriptor(volumes)[:, None]
    return CaseScores(
        cases=cases,
        codes={},
        case_values={},
        features_truth={},
        features_generated={},
        reasons={},
        digests={case.case_id: controls.volume_digest(v) for case, v in zip(cases, volumes, strict=True)},
        measured={
            FIELDS.version: (fields(truth_um), fields(drawn_um)),
            DESCRIPTOR.version: (described, described),
        },
    )


def run(
    dataset: Dataset,
    folder: Path,
    scores: CaseScores,
    volumes: np.ndarray = NEW,
    truth: np.ndarray = NEW,
    disease: np.ndarray | None = None,
) -> Controls:
    cache, reduced = ValueCache(folder / "cache"), ReducedVolumes()
    reduced.add(list(zip(truth, volumes, strict=True)))
    return run_controls(scores, reduced, read_training_eyes(dataset, cache, "train"), cache, disease)


TRUTH = 250.0 + 10.0 * np.arange(N)


def test_an_entry_that_uses_the_photograph_and_draws_new_eyes_is_eligible(dataset: Dataset, tmp_path: Path) -> None:
    found = run(dataset, tmp_path, scores_of(TRUTH, TRUTH + 2))
    assert found.eligible == {"value": True, "reasons": []}
    assert found.public["photograph_gap"]["central"]["gap"]["low"] > 0
    assert found.public["memorisation"]["flagged"] == 0


def test_an_entry_that_ignores_the_photograph_is_not(dataset: Dataset, tmp_path: Path) -> None:
    found = run(dataset, tmp_path, scores_of(TRUTH, np.full(N, 300.0)))
    assert found.eligible["value"] is False
    assert "shuffled-fundus gap" in found.eligible["reasons"][0]


def test_copies_and_mirrored_copies_are_named_to_the_organiser(dataset: Dataset, tmp_path: Path) -> None:
    volumes = NEW.copy()
    volumes[0], volumes[1] = TRAINING[4], mirror_volume(TRAINING[2])
    found = run(dataset, tmp_path, scores_of(TRUTH, TRUTH, volumes))
    assert {case: name for case, (_, name) in found.flagged.items()} == {"case-00": "train-4", "case-01": "train-2"}
    assert found.public["memorisation"]["exact_copies"] == 2
    assert found.eligible["value"] is False


def test_a_copy_without_training_volumes_leaves_eligibility_open(small: Dataset, tmp_path: Path) -> None:
    found = run(dataclasses.replace(small, cases=()), tmp_path, scores_of(TRUTH, TRUTH))
    assert found.eligible["value"] is None
    assert "memorisation not assessed" in found.eligible["reasons"][0]


def test_an_eye_whose_truth_cannot_be_measured_is_left_out(dataset: Dataset, tmp_path: Path) -> None:
    truth = TRUTH.copy()
    truth[3] = np.nan
    gap = run(dataset, tmp_path, scores_of(truth, TRUTH)).public["photograph_gap"]["central"]["gap"]
    assert gap["n_cases"] == N - 1


def test_the_gap_of_ssim_is_clear_for_own_volumes_and_nothing_for_dealt_ones(dataset: Dataset, tmp_path: Path) -> None:
    own = run(dataset, tmp_path, scores_of(TRUTH, TRUTH)).public["photograph_gap"]["ssim"]["gap"]
    assert own["value"] > 0.5  # own pairs are copies here, strangers are other noise
    assert own["low"] > 0
    dealt = run(dataset, tmp_path, scores_of(TRUTH, TRUTH), volumes=np.roll(NEW, 1, axis=0))
    gap = dealt.public["photograph_gap"]["ssim"]["gap"]
    assert gap["value"] < 0  # the copy of one's own truth went to a stranger
    assert gap["p"] > 0.5


def test_strangers_of_the_same_disease_need_ten_patients(dataset: Dataset, tmp_path: Path) -> None:
    scores = scores_of(TRUTH, TRUTH)
    alike = run(dataset, tmp_path, scores, disease=np.array(["drusen"] * 11 + ["none"])).public["photograph_gap"]
    assert alike["central_same_disease"]["gap"]["n_cases"] == 11
    few = run(dataset, tmp_path, scores, disease=np.array(["drusen"] * 6 + ["none"] * 6)).public["photograph_gap"]
    assert few["central_same_disease"]["gap"] is None
    assert "10 patients" in few["central_same_disease"]["reason"]
    unknown = run(dataset, tmp_path, scores).public["photograph_gap"]["central_same_disease"]
    assert unknown["reason"] == "the dataset has no column disease"


def test_false_flags_among_real_eyes_are_reported(dataset: Dataset, tmp_path: Path) -> None:
    assert run(dataset, tmp_path, scores_of(TRUTH, TRUTH)).public["memorisation"]["flagged_real_eyes"] == 0
    copied = NEW.copy()
    copied[3] = TRAINING[0]
    scores = scores_of(TRUTH, TRUTH, copied)  # the "truth" of one case is a training volume
    assert run(dataset, tmp_path, scores).public["memorisation"]["flagged_real_eyes"] == 1
