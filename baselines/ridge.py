"""Baseline `ridge`: principal components of the photograph to principal components of the OCT, linearly.

The simplest generator that learns from the photograph, and so the first one that is ranked. It answers with the
expected volume: blurred where the photograph leaves the answer open, without speckle. Everything is fitted in one
space of right eyes; left eyes are mirrored on the way in and back on the way out.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.baselines.fundus_descriptor import LENGTH, describe
from fundus2oct.baselines.principal_components import centred_gram, principal_axes, principal_scores
from fundus2oct.baselines.ridge_regression import fit_ridge
from fundus2oct.baselines.training_set import ShowProgress, TrainingSet, silent
from fundus2oct.baselines.volume_store import VOLUMES, as_right_eye, write_store
from fundus2oct.baselines.weights import read_array, write_array
from fundus2oct.benchmark.generator import Eye, Generator
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.scan_geometry import N_BSCANS, VOLUME_SHAPE

METHOD = "ridge"
MAX_COMPONENTS = 64
FUNDUS_MEAN, FUNDUS_AXES = "fundus_mean.npy", "fundus_axes.npy"
COEFFICIENTS = "coefficients.npy"
OCT_MEAN, OCT_AXES = "oct_mean.npy", "oct_axes.npy"


def fit(training: TrainingSet, folder: Path, *, seed: int, show: ShowProgress = silent) -> dict[str, float]:
    """Fit both sets of components and the map between them.

    Returns:
        the number of components of each, the penalty, and the left-out R2 over all pixels: small, because no
        photograph tells the speckle.

    Raises:
        BenchError: E_FEW with fewer than two patients: the penalty is chosen by leaving patients out.
    """
    patients = [eye.patient_id for eye in training]
    if len(set(patients)) < 2:
        raise BenchError("E_FEW", "ridge needs more patients to learn from", expected=">= 2", found="1")
    fundus_scores = _fit_photographs(training, folder, show)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        write_store(training, Path(scratch), show)
        volumes = np.load(Path(scratch) / VOLUMES, mmap_mode="r").reshape(len(training), -1)
        mean, gram = centred_gram(volumes)
        learned = fit_ridge(fundus_scores, principal_scores(gram, most=len(training)), patients)
        oct_scores = principal_scores(gram, most=MAX_COMPONENTS)
        write_array(folder, OCT_MEAN, mean.astype(np.float32).reshape(VOLUME_SHAPE))
        write_array(folder, OCT_AXES, _oct_axes(volumes, mean, oct_scores))
    write_array(folder, COEFFICIENTS, learned.coefficients[:, : oct_scores.shape[1]])
    return {
        "fundus_components": fundus_scores.shape[1],
        "oct_components": oct_scores.shape[1],
        "penalty": learned.penalty,
        "left_out_r2": learned.left_out_r2,
    }


def _fit_photographs(training: TrainingSet, folder: Path, show: ShowProgress) -> NDArray[np.float64]:
    """Write mean and axes of the photographs' descriptors; their scores (n, components) are returned."""
    descriptors = np.empty((len(training), LENGTH), dtype=np.float32)
    with show("describing photographs", len(training)) as advance:
        for row, eye in zip(descriptors, training, strict=True):
            row[:] = describe(eye.read_fundus(), eye=eye.eye)
            advance(1)
    mean, gram = centred_gram(descriptors)
    scores = principal_scores(gram, most=MAX_COMPONENTS)
    axes = np.concatenate([part for _, part in principal_axes(descriptors, mean, scores)], axis=1)
    write_array(folder, FUNDUS_MEAN, mean)
    write_array(folder, FUNDUS_AXES, axes)
    return scores


def _oct_axes(
    volumes: NDArray[np.uint8], mean: NDArray[np.float64], scores: NDArray[np.float64]
) -> NDArray[np.float16]:
    """(components, 6, 320, 448) float16: unit axes times the root of their length, which suits half precision."""
    axes = np.empty((scores.shape[1], volumes.shape[1]), dtype=np.float16)
    for columns, part in principal_axes(volumes, mean, scores):
        axes[:, columns] = part * np.sqrt(volumes.shape[1])
    return axes.reshape(-1, *VOLUME_SHAPE)


class RidgeGenerator:
    """Answers with the mean volume plus what the photograph's components predict."""

    def __init__(self, folder: Path) -> None:
        def read(name: str, shape: tuple[int | None, ...], dtype: type, *, mapped: bool = False) -> NDArray[Any]:
            return read_array(folder, name, shape=shape, dtype=dtype, method=METHOD, mapped=mapped)

        self._fundus_mean = read(FUNDUS_MEAN, (LENGTH,), np.float64)
        self._fundus_axes = read(FUNDUS_AXES, (None, LENGTH), np.float64)
        self._coefficients = read(COEFFICIENTS, (len(self._fundus_axes), None), np.float64)
        self._oct_mean = read(OCT_MEAN, VOLUME_SHAPE, np.float32)
        n_components = self._coefficients.shape[1]
        self._oct_axes = read(OCT_AXES, (n_components, *VOLUME_SHAPE), np.float16, mapped=True)

    def generate(self, fundus: NDArray[np.uint8], *, eye: Eye, seed: int) -> NDArray[np.uint8]:
        """(6, 320, 448) uint8: the expected volume of this photograph; the seed changes nothing."""
        scores = self._fundus_axes @ (describe(fundus, eye=eye) - self._fundus_mean)
        weights = (scores @ self._coefficients / np.sqrt(self._oct_mean.size)).astype(np.float32)
        return as_right_eye(np.stack([self._bscan(index, weights) for index in range(N_BSCANS)]), eye)

    def _bscan(self, index: int, weights: NDArray[np.float32]) -> NDArray[np.uint8]:
        """One B-scan at a time keeps a sixth of the axes in memory."""
        change = np.tensordot(weights, self._oct_axes[:, index].astype(np.float32), axes=1)
        grey = np.rint(np.clip(self._oct_mean[index] + change, 0, 255))
        return np.asarray(grey, dtype=np.uint8)


def make_generator(*, device: str, folder: Path) -> Generator:
    """The fitted generator in ``folder``; it needs no accelerator."""
    return RidgeGenerator(folder)
