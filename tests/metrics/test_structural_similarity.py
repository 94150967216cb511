"""SSIM against an independent implementation on inputs that tell the right settings from nearly right ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from fundus2oct.metrics.structural_similarity import CARD, ssim

Volume = NDArray[np.uint8]
WANG_2004 = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}


def pair(seed: int, shape: tuple[int, int, int] = (6, 37, 52), noise: float = 25.0) -> tuple[Volume, Volume]:
    """A textured volume with an edge, and a noisy copy."""
    rng = np.random.default_rng(seed)
    truth = rng.gamma(4, 12, shape)
    truth[:, shape[1] // 2 :] += 90
    generated = truth + rng.normal(0, noise, shape)
    return as_volume(truth), as_volume(generated)


def as_volume(values: NDArray[np.float64]) -> Volume:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def independent(truth: Volume, generated: Volume, **settings: Any) -> NDArray[np.float64]:
    maps = [structural_similarity(x, y, full=True, **settings)[1] for x, y in zip(truth, generated, strict=True)]
    return np.array([full[5:-5, 5:-5].mean() for full in maps])


@pytest.mark.parametrize("shape", [(6, 37, 52), (6, 11, 14), (6, 320, 448)])
def test_ssim_equals_scikit_image_with_the_settings_of_the_paper(shape: tuple[int, int, int]) -> None:
    truth, generated = pair(1, shape)
    np.testing.assert_allclose(ssim(truth, generated), independent(truth, generated, **WANG_2004), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "nearly_right",
    [{"gaussian_weights": False, "win_size": 11}, {"use_sample_covariance": True}, {"data_range": 200}, {"sigma": 1.2}],
)
def test_the_golden_inputs_tell_nearly_right_settings_apart(nearly_right: dict[str, Any]) -> None:
    truth, generated = pair(1)
    other = independent(truth, generated, **(WANG_2004 | nearly_right))
    assert np.abs(ssim(truth, generated) - other).min() > 5e-5


def test_identical_volumes_score_one_even_when_constant() -> None:
    truth, _ = pair(2)
    constant = np.full((6, 12, 15), 7, np.uint8)
    np.testing.assert_allclose(ssim(truth, truth), 1, atol=1e-12)
    np.testing.assert_allclose(ssim(constant, constant), 1, atol=1e-12)


def test_black_against_white_by_hand() -> None:
    """Constant images leave the luminance term alone: C1 / (255^2 + C1)."""
    black, white = np.zeros((6, 12, 15), np.uint8), np.full((6, 12, 15), 255, np.uint8)
    np.testing.assert_allclose(ssim(black, white), 1e-4 / (1 + 1e-4), rtol=1e-9)


@given(seed=st.integers(0, 10**6))
def test_noise_never_helps_and_no_value_leaves_the_declared_range(seed: int) -> None:
    truth, generated = pair(seed, (6, 13, 17))
    values = ssim(truth, generated)
    assert (values < ssim(truth, truth)).all()
    assert CARD.worst is not None
    assert (values >= CARD.worst).all()


def test_an_inverted_image_scores_below_zero() -> None:
    truth, _ = pair(3)
    assert (ssim(truth, 255 - truth) < 0).all()


def test_each_bscan_is_scored_alone() -> None:
    truth, generated = pair(4)
    order = [3, 1, 5, 0, 2, 4]
    np.testing.assert_array_equal(ssim(truth[order], generated[order]), ssim(truth, generated)[order])
