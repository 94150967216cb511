"""Two other ways to make a film of six B-scans, so that an audit can tell how much FVD owes to the convention.

The board's protocol is linear interpolation to 16 frames (docs/decisions/0002-six-bscans-in-fvd.md). These two are
never shown on a board. Called by `benchmark.audit` through their cards.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics import frechet_video_distance as fvd
from fundus2oct.metrics.metric_card import MetricCard
from fundus2oct.metrics.scan_geometry import N_BSCANS

REPEATS = 3
CLOSED_FRAMES = 13

Clip = NDArray[np.float32]


def repeated_clip(volume: NDArray[np.uint8]) -> Clip:
    """Each B-scan three times: (18, 224, 224) float32 in [-1, 1]; no frame is a blend."""
    return fvd.frames_between(volume, np.repeat(np.arange(N_BSCANS, dtype=np.float64), REPEATS))


def closed_clip(volume: NDArray[np.uint8]) -> Clip:
    """Half a turn of the scan line, closed by the first B-scan run backwards: 7 B-scans, 13 frames with halves."""
    closed = np.concatenate([volume, volume[:1, :, ::-1]])
    return fvd.frames_between(closed, np.linspace(0, N_BSCANS, CLOSED_FRAMES))


def repeated_features(volumes: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """(n, 400) I3D logits of (n, 6, 320, 448) uint8 volumes as `repeated_clip` films them."""
    return _features(volumes, repeated_clip)


def closed_features(volumes: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """(n, 400) I3D logits of (n, 6, 320, 448) uint8 volumes as `closed_clip` films them."""
    return _features(volumes, closed_clip)


def _features(volumes: Iterable[NDArray[np.uint8]], clip: Callable[[NDArray[np.uint8]], Clip]) -> NDArray[np.float32]:
    from fundus2oct.metrics.i3d import i3d_logits_grey

    rows = [i3d_logits_grey(clip(volume)[None]) for volume in volumes]
    return np.concatenate(rows) if rows else np.empty((0, fvd.N_FEATURES), np.float32)


def _card(name: str, title: str, frames: str, features: str) -> MetricCard:
    version = f"i3d-k400-logits-{frames}-bilinear224-v1"
    return dataclasses.replace(
        fvd.CARD,
        name=name,
        title=title,
        version=f"fvd-{version}",
        features=f"fundus2oct.benchmark.audit_protocols:{features}",
        features_version=version,
        role="diagnostic",
        reacts_to=(),
        ignores=(),
    )


PROTOCOL_CARDS: tuple[MetricCard, ...] = (
    _card("fvd_repeat3", "FVD, each B-scan three times", "repeat3", "repeated_features"),
    _card("fvd_closed", "FVD, closed half turn", "closed13", "closed_features"),
)
"""The other protocols; they promise nothing about degradations and are compared with the board's by rank."""
