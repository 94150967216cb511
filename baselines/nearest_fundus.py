"""Reference row `nearest-fundus`: the OCT of the training eye whose photograph is most similar.

Recognition instead of reconstruction: whoever claims to draw an eye must beat looking one up.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fundus2oct.baselines.fundus_descriptor import LENGTH, describe
from fundus2oct.baselines.training_set import ShowProgress, TrainingSet, silent
from fundus2oct.baselines.volume_store import VolumeStore, write_store
from fundus2oct.baselines.weights import read_array, write_array
from fundus2oct.benchmark.generator import Eye, Generator

METHOD = "nearest-fundus"
DESCRIPTORS = "descriptors.npy"


def fit(training: TrainingSet, folder: Path, *, seed: int, show: ShowProgress = silent) -> dict[str, float]:
    """Describe the training photographs and copy the training volumes."""
    write_store(training, folder, show)
    with show("describing photographs", len(training)) as advance:
        descriptors = np.empty((len(training), LENGTH), dtype=np.float32)
        for row, eye in zip(descriptors, training, strict=True):
            row[:] = describe(eye.read_fundus(), eye=eye.eye)
            advance(1)
    write_array(folder, DESCRIPTORS, descriptors)
    return {}


class NearestFundusGenerator:
    """Answers with the training volume whose photograph lies nearest."""

    def __init__(self, store: VolumeStore, descriptors: NDArray[np.float32]) -> None:
        self.store = store
        self.descriptors = descriptors

    def generate(self, fundus: NDArray[np.uint8], *, eye: Eye, seed: int) -> NDArray[np.uint8]:
        """(6, 320, 448) uint8: a training volume, mirrored if it comes from the other side; the first one of equals."""
        distance = np.linalg.norm(self.descriptors - describe(fundus, eye=eye), axis=1)
        return self.store.volume(int(distance.argmin()), eye=eye)


def make_generator(*, device: str, folder: Path) -> Generator:
    """The fitted generator in ``folder``; it needs no accelerator."""
    store = VolumeStore(folder, method=METHOD)
    shape = (len(store.is_left), LENGTH)
    return NearestFundusGenerator(store, read_array(folder, DESCRIPTORS, shape=shape, dtype=np.float32, method=METHOD))
