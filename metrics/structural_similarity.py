"""Structural similarity (SSIM) of each B-scan exactly as Wang et al. (2004) define it, and its card. No torch.

Called by the scorer through the card. Multi-scale and alignment-tolerant variants are other metrics, not options here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.local_similarity import C1, C2, SIGMA, WINDOW, L, similarity_maps
from fundus2oct.metrics.metric_card import MetricCard
from fundus2oct.metrics.volume_pair import check_pair

__all__ = ["C1", "C2", "CARD", "SIGMA", "WINDOW", "L", "ssim"]


def ssim(truth: NDArray[np.uint8], generated: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean structural similarity of every B-scan (Wang et al. 2004, eq. 13 and 17).

    Args:
        truth: (6, h, w) uint8, h and w at least 11.
        generated: (6, h, w) uint8, the same shape.

    Returns:
        (6,) float64 in [-1, 1]; 1 means identical.
    """
    check_pair(truth, generated, min_side=WINDOW)
    return np.array([_ssim_of_bscan(x, y) for x, y in zip(truth, generated, strict=True)])


def _ssim_of_bscan(truth: NDArray[np.uint8], generated: NDArray[np.uint8]) -> float:
    luminance, contrast = similarity_maps(truth.astype(np.float64), generated.astype(np.float64))
    luminance *= contrast
    return float(luminance.mean())


CARD = MetricCard(
    name="ssim",
    title="Structural similarity",
    abbreviation="SSIM",
    unit="",
    direction="higher",
    level="case",
    best=1.0,
    worst=-1.0,
    decimals=4,
    version="ssim-wang2004-gauss11-l255-valid-v1",
    parameters={
        "window": "Gaussian, 11 x 11, sigma 1.5",
        "covariance": "population (weights sum to 1)",
        "L": str(L),
        "C1": "(0.01 L)²",
        "C2": "(0.03 L)²",
        "border": "valid region only",
        "averaging": "mean: pixels, B-scans, eyes of a patient, patients",
        "input": "uint8, 320 x 448, compared as decoded",
    },
    summary="How alike brightness, contrast and structure are in small windows; speckle keeps it low.",
    description=(
        "Every point of the generated B-scan is compared with the same point of the true one in a window of 65 µm "
        "in depth by 220 µm along the scan: are both equally bright, equally contrasted, and do they rise and fall "
        "together? 1 means identical, 0 unrelated, below 0 inverted.",
        "How to read it: most windows hold little but speckle, which no photograph can foretell; real entries of the "
        "APTOS-2024 challenge lay near 0.1 to 0.2. Compare with the controls of the same board, beside the FVD, never "
        "alone.",
        "Each B-scan gets its own value; the six are averaged to the eye, the eyes to the patient, and every patient "
        "counts once. A missing or failed case gets −1, the least value the formula can reach, so that leaving a case "
        "out never pays. Being a plain average it has no finite-sample bias.",
    ),
    formula="SSIM = mean of (2 μₓμᵧ + C₁)(2 σₓᵧ + C₂) / ((μₓ² + μᵧ² + C₁)(σₓ² + σᵧ² + C₂)) over all 11 × 11 windows",
    traps=(
        "Smooth images gain: a blurred mean of many retinas scores above a sharp, anatomically right one.",
        "A uniform 7 × 7 window with sample covariance, a common default of libraries, is another metric; so is one "
        "that guesses L from the data, shrinks the image first or counts the border.",
        "It forgives no shift: a right retina a few rows too high scores like a wrong one.",
        "The dark vitreous is easy to match and fills much of the picture; two boards with different crops differ.",
    ),
    source="Wang, Bovik, Sheikh and Simoncelli, IEEE Transactions on Image Processing 13 (2004), eq. 13 and 17",
    function="fundus2oct.metrics.structural_similarity:ssim",
    reacts_to=(
        "blur",
        "noise",
        "axial-shift",
        "tilt",
        "gamma",
        "contrast",
        "jpeg",
        "crop",
        "bscan-shuffle",
        "flip",
        "patient-shuffle",
        "mean-volume",
        "constant",
        "repeated-slice",
        "spread-shrunk",
    ),
    tolerance=0.005,
    role="headline",
)
"""What the boards and result files say of the number."""
