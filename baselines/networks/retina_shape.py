"""How a retina lies in the scan and how thick it is: taken out before a network learns, put back when it has drawn.

Depth, tilt and bow are mostly how the instrument was held, and a small network spends most of its training on them;
a network that draws an edge where two thicknesses are likely draws two edges. So networks learn volumes in one frame
(`baselines.retina_frame`), straight and equally thick, as Morano et al. flatten on Bruch's membrane. A generated volume
gets its floor and its thickness from a normal distribution given the photograph: the mean is a ridge regression on the
photograph's principal components, the spread is that of the errors on patients who were left out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fundus2oct.baselines import fundus_descriptor
from fundus2oct.baselines.networks.case_noise import batch_noise
from fundus2oct.baselines.principal_components import centred_gram, principal_axes, principal_scores
from fundus2oct.baselines.retina_frame import (
    FRAME_FLOOR,
    FRAME_THICKNESS,
    N_FLOOR,
    THICKNESS_RANGE,
    floor_rows,
    source_rows,
)
from fundus2oct.baselines.ridge_regression import fit_ridge, left_out_errors
from fundus2oct.metrics.scan_geometry import N_BSCANS, WIDTH

Floats = NDArray[np.float64]

EDGE_ROWS: Final = 32
"""Rows at the top and at the bottom that are repeated, to and fro, beyond the picture: vitreous or deep choroid."""

FUNDUS_COMPONENTS: Final = 64
THICKNESS_COMPONENTS: Final = 12
"""At most; the phantom's training eyes need no more for nine tenths of the variance of a smooth thickness."""

COLUMN_STEP: Final = 8
"""Thickness is kept in every eighth A-scan: it is smooth over more than that."""

SHAPE_DRAW: Final = 1_000_000
"""Number of the stream of noise that shapes are drawn from; sampling steps count from 0."""


def into_frame(volume: NDArray[np.uint8], floor: Floats, thickness: Floats) -> NDArray[np.uint8]:
    """Move and stretch every A-scan into the frame; rows are taken as they are and none is averaged, as speckle needs.

    Args:
        volume: (b, 320, w) uint8.
        floor: (b, w) float64, rows.
        thickness: (b, w) float64, rows.

    Returns:
        The same shape; rows from beyond the picture repeat those at its edge, to and fro.
    """
    return _taken(volume, source_rows(FRAME_FLOOR, FRAME_THICKNESS, floor, thickness))


def out_of_frame(volume: NDArray[np.uint8], floor: Floats, thickness: Floats) -> NDArray[np.uint8]:
    """The way back, to this floor and this thickness. Arguments as for `into_frame`."""
    return _taken(volume, source_rows(floor, np.clip(thickness, *THICKNESS_RANGE), FRAME_FLOOR, FRAME_THICKNESS))


def _taken(volume: NDArray[np.uint8], source: Floats) -> NDArray[np.uint8]:
    """Row ``source`` (b, depth, w), rounded, of every A-scan: (b, depth, w)."""
    last = volume.shape[1] - 1
    row = np.rint(source).astype(np.intp)
    above, below = _to_and_fro(-1 - row), last - _to_and_fro(row - last - 1)
    row = np.where(row < 0, above, np.where(row > last, below, row))
    return np.take_along_axis(volume, row, axis=1)


def _to_and_fro(steps: NDArray[np.intp]) -> NDArray[np.intp]:
    """0, 1, ..., EDGE_ROWS - 1, EDGE_ROWS - 1, ..., 1, 0, 0, 1, ... for steps 0, 1, 2, ..."""
    place = steps % (2 * EDGE_ROWS)
    return np.minimum(place, 2 * EDGE_ROWS - 1 - place)


@dataclass(frozen=True)
class KnownShapes:
    """Shapes of training eyes, all of them right eyes, and the photographs they belong to.

    Attributes:
        floors: (n, 6) float64, coefficients as `retina_frame.find_floor` gives them.
        thicknesses: (n, 6, 448) float64, rows.
        descriptors: (n, 1728) float32, as `fundus_descriptor.describe` gives them.
        patients: n labels; a patient's eyes are left out together.
    """

    floors: Floats
    thicknesses: Floats
    descriptors: NDArray[np.float32]
    patients: tuple[str, ...]


