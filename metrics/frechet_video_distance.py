"""The Fréchet video distance (FVD) of six-slice volumes: how a volume becomes a clip, the distance, and the card.

The network is in `i3d`, the distance in `frechet_distance`. Called by the scorer, which keeps the features, and through
the card by boards, which load no torch: the network is imported late.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fundus2oct.metrics.frechet_distance import frechet_distance
from fundus2oct.metrics.metric_card import MetricCard
from fundus2oct.metrics.scan_geometry import VOLUME_SHAPE
from fundus2oct.metrics.volume_pair import check_volume
from fundus2oct.metrics.weight_registry import I3D

CLIP_FRAMES: Final = 16
CLIP_SIDE: Final = 224
N_FEATURES: Final = 400

Floats = NDArray[np.float64]


def fvd(features_truth: ArrayLike, features_generated: ArrayLike) -> float:
    """Fréchet distance between the I3D logits of the true and of the generated volumes.

    Args:
        features_truth: (n, 400) from `fvd_features`, n >= 2.
        features_generated: (m, 400), m >= 2; m = n on a board, one volume per case.

    Returns:
        The distance, 0 or more. It depends on n: see the card.
    """
    return frechet_distance(features_truth, features_generated)


def fvd_features(volumes: Iterable[NDArray[np.uint8]], *, device: str = "cpu") -> NDArray[np.float32]:
    """I3D logits of every volume, one after the other: memory does not grow with their number.

    Args:
        volumes: any iterable of (6, 320, 448) uint8; an array (n, 6, 320, 448) is one.
        device: where the network runs. A volume's features do not depend on the others.

    Returns:
        (n, 400) float32.

    Raises:
        ValueError: for a volume of another shape or type.
        BenchError: E_WEIGHTS when `bench weights install i3d` was not run.
    """
    from fundus2oct.metrics.i3d import i3d_logits_grey

    rows = [i3d_logits_grey(volume_to_clip(volume)[None], device=device) for volume in volumes]
    return np.concatenate(rows) if rows else np.empty((0, N_FEATURES), np.float32)


def volume_to_clip(volume: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Six B-scans as a film of 16 frames.

    The whole B-scan is resized bilinearly to 224 x 224 (half-pixel centres, no antialiasing, no crop); frames are
    linear blends of neighbouring B-scans, the first and last being the first and last B-scan (corners aligned).

    Args:
        volume: (6, 320, 448) uint8.

    Returns:
        (16, 224, 224) float32 in [-1, 1].
    """
    check_volume(volume, "volume")
    if volume.shape != VOLUME_SHAPE:
        raise ValueError(f"volume: expected shape {VOLUME_SHAPE}, found {volume.shape}")
    return frames_between(volume, np.linspace(0, len(volume) - 1, CLIP_FRAMES))


def frames_between(slices: NDArray[np.uint8], positions: Floats) -> NDArray[np.float32]:
    """Frames at fractional places in a row of B-scans, each resized to 224 x 224 as in `volume_to_clip`.

    Args:
        slices: (n, h, w) uint8, n >= 2.
        positions: (t,) places in 0..n - 1; between two whole numbers a frame is a linear blend of two B-scans.

    Returns:
        (t, 224, 224) float32 in [-1, 1].
    """
    _, depth, width = slices.shape
    resized = _interpolate(slices.astype(np.float64), 1, _half_pixel_positions(depth, CLIP_SIDE))
    resized = _interpolate(resized, 2, _half_pixel_positions(width, CLIP_SIDE))
    clip = _interpolate(resized, 0, positions)
    return (clip / 127.5 - 1).astype(np.float32)


def _half_pixel_positions(length: int, samples: int) -> Floats:
    """Where ``samples`` equal pixels have their centres, in indices of ``length`` pixels over the same extent."""
    return np.clip((np.arange(samples) + 0.5) * length / samples - 0.5, 0, length - 1)


def _interpolate(array: Floats, axis: int, positions: Floats) -> Floats:
    """Linear interpolation along one axis at fractional indices."""
    low = np.minimum(positions.astype(np.intp), array.shape[axis] - 2)
    fraction = (positions - low).reshape([-1 if a == axis else 1 for a in range(array.ndim)])
    values: Floats = array.take(low, axis) * (1 - fraction) + array.take(low + 1, axis) * fraction
    return values


