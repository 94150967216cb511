"""Phantom eyes that no cohort holds, under speckle the phantom itself never makes, with their true surfaces.

The alternatives start from the phantom's noise-free reflectivity and share nothing with its renderer: other
statistics, no correlation, other display curves, no JPEG.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fundus2oct.benchmark.phantom import norms
from fundus2oct.benchmark.phantom.anatomy import Eye, sample_eye
from fundus2oct.benchmark.phantom.lesions import DISEASES
from fundus2oct.benchmark.phantom.oct_renderer import native_bscans, resized, structure, true_surfaces
from fundus2oct.benchmark.phantom.reflectivity import columns_of
from fundus2oct.metrics.scan_geometry import DEPTH, WIDTH

SEED = 61_803
Bytes = NDArray[np.uint8]


class PhantomScan:
    """One eye's volume in four renderings, each made when first asked for, and the truth about it.

    ``ilm_row`` and ``bm_row`` (6, 448) are rows of the 320-row pictures, ``native_...`` (6, 768) of the native ones.
    """

    def __init__(self, disease: str, patient: int, side: str) -> None:
        number = 100 * DISEASES.index(disease) + patient
        self.eye = sample_eye(SEED, number, side, cohort="anatomy-tests", disease=disease)
        self.ilm_row, self.bm_row = true_surfaces(self.eye)
        self.native_ilm_row, self.native_bm_row = _native_rows(self.eye)

    @cached_property
    def native(self) -> Bytes:
        """(6, 496, 768): the phantom's own speckle, after JPEG."""
        return native_bscans(self.eye)

    @cached_property
    def own(self) -> Bytes:
        """(6, 320, 448): the same, resized."""
        return resized(self.native)

    @cached_property
    def log_gamma(self) -> Bytes:
        """(6, 320, 448): three looks, independent pixels, logarithmic display."""
        return _log_gamma(structure(self.eye).root, np.random.default_rng([SEED, self.eye.patient, 1]))

    @cached_property
    def rayleigh(self) -> Bytes:
        """(6, 320, 448): fully developed speckle of the amplitude, square-root display."""
        return _rayleigh(structure(self.eye).root, np.random.default_rng([SEED, self.eye.patient, 2]))


def phantom_scan(disease: str, patient: int, side: str = "R") -> PhantomScan:
    """An eye of a seed and a cohort of their own."""
    return PhantomScan(disease, patient, side)


def _native_rows(eye: Eye) -> tuple[Any, Any]:
    at = columns_of(eye)
    bm = np.where(at.has_membrane, at.membrane_depth, np.nan)
    return at.ilm_depth / norms.NATIVE_AXIAL_UM - 0.5, bm / norms.NATIVE_AXIAL_UM - 0.5


def _log_gamma(root: NDArray[np.float64], rng: np.random.Generator) -> Bytes:
    intensity = root**4 * rng.gamma(3.0, 1 / 3.0, root.shape) + 4e-4 * rng.exponential(1.0, root.shape)
    return _small(255.0 * (1.0 + 10.0 * np.log10(intensity + 1e-9) / 40.0))


def _rayleigh(root: NDArray[np.float64], rng: np.random.Generator) -> Bytes:
    unit = np.sqrt(2.0 / np.pi)
    amplitude = root**2 * rng.rayleigh(unit, root.shape) + 0.01 * rng.rayleigh(unit, root.shape)
    return _small(230.0 * np.sqrt(amplitude))


def _small(grey: NDArray[np.float64]) -> Bytes:
    whole = np.rint(np.clip(grey, 0.0, 255.0)).astype(np.uint8)
    return np.stack([np.asarray(Image.fromarray(b).resize((WIDTH, DEPTH), Image.Resampling.BILINEAR)) for b in whole])
