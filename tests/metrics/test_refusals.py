"""Statistics on what is no data: each call is refused in words, where a number would have meant nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fundus2oct.metrics import inference
from fundus2oct.metrics.photograph_use import shuffled_gap
from fundus2oct.metrics.picture_resize import resized
from fundus2oct.metrics.radial_consistency import consistency_ratio, disagreement
from fundus2oct.metrics.reference_inference import real_vs_real
from fundus2oct.metrics.retinal_layers import volume_surfaces
from fundus2oct.metrics.section_planes import surfaces
from fundus2oct.metrics.texture import fine_power, speckle_contrast
from fundus2oct.metrics.thickening_detection import detection, exact_interval, proportion, wilson_interval
from fundus2oct.metrics.thickness_agreement import skill

NAN = float("nan")
SIX = np.arange(6.0)
EYES = np.random.default_rng(0).normal(size=(8, 2))
SCORE = inference.SetScore(NAN, SIX, np.ones(6))
MATCHED: dict[str, Any] = {
    "truth_patients": range(8),
    "truth_sides": ["L"] * 8,
    "pool_patients": range(8),
    "pool_sides": ["L"] * 8,
}

CALLS: dict[str, tuple[Callable[[], Any], str]] = {
    "text as values": (lambda: inference.mean_interval(["1.5"] * 6), "values: expected real numbers"),
    "complex values": (lambda: inference.headline_mean(SIX + 1j, SIX), "case_values: expected real numbers"),
    "nothing as values": (lambda: inference.mean_interval([None] * 6), "values: expected real numbers"),
    "a set value of NaN": (lambda: inference.jackknife_se(NAN, SIX), "value: expected a finite number, found nan"),
    "a difference with NaN": (lambda: inference.set_difference(SCORE, SCORE), "value: expected a finite number"),
    "no degrees of freedom": (lambda: inference.t_interval(1.0, 1.0, 0), "degrees_of_freedom: expected at least 1"),
    "a spread below zero": (lambda: inference.t_interval(1.0, -1.0, 5), "standard_error: expected finite"),
    "no permutation": (lambda: inference.sign_flip_p(EYES, permutations=0), "permutations: expected at least 1"),
    "no swap": (lambda: inference.swap_test(EYES, EYES, EYES, range(8), permutations=0), "expected at least 1"),
    "swaps of one patient": (lambda: inference.swap_test(EYES, EYES, EYES, [0] * 8), "at least 5 patients, found 1"),
    "ranks of no square": (lambda: inference.rank_intervals(np.ones((2, 3))), "better: expected shape"),
    "an entry twice": (lambda: inference.tiers([0, 0, 1], np.zeros((3, 3))), "order: expected each of 3 entries once"),
    "an entry left out": (lambda: inference.tiers([0, 1], np.zeros((3, 3))), "order: expected each of 3 entries once"),
    "diseases of one side": (
        lambda: real_vs_real(EYES, EYES, truth_disease=["none"] * 8, **MATCHED),
        r"pool_disease: expected 8 and 8 labels, found shapes \(8,\) and \(\)",
    ),
    "too few diseases": (
        lambda: real_vs_real(EYES, EYES, truth_disease=["none"] * 8, pool_disease=["none"] * 7, **MATCHED),
        r"found shapes \(8,\) and \(7,\)",
    ),
    "patients of other eyes": (lambda: proportion([True], [1, 2]), "right: expected yes or no for each of 2 eyes"),
    "half right": (lambda: proportion([0.5, 1.0], [1, 2]), "right: expected yes or no"),
    "right of NaN": (lambda: proportion([NAN, 1.0], [1, 2]), "right: expected yes or no"),
    "infinitely thick": (lambda: detection([300.0, 330.0], [np.inf, 300.0], [1, 2]), "generated_um: .*infinity"),
    "a share above 1": (lambda: wilson_interval(1.5, 3.0), "p, n, level: expected a share"),
    "a share of none": (lambda: wilson_interval(0.5, 0.0), "p, n, level: expected a share"),
    "more hits than tries": (lambda: exact_interval(3, 2), "hits, n, level: expected 0 <= hits <= n"),
    "an error below zero": (lambda: skill(-1.0, 2.0), "mae, reference_mae: expected finite"),
    "an error of NaN": (lambda: skill(NAN, 2.0), "mae, reference_mae: expected finite"),
    "no dealing": (lambda: shuffled_gap(np.eye(12), range(12), ["L"] * 12, permutations=0), "permutations: expected"),
    "another filter": (lambda: resized(np.ones((1, 5, 5)), 3, "bicubic"), "filter_name: expected"),  # type: ignore[arg-type]  # on purpose
    "no pictures": (lambda: resized(np.ones((0, 5, 5)), 3), "pictures: expected shape"),
    "no side": (lambda: resized(np.ones((1, 5, 5)), 0), "pictures: expected shape"),
    "truth values as a volume": (lambda: volume_surfaces(np.ones((6, 64, 64), np.bool_)), "bscan: expected a uint8"),  # type: ignore[arg-type]  # on purpose
    "floats as a volume": (lambda: volume_surfaces(np.ones((6, 64, 64))), "bscan: expected a uint8"),  # type: ignore[arg-type]  # on purpose
    "no B-scans": (lambda: volume_surfaces(np.ones((0, 64, 64), np.uint8)), "volume: expected a uint8 array"),
    "five lines": (lambda: surfaces(np.ones((5, 64, 448), np.uint8)), r"volume: expected shape \(6, h, w\)"),
    "grain of five lines": (lambda: speckle_contrast(np.ones((5, 9, 9), np.uint8)), r"volume: expected shape \(6"),
    "grain of floats": (lambda: fine_power(np.ones((6, 9, 9))), "volume: expected a uint8 array"),  # type: ignore[arg-type]  # on purpose
    "power of three rows": (lambda: fine_power(np.ones((6, 3, 9), np.uint8)), "h and w at least 4"),
    "profiles of NaN": (lambda: disagreement(np.full((6, 9), NAN)), "profiles: expected finite"),
    "profiles of one line": (lambda: disagreement(np.ones((1, 9))), "profiles: expected finite"),
    "a ratio to nothing": (lambda: consistency_ratio([0.1], []), "real: expected a vector"),
    "a short line": (lambda: surfaces(np.ones((6, 64, 200), np.uint8)), "volume: expected 448 columns"),
}


@pytest.mark.parametrize(("call", "message"), CALLS.values(), ids=CALLS.keys())
def test_what_is_no_data_is_refused_in_words(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
