"""PSNR by hand and against an independent implementation; and the checks that all paired metrics share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from fundus2oct.metrics.pixel_errors import CAP_DB, PSNR_CARD, psnr
from fundus2oct.metrics.structural_similarity import ssim


def constant(level: int, shape: tuple[int, int, int] = (6, 12, 15)) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.full(shape, level, np.uint8)


def test_a_fifth_of_the_range_is_14_decibels() -> None:
    """MSE = 51^2 = (255 / 5)^2, so 20 log10 5 = 13.9794 dB; uint8 subtraction would wrap to 205."""
    np.testing.assert_allclose(psnr(constant(51), constant(0)), 13.9794000867, atol=1e-9)
    np.testing.assert_allclose(psnr(constant(0), constant(51)), 13.9794000867, atol=1e-9)


def test_psnr_equals_scikit_image() -> None:
    rng = np.random.default_rng(0)
    truth, generated = rng.integers(0, 256, (2, 6, 13, 17)).astype(np.uint8)
    expected = [peak_signal_noise_ratio(x, y, data_range=255) for x, y in zip(truth, generated, strict=True)]
    np.testing.assert_allclose(psnr(truth, generated), expected, rtol=1e-12)


def test_identical_and_nearly_identical_bscans_stop_at_the_cap() -> None:
    """12 of 180 pixels off by one: MSE = 1 / 15, 59.9 dB. 6 of 180: 62.9 dB, above the cap."""
    nearly = constant(9)
    nearly[0, :6, 0] = 10
    assert psnr(constant(9), constant(9)).tolist() == [CAP_DB] * 6
    assert psnr(constant(9), nearly).max() == PSNR_CARD.best
    nearly[0, :12, 0] = 10
    assert psnr(constant(9), nearly)[0] == pytest.approx(20 * np.log10(255) + 10 * np.log10(15), rel=1e-9)


def test_black_against_white_is_the_declared_worst() -> None:
    assert psnr(constant(0), constant(255)).tolist() == [PSNR_CARD.worst] * 6


def test_more_noise_costs_more() -> None:
    noise = np.random.default_rng(1).integers(-20, 21, (6, 12, 15))
    little, much = ((128 + scale * noise).astype(np.uint8) for scale in (1, 3))
    assert (psnr(constant(128), little) > psnr(constant(128), much)).all()


@pytest.mark.parametrize("metric", [psnr, ssim])
@pytest.mark.parametrize(
    ("truth", "generated", "message"),
    [
        (constant(0).astype(float), constant(0), "truth: expected a uint8 array.* found float64"),
        (constant(0), constant(0).tolist(), "generated: expected a uint8 array.* found list"),
        (constant(0), constant(0, (5, 12, 15)), r"generated: expected shape \(6, h, w\).* found \(5, 12, 15\)"),
        (constant(0)[0], constant(0)[0], r"truth: expected shape \(6, h, w\).* found \(12, 15\)"),
        (constant(0), constant(0, (6, 15, 12)), r"expected the shape of truth, \(6, 12, 15\), found \(6, 15, 12\)"),
    ],
)
def test_paired_metrics_refuse_what_is_not_a_pair(metric: Any, truth: Any, generated: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metric(truth, generated)


def test_ssim_needs_room_for_its_window() -> None:
    with pytest.raises(ValueError, match=r"h and w at least 11, found \(6, 10, 15\)"):
        ssim(constant(0, (6, 10, 15)), constant(0, (6, 10, 15)))
