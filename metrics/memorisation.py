"""Whether a generator hands out its training volumes: nearest training volume over the nearest of another patient.

A copy lies far nearer to one training eye than to any other patient's; a new eye, a blurred one or the mean volume lies
about as near to several. The same ratio of training patients left out one at a time says how small it gets by chance.
Called by the scorer and by the eligibility rule; descriptors are arrays, no files here. No torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from fundus2oct.metrics.feature_pair import checked_features
from fundus2oct.metrics.volume_pair import check_volume

VERSION: Final = "cells-24x324um-highpass-centred-v1"
"""Name of the descriptor's protocol."""

CELL_ROWS: Final = 4
CELL_COLUMNS: Final = 16
"""One cell of the descriptor: 24 µm in depth, 324 µm along the scan. It averages speckle and keeps layers."""

HIGH_PASS_CELLS: Final = 2.0
"""Standard deviation of the Gaussian whose result is subtracted: brightness and slow shading do not count."""

MARGIN: Final = 0.9
"""A flag needs a ratio below this share of the smallest by chance. On the phantom (96 training and 32 held-out eyes)
the threshold was 0.57: no held-out, blurred, mixed or mean volume came below 0.67, and copies with noise, shift, gamma,
JPEG or blur stayed at 0.53 or less (tests/bench/measure_memorisation.py)."""

QUANTILE: Final = 0.01
"""Of the left-out ratios; below 100 eyes it does not exist, and their minimum takes its place."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MemorisationFlags:
    """What the test found for every generated volume.

    Attributes:
        ratio: (n,) distance to the nearest training volume over that to the nearest of another patient; 0 is a copy.
        flagged: (n,) whether the ratio lies below the threshold.
        nearest: (n,) row of the nearest training volume.
        threshold: what the ratio was compared with.
        left_out_ratio: (m,) the same ratio of each training volume, its own patient left out.
    """

    ratio: Floats
    flagged: NDArray[np.bool_]
    nearest: NDArray[np.intp]
    threshold: float
    left_out_ratio: Floats


def descriptor(volumes: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """What is compared: cell means of the volume, centred in depth, without slow shading, of unit variance.

    Args:
        volumes: any iterable of (6, h, w) uint8; h a multiple of 4, w of 16.

    Returns:
        (n, 6 * h / 4 * w / 16) float32; 13,440 numbers for (6, 320, 448).
    """
    rows = [_describe(volume) for volume in volumes]
    return np.stack(rows) if rows else np.empty((0, 0), np.float32)


def flags(generated: ArrayLike, training: ArrayLike, training_patients: ArrayLike) -> MemorisationFlags:
    """The d1/d2 test of every generated volume.

    Args:
        generated: (n, d) from `descriptor`.
        training: (m, d) descriptors of the training volumes.
        training_patients: (m,) their patients' labels; at least 3 different ones.

    Returns:
        Ratios, flags and nearest rows, in the order of ``generated``.

    Raises:
        ValueError: for descriptors that are not finite numbers, and for too few patients.
    """
    drawn, train = checked_features(generated, "generated"), checked_features(training, "training")
    labels = np.asarray(training_patients)
    if labels.shape != (len(train),) or len(np.unique(labels)) < 3:
        found = f"shape {labels.shape}, {len(np.unique(labels))} patients"
        raise ValueError(f"training_patients: expected {len(train)} labels of at least 3 patients, found {found}")
    if drawn.shape[1] != train.shape[1]:
        raise ValueError(f"generated: expected descriptors of {train.shape[1]} numbers, found {drawn.shape[1]}")
    drawn, train = drawn - train.mean(axis=0), train - train.mean(axis=0)  # products far from 0 would lose digits
    own = labels[:, None] == labels
    left_out, _ = _ratios(np.where(own, np.inf, _distances(train, train)), labels)
    chance = left_out.min() if len(left_out) < 1 / QUANTILE else np.quantile(left_out, QUANTILE)
    ratio, nearest = _ratios(_distances(drawn, train), labels)
    threshold = float(MARGIN * chance)
    return MemorisationFlags(ratio, ratio < threshold, nearest, threshold, left_out)


def exact_copies(volumes: Iterable[NDArray[np.uint8]], training: Iterable[NDArray[np.uint8]]) -> NDArray[np.bool_]:
    """Which volumes equal a training volume pixel by pixel.

    >>> a, b = np.zeros((6, 4, 16), np.uint8), np.ones((6, 4, 16), np.uint8)
    >>> exact_copies([a, b], [b]).tolist()
    [False, True]
    """
    known = {volume.tobytes() for volume in training}
    return np.array([volume.tobytes() in known for volume in volumes], dtype=bool)


def _describe(volume: NDArray[np.uint8]) -> NDArray[np.float32]:
    check_volume(volume, "volume")
    slices, h, w = volume.shape
    if h % CELL_ROWS or w % CELL_COLUMNS:
        raise ValueError(f"volume: expected h a multiple of {CELL_ROWS} and w of {CELL_COLUMNS}, found {volume.shape}")
    columns = volume.reshape(slices, h, w // CELL_COLUMNS, CELL_COLUMNS).mean(axis=3)
    centred = ndimage.shift(columns, (0, (h - 1) / 2 - _centre_row(columns), 0), order=1, mode="nearest")
    cells = centred.reshape(slices, h // CELL_ROWS, CELL_ROWS, -1).mean(axis=2)
    cells -= ndimage.gaussian_filter(cells, (0, HIGH_PASS_CELLS, HIGH_PASS_CELLS))
    cells -= cells.mean()
    spread = cells.std()
    described: NDArray[np.float32] = (cells / spread if spread > 0 else cells).ravel().astype(np.float32)
    return described


def _centre_row(columns: Floats) -> float:
    """Centre of gravity in depth of what is brighter than the median row; the middle when nothing is."""
    profile = columns.mean(axis=(0, 2))
    weight = np.maximum(profile - np.median(profile), 0)
    total = weight.sum()
    return float((weight * np.arange(len(weight))).sum() / total) if total > 0 else (len(weight) - 1) / 2


def _distances(a: Floats, b: Floats) -> Floats:
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * a @ b.T
    distances: Floats = np.sqrt(np.maximum(squares, 0))
    return distances


def _ratios(distances: Floats, labels: NDArray[np.generic]) -> tuple[Floats, NDArray[np.intp]]:
    """Nearest over nearest of another patient than the nearest's, and the nearest's column."""
    nearest = distances.argmin(axis=1)
    first = distances[np.arange(len(distances)), nearest]
    second = np.where(labels[nearest][:, None] == labels, np.inf, distances).min(axis=1, initial=np.inf)
    return np.where(second > 0, first / np.maximum(second, np.finfo(np.float64).tiny), 1.0), nearest
