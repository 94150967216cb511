"""Baseline `ridge`: principal components of the photograph to principal components of the OCT, linearly.

The simplest generator that learns from the photograph, and so the first one that is ranked. It answers with the
expected eye, without speckle. Three linear maps start from the photograph's components: one gives the grey levels of
a straightened retina, one its thickness, one its place in the picture (`baselines.retina_frame`). Everything is
fitted in one space of right eyes; left eyes are mirrored on the way in and back on the way out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.baselines.fundus_descriptor import LENGTH, describe
from fundus2oct.baselines.principal_components import centred_gram, principal_axes, principal_scores
from fundus2oct.baselines.retina_frame import N_FLOOR, find_floor, find_thickness, floor_rows, from_frame, to_frame
from fundus2oct.baselines.ridge_regression import fit_ridge
from fundus2oct.baselines.training_set import ShowProgress, TrainingSet, silent
from fundus2oct.baselines.volume_store import as_right_eye
from fundus2oct.baselines.weights import read_array, write_array, write_volumes
from fundus2oct.benchmark.generator import Eye, Generator
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.scan_geometry import N_BSCANS, VOLUME_SHAPE, WIDTH

METHOD = "ridge"
FUNDUS_COMPONENTS = 64
OCT_COMPONENTS = 32
"""At most; further ones change no metric of the phantom, and each takes 1.7 MB."""

N_THICKNESS = N_BSCANS * WIDTH


def fit(training: TrainingSet, folder: Path, *, seed: int, show: ShowProgress = silent) -> dict[str, float]:
    """Fit the components of both pictures and the three maps between them.

    Returns:
        the numbers of components, and the left-out R2 of each map; that of the grey levels is small, because no
        photograph tells the speckle.

    Raises:
        BenchError: E_FEW with fewer than two patients: the penalties are chosen by leaving patients out.
    """
    patients = [eye.patient_id for eye in training]
    if len(set(patients)) < 2:
        raise BenchError("E_FEW", "ridge needs more patients to learn from", expected=">= 2", found="1")
    fundus = _fit_photographs(training, folder, show)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        floors, thicknesses = _write_straightened(training, Path(scratch), show)
        grey = np.load(Path(scratch) / "straight.npy", mmap_mode="r").reshape(len(training), -1)
        n_oct, grey_r2 = _fit_grey_levels(grey, fundus, patients, folder)
    return {
        "fundus_components": fundus.shape[1],
        "oct_components": n_oct,
        "left_out_r2_grey": grey_r2,
        "left_out_r2_thickness": _fit_map("thickness", thicknesses, fundus, patients, folder),
        "left_out_r2_floor": _fit_map("floor", floors, fundus, patients, folder),
    }


def _fit_photographs(training: TrainingSet, folder: Path, show: ShowProgress) -> NDArray[np.float64]:
    """Write mean and axes of the photographs' descriptors; their scores (n, components) are returned."""
    descriptors = np.empty((len(training), LENGTH), dtype=np.float32)
    with show("describing photographs", len(training)) as advance:
        for row, eye in zip(descriptors, training, strict=True):
            row[:] = describe(eye.read_fundus(), eye=eye.eye)
            advance(1)
    mean, gram = centred_gram(descriptors)
    scores = principal_scores(gram, most=FUNDUS_COMPONENTS)
    axes = np.concatenate([part for _, part in principal_axes(descriptors, mean, scores)], axis=1)
    write_array(folder, "fundus_mean.npy", mean)
    write_array(folder, "fundus_axes.npy", axes)
    return scores