CARD = MetricCard(
    name="fvd",
    title="Fréchet video distance",
    abbreviation="FVD",
    unit="",
    direction="lower",
    level="set",
    best=0.0,
    worst=None,
    decimals=1,
    version="fvd-i3d-k400-logits-lerp16-bilinear224-v1",
    parameters={
        "network": "I3D, RGB, Kinetics-400 (deepmind/i3d-kinetics-400/1)",
        "weights": f"sha256 {I3D.member_sha256}",
        "features": "400 logits, averaged over time, before softmax",
        "frames": f"{CLIP_FRAMES}, linear interpolation along the slice axis, corners aligned",
        "resize": f"whole B-scan to {CLIP_SIDE} x {CLIP_SIDE}, bilinear, half-pixel centres, no antialiasing",
        "colour": "one grey channel as three equal ones, grey levels 0..255 to [-1, 1]",
        "divisor": "N - 1",
        "trace term": "nuclear norm of the centred cross-Gram matrix, float64",
        "arithmetic": "float32 network, no TF32",
        "container": "volumes as decoded, uint8; the result names the container (PNG or JPEG)",
    },
    summary="How far the generated volumes, as a group, are from real ones in the eyes of a video network.",
    description=(
        "Each volume is played as a short film, slice by slice, to a network trained to tell human actions apart. Its "
        "400 answers describe the film. FVD compares the cloud of answers of all generated volumes with that of all "
        "true ones: their centres and their spreads. It judges the group, not the single eye: an entry that draws fine "
        "retinas for the wrong patients can still score well. It orders this board because it ordered the challenge.",
        "How to read it: lower is better, the scale has no unit, and 0 is reached only by a copy of the truth. Compare "
        "an entry with the controls of the same board, not with numbers from papers: another way of turning six "
        "slices into a film, another number of cases or another file format gives other values.",
        "With few cases most of the value is not distance at all. Two halves of one and the same group of patients are "
        "far from 0, because 400 numbers per volume are described from about a hundred volumes. This share falls as "
        "cases are added, so values from different test sets are never comparable, and the interval beside the value "
        "speaks of the FVD expected at this number of cases. It is a delete-one-patient jackknife; a bootstrap would "
        "be biased upwards, because repeated cases enlarge the same share.",
        "A missing or failed case enters as an all-black volume, which costs far more than any retina.",
    ),
    formula="FVD = |μ₁ − μ₂|² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁Σ₂)^½",
    traps=(
        "At about a hundred cases FVD rewards sameness: a generator that draws less varied retinas can score better "
        "than one with the right variety. The bias-matched Fréchet distance is there to notice it.",
        "It cannot see whether the photograph was used; the shuffled-fundus gap can.",
        "The network was trained on people in motion. It sees texture and brightness well, a lost layer or a missing "
        "cyst poorly: a good FVD is no statement about anatomy.",
        "Six slices are too few for the network (it needs 9), so frames are interpolated. That is a convention, hence "
        "part of the version; padding or repeating slices gives other numbers.",
        "JPEG and PNG copies of the same volume differ in FVD, so the container is fixed for each phase.",
        "Commonly computed otherwise: with features after softmax or before the last layer, a batch-normalisation "
        "constant of 1e-5 in place of 1e-3, divisor N, or a matrix square root that loses digits when there are fewer "
        "cases than features.",
    ),
    source=(
        "Unterthiner et al., Towards Accurate Generative Models of Video, arXiv:1812.01717 (2018); network: "
        "Carreira and Zisserman, Quo Vadis, Action Recognition?, CVPR 2017; distance: Dowson and Landau, Journal of "
        "Multivariate Analysis 12 (1982)"
    ),
    function="fundus2oct.metrics.frechet_video_distance:fvd",
    features="fundus2oct.metrics.frechet_video_distance:fvd_features",
    features_version="i3d-k400-logits-lerp16-bilinear224-v1",
    role="headline",
    jackknife="fundus2oct.metrics.frechet_distance:jackknife_frechet",
    weights=I3D.name,
    reacts_to=(
        "blur",
        "noise",
        "jpeg",
        "bscan-shuffle",
        "mean-volume",
        "constant",
        "repeated-slice",
    ),
    ignores=("patient-shuffle",),
    tolerance=0.5,
)
"""What the boards and result files say of the number."""
