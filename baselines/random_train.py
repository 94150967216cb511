"""Reference row `random-train`: a real training volume, drawn by the seed among eyes of the same side.

Real texture and real variety without any knowledge of the eye: nearly the floor of FVD, poor in everything paired.
A set metric that ranks it high does not see whether the photograph was used.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fundus2oct.baselines.training_set import ShowProgress, TrainingSet, silent
from fundus2oct.baselines.volume_store import VolumeStore, write_store
from fundus2oct.benchmark.generator import Eye, Generator

METHOD = "random-train"


def fit(training: TrainingSet, folder: Path, *, seed: int, show: ShowProgress = silent) -> dict[str, float]:
    """Copy the training volumes; the drawing happens when generating."""
    write_store(training, folder, show)
    return {}


class RandomTrainGenerator:
    """Answers with a training volume that only the seed and the side decide."""

    def __init__(self, store: VolumeStore) -> None:
        self.store = store

    def generate(self, fundus: NDArray[np.uint8], *, eye: Eye, seed: int) -> NDArray[np.uint8]:
        """(6, 320, 448) uint8: a volume of the same side, or of the other side mirrored if there is none."""
        same_side = np.flatnonzero(self.store.is_left == (eye == "L"))
        candidates = same_side if len(same_side) else np.arange(len(self.store.is_left))
        return self.store.volume(int(np.random.default_rng(seed).choice(candidates)), eye=eye)


def make_generator(*, device: str, folder: Path) -> Generator:
    """The fitted generator in ``folder``; it needs no accelerator."""
    return RandomTrainGenerator(VolumeStore(folder, method=METHOD))
