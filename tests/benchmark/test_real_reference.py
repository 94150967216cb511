"""What other real eyes score: many matched draws, or nothing where there are too few eyes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import mean_features
import numpy as np
import pytest

from fundus2oct.benchmark import real_reference
from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.scoring import CaseScores
from fundus2oct.benchmark.value_cache import ValueCache
from fundus2oct.metrics.frechet_distance import frechet_distance
from fundus2oct.metrics.metric_card import MetricCard

RNG = np.random.default_rng(5)
D = 4


def cases_of(split: str, n: int) -> tuple[Case, ...]:
    def one(i: int) -> Case:
        name = f"{split}-{i:02d}"
        return Case(
            case_id=name, source_id=name, patient_id=f"{split}-p{i // 2}", eye="LR"[i % 2], split=split, fundus="f.png",
            oct=f"oct/{name}",
        )  # fmt: skip

    return tuple(one(i) for i in range(n))


def references(
    small: Dataset, folder: Path, monkeypatch: pytest.MonkeyPatch, card: MetricCard, n_train: int
) -> tuple[dict[str, dict[str, float]], np.ndarray, np.ndarray]:
    """References from invented features, with the truth's and the training eyes' features."""
    test, train = cases_of("test", 8), cases_of("train", n_train)
    truth = RNG.normal(size=(8 * card.rows, D))
    pool = {case.case_id: RNG.normal(size=(card.rows, D)) for case in train}
    monkeypatch.setattr(Dataset, "volume", lambda _, case: case.case_id)
    monkeypatch.setattr(real_reference, "feature_rows", lambda _, names, cache: [pool[name] for name in names])
    scores = CaseScores(
        cases=test,
        codes={},
        case_values={},
        features_truth={card.name: truth},
        features_generated={card.name: truth},
        reasons={},
        digests={},
    )
    dataset = dataclasses.replace(small, folder=folder, cases=test + train)
    found = real_reference.real_references(scores, dataset, [card], ValueCache(folder / "cache"), "train")
    return found, truth, np.array(list(pool.values()))


@pytest.mark.parametrize("rows", [1, 3])
def test_the_reference_is_the_spread_over_matched_draws(
    small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    card = dataclasses.replace(mean_features.CARD, rows=rows)
    found, truth, pool = references(small, tmp_path, monkeypatch, card, 24)
    reference = found[card.name]
    assert (reference["draws"], reference["n_cases"], reference["relaxed"]) == (50, 8, 0)
    assert reference["low"] < reference["median"] < reference["high"]
    by_patient = pool.reshape(12, -1, D)
    by_hand = [frechet_distance(truth, by_patient[RNG.permutation(12)[:4]].reshape(-1, D)) for _ in range(200)]
    assert reference["mean"] == pytest.approx(np.mean(by_hand), abs=4 * np.std(by_hand) / np.sqrt(50))


def test_too_few_training_eyes_give_none(small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert references(small, tmp_path, monkeypatch, mean_features.CARD, 6)[0] == {}
    assert references(small, tmp_path, monkeypatch, mean_features.CARD, 0)[0] == {}


def test_diagnostics_get_none(small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = dataclasses.replace(mean_features.CARD, role="diagnostic")
    assert references(small, tmp_path, monkeypatch, card, 24)[0] == {}
