"""Structural similarity of the retina after one allowed shift and tilt of the whole volume, and its card. No torch.

The movement is found in `volume_alignment`, where tissue is in `tissue_mask`. Called by the scorer through the card.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.local_similarity import BORDER, similarity_maps
from fundus2oct.metrics.metric_card import MetricCard
from fundus2oct.metrics.tissue_mask import tissue_mask
from fundus2oct.metrics.volume_alignment import (
    BLOCK_COLUMNS,
    FINE_TILT_DEG,
    MAX_SHIFT_UM,
    MAX_TILT_DEG,
    aligned,
    find_alignment,
)
from fundus2oct.metrics.volume_pair import check_pair

MIN_SIDE: Final = 32


def aligned_ssim(truth: NDArray[np.uint8], generated: NDArray[np.uint8]) -> NDArray[np.float64]:
    """SSIM inside the true tissue, of the generated volume as it is or as moved, whichever has the higher mean.

    Args:
        truth: (6, h, w) uint8, h and w at least 32.
        generated: (6, h, w) uint8, the same shape.

    Returns:
        (6,) float64 in [-1, 1]; 1 means identical but for the allowed movement.
    """
    check_pair(truth, generated, min_side=MIN_SIDE)
    mask = _mask(truth)
    moved = aligned(generated, find_alignment(truth, generated, mask))
    candidates = [_masked_ssim(truth, volume, mask) for volume in (generated, moved)]
    return max(candidates, key=lambda values: float(values.mean()))


def _mask(truth: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tissue of the truth; a B-scan without any counts as a whole."""
    mask = tissue_mask(truth)
    empty = ~mask[:, BORDER:-BORDER, BORDER:-BORDER].any(axis=(1, 2))
    mask[empty] = True
    return mask


def _masked_ssim(
    truth: NDArray[np.uint8], generated: NDArray[np.uint8], mask: NDArray[np.bool_]
) -> NDArray[np.float64]:
    values = []
    for x, y, inside in zip(truth, generated, mask, strict=True):
        luminance, contrast = similarity_maps(x.astype(np.float64), y.astype(np.float64))
        values.append((luminance * contrast)[inside[BORDER:-BORDER, BORDER:-BORDER]].mean())
    return np.array(values)


CARD = MetricCard(
    name="aligned_ssim",
    title="Structural similarity after alignment",
    abbreviation="aligned SSIM",
    unit="",
    direction="higher",
    level="case",
    best=1.0,
    worst=-1.0,
    decimals=4,
    version="aligned_ssim-shift100um-tilt3deg-otsu4-gauss11-l255-v1",
    parameters={
        "movement": f"one shift (at most {MAX_SHIFT_UM:g} µm) and one tilt (at most {MAX_TILT_DEG:g}°) per volume",
        "search": f"least squared difference of means of {BLOCK_COLUMNS} columns, to 6 µm and {FINE_TILT_DEG:g}°",
        "moving": "whole pixels, column by column; no interpolation",
        "mask": "the truth's tissue: Gaussian of 4 pixels, Otsu's threshold of the volume",
        "similarity": "SSIM (Gaussian 11 x 11, sigma 1.5, L 255), mean over the mask",
        "choice": "the unmoved volume when its mean is higher",
        "averaging": "mean: B-scans, eyes of a patient, patients",
    },
    summary="Structural similarity of the retina alone, forgiving a small shift in depth and a small tilt.",
    description=(
        "How high the retina sits in the picture and how it is tilted depends on how the patient sat before the "
        "instrument; no photograph can tell. Here the whole generated volume may be moved once, by up to 100 µm in "
        "depth and up to 3 degrees, before it is compared, and only where the true scan shows tissue.",
        "How to read it: between SSIM, which punishes every pixel of shift, and nothing at all. An entry that gains "
        "much over its SSIM drew the right layers in the wrong place. Compare with the controls of the same board, "
        "the mean volume above all: finding the best position favours smooth pictures.",
        "Each B-scan gets its own value; the six are averaged to the eye, the eyes to the patient, and every patient "
        "counts once. A missing or failed case gets −1. Being a plain average it has no finite-sample bias.",
    ),
    formula="mean of SSIM(x, y∘T) over the truth's tissue, T the best of: none, one shift and tilt per volume",
    traps=(
        "Choosing the best position favours blur, and part of the gain comes with any retina at all. The fair number "
        "is this one minus the same maximum over shuffled truths; it needs the other cases and is shown where the "
        "shuffled-fundus gap is. One case's value alone still contains the gain.",
        "One movement for all six B-scans, never one for each: six free movements would fit wrong anatomy.",
        "The mask comes from the truth alone. With a mask from the generated volume an entry could choose where to be "
        "judged; so tissue drawn into true vitreous is not punished here, but in SSIM.",
        "A squared difference picks the movement, SSIM judges it; for very unlike volumes the best SSIM may lie "
        "elsewhere.",
    ),
    source="Wang et al., IEEE Transactions on Image Processing 13 (2004), eq. 13; mask: Otsu (1979), eq. 18",
    function="fundus2oct.metrics.aligned_similarity:aligned_ssim",
    reacts_to=(
        "blur",
        "noise",
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
    ignores=(
        "axial-shift",
        "tilt",
    ),
    tolerance=0.02,
)
"""What the boards and result files say of the number."""
