"""The one list of metrics, in the order in which boards show them. Loads no torch."""

from __future__ import annotations

from fundus2oct.metrics import (
    aligned_similarity,
    frechet_video_distance,
    multiscale_similarity,
    neighbourhood_cards,
    perceptual_similarity,
    picture_distances,
    pixel_errors,
    plane_distances,
    radial_consistency,
    structural_similarity,
    texture,
    thickness_error,
    video_distances,
)
from fundus2oct.metrics.metric_card import MetricCard

CARDS: tuple[MetricCard, ...] = (
    frechet_video_distance.CARD,
    structural_similarity.CARD,
    pixel_errors.PSNR_CARD,
    *thickness_error.CARDS,
    radial_consistency.CARD,
    video_distances.BIAS_MATCHED_CARD,
    video_distances.KVD_CARD,
    *picture_distances.PICTURE_CARDS,
    multiscale_similarity.CARD,
    aligned_similarity.CARD,
    perceptual_similarity.CARD,
    *neighbourhood_cards.NEIGHBOURHOOD_CARDS,
    plane_distances.EN_FACE_CARD,
    plane_distances.CIRCULAR_CARD,
    texture.SPECKLE_CARD,
    texture.SHARPNESS_CARD,
)
"""Every metric's card."""

RANKING_METRIC = frechet_video_distance.CARD.name
"""The metric that orders a board."""


def card(name: str) -> MetricCard:
    """The card of the metric called ``name``; KeyError when there is none."""
    return {c.name: c for c in CARDS}[name]
