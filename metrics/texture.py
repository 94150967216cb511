"""Speckle and sharpness of a generated volume against the true one: two case metrics that make blur visible, and cards.

Neither asks whether the anatomy is right. Called by the scorer through the cards. Pure functions, no torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from fundus2oct.metrics.metric_card import MetricCard
from fundus2oct.metrics.scan_geometry import N_BSCANS
from fundus2oct.metrics.tissue_mask import tissue_mask
from fundus2oct.metrics.volume_pair import check_pair, check_volume

MIN_SIDE: Final = 4
"""A side must be longer than the structures that count as fine."""

HIGH_PASS_PX: Final = 3.0
"""Standard deviation of the Gaussian whose result is subtracted; layers are thicker, grains smaller."""

MIN_CONTRAST: Final = 1e-3
CONTRAST_CAP: Final = float(np.log(100))

NORMAL_SPREAD: Final = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""

MIN_FREQUENCY: Final = 0.25
"""Cycles per pixel, half of the highest frequency: structures of less than 4 pixels (24 µm in depth)."""

MIN_POWER: Final = 1e-3
POWER_CAP: Final = float(np.log(10_000))

FEATURES_VERSION: Final = "texture-highpass3-mad-otsu4-hann-above0.25-v1"

Floats = NDArray[np.float64]


def speckle_error(truth: NDArray[np.uint8], generated: NDArray[np.uint8]) -> Floats:
    """``|ln (contrast of generated / contrast of true)|`` of every B-scan, at most ln 100.

    Args:
        truth: (6, h, w) uint8.
        generated: (6, h, w) uint8, the same shape.

    Returns:
        (6,) float64, 0 (equal) to 4.605.
    """
    check_pair(truth, generated, min_side=MIN_SIDE)
    return _log_ratio(speckle_contrast(truth), speckle_contrast(generated), CONTRAST_CAP)


def sharpness_error(truth: NDArray[np.uint8], generated: NDArray[np.uint8]) -> Floats:
    """``|ln (fine power of generated / fine power of true)|`` of every B-scan, at most ln 10,000.

    Args:
        truth: (6, h, w) uint8.
        generated: (6, h, w) uint8, the same shape.

    Returns:
        (6,) float64, 0 (equal) to 9.210.
    """
    check_pair(truth, generated, min_side=MIN_SIDE)
    return _log_ratio(fine_power(truth), fine_power(generated), POWER_CAP)


def texture_features(volumes: Iterable[NDArray[np.uint8]]) -> Floats:
    """Speckle contrast and fine power of every volume: (n, 12), six contrasts, then six powers.

    Args:
        volumes: any iterable of (6, h, w) uint8.
    """
    rows = [np.concatenate([speckle_contrast(volume), fine_power(volume)]) for volume in volumes]
    return np.array(rows, dtype=np.float64).reshape(-1, 2 * N_BSCANS)


def speckle_error_of(truth: Floats, generated: Floats) -> Floats:
    """`speckle_error` from two rows of `texture_features`, (1, 12) each; (6,) float64."""
    return _log_ratio(truth[0, :N_BSCANS], generated[0, :N_BSCANS], CONTRAST_CAP)


def sharpness_error_of(truth: Floats, generated: Floats) -> Floats:
    """`sharpness_error` from two rows of `texture_features`, (1, 12) each; (6,) float64."""
    return _log_ratio(truth[0, N_BSCANS:], generated[0, N_BSCANS:], POWER_CAP)


def _log_ratio(truth: Floats, generated: Floats, cap: float) -> Floats:
    """``|ln (generated / truth)|``, at most ``cap``."""
    return np.minimum(np.abs(np.log(generated / truth)), cap)


def speckle_contrast(volume: NDArray[np.uint8]) -> Floats:
    """Coefficient of variation of the grain within tissue, B-scan by B-scan.

    Spread of the high-passed grey levels over the mean grey level (Goodman, Speckle Phenomena in Optics, 2007, eq.
    3.13, on the grey levels of the display, which are no intensities). The spread is 1.4826 times the median absolute
    deviation: edges of layers, which survive any high pass but fill little of the picture, do not count as grain.

    Args:
        volume: (6, h, w) uint8.

    Returns:
        (6,) float64, at least 0.001, which stands also for a B-scan without tissue.
    """
    check_volume(volume, "volume", min_side=MIN_SIDE)
    values = []
    for bscan, inside in zip(volume.astype(np.float64), tissue_mask(volume), strict=True):
        grain = (bscan - ndimage.gaussian_filter(bscan, HIGH_PASS_PX))[inside]
        values.append(_robust_spread(grain) / bscan[inside].mean() if inside.any() else 0.0)
    return np.maximum(values, MIN_CONTRAST)


def fine_power(volume: NDArray[np.uint8]) -> Floats:
    """Mean square of what varies faster than 0.25 cycles per pixel, B-scan by B-scan, in grey levels squared.

    Power spectrum of the B-scan under a Hann window (Harris, Proceedings of the IEEE 66, 1978), summed over the band
    and divided by the window's mean square.

    Args:
        volume: (6, h, w) uint8.

    Returns:
        (6,) float64, at least 0.001.
    """
    check_volume(volume, "volume", min_side=MIN_SIDE)
    h, w = volume.shape[1:]
    window = np.outer(_hann(h), _hann(w))
    frequency = np.hypot(fft.fftfreq(h)[:, None], fft.rfftfreq(w))
    twice = np.where(np.arange(w // 2 + 1) % (w / 2) == 0, 1.0, 2.0)  # the half that rfft leaves out is its mirror
    band = twice * (frequency >= MIN_FREQUENCY)
    scale = (h * w) ** 2 * np.square(window).mean()
    powers = [(band * np.abs(fft.rfft2(bscan * window)) ** 2).sum() / scale for bscan in volume.astype(np.float64)]
    return np.maximum(powers, MIN_POWER)


def _robust_spread(values: Floats) -> float:
    return NORMAL_SPREAD * float(np.median(np.abs(values - np.median(values))))


def _hann(length: int) -> Floats:
    """The periodic Hann window."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


