"""Case metrics on grey levels, against scikit-image, the authors' packages and closed forms."""

from __future__ import annotations

from importlib import metadata, resources

import golden_inputs
import lpips as lpips_package
import numpy as np
import torch
from accuracy_row import Measurement, Row, largest, largest_share
from numpy.typing import NDArray
from pytorch_msssim import ms_ssim as reference_ms_ssim
from scipy import ndimage, signal
from skimage.filters import threshold_otsu
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from fundus2oct.metrics import aligned_similarity, lpips_network, lpips_weights, texture
from fundus2oct.metrics.aligned_similarity import aligned_ssim
from fundus2oct.metrics.multiscale_similarity import ms_ssim
from fundus2oct.metrics.perceptual_similarity import lpips
from fundus2oct.metrics.pixel_errors import psnr
from fundus2oct.metrics.structural_similarity import ssim
from fundus2oct.metrics.tissue_mask import otsu_threshold
from fundus2oct.metrics.volume_alignment import aligned, find_alignment

Bytes = NDArray[np.uint8]
WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
SHAPES = ((6, 320, 448), (6, 64, 64), (6, 11, 400), (6, 177, 203))


def volumes() -> list[tuple[Bytes, Bytes]]:
    """Pairs of volumes of many shapes: noise, correlated noise and layers."""
    rng = np.random.default_rng(20_240_613)
    pairs = [golden_inputs.volume_pair()]
    for shape in SHAPES:
        noise = rng.integers(0, 256, shape).astype(np.uint8)
        smooth = ndimage.gaussian_filter(noise.astype(float), (0, 2, 2))
        near = np.clip(np.rint(smooth + rng.normal(0, 8, shape)), 0, 255).astype(np.uint8)
        pairs += [(noise, rng.integers(0, 256, shape).astype(np.uint8)), (np.rint(smooth).astype(np.uint8), near)]
    return pairs


def version(package: str) -> str:
    """``name version`` of an installed distribution."""
    return f"{package} {metadata.version(package)}"


def psnr_row() -> Row:
    found = [
        largest_share(psnr(x, y), [peak_signal_noise_ratio(a, b, data_range=255) for a, b in zip(x, y, strict=True)])
        for x, y in volumes()
    ]
    return Row(
        what="PSNR below its cap",
        origin=version("scikit-image"),
        on="54 pairs of B-scans: noise, blurred noise, layers; 320 x 448 to 11 x 400",
        difference=max(found),
        relative=True,
        tolerance=1e-12,
        test="tests/metrics/test_pixel_errors.py::test_psnr_equals_scikit_image",
        cards=("psnr",),
    )


def cropped_mean(x: Bytes, y: Bytes) -> float:
    """scikit-image's SSIM map over the region that no border touches."""
    return float(structural_similarity(x, y, full=True, **WANG)[1][5:-5, 5:-5].mean())


def ssim_row() -> Row:
    found = [largest(ssim(x, y), [cropped_mean(a, b) for a, b in zip(x, y, strict=True)]) for x, y in volumes()]
    return Row(
        what="SSIM",
        origin=f"{version('scikit-image')}, settings of Wang et al. 2004, border cropped",
        on="54 pairs of B-scans: noise, blurred noise, layers; 320 x 448 to 11 x 400",
        difference=max(found),
        tolerance=1e-12,
        test="tests/metrics/test_structural_similarity.py::test_ssim_equals_scikit_image_with_the_settings_of_the_paper",
        cards=("ssim",),
    )


def doubles(volume: Bytes) -> torch.Tensor:
    """(6, h, w) -> (6, 1, h, w) float64."""
    return torch.from_numpy(volume.astype(np.float64))[:, None]


