"""Oracle rows: the copy scores as well as a metric can say, other real eyes are matched, blur takes speckle alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.oracles import ORACLES, blurred, draw_real_cases, oracle_source
from fundus2oct.benchmark.scoring import score_cases
from fundus2oct.benchmark.value_cache import ValueCache
from fundus2oct.metrics.catalogue import CARDS
from fundus2oct.metrics.errors import BenchError

PIXEL_CARDS = [card for card in CARDS if card.name in ("ssim", "psnr")]


def eyes(split: str, *patients: str) -> tuple[Case, ...]:
    """Cases of patients written as ``name:RL``; a letter twice is an eye photographed twice."""
    return tuple(
        Case(
            case_id=f"{split}-{name}-{i}",
            source_id=f"{split}-{name}-{i}",
            patient_id=name,
            eye=eye,
            split=split,
            fundus="f",
            oct="o",
        )
        for name, sides in (patient.split(":") for patient in patients)
        for i, eye in enumerate(sides)
    )


def test_the_copy_has_the_best_value_of_every_case_metric(small: Dataset, tmp_path: Path) -> None:
    source = oracle_source("truth-copy", small, "test")
    scores = score_cases(source, small, "test", PIXEL_CARDS, ValueCache(tmp_path / "cache"))
    assert len(PIXEL_CARDS) == 2
    for card in PIXEL_CARDS:
        assert np.allclose(scores.case_values[card.name], card.best, rtol=0, atol=1e-12)


def test_the_blurred_truth_lies_between_the_copy_and_other_eyes(small: Dataset, tmp_path: Path) -> None:
    cache = ValueCache(tmp_path / "cache")
    sources = [oracle_source(name, small, "test") for name in ("truth-copy", "truth-blurred", "real-vs-real")]
    means = [score_cases(s, small, "test", PIXEL_CARDS, cache).case_values["psnr"].mean() for s in sources]
    assert means == sorted(means, reverse=True)


def test_blur_keeps_constants_and_removes_speckle() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 40, 50), np.uint8)
    smooth = blurred(noise)
    assert smooth.std() < noise.std() / 5
    assert np.array_equal(blurred(np.full_like(noise, 255)), np.full_like(noise, 255))
    assert np.array_equal(blurred(noise[::-1]), smooth[::-1])


WANTED = eyes("test", "a:RL", "b:R", "c:L", "d:LR")
POOL = eyes("train", "p:RL", "q:R", "r:L", "s:RL", "t:RL", "u:R", "v:LR")


def test_the_draw_is_matched_in_number_sides_and_patients() -> None:
    drawn = draw_real_cases(WANTED, POOL, seed=0)
    assert {case.case_id: case.eye for case in WANTED} == {case_id: case.eye for case_id, case in drawn.items()}
    pairs = {(case.patient_id, drawn[case.case_id].patient_id) for case in WANTED}
    assert len(pairs) == len({real for _, real in pairs}) == 4


def test_the_draw_is_fixed_by_the_seed_and_not_by_the_order_of_cases() -> None:
    first = draw_real_cases(WANTED, POOL, seed=0)
    assert draw_real_cases(WANTED[::-1], POOL[::-1], seed=0) == first
    assert any(draw_real_cases(WANTED, POOL, seed=seed) != first for seed in range(1, 5))


def test_a_small_pool_is_used_evenly() -> None:
    wanted = eyes("test", *(f"w{i}:R" for i in range(7)))
    drawn = draw_real_cases(wanted, eyes("train", "p:R", "q:R", "r:R"), seed=0)
    assert sorted(Counter(case.patient_id for case in drawn.values()).values()) == [2, 2, 3]


def test_nobody_stands_in_for_himself() -> None:
    cases = eyes("train", *(f"w{i}:RL" for i in range(5)))
    for seed in range(10):
        drawn = draw_real_cases(cases, cases, seed=seed)
        assert all(drawn[case.case_id].patient_id != case.patient_id for case in cases)


def test_an_eye_photographed_twice_is_drawn_twice() -> None:
    wanted = eyes("test", "a:RRL")
    assert {c.eye for c in draw_real_cases(wanted, eyes("train", "p:RL"), seed=0).values()} == {"L", "R"}
    drawn = draw_real_cases(wanted, eyes("train", "p:LRR"), seed=0)
    assert len({case.case_id for case in drawn.values()}) == 3


def test_eyes_that_nobody_has_are_named() -> None:
    with pytest.raises(BenchError, match=r"E_SPLIT: no other training patient .*patient a$"):
        draw_real_cases(eyes("test", "a:RL"), eyes("train", "p:R", "q:L"), seed=0)


def test_the_volumes_of_other_eyes_are_training_volumes(small: Dataset) -> None:
    source = oracle_source("real-vs-real", small, "test", seed=3)
    train = {small.volume(case).tobytes() for case in small.split("train")}
    drawn = {volume.tobytes() for case in small.split("test") if (volume := source.get(case.case_id)) is not None}
    assert len(drawn) == 3
    assert drawn <= train


@pytest.mark.parametrize("name", ORACLES)
def test_an_oracle_is_never_ranked_and_says_what_it_is(small: Dataset, name: str) -> None:
    source = oracle_source(name, small, "test", seed=4)
    assert source.submission.kind in ("oracle", "degraded-truth")
    assert source.provenance["generator"] == f"oracle:{name}"
    assert source.provenance["seed"] == (4 if name == "real-vs-real" else None)


def test_an_unknown_oracle_is_refused_with_the_known_ones(small: Dataset) -> None:
    with pytest.raises(BenchError, match=r"E_ORACLE: .*'delphi' .*truth-copy, real-vs-real, truth-blurred"):
        oracle_source("delphi", small, "test")
