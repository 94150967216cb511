"""Reference row `mean-volume`: the mean training volume of the eye's side, position by position.

What one can say about an eye without looking at it ("climatology"): good in PSNR and SSIM, poor in FVD. Whatever
learns from the photograph must beat it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fundus2oct.baselines.training_set import ShowProgress, TrainingSet, silent
from fundus2oct.baselines.weights import read_array, write_array
from fundus2oct.benchmark.generator import Eye, Generator
from fundus2oct.metrics.scan_geometry import VOLUME_SHAPE, mirror_eye, mirror_volume

MEAN_VOLUMES = "mean_volumes.npy"
SIDES = ("L", "R")
"""Order of the two sides in the weights."""


def fit(training: TrainingSet, folder: Path, *, seed: int, show: ShowProgress = silent) -> dict[str, float]:
    """Write the mean volume of the left and of the right eyes; a side without eyes is the other one's mirror image."""
    sums = {side: np.zeros(VOLUME_SHAPE, dtype=np.int64) for side in SIDES}  # whole numbers: exact in any order
    counts = dict.fromkeys(SIDES, 0)
    with show("averaging volumes", len(training)) as advance:
        for eye in training:
            sums[eye.eye] += eye.read_volume()
            counts[eye.eye] += 1
            advance(1)
    for side in SIDES:
        if not counts[side]:
            other = mirror_eye(side)
            sums[side], counts[side] = mirror_volume(sums[other]), counts[other]
    means = np.stack([np.rint(sums[side] / counts[side]).astype(np.uint8) for side in SIDES])
    write_array(folder, MEAN_VOLUMES, means)
    return {f"eyes_{side}": float(sum(eye.eye == side for eye in training)) for side in SIDES}


class MeanVolumeGenerator:
    """Answers with the mean volume of the eye's side."""

    def __init__(self, mean_volumes: NDArray[np.uint8]) -> None:
        self.mean_volumes = mean_volumes

    def generate(self, fundus: NDArray[np.uint8], *, eye: Eye, seed: int) -> NDArray[np.uint8]:
        """(6, 320, 448) uint8, the same for every eye of one side."""
        return np.array(self.mean_volumes[SIDES.index(eye)])


def make_generator(*, device: str, folder: Path) -> Generator:
    """The fitted generator in ``folder``; it needs no accelerator."""
    shape = (len(SIDES), *VOLUME_SHAPE)
    return MeanVolumeGenerator(read_array(folder, MEAN_VOLUMES, shape=shape, dtype=np.uint8, method="mean-volume"))
