"""Aligned SSIM: a movement put in is found, its limits hold, and the mask is the truth's."""

from __future__ import annotations

import golden_inputs
import numpy as np
import pytest
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.metrics import structural_similarity

from fundus2oct.metrics import aligned_similarity
from fundus2oct.metrics.aligned_similarity import aligned_ssim
from fundus2oct.metrics.structural_similarity import ssim
from fundus2oct.metrics.tissue_mask import otsu_threshold, tissue_mask
from fundus2oct.metrics.volume_alignment import Alignment, aligned, find_alignment


def slope(degrees: float) -> float:
    return float(np.tan(np.deg2rad(degrees)))


def inside(volume: np.ndarray) -> np.ndarray:
    return aligned_similarity._mask(volume)


@pytest.mark.parametrize(
    "put_in", [Alignment(48.0, slope(1.5), slope(-1.0)), Alignment(-90.0, 0.0, slope(2.5)), Alignment(6.0, 0.0, 0.0)]
)
def test_a_movement_put_in_is_taken_out(put_in: Alignment) -> None:
    truth, _ = golden_inputs.volume_pair()
    found = find_alignment(truth, aligned(truth, put_in), inside(truth))
    assert found.shift_um == pytest.approx(-put_in.shift_um, abs=6.1)
    assert found.slope_right == pytest.approx(-put_in.slope_right, abs=slope(0.2))
    assert found.slope_up == pytest.approx(-put_in.slope_up, abs=slope(0.2))


def test_a_shifted_copy_scores_one_although_ssim_is_low() -> None:
    truth, _ = golden_inputs.volume_pair()
    moved = ndimage.shift(truth, (0, 9, 0), order=0, mode="nearest")
    assert (aligned_ssim(truth, moved) > 0.98).all()  # nine rows at the lower end are lost for good
    assert ssim(truth, moved).max() < 0.6


@pytest.mark.parametrize("put_in", [Alignment(160.0, 0.0, 0.0), Alignment(0.0, slope(6.0), 0.0)])
def test_larger_movements_are_not_forgiven(put_in: Alignment) -> None:
    truth, _ = golden_inputs.volume_pair()
    found = find_alignment(truth, aligned(truth, put_in), inside(truth))
    assert abs(found.shift_um) <= 100
    assert found.tilt_deg <= 3 + 1e-6
    assert aligned_ssim(truth, aligned(truth, put_in)).mean() < 0.9


def test_the_value_is_scikit_images_ssim_map_of_the_moved_volume_within_the_mask() -> None:
    truth, generated = golden_inputs.volume_pair()
    mask = inside(truth)
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    means = []
    for volume in (generated, aligned(generated, find_alignment(truth, generated, mask))):
        maps = [structural_similarity(x, y, full=True, **settings)[1] for x, y in zip(truth, volume, strict=True)]
        means.append([m[5:-5, 5:-5][k[5:-5, 5:-5]].mean() for m, k in zip(maps, mask, strict=True)])
    np.testing.assert_allclose(aligned_ssim(truth, generated), max(means, key=np.mean), atol=1e-10)


def test_moving_never_lowers_the_value() -> None:
    truth, generated = golden_inputs.volume_pair()
    unmoved = aligned_similarity._masked_ssim(truth, generated, inside(truth))
    assert aligned_ssim(truth, generated).mean() >= unmoved.mean()


def test_black_and_constant_volumes_have_values() -> None:
    black = np.zeros((6, 64, 96), np.uint8)
    np.testing.assert_allclose(aligned_ssim(black, black), 1)
    assert (np.abs(aligned_ssim(black, np.full_like(black, 255))) < 0.01).all()


def test_the_mask_is_scikit_images_otsu_on_the_smoothed_volume() -> None:
    truth, _ = golden_inputs.volume_pair()
    smooth = np.stack([ndimage.gaussian_filter(bscan.astype(np.float64), 4.0) for bscan in truth])
    assert otsu_threshold(smooth) == pytest.approx(threshold_otsu(smooth, nbins=1024), abs=0.3)
    assert 0.3 < tissue_mask(truth).mean() < 0.7
