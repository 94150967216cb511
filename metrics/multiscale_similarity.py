"""Multi-scale structural similarity (MS-SSIM) of each B-scan as Wang et al. (2003) define it, and its card. No torch.

Called by the scorer through the card. The single scale is `structural_similarity`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.local_similarity import similarity_maps
from fundus2oct.metrics.metric_card import MetricCard
from fundus2oct.metrics.structural_similarity import WINDOW
from fundus2oct.metrics.volume_pair import check_pair

WEIGHTS: Final = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, fine to coarse (Wang et al. 2003, section 3.2)."""

Floats = NDArray[np.float64]


def ms_ssim(truth: NDArray[np.uint8], generated: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Multi-scale structural similarity of every B-scan (Wang et al. 2003, eq. 7).

    Five scales need both sides to be at least 176; smaller pictures use as many as fit, the exponents scaled to the
    sum they have in five. An odd last row or column is dropped when a picture is halved.

    Args:
        truth: (6, h, w) uint8, h and w at least 11.
        generated: (6, h, w) uint8, the same shape.

    Returns:
        (6,) float64 in [0, 1]; 1 means identical. Negative contrast counts as 0, never as NaN.
    """
    check_pair(truth, generated, min_side=WINDOW)
    weights = scale_weights(min(truth.shape[1:]))
    return np.array([_of_bscan(x, y, weights) for x, y in zip(truth, generated, strict=True)])


def scale_weights(side: int) -> Floats:
    """Exponents of the scales that fit into a picture whose smaller side is ``side``; they always sum to the same.

    >>> len(scale_weights(320)), len(scale_weights(175)), scale_weights(21).tolist()
    (5, 4, [1.0001])
    """
    fitting = [weight for scale, weight in enumerate(WEIGHTS) if side >> scale >= WINDOW]
    return np.array(fitting) * (sum(WEIGHTS) / sum(fitting))


def _of_bscan(truth: NDArray[np.uint8], generated: NDArray[np.uint8], weights: Floats) -> float:
    x, y = truth.astype(np.float64), generated.astype(np.float64)
    product = 1.0
    for scale, weight in enumerate(weights):
        luminance, contrast = similarity_maps(x, y)
        last = scale == len(weights) - 1
        mean = float((luminance * contrast).mean() if last else contrast.mean())
        product *= max(mean, 0.0) ** weight
        x, y = _halved(x), _halved(y)
    return float(product)


def _halved(picture: Floats) -> Floats:
    """Means of 2 x 2 pixels."""
    h, w = picture.shape[0] // 2, picture.shape[1] // 2
    halved: Floats = picture[: 2 * h, : 2 * w].reshape(h, 2, w, 2).mean(axis=(1, 3))
    return halved


CARD = MetricCard(
    name="ms_ssim",
    title="Multi-scale structural similarity",
    abbreviation="MS-SSIM",
    unit="",
    direction="higher",
    level="case",
    best=1.0,
    worst=0.0,
    decimals=4,
    version="ms_ssim-wang2003-5scales-gauss11-l255-valid-relu-mean2x2-v1",
    parameters={
        "scales": "5 at 320 x 448; fewer, exponents rescaled, where a side is below 176",
        "exponents": ", ".join(map(str, WEIGHTS)),
        "window": "Gaussian, 11 x 11, sigma 1.5, at every scale; valid region only",
        "halving": "mean of 2 x 2 pixels",
        "negative means": "set to 0 before the exponent",
        "L": "255",
        "averaging": "mean: B-scans, eyes of a patient, patients",
        "input": "uint8, 320 x 448, compared as decoded",
    },
    summary="Structural similarity seen from near and from afar together; layers count more, speckle less.",
    description=(
        "The B-scan is compared with the truth at full size and at a half, a quarter, an eighth and a sixteenth of it. "
        "At full size speckle dominates; at a sixteenth only the course of the retina is left. The five agreements "
        "are multiplied, the middle scales weighing most.",
        "How to read it: 1 means identical, 0 unrelated or inverted at some scale. Values lie above those of SSIM, "
        "because the coarse scales carry the shape of the retina, which a photograph can tell in part. Compare only "
        "with the controls of the same board.",
        "Each B-scan gets its own value; the six are averaged to the eye, the eyes to the patient, and every patient "
        "counts once. A missing or failed case gets 0, the least the formula can reach. Being a plain average it has "
        "no finite-sample bias.",
    ),
    formula="MS-SSIM = l₅^α₅ · ∏ₛ (csₛ)^βₛ over scales s = 1..5, with means of max(0, ·) over all windows of a scale",
    traps=(
        "Smooth images still gain: four of the five scales hardly see speckle, so a blurred mean volume scores well.",
        "With contrast below zero at one scale a fractional power gives NaN in a naive implementation, which then "
        "spoils the mean of a whole cohort; here such a scale counts as 0.",
        "It forgives no shift: at the finest scales a right retina a few rows too high scores like a wrong one.",
        "Libraries differ in how they halve, pad odd sides and crop, so values from other programs may differ in the "
        "third digit.",
    ),
    source="Wang, Simoncelli and Bovik, Multiscale structural similarity, Asilomar Conference 2003, eq. 7",
    function="fundus2oct.metrics.multiscale_similarity:ms_ssim",
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
)
"""What the boards and result files say of the number."""