def _write_straightened(
    training: TrainingSet, scratch: Path, show: ShowProgress
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Write all volumes, as straight right eyes, into one file; return floors (n, 6) and thicknesses (n, 2688)."""
    floors = np.empty((len(training), N_FLOOR))
    thicknesses = np.empty((len(training), N_BSCANS, WIDTH))
    with show("straightening volumes", len(training)) as advance:

        def volumes() -> Iterator[NDArray[np.uint8]]:
            for eye, floor, thickness in zip(training, floors, thicknesses, strict=True):
                volume = as_right_eye(eye.read_volume(), eye.eye)
                floor[:] = find_floor(volume)
                thickness[:] = find_thickness(volume, floor_rows(floor))
                yield to_frame(volume, floor_rows(floor), thickness)
                advance(1)

        write_volumes(scratch, "straight.npy", volumes(), n=len(training))
    return floors, thicknesses.reshape(len(training), -1)


def _fit_map(
    name: str, targets: NDArray[np.float64], fundus: NDArray[np.float64], patients: list[str], folder: Path
) -> float:
    """Write the map from the photographs' scores to ``targets`` (n, outputs); its left-out R2 is returned."""
    mean = targets.mean(axis=0)
    learned = fit_ridge(fundus, targets - mean, patients)
    write_array(folder, f"{name}_mean.npy", mean)
    write_array(folder, f"{name}_coefficients.npy", learned.coefficients)
    return learned.left_out_r2


def _fit_grey_levels(
    grey: NDArray[np.uint8], fundus: NDArray[np.float64], patients: list[str], folder: Path
) -> tuple[int, float]:
    """Write mean, axes and coefficients of straightened volumes (n, pixels); return the number of axes and the R2.

    The penalty is chosen with all components, which is to say with all pixels; the strongest are kept.
    """
    mean, gram = centred_gram(grey)
    scores = principal_scores(gram, most=len(grey))
    learned = fit_ridge(fundus, scores, patients)
    kept = scores[:, :OCT_COMPONENTS]
    write_array(folder, "oct_mean.npy", mean.astype(np.float32).reshape(VOLUME_SHAPE))
    write_array(folder, "oct_axes.npy", _oct_axes(grey, mean, kept))
    write_array(folder, "oct_coefficients.npy", learned.coefficients[:, :OCT_COMPONENTS])
    return kept.shape[1], learned.left_out_r2


def _oct_axes(
    volumes: NDArray[np.uint8], mean: NDArray[np.float64], scores: NDArray[np.float64]
) -> NDArray[np.float16]:
    """(components, 6, 320, 448) float16: unit axes times the root of their length, which suits half precision."""
    axes = np.empty((scores.shape[1], volumes.shape[1]), dtype=np.float16)
    for columns, part in principal_axes(volumes, mean, scores):
        axes[:, columns] = part * np.sqrt(volumes.shape[1])
    return axes.reshape(-1, *VOLUME_SHAPE)


class RidgeGenerator:
    """Answers with the expected straight volume of a photograph, bent to the expected shape."""

    def __init__(self, folder: Path) -> None:
        def read(name: str, *shape: int | None, dtype: type = np.float64, mapped: bool = False) -> NDArray[Any]:
            return read_array(folder, f"{name}.npy", shape=shape, dtype=dtype, method=METHOD, mapped=mapped)

        self._fundus_mean = read("fundus_mean", LENGTH)
        self._fundus_axes = read("fundus_axes", None, LENGTH)
        n_fundus = len(self._fundus_axes)
        self._floor_mean = read("floor_mean", N_FLOOR)
        self._floor_coefficients = read("floor_coefficients", n_fundus, N_FLOOR)
        self._thickness_mean = read("thickness_mean", N_THICKNESS)
        self._thickness_coefficients = read("thickness_coefficients", n_fundus, N_THICKNESS)
        self._oct_mean = read("oct_mean", *VOLUME_SHAPE, dtype=np.float32)
        self._oct_coefficients = read("oct_coefficients", n_fundus, None)
        n_oct = self._oct_coefficients.shape[1]
        self._oct_axes = read("oct_axes", n_oct, *VOLUME_SHAPE, dtype=np.float16, mapped=True)

    def generate(self, fundus: NDArray[np.uint8], *, eye: Eye, seed: int) -> NDArray[np.uint8]:
        """(6, 320, 448) uint8: the expected volume of this photograph; the seed changes nothing."""
        scores = self._fundus_axes @ (describe(fundus, eye=eye) - self._fundus_mean)
        floor = floor_rows(self._floor_mean + scores @ self._floor_coefficients)
        thickness = (self._thickness_mean + scores @ self._thickness_coefficients).reshape(N_BSCANS, WIDTH)
        volume = from_frame(self._straight_volume(scores), floor, thickness)
        return as_right_eye(np.rint(np.clip(volume, 0, 255)).astype(np.uint8), eye)

    def _straight_volume(self, scores: NDArray[np.float64]) -> NDArray[np.float32]:
        """(6, 320, 448) float32, grey levels in the frame; one axis in memory at a time."""
        volume = np.array(self._oct_mean)
        weights = (scores @ self._oct_coefficients / np.sqrt(volume.size)).astype(np.float32)
        for weight, axis in zip(weights, self._oct_axes, strict=True):
            volume += weight * axis
        return volume


def make_generator(*, device: str, folder: Path) -> Generator:
    """The fitted generator in ``folder``; it needs no accelerator."""
    return RidgeGenerator(folder)