class RetinaShape(nn.Module):
    """A normal distribution of floor and thickness, given a photograph; all buffers are float64.

    Args:
        thickness_chance: how much of the thickness that no photograph told is drawn: 1 all of it, 0 none, so that the
            expected thickness is given (truncation, as in Brock et al., "Large scale GAN training", ICLR 2019).

    Attributes:
        fundus_mean: (1728,), the mean descriptor of the training photographs.
        fundus_axes: (64, 1728), their principal axes; zeros where there were fewer.
        thickness_mean: (6 * 56,), every eighth A-scan of the mean thickness.
        thickness_axes: (12, 6 * 56), its principal axes; zeros where there were fewer.
        mean: (18,), six coefficients of the mean floor, then zeros.
        coefficients: (64, 18), from the photograph's components to the shape.
        factor: (18, 18), lower triangular; factor times its transpose is the covariance of what no photograph told.
    """

    fundus_mean: Tensor
    fundus_axes: Tensor
    thickness_mean: Tensor
    thickness_axes: Tensor
    mean: Tensor
    coefficients: Tensor
    factor: Tensor

    def __init__(self, thickness_chance: float = 1.0) -> None:
        super().__init__()
        self._thickness_chance = thickness_chance
        n_shape, n_thickness = N_FLOOR + THICKNESS_COMPONENTS, N_BSCANS * WIDTH // COLUMN_STEP
        shapes = {
            "fundus_mean": (fundus_descriptor.LENGTH,),
            "fundus_axes": (FUNDUS_COMPONENTS, fundus_descriptor.LENGTH),
            "thickness_mean": (n_thickness,),
            "thickness_axes": (THICKNESS_COMPONENTS, n_thickness),
            "mean": (n_shape,),
            "coefficients": (FUNDUS_COMPONENTS, n_shape),
            "factor": (n_shape, n_shape),
        }
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))

    def measure(self, known: KnownShapes) -> None:
        """Take the distribution from training eyes; with a single patient it is that patient's mean, for ever."""
        descriptors = known.descriptors.astype(np.float64)
        fundus_mean, fundus_axes, fundus_scores = _principal(descriptors, FUNDUS_COMPONENTS)
        coarse = known.thicknesses[:, :, COLUMN_STEP // 2 :: COLUMN_STEP].reshape(len(known.floors), -1)
        thickness_mean, thickness_axes, thickness_scores = _principal(coarse, THICKNESS_COMPONENTS)
        mean = known.floors.mean(axis=0)
        self._take("fundus_mean", fundus_mean)
        self._take("fundus_axes", fundus_axes)
        self._take("thickness_mean", thickness_mean)
        self._take("thickness_axes", thickness_axes)
        self._take("mean", mean)
        if len(set(known.patients)) > 1:
            self._regress([known.floors - mean, thickness_scores], fundus_scores, known.patients)

    def _regress(self, targets: Sequence[Floats], scores: Floats, patients: Sequence[str]) -> None:
        """Fit floor and thickness to the photographs, each with its own penalty; keep what patients left out show."""
        fits = [fit_ridge(scores, target, patients) for target in targets]
        pairs = list(zip(fits, targets, strict=True))
        errors = np.hstack([left_out_errors(scores, target, patients, fit.penalty) for fit, target in pairs])
        covariance = errors.T @ errors / len(errors)
        self._take("coefficients", np.hstack([fit.coefficients for fit in fits]))
        self._take("factor", np.linalg.cholesky(covariance + 1e-9 * np.eye(len(covariance))))

    def _take(self, name: str, values: NDArray[Any]) -> None:
        """Fill the first entries of a buffer, along every axis."""
        buffer = self.get_buffer(name)
        buffer.zero_()
        buffer[tuple(slice(size) for size in values.shape)] = torch.from_numpy(np.ascontiguousarray(values))

    def draw(self, descriptor: NDArray[np.float32], seed: int) -> tuple[Floats, Floats]:
        """Floor and thickness for one photograph of a right eye: two of (6, 448) float64, rows.

        Args:
            descriptor: (1728,) float32, from `fundus_descriptor.describe`.
            seed: the case's; it alone decides what the photograph does not tell.
        """
        known: dict[str, Any] = {name: buffer.cpu().numpy() for name, buffer in self.named_buffers()}
        scores = known["fundus_axes"] @ (descriptor - known["fundus_mean"])
        chance = batch_noise([seed], (len(known["mean"]),), draw=SHAPE_DRAW)[0].astype(np.float64)
        untold = known["factor"] @ chance
        untold[N_FLOOR:] *= self._thickness_chance
        shape = known["mean"] + scores @ known["coefficients"] + untold
        coarse = known["thickness_mean"] + shape[N_FLOOR:] @ known["thickness_axes"]
        columns = np.arange(COLUMN_STEP // 2, WIDTH, COLUMN_STEP)
        lines = coarse.reshape(N_BSCANS, -1)
        thickness = np.stack([np.interp(np.arange(WIDTH), columns, line) for line in lines])
        return floor_rows(shape[:N_FLOOR]), thickness


def _principal(rows: Floats, most: int) -> tuple[Floats, Floats, Floats]:
    """Mean (d,), unit axes (k, d) and scores (n, k) of rows (n, d), k at most ``most``."""
    mean, gram = centred_gram(rows)
    scores = principal_scores(gram, most=most)
    axes = np.concatenate([part for _, part in principal_axes(rows, mean, scores)], axis=1)
    return mean, axes, scores


def measured_shape(known: KnownShapes | None, thickness_chance: float) -> RetinaShape | None:
    """The shapes of training eyes that are seen in the frame; None where they are seen as they lie."""
    if known is None:
        return None
    shape = RetinaShape(thickness_chance)
    shape.measure(known)
    return shape
