"""Measure `spectrum.json`: the covariance spectrum of I3D features over the eyes of a phantom cohort.

Run by hand, once; needs the weights (`bench weights install i3d`) and a phantom (`bench data phantom --profile mini
--out DIR`): ``python tests/simulation/make_spectrum.py DIR``. The simulation reads the small file and needs neither.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fundus2oct.benchmark.dataset import read_dataset
from fundus2oct.metrics import frechet_video_distance
from fundus2oct.metrics.durable_file import write_json

SHARE = 0.9999
"""Directions are kept up to this share of the total variance."""


def spectrum(features: NDArray[np.float64], patients: ArrayLike) -> dict[str, list[float]]:
    """Eigenvalues of the covariance (n, d) features have, and the correlation of fellow eyes in each eigendirection."""
    centred = features - features.mean(axis=0)
    _, s, directions = np.linalg.svd(centred, full_matrices=False)
    eigenvalues = s**2 / (len(features) - 1)
    kept = np.cumsum(eigenvalues) <= SHARE * eigenvalues.sum()
    labels, index, counts = np.unique(np.asarray(patients), return_inverse=True, return_counts=True)
    pairs = [np.flatnonzero(index == k) for k in range(len(labels)) if counts[k] == 2]
    first, second = (centred[[pair[i] for pair in pairs]] @ directions.T for i in (0, 1))
    correlation = (2 * first * second).sum(axis=0) / (first**2 + second**2).sum(axis=0)
    return {
        "eigenvalues": [float(f"{v:.6g}") for v in eigenvalues[kept]],
        "fellow_correlation": [round(float(v), 4) for v in np.clip(correlation[kept], 0, 0.95)],
    }


def main(folder: Path) -> None:
    """Write the file from all eyes of the dataset in ``folder``."""
    dataset = read_dataset(folder)
    features = frechet_video_distance.fvd_features(dataset.volume(case) for case in dataset.cases)
    found = spectrum(features.astype(np.float64), [case.patient_id for case in dataset.cases])
    origin = {
        "dataset": f"{dataset.name} {dataset.version}",
        "eyes": len(dataset.cases),
        "patients": len({case.patient_id for case in dataset.cases}),
        "features": frechet_video_distance.CARD.version,
    }
    write_json(Path(__file__).with_name("spectrum.json"), {"origin": origin, **found})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
