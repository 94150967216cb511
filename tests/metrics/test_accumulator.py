"""The accumulator: the scorer's numbers, whoever held which case and in whatever order."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from fundus2oct.metrics.accumulator import SetMetric
from fundus2oct.metrics.frechet_distance import jackknife_frechet
from fundus2oct.metrics.frechet_video_distance import CARD
from fundus2oct.metrics.kernel_distance import kernel_distance
from fundus2oct.metrics.picture_distances import KD_EFFICIENTNET_CARD
from fundus2oct.metrics.structural_similarity import CARD as SSIM_CARD

RNG = np.random.default_rng(0)
TRUTH, GENERATED = RNG.integers(0, 256, (2, 12, 6, 8, 12), dtype=np.uint8)
IDS = [f"case-{i:02d}" for i in range(12)]
PATIENTS = [f"p{i // 2}" for i in range(12)]
GUIDE = Path(__file__).parents[2] / "docs" / "metrics-in-training.md"


def features(volumes: np.ndarray) -> np.ndarray:
    return volumes.mean(axis=(1, 3))


def rows_of_bscans(volumes: np.ndarray) -> np.ndarray:
    return volumes.mean(axis=3).reshape(-1, 8)


def fill(metric: SetMetric, *batches: range) -> SetMetric:
    for batch in batches:
        chosen = list(batch)
        metric.update(
            TRUTH[chosen],
            GENERATED[chosen],
            case_ids=[IDS[i] for i in chosen],
            patients=[PATIENTS[i] for i in chosen],
        )
    return metric


def test_batches_in_any_order_give_the_scorers_number() -> None:
    expected = jackknife_frechet(features(TRUTH), features(GENERATED), PATIENTS)
    metric = fill(SetMetric(CARD, features=features), range(7, 12), range(3), range(3, 7))
    assert metric.compute() == expected[0]
    np.testing.assert_array_equal(metric.compute_with_jackknife()[1], expected[1])


def test_merged_processes_give_every_digit_of_a_single_one() -> None:
    single = fill(SetMetric(CARD, features=features), range(12))
    first, second = (fill(SetMetric(CARD, features=features), part) for part in (range(5), range(5, 12)))
    second.merge(first)
    assert (second.compute(), len(second)) == (single.compute(), 12)


def test_a_state_can_be_sent_to_another_process() -> None:
    single = fill(SetMetric(CARD, features=features), range(12))
    received = SetMetric(CARD, features=features)
    received.load_state(pickle.loads(pickle.dumps(single.state())))
    assert received.compute() == single.compute()


def test_a_case_that_a_sampler_repeats_counts_once() -> None:
    metric = fill(SetMetric(CARD, features=features), range(12), range(2))
    assert len(metric) == 12


def test_a_case_that_comes_again_changed_is_refused() -> None:
    metric = fill(SetMetric(CARD, features=features), range(12))
    with pytest.raises(ValueError, match="case-00 was added before"):
        metric.update(TRUTH[:1], TRUTH[:1], case_ids=["case-00"], patients=["p0"])


def test_metrics_of_single_bscans_keep_six_rows_to_a_case() -> None:
    metric = fill(SetMetric(KD_EFFICIENTNET_CARD, features=rows_of_bscans), range(6, 12), range(6))
    patients = np.repeat(PATIENTS, 6)
    assert metric.compute() == kernel_distance(rows_of_bscans(TRUTH), rows_of_bscans(GENERATED), patients)


def test_wrong_use_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="expected a set metric, found ssim"):
        SetMetric(SSIM_CARD)
    metric = SetMetric(CARD, features=features)
    with pytest.raises(ValueError, match="at least one update"):
        metric.compute()
    with pytest.raises(ValueError, match=r"as many truths, volumes, case ids and patients, found \[1, 2\]"):
        metric.update(TRUTH[:2], GENERATED[:2], case_ids=["a"], patients=["p"])
    with pytest.raises(ValueError, match="merge: expected version"):
        metric.merge(SetMetric(KD_EFFICIENTNET_CARD))


def test_the_guides_examples_run() -> None:
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), flags=re.S)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(GUIDE), "exec"), names)
    assert names["value"] == pytest.approx(names["merged_value"])


def test_bscans_of_one_patient_are_no_pairs_even_with_two_patients() -> None:
    metric = SetMetric(KD_EFFICIENTNET_CARD, features=rows_of_bscans)
    metric.update(TRUTH[:2], GENERATED[:2], case_ids=["a", "b"], patients=["p", "q"])
    expected = kernel_distance(rows_of_bscans(TRUTH[:2]), rows_of_bscans(GENERATED[:2]), np.repeat([0, 1], 6))
    assert metric.compute() == expected
