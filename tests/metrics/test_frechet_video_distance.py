"""FVD: how six B-scans become a clip, and that the distance of features is the Fréchet distance."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from fundus2oct.metrics.frechet_distance import frechet_distance
from fundus2oct.metrics.frechet_video_distance import fvd, fvd_features, volume_to_clip

Volume = NDArray[np.uint8]


def noise(seed: int) -> Volume:
    return np.random.default_rng(seed).integers(0, 256, (6, 320, 448), dtype=np.uint8)


def test_clip_equals_torchs_interpolation() -> None:
    """Bilinear with half-pixel centres and no antialiasing inside a B-scan, linear with aligned corners across."""
    volume = noise(0)
    planes = functional.interpolate(torch.from_numpy(volume)[:, None].double(), (224, 224), mode="bilinear")
    columns = planes[:, 0].flatten(1).T[:, None]
    frames = functional.interpolate(columns, 16, mode="linear", align_corners=True)[:, 0].T.reshape(16, 224, 224)
    np.testing.assert_allclose(volume_to_clip(volume), frames / 127.5 - 1, rtol=0, atol=1e-6)


def test_first_and_last_frame_and_every_third_are_bscans() -> None:
    """16 frames over 6 B-scans: frame 3k is B-scan k, the two between are blends."""
    levels = np.array([0, 51, 102, 153, 204, 255], np.uint8)
    clip = volume_to_clip(np.broadcast_to(levels[:, None, None], (6, 320, 448)).copy())
    np.testing.assert_allclose(clip[:, 100, 7], np.linspace(-1, 1, 16), atol=1e-6)
    assert clip.shape == (16, 224, 224)
    assert clip.dtype == np.float32


def test_black_is_minus_one_and_white_is_one() -> None:
    black, white = np.zeros((6, 320, 448), np.uint8), np.full((6, 320, 448), 255, np.uint8)
    assert set(volume_to_clip(black).ravel()) == {-1.0}
    assert set(volume_to_clip(white).ravel()) == {1.0}


def test_depth_and_width_are_not_exchanged() -> None:
    volume = np.zeros((6, 320, 448), np.uint8)
    volume[:, :160] = 255
    clip = volume_to_clip(volume)
    assert (clip[:, :112] == 1).all()
    assert (clip[:, 112:] == -1).all()


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        (np.zeros((6, 320, 448)), "volume: expected a uint8 array"),
        (np.zeros((6, 448, 320), np.uint8), r"volume: expected shape \(6, 320, 448\), found \(6, 448, 320\)"),
    ],
)
def test_a_volume_of_another_kind_is_refused(volume: Volume, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        volume_to_clip(volume)


def test_fvd_is_the_frechet_distance_of_features() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 7, 400))
    assert fvd(a, b) == frechet_distance(a, b)


@pytest.mark.i3d
@pytest.mark.usefixtures("i3d_weights")
def test_features_come_from_a_stream_or_an_array_alike() -> None:
    volumes = np.stack([noise(1), noise(2)])
    features = fvd_features(volumes)
    np.testing.assert_array_equal(fvd_features(volume for volume in volumes[::-1]), features[::-1])
    assert features.shape == (2, 400)


@pytest.mark.i3d
@pytest.mark.usefixtures("i3d_weights")
def test_the_order_of_bscans_matters() -> None:
    volume = noise(3) // 2 + np.arange(0, 120, 20, dtype=np.uint8)[:, None, None]
    features = fvd_features([volume, volume[::-1]])
    assert np.abs(features[0] - features[1]).max() > 0.01


def test_no_volumes_give_no_features() -> None:
    assert fvd_features([]).shape == (0, 400)
