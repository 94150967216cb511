"""The one list of metrics, in the order in which boards show them. Loads no torch."""

from __future__ import annotations

from fundus2oct.metrics import (
    frechet_video_distance,
    pixel_errors,
    structural_similarity,
    thickness_error,
    video_distances,
)
from fundus2oct.metrics.metric_card import MetricCard

CARDS: tuple[MetricCard, ...] = (
    frechet_video_distance.CARD,
    structural_similarity.CARD,
    pixel_errors.PSNR_CARD,
    thickness_error.CENTRAL_CARD,
    video_distances.BIAS_MATCHED_CARD,
    video_distances.KVD_CARD,
)
"""Every metric's card."""

RANKING_METRIC = frechet_video_distance.CARD.name
"""The metric that orders a board."""


def card(name: str) -> MetricCard:
    """The card of the metric called ``name``; KeyError when there is none."""
    return {c.name: c for c in CARDS}[name]
