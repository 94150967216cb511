"""From a latent eye to its six B-scans: speckle, detector noise, JPEG, and the resize to the benchmark's shape.

`structure` gives the picture before noise and the true surfaces, `native_bscans` what the instrument would export,
`render_volume` what a dataset holds. No files. Called by `cohort`, `aptos_export`, `realism` and tests.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from fundus2oct.benchmark.phantom import norms
from fundus2oct.benchmark.phantom.anatomy import Eye
from fundus2oct.benchmark.phantom.random_streams import stream
from fundus2oct.benchmark.phantom.reflectivity import columns_of, fourth_root_reflectivity
from fundus2oct.benchmark.phantom.smooth_fields import Floats
from fundus2oct.metrics.scan_geometry import DEPTH, N_BSCANS, WIDTH

Bytes = NDArray[np.uint8]

JPEG_QUALITY: Final = 90
FLOOR: Final = 3.9e-4
"""Detector noise on the reflectivity scale, read from the vitreous of a real scan."""


@dataclass(frozen=True, eq=False)
class Structure:
    """Six B-scans before noise, and the truth about them."""

    root: Floats
    """(6, 496, 768) float64: fourth root of the reflectivity, 1 = white."""
    ilm_row: Floats
    """(6, 448) float64: rows of the inner limiting membrane in the 320-row picture."""
    bm_row: Floats
    """(6, 448) float64: rows of Bruch's membrane; NaN on the disc."""


def structure(eye: Eye) -> Structure:
    """Everything about an eye's scan that is not chance. Mirroring the eye mirrors it."""
    ilm_row, bm_row = true_surfaces(eye)
    return Structure(fourth_root_reflectivity(eye, columns_of(eye)), ilm_row, bm_row)


def true_surfaces(eye: Eye) -> tuple[Floats, Floats]:
    """Rows of ILM and Bruch's membrane, each (6, 448) float64; integer = a pixel's middle, NaN = no membrane."""
    at = columns_of(eye, WIDTH)
    pitch = norms.NATIVE_ROWS * norms.NATIVE_AXIAL_UM / DEPTH
    bm_row = np.where(at.has_membrane, at.membrane_depth / pitch - 0.5, np.nan)
    return at.ilm_depth / pitch - 0.5, bm_row


def render_volume(eye: Eye) -> Bytes:
    """The eye's volume, (6, 320, 448) uint8."""
    return resized(native_bscans(eye))


def native_bscans(eye: Eye) -> Bytes:
    """Six B-scans as the instrument exports them, (6, 496, 768) uint8, after the JPEG step."""
    return through_jpeg(add_noise(structure(eye).root, eye))


def add_noise(root: Floats, eye: Eye) -> Bytes:
    """Speckle and detector noise on a noise-free picture: ``255 * (S * Gamma(L)/L + floor)^(1/4)``.

    Args:
        root: (6, 496, 768) float64, fourth root of S; it is overwritten.
        eye: gives the number of looks L, the gain and the random stream.
    """
    rng = stream(eye.seed, eye.cohort, eye.patient, eye.side, "speckle")
    detector, speckle = _noise_fields(rng)
    gain = eye.scan.gain * _column_gain(rng, 5.0, 0.10)
    signal = np.multiply(root, root, out=root)
    signal *= signal
    signal *= gain
    signal *= _gamma(speckle, eye.scan.looks)
    rows = np.arange(norms.NATIVE_ROWS)[:, None] / norms.NATIVE_ROWS
    floor = _gamma(detector, 2.5)
    floor -= 0.27
    np.maximum(floor, 0.0, out=floor)
    floor *= FLOOR * np.exp(-3.2 * rows**2) * _column_gain(rng, 0.8, 0.35)
    signal += floor
    np.sqrt(signal, out=signal)
    np.sqrt(signal, out=signal)
    signal *= 255.0
    return np.rint(np.minimum(signal, 255.0, out=signal), out=signal).astype(np.uint8)


def through_jpeg(bscans: Bytes) -> Bytes:
    """Each B-scan compressed and decompressed once."""
    out = np.empty_like(bscans)
    for i, bscan in enumerate(bscans):
        buffer = io.BytesIO()
        Image.fromarray(bscan).save(buffer, "JPEG", quality=JPEG_QUALITY)
        out[i] = np.asarray(Image.open(buffer))
    return out


def resized(bscans: Bytes) -> Bytes:
    """The whole native picture at the benchmark's size, (6, 320, 448), antialiased."""
    out = np.empty((len(bscans), DEPTH, WIDTH), np.uint8)
    for i, bscan in enumerate(bscans):
        out[i] = np.asarray(Image.fromarray(bscan).resize((WIDTH, DEPTH), Image.Resampling.BILINEAR))
    return out


def _gaussian_kernel(sigma: float) -> Floats:
    reach = int(np.ceil(2.6 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    normed: Floats = kernel / kernel.sum()
    return normed


_DETECTOR_KERNEL: Final = _gaussian_kernel(0.75)
_AXIAL_KERNEL: Final = _gaussian_kernel(1.35)
_LATERAL_KERNEL: Final = _gaussian_kernel(0.85)


def _noise_fields(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Two Gaussian fields of unit variance: one correlated along depth only, one along both axes."""
    white = rng.standard_normal((N_BSCANS, norms.NATIVE_ROWS, norms.NATIVE_COLUMNS))
    first = _DETECTOR_KERNEL / np.sqrt((_DETECTOR_KERNEL**2).sum())
    detector = ndimage.correlate1d(white, first, axis=1, mode="wrap")
    both = np.convolve(first, _AXIAL_KERNEL)
    second = _AXIAL_KERNEL / np.sqrt((both**2).sum())
    lateral = _LATERAL_KERNEL / np.sqrt((_LATERAL_KERNEL**2).sum())
    speckle = ndimage.correlate1d(detector, second, axis=1, mode="wrap")
    return detector, ndimage.correlate1d(speckle, lateral, axis=2, mode="wrap")


def _gamma(normal: Floats, looks: float) -> Floats:
    """Gamma(L)/L from a standard normal, after Wilson and Hilferty (1931); overwrites its argument."""
    normal *= 1.0 / (3.0 * np.sqrt(looks))
    normal += 1.0 - 1.0 / (9.0 * looks)
    np.maximum(normal, 0.0, out=normal)
    normal *= normal * normal
    return normal


def _column_gain(rng: np.random.Generator, sigma: float, spread: float) -> Floats:
    """Brightness of every A-scan, (6, 1, 768), geometric mean about 1."""
    field = ndimage.gaussian_filter1d(rng.standard_normal((N_BSCANS, norms.NATIVE_COLUMNS)), sigma, axis=1)
    gain: Floats = np.exp(spread * field / field.std())[:, None, :]
    return gain
