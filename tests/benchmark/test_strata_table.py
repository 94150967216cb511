"""Case metrics by group: the headline mean of each, none of few patients, none that subtraction would tell."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.disclosure import Disclosure, public_record
from fundus2oct.benchmark.scoring import CaseScores
from fundus2oct.benchmark.strata import Stratum
from fundus2oct.benchmark.strata_table import GUARDED, MIN_PATIENTS, NESTED, SMALL, strata_table
from fundus2oct.metrics import inference
from fundus2oct.metrics.catalogue import CARDS
from fundus2oct.metrics.durable_file import canonical_json

PSNR = "psnr"


def scores_of(patients: list[int], **values: NDArray[np.float64]) -> CaseScores:
    """Scores of one eye for each given patient; ``values`` are one number an eye, drawn in all its B-scans."""
    cases = tuple(
        Case(case_id=f"c{i}", source_id=f"s{i}", patient_id=f"p{p}", eye="R", split="test", fundus="f", oct="o")
        for i, p in enumerate(patients)
    )
    return CaseScores(
        cases=cases,
        codes={},
        case_values={name: np.repeat(eyes[:, None], 6, axis=1) for name, eyes in values.items()},
        features_truth={},
        features_generated={},
        reasons={},
        digests={},
    )


def by(column: str, sizes: dict[str, int], *, is_hidden: bool = False) -> Stratum:
    """A column whose first cases are in the first group, and so on."""
    return Stratum(column, is_hidden, np.repeat(list(sizes), list(sizes.values())))


def table_of(sizes: dict[str, int]) -> dict[str, Any]:
    """The table of one column, every case being a patient of its own."""
    n = sum(sizes.values())
    (found,) = strata_table(scores_of(list(range(n)), psnr=np.arange(n, dtype=float)), [by("device", sizes)], CARDS)
    return found


def told(found: dict[str, Any]) -> dict[str, int]:
    return {group["group"]: group["n_patients"] for group in found["groups"]}


def test_a_group_has_the_mean_of_its_patients_means() -> None:
    # patient 0 has eyes 1 and 3 in group a, patients 1 to 9 one eye of 4 each: (2 + 9 * 4) / 10, not 40 / 11
    patients = [0, 0, *range(1, 10), *range(10, 20)]
    psnr = np.array([1.0, 3.0, *[4.0] * 9, *[7.0] * 10])
    (found,) = strata_table(scores_of(patients, psnr=psnr), [by("device", {"a": 11, "b": 10})], CARDS)
    a, b = found["groups"]
    assert (a["group"], a["n_cases"], a["n_patients"], a["metrics"][PSNR]["value"]) == ("a", 11, 10, 3.8)
    expected = inference.mean_interval([2.0, *[4.0] * 9])
    assert a["metrics"][PSNR]["uncertainty"]["interval"] == [expected.low, expected.high]
    assert (b["metrics"][PSNR]["value"], b["metrics"][PSNR]["uncertainty"]) == (7.0, None)
    assert (found["left_out"], found["reason"]) == (0, None)


def test_a_failed_eye_counts_at_its_price() -> None:
    # as `scoring.score_cases` leaves it: the card's worst value in the place of what could not be measured
    psnr = np.array([20.0] * 9 + [0.0] + [30.0] * 10)
    (found,) = strata_table(scores_of(list(range(20)), psnr=psnr), [by("device", {"a": 10, "b": 10})], CARDS)
    assert [group["metrics"][PSNR]["value"] for group in found["groups"]] == [18.0, 30.0]


@pytest.mark.parametrize(
    ("sizes", "shown", "reason"),
    [
        ({"a": 10, "b": 10}, {"a": 10, "b": 10}, None),
        ({"a": 30, "b": 5, "c": 5}, {"a": 30}, SMALL),  # the two left out are ten together
        ({"a": 30, "b": 12, "c": 9}, {"a": 30}, GUARDED),  # c would be all eyes less a and b
        ({"a": 30, "b": 12, "c": 4, "d": 5}, {"a": 30}, GUARDED),  # so would c and d together, nine patients
        ({"a": 11, "b": 9}, {}, GUARDED),
        ({"a": 9, "b": 8, "c": 9}, {}, SMALL),
    ],
)
def test_groups_of_few_patients_are_not_told_and_do_not_follow(
    sizes: dict[str, int], shown: dict[str, int], reason: str | None
) -> None:
    found = table_of(sizes)
    assert told(found) == shown
    assert (found["left_out"], found["reason"]) == (len(sizes) - len(shown), reason)


def test_a_group_that_is_left_out_is_not_named() -> None:
    text = json.dumps(table_of({"common": 30, "kaposi": 4, "zoster": 8}))
    assert "common" in text
    assert "kaposi" not in text
    assert "zoster" not in text


def test_patients_are_counted_and_not_eyes() -> None:
    patients = [*np.repeat(np.arange(8), 2), *range(100, 120)]  # 16 eyes of 8 patients
    scores = scores_of(patients, psnr=np.arange(36.0))
    (found,) = strata_table(scores, [by("device", {"a": 16, "b": 10, "c": 10})], CARDS)
    assert told(found) == {"c": 10}


def test_a_patient_whose_truth_cannot_be_measured_does_not_count() -> None:
    error = np.arange(30.0)
    error[0] = np.nan
    scores = scores_of(list(range(30)), psnr=np.arange(30.0), central_thickness_error=error)
    (found,) = strata_table(scores, [by("device", {"a": 10, "b": 20})], CARDS)
    assert told(found) == {}  # nine patients stand behind the thickness error of a
    (found,) = strata_table(scores, [by("device", {"a": 11, "b": 19})], CARDS)
    n = [(g["n_patients"], g["metrics"]["central_thickness_error"]["n_patients"]) for g in found["groups"]]
    assert n == [(11, 10), (19, 19)]


def test_two_columns_whose_groups_differ_by_few_patients_are_not_both_told() -> None:
    scores = scores_of(list(range(40)), psnr=np.arange(40.0))
    site, device = by("site", {"a": 20, "b": 20}), by("device", {"x": 17, "y": 23})  # a less x: three patients
    first, second = strata_table(scores, [site, device], CARDS)
    assert told(first) == {"a": 20, "b": 20}
    assert (told(second), second["left_out"], second["reason"]) == ({}, 2, NESTED)
    same, crossing = by("camera", {"u": 20, "v": 20}), Stratum("half", False, np.array(["m", "n"] * 20))
    assert [len(found["groups"]) for found in strata_table(scores, [site, same, crossing], CARDS)] == [2, 2, 2]


def test_subtraction_never_leaves_few_patients() -> None:
    rng = np.random.default_rng(4)
    for _ in range(200):
        sizes = {name: int(n) for name, n in zip("abcdef", rng.integers(1, 25, 6), strict=True)}
        found = table_of(sizes)
        rest = sum(sizes.values()) - sum(told(found).values())
        assert rest == 0 or rest >= min(MIN_PATIENTS, sum(sizes.values()))
        assert all(n >= MIN_PATIENTS for n in told(found).values())


def test_only_headline_metrics_and_thickness_errors_are_told_in_groups() -> None:
    values = dict.fromkeys(("ssim", "central_thickness_error", "ms_ssim", "speckle_error"), np.arange(20.0))
    (found,) = strata_table(scores_of(list(range(20)), **values), [by("device", {"a": 10, "b": 10})], CARDS)
    assert set(found["groups"][0]["metrics"]) == {"ssim", "central_thickness_error"}


def test_the_order_of_cases_changes_no_byte() -> None:
    patients, psnr = np.repeat(np.arange(20), 2), np.random.default_rng(0).normal(size=40)
    stratum = by("device", {"a": 20, "b": 20})
    order = np.random.default_rng(1).permutation(40)
    moved = Stratum("device", False, stratum.labels[order])
    first = strata_table(scores_of(patients.tolist(), psnr=psnr), [stratum], CARDS)
    second = strata_table(scores_of(patients[order].tolist(), psnr=psnr[order]), [moved], CARDS)
    assert canonical_json(first) == canonical_json(second)


def record(*, may_be_published: bool) -> dict[str, Any]:
    scores = scores_of(list(range(40)), psnr=np.arange(40.0) / 7)
    hidden = Stratum("disease", True, np.array(["drusen", "none"] * 20))
    strata = strata_table(scores, [by("device", {"a": 20, "b": 20}), hidden], CARDS)
    dataset = {"pictures_may_be_published": may_be_published}
    return {"dataset": dataset, "protocol": {}, "strata": json.loads(json.dumps(strata))}


@pytest.mark.parametrize(
    ("may_be_published", "rule", "columns"),
    [
        (True, None, ["device", "disease"]),
        (False, None, ["device"]),
        (True, Disclosure(), ["device"]),
        (False, Disclosure(labels=True), ["device", "disease"]),
    ],
)
def test_hidden_labels_are_told_where_dataset_or_phase_allow_it(
    may_be_published: bool, rule: Disclosure | None, columns: list[str]
) -> None:
    public = public_record(record(may_be_published=may_be_published), rule)
    assert [stratum["column"] for stratum in public["strata"]] == columns


def test_numbers_of_groups_are_rounded_like_all_others() -> None:
    private = record(may_be_published=True)
    public = public_record(private, Disclosure(digits=2))
    exact, rounded = (found["strata"][0]["groups"][1]["metrics"][PSNR] for found in (private, public))
    assert (rounded["value"], rounded["n_patients"]) == (float(f"{exact['value']:.2g}"), 20)
    assert rounded["uncertainty"]["level"] == 0.95
    assert rounded["value"] != exact["value"]
