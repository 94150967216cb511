"""Errors of single pixels: the peak signal-to-noise ratio of each B-scan, and its card. No torch.

Called by the scorer through the card; what the boards say of the number is in the card below.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.metric_card import MetricCard
from fundus2oct.metrics.volume_pair import check_pair

PEAK: Final = 255
CAP_DB: Final = 60.0
"""Identical B-scans would be infinite, and one infinity would swallow every mean. 60 dB is a mean squared error of
0.065 grey levels squared: nearer than any generator comes."""


def psnr(truth: NDArray[np.uint8], generated: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Peak signal-to-noise ratio of every B-scan, ``10 log10(255² / MSE)`` in dB, at most 60.

    Args:
        truth: (6, h, w) uint8.
        generated: (6, h, w) uint8, the same shape.

    Returns:
        (6,) float64, 0 (black against white) to 60 dB (capped; identical).

    >>> black, grey = np.zeros((6, 3, 4), np.uint8), np.full((6, 3, 4), 51, np.uint8)
    >>> psnr(black, grey).round(4).tolist()[:2]
    [13.9794, 13.9794]
    """
    check_pair(truth, generated)
    difference = truth.astype(np.int32) - generated.astype(np.int32)
    mse = np.square(difference).mean(axis=(1, 2), dtype=np.float64)
    mse_at_cap = PEAK**2 / 10 ** (CAP_DB / 10)
    decibels: NDArray[np.float64] = 10 * np.log10(PEAK**2 / np.maximum(mse, mse_at_cap))
    return np.minimum(decibels, CAP_DB)


PSNR_CARD = MetricCard(
    name="psnr",
    title="Peak signal-to-noise ratio",
    abbreviation="PSNR",
    unit="dB",
    direction="higher",
    level="case",
    best=CAP_DB,
    worst=0.0,
    decimals=2,
    version="psnr-l255-cap60-bscan-mean-v1",
    parameters={
        "peak": str(PEAK),
        "cap": f"{CAP_DB:g} dB, per B-scan",
        "unit of computation": "one B-scan, all pixels",
        "averaging": "mean of decibels: B-scans, eyes of a patient, patients",
        "input": "uint8, 320 x 448, compared as decoded",
    },
    summary="How far each pixel's grey level is from the truth; rewards blur.",
    description=(
        "The mean squared difference between the generated and the true B-scan, pixel by pixel, on a logarithmic scale "
        "in decibels. Ten decibels more mean a tenth of the squared error.",
        "How to read it: OCT is covered with speckle, a random grain that no photograph can foretell. Two scans of the "
        "same eye taken a minute apart already differ in almost every pixel. The one entry of the APTOS-2024 challenge "
        "with published code reports 13.3 dB. Compare with the controls of the same board, beside FVD, never alone.",
        "Each B-scan gets its own value; the six are averaged to the eye, the eyes to the patient, and every patient "
        "counts once. A missing or failed case gets 0 dB, the value of black against white. Being a plain average it "
        "has no finite-sample bias: more eyes narrow the interval and do not move the value.",
    ),
    formula="PSNR = min(60, 10 · log₁₀(255² / MSE)),   MSE = (1/hw) · Σ (x − y)²   for each B-scan",
    traps=(
        "A blurred average of many scans beats a sharp, plausible one: of all images that could be right, the mean has "
        "the smallest squared error.",
        "A retina drawn correctly but 50 µm too high, or slightly tilted, loses as much as a wrong one.",
        "Identical images give infinity, and one infinity would swallow the mean of a whole cohort: hence the cap.",
        "The mean of decibels is not the decibels of the mean error; boards that average otherwise are not comparable.",
        "Scaling either image by its own maximum first changes the number, and lets a generator choose its own scale.",
    ),
    source="ISO/IEC 10918 practice; Huynh-Thu and Ghanbari, Scope of validity of PSNR, Electronics Letters 44 (2008)",
    function="fundus2oct.metrics.pixel_errors:psnr",
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
    tolerance=0.1,
    role="headline",
)
"""What the boards and result files say of the number."""