SPECKLE_CARD = MetricCard(
    name="speckle_error",
    title="Speckle contrast error",
    abbreviation="speckle",
    unit="",
    direction="lower",
    level="case",
    best=0.0,
    worst=CONTRAST_CAP,
    decimals=3,
    version="speckle_error-highpass3-mad-otsu4-lncap100-v1",
    parameters={
        "grain": f"grey level minus its Gaussian mean of {HIGH_PASS_PX:g} pixels",
        "contrast": "1.4826 x median absolute deviation of the grain over the mean grey level, within tissue",
        "tissue": "of each volume itself: Gaussian of 4 pixels, Otsu's threshold of the volume",
        "cap": "ln 100 = 4.605, per B-scan; contrast at least 0.001",
        "averaging": "mean: B-scans, eyes of a patient, patients",
    },
    summary="How far the strength of the speckle is from the true scan's; 0 is equal, 0.69 twice or half.",
    description=(
        "Every OCT scan is covered with speckle, a grain whose strength depends on the instrument and on how many "
        "frames were averaged. The metric compares its strength inside the retina with the true scan's, as the "
        "logarithm of their ratio without its sign.",
        "How to read it: 0 means equally grainy, 0.1 ten per cent more or less, 0.69 twice or half, above 2 a picture "
        "without grain or of nothing but grain. A large value beside a good PSNR or SSIM means that those were earned "
        "by blurring.",
        "Each B-scan gets its own value; the six are averaged to the eye, the eyes to the patient, and every patient "
        "counts once. A missing or failed case gets 4.6, the cap. Being a plain average it has no finite-sample bias.",
    ),
    formula="|ln (C(generated) / C(true))|,  C = 1.4826 · MAD(x − G₃∗x) / mean(x) over tissue",
    traps=(
        "It says nothing of anatomy: noise of the right strength over a wrong retina scores 0.",
        "Contrast is measured on displayed grey levels, which are compressed; it is no physical speckle contrast and "
        "not comparable between instruments.",
        "JPEG smooths grain away, so generated PNG against true JPEG differ even when the scans are equal.",
    ),
    source="Goodman, Speckle Phenomena in Optics (2007), eq. 3.13; tissue: Otsu (1979), eq. 18",
    function="fundus2oct.metrics.texture:speckle_error_of",
    role="diagnostic",
    features="fundus2oct.metrics.texture:texture_features",
    features_version=FEATURES_VERSION,
    reacts_to=("blur", "noise", "mean-volume", "constant"),
    ignores=("axial-shift",),
    tolerance=0.01,
)
"""What the boards and result files say of the number."""

SHARPNESS_CARD = MetricCard(
    name="sharpness_error",
    title="Fine-detail power error",
    abbreviation="fine power",
    unit="",
    direction="lower",
    level="case",
    best=0.0,
    worst=POWER_CAP,
    decimals=3,
    version="sharpness_error-hann-above0.25-lncap10000-v1",
    parameters={
        "spectrum": "power of the whole B-scan under a periodic Hann window",
        "band": f"radial frequency of at least {MIN_FREQUENCY:g} cycles per pixel",
        "cap": "ln 10,000 = 9.210, per B-scan; power at least 0.001 grey levels squared",
        "averaging": "mean: B-scans, eyes of a patient, patients",
    },
    summary="How far the power of structures below four pixels is from the true scan's; unmasks blurred pictures.",
    description=(
        "A B-scan is split into fine and coarse structures by their spatial frequency. The metric compares the power "
        "of everything finer than about four pixels, 24 µm in depth, with the true scan's, as the logarithm of their "
        "ratio without its sign.",
        "How to read it: 0 means equal, 0.69 twice or half the power. A picture blurred over two pixels reaches 3 and "
        "more. Networks trained on a pixel-wise error draw such pictures and are rewarded for it by PSNR and SSIM; "
        "checkerboard patterns of upsampling layers show as too much power.",
        "Each B-scan gets its own value; the six are averaged to the eye, the eyes to the patient, and every patient "
        "counts once. A missing or failed case gets 9.2, the cap. Being a plain average it has no finite-sample bias.",
    ),
    formula="|ln (P(generated) / P(true))|,  P = Σ |FFT(hann · x)|² over |f| ≥ 0.25 / pixel",
    traps=(
        "It says nothing of anatomy, nor of where the detail lies: noise added to a blurred picture repairs it.",
        "It counts the whole picture, noise of the vitreous included, unlike the speckle error.",
        "JPEG removes fine power, so the container of both volumes matters.",
    ),
    source="Durall, Keuper and Keuper, Watch Your Up-Convolution, CVPR 2020, section 3; window: Harris (1978)",
    function="fundus2oct.metrics.texture:sharpness_error_of",
    role="diagnostic",
    features="fundus2oct.metrics.texture:texture_features",
    features_version=FEATURES_VERSION,
    reacts_to=("blur", "noise", "mean-volume", "constant"),
    tolerance=0.05,
)
"""What the boards and result files say of the number."""
