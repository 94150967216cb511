"""Fifteen known faults of a volume or of a set of volumes, in graded doses: what `bench audit` does to the truth.

A fault of one volume is a pure function (volume, dose, rng) -> volume; a fault of a set deals volumes out anew
(`benchmark.dealt_volumes`) or blends them with the set's mean. Dose 0 is the truth itself, bit for bit. The random
numbers of a case depend on seed, fault and case and not on the dose, so that doses of one fault differ in strength
alone. Called by `benchmark.audit_source`; no metric is here.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fundus2oct.benchmark.oracles import blurred
from fundus2oct.benchmark.volume import Volume
from fundus2oct.metrics.scan_geometry import ANGLES_DEG, AXIAL_UM, N_BSCANS, column_positions_um

MID_GREY = 128
REPEATED_BSCAN = 3
"""The horizontal one, which clinics look at first."""

Fault = Callable[[Volume, float, np.random.Generator], Volume]
Kind = Literal["volume", "patient-shuffle", "mirror", "fewer-patients", "mean"]


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """One fault in graded doses.

    Attributes:
        name: short key in files and on the command line.
        title: name in words.
        description: one sentence: what is done to the truth.
        unit: what a dose counts.
        doses: from mild to strong, without the 0 of the truth.
        version: rises whenever a degraded volume may change.
        kind: ``volume`` for a fault of single volumes, else what is done to the set.
        fault: of a single volume; None for a fault of the set.
    """

    name: str
    title: str
    description: str
    unit: str
    doses: tuple[float, ...]
    version: int = 1
    kind: Kind = "volume"
    fault: Fault | None = None


def degraded(degradation: Degradation, volume: Volume, dose: float, *, seed: int, case_id: str) -> Volume:
    """One volume after a fault of single volumes.

    Args:
        degradation: of kind ``volume``.
        volume: (6, 320, 448) uint8; it is not changed.
        dose: in the fault's unit; 0 gives the volume itself.
        seed: of the whole audit.
        case_id: makes the random numbers the case's own.

    Raises:
        ValueError: for a fault of the set.
    """
    if degradation.fault is None:
        raise ValueError(f"degradation: expected a fault of single volumes, found {degradation.name}")
    return volume if dose == 0 else degradation.fault(volume, dose, random_numbers(seed, degradation.name, case_id))


def random_numbers(*words: Any) -> np.random.Generator:
    """A generator that depends on ``words`` alone, on every machine."""
    digest = hashlib.sha256("\n".join(map(str, words)).encode("utf-8")).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def blend(volume: Volume, other: NDArray[Any] | float, share: float) -> Volume:
    """``(1 - share) volume + share other``, rounded."""
    return _grey((1 - share) * volume.astype(np.float64) + share * np.asarray(other, np.float64))


def blur(volume: Volume, dose: float, rng: np.random.Generator) -> Volume:
    """Each B-scan after a Gaussian of ``dose`` pixels."""
    return blurred(volume, dose)


def noise(volume: Volume, dose: float, rng: np.random.Generator) -> Volume:
    """Independent Gaussian noise of ``dose`` grey levels, the same field at every dose, clipped to 0..255."""
    return _grey(volume + dose * rng.standard_normal(volume.shape))


def axial_shift(volume: Volume, dose: float, rng: np.random.Generator) -> Volume:
    """Everything ``dose`` micrometres deeper, by whole rows; the first row is repeated."""
    return _moved_down(volume, np.full(volume.shape[::2], round(dose / AXIAL_UM)))


def tilt(volume: Volume, dose: float, rng: np.random.Generator) -> Volume:
    """The eye tilted by ``dose`` degrees about the vertical axis: the right is deeper, by whole rows a column."""
    to_the_right = np.cos(np.deg2rad(ANGLES_DEG))[:, None] * column_positions_um(volume.shape[2])
    rows = np.rint(np.tan(np.deg2rad(dose)) * to_the_right / AXIAL_UM).astype(np.intp)
    return _moved_down(volume, rows)


def gamma(volume: Volume, dose: float, rng: np.random.Generator) -> Volume:
    """Grey levels to the power of ``1 + dose`` on the scale 0..1: darker, black and white stay."""
    return _grey(255 * (volume / 255.0) ** (1 + dose))


def contrast(volume: Volume, dose: float, rng: np.random.Generator) -> Volume:
    """Grey levels drawn towards the volume's mean by the share ``dose``."""
    return blend(volume, float(volume.mean()), dose)


def jpeg(volume: Volume, dose: float, rng: np.random.Generator) -> Volume:
    """Each B-scan coded and decoded as greyscale JPEG of quality ``100 - dose``."""
    return np.stack([_recoded(bscan, quality=round(100 - dose)) for bscan in volume])


def crop(volume: Volume, dose: float, rng: np.random.Generator) -> Volume:
    """The share ``dose`` of depth and width cut off, half of it on either side, and the rest resized bilinearly."""
    return np.stack([_cropped(bscan, dose) for bscan in volume])


def bscan_shuffle(volume: Volume, dose: float, rng: np.random.Generator) -> Volume:
    """``dose`` of the six B-scans change places in a circle, so that each of them is where another was."""
    chosen = rng.permutation(N_BSCANS)[: round(dose)]
    shuffled = volume.copy()
    shuffled[chosen] = volume[np.roll(chosen, 1)]
    return shuffled


