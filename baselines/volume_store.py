"""The training volumes that a copying generator carries in its own folder.

`random-train` and `nearest-fundus` answer with a real training volume. They keep copies, because the data folder is
hidden from a generator at run time. Left eyes are kept as right eyes: one space for both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fundus2oct.baselines.training_set import ShowProgress, TrainingSet
from fundus2oct.baselines.weights import read_array, write_array, write_volumes
from fundus2oct.metrics.scan_geometry import VOLUME_SHAPE, mirror_volume

VOLUMES = "volumes.npy"
IS_LEFT = "is_left.npy"


def as_right_eye(volume: NDArray[np.uint8], eye: str) -> NDArray[np.uint8]:
    """The volume of eye ``eye`` seen as a right eye's, and back: a left eye's is mirrored, a right eye's is not."""
    return mirror_volume(volume) if eye == "L" else volume


def write_store(training: TrainingSet, folder: Path, show: ShowProgress) -> None:
    """Copy every training volume into ``folder``, in the order of ``training``."""
    with show("copying volumes", len(training)) as advance:

        def volumes() -> Iterator[NDArray[np.uint8]]:
            for eye in training:
                yield as_right_eye(eye.read_volume(), eye.eye)
                advance(1)

        write_volumes(folder, VOLUMES, volumes(), n=len(training))
    write_array(folder, IS_LEFT, np.array([eye.eye == "L" for eye in training]))


class VolumeStore:
    """Training volumes on disk, read one at a time.

    Attributes:
        is_left: (n,) bool, which of them were left eyes.
    """

    def __init__(self, folder: Path, *, method: str) -> None:
        """Open the store in ``folder``; E_WEIGHTS, naming ``method``, when it is missing or broken."""
        self.is_left = read_array(folder, IS_LEFT, shape=(None,), dtype=np.bool_, method=method)
        shape = (len(self.is_left), *VOLUME_SHAPE)
        self._volumes = read_array(folder, VOLUMES, shape=shape, dtype=np.uint8, method=method, mapped=True)

    def volume(self, index: int, *, eye: str) -> NDArray[np.uint8]:
        """Volume ``index`` as eye ``eye`` would show it: (6, 320, 448) uint8."""
        return np.array(as_right_eye(self._volumes[index], eye))
