"""MS-SSIM against pytorch-msssim, and what happens at the edges of its definition."""

from __future__ import annotations

import golden_inputs
import numpy as np
import pytest
from golden_values import FEATURE_METRICS

from fundus2oct.metrics.multiscale_similarity import CARD, WEIGHTS, ms_ssim, scale_weights


def test_ms_ssim_equals_pytorch_msssim() -> None:
    truth, generated = golden_inputs.volume_pair()
    np.testing.assert_allclose(ms_ssim(truth, generated), FEATURE_METRICS["ms_ssim"], rtol=0, atol=1e-7)
    np.testing.assert_allclose(ms_ssim(truth, truth[::-1]), FEATURE_METRICS["ms_ssim_noise"], rtol=0, atol=1e-7)


def test_identical_volumes_score_one_even_when_constant() -> None:
    truth = golden_inputs.layered_volume(seed=3, top=90, grain=0.3)
    constant = np.full((6, 200, 220), 9, np.uint8)
    np.testing.assert_allclose(ms_ssim(truth, truth), 1, atol=1e-12)
    np.testing.assert_allclose(ms_ssim(constant, constant), 1, atol=1e-12)


def test_negative_contrast_gives_zero_and_not_nan() -> None:
    truth = golden_inputs.layered_volume(seed=4, top=90, grain=0.3)
    np.testing.assert_array_equal(ms_ssim(truth, 255 - truth), 0)
    assert CARD.worst == 0


@pytest.mark.parametrize(("side", "scales"), [(320, 5), (176, 5), (175, 4), (44, 3), (22, 2), (11, 1)])
def test_smaller_pictures_use_as_many_scales_as_fit(side: int, scales: int) -> None:
    weights = scale_weights(side)
    assert len(weights) == scales
    assert weights.sum() == pytest.approx(sum(WEIGHTS))


def test_a_small_odd_volume_has_a_value_in_range() -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 256, (6, 37, 53), dtype=np.uint8)
    noisy = np.clip(truth + rng.normal(0, 40, truth.shape), 0, 255).astype(np.uint8)
    assert ((ms_ssim(truth, noisy) > 0) & (ms_ssim(truth, noisy) < 1)).all()