def constant(volume: Volume, dose: float, rng: np.random.Generator) -> Volume:
    """Blended with plain mid-grey, whose share is ``dose``."""
    return blend(volume, MID_GREY, dose)


def repeated_slice(volume: Volume, dose: float, rng: np.random.Generator) -> Volume:
    """``dose`` of the other five B-scans are copies of the horizontal one."""
    others = np.delete(np.arange(N_BSCANS), REPEATED_BSCAN)
    repeated = volume.copy()
    repeated[rng.permutation(others)[: round(dose)]] = volume[REPEATED_BSCAN]
    return repeated


def _grey(values: NDArray[np.float64]) -> Volume:
    return np.rint(values).clip(0, 255).astype(np.uint8)


def _moved_down(volume: Volume, rows: NDArray[np.intp]) -> Volume:
    """Each column moved down by its own number of rows, (6, width); what leaves is lost, edges are repeated."""
    source = np.arange(volume.shape[1])[None, :, None] - rows[:, None, :]
    return np.take_along_axis(volume, np.clip(source, 0, volume.shape[1] - 1), axis=1)


def _recoded(bscan: NDArray[np.uint8], *, quality: int) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(bscan).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as picture:
        return np.asarray(picture)


def _cropped(bscan: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    height, width = bscan.shape
    x, y = share / 2 * width, share / 2 * height
    box = (x, y, width - x, height - y)
    return np.asarray(Image.fromarray(bscan).resize((width, height), Image.Resampling.BILINEAR, box=box))


DEGRADATIONS: tuple[Degradation, ...] = (
    Degradation(
        name="blur",
        title="Blur",
        description="A Gaussian blur of every B-scan.",
        unit="px, standard deviation",
        doses=(1, 2, 4),
        fault=blur,
    ),
    Degradation(
        name="noise",
        title="Noise",
        description="Independent Gaussian noise in every pixel.",
        unit="grey levels, standard deviation",
        doses=(8, 16, 32),
        fault=noise,
    ),
    Degradation(
        name="axial-shift",
        title="Axial shift",
        description="The whole volume lies deeper in the picture.",
        unit="µm",
        doses=(24, 48, 96),
        fault=axial_shift,
    ),
    Degradation(
        name="tilt",
        title="Tilt",
        description="The whole eye is tilted, its right side deeper.",
        unit="degrees",
        doses=(0.75, 1.5, 3),
        fault=tilt,
    ),
    Degradation(
        name="gamma",
        title="Gamma",
        description="Grey levels to a power above one: darker.",
        unit="exponent minus 1",
        doses=(0.1, 0.25, 0.5),
        fault=gamma,
    ),
    Degradation(
        name="contrast",
        title="Contrast",
        description="Grey levels drawn towards their mean.",
        unit="share of the contrast lost",
        doses=(0.1, 0.25, 0.5),
        fault=contrast,
    ),
    Degradation(
        name="jpeg",
        title="JPEG",
        description="Every B-scan coded as JPEG and decoded.",
        unit="100 minus the quality",
        doses=(10, 50, 90),
        fault=jpeg,
    ),
    Degradation(
        name="crop",
        title="Crop and resize",
        description="A border cut off every B-scan, the rest enlarged to the full size.",
        unit="share of each side cut off",
        doses=(0.025, 0.05, 0.1),
        fault=crop,
    ),
    Degradation(
        name="bscan-shuffle",
        title="B-scan shuffle",
        description="B-scans of a volume in the wrong places.",
        unit="B-scans of six",
        doses=(2, 4, 6),
        fault=bscan_shuffle,
    ),
    Degradation(
        name="flip",
        title="Left-right flip",
        description="Whole volumes mirrored as if of the other eye.",
        unit="share of the patients",
        doses=(0.25, 0.5, 1),
        kind="mirror",
    ),
    Degradation(
        name="patient-shuffle",
        title="Patient shuffle",
        description="True volumes dealt to other patients, eye side kept: the set stays the same.",
        unit="share of the patients",
        doses=(0.25, 0.5, 1),
        kind="patient-shuffle",
    ),
    Degradation(
        name="mean-volume",
        title="Mean volume",
        description="Blended with the mean of the set, left eyes mirrored.",
        unit="share of the mean",
        doses=(0.25, 0.5, 1),
        kind="mean",
    ),
    Degradation(
        name="constant",
        title="Constant",
        description="Blended with plain mid-grey.",
        unit="share of grey",
        doses=(0.5, 0.9, 1),
        fault=constant,
    ),
    Degradation(
        name="repeated-slice",
        title="One slice repeated",
        description="B-scans replaced by the horizontal one.",
        unit="B-scans replaced of five",
        doses=(1, 3, 5),
        fault=repeated_slice,
    ),
    Degradation(
        name="spread-shrunk",
        title="Spread shrunk",
        description="Patients dealt the true volumes of a few of them: every volume real, the variety gone.",
        unit="share of the patients",
        doses=(0.5, 0.75, 0.9),
        kind="fewer-patients",
    ),
)
"""Every fault, in the order in which tables show them."""


def degradation(name: str) -> Degradation:
    """The fault called ``name``; KeyError when there is none."""
    return {found.name: found for found in DEGRADATIONS}[name]
