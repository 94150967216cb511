"""Reference row `constant`: every pixel is the mean grey level of the training volumes.

The floor of every metric; it looks at no photograph.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fundus2oct.baselines.training_set import ShowProgress, TrainingSet, silent
from fundus2oct.baselines.weights import read_array, write_array
from fundus2oct.benchmark.generator import Eye, Generator
from fundus2oct.metrics.scan_geometry import VOLUME_SHAPE

GREY_LEVEL = "grey_level.npy"


def fit(training: TrainingSet, folder: Path, *, seed: int, show: ShowProgress = silent) -> dict[str, float]:
    """Write the mean grey level of all training pixels."""
    total = 0
    with show("reading volumes", len(training)) as advance:
        for eye in training:
            total += int(eye.read_volume().sum(dtype=np.int64))
            advance(1)
    mean = total / (len(training) * np.prod(VOLUME_SHAPE))
    write_array(folder, GREY_LEVEL, np.array([round(mean)], dtype=np.uint8))
    return {"mean_grey_level": float(mean)}


class ConstantGenerator:
    """Answers with one grey level everywhere."""

    def __init__(self, grey_level: int) -> None:
        self.grey_level = grey_level

    def generate(self, fundus: NDArray[np.uint8], *, eye: Eye, seed: int) -> NDArray[np.uint8]:
        """(6, 320, 448) uint8, the same for every eye and seed."""
        return np.full(VOLUME_SHAPE, self.grey_level, dtype=np.uint8)


def make_generator(*, device: str, folder: Path) -> Generator:
    """The fitted generator in ``folder``; it needs no accelerator."""
    level = read_array(folder, GREY_LEVEL, shape=(1,), dtype=np.uint8, method="constant")
    return ConstantGenerator(int(level[0]))
