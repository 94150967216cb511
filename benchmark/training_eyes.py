"""The training volumes as the scorer sees them: what could have been memorised, and what can be known without looking.

Measured once per dataset and kept in the cache; every entry's controls and anatomy are held against the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark.case_table import EYES, Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.progress import progress
from fundus2oct.benchmark.scoring import CHUNK, FeatureProtocol, feature_rows
from fundus2oct.benchmark.value_cache import ValueCache
from fundus2oct.benchmark.volume import Volume, black_volume, volume_digest
from fundus2oct.metrics.memorisation import VERSION as DESCRIPTOR_VERSION
from fundus2oct.metrics.scan_geometry import VOLUME_SHAPE, mirror_eye, mirror_volume
from fundus2oct.metrics.thickness_error import ZONES, ZONES_VERSION

DESCRIPTOR = FeatureProtocol("fundus2oct.metrics.memorisation:descriptor", DESCRIPTOR_VERSION)
THICKNESS = FeatureProtocol(ZONES, ZONES_VERSION)

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TrainingEyes:
    """Every training volume that this copy of the dataset has.

    Attributes:
        cases: (m) their cases, by case id.
        descriptors: (2 m, d) of each volume and of its mirror image, the two side by side.
        digests: content hashes of the volumes and their mirror images.
        zones: (m, 12) `thickness_error.zone_features`.
        mean_volume_zones: eye side -> (12,) of the pixel-wise mean volume of that side; empty without volumes.
    """

    cases: tuple[Case, ...]
    descriptors: Floats
    digests: frozenset[str]
    zones: Floats
    mean_volume_zones: Mapping[str, Floats]

    @property
    def n_patients(self) -> int:
        """Number of different patients."""
        return len({case.patient_id for case in self.cases})


def read_training_eyes(dataset: Dataset, cache: ValueCache, train_split: str) -> TrainingEyes:
    """Read and measure the training volumes, a few at a time.

    Args:
        dataset: whose split ``train_split`` is read as far as this copy has its truth; it may have none.
        cache: of the measurements.
        train_split: name of the training split.
    """
    cases = dataset.with_truth(train_split)
    descriptors: list[Floats] = []
    zones: list[Floats] = []
    digests: set[str] = set()
    means = _MeanVolumes()
    with ThreadPoolExecutor(2) as readers, progress("training volumes", len(cases)) as advance:
        for start in range(0, len(cases), CHUNK):
            chunk = cases[start : start + CHUNK]
            volumes = list(readers.map(dataset.volume, chunk))
            both = [seen for volume in volumes for seen in (volume, mirror_volume(volume))]
            digests |= {volume_digest(volume) for volume in both}
            descriptors += feature_rows(DESCRIPTOR, both, cache)
            zones += feature_rows(THICKNESS, volumes, cache)
            means.add(chunk, volumes)
            advance(len(chunk))
    return TrainingEyes(
        cases=cases,
        descriptors=np.concatenate(descriptors) if descriptors else np.empty((0, 0)),
        digests=frozenset(digests),
        zones=np.concatenate(zones) if zones else np.empty((0, 0)),
        mean_volume_zones={side: feature_rows(THICKNESS, [mean], cache)[0][0] for side, mean in means.of_sides()},
    )


class _MeanVolumes:
    """Pixel-wise means by eye side, as the generator `mean-volume` learns them."""

    def __init__(self) -> None:
        self.sums = {side: np.zeros(VOLUME_SHAPE) for side in EYES}
        self.counts = dict.fromkeys(EYES, 0)

    def add(self, cases: tuple[Case, ...], volumes: list[Volume]) -> None:
        for case, volume in zip(cases, volumes, strict=True):
            self.sums[case.eye] += volume
            self.counts[case.eye] += 1

    def of_sides(self) -> list[tuple[str, Volume]]:
        """Side and mean volume; a side without eyes gets the other one mirrored."""
        if not any(self.counts.values()):
            return []
        found = {
            side: np.rint(self.sums[side] / count).astype(np.uint8) for side, count in self.counts.items() if count
        }
        other = {mirror_eye(side): mirror_volume(mean) for side, mean in found.items()}
        return [(side, found.get(side, other.get(side, black_volume()))) for side in EYES]
