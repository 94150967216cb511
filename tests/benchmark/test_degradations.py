"""Degradations: dose 0 is the truth, each fault changes what it says and nothing else, seed and case decide."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from toy_dataset import ToyEye, draw_volume

from fundus2oct.benchmark.audit_source import TRUTH, Condition, degraded_source
from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.dealt_volumes import Deal, deal_from_few, deal_mirrored, deal_to_others
from fundus2oct.benchmark.degradations import DEGRADATIONS, REPEATED_BSCAN, Degradation, degradation, degraded
from fundus2oct.benchmark.volume import Volume
from fundus2oct.metrics.scan_geometry import mirror_volume

OF_A_VOLUME = [found for found in DEGRADATIONS if found.kind == "volume"]
names = pytest.mark.parametrize("fault", OF_A_VOLUME, ids=lambda fault: fault.name)


@pytest.fixture(scope="module")
def volume() -> Volume:
    """One toy eye with six different B-scans."""
    drawn = draw_volume(ToyEye(eye="R", depth=0.2, gloss=0.1), np.random.default_rng(3))
    return np.stack([np.roll(bscan, 5 * i, axis=0) for i, bscan in enumerate(drawn)])


def apply(name: str, volume: Volume, dose: float, *, seed: int = 0, case_id: str = "a") -> Volume:
    return degraded(degradation(name), volume, dose, seed=seed, case_id=case_id)


@names
def test_dose_0_is_the_truth_itself(fault: Degradation, volume: Volume) -> None:
    assert np.array_equal(degraded(fault, volume, 0, seed=0, case_id="a"), volume)


@names
def test_every_dose_gives_another_volume_and_leaves_the_truth_alone(fault: Degradation, volume: Volume) -> None:
    before = volume.copy()
    found = [degraded(fault, volume, dose, seed=0, case_id="a") for dose in fault.doses]
    assert np.array_equal(volume, before)
    assert all((one.shape, one.dtype) == (volume.shape, np.dtype(np.uint8)) for one in found)
    assert len({one.tobytes() for one in [volume, *found]}) == 1 + len(fault.doses)


@pytest.mark.parametrize("fault", [f for f in OF_A_VOLUME if f.name != "bscan-shuffle"], ids=lambda fault: fault.name)
def test_a_stronger_dose_is_farther_from_the_truth(fault: Degradation, volume: Volume) -> None:
    doses = [degraded(fault, volume, dose, seed=0, case_id="a").astype(float) for dose in fault.doses]
    errors = [float(np.square(one - volume).mean()) for one in doses]
    assert errors == sorted(errors)


@names
def test_seed_and_case_decide(fault: Degradation, volume: Volume) -> None:
    dose = fault.doses[0]
    first = degraded(fault, volume, dose, seed=0, case_id="a")
    assert np.array_equal(degraded(fault, volume, dose, seed=0, case_id="a"), first)
    others = [degraded(fault, volume, dose, seed=s, case_id=c) for s, c in ((1, "a"), (0, "b"), (0, "c"), (0, "d"))]
    random = {"noise", "bscan-shuffle", "repeated-slice"}
    assert any(not np.array_equal(other, first) for other in others) == (fault.name in random)


def test_names_and_doses_are_in_order() -> None:
    assert len({fault.name for fault in DEGRADATIONS}) == len(DEGRADATIONS) == 15
    assert all(list(fault.doses) == sorted(set(fault.doses)) and fault.doses[0] > 0 for fault in DEGRADATIONS)


def test_a_shift_moves_every_column_by_the_same_rows(volume: Volume) -> None:
    assert np.array_equal(apply("axial-shift", volume, 24)[:, 4:], volume[:, :-4])


def test_a_tilt_leaves_the_vertical_line_and_the_centre_where_they_were(volume: Volume) -> None:
    tilted = apply("tilt", volume, 3)
    assert np.array_equal(tilted[0], volume[0])
    assert np.array_equal(tilted[:, :, 223:225], volume[:, :, 223:225])
    rows = round(np.tan(np.deg2rad(3)) * 223.5 * 20.23 / 6)
    assert np.array_equal(tilted[3, rows:, -1], volume[3, :-rows, -1])


def test_gamma_keeps_black_and_white_and_darkens_between() -> None:
    levels = np.tile(np.arange(256, dtype=np.uint8), (6, 2, 1))
    darker = apply("gamma", levels, 0.5)
    assert (darker[0, 0, 0], darker[0, 0, -1]) == (0, 255)
    assert (darker[0, 0, 1:-1] <= levels[0, 0, 1:-1]).all()
    assert darker[0, 0, 64] == round(255 * (64 / 255) ** 1.5)


def test_contrast_keeps_the_mean_and_halves_the_spread(volume: Volume) -> None:
    flatter = apply("contrast", volume, 0.5)
    assert flatter.mean() == pytest.approx(volume.mean(), abs=0.25)  # rounding
    assert flatter.std() == pytest.approx(volume.std() / 2, rel=0.01)


def test_noise_has_the_spread_it_says() -> None:
    grey = np.full((6, 320, 448), 128, np.uint8)
    assert (apply("noise", grey, 16) - 128.0).std() == pytest.approx(16, rel=0.01)


def test_a_crop_keeps_the_centre_and_magnifies() -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 448).astype(np.uint8), (6, 320, 448)).copy()
    cropped = apply("crop", ramp, 0.1)
    assert cropped[0, 0, 0] == pytest.approx(0.05 * 255, abs=1.5)
    assert cropped[0, 0, 223] == pytest.approx(ramp[0, 0, 223], abs=1.5)


@pytest.mark.parametrize("dose", [2, 4, 6])
def test_a_shuffle_moves_exactly_so_many_bscans(dose: int, volume: Volume) -> None:
    shuffled = apply("bscan-shuffle", volume, dose)
    moved = [not np.array_equal(a, b) for a, b in zip(shuffled, volume, strict=True)]
    assert sum(moved) == dose
    assert sorted(b.tobytes() for b in shuffled) == sorted(b.tobytes() for b in volume)


@pytest.mark.parametrize("dose", [1, 3, 5])
def test_a_repeated_slice_stands_in_for_so_many_others(dose: int, volume: Volume) -> None:
    repeated = apply("repeated-slice", volume, dose)
    copies = [np.array_equal(bscan, volume[REPEATED_BSCAN]) for bscan in repeated]
    assert (sum(copies), copies[REPEATED_BSCAN]) == (1 + dose, True)


def test_constant_ends_in_plain_grey(volume: Volume) -> None:
    assert np.unique(apply("constant", volume, 1)).tolist() == [128]


def test_a_fault_of_the_set_is_no_fault_of_a_volume(volume: Volume) -> None:
    with pytest.raises(ValueError, match="patient-shuffle"):
        apply("patient-shuffle", volume, 1)


def cohort() -> list[Case]:
    """Ten patients with both eyes, one eye each in turn."""
    eyes = [(f"p{i}", eye) for i in range(10) for eye in ("RL", "R", "L")[i % 3]]
    table = {"source_id": "s", "split": "test", "fundus": "f", "oct": "o"}
    return [Case(case_id=f"{patient}{eye}".lower(), patient_id=patient, eye=eye, **table) for patient, eye in eyes]


def own_cases(deal: Deal) -> int:
    return sum(case_id == dealt.case.case_id and not dealt.mirrored for case_id, dealt in deal.items())


def test_patients_exchange_volumes_and_the_set_stays_the_same() -> None:
    deal = deal_to_others(cohort(), 1.0, 0)
    by_id = {case.case_id: case for case in cohort()}
    assert Counter(dealt.case.case_id for dealt in deal.values()) == Counter(by_id.keys())
    assert all(by_id[case_id].patient_id != dealt.case.patient_id for case_id, dealt in deal.items())
    assert all(by_id[case_id].eye == dealt.case.eye and not dealt.mirrored for case_id, dealt in deal.items())


@pytest.mark.parametrize("deal", [deal_to_others, deal_mirrored, deal_from_few])
def test_a_stronger_dose_replaces_more_and_0_replaces_nobody(deal: object) -> None:
    assert callable(deal)
    left = [own_cases(deal(cohort(), dose, 0)) for dose in (0, 0.3, 0.6, 0.9)]
    assert left[0] == len(cohort())
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0] / 2


def test_few_patients_stand_in_for_all_with_the_right_side() -> None:
    by_id = {case.case_id: case for case in cohort()}
    deal = deal_from_few(cohort(), 0.9, 0)
    assert len({dealt.case.patient_id for dealt in deal.values()}) == 1
    assert all((by_id[case_id].eye != dealt.case.eye) == dealt.mirrored for case_id, dealt in deal.items())


def test_at_least_one_patient_keeps_his_own() -> None:
    assert own_cases(deal_from_few(cohort(), 1.0, 0)) >= 1


def volumes_of(name: str | None, dose: float, dataset: Dataset) -> dict[str, Any]:
    condition = Condition(degradation(name), dose) if name else TRUTH
    source = degraded_source(condition, dataset, "test", 0)
    return {case.case_id: source.get(case.case_id) for case in dataset.split("test")}


def test_the_source_of_the_truth_is_the_truth(small: Dataset) -> None:
    found = volumes_of(None, 0, small)
    assert all(np.array_equal(found[case.case_id], small.volume(case)) for case in small.split("test"))


def test_a_whole_mean_is_one_volume_for_all_but_for_the_side(small: Dataset) -> None:
    found = volumes_of("mean-volume", 1, small)
    right = [mirror_volume(found[c.case_id]) if c.eye == "L" else found[c.case_id] for c in small.split("test")]
    assert len(right) == 3
    assert len({one.tobytes() for one in right}) == 1


def test_half_a_mean_lies_between(small: Dataset) -> None:
    case = small.split("test")[0]
    truth, half, whole = (volumes_of("mean-volume", dose, small)[case.case_id] for dose in (0, 0.5, 1))
    assert np.abs(half - (truth.astype(float) + whole) / 2).max() <= 1


def test_a_flip_mirrors_whole_volumes(small: Dataset) -> None:
    found = volumes_of("flip", 1, small)
    assert all(np.array_equal(found[c.case_id], mirror_volume(small.volume(c))) for c in small.split("test"))
