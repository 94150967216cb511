"""What other real eyes score: set metrics between the test set and many matched draws of training eyes.

Belongs to the oracle row real-vs-real, whose own value is a single draw. The draws are made in
`metrics.reference_inference`; here they meet the training volumes' features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.progress import progress
from fundus2oct.benchmark.scoring import CaseScores, card_protocol, feature_rows, set_value
from fundus2oct.benchmark.strata import case_labels
from fundus2oct.benchmark.value_cache import ValueCache
from fundus2oct.metrics import inference
from fundus2oct.metrics.metric_card import MetricCard

Floats = NDArray[np.float64]


def real_references(
    scores: CaseScores, dataset: Dataset, cards: Sequence[MetricCard], cache: ValueCache, train_split: str
) -> dict[str, dict[str, Any]]:
    """The `reference` of every set metric that is no diagnostic; a metric without enough training eyes is absent.

    Args:
        scores: of any entry on this split: the truth's features are taken.
        dataset: with training volumes.
        cards: the metrics.
        cache: of the training volumes' features.
        train_split: where the draws come from.
    """
    pool = dataset.with_truth(train_split)
    wanted = [card for card in cards if card.level == "set" and card.role != "diagnostic"]
    wanted = [card for card in wanted if scores.features_truth[card.name] is not None]
    features = _training_features(dataset, pool, wanted, cache)
    found: dict[str, dict[str, Any]] = {}
    for card in wanted:
        truth = scores.features_truth[card.name]
        if truth is not None and pool:
            reference = _reference(card, truth, features[card.features_version], dataset, scores.cases, pool)
            found |= {card.name: reference} if reference else {}
    return found


def _training_features(
    dataset: Dataset, pool: Sequence[Case], cards: Sequence[MetricCard], cache: ValueCache
) -> Mapping[str, Floats]:
    """Protocol -> (m, rows * d) features of the training volumes."""
    protocols = {card.features_version: card_protocol(card) for card in cards}
    rows: dict[str, list[Floats]] = {version: [] for version in protocols}
    with progress("training features", len(pool)) as advance:
        for case in pool:
            volume = dataset.volume(case)
            for version, protocol in protocols.items():
                rows[version].append(feature_rows(protocol, [volume], cache)[0].ravel())
            advance(1)
    return {version: np.array(found) for version, found in rows.items()}


def _reference(
    card: MetricCard,
    truth: Floats,
    pool_features: Floats,
    dataset: Dataset,
    cases: Sequence[Case],
    pool: Sequence[Case],
) -> dict[str, Any] | None:
    """One metric's reference; None where the training split has too few patients with the eyes that are wanted."""
    patients = np.array([case.patient_id for case in cases])
    row_patients, d = np.repeat(patients, card.rows), truth.shape[1]

    def distance(x: Floats, y: Floats) -> float:
        return set_value(card, x.reshape(-1, d), y.reshape(-1, d), row_patients)

    try:
        drawn = inference.real_vs_real(
            truth.reshape(len(cases), -1),
            pool_features,
            truth_patients=patients,
            truth_sides=[case.eye for case in cases],
            pool_patients=[case.patient_id for case in pool],
            pool_sides=[case.eye for case in pool],
            truth_disease=case_labels(dataset, cases, "disease"),
            pool_disease=case_labels(dataset, pool, "disease"),
            distance=distance,
        )
    except ValueError:  # too few patients, or a side photographed twice: there is no matched draw
        return None
    return {
        "draws": len(drawn.values),
        "mean": drawn.mean,
        "standard_deviation": drawn.standard_deviation,
        "low": drawn.quantiles[0.025],
        "median": drawn.quantiles[0.5],
        "high": drawn.quantiles[0.975],
        "n_cases": drawn.n_cases,
        "relaxed": drawn.relaxed,
    }
