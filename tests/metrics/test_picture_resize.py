"""Resizing against Pillow and torch, and TensorFlow 1's rule by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from fundus2oct.metrics.picture_resize import resized


@pytest.mark.parametrize(("h", "w", "side"), [(320, 448, 224), (90, 12, 224), (64, 64, 224), (37, 53, 20)])
def test_antialiased_resizing_equals_pillow_and_torch(h: int, w: int, side: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (1, h, w)).astype(np.float32)
    ours = resized(picture.astype(np.float64), side)
    pillow = np.asarray(Image.fromarray(picture[0]).resize((side, side), Image.Resampling.BILINEAR))
    torchs = functional.interpolate(
        torch.from_numpy(picture)[None].double(), (side, side), mode="bilinear", antialias=True
    )
    np.testing.assert_allclose(ours[0], pillow, atol=1e-3)
    np.testing.assert_allclose(ours, torchs[0], atol=1e-4)


def test_without_antialiasing_the_numbers_would_differ() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (1, 320, 448)).astype(np.float64)
    plain = functional.interpolate(torch.from_numpy(picture)[None], (224, 224), mode="bilinear")[0].numpy()
    assert np.abs(resized(picture, 224) - plain).mean() > 5


def test_tensorflow_1_samples_at_multiples_of_the_scale() -> None:
    """6 -> 4 pixels: positions 0, 1.5, 3, 4.5; no half-pixel centres."""
    ramp = np.broadcast_to(np.arange(6.0) * 10, (1, 6, 6)).copy()
    np.testing.assert_allclose(resized(ramp, 4, "tf1")[0, 0], [0, 15, 30, 45])
    np.testing.assert_allclose(resized(ramp.transpose(0, 2, 1), 4, "tf1")[0, :, 0], [0, 15, 30, 45])


def test_a_constant_picture_stays_constant() -> None:
    assert np.ptp(resized(np.full((2, 31, 47), 77, np.uint8), 224)) < 1e-9
