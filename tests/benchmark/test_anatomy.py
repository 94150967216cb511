"""The cohort's tables: agreement, skill, detection and texture from features alone, failures counted as failures."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from fundus2oct.benchmark.anatomy import RADIAL, TEXTURE, anatomy_table, texture_table
from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.scoring import CaseScores
from fundus2oct.benchmark.training_eyes import THICKNESS, TrainingEyes

N = 8
CENTRAL = np.array([250.0, 260, 270, 280, 290, 330, 340, 350])


def make_case(i: int, split: str = "test") -> Case:
    eye = "RL"[i % 2]
    return Case(
        case_id=f"c{i}", source_id=f"c{i}", patient_id=f"p{i}", eye=eye, split=split, fundus="f.png", oct=f"oct/c{i}"
    )


def zones(central: np.ndarray, missing: np.ndarray | None = None) -> np.ndarray:
    """(n, 1, 12) features of volumes with rings 60 and 30 micrometres thicker than the centre."""
    thickness = np.stack([central, central + 60, central + 30], axis=1)
    flags = np.zeros((len(central), 6)) if missing is None else np.repeat(missing[:, None], 6, axis=1)
    return np.concatenate([thickness, np.nan_to_num(thickness), flags], axis=1)[:, None]


def make_scores(truth: np.ndarray, generated: np.ndarray, **measured: Any) -> CaseScores:
    cases = tuple(make_case(i) for i in range(N))
    return CaseScores(
        cases=cases,
        codes={},
        case_values={},
        features_truth={},
        features_generated={},
        reasons={},
        digests={case.case_id: case.case_id for case in cases},
        measured={THICKNESS.version: (truth, generated), **measured},
    )


@pytest.fixture
def training() -> TrainingEyes:
    """Four training eyes around 300 micrometres; the mean volume is drawn at 400."""
    rows = zones(np.array([290.0, 295, 305, 310]))[:, 0]
    mean_volume = zones(np.array([400.0]))[0, 0]
    return TrainingEyes(
        cases=tuple(make_case(i, "train") for i in range(4)),
        descriptors=np.empty((8, 2)),
        digests=frozenset(),
        zones=rows,
        mean_volume_zones={"R": mean_volume, "L": mean_volume},
    )


def test_a_constant_bias_shows_as_bias_without_limits(training: TrainingEyes) -> None:
    table = anatomy_table(make_scores(zones(CENTRAL), zones(CENTRAL + 5)), training)
    central = table["zones"]["central"]
    assert (central["bias"], central["mae"], central["calibration_slope"]) == (5.0, 5.0, pytest.approx(1.0))
    assert central["lower_limit"] == central["upper_limit"] == pytest.approx(5.0)
    assert table["missing_bscans"] == 0.0
    of_mean = np.abs(CENTRAL - 300).mean()
    assert central["skill"] == pytest.approx(1 - 5 / of_mean)
    assert central["skill_mean_volume"] == pytest.approx(1 - 5 / np.abs(CENTRAL - 400).mean())
    assert "mean thickness of 4 training eyes: central 300.0 µm" in table["reference"]


def test_the_mean_training_thickness_has_no_skill(training: TrainingEyes) -> None:
    table = anatomy_table(make_scores(zones(CENTRAL), zones(np.full(N, 300.0))), training)
    assert table["zones"]["central"]["skill"] == pytest.approx(0.0)
    assert table["zones"]["central"]["calibration_slope"] is None
    assert table["zones"]["central"]["response_slope"] == pytest.approx(0.0)


def test_thickening_is_found_missed_and_invented(training: TrainingEyes) -> None:
    drawn = CENTRAL.copy()
    drawn[5], drawn[0] = 300.0, 330.0  # one missed, one invented
    found = anatomy_table(make_scores(zones(CENTRAL), zones(drawn)), training)["detection"]
    assert [found[name] for name in ("true_positives", "false_negatives", "false_positives", "true_negatives")] == [
        2,
        1,
        1,
        4,
    ]
    assert found["sensitivity"]["value"] == pytest.approx(2 / 3)
    assert found["specificity"]["hits"] == 4


def test_an_eye_without_a_retina_is_a_failure(training: TrainingEyes) -> None:
    drawn, missing = CENTRAL.copy(), np.zeros(N)
    drawn[7], missing[7] = np.nan, 1.0
    table = anatomy_table(make_scores(zones(CENTRAL), zones(drawn, missing)), training)
    assert table["zones"]["central"]["n_failed"] == 1
    assert table["zones"]["central"]["bias"] == pytest.approx(-350 / N)
    assert table["detection"]["failed"] == 1
    assert table["missing_bscans"] == pytest.approx(1 / N)


def test_eyes_whose_truth_cannot_be_measured_are_left_out(training: TrainingEyes) -> None:
    truth = CENTRAL.copy()
    truth[2] = np.nan
    assert anatomy_table(make_scores(zones(truth), zones(CENTRAL)), training)["zones"]["central"]["n"] == N - 1
    nothing = anatomy_table(make_scores(zones(np.full(N, np.nan)), zones(CENTRAL)), training)
    assert nothing["zones"] is nothing["detection"] is None
    assert "could not be measured" in nothing["reason"]


def test_without_training_volumes_there_is_no_skill(training: TrainingEyes) -> None:
    alone = dataclasses.replace(training, cases=(), zones=np.empty((0, 0)), mean_volume_zones={})
    table = anatomy_table(make_scores(zones(CENTRAL), zones(CENTRAL + 5)), alone)
    assert table["zones"]["inner"]["skill"] is None
    assert "no skill" in table["reference"]


def test_texture_ratios_are_geometric_and_leave_failures_out(training: TrainingEyes) -> None:
    grain, power = np.full((N, 1, 6), 0.2), np.full((N, 1, 6), 40.0)
    real = np.concatenate([grain, power], axis=2)
    drawn = np.concatenate([grain / 2, power / 10], axis=2)
    radial = np.full((N, 1, 1), 0.3), np.full((N, 1, 1), 0.6)
    scores = make_scores(zones(CENTRAL), zones(CENTRAL), **{TEXTURE.version: (real, drawn), RADIAL.version: radial})
    assert texture_table(scores) == pytest.approx(
        {"speckle_contrast_ratio": 0.5, "fine_power_ratio": 0.1, "radial_disagreement_ratio": 2.0}
    )
    drawn[0] = 1e-3  # a failed case is all black
    failed = dataclasses.replace(scores, codes={"c0": "E_PLUGIN"})
    assert texture_table(failed)["speckle_contrast_ratio"] == pytest.approx(0.5)
    gone = dataclasses.replace(scores, codes=dict.fromkeys((f"c{i}" for i in range(N)), "E_PLUGIN"))
    assert texture_table(gone)["speckle_contrast_ratio"] is None