def ms_ssim_row() -> Row:
    weights = torch.exp(-((torch.arange(11).double() - 5) ** 2) / (2 * 1.5**2))
    window = (weights / weights.sum()).reshape(1, 1, 1, 11)
    found = []
    for x, y in [pair for pair in volumes() if min(pair[0].shape[1:]) >= 176 and pair[0].shape[1] % 16 == 0]:
        theirs = reference_ms_ssim(doubles(x), doubles(y), data_range=255, size_average=False, win=window)
        found.append(largest(ms_ssim(x, y), theirs.numpy()))
    return Row(
        what="MS-SSIM, five scales",
        origin=f"{version('pytorch-msssim')}, its window in float64",
        on="18 pairs of B-scans, 320 x 448 (odd sides are halved differently by every library)",
        difference=max(found),
        tolerance=1e-7,
        test="tests/metrics/test_multiscale_similarity.py::test_ms_ssim_equals_pytorch_msssim",
        cards=("ms_ssim",),
    )


def lpips_row() -> Row:
    """Both on one seeded trunk, with the learned heads out of the authors' package."""
    trunk = {name: torch.from_numpy(a) for name, a in golden_inputs.seeded_arrays(lpips_weights.trunk_shapes()).items()}
    heads = torch.load(resources.files("lpips") / "weights/v0.1/alex.pth", map_location="cpu", weights_only=True)
    lpips_network.installed_weights.cache_clear()
    lpips_network.installed_weights = lambda: (trunk, heads)  # type: ignore[assignment]  # a stand-in trunk
    metric = lpips_package.LPIPS(net="alex", version="0.1", pnet_rand=True, verbose=False)
    names = {name: name.split(".") for name in metric.net.state_dict()}
    metric.net.load_state_dict({name: trunk[f"features.{part[1]}.{part[2]}"] for name, part in names.items()})
    found = []
    for x, y in [volumes()[0], volumes()[3], volumes()[7]]:
        a, b = (doubles(volume).float().expand(-1, 3, -1, -1) / 127.5 - 1 for volume in (x, y))
        with torch.no_grad():
            found.append(largest_share(lpips(x, y), np.minimum(metric(a, b).numpy().ravel(), 1)))
    return Row(
        what="LPIPS, the authors' heads on a seeded AlexNet trunk",
        origin=version("lpips"),
        on="18 pairs of B-scans, 320 x 448 to 64 x 64; no value with the real trunk (weights by address)",
        difference=max(found),
        relative=True,
        tolerance=1e-5,
        test="tests/metrics/test_perceptual_similarity.py::test_lpips_equals_the_authors_package",
        cards=("lpips",),
    )


def aligned_row() -> Row:
    found = []
    for x, y in [volumes()[0], volumes()[2]]:
        mask = aligned_similarity._mask(x)
        means = []
        for volume in (y, aligned(y, find_alignment(x, y, mask))):
            maps = [structural_similarity(a, b, full=True, **WANG)[1] for a, b in zip(x, volume, strict=True)]
            means.append([m[5:-5, 5:-5][i[5:-5, 5:-5]].mean() for m, i in zip(maps, mask, strict=True)])
        found.append(largest(aligned_ssim(x, y), max(means, key=np.mean)))
    return Row(
        what="aligned SSIM, given movement and mask",
        origin=f"{version('scikit-image')}'s SSIM map, averaged over the mask",
        on="12 pairs of B-scans; movements put in by hand are found to 6 µm and 0.2°",
        difference=max(found),
        tolerance=1e-12,
        test="tests/metrics/test_aligned_similarity.py::"
        "test_the_value_is_scikit_images_ssim_map_of_the_moved_volume_within_the_mask",
        cards=("aligned_ssim",),
    )


