"""A stand-in for a feature network: five features of a volume, computed at once, and how often it was asked.

`CARD` is a set metric like the Fréchet video distance, `CARDS` a board's list with it in place of the real one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.metric_card import MetricCard
from fundus2oct.metrics.pixel_errors import PSNR_CARD
from fundus2oct.metrics.structural_similarity import CARD as SSIM_CARD

seen: list[int] = []
"""Number of volumes of every call; a test clears it."""


def features(volumes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 6, 320, 448) uint8 -> (n, 5) float32: means of five parts of the first B-scan."""
    seen.append(len(volumes))
    parts = volumes[:, 0].reshape(len(volumes), 5, -1)
    return parts.mean(axis=2).astype(np.float32)


CARD = MetricCard(
    name="toy-fvd",
    title="Toy distance",
    abbreviation="TOY",
    unit="",
    direction="lower",
    level="set",
    best=0.0,
    worst=None,
    decimals=1,
    version="toy-v1",
    summary="",
    description=(),
    formula="",
    traps=(),
    source="",
    function="fundus2oct.metrics.frechet_distance:frechet_distance",
    features="mean_features:features",
    features_version="toy-means-v1",
    jackknife="fundus2oct.metrics.frechet_distance:jackknife_frechet",
)

CARDS = (CARD, SSIM_CARD, PSNR_CARD)
