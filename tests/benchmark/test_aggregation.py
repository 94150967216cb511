"""From cases to the public record: patients count once, intervals need patients, too many failures are not ranked."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import mean_features
import numpy as np
import pytest

from fundus2oct.benchmark.aggregation import aggregate, deletion_groups, make_result
from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.controls import Controls
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.oracles import oracle_source
from fundus2oct.benchmark.result_file import check_result
from fundus2oct.benchmark.scoring import CaseScores
from fundus2oct.metrics import inference
from fundus2oct.metrics.catalogue import card
from fundus2oct.metrics.frechet_distance import frechet_distance, jackknife_frechet

PSNR = card("psnr")
NO_GAP = {"score": "thickness error", "version": "v", "reason": "not measured here", "gap": None}
MEMORY = {"version": "v", "cases": 20, "training_cases": 0, "reason": "none", "flagged": None, "exact_copies": None}
NOT_ASSESSED = Controls(
    {"photograph_gap": {"central": NO_GAP, "grid": NO_GAP}, "memorisation": MEMORY},
    {"value": None, "reasons": ["use of the photograph not assessed"]},
    {},
)


def scores_of(patients: str, *, codes: dict[str, str] | None = None, cases: tuple[Case, ...] = ()) -> CaseScores:
    """Scores of made-up cases, one a letter, the letter being the patient; case i has B-scans of 10 i .. 10 i + 5."""
    made = tuple(
        Case(case_id=f"c{i}", source_id=f"s{i}", patient_id=p, eye="R", split="test", fundus="f", oct="o")
        for i, p in enumerate(patients)
    )
    values = 10.0 * np.arange(len(patients))[:, None] + np.arange(6)
    rng = np.random.default_rng(0)
    return CaseScores(
        cases=cases or made,
        codes=codes or {},
        case_values={"psnr": values, "ssim": values / 1000},
        features_truth={"toy-fvd": rng.normal(size=(len(patients), 3))},
        features_generated={"toy-fvd": rng.normal(1, 2, size=(len(patients), 3))},
        reasons={},
        digests={case.case_id: "0" * 64 for case in cases or made},
    )


def test_bscans_make_the_eye_eyes_the_patient_and_patients_the_mean() -> None:
    # eyes 2.5, 12.5, 22.5 of patient a and 32.5 of patient b: (12.5 + 32.5) / 2, not the mean of four eyes, 17.5
    found = aggregate(PSNR, scores_of("aaab"))
    assert found.entry["value"] == 22.5
    assert (found.entry["n_cases"], found.entry["n_patients"]) == (4, 2)
    assert found.per_patient["patients"].tolist() == ["a", "b"]
    assert found.per_patient["mean"].tolist() == [12.5, 32.5]
    assert found.per_patient["n"].tolist() == [3, 1]


def test_the_interval_is_that_of_the_patients_means() -> None:
    found = aggregate(PSNR, scores_of("aabcdefg"))
    expected = inference.mean_interval(found.per_patient["mean"])
    assert found.entry["uncertainty"]["interval"] == [expected.low, expected.high]
    assert found.entry["uncertainty"]["standard_error"] == expected.standard_error


@pytest.mark.parametrize("patients", ["a", "ab", "aabbccdd"])
def test_fewer_than_five_patients_have_no_interval(patients: str) -> None:
    assert aggregate(PSNR, scores_of(patients)).entry["uncertainty"] is None


def test_equal_patients_have_no_interval() -> None:
    scores = dataclasses.replace(scores_of("abcdefg"), case_values={"psnr": np.full((7, 6), 60.0)})
    assert aggregate(PSNR, scores).entry["uncertainty"] is None
    assert aggregate(PSNR, scores).entry["value"] == 60.0


def test_a_set_metric_is_the_distance_with_values_without_each_patient() -> None:
    scores = scores_of("aabcdef")
    found = aggregate(mean_features.CARD, scores)
    truth, generated = scores.features_truth["toy-fvd"], scores.features_generated["toy-fvd"]
    assert truth is not None
    assert generated is not None
    assert found.entry["value"] == pytest.approx(frechet_distance(truth, generated), rel=1e-12)
    assert found.per_patient["delete_one"][0] == pytest.approx(frechet_distance(truth[2:], generated[2:]), rel=1e-9)
    assert found.entry["uncertainty"]["method"] == "jackknife t"


@pytest.mark.parametrize(("patients", "n"), [("ab", 0), ("aab", 0), ("aaa", 0), ("abc", 3)])
def test_a_set_metric_of_few_patients_has_a_value(patients: str, n: int) -> None:
    found = aggregate(mean_features.CARD, scores_of(patients))
    assert found.entry["value"] > 0
    assert len(found.per_patient["delete_one"]) == n


def test_a_set_metric_of_one_case_is_null_with_a_reason() -> None:
    entry = aggregate(mean_features.CARD, scores_of("a")).entry
    assert (entry["value"], entry["reason"]) == (None, "needs at least 2 cases")


def test_a_set_metric_without_features_is_null_with_a_reason() -> None:
    nothing: dict[str, Any] = {"features_truth": {"toy-fvd": None}, "features_generated": {"toy-fvd": None}}
    scores = dataclasses.replace(scores_of("ab"), reasons={"toy-fvd": "no weights"}, **nothing)
    entry = aggregate(mean_features.CARD, scores).entry
    assert (entry["value"], entry["reason"]) == (None, "no weights")


def result_of(dataset: Dataset, *, kind: str = "submission", failed: int = 0, n: int = 20) -> dict[str, Any]:
    source = oracle_source("truth-copy", dataset, "test")
    codes = {f"c{i}": "E_CRASH" for i in range(failed)}
    submission = dataclasses.replace(source.submission, kind=kind)
    source = dataclasses.replace(source, submission=submission, failures=codes)
    scores = scores_of("abcdefghijklmnopqrst"[:n], codes=codes)
    cards = mean_features.CARDS
    aggregates = {found.name: aggregate(found, scores) for found in cards}
    return make_result(
        source=source,
        dataset=dataset,
        split="test",
        phase="test",
        scores=scores,
        cards=cards,
        aggregates=aggregates,
        controls=NOT_ASSESSED,
    )


def test_a_record_obeys_the_schema_and_counts_its_cases(small: Dataset) -> None:
    result = check_result(json.loads(json.dumps(result_of(small, failed=1))), where="result")
    assert result["cases"] == {"expected": 20, "scored": 19, "failed": 1, "failures": {"E_CRASH": 1}}
    assert result["dataset"]["truth_hash"] == small.truth_hash("test")


@pytest.mark.parametrize(
    ("kind", "failed", "value", "words"),
    [
        ("submission", 1, None, "not assessed"),
        ("submission", 2, False, "2 of 20 cases failed, more than 5 %"),
        ("baseline", 20, False, "20 of 20"),
        ("oracle", 0, None, "never ranked"),
        ("trivial", 20, None, "never ranked"),
    ],
)
def test_eligibility_follows_kind_and_failures(
    small: Dataset, kind: str, failed: int, value: bool | None, words: str
) -> None:
    eligible = result_of(small, kind=kind, failed=failed)["eligible"]
    assert eligible["value"] is value
    assert words in eligible["reasons"][0]


def test_many_patients_are_deleted_in_fixed_equal_groups() -> None:
    patients = np.repeat([f"p{i:03d}" for i in range(120)], 2)
    groups = deletion_groups(patients, 50)
    assert (groups[::2] == groups[1::2]).all()  # a patient stays whole
    sizes = np.unique(groups, return_counts=True)[1]
    assert (len(sizes), set(sizes.tolist())) == (50, {4, 6})
    shuffled = np.random.default_rng(1).permutation(len(patients))
    assert np.array_equal(deletion_groups(patients[shuffled], 50), groups[shuffled])
    assert deletion_groups(patients[:100], 50) is not None
    assert np.array_equal(deletion_groups(patients[:100], 50), patients[:100])
    assert np.array_equal(deletion_groups(patients, None), patients)


def test_groups_give_the_standard_error_of_single_patients() -> None:
    rng = np.random.default_rng(8)
    patients = np.arange(300)
    truth, generated = rng.normal(size=(300, 5)), rng.normal(size=(300, 5)) + 0.3
    errors = []
    for labels in (patients, deletion_groups(patients, 50)):
        value, delete_one = jackknife_frechet(truth, generated, labels)
        counts = np.unique(labels, return_counts=True)[1]
        errors.append(inference.jackknife_interval(value, delete_one, cases_per_patient=counts).standard_error)
    assert errors[1] == pytest.approx(errors[0], rel=0.3)  # 49 degrees of freedom: a standard deviation of 10 %
