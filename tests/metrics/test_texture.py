"""Speckle and sharpness: ratios known by construction, a plain transform, and that blur is punished."""

from __future__ import annotations

import golden_inputs
import numpy as np
import pytest
from scipy import ndimage, signal

from fundus2oct.metrics import texture
from fundus2oct.metrics.texture import (
    SHARPNESS_CARD,
    SPECKLE_CARD,
    sharpness_error,
    sharpness_error_of,
    speckle_error,
    speckle_error_of,
    texture_features,
)


def grainy(sd: float, seed: int = 0) -> np.ndarray:
    """A bright half with white grain of a known standard deviation, under a dark half."""
    grain = np.random.default_rng(seed).normal(0, sd, (6, 160, 224))
    level = np.where(np.arange(160)[:, None] < 60, 10.0, 120.0)
    return np.clip(np.rint(level + grain * (level > 50)), 0, 255).astype(np.uint8)


def blurred(volume: np.ndarray, sigma: float) -> np.ndarray:
    smooth = ndimage.gaussian_filter(volume.astype(np.float64), (0, sigma, sigma))
    return np.rint(smooth).astype(np.uint8)


def test_half_the_grain_is_a_ratio_of_two() -> None:
    np.testing.assert_allclose(speckle_error(grainy(16), grainy(8)), np.log(2), atol=0.03)
    np.testing.assert_allclose(speckle_error(grainy(8), grainy(16)), np.log(2), atol=0.03)


def test_white_noise_has_the_power_of_its_variance_above_a_quarter_cycle() -> None:
    """The band is the square of all frequencies less a disc of radius 1/4: 1 - pi / 16 of the power."""
    noise = np.clip(np.rint(np.random.default_rng(1).normal(128, 20, (6, 320, 448))), 0, 255).astype(np.uint8)
    expected = noise.var() * (1 - np.pi / 16)
    np.testing.assert_allclose(texture.fine_power(noise), expected, rtol=0.02)


def test_the_power_is_that_of_a_plain_fourier_transform_under_scipys_window() -> None:
    truth, _ = golden_inputs.volume_pair()
    window = np.outer(signal.get_window("hann", 320), signal.get_window("hann", 448))
    frequency = np.hypot(np.fft.fftfreq(320)[:, None], np.fft.fftfreq(448))
    powers = [np.abs(np.fft.fft2(bscan * window)) ** 2 for bscan in truth.astype(np.float64)]
    plain = [power[frequency >= 0.25].sum() / (320 * 448) ** 2 / (window**2).mean() for power in powers]
    np.testing.assert_allclose(texture.fine_power(truth), plain, rtol=1e-10)


@pytest.mark.parametrize("measure", [speckle_error, sharpness_error])
def test_more_blur_costs_more(measure: object) -> None:
    truth, _ = golden_inputs.volume_pair()
    assert callable(measure)
    errors = [measure(truth, blurred(truth, sigma)).mean() for sigma in (0.01, 0.5, 0.9, 1.4)]
    assert errors[0] == 0
    assert (np.diff(errors) > 0.2).all()


@pytest.mark.parametrize(("measure", "card"), [(speckle_error, SPECKLE_CARD), (sharpness_error, SHARPNESS_CARD)])
def test_a_black_volume_gets_a_finite_value_within_the_cap(measure: object, card: object) -> None:
    truth, _ = golden_inputs.volume_pair()
    assert callable(measure)
    black = np.zeros_like(truth)
    assert (measure(truth, black) <= card.worst).all()  # type: ignore[attr-defined]  # both are cards
    assert (measure(truth, black) > 3).all()
    np.testing.assert_array_equal(measure(black, black), 0)


def test_odd_sizes_count_every_frequency_once() -> None:
    rng = np.random.default_rng(2)
    odd = rng.integers(0, 256, (6, 33, 35), dtype=np.uint8)
    window = np.outer(signal.get_window("hann", 33), signal.get_window("hann", 35))
    frequency = np.hypot(np.fft.fftfreq(33)[:, None], np.fft.fftfreq(35))
    plain = [(np.abs(np.fft.fft2(b * window)) ** 2)[frequency >= 0.25].sum() for b in odd.astype(np.float64)]
    np.testing.assert_allclose(
        texture.fine_power(odd), np.array(plain) / (33 * 35) ** 2 / (window**2).mean(), rtol=1e-10
    )


@pytest.mark.parametrize(
    ("of_volumes", "of_features"), [(speckle_error, speckle_error_of), (sharpness_error, sharpness_error_of)]
)
def test_features_give_what_volumes_give(of_volumes: object, of_features: object) -> None:
    rng = np.random.default_rng(7)
    truth, generated = (rng.integers(0, 256, (6, 48, 64)).astype(np.uint8) for _ in range(2))
    rows = texture_features([truth, generated])
    assert np.array_equal(of_features(rows[:1], rows[1:]), of_volumes(truth, generated))  # type: ignore[operator]