def otsu_row() -> Row:
    rng = np.random.default_rng(5)
    pictures = [ndimage.gaussian_filter(rng.normal(100 + 60 * (rng.random((90, 80)) > 0.5), 20), 2) for _ in range(8)]
    pictures += [x[0].astype(np.float64) for x, _ in volumes()]
    return Row(
        what="Otsu's threshold (tissue mask), grey levels",
        origin=f"{version('scikit-image')}, 1024 bins",
        on="17 pictures; bins of a quarter of a grey level against a 1024th of the picture's range",
        difference=max(abs(otsu_threshold(p) - threshold_otsu(p, nbins=1024)) for p in pictures),
        tolerance=0.5,
        test="tests/metrics/test_aligned_similarity.py::test_the_mask_is_scikit_images_otsu_on_the_smoothed_volume",
        cards=("aligned_ssim", "speckle_error"),
    )


def speckle_row() -> Row:
    """White Gaussian grain g on a plateau m: contrast = sd(g - G * g) / m, and a high pass of white noise is exact."""
    kernel = ndimage.gaussian_filter(np.pad([[1.0]], 40), texture.HIGH_PASS_PX)
    kept = float(np.sqrt(1 - 2 * kernel.max() + np.square(kernel).sum()))
    rng, ours, expected = np.random.default_rng(6), [], []
    for spread in (5.0, 10.0, 20.0):
        volume = np.full((6, 320, 448), 12.0)
        volume[:, 120:] = rng.normal(130, spread, (6, 200, 448))
        ours.append(texture.speckle_contrast(np.clip(np.rint(volume), 0, 255).astype(np.uint8)))
        expected.append(np.full(6, np.sqrt(spread**2 + 1 / 12) * kept / 130))
    return Row(
        what="speckle contrast",
        origin="closed form: white Gaussian grain of known standard deviation behind a Gaussian high pass",
        on="18 B-scans of 320 x 448, standard deviation 5 to 20 grey levels; the difference is sampling, and borders",
        difference=largest_share(np.ravel(ours), np.ravel(expected)),
        relative=True,
        tolerance=0.03,
        test="tests/metrics/test_texture.py::test_half_the_grain_is_a_ratio_of_two",
        cards=("speckle_error",),
    )


def fine_power_row() -> Row:
    found = []
    for x, _ in volumes():
        h, w = x.shape[1:]
        window = np.outer(signal.get_window("hann", h), signal.get_window("hann", w))
        frequency = np.hypot(np.fft.fftfreq(h)[:, None], np.fft.fftfreq(w))
        powers = [np.abs(np.fft.fft2(bscan * window)) ** 2 for bscan in x.astype(np.float64)]
        plain = [power[frequency >= 0.25].sum() / (h * w) ** 2 / (window**2).mean() for power in powers]
        found.append(largest_share(texture.fine_power(x), np.maximum(plain, texture.MIN_POWER)))
    return Row(
        what="fine power",
        origin="numpy's full Fourier transform under scipy's Hann window",
        on="54 B-scans of odd and even sides",
        difference=max(found),
        relative=True,
        tolerance=1e-10,
        test="tests/metrics/test_texture.py::test_the_power_is_that_of_a_plain_fourier_transform_under_scipys_window",
        cards=("sharpness_error",),
    )


def parseval_row() -> Row:
    noise = np.clip(np.rint(np.random.default_rng(1).normal(128, 20, (6, 320, 448))), 0, 255).astype(np.uint8)
    return Row(
        what="fine power of white noise",
        origin="Parseval's theorem: variance x (1 - pi/16), the square of frequencies less a disc of radius 1/4",
        on="6 B-scans of 320 x 448; the difference is sampling",
        difference=largest_share(texture.fine_power(noise), [noise.var() * (1 - np.pi / 16)] * 6),
        relative=True,
        tolerance=0.02,
        test="tests/metrics/test_texture.py::test_white_noise_has_the_power_of_its_variance_above_a_quarter_cycle",
        cards=("sharpness_error",),
    )


ROWS: tuple[Measurement, ...] = (
    psnr_row,
    ssim_row,
    ms_ssim_row,
    lpips_row,
    aligned_row,
    otsu_row,
    speckle_row,
    fine_power_row,
    parseval_row,
)
