"""Learned perceptual image patch similarity (LPIPS) of each B-scan on AlexNet, and its card.

The network is in `lpips_network`, its weights in `lpips_weights`; both are imported late, so that boards load no torch.
Called by the scorer through the card.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.metric_card import MetricCard
from fundus2oct.metrics.volume_pair import check_pair
from fundus2oct.metrics.weight_registry import LPIPS_ALEX, LPIPS_HEADS

MIN_SIDE: Final = 63
"""Two poolings behind a stride of 4 need so much."""

WORST: Final = 1.0
"""The cap, which is also the value of a failed case; real pairs lie below it."""


def lpips(truth: NDArray[np.uint8], generated: NDArray[np.uint8]) -> NDArray[np.float64]:
    """LPIPS 0.1 (AlexNet) of every B-scan, each as three equal channels in [-1, 1], at its own size.

    Args:
        truth: (6, h, w) uint8, h and w at least 63.
        generated: (6, h, w) uint8, the same shape.

    Returns:
        (6,) float64, 0 (identical) or more, at most 1.

    Raises:
        BenchError: E_WEIGHTS when `bench weights install lpips-alex` was not run.
    """
    check_pair(truth, generated, min_side=MIN_SIDE)
    from fundus2oct.metrics.lpips_network import installed_weights, lpips_distances

    trunk, heads = installed_weights()
    x, y = ((volume / 127.5 - 1).astype(np.float32) for volume in (truth, generated))
    return np.minimum(lpips_distances(x, y, trunk, heads), WORST)


CARD = MetricCard(
    name="lpips",
    title="Learned perceptual image patch similarity",
    abbreviation="LPIPS",
    unit="",
    direction="lower",
    level="case",
    best=0.0,
    worst=WORST,
    decimals=4,
    version="lpips-alex-0.1-grey3-native-cap1-v1",
    parameters={
        "network": "AlexNet, ImageNet (torchvision), five rectified layers",
        "weights": f"sha256 {LPIPS_ALEX.archive_sha256}; heads {LPIPS_HEADS.member_sha256}",
        "version of the heads": "0.1 (trained linear layers)",
        "input": "the B-scan at its own size, three equal channels, grey levels 0..255 to [-1, 1]",
        "cap": "1, per B-scan",
        "averaging": "mean: B-scans, eyes of a patient, patients",
    },
    summary="How different a network trained on human judgements of photographs finds the B-scans; lower is better.",
    description=(
        "Both B-scans are shown to a picture network, and its answers are compared place by place, weighed so that the "
        "result agrees with what people said of pairs of distorted photographs. It forgives small shifts and grain "
        "more than SSIM does, and punishes blur.",
        "How to read it: 0 means identical, lower is better. The judgements behind the weights were made on everyday "
        "photographs, never on OCT; a difference that matters to an ophthalmologist may weigh nothing. Compare with "
        "the controls of the same board.",
        "Each B-scan gets its own value; the six are averaged to the eye, the eyes to the patient, and every patient "
        "counts once. A missing or failed case gets 1. The weights come by address and need one download; without "
        "them the value is absent, never zero. Automatic tests compare the arithmetic, with the authors' heads, with "
        "their package on a stand-in trunk: no measured value stands behind the number there.",
    ),
    formula="d = Σₗ mean over positions of wₗ · (x̂ₗ − ŷₗ)²,  x̂ₗ the unit feature vectors of layer l",
    traps=(
        "With another backbone (VGG, SqueezeNet) or the heads of version 0.0 the number is another metric.",
        "Pictures in [0, 1] or [0, 255] instead of [-1, 1] give plausible, wrong values.",
        "It rewards speckle of the right look in the wrong place, and does not know layers.",
    ),
    source="Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018, eq. 1",
    function="fundus2oct.metrics.perceptual_similarity:lpips",
    weights=LPIPS_ALEX.name,
    reacts_to=(
        "blur",
        "noise",
        "jpeg",
        "patient-shuffle",
        "mean-volume",
        "constant",
    ),
    tolerance=0.005,
)
"""What the boards and result files say of the number."""
